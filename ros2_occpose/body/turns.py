"""How the parts of a body are turned, from where joints are: frames, limbs, twists.

Axes of a person and of each joint at rest: x to the left, y up, z forward, arms out.
"""
from __future__ import annotations

import numpy as np

from ..geometry import matrix_from_6d, matrix_from_quat_wxyz, quat_wxyz_from_matrix
from ..skeleton import SMPL24
from ..types import Floats

_NEXT, _LAST = [1, 2, 0], [2, 0, 1]
_TINY = 1e-9                                # lengths of which no direction is taken
_LOOSE = 0.4                                # of a hinge that bends against one that is straight
_STRAIGHT, _BENT = 0.2, 0.6                 # sines of the bend: below the axis is noise, above not


def unit(vectors: Floats) -> Floats:
    """Directions (..., 3); those without length stay 0."""
    return vectors / np.maximum(np.sqrt((vectors * vectors).sum(-1, keepdims=True)), _TINY)


def cross(a: Floats, b: Floats) -> Floats:
    """Of vectors (..., 3) that broadcast; several times as fast as NumPy's."""
    return a[..., _NEXT] * b[..., _LAST] - a[..., _LAST] * b[..., _NEXT]


def frame(left: Floats, up: Floats) -> Floats:
    """Rotations (..., 3, 3) whose columns are left, about up, forward."""
    return matrix_from_6d(np.concatenate([left, up], -1))


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
    start, end = unit(start), unit(end)
    cosine = (start * end).sum(-1, keepdims=True)
    axis = cross(start, end)
    lost = cosine < -1 + 1e-9                                              # opposite: any axis
    if lost.any():
        aside = np.where(np.abs(start[..., :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0])
        axis = np.where(lost, cross(start, aside), axis)
    quat = np.concatenate([np.where(lost, 0.0, 1 + cosine), axis], -1)
    return matrix_from_quat_wxyz(quat)


def about(axis: Floats, angle: Floats) -> Floats:
    """Rotations (..., 3, 3) about unit vectors (..., 3) by angles (...) [rad]."""
    half = angle[..., None] / 2
    return matrix_from_quat_wxyz(np.concatenate([np.cos(half), np.sin(half) * axis], -1))


def limb_turns(carrier: Floats, rest: tuple[Floats, Floats], bones: tuple[Floats, Floats],
               hinge: Floats) -> tuple[Floats, Floats]:
    """Turns (..., 3, 3) of the two bones of arms or legs.

    A bent limb says how its first bone twists; a straight one is as little twisted as can be.

    Args:
        carrier: Turns of what the limbs hang on, (..., 3, 3).
        rest: Directions of both bones at rest, each (..., 3).
        bones: The bones as they are, each (..., 3).
        hinge: Axis about which the limb bends at rest, (..., 3).
    """
    turn = swing(_moved(carrier, rest[0]), bones[0]) @ carrier
    along, onward = unit(bones[0]), unit(bones[1])
    bend = cross(along, onward)
    sine = np.sqrt((bend * bend).sum(-1, keepdims=True))
    sure = np.clip((sine - _STRAIGHT) / (_BENT - _STRAIGHT), 0, 1)
    loose = _moved(turn, hinge)
    axis = sure * bend + (1 - sure) * _LOOSE * loose
    axis = axis - (axis * along).sum(-1, keepdims=True) * along
    loose = loose - (loose * along).sum(-1, keepdims=True) * along
    twist = np.arctan2((cross(loose, axis) * along).sum(-1), (loose * axis).sum(-1))
    first = about(along, twist) @ turn
    return first, swing(_moved(first, rest[1]), bones[1]) @ first


def _moved(turns: Floats, vectors: Floats) -> Floats:
    return np.asarray((turns @ vectors[..., None])[..., 0])
