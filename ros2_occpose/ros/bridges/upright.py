"""Frames and boxes of people that stand upright: what planners in 2D and box consumers need."""
from __future__ import annotations

import numpy as np

from ...geometry import Floats, matrix_from_quat_wxyz
from ...recording.humans import Humans
from ...types import CameraPoseSource

FLESH_M = 0.1         # from the joints to the surface of a clothed body, and to the soles
_SIDEWAYS = 0.3       # of the left axis: with less of it level, somebody lies on a side
_UP_WORLD, _UP_CAMERA = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])


def up_of(humans: Humans) -> Floats:
    """Against gravity in the frame of the positions, (3,); a camera is taken to be level."""
    known = humans.camera_pose != CameraPoseSource.NONE
    return _UP_WORLD if known else _UP_CAMERA


def upright_rotations(quat_wxyz: Floats, up: Floats) -> Floats:
    """Rotations (N, 3, 3) with z up and x where somebody's front points on the level.

    The left axis tells, which stays level when somebody bends; where it does not (lying on a
    side), the chest tells.

    Args:
        quat_wxyz: Orientations of bodies, (N, 4): x out of the chest, y to the left.
        up: Unit vector, (3,).
    """
    body = matrix_from_quat_wxyz(quat_wxyz)                           # (N, 3, 3)
    front = np.cross(body[:, :, 1], up)                               # level, (N, 3)
    chest = body[:, :, 0] - (body[:, :, 0] @ up)[:, None] * up
    lying = np.linalg.norm(front, axis=-1) < _SIDEWAYS
    front = np.where(lying[:, None], chest, front)
    x = front / np.maximum(np.linalg.norm(front, axis=-1, keepdims=True), 1e-9)
    z = np.broadcast_to(up, x.shape)
    return np.stack([x, np.cross(z, x), z], -1)


def upright_boxes(humans: Humans) -> tuple[Floats, Floats, Floats]:
    """Boxes around all joints and the flesh on them, hidden joints included.

    Returns:
        Centres (N, 3) [m], rotations (N, 3, 3), sizes (N, 3) [m] along the axes of the box.
    """
    rotations = upright_rotations(humans.root_quat_wxyz, up_of(humans))
    inside = np.einsum('nji,nkj->nki', rotations, humans.joints)      # (N, 17, 3) in box axes
    low, high = inside.min(1), inside.max(1)
    centres = np.einsum('nij,nj->ni', rotations, (low + high) / 2)
    return centres, rotations, high - low + 2 * FLESH_M
