"""What people's skeletons measure and can do, and recorded skeletons brought within it.

The bones of recordings are what a solver made of markers: a forearm that would suit a child, a
torso with a bone missing, shoulders that touch and never rise. The movement is right all the same.
"""
from __future__ import annotations

import numpy as np

from ...skeleton import SMPL24
from ...types import Floats
from .bvh import axis_rotations

_SIDES = ('left', 'right')
# Lengths over the length of the leg, hip to ankle (0.491 of the stature). Winter, "Biomechanics
# and motor control of human movement", fig. 4.1 after Drillis and Contini; widths between the
# centres of the joints, which lie inside of the bones that can be felt.
_THIGH = 0.5
_ARM, _FOREARM = 0.36, 0.297   # Winter's arm of 0.379 is longer than that of any person here
_HIPS, _SHOULDERS = 0.204, 0.387
_TORSO = 0.587              # height of the shoulders above the hips
_EARS = 0.238               # height of the ears above the shoulders
_SPREAD = 0.06              # share by which people differ from the mean; beyond: corrected

_EAR_UP = 0.095             # of the ears above the head joint [m]: kinematics.body_points

_LIFT = np.radians(35)      # of the collar when the arm is straight up
_LOOSE = np.radians(30)     # of the arm from hanging, before the collar follows


def like_people(offsets: Floats) -> Floats:
    """Bone offsets (24, 3) [m] whose proportions to the leg are within those of people."""
    at = dict(zip(SMPL24.joints, offsets.astype(float)))
    leg = sum(float(np.linalg.norm(at[f'{side}_{joint}'])) for side in _SIDES
              for joint in ('knee', 'ankle')) / 2
    for side in _SIDES:
        thigh, shin = at[f'{side}_knee'], at[f'{side}_ankle']
        long, short = np.linalg.norm(thigh), np.linalg.norm(shin)
        wanted = np.clip(long / (long + short), _THIGH - 0.02, _THIGH + 0.02) * (long + short)
        thigh *= wanted / long
        shin *= (long + short - wanted) / short
        for joint, share in (('elbow', _ARM), ('wrist', _FOREARM)):
            bone = at[f'{side}_{joint}']
            bone *= _correction(float(np.linalg.norm(bone)), share * leg)
    hips = abs(at['left_hip'][0] - at['right_hip'][0])
    girdle = [at[f'{side}_{joint}'] for side in _SIDES for joint in ('collar', 'shoulder')]
    shoulders = sum(abs(bone[0]) for bone in girdle)
    for side in _SIDES:
        at[f'{side}_hip'][0] *= _correction(hips, _HIPS * leg)
    for bone in girdle:
        bone[0] *= _correction(shoulders, _SHOULDERS * leg)
    rise = sum(bone[1] for bone in girdle) / 2                # of the shoulders above spine3
    spine = [at[joint] for joint in ('spine1', 'spine2', 'spine3')]
    length = sum(bone[1] for bone in spine)
    rest = rise - (at['left_hip'][1] + at['right_hip'][1]) / 2
    for bone in spine:
        bone[1] *= (_correction(length + rest, _TORSO * leg) * (length + rest) - rest) / length
    ears = at['neck'][1] + at['head'][1] + _EAR_UP - rise
    at['head'][1] += (_correction(ears, _EARS * leg) - 1) * ears
    return np.stack([at[joint] for joint in SMPL24.joints])


def _correction(length: float, typical: float) -> float:
    """The factor that brings a length within people's spread."""
    return float(np.clip(length, (1 - _SPREAD) * typical, (1 + _SPREAD) * typical) / length)


def lift_collars(rotations: Floats) -> Floats:
    """Rotations (T, 24, 3, 3) in which stiff shoulders rise with their arms.

    On two people triangulated from four views a shoulder rises by 3 cm while its arm goes from
    hanging to level. Arms keep their turns in the world; collars that move already keep theirs.
    """
    out = rotations.copy()
    for side, sign in (('left', 1.0), ('right', -1.0)):
        collar, shoulder = SMPL24.indices(f'{side}_collar', f'{side}_shoulder')
        if np.abs(rotations[:, collar] - np.eye(3)).max() > 0.01:
            continue
        up = sign * rotations[:, shoulder, 1, 0]                # of the upper arm, in the chest
        raised = (np.arccos(np.clip(-up, -1, 1)) - _LOOSE) / (np.pi - _LOOSE)
        lift = axis_rotations(sign * _LIFT * np.clip(raised, 0, 1), 2)
        out[:, collar] = lift
        out[:, shoulder] = np.swapaxes(lift, -1, -2) @ rotations[:, shoulder]
    return out
