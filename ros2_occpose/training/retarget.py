"""Recorded skeletons to the smpl24 tree: rotations of its joints, a root path, constant bones.

A joint of smpl24 turns as its counterpart in the recording does, so that the twist of limbs is
kept; joints of the spine that a recording lacks share the turn between their neighbours. Joint
positions are linear in the bone offsets then, which makes these a small least-squares problem.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import matrix_from_quat_wxyz, quat_wxyz_from_matrix
from ..skeleton import SMPL24
from ..types import Floats

_SIDES = (('left', 1.0), ('right', -1.0))
# Offsets of a grown-up of 1.75 m from the parent joint, at rest [m]: to the left, up, forward.
_TYPICAL = {
    'pelvis': (0.0, 0.0, 0.0),
    'spine1': (0.0, 0.12, -0.03),
    'spine2': (0.0, 0.135, 0.005),
    'spine3': (0.0, 0.055, 0.0),
    'neck': (0.0, 0.21, -0.03),
    'head': (0.0, 0.10, 0.04),
    **{f'{side}_{name}': (sign * left, up, forward) for side, sign in _SIDES
       for name, left, up, forward in (
           ('hip', 0.08, -0.09, -0.01), ('knee', 0.0, -0.42, 0.0), ('ankle', 0.0, -0.42, -0.02),
           ('foot', 0.015, -0.06, 0.125), ('collar', 0.075, 0.115, -0.02),
           ('shoulder', 0.105, 0.04, -0.015), ('elbow', 0.275, 0.0, -0.01),
           ('wrist', 0.255, 0.0, 0.0), ('hand', 0.085, -0.005, 0.0))},
}
TYPICAL_OFFSETS = np.array([_TYPICAL[joint] for joint in SMPL24.joints])        # (24, 3) [m]
Z_UP_FROM_Y_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])

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


def local_of(turns: Floats) -> Floats:
    """Rotations in the world to rotations in the parent's axes, (..., 24, 3, 3)."""
    parents = list(SMPL24.parents[1:])
    local = turns.copy()
    local[..., 1:, :, :] = np.swapaxes(turns[..., parents, :, :], -1, -2) @ turns[..., 1:, :, :]
    return local


def between(start: Floats, end: Floats, share: float | Floats) -> Floats:
    """Rotations (..., 3, 3) a share of the way from one to another, the shorter way round."""
    quat = quat_wxyz_from_matrix(np.swapaxes(start, -1, -2) @ end)         # w >= 0
    axis = quat[..., 1:]
    sine = np.linalg.norm(axis, axis=-1)
    angle = np.arctan2(sine, quat[..., 0]) * share                         # half of the turn
    axis = axis * (np.sin(angle) / np.maximum(sine, 1e-12))[..., None]
    part = np.concatenate([np.cos(angle)[..., None], axis], -1)
    return np.asarray(start @ matrix_from_quat_wxyz(part))


def swing(start: Floats, end: Floats) -> Floats:
    """The smallest rotations that bring directions `start` to `end`, (..., 3) -> (..., 3, 3)."""
    start = start / np.linalg.norm(start, axis=-1, keepdims=True)
    end = end / np.linalg.norm(end, axis=-1, keepdims=True)
    cosine = (start * end).sum(-1, keepdims=True)
    axis = np.cross(start, end)
    lost = cosine < -1 + 1e-9                                              # opposite: any axis
    aside = np.cross(start, np.where(np.abs(start[..., :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0]))
    quat = np.concatenate([np.where(lost, 0.0, 1 + cosine), np.where(lost, aside, axis)], -1)
    return matrix_from_quat_wxyz(quat)
