"""From h36m17 joints to the turns of a body: what lifters that give joints only leave open.

Hips and shoulders turn pelvis and chest, thorax, nose and top of the head the head; limbs point
where their joints are, and bend as knees and elbows do. What no joint tells (feet, hands, collars)
stays in line. Joints are the marks of `kinematics.body_points`, with which lifters are trained.
"""
from __future__ import annotations

import numpy as np

from ..skeleton import H36M17, SMPL24
from ..types import Floats
from .kinematics import TYPICAL_OFFSETS, body_points, forward, h36m_of
from .turns import between, cross, frame, limb_turns, local_of, unit

_SIDES = ('left', 'right')
_JOINTS = len(SMPL24.joints)
_HIP, _THORAX, _NOSE, _HEAD = H36M17.indices('hip', 'thorax', 'nose', 'head')
_ACROSS = [H36M17.indices('left_hip', 'right_hip'),
           H36M17.indices('left_shoulder', 'right_shoulder')]
# Both legs, then both arms: three joints each, and the axis about which each bends at rest.
_CHAINS = [[f'{side}_{joint}' for joint in chain] for chain in (
    ('hip', 'knee', 'ankle'), ('shoulder', 'elbow', 'wrist')) for side in _SIDES]
_HINGES = np.array([[1.0, 0, 0], [1.0, 0, 0], [0, -1.0, 0], [0, 1.0, 0]])
_MARKS = np.array([H36M17.indices(*chain) for chain in _CHAINS])           # (4, 3)
_LIMBS = np.array([SMPL24.indices(*chain) for chain in _CHAINS])           # (4, 3)
_TRUNK = SMPL24.indices('pelvis', 'spine3', 'head')
_BETWEEN = SMPL24.indices('spine1', 'spine2', 'neck')
_COLLARS = SMPL24.indices('left_collar', 'right_collar')
_ENDS = SMPL24.indices('left_ankle', 'right_ankle', 'left_wrist', 'right_wrist',
                       'left_foot', 'right_foot', 'left_hand', 'right_hand')
_SHARES = np.array([1 / 3, 2 / 3, 0.5])


class Posture:
    """Knows the bones of a body, so that its own joints come to lie where they should.

    Args:
        offsets: Of each joint from its parent, (24, 3) [m], arms out.
    """

    def __init__(self, offsets: Floats = TYPICAL_OFFSETS) -> None:
        turns = np.tile(np.eye(3), (_JOINTS, 1, 1))
        joints, _ = forward(turns, np.zeros(3), offsets)
        marks = h36m_of(body_points(joints, turns))
        self._trunk_t = np.swapaxes(_trunk(marks), -1, -2)
        self._bones = offsets[_LIMBS[:, 1:]]                               # (4, 2, 3) [m]
        # Marks less joints [m]: of hips and shoulders carried by what carries the limb (4, 3), of
        # knees, elbows, ankles and wrists along the second bone (4, 2, 1).
        aside = marks[_MARKS] - joints[_LIMBS]                             # (4, 3, 3)
        self._aside = aside[:, 0]
        self._along = (aside[:, 1:] * unit(self._bones[:, 1:])).sum(-1, keepdims=True)

    def __call__(self, joints: Floats) -> Floats:
        """Turns of each joint of smpl24 in its parent's axes, the root's in those of the joints.

        Args:
            joints: h36m17, (..., 17, 3) [m], in any frame.

        Returns:
            Rotations, (..., 24, 3, 3).
        """
        trunk = _trunk(joints) @ self._trunk_t                             # (..., 3, 3, 3)
        turns = np.empty((*joints.shape[:-2], _JOINTS, 3, 3))
        turns[..., _TRUNK, :, :] = trunk
        turns[..., _BETWEEN, :, :] = between(
            trunk[..., [0, 0, 1], :, :], trunk[..., [1, 1, 2], :, :], _SHARES)
        turns[..., _COLLARS, :, :] = trunk[..., 1:2, :, :]
        carriers = trunk[..., [0, 0, 1, 1], :, :]
        first, second = limb_turns(carriers, (self._bones[:, 0], self._bones[:, 1]),
                                   self._limbs(joints, carriers), _HINGES)
        turns[..., _LIMBS[:, 0], :, :], turns[..., _LIMBS[:, 1], :, :] = first, second
        turns[..., _ENDS, :, :] = np.concatenate([second, second], -3)
        return local_of(turns)

    def _limbs(self, joints: Floats, carriers: Floats) -> tuple[Floats, Floats]:
        """Both bones of the limbs between their joints, each (..., 4, 3)."""
        start, middle, end = np.moveaxis(joints[..., _MARKS, :], -2, 0)    # each (..., 4, 3)
        start = start - (carriers @ self._aside[..., None])[..., 0]
        along = unit(end - middle)
        middle = middle - self._along[:, 0] * along
        end = end - self._along[:, 1] * along
        return middle - start, end - middle


def _trunk(joints: Floats) -> Floats:
    """Frames of pelvis, chest and head, (..., 3, 3, 3)."""
    up = joints[..., _THORAX, :] - joints[..., _HIP, :]
    neck = joints[..., _HEAD, :] - joints[..., _THORAX, :]
    across = [joints[..., left, :] - joints[..., right, :] for left, right in _ACROSS]
    aside = cross(neck, joints[..., _NOSE, :] - joints[..., _THORAX, :])
    return frame(np.stack([*across, aside], -2), np.stack([up, up, neck], -2))
