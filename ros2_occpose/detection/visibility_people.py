"""Joints that lie on somebody nearer: what shows there is that person."""
from __future__ import annotations

import numpy as np

from ..skeleton import COCO17
from ..types import Floats, Ints, Tracks

_WIDE = 0.05                # half a width of limbs, in heights of the one who is in front
_TALLER = 1.2               # who looks so much taller is nearer, and so is who stands lower
_FACE = COCO17.indices('left_eye', 'right_eye', 'left_ear', 'right_ear')


def _limbs() -> Ints:
    """Both ends of the limbs and of lines across the trunk, (B, 2)."""
    bones = [bone for bone in COCO17.bones if bone[1] not in _FACE]
    across = [('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip'),
              ('left_shoulder', 'right_hip'), ('right_shoulder', 'left_hip')]
    return np.array([*bones, *(tuple(COCO17.indices(*pair)) for pair in across)])


_LIMBS = _limbs()


def in_front(tracks: Tracks, height_px: Floats) -> Floats:
    """How much somebody nearer is in front of each joint, 0..1, (N, 17).

    Nearness is guessed from the picture: people stand on one floor and are alike tall. Only limbs
    count that the detector sees.
    """
    out = np.zeros(tracks.visibility.shape)
    boxes = tracks.boxes_px
    margin = 2 * _WIDE * height_px[:, None]                                         # (N, 1)
    meet = ((boxes[:, None, :2] - margin < boxes[:, 2:])
            & (boxes[:, :2] < boxes[:, None, 2:] + margin)).all(-1)                 # (N, N)
    nearer = ((boxes[:, None, 3] > boxes[:, 3])
              | (height_px[:, None] > _TALLER * height_px))                         # (N, N)
    front, back = np.nonzero(meet & nearer & ~np.eye(len(tracks), dtype=bool))     # (M,) each
    points_px = tracks.keypoints_px.astype(np.float32)
    ends = points_px[front][:, _LIMBS]                                              # (M, B, 2, 2)
    off = _squared_distances(points_px[back], ends[:, :, 0], ends[:, :, 1])         # (M, 17, B)
    seen = np.all(tracks.visibility[front][:, _LIMBS] > 0, axis=-1)                 # (M, B)
    closest = np.where(np.expand_dims(seen, 1), off, np.inf).min(-1)
    wide = _WIDE * height_px[front, None]
    np.maximum.at(out, back, np.exp(-closest / np.square(wide)))
    return out


def _squared_distances(points: Floats, start: Floats, end: Floats) -> Floats:
    """From points (M, K, 2) to line segments (M, B, 2) each, (M, K, B) [px^2]."""
    along = (end - start)[:, None]                                                  # (M, 1, B, 2)
    x, y = np.moveaxis(points[:, :, None] - start[:, None], -1, 0)                  # (M, K, B)
    right, down = along[..., 0], along[..., 1]
    length2 = np.maximum(right * right + down * down, 1e-9)
    share = np.clip((x * right + y * down) / length2, 0.0, 1.0)
    return np.asarray(np.square(x - share * right) + np.square(y - share * down))
