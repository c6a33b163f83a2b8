"""How long the parts of a person are, and the shape of a body whose parts are as long."""
from __future__ import annotations

import numpy as np

from ..skeleton import H36M17, SMPL24
from ..types import Floats
from .kinematics import h36m_at_rest
from .model import BodyModel

_STD_M = 0.008                      # of a length that was averaged over time
_FURTHEST = 3.0                     # shape parameters beyond it are no people
_PAIRS = {                          # ends of the parts of h36m17; those of both sides are averaged
    'thigh': ('*_hip', '*_knee'), 'shin': ('*_knee', '*_ankle'),
    'upper arm': ('*_shoulder', '*_elbow'), 'forearm': ('*_elbow', '*_wrist'),
    'hips': ('left_hip', 'right_hip'), 'shoulders': ('left_shoulder', 'right_shoulder'),
    'trunk': ('hip', 'thorax')}        # heads differ less than where bodies have their joint
SEGMENTS = tuple(_PAIRS)
_START, _END = (np.array([H36M17.indices(*(pair[end].replace('*', side)
                                           for side in ('left', 'right')))
                          for pair in _PAIRS.values()]) for end in (0, 1))   # each (7, 2)


def segments(joints: Floats) -> Floats:
    """Lengths of the parts of people, h36m17 (..., 17, 3) -> (..., 7) [m]."""
    bones = joints[..., _END, :] - joints[..., _START, :]                  # (..., 7, 2, 3)
    return np.asarray(np.sqrt((bones * bones).sum(-1)).mean(-1))


class SegmentFit:
    """Shape parameters of a body from lengths: least squares, with people as they are as prior."""

    def __init__(self, body: BodyModel) -> None:
        count = len(body.meaning)
        moved = np.concatenate([np.zeros((1, count)), np.eye(count), -np.eye(count)])
        lengths = segments(h36m_at_rest(body.rest_joints(moved)))                # (1 + 2 S, 7)
        self._mean = lengths[0]
        slope = (lengths[1:count + 1] - lengths[count + 1:]).T / 2         # (7, S) [m]
        weighted = slope.T / _STD_M ** 2
        self._gain = np.linalg.solve(weighted @ slope + np.eye(count), weighted)   # (S, 7)

    def __call__(self, lengths: Floats) -> Floats:
        """Shape parameters, (..., 7) [m] -> (..., S)."""
        betas = (lengths - self._mean) @ self._gain.T
        return np.asarray(np.clip(betas, -_FURTHEST, _FURTHEST))


def hip_from_pelvis(rest_joints: Floats) -> Floats:
    """Hip of h36m17 in the axes of the pelvis, (..., 24, 3) -> (..., 3) [m]."""
    hip = h36m_at_rest(rest_joints)[..., H36M17.index('hip'), :]
    return np.asarray(hip - rest_joints[..., SMPL24.index('pelvis'), :])
