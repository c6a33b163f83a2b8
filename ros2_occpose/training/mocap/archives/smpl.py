"""What the SMPL-format data sets share: angles to turns, upright worlds, floors, bones.

SMPL's shape model is licensed and cannot be assumed, so `betas` are not used. A data set that
gives joint positions gives its bones; the others get those of a grown-up of 1.75 m. (A stature
from the foot that stands still was tried: 5 to 6 % off on motion capture whose bones are known,
which is more than people differ by.) For the same reason the root is `trans`, which SMPL puts a
constant 0.2 m beside the pelvis.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from ....body.kinematics import forward
from ....body.turns import swing
from ....errors import DataError
from ....skeleton import SMPL24
from ....types import Floats
from ..motion import Motion
from .sampling import resample, resample_turns

_ANKLE_HEIGHT = 0.08            # [m] above the floor
_AXIS_WITHIN = np.cos(np.radians(25.0))


def numbers(value: Any, *shape: int | None, what: str, source: Path | str,
            finite: bool = True) -> Floats:
    """A float array of that shape; None matches any length.

    Raises:
        DataError: It is something else.
    """
    try:
        array = np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise DataError(f'Expected numbers as {what} in {source}, got {error}; the file is '
                        'damaged.') from error
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, array.shape))
    if not fits or not array.size:
        wanted = ', '.join('*' if want is None else str(want) for want in shape)
        raise DataError(f'Expected {what} of shape ({wanted}) in {source}, got {array.shape}; see '
                        'docs/datasets.md for the release that is read.')
    if finite and not np.isfinite(array).all():
        raise DataError(f'Expected finite {what} in {source}, got NaN or infinity; download it '
                        'again.')
    return array


def turns_of(angles: Floats) -> Floats:
    """Rotations (..., 3, 3) of axis-angle vectors (..., 3) [rad]."""
    flat = Rotation.from_rotvec(angles.reshape(-1, 3)).as_matrix()
    return np.asarray(flat.reshape(*angles.shape, 3))


def motion_of(*, name: str, subject: str, split: str, rotations: Floats, root: Floats,
              offsets: Floats, fps: float) -> Motion:
    """A movement at 30 Hz, its feet on a floor at 0."""
    rotations, root = resample_turns(rotations, fps), resample(root, fps)
    joints, _ = forward(rotations, root, offsets)
    ankles = joints[:, SMPL24.indices('left_ankle', 'right_ankle'), 2].min(1)
    root = root - [0.0, 0.0, np.percentile(ankles, 5) - _ANKLE_HEIGHT]
    return Motion(name=name, subject=subject, split=split,
                  rotations=rotations.astype(np.float32), root=root.astype(np.float32),
                  offsets=offsets.astype(np.float32))


def bones_of(joints: Floats, turns: Floats) -> Floats:
    """Offsets (24, 3) [m] of joints (T, 24, 3) [m] whose turns in the world are (T, 24, 3, 3)."""
    parents = list(SMPL24.parents[1:])
    apart = joints[:, 1:] - joints[:, parents]
    offsets = np.zeros((len(SMPL24.joints), 3))
    offsets[1:] = np.median(np.einsum('tjki,tjk->tji', turns[:, parents], apart), axis=0)
    return offsets


def z_up(ups: Floats) -> Floats:
    """The turn (3, 3) that makes z the way people are upright, of directions (..., 3).

    The nearest axis of the world counts as up if people are upright along it, more or less;
    worlds that stand askew, like those of a camera, are turned by the mean direction.
    """
    up = ups.reshape(-1, 3).mean(0)
    up = up / max(float(np.linalg.norm(up)), 1e-12)
    axis = np.zeros(3)
    axis[np.abs(up).argmax()] = np.sign(up[np.abs(up).argmax()])
    return swing(axis if axis @ up > _AXIS_WITHIN else up, np.array([0.0, 0.0, 1.0]))
