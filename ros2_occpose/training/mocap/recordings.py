"""The skeletons in which motion capture comes: which of their joints is which of smpl24.

A recorded joint's turn becomes an smpl24 turn by the rest poses: the limbs of smpl24 are turned to
where the recorded ones point before anything moves.
"""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...body.kinematics import TYPICAL_OFFSETS
from ...body.turns import between, swing
from ...errors import DataError
from ...skeleton import SMPL24
from ...types import Floats
from .bvh import axis_rotations
from .retarget import Z_UP_FROM_Y_UP, Recording

Named = Mapping[str, Floats]
_SIDES = ('left', 'right')
# rows: left, up, forward of somebody who faces +X (DeepMimic)
_FACES_X = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)
# Elbows of smpl24 bend about the vertical when the arms are stretched out; CMU's about an axis
# that is turned by so much [rad] about the arm, also where a Daz figure wears the movement.
_CMU_ELBOW = np.radians(-30)


def from_daz(positions: Named, turns: Named) -> Recording:
    """Of a Daz figure in cm, y up, arms out at rest (the BVH files).

    Raises:
        DataError: A joint is missing.
    """
    try:
        given = {'pelvis': turns['hip'], 'spine2': turns['abdomen'], 'spine3': turns['chest'],
                 'neck': turns['neck'], 'head': turns['head']}
        points = {'neck': positions['neck'],
                  'head': positions['head'] + turns['head'] @ (0.0, -3.0, 0.0)}
        for side in _SIDES:
            s = side[0]
            names = {'collar': f'{s}Collar', 'shoulder': f'{s}Shldr', 'elbow': f'{s}ForeArm',
                     'wrist': f'{s}Hand', 'hip': f'{s}Thigh', 'knee': f'{s}Shin',
                     'ankle': f'{s}Foot'}
            given |= {f'{side}_{ours}': turns[theirs] for ours, theirs in names.items()}
            points |= {f'{side}_{ours}': positions[theirs] for ours, theirs in names.items()
                       if ours != 'collar'}
            points[f'{side}_foot'] = positions[f'{s}Foot end']
            points[f'{side}_hand'] = positions[f'{s}Mid1']
    except KeyError as error:
        raise DataError(f'Expected the joint names of Daz figures, {error} is missing.') from error
    given['spine1'] = between(given['pelvis'], given['spine2'], 0.5)
    return _recording(given, {joint: 0.01 * at for joint, at in points.items()}, np.eye(3),
                      _CMU_ELBOW)


def from_deepmimic(positions: Named, turns: Named) -> Recording:
    """Of DeepMimic's humanoid in metres, y up, facing +X, arms hanging at rest.

    Raises:
        DataError: A joint is missing.
    """
    limbs = ('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist')
    names = [f'{side}_{limb}' for side in _SIDES for limb in limbs]
    try:
        given = {name: turns[name] for name in names}
        points = {name: positions[name] for name in (*names, 'neck')}
        pelvis, chest, head = turns['root'], turns['chest'], turns['neck']
    except KeyError as error:
        raise DataError(
            f'Expected the joint names of humanoid3d.txt, {error} is missing.') from error
    given |= {'pelvis': pelvis, 'spine1': between(pelvis, chest, 1 / 3),
              'spine2': between(pelvis, chest, 2 / 3), 'spine3': chest,
              'neck': between(chest, head, 0.5), 'head': head}
    return _recording(given, points, _FACES_X.T)


def from_cmu(positions: Named, turns: Named) -> Recording:
    """Of CMU's skeleton in metres, y up, arms out at rest, joint names of `read_expmap`.

    Raises:
        DataError: A joint is missing.
    """
    try:
        given = {'pelvis': turns['root'], 'spine1': turns['spine_offset'],
                 'spine2': turns['lower_back'], 'spine3': turns['upper_back'],
                 'neck': turns['neck_base'], 'head': turns['neck']}
        points = {'neck': positions['neck_base'], 'head': positions['head']}
        for side in _SIDES:
            names = {'collar': 'clavicle', 'shoulder': 'shoulder', 'elbow': 'elbow',
                     'wrist': 'wrist', 'hip': 'hip', 'knee': 'knee', 'ankle': 'ankle',
                     'foot': 'toes'}
            given |= {f'{side}_{ours}': turns[f'{side}_{theirs}']
                      for ours, theirs in names.items()}
            points |= {f'{side}_{ours}': positions[f'{side}_{theirs}']
                       for ours, theirs in names.items() if ours != 'collar'}
    except KeyError as error:
        raise DataError(f'Expected the joint names of CMU, {error} is missing.') from error
    return _recording(given, points, np.eye(3), _CMU_ELBOW)


def from_asf(ends: Named, turns: Named) -> Recording:
    """Of CMU's skeleton in metres as `read_asf_amc` gives it: ends and turns of bones.

    Raises:
        DataError: A bone is missing.
    """
    try:
        joints = {ours: ends[bone] for ours, (bone, _) in _ASF.items() if bone}
        moved = {ours: turns[bone] for ours, (_, bone) in _ASF.items() if bone}
    except KeyError as error:
        raise DataError(f"Expected the bone names of CMU's ASF, {error} is missing.") from error
    return from_cmu(joints, moved)


# joint of read_expmap: the bone that ends there, the bone that begins there
_ASF = {
    'root': ('root', 'root'), 'spine_offset': ('', 'lowerback'),
    'lower_back': ('lowerback', 'upperback'), 'upper_back': ('upperback', 'thorax'),
    'neck_base': ('thorax', 'lowerneck'), 'neck': ('lowerneck', 'upperneck'),
    'head': ('upperneck', 'head'),
    **{f'{side}_{joint}': (ends and f'{side[0]}{ends}', f'{side[0]}{begins}')
       for side in _SIDES for joint, ends, begins in (
           ('hip', 'hipjoint', 'femur'), ('knee', 'femur', 'tibia'), ('ankle', 'tibia', 'foot'),
           ('toes', 'foot', 'toes'), ('clavicle', '', 'clavicle'),
           ('shoulder', 'clavicle', 'humerus'), ('elbow', 'humerus', 'radius'),
           ('wrist', 'radius', 'wrist'))},
}


def _recording(given: Named, points: Named, axes: Floats, elbow: float = 0.0) -> Recording:
    """Turns of all of smpl24 from those that were given, z up.

    Args:
        given: Turns (T, 3, 3) in a y-up world, by smpl24 joint. A missing one is its parent's.
        points: Positions (T, 3) [m] in that world.
        axes: The recorded axes at rest: columns are a person's left, up and forward in them.
        elbow: Turn about the arm of the axis about which elbows bend [rad].
    """
    raw: list[Floats] = []
    for name, parent in zip(SMPL24.joints, SMPL24.parents):
        raw.append(given[name] if name in given else raw[parent])
    if not len(raw[0]):
        raise DataError('Expected frames of movement, got none besides the pose at rest.')
    turns = Z_UP_FROM_Y_UP @ np.stack(raw, 1) @ axes                         # (T, 24, 3, 3)
    moved = {joint: at @ Z_UP_FROM_Y_UP.T for joint, at in points.items()}
    for joint, child in _LIMBS:
        this, next_one = SMPL24.index(joint), SMPL24.index(child)
        bone = moved[child] - moved[joint]
        rest = (np.swapaxes(turns[:, this], -1, -2) @ bone[..., None])[..., 0].mean(0)
        aligned = swing(TYPICAL_OFFSETS[next_one], rest)
        turns[:, this] = turns[:, this] @ aligned
        if child.endswith(('wrist', 'ankle')):                   # hands and feet are in line
            ends = [next_one, SMPL24.parents.index(next_one)]
            turns[:, ends] = turns[:, ends] @ aligned
    arms = SMPL24.indices(*(f'{side}_{joint}' for side in _SIDES
                            for joint in ('shoulder', 'elbow')))
    turns[:, arms] = turns[:, arms] @ axis_rotations(np.array(elbow), 0)
    return Recording(turns=turns, points=moved)


_LIMBS = [
    (f'{side}_{joint}', f'{side}_{child}') for side in _SIDES
    for joint, child in (('hip', 'knee'), ('knee', 'ankle'), ('shoulder', 'elbow'),
                         ('elbow', 'wrist'))
]
