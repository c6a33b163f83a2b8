"""A causal network as a stage of the pipeline: people come and go, frames come at any rate."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..config import LiftingConfig
from ..skeleton import COCO17, H36M17, convert
from ..types import Bools, Floats, Frame, Ints, PoseBodies, Poses, Tracks
from .metadata import FPS
from .normalise import BodyState, normalise
from .stepper import Lifted, Stepper

MOST_STEPS = 6  # steps of the network for one frame; longer gaps count as this long (0.2 s)


class StreamingLifter:
    """Lifts all tracks of a frame in one batch; later frames never change an earlier answer.

    The network runs at 30 Hz. Slower frames are filled up with straight lines between them; a
    frame that comes too early for a step is answered, but not remembered.
    """

    def __init__(self, config: LiftingConfig, network: Stepper) -> None:
        self._config, self._network = config, network
        self.backend = network.backend
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._ids: list[int] = []
        self._network.choose([])
        self._state = BodyState.fresh(0)
        self._rays: Floats = np.zeros((0, len(COCO17.joints), 2))
        self._seen: Bools = np.zeros((0, len(COCO17.joints)), bool)
        self._clock_ns: int | None = None
        self._world_from_camera: Floats | None = None

    def adjust(self, config: LiftingConfig) -> None:
        """Take over the live fields of a configuration."""
        self._config = config

    def update(self, tracks: Tracks, frame: Frame) -> Poses:
        """The 3D skeletons of all tracks."""
        visibility = np.nan_to_num(tracks.visibility)                              # (N, 17)
        finite = np.asarray(np.isfinite(tracks.keypoints_px).all(-1))
        # (N, 17, 2)
        rays = frame.camera.rays(np.where(finite[..., None], tracks.keypoints_px, 0.0))
        finite &= np.isfinite(rays).all(-1)
        rays = np.where(finite[..., None], rays, 0.0)
        visibility = np.where(finite, visibility, 0.0)
        seen = finite & (visibility >= self._config.min_visibility)
        lifted = self.lift(tracks.ids, rays, seen, frame.stamp_ns, frame.world_from_camera)
        out_rays, out_visibility = convert(rays, visibility, COCO17, H36M17)
        return Poses(
            tracks=tracks, joints_root=lifted.joints, std=lifted.std, rays=out_rays,
            visibility=out_visibility, bodies=self._bodies(lifted)
        )

    def lift(self, ids: Ints | Sequence[int], rays: Floats, seen: Bools, stamp_ns: int,
             world_from_camera: Floats | None = None) -> Lifted:
        """People in a frame, in camera axes.

        Args:
            ids: (N,) people; one who is missing here is forgotten.
            rays: coco17 in the undistorted image, (N, 17, 2).
            seen: (N, 17).
        """
        self._choose([int(i) for i in ids])
        if not self._ids:
            self._clock_ns, self._world_from_camera = stamp_ns, world_from_camera
            return Lifted(np.zeros((0, len(H36M17.joints), 3)), np.zeros((0, len(H36M17.joints))))
        steps, remember = self._steps(stamp_ns)
        turn = self._turn_since(world_from_camera)
        state = self._state
        before = _turned(self._rays, turn)
        for step in range(1, steps + 1):
            share = step / steps
            between = seen if step == steps else seen & self._seen
            place = before * (1 - share) + rays * share
            state, features, view = normalise(state, place, between, turn)
            lifted = self._network.step(
                features.astype(np.float32), remember=remember)
            turn = None
        if remember:
            self._state, self._rays, self._seen = state, rays, seen
            self._world_from_camera = world_from_camera
        return in_camera(lifted, view)

    def _bodies(self, lifted: Lifted) -> PoseBodies | None:
        if lifted.rotations is None or lifted.betas is None:
            return None
        return PoseBodies(model=self._network.meta.body, betas=lifted.betas,
                          rotations=lifted.rotations)

    def _choose(self, ids: list[int]) -> None:
        if ids == self._ids:
            return
        known = {person: row for row, person in enumerate(self._ids)}
        rows = [known.get(person, -1) for person in ids]
        kept = np.array([row for row in rows if row >= 0], int)
        order = np.argsort(np.argsort([row < 0 for row in rows], kind='stable'), kind='stable')
        new = len(ids) - len(kept)
        j = len(COCO17.joints)
        self._state = BodyState.join([self._state.take(kept), BodyState.fresh(new)]).take(order)
        self._rays = np.concatenate([self._rays[kept], np.zeros((new, j, 2))])[order]
        self._seen = np.concatenate([self._seen[kept], np.zeros((new, j), bool)])[order]
        self._network.choose(rows)
        self._ids = ids

    def _steps(self, stamp_ns: int) -> tuple[int, bool]:
        """How many steps of 1/30 s have passed, and whether they are to be remembered."""
        if self._clock_ns is None:
            self._clock_ns = stamp_ns
            return 1, True
        steps = int((stamp_ns - self._clock_ns) * FPS / 1e9 + 0.25)     # half a step is not one
        if steps < 1:
            return 1, False
        self._clock_ns += round(steps * 1e9 / FPS)
        if steps > MOST_STEPS:
            steps, self._clock_ns = MOST_STEPS, stamp_ns
        return steps, True

    def _turn_since(self, world_from_camera: Floats | None) -> Floats | None:
        """Rotation of the camera since the last remembered frame, (3, 3); None: unknown."""
        if world_from_camera is None or self._world_from_camera is None:
            return None
        return np.asarray(world_from_camera[:3, :3].T @ self._world_from_camera[:3, :3])


def in_camera(lifted: Lifted, camera_from_view: Floats) -> Lifted:
    """The same people (..., in view axes) in camera axes, as float64.

    Args:
        lifted: (..., J, 3) and more, in view axes.
        camera_from_view: (..., 3, 3).
    """
    rotations = lifted.rotations
    if rotations is not None:
        rotations = rotations.astype(float)
        rotations[..., 0, :, :] = camera_from_view @ rotations[..., 0, :, :]
    return Lifted(lifted.joints.astype(float) @ np.swapaxes(camera_from_view, -1, -2),
                  lifted.std.astype(float), rotations,
                  None if lifted.betas is None else lifted.betas.astype(float))


def _turned(rays: Floats, turn: Floats | None) -> Floats:
    """Rays of the last frame as the camera would see them now, (N, J, 2)."""
    if turn is None:
        return rays
    points = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], -1) @ turn.T
    return np.asarray(points[..., :2] / np.maximum(points[..., 2:], 0.05))
