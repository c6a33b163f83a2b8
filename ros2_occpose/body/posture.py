"""From h36m17 joints to the turns of a body: what lifters that give joints only leave open.

Hips and shoulders turn pelvis and chest; thorax, nose and top of the head turn the head; the spine
leads from the hips to the thorax; limbs point where their joints are, and bend as knees and elbows
do. What no joint tells (feet, hands, collars) stays in line. Joints are the marks of
`kinematics.body_points`, with which lifters are trained.
"""
from __future__ import annotations

import numpy as np

from ..skeleton import H36M17, SMPL24
from ..types import Floats
from .kinematics import h36m_at_rest
from .turns import between, cross, frame, limb_turns, local_of, swing, unit

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
_SPINE = SMPL24.indices('pelvis', 'spine1', 'spine2', 'spine3')
_BETWEEN = SMPL24.indices('spine1', 'spine2', 'neck')
_COLLARS = SMPL24.indices('left_collar', 'right_collar')
_ENDS = SMPL24.indices('left_ankle', 'right_ankle', 'left_wrist', 'right_wrist',
                       'left_foot', 'right_foot', 'left_hand', 'right_hand')
_SHARES = np.array([1 / 3, 2 / 3, 0.5])
_HINT = 1e-6                    # of the neighbour: decides only where the joints tell nothing


class Posture:
    """Knows the bones of people, so that their own joints come to lie where they should.

    Args:
        rest: smpl24 joints with arms out, (24, 3), or of each person, (..., 24, 3) [m].
    """

    def __init__(self, rest: Floats) -> None:
        marks = h36m_at_rest(rest)
        self._trunk_t = np.swapaxes(_trunk(marks), -1, -2)
        # From the hips over pelvis, spine1, spine2 and spine3 to the thorax, (..., 5, 3) [m].
        self._way = np.diff(np.concatenate([
            marks[..., [_HIP], :], rest[..., _SPINE, :], marks[..., [_THORAX], :]], -2), axis=-2)
        self._bones = np.diff(rest[..., _LIMBS, :], axis=-2)               # (..., 4, 2, 3) [m]
        # Marks less joints [m]: of hips and shoulders carried by what carries the limb, (..., 4,
        # 3), of knees, elbows, ankles and wrists along the second bone, (..., 4, 2, 1).
        aside = marks[..., _MARKS, :] - rest[..., _LIMBS, :]               # (..., 4, 3, 3)
        self._aside = aside[..., 0, :]
        self._along = (aside[..., 1:, :] * unit(self._bones[..., 1:, :])).sum(-1, keepdims=True)

    def __call__(self, joints: Floats) -> Floats:
        """Turns of each joint of smpl24 in its parent's axes, the root's in those of the joints.

        Args:
            joints: h36m17, (..., 17, 3) [m], in any frame; people as in `rest`.

        Returns:
            Rotations, (..., 24, 3, 3).
        """
        trunk = _trunk(joints) @ self._trunk_t                             # (..., 3, 3, 3)
        shares = between(trunk[..., [0, 0, 1], :, :], trunk[..., [1, 1, 2], :, :], _SHARES)
        lean = self._lean(joints, trunk, shares)[..., None, :, :]
        shares = lean @ shares
        trunk[..., 1:2, :, :] = lean @ trunk[..., 1:2, :, :]
        turns = np.empty((*joints.shape[:-2], _JOINTS, 3, 3))
        turns[..., _TRUNK, :, :], turns[..., _BETWEEN, :, :] = trunk, shares
        turns[..., _COLLARS, :, :] = trunk[..., 1:2, :, :]
        carriers = trunk[..., [0, 0, 1, 1], :, :]
        first, second = limb_turns(carriers, (self._bones[..., 0, :], self._bones[..., 1, :]),
                                   self._limbs(joints, carriers), _HINGES)
        turns[..., _LIMBS[:, 0], :, :], turns[..., _LIMBS[:, 1], :, :] = first, second
        turns[..., _ENDS, :, :] = np.concatenate([second, second], -3)
        return local_of(turns)

    def _lean(self, joints: Floats, trunk: Floats, shares: Floats) -> Floats:
        """What brings the thorax to where it should be when spine and chest turn, (..., 3, 3)."""
        pelvis = trunk[..., 0, :, :]
        carriers = np.stack([pelvis, pelvis, shares[..., 0, :, :], shares[..., 1, :, :],
                             trunk[..., 1, :, :]], -3)                     # (..., 5, 3, 3)
        steps = (carriers @ self._way[..., None])[..., 0]                  # (..., 5, 3)
        wanted = joints[..., _THORAX, :] - joints[..., _HIP, :] - steps[..., :2, :].sum(-2)
        return swing(steps[..., 2:, :].sum(-2), wanted)

    def _limbs(self, joints: Floats, carriers: Floats) -> tuple[Floats, Floats]:
        """Both bones of the limbs between their joints, each (..., 4, 3)."""
        start, middle, end = np.moveaxis(joints[..., _MARKS, :], -2, 0)    # each (..., 4, 3)
        start = start - (carriers @ self._aside[..., None])[..., 0]
        along = unit(end - middle)
        middle = middle - self._along[..., 0, :] * along
        end = end - self._along[..., 1, :] * along
        return middle - start, end - middle


def _trunk(joints: Floats) -> Floats:
    """Frames of pelvis, chest and head, (..., 3, 3, 3); one that is not told follows the next."""
    hips, shoulders = (joints[..., left, :] - joints[..., right, :] for left, right in _ACROSS)
    up = joints[..., _THORAX, :] - joints[..., _HIP, :]
    neck = joints[..., _HEAD, :] - joints[..., _THORAX, :] + _HINT * up
    aside = cross(neck, joints[..., _NOSE, :] - joints[..., _THORAX, :])
    left = [hips + _HINT * shoulders, shoulders + _HINT * hips, aside + _HINT * shoulders]
    return frame(np.stack(left, -2), np.stack([up, up, neck], -2))
