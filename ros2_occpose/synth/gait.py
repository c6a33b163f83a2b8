"""Recorded steps made endless, led along any way through the room, with feet that stay planted.

Letters: T frames of the result, L frames of a cycle. Movements are component first, as in
`training/people/quaternions`.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..skeleton import SMPL24
from ..training.mocap.kinematics import forward
from ..training.mocap.motion import FPS, Motion
from ..training.people.crowd import SIDES, Crowd, crowd_of
from ..training.people.limbs import put_foot
from ..training.people.quaternions import about, inverse, part, product, rotate, unit
from ..types import Bools, Floats
from .floor import along_m

_BLEND = 8                  # frames over which the end of a cycle becomes its beginning
_SHORTEST = 24              # frames of a cycle
_ALIKE_M = 0.12             # mean distance of joints at which two frames are alike enough
_CONTACT_M_S = 0.5          # an ankle slower than this stands ...
_LOW_M = 0.06               # ... if it is no more than this above where ankles stand
_FADE = 5                   # frames before and after a contact that are bent towards it
_LEAST_CONTACT = 3          # frames
_LEAST_WAY_M = 0.5          # that a cycle goes: less is standing


@dataclass(frozen=True, kw_only=True)
class Cycle:
    """Steps that can be repeated without end; the person walks along +x at first."""

    turns: Floats           # (4, 24, L) of each joint in its parent's axes
    advance_m: Floats       # (L,) along the way in each frame
    aside_m: Floats         # (L,) of the pelvis, to the left of the way
    height_m: Floats        # (L,) of the pelvis
    leg_m: float            # thigh and shin of who walked

    def __len__(self) -> int:
        return len(self.advance_m)


def cycle_of(motion: Motion) -> Cycle:
    """The best cycle in a recording of somebody who walks straight on.

    Raises:
        DataError: No two frames a step or more apart are alike.
    """
    net = motion.root[-1, :2] - motion.root[0, :2]
    back = about(2, np.array(-np.arctan2(net[1], net[0]), np.float32))
    crowd = crowd_of(motion.rotations, motion.root, motion.offsets)
    turns = crowd.turns[:, :, 0].copy()                                        # (4, 24, T)
    turns[:, 0] = product(np.broadcast_to(back[:, None], turns[:, 0].shape), turns[:, 0])
    root = rotate(back[:, None], motion.root.T)                                # (3, T)
    start, end = _repeats(motion, _BLEND)
    share = np.zeros(end - start, np.float32)
    share[-_BLEND:] = (np.arange(_BLEND) + 1) / (_BLEND + 1)
    cycle, before = slice(start, end), slice(2 * start - end, start)
    tail = np.arange(before.start, before.stop).clip(0)

    def blended(values: Floats) -> Floats:
        return np.asarray((1 - share) * values[..., cycle] + share * values[..., tail])

    step = np.diff(root[0], append=2 * root[0, -1] - root[0, -2])
    first = turns[..., cycle]
    way = product(inverse(first), turns[..., tail])
    joined = product(first, part(way, share))
    middle = np.linspace(root[1, start], root[1, end - 1], end - start)
    aside = root[1].copy()
    aside[cycle] -= middle
    aside[tail] -= middle
    return Cycle(turns=joined, advance_m=blended(step), height_m=blended(root[2]),
                 aside_m=aside[cycle] * (1 - share), leg_m=float(crowd.leg()[0]))


def _repeats(motion: Motion, least: int) -> tuple[int, int]:
    """Two frames between which the movement repeats; `least` frames come before the first."""
    joints, _ = forward(motion.rotations, motion.root, motion.offsets)
    joints = joints - joints[:, :1] * (1, 1, 0)                                # (T, 24, 3)
    speed = np.gradient(joints, axis=0) * 3
    points = np.concatenate([joints, speed], 1)
    best, found = np.inf, (0, 0)
    for start in range(least, len(points) - _SHORTEST):
        apart = np.linalg.norm(points[start + _SHORTEST:] - points[start], axis=-1).mean(-1)
        gone = motion.root[start + _SHORTEST:, :2] - motion.root[start, :2]
        apart = np.where(np.linalg.norm(gone, axis=-1) < _LEAST_WAY_M, np.inf, apart)
        end = int(apart.argmin())
        if apart[end] < best:
            best, found = float(apart[end]), (start, start + _SHORTEST + end)
    if best > _ALIKE_M:
        raise DataError(f'Expected steps that repeat in {motion.name}, got frames that differ by '
                        f'{best:.2f} m at best; choose another recording.')
    return found


def walk(cycle: Cycle, offsets: Floats, way: Floats, frames: int, *, phase: int = 0,
         tempo: float = 1.0) -> Crowd:
    """A person of some size who walks along a way, and stops at its end in mid-step.

    Args:
        cycle: The steps.
        offsets: Of the person's joints, (24, 3) [m].
        way: Points on the floor a constant, small distance apart, (S, 2) [m]; smooth.
        frames: T, at 30 Hz.
        phase: Frame of the cycle to begin with.
        tempo: Of the steps, of the recorded.
    """
    at = phase + tempo * np.arange(frames)
    leg = np.linalg.norm(offsets[SMPL24.indices('left_knee', 'left_ankle')], axis=-1).sum()
    scale = float(leg) / cycle.leg_m
    gone = np.concatenate([[0.0], np.cumsum(tempo * scale * _at(cycle.advance_m, at[:-1]))])
    place, angle = along(way, gone)
    heading = about(2, angle.astype(np.float32))                               # (4, T)
    turns = _at_turns(cycle.turns, at)
    turns[:, 0] = product(heading, turns[:, 0])
    aside = scale * _at(cycle.aside_m, at)
    root = np.stack([place[:, 0] - np.sin(angle) * aside, place[:, 1] + np.cos(angle) * aside,
                     scale * _at(cycle.height_m, at)])
    crowd = Crowd(turns=turns[:, :, None].astype(np.float32),
                  root=root[:, None].astype(np.float32),
                  offsets=offsets.T[..., None].astype(np.float32))
    plant(crowd)
    return crowd


def pace_m_s(cycle: Cycle, offsets: Floats, tempo: float = 1.0) -> float:
    """How fast somebody of this size walks with these steps."""
    leg = np.linalg.norm(offsets[SMPL24.indices('left_knee', 'left_ankle')], axis=-1).sum()
    return float(cycle.advance_m.mean() * FPS * tempo * leg / cycle.leg_m)


def along(way: Floats, gone: Floats) -> tuple[Floats, Floats]:
    """Where on a way (S, 2) one is after so many metres (T,), and its direction [rad]."""
    length = along_m(way)
    gone = np.clip(gone, 0.0, length[-1])
    place = np.stack([np.interp(gone, length, way[:, i]) for i in range(2)], -1)
    tangent = np.gradient(way, axis=0)
    angle = np.unwrap(np.arctan2(tangent[:, 1], tangent[:, 0]))
    return place, np.interp(gone, length, angle)


def _at(values: Floats, at: Floats) -> Floats:
    """Values of a cycle (L,) at any frame of its repetition (T,)."""
    low = np.floor(at).astype(int)
    share = at - low
    count = len(values)
    return np.asarray((1 - share) * values[low % count] + share * values[(low + 1) % count])


def _at_turns(turns: Floats, at: Floats) -> Floats:
    """Turns of a cycle (4, 24, L) at any frame of its repetition, (4, 24, T)."""
    low = np.floor(at).astype(int)
    first = turns[..., low % turns.shape[-1]]
    way = product(inverse(first), turns[..., (low + 1) % turns.shape[-1]])
    return product(first, part(way, (at - low).astype(np.float32)))


def plant(crowd: Crowd) -> None:
    """Turn legs so that a foot stays where it was put while it carries somebody.

    Args:
        crowd: Bodies whose hips, knees and ankles are turned in place.
    """
    for side, name in enumerate(SIDES):
        ankle, _ = crowd.joint(f'{name}_ankle')                                # (3, B, T)
        knee, _ = crowd.joint(f'{name}_knee')
        hip, _ = crowd.joint(f'{name}_hip')
        _, foot_turn = crowd.joint(f'{name}_ankle')
        shift = np.stack([_to_stand(ankle[:, b]) for b in range(len(crowd))], 1)
        if not shift.any():
            continue
        put_foot(crowd, side, (ankle + shift).astype(np.float32), unit(knee - (hip + ankle) / 2))
        _, shin_turn = crowd.joint(f'{name}_knee')
        index = SMPL24.index(f'{name}_ankle')
        crowd.turns[:, index] = product(inverse(shin_turn), foot_turn)


def _to_stand(ankle: Floats) -> Floats:
    """By how much an ankle (3, T) must be moved to stand still while it carries, (3, T) [m]."""
    shift = np.zeros_like(ankle)
    weight = np.zeros(ankle.shape[1])
    for stretch in contacts(ankle):
        target = ankle[:2, stretch].mean(1, keepdims=True)
        wanted = target - ankle[:2, stretch]
        shift[:2, stretch], weight[stretch] = wanted, 1.0
        for edge, step in ((stretch.start, -1), (stretch.stop - 1, 1)):
            held = target - ankle[:2, edge:edge + 1]
            for k in range(1, _FADE + 1):
                at = edge + step * k
                if 0 <= at < ankle.shape[1] and weight[at] < 1:
                    share = 0.5 * (1 + np.cos(np.pi * k / (_FADE + 1)))
                    shift[:2, at:at + 1] += share * held
    return shift


def contacts(ankle: Floats) -> list[slice]:
    """The frames in which an ankle (3, T) carries somebody, stretch by stretch."""
    speed = np.linalg.norm(np.gradient(ankle[:2], axis=1), axis=0) * FPS
    low = ankle[2] < np.percentile(ankle[2], 10) + _LOW_M
    return [stretch for stretch in stretches((speed < _CONTACT_M_S) & low)
            if stretch.stop - stretch.start >= _LEAST_CONTACT]


def stretches(flags: Bools) -> list[slice]:
    """The runs of True in flags (T,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2])]
