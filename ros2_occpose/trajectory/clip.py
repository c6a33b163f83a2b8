"""Placing one person in a whole clip: every frame knows the past and the future."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import TrajectoryConfig
from ..errors import InputError
from ..skeleton import H36M17
from ..types import Floats, require_shape
from .continuity import Chain, Motion
from .residuals import TELLING, Views, freshness, views_of
from .solver import LEAD, CameraPoses, Problem, locate

_MOST_STEPS = 30
_DONE_M = 1e-6         # no root moves further


@dataclass(frozen=True)
class ClipTrajectory:
    """Roots of one person in T frames, in the world (without camera poses: in the camera)."""

    root: Floats                # (T, 3) [m]
    root_covariance: Floats     # (T, 3, 3) [m^2], body size included


def solve_clip(joints_root: Floats, rays: Floats, visibility: Floats, std: Floats,
               times_s: Floats, world_from_camera: Floats | None = None,
               config: TrajectoryConfig | None = None) -> ClipTrajectory:
    """Where one person was in a clip: eq. 9 of the gated convolution paper, all frames at once.

    Args:
        joints_root: h36m17 joints relative to the root in camera axes, (T, 17, 3) [m].
        rays: x/z, y/z of the joints in the undistorted image, (T, 17, 2), finite.
        visibility: How well the rays were seen, (T, 17), 0: not at all.
        std: Of the joints relative to the root, (T, 17) [m].
        times_s: Of the frames, (T,), growing.
        world_from_camera: (T, 4, 4); None: unknown, the answer is in the camera frame.
        config: Weights; the defaults if not given.

    Raises:
        ShapeError: Arrays do not fit together.
        InputError: No frame at all, or times that do not grow.
    """
    config = config or TrajectoryConfig()
    t = len(times_s)
    _check(joints_root, rays, visibility, std, times_s, world_from_camera)
    poses = np.eye(4) if world_from_camera is None else world_from_camera
    poses = np.concatenate([np.broadcast_to(np.eye(4), (LEAD, 4, 4)),
                            np.broadcast_to(poses, (t, 4, 4))])
    views = views_of(joints_root[None], rays[None], visibility[None], std[None],
                     config.min_visibility)
    times_s = np.concatenate([times_s[0] - np.arange(LEAD, 0.0, -1.0), times_s])
    seen = views.weight[0].any(-1)
    elapsed_s = np.diff(times_s[LEAD:][seen], prepend=-np.inf)
    views.weight[0, seen] *= freshness(elapsed_s, config.noise_memory_s)[:, None]
    problem, roots = _start(views, CameraPoses(poses[:, :3, :3], poses[:, :3, 3]), times_s, config,
                            upright=world_from_camera is not None)
    for _ in range(_MOST_STEPS):
        last = roots
        roots, information = problem.step(last, problem.measured(last))
        if np.abs(roots - last).max() < _DONE_M:
            break
    covariance = np.stack([two[:3, :3] for two in information.covariances()])[::-1]
    offset = (roots[0] - poses[:, :3, 3])[..., None]
    covariance = covariance + config.scale_std ** 2 * offset * np.swapaxes(offset, 1, 2)
    return ClipTrajectory(roots[0, LEAD:], covariance[LEAD:])


def _check(joints_root: Floats, rays: Floats, visibility: Floats, std: Floats, times_s: Floats,
           world_from_camera: Floats | None) -> None:
    t, j = len(times_s), len(H36M17.joints)
    require_shape('joints_root', joints_root, t, j, 3)
    require_shape('rays', rays, t, j, 2)
    require_shape('visibility', visibility, t, j)
    require_shape('std', std, t, j)
    if world_from_camera is not None:
        require_shape('world_from_camera', world_from_camera, t, 4, 4)
    if t == 0 or not (np.diff(times_s) > 0).all():
        raise InputError(f'Expected at least one frame and growing times, got {t} frames; '
                         'check the stamps of the clip.')


def _start(views: Views, cameras: CameraPoses, times_s: Floats, config: TrajectoryConfig, *,
           upright: bool) -> tuple[Problem, Floats]:
    """The problem of a clip behind LEAD empty frames, and a first guess (1, LEAD + T, 3).

    Each frame in which something was seen is solved by itself; the others lie between them.
    """
    frames = np.flatnonzero(views.weight[0].any(-1))
    if not len(frames):
        frames = np.zeros(1, np.intp)
    alone = Views(np.swapaxes(views.packed[:, :, frames], 1, 2))             # a frame as a person
    roots_camera, prior = locate(alone, config.pixel_std)
    frames = frames + LEAD
    here = CameraPoses(cameras.rotation[frames, None], cameras.position[frames, None])
    known = here.world(roots_camera)[:, 0]                                   # (frames, 3)
    roots = np.stack([np.interp(times_s, times_s[frames], axis) for axis in known.T], -1)[None]
    roots[:, :LEAD] = 0

    prior_information = np.zeros((1, len(times_s), 3, 3))
    prior_information[:, :LEAD] = np.eye(3)
    prior_eta = np.zeros((1, len(times_s), 3))
    prior = here.turn(prior)
    prior_information[0, frames[0]] = prior.information[0, 0]
    prior_eta[0, frames[0]] = prior.information[0, 0] @ known[0] - prior.gradient[0, 0]
    unseen = np.zeros((7, 1, LEAD, len(TELLING)))
    return Problem(
        Views(np.concatenate([unseen, views.packed], 2)), cameras,
        Chain.of(Motion(config, upright=upright), times_s, np.array([LEAD])),
        prior_information, prior_eta,
        np.zeros((1, 6, 6)), np.zeros((1, 6)), config.pixel_std), roots
