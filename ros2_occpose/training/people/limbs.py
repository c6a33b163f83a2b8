"""Arms and legs that end where they should: inverse kinematics of two bones."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...skeleton import SMPL24
from ...types import Floats
from .crowd import SIDES, Crowd
from .quaternions import between, cross, inverse, product, rotate, unit

_STRETCHED = 0.995   # of its length: the longest that a limb gets


@dataclass(frozen=True)
class _Limb:
    """Joints of a limb, and the axis about which its middle joint bends, at rest."""

    carrier: str
    near: str
    middle: str
    end: str
    hinge: tuple[float, float, float]


_ARMS = tuple(_Limb(f'{side}_collar', f'{side}_shoulder', f'{side}_elbow', f'{side}_wrist',
                    (0.0, up, 0.0)) for side, up in zip(SIDES, (-1.0, 1.0)))
_LEGS = tuple(_Limb('pelvis', f'{side}_hip', f'{side}_knee', f'{side}_ankle', (1.0, 0.0, 0.0))
              for side in SIDES)


def put_hand(crowd: Crowd, side: int, target: Floats, elbow: Floats) -> None:
    """Turn an arm so that its wrist comes to a target, or towards it where that is too far.

    Args:
        crowd: Bodies whose shoulder and elbow are turned in place.
        side: 0 left, 1 right.
        target: Of the wrist, (3, B, T) [m].
        elbow: Direction into which the elbow points away from the line to the hand, (3, B, T).
    """
    _put(crowd, _ARMS[side], target, elbow)


def put_foot(crowd: Crowd, side: int, target: Floats, knee: Floats) -> None:
    """Turn a leg so that its ankle comes to a target; arguments as of `put_hand`."""
    _put(crowd, _LEGS[side], target, knee)


def _put(crowd: Crowd, limb: _Limb, target: Floats, pole: Floats) -> None:
    near, middle, end = SMPL24.indices(limb.near, limb.middle, limb.end)
    start, turn = crowd.joint(limb.carrier)
    start = start + rotate(turn, crowd.offsets[:, near, :, None])
    back = inverse(turn)
    upper, lower = bend(rotate(back, target - start), rotate(back, pole),
                        crowd.offsets[:, middle, :, None], crowd.offsets[:, end, :, None],
                        np.array(limb.hinge, np.float32)[:, None, None])
    crowd.turns[:, near], crowd.turns[:, middle] = upper, lower


def bend(target: Floats, pole: Floats, upper: Floats, lower: Floats,
         hinge: Floats) -> tuple[Floats, Floats]:
    """Turns (4, B, T) of the near and the middle joint of a limb that reaches for a target.

    Args:
        target: Seen from the near joint, in the axes of what carries the limb, (3, B, T) [m].
        pole: Direction into which the middle joint points, in the same axes, (3, B, T).
        upper: The first bone at rest, (3, B, 1) [m].
        lower: The second bone at rest, (3, B, 1) [m].
        hinge: Axis about which the middle joint bends at rest, (3, 1, 1).
    """
    a, b = (np.sqrt((bone * bone).sum(0)) for bone in (upper, lower))              # (B, 1)
    far = np.sqrt((target * target).sum(0))
    far = np.clip(far, 1.05 * np.abs(a - b) + 0.02, _STRETCHED * (a + b))
    ahead = unit(target)
    aside = unit(pole - (pole * ahead).sum(0) * ahead)
    cosine = np.clip((a * a + far * far - b * b) / (2 * a * far), -1, 1)
    first = cosine * ahead + np.sqrt(1 - cosine * cosine) * aside
    second = unit(far * ahead - a * first)
    normal = cross(aside, ahead)

    bone = unit(upper)
    axis = unit(hinge - (hinge * bone).sum(0) * bone)
    swing = between(bone, first)
    now = rotate(swing, np.broadcast_to(axis, first.shape))
    twist = np.arctan2((cross(now, normal) * first).sum(0), (now * normal).sum(0)) / 2
    turn = product(np.concatenate([np.cos(twist)[None], np.sin(twist) * first]), swing)
    return turn, between(unit(lower), rotate(inverse(turn), second))
