"""Whole clips of one person: 2D joints of every frame in, 3D skeletons of every frame out."""
from __future__ import annotations

from functools import partial

import numpy as np

from ..config import LiftingConfig
from ..errors import ConfigError
from ..geometry import Camera, matrix_from_6d, rotation_6d, rotation_since_last
from ..inference import Session
from ..skeleton import COCO17, H36M17
from ..types import Bools, Floats, require_shape
from .lifter import StreamingLifter, in_camera
from .load import open_stepper
from .metadata import FPS, NetworkMeta
from .sequence import normalise_sequences
from .stepper import Lifted

_PIECE = 1024           # frames that a network which looks both ways is given at once


def lift_clip(
    session: Session,
    keypoints_px: Floats,
    scores: Floats,
    camera: Camera,
    fps: float,
    *,
    world_from_camera: Floats | None = None,
    min_visibility: float = LiftingConfig.min_visibility,
) -> Lifted:
    """The person in each frame, (T, ...), in camera axes.

    A causal network gives what the live lifter gives; one that looks both ways sees the whole
    clip.

    Args:
        session: An opened lifting network.
        keypoints_px: coco17, (T, 17, 2); anything where not seen.
        scores: Probability that a joint was seen, (T, 17); below `min_visibility` it counts as
            hidden.
        world_from_camera: (T, 4, 4) where known.

    Raises:
        ShapeError: An array has another shape.
        ConfigError: `fps` is not positive.
        ModelError: The network does not fit this package.
    """
    frames, j = len(keypoints_px), len(COCO17.joints)
    require_shape('keypoints_px', keypoints_px, frames, j, 2)
    require_shape('scores', scores, frames, j)
    if world_from_camera is not None:
        require_shape('world_from_camera', world_from_camera, frames, 4, 4)
    if not fps > 0:
        raise ConfigError(f'Expected a frame rate above 0, got {fps}.')
    finite = np.isfinite(keypoints_px).all(-1) & np.isfinite(scores)
    rays = camera.rays(np.where(finite[..., None], keypoints_px, 0.0))                 # (T, 17, 2)
    seen = finite & np.isfinite(rays).all(-1) & (np.nan_to_num(scores) >= min_visibility)
    rays = np.where(seen[..., None], rays, 0.0)
    if frames == 0:
        return Lifted(np.zeros((0, len(H36M17.joints), 3)), np.zeros((0, len(H36M17.joints))))
    if NetworkMeta.of(session).causal:
        lifter = StreamingLifter(
            LiftingConfig(min_visibility=min_visibility), open_stepper(session)
        )
        answers = [lifter.lift([1], rays[t:t + 1], seen[t:t + 1], round(t * 1e9 / fps),
                               None if world_from_camera is None else world_from_camera[t])
                   for t in range(frames)]
        return Lifted.mapped(np.concatenate, *answers)
    return _both_ways(session, rays, seen, fps, world_from_camera)


def _both_ways(session: Session, rays: Floats, seen: Bools, fps: float,
               world_from_camera: Floats | None) -> Lifted:
    """At the network's frame rate, then back to the clip's."""
    times = np.arange(len(rays)) / fps
    grid = np.arange(0, times[-1] + 0.5 / FPS, 1 / FPS)                                # (S,)
    low = np.clip(np.searchsorted(times, grid, 'right') - 1, 0, max(len(rays) - 2, 0))
    high = np.minimum(low + 1, len(rays) - 1)
    share = np.clip((grid - times[low]) * fps, 0, 1)
    exact = np.where(share < 1e-6, low, np.where(share > 1 - 1e-6, high, -1))  # frames of the clip
    both = np.where(exact[:, None] >= 0, seen[exact], seen[low] & seen[high])
    between = rays[low] * (1 - share[:, None, None]) + rays[high] * share[:, None, None]
    nearest = np.where(share < 0.5, low, high)
    rotation = None if world_from_camera is None else world_from_camera[None, nearest, :3, :3]
    lifted = lift_sequences(session, between[None], both[None], rotation)
    out = Lifted.mapped(lambda parts: _at(times, grid, parts[0][0]), lifted)
    if out.rotations is None:
        return out
    return out._replace(rotations=matrix_from_6d(rotation_6d(out.rotations)))


def lift_sequences(session: Session, rays: Floats, seen: Bools,
                   rotation: Floats | None = None) -> Lifted:
    """People in sequences, (B, T, ...), in camera axes.

    Args:
        session: An opened lifting network.
        rays: coco17 in the undistorted image at 30 Hz, (B, T, 17, 2); anything where not seen.
        seen: (B, T, 17).
        rotation: Of the cameras, (B, T, 3, 3) world_from_camera, where known.

    Raises:
        ModelError: The network does not fit this package.
    """
    batch, frames = seen.shape[:2]
    require_shape('rays', rays, batch, frames, len(COCO17.joints), 2)
    turn = None
    if rotation is not None:
        require_shape('rotation', rotation, batch, frames, 3, 3)
        turn = rotation_since_last(rotation)
    meta = NetworkMeta.of(session)
    inputs = normalise_sequences(rays, seen, turn, fill=meta.fill)
    lifted = (open_stepper(session).sequence(inputs.features) if meta.causal
              else _in_pieces(session, inputs.features, meta.receptive_field // 2))
    return in_camera(lifted, inputs.camera_from_view)


def _in_pieces(session: Session, features: Floats, margin: int) -> Lifted:
    """The answers to sequences (B, T, FEATURES) of any length, as if they were given at once.

    Args:
        session: Of a network that looks both ways.
        features: (B, T, FEATURES).
        margin: Frames to each side that an answer depends on.
    """
    frames = features.shape[1]
    margin += -margin % 8                      # networks that halve the rate count from there
    pieces = []
    for start in range(0, frames, _PIECE):
        first, end = max(start - margin, 0), min(start + _PIECE, frames)
        lifted = Lifted.of(session({'features': features[:, first:end + margin]}))
        kept = slice(start - first, end - first)
        pieces.append(Lifted.mapped(lambda parts: parts[0][:, kept], lifted))  # noqa: B023
    if len(pieces) == 1:
        return pieces[0]
    return Lifted.mapped(partial(np.concatenate, axis=1), *pieces)


def _at(times: Floats, grid: Floats, values: Floats) -> Floats:
    """Values (S, ...) of the grid's times at other times, linearly."""
    flat = values.reshape(len(grid), -1)
    columns = [np.interp(times, grid, column) for column in flat.T]
    return np.stack(columns, 1).reshape(len(times), *values.shape[1:])
