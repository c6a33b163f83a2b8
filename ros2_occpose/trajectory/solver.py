"""Gauss-Newton over the roots of several people in a window of frames."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..types import Floats
from .banded import Banded
from .continuity import Chain
from .residuals import NEAR, USUAL_M, Quadratic, Views, distance_prior, reprojection

LEAD = 2                    # empty frames before the first: every frame has two before it
_START_STEPS = 6
_WEAK = 1e-4                # of the usual distance beside a ray, in the linear start
_LARGEST_APPROACH = 0.5     # part of the nearest seen joint's depth that one step may take away


@dataclass(frozen=True)
class CameraPoses:
    """Where the camera was: world_from_camera as rotation (T, 3, 3) and position (T, 3)."""

    rotation: Floats
    position: Floats

    def camera(self, roots: Floats) -> Floats:
        """Roots (N, T, 3) of the world in the camera."""
        return ((roots - self.position)[..., None, :] @ self.rotation)[..., 0, :]

    def world(self, roots_camera: Floats) -> Floats:
        """Roots (N, T, 3) of the camera in the world."""
        return (self.rotation @ roots_camera[..., None])[..., 0] + self.position

    def turn(self, term: Quadratic) -> Quadratic:
        """A cost of roots in the camera as one of roots in the world."""
        return Quadratic(
            self.rotation @ term.information @ np.swapaxes(self.rotation, -1, -2),
            (self.rotation @ term.gradient[..., None])[..., 0], term.nearest, term.fit)


@dataclass(frozen=True)
class Problem:
    """All that is known about N people in T frames.

    Gaussians are in information form: information (inverse covariance) and eta = information x.
    """

    views: Views
    cameras: CameraPoses
    chain: Chain
    prior_information: Floats    # (N, T, 3, 3) about single frames; 1 where a person is not yet
    prior_eta: Floats            # (N, T, 3)
    head_information: Floats     # (N, 6, 6) about frames 0 and 1, of what was seen before them
    head_eta: Floats             # (N, 6)
    pixel_std: float             # [px at 500 px focal length]

    def measured(self, roots: Floats) -> Quadratic:
        """Cost of the reprojection around world roots (N, T, 3), in world axes."""
        return self.cameras.turn(
            reprojection(self.cameras.camera(roots), self.views, self.pixel_std))

    def step(self, roots: Floats, term: Quadratic) -> tuple[Floats, Banded]:
        """One step from world roots (N, T, 3), given `measured(roots)`.

        Returns where it leads and the information it stands on. No step brings a joint that was
        seen behind the camera.
        """
        same, following, second = self.chain.bands()
        blocks = term.information + self.prior_information
        np.einsum('ntii->nti', blocks)[...] += same
        banded = Banded(blocks, following, second, self.head_information)

        gradient = term.gradient - self.prior_eta + same * roots
        gradient += (self.prior_information @ roots[..., None])[..., 0]
        gradient[:, :-1] += following[:, :-1] * roots[:, 1:]
        gradient[:, 1:] += following[:, :-1] * roots[:, :-1]
        gradient[:, :-2] += second[:, :-2] * roots[:, 2:]
        gradient[:, 2:] += second[:, :-2] * roots[:, :-2]
        head = roots[:, :2].reshape(-1, 6, 1)
        pull = (self.head_information @ head)[..., 0] - self.head_eta
        gradient[:, :2] += pull.reshape(-1, 2, 3)

        move = -banded.solve(gradient)
        approach = -(move * self.cameras.rotation[..., 2]).sum(-1)               # (N, T) [m]
        return roots + move * _bounded(approach, term.nearest)[:, None, None], banded

    def without_oldest(self, roots: Floats, term: Quadratic,
                       there: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Information (N, 6, 6) and eta (N, 6) about frames 1 and 2, with frame 0 integrated out.

        Roots and term are as for `step`. People who are not `there` (N,) in frame 0 keep what they
        have: nothing.
        """
        known = np.zeros((len(roots), 9, 9))
        eta = np.zeros((len(roots), 9))
        known[:, :6, :6], eta[:, :6] = self.head_information, self.head_eta
        known[:, :3, :3] += self.prior_information[:, 0] + term.information[:, 0]
        eta[:, :3] += self.prior_eta[:, 0] - term.gradient[:, 0]
        eta[:, :3] += (term.information[:, 0] @ roots[:, 0, :, None])[..., 0]
        blocks = known.reshape(-1, 3, 3, 3, 3)               # (N, frame, axis, frame, axis)
        same_axis = np.einsum('niaja->nija', blocks)
        same_axis += self.chain.oldest() * there[:, None, None, None]
        gain = np.swapaxes(np.linalg.solve(known[:, :3, :3], known[:, :3, 3:]), 1, 2)  # (N, 6, 3)
        left = known[:, 3:, 3:] - gain @ known[:, :3, 3:]
        # Rounding must not make it lopsided: over many frames that would grow.
        return ((left + np.swapaxes(left, 1, 2)) / 2,
                eta[:, 3:] - (gain @ eta[:, :3, None])[..., 0])


def _bounded(approach: Floats, nearest: Floats) -> Floats:
    """How much of a step each person may take, (N,), when frames come nearer by (N, T) metres."""
    allowed = np.maximum(_LARGEST_APPROACH * nearest, 1e-3)
    return 1.0 / np.maximum((approach / allowed).max(1), 1.0)


def locate(views: Views, pixel_std: float) -> tuple[Floats, Quadratic]:
    """Roots of people in one frame, by itself: views of T = 1 -> (N, 1, 3) in the camera.

    Starts from the linear solution (DLT). Also returns the prior of the distance at the solution.
    """
    roots = _linear(views)
    for _ in range(_START_STEPS):
        term, prior = reprojection(roots, views, pixel_std), distance_prior(roots, views)
        gradient = term.gradient + prior.gradient
        move = -np.linalg.solve(term.information + prior.information, gradient[..., None])[..., 0]
        nearest = np.minimum(term.nearest, roots[..., 2])
        roots = roots + move * _bounded(-move[..., 2], nearest)[:, None, None]
    return roots, distance_prior(roots, views)


def _linear(views: Views) -> Floats:
    """Roots that put joints on their rays in the algebraic sense, (N, 1, 3).

    Each ray asks C_x - u C_z = u J_z - J_x, alike in y; a weak term asks for the usual distance.
    """
    x, y, z = views.joints
    u, v = views.rays
    total = views.weight.sum(-1, keepdims=True)
    seen = np.where(total > 0, views.weight, 1.0)
    seen = seen / seen.sum(-1, keepdims=True)                                # (N, 1, J)
    normal = np.zeros((*seen.shape[:2], 3, 3))
    normal[..., 0, 0] = normal[..., 1, 1] = 1.0
    normal[..., 0, 2] = normal[..., 2, 0] = -(seen * u).sum(-1)
    normal[..., 1, 2] = normal[..., 2, 1] = -(seen * v).sum(-1)
    normal[..., 2, 2] = (seen * (u * u + v * v)).sum(-1) + _WEAK
    off_x, off_y = u * z - x, v * z - y
    right = np.stack([(seen * off_x).sum(-1), (seen * off_y).sum(-1),
                      _WEAK * USUAL_M - (seen * (u * off_x + v * off_y)).sum(-1)], -1)
    roots = np.linalg.solve(normal, right[..., None])[..., 0]
    depth = np.where(views.weight > 0, z + roots[..., 2:], np.inf).min(-1)
    roots[..., 2] += np.maximum(5 * NEAR - np.minimum(depth, roots[..., 2]), 0.0)
    return roots
