"""Recorded skeletons to the smpl24 tree: rotations of its joints, a root path, constant bones.

A joint of smpl24 turns as its counterpart in the recording does, so that the twist of limbs is
kept; joints of the spine that a recording lacks share the turn between their neighbours. Joint
positions are linear in the bone offsets then, which makes these a small least-squares problem.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...body.kinematics import TYPICAL_OFFSETS
from ...body.turns import between, frame, limb_turns, local_of, swing
from ...errors import DataError
from ...skeleton import SMPL24
from ...types import Floats

Z_UP_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])

_SIDES = (('left', 1.0), ('right', -1.0))
_LIMBS = ('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist')
_PRIOR = 1e-3   # weight of a typical offset of 0.1 m against a joint recorded in all frames


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What a recorded skeleton says about the joints of smpl24, z up."""

    turns: Floats               # (T, 24, 3, 3) in the world; rest = the person's own axes
    points: dict[str, Floats]   # smpl24 joints that were recorded, (T, 3) [m]; both hips at least


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A movement on the smpl24 tree."""

    rotations: Floats           # (T, 24, 3, 3) of each joint in its parent's axes
    root: Floats                # (T, 3) [m]
    offsets: Floats             # (24, 3) [m] from the parent, in the parent's axes


def retarget(recording: Recording) -> Fit:
    """The smpl24 movement that comes closest to a recording."""
    turns, points = recording.turns, recording.points
    offsets = TYPICAL_OFFSETS.copy()
    hips = SMPL24.indices('left_hip', 'right_hip')
    middle = offsets[hips].mean(0)
    root = (points['left_hip'] + points['right_hip']) / 2 - turns[:, 0] @ middle
    return Fit(rotations=local_of(turns), root=root, offsets=_fit_offsets(turns, root, points))


def _fit_offsets(turns: Floats, root: Floats, points: dict[str, Floats]) -> Floats:
    """Offsets (24, 3) [m] with which the recorded joints are met best, by least squares.

    joint - root = the sum of turn of the parent @ offset over the joints from the root down to it.
    """
    count = len(SMPL24.joints)
    products = np.einsum('taki,tbkj->aibj', turns, turns, optimize=True)    # (24, 3, 24, 3)
    left = np.zeros((count, 3, count, 3))
    right = np.zeros((count, 3))
    for name, positions in points.items():
        chain = _chain(SMPL24.index(name))
        carriers = [SMPL24.parents[joint] for joint in chain]
        towards = positions - root
        right[chain] += np.einsum('taki,tk->ai', turns[:, carriers], towards)
        rows = np.ix_(chain, range(3), chain, range(3))
        left[rows] += products[np.ix_(carriers, range(3), carriers, range(3))]
    size = np.linalg.norm(TYPICAL_OFFSETS, axis=-1, keepdims=True)
    prior = _PRIOR * len(turns) * (0.1 / np.maximum(size, 0.01)) ** 2       # (24, 1)
    matrix = left.reshape(3 * count, -1) + np.diag(np.repeat(prior[:, 0], 3))
    wanted = (right + prior * TYPICAL_OFFSETS).ravel()
    return np.linalg.solve(matrix, wanted).reshape(count, 3)


def _chain(joint: int) -> list[int]:
    """The joint and those between it and the root, which is left out."""
    chain = []
    while joint > 0:
        chain.append(joint)
        joint = SMPL24.parents[joint]
    return chain


def from_positions(named: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """The smpl24 movement behind bare joint positions: rotations, root and offsets, as `Fit`.

    Hips and shoulders give the turns of pelvis and chest, face or neck that of the head. Limbs
    point where they were recorded; bent knees and elbows say how thighs and upper arms twist,
    straight ones are as little twisted as can be.

    Args:
        named: Positions (T, 3) [m], z up, by joint name of h36m17, coco17, smpl24 or
            MPI-INF-3DHP. Hips, knees, ankles, shoulders, elbows and wrists must be there.

    Raises:
        DataError: A joint is missing, or a position is not a finite number.
    """
    points = {joint: np.asarray(at, float) for joint, at in named.items()}
    needed = [f'{side}_{joint}' for side, _ in _SIDES for joint in _LIMBS]
    if missing := [joint for joint in needed if joint not in points]:
        raise DataError(f'Expected positions of {", ".join(needed)}; {", ".join(missing)} are '
                        'missing: rename or add them.')
    if broken := [joint for joint, at in points.items() if not np.isfinite(at).all()]:
        raise DataError(f'Expected finite positions, got NaN in {", ".join(broken)}; cut the clip '
                        'there, or leave the joint out.')
    turns = np.zeros((len(points['left_hip']), len(SMPL24.joints), 3, 3))
    at = SMPL24.index
    _turn_torso(turns, points)
    for side, sign in _SIDES:
        turns[:, at(f'{side}_collar')] = turns[:, at('spine3')]
        _turn_limb(turns, points, 'pelvis', [f'{side}_{j}' for j in ('hip', 'knee', 'ankle')],
                   hinge=np.array([1.0, 0, 0]))
        _turn_limb(turns, points, f'{side}_collar',
                   [f'{side}_{j}' for j in ('shoulder', 'elbow', 'wrist')],
                   hinge=np.array([0, -sign, 0]))
        for limb, end, names in (('ankle', 'foot', ('foot', 'toe', 'big_toe')),
                                 ('wrist', 'hand', ('hand',))):
            seen = [f'{side}_{name}' for name in names if f'{side}_{name}' in points]
            _turn_end(turns, points, f'{side}_{limb}', f'{side}_{end}', seen)
    fit = retarget(Recording(turns=turns, points=_joints_among(points, turns)))
    return fit.rotations, fit.root, fit.offsets


def _turn_torso(turns: Floats, points: Mapping[str, Floats]) -> None:
    """Fill in the turns of pelvis, spine, neck and head."""
    hips = (points['left_hip'] + points['right_hip']) / 2
    up = (points['left_shoulder'] + points['right_shoulder']) / 2 - hips
    low_up = points['spine'] - hips if 'spine' in points else up
    pelvis = frame(points['left_hip'] - points['right_hip'], low_up)
    chest = frame(points['left_shoulder'] - points['right_shoulder'], up)
    head = _turn_of_head(points, chest)
    at = SMPL24.index
    turns[:, at('pelvis')], turns[:, at('spine3')], turns[:, at('head')] = pelvis, chest, head
    turns[:, at('spine1')] = between(pelvis, chest, 1 / 3)
    turns[:, at('spine2')] = between(pelvis, chest, 2 / 3)
    turns[:, at('neck')] = between(chest, head, 0.5)


def _turn_of_head(points: Mapping[str, Floats], chest: Floats) -> Floats:
    """Turns of the head (T, 3, 3) by what is there: ears and nose, or neck and top."""
    if {'left_ear', 'right_ear', 'nose'} <= points.keys():
        left = points['left_ear'] - points['right_ear']
        ahead = points['nose'] - (points['left_ear'] + points['right_ear']) / 2
        tilted = frame(left, np.cross(ahead, left))
        return tilted @ _FROM_NOSE
    neck = next((points[joint] for joint in ('neck', 'thorax') if joint in points), None)
    top = next((points[joint] for joint in ('head_top', 'head') if joint in points), None)
    if neck is None or top is None:
        return chest
    up = top - neck
    if 'nose' in points:
        return frame(np.cross(up, points['nose'] - neck), up)
    return swing(chest[..., 1], up) @ chest


def _turn_limb(turns: Floats, points: Mapping[str, Floats], carrier: str, joints: list[str],
               hinge: Floats) -> None:
    """Fill in the turns of an arm or a leg: of its first two joints; `hinge`: bends about it."""
    first, second, third = (SMPL24.index(joint) for joint in joints)
    start, middle, end = (points[joint] for joint in joints)
    turns[:, first], turns[:, second] = limb_turns(
        turns[:, SMPL24.index(carrier)], (TYPICAL_OFFSETS[second], TYPICAL_OFFSETS[third]),
        (middle - start, end - middle), hinge)


def _turn_end(turns: Floats, points: Mapping[str, Floats], joint: str, end: str,
              seen: list[str]) -> None:
    """Fill in the turns of a foot or a hand, in line with the limb if its end was not recorded."""
    this = SMPL24.index(joint)
    turn = turns[:, SMPL24.parents[this]]
    if seen:
        bone = points[seen[0]] - points[joint]
        turn = swing(turn @ TYPICAL_OFFSETS[SMPL24.index(end)], bone) @ turn
    turns[:, this] = turns[:, SMPL24.index(end)] = turn


def _joints_among(points: Mapping[str, Floats], turns: Floats) -> dict[str, Floats]:
    """Those of the named points that are joints of smpl24."""
    ours = {joint: at for joint, at in points.items() if joint in SMPL24.joints}
    if 'left_collar' in points:                        # smpl24 itself: 'head' is the joint
        return ours
    kept = {joint: at for joint, at in ours.items() if joint.partition('_')[0] in ('left', 'right')
            or joint == 'neck'}
    if 'thorax' in points:
        kept['neck'] = points['thorax']
    return kept


# Head axes in axes whose forward is from the ears to the nose, which lies 15 mm lower.
_FROM_NOSE = swing(np.array([0, -0.015, 0.105]), np.array([0, 0, 1.0]))
