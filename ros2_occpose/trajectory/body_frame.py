"""Which way a body faces: x out of the chest, y to the person's left, z along the spine."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry import quat_wxyz_from_matrix
from ..skeleton import H36M17
from ..types import Floats

_SHORT_M = 0.05       # a line of the body that is shorter tells no direction
_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
_HIP, _THORAX = H36M17.indices('hip', 'thorax')
_LEFT = H36M17.indices('left_hip', 'left_shoulder')
_RIGHT = H36M17.indices('right_hip', 'right_shoulder')


def orientations(joints: Floats, last_wxyz: Floats, eye: Floats, up: Floats) -> Floats:
    """Unit quaternions of bodies, (N, 4), wxyz.

    The spine gives z; hips and shoulders together give y. A body that shows too little of either
    (joints in one line or one point) stays as it was; a new one is upright and faces the camera.

    Args:
        joints: h36m17 joints, (N, 17, 3) [m].
        last_wxyz: Quaternions of the last frame, (N, 4); 0 for new people. The answer lies on the
            same side of the sphere, so that it is continuous.
        eye: Position of the camera, (3,).
        up: Opposite of gravity, as far as known, (3,).
    """
    spine = joints[:, _THORAX] - joints[:, _HIP]
    sides = (joints[:, _LEFT] - joints[:, _RIGHT]).sum(1)
    rotation, clear = _axes(spine, sides)
    quat = quat_wxyz_from_matrix(rotation)
    if not clear.all():
        new: NDArray[np.bool_] = (last_wxyz == 0).all(-1)
        toward = eye - joints[:, _HIP]
        upright, _ = _axes(np.broadcast_to(up, toward.shape), np.cross(up, toward))
        stay = np.where(new[:, None], quat_wxyz_from_matrix(upright), last_wxyz)
        quat = np.where(clear[:, None], quat, stay)
    flipped = (quat * last_wxyz).sum(-1, keepdims=True) < 0
    return np.where(flipped, -quat, quat)


def _axes(spine: Floats, sides: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Rotations (N, 3, 3) with z along the spine and y along the sides, and which are clear (N,).

    The others are the identity.
    """
    tall = np.sqrt((spine * spine).sum(-1, keepdims=True))
    z = spine / np.maximum(tall, 1e-9)
    across = sides - (sides * z).sum(-1, keepdims=True) * z
    wide = np.sqrt((across * across).sum(-1, keepdims=True))
    y = across / np.maximum(wide, 1e-9)
    clear = np.minimum(tall, wide)[:, 0] > _SHORT_M
    rotation = np.empty((len(z), 3, 3))
    rotation[:, :, 0] = y[:, _NEXT] * z[:, _LAST] - y[:, _LAST] * z[:, _NEXT]    # y cross z
    rotation[:, :, 1], rotation[:, :, 2] = y, z
    return np.where(clear[:, None, None], rotation, np.eye(3)), clear
