"""The sliding window: the last frames of everybody, and what older frames taught about them."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..config import TrajectoryConfig
from ..types import Floats, Ints
from .continuity import Chain, Motion
from .residuals import NEAR, TELLING, Quadratic, Views, freshness
from .solver import LEAD, CameraPoses, Problem, locate

_FIT = 0.5          # part of the joints that must lie where expected
_IMPOSSIBLE = 36.0  # squared deviations from where a person can be: 6 standard deviations
_PATIENCE = 3       # frames in a row that must say so before the person is taken to have jumped
_BY_PERSON = ('ids', '_first', '_seen_s', '_strikes', '_last_two', 'roots', '_prior', '_prior_eta',
              '_head', '_head_eta')


@dataclass(frozen=True)
class Newest:
    """The people of a window in its last frame."""

    root: Floats                    # (N, 3) [m]
    root_covariance: Floats         # (N, 3, 3)
    velocity: Floats                # (N, 3) [m/s]
    velocity_covariance: Floats     # (N, 3, 3)


class Window:
    """Roots of N people in the last T frames, in the frame in which they move.

    When the window is full its oldest frame is integrated out: it leaves behind a Gaussian about
    the two frames after it, so that nothing learnt is thrown away (an information filter).
    """

    def __init__(self, config: TrajectoryConfig, *, upright: bool) -> None:
        self._upright = upright                                 # z is vertical
        self.adjust(config)
        self.ids: Ints = np.zeros(0, np.int64)                  # (N,)
        self.times_s: Floats = -np.arange(LEAD, 0.0, -1.0)      # (T,); the first frame is at 0
        self.roots: Floats = np.zeros((0, LEAD, 3))             # (N, T, 3) [m]
        self._cameras = CameraPoses(np.stack([np.eye(3)] * LEAD), np.zeros((LEAD, 3)))
        self._first: Ints = np.zeros(0, np.int64)               # (N,) frame of birth, or < 0
        self._seen_s: Floats = np.zeros(0)                      # (N,) time of the last look
        self._strikes: Ints = np.zeros(0, np.int64)             # (N,) impossible frames in a row
        self._last_two: Floats = np.zeros((0, 6, 6))            # covariance of the last two roots
        self._views = Views(np.zeros((7, 0, LEAD, len(TELLING))))
        self._prior: Floats = np.zeros((0, LEAD, 3, 3))         # these four: see Problem
        self._prior_eta: Floats = np.zeros((0, LEAD, 3))
        self._head: Floats = np.zeros((0, 6, 6))
        self._head_eta: Floats = np.zeros((0, 6))

    def adjust(self, config: TrajectoryConfig) -> None:
        """Take over the live fields of a configuration."""
        self._config = config
        self._motion = Motion(config, upright=self._upright)

    def update(self, time_s: float, ids: Ints, world_from_camera: Floats, views: Views) -> Newest:
        """Everybody of `ids` in a new frame, views of T = 1. Who is not in `ids` is forgotten.

        One step of Gauss-Newton; a frame is solved again in each update while in the window.
        """
        self._follow(ids)
        fresh = freshness(time_s - self._seen_s, self._config.noise_memory_s)
        views.weight[...] *= fresh[:, None, None]
        self._seen_s = np.where(views.weight.any((1, 2)), time_s, self._seen_s)
        self._extend(time_s, world_from_camera, views)
        problem = self._problem()
        term = problem.measured(self.roots)
        astray = (term.nearest[:, -1] < 3 * NEAR) | (term.fit[:, -1] < _FIT)
        astray &= self._first < len(self.times_s) - 1        # who is new was located just now
        self._strikes[~astray] = 0
        if astray.any():
            self._recover(np.flatnonzero(astray), problem, views)
            problem = self._problem()
            term = problem.measured(self.roots)
        roots = self.roots
        self.roots, information = problem.step(roots, term)
        self._last_two = information.newest_covariance()
        newest = self._newest()
        if len(self.times_s) > self._config.window:
            self._head, self._head_eta = problem.without_oldest(roots, term, self._first <= 0)
            self._forget_oldest()
        return newest

    def _follow(self, ids: Ints) -> None:
        """Reorder the rows to `ids`: forget others, make room for new people."""
        if np.array_equal(ids, self.ids):
            return
        n, t = len(self.ids), len(self.times_s)
        row_of = {person: row for row, person in enumerate(self.ids.tolist())}
        rows = np.array([row_of.get(person, n) for person in ids.tolist()], np.intp)
        newcomer = {
            'ids': np.zeros(1, np.int64), '_first': np.full(1, t),
            '_seen_s': np.full(1, -np.inf), '_strikes': np.zeros(1, np.int64),
            '_last_two': np.zeros((1, 6, 6)), 'roots': np.zeros((1, t, 3)),
            '_prior': np.broadcast_to(np.eye(3), (1, t, 3, 3)), '_prior_eta': np.zeros((1, t, 3)),
            '_head': np.zeros((1, 6, 6)), '_head_eta': np.zeros((1, 6))}
        for name in _BY_PERSON:
            setattr(self, name, np.concatenate([getattr(self, name), newcomer[name]])[rows])
        unseen = np.zeros((7, 1, t, len(TELLING)))
        self._views = Views(np.concatenate([self._views.packed, unseen], 1)[:, rows])
        self.ids = ids.copy()

    def _extend(self, time_s: float, world_from_camera: Floats, views: Views) -> None:
        """Append a frame; the first guess continues everybody's motion."""
        n, here = len(self.ids), world_from_camera[None]
        self.times_s = np.append(self.times_s, time_s)
        self._cameras = CameraPoses(np.concatenate([self._cameras.rotation, here[:, :3, :3]]),
                                    np.concatenate([self._cameras.position, here[:, :3, 3]]))
        self._views = Views(np.concatenate([self._views.packed, views.packed], 2))
        self._prior = np.concatenate([self._prior, np.zeros((n, 1, 3, 3))], 1)
        self._prior_eta = np.concatenate([self._prior_eta, np.zeros((n, 1, 3))], 1)
        self._chain = Chain.of(self._motion, self.times_s, self._first)
        self.roots = np.concatenate([self.roots, self._chain.expected(self.roots)], 1)
        new = np.flatnonzero(self._first == len(self.times_s) - 1)
        if len(new):
            self._begin(new, self._locate(new, views))

    def _problem(self) -> Problem:
        """All that is known now."""
        return Problem(self._views, self._cameras, self._chain, self._prior, self._prior_eta,
                       self._head, self._head_eta, self._config.pixel_std)

    def _locate(self, rows: Ints, views: Views) -> Quadratic:
        """Place people in the newest frame by that frame alone; returns the prior of distance."""
        here = CameraPoses(self._cameras.rotation[-1:], self._cameras.position[-1:])
        roots, prior = locate(Views(views.packed[:, rows]), self._config.pixel_std)
        self.roots[rows, -1:] = here.world(roots)
        return here.turn(prior)

    def _begin(self, rows: Ints, prior: Quadratic) -> None:
        """Let what is known of people start with their distance in the newest frame."""
        known, at = prior.information[:, 0], self.roots[rows, -1, :, None]
        self._prior[rows, -1] = known
        self._prior_eta[rows, -1] = (known @ at)[..., 0] - prior.gradient[:, 0]

    def _recover(self, rows: Ints, problem: Problem, views: Views) -> None:
        """Look again for people who are not where they were expected.

        The solver starts from the mean of both, as sure as they are. A frame that shows them where
        nobody could have got to is put aside; after some such frames they begin anew: the camera
        pose jumped, or another person got the id.
        """
        expected = self.roots[rows, -1].copy()
        spread = problem.chain.expected_covariance(self._last_two)[rows]
        prior = self._locate(rows, views)
        here = problem.measured(self.roots).information[rows, -1] + prior.information[:, 0]
        off = (self.roots[rows, -1] - expected)[..., None]
        pull = np.linalg.solve(spread + np.linalg.inv(here), off)
        impossible = (np.swapaxes(off, 1, 2) @ pull)[:, 0, 0] > _IMPOSSIBLE
        strikes = np.where(impossible, self._strikes[rows] + 1, 0)
        jumped = strikes >= _PATIENCE
        between = expected + np.where(impossible[:, None], 0.0, (spread @ pull)[..., 0])
        self.roots[rows[~jumped], -1] = between[~jumped]
        self._views.weight[rows[impossible & ~jumped], -1] = 0
        self._forget_past(rows[jumped])
        self._begin(rows[jumped], replace(prior, information=prior.information[jumped],
                                          gradient=prior.gradient[jumped]))
        self._strikes[rows] = np.where(jumped, 0, strikes)

    def _forget_past(self, rows: Ints) -> None:
        """Make people new in the newest frame."""
        self._first[rows] = len(self.times_s) - 1
        self.roots[rows, :-1] = 0
        self._views.packed[:, rows, :-1] = 0
        self._prior[rows, :-1] = np.eye(3)
        for array in (self._prior_eta, self._head, self._head_eta):
            array[rows] = 0
        self._chain = Chain.of(self._motion, self.times_s, self._first)

    def _newest(self) -> Newest:
        """Position and velocity in the newest frame.

        People of unknown size: the distance from the camera, and how it changes, may be off by a
        common factor.
        """
        step = self.times_s[-1] - self.times_s[-2]
        eye = self._cameras.position
        before, after = self._last_two[:, :3, :3], self._last_two[:, 3:, 3:]
        across = self._last_two[:, :3, 3:]
        velocity = (self.roots[:, -1] - self.roots[:, -2]) / step
        spread = (before + after - across - np.swapaxes(across, 1, 2)) / step ** 2
        new = self._first == len(self.times_s) - 1
        velocity[new] = 0.0
        spread[new] = np.diag(self._motion.speed_variance)
        root = self.roots[:, -1].copy()
        eye_velocity = (eye[-1] - eye[-2]) / step * ~new[:, None]
        return Newest(root, after + self._scaled(root - eye[-1]),
                      velocity, spread + self._scaled(velocity - eye_velocity))

    def _scaled(self, vectors: Floats) -> Floats:
        """Covariance of vectors (N, 3) whose length is uncertain as body sizes are."""
        return self._config.scale_std ** 2 * vectors[:, :, None] * vectors[:, None]

    def _forget_oldest(self) -> None:
        """Drop frame 0, whose knowledge now lies in the head."""
        self._first = self._first - 1
        self.times_s = self.times_s[1:]
        self._cameras = CameraPoses(self._cameras.rotation[1:], self._cameras.position[1:])
        self.roots = self.roots[:, 1:]
        self._views = Views(self._views.packed[:, :, 1:])
        self._prior, self._prior_eta = self._prior[:, 1:], self._prior_eta[:, 1:]
