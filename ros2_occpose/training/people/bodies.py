"""Endless bodies out of finite motion capture: other people, paths, tempi, poses and habits."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.random import Generator

from ...body.kinematics import BODY, body_points, forward
from ...skeleton import SMPL24
from ...types import Floats
from ..mocap.motion import Motion
from .compose import bending, reaching, sitting, upright, with_upper_body
from .crowd import Crowd, arrays_of, crowd_of, slow_noise
from .limits import unrest
from .paths import follow
from .quaternions import about, product, rotate, unit
from .statures import draw_people, fitted

_AT_ONCE = 32                # bodies that are made together: what the processor's cache holds
_CLIPS: WeakKeyDictionary[Motion, Crowd] = WeakKeyDictionary()    # as quaternions, made once


@dataclass(frozen=True, kw_only=True)
class Variety:
    """How often and how much recorded movement is varied."""

    tempo: tuple[float, float] = (0.8, 1.25)      # mean speed of a sequence, of the recorded
    unsteady: float = 0.12                        # std of the logarithm of the speed within it
    backwards: float = 0.25                       # share that runs backwards
    mirrored: float = 0.5
    recombined: float = 0.25                      # share with somebody else's upper body
    sitting: float = 0.08
    bending: float = 0.06
    reaching: float = 0.05
    curve: float = 0.35                           # std of the curvature that paths gain [rad/m]
    calm: tuple[float, float] = (0.3, 0.9)        # tempo of who sits or bends, of the others'


VARIETY = Variety()


def sampling_weights(motions: Sequence[Motion]) -> Floats:
    """How often each clip is drawn, (M,): long ones more often, but no kind drowns the others."""
    frames = np.array([len(m) for m in motions], float)
    kinds = [m.name.split('/')[0] for m in motions]
    total = {kind: sum(f for f, k in zip(frames, kinds) if k == kind) for kind in set(kinds)}
    weights = np.array([f / np.sqrt(total[kind]) for f, kind in zip(frames, kinds)])
    return np.asarray(weights / weights.sum())


def draw_bodies(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
                frames: int) -> Floats:
    """Bodies (B, T, 18, 3) [m], z up, above the origin at first, in random variations."""
    rotations, root, offsets = draw_postures(rng, motions, weights, batch, frames)
    out = np.empty((batch, frames, len(BODY), 3), np.float32)
    for start in range(0, batch, _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        joints, turns = forward(rotations[rows], root[rows], offsets[rows, None])
        out[rows] = body_points(joints, turns)
    return out


def draw_postures(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
                  frames: int) -> tuple[Floats, Floats, Floats]:
    """Moving bodies on the smpl24 tree in random variations, z up, above the origin at first.

    Args:
        rng: Source of chance; the same seed gives the same bodies.
        motions: Recorded movements.
        weights: How often each is drawn, (M,), as `sampling_weights` gives them.
        batch: How many bodies, B.
        frames: How long, T, at 30 Hz.

    Returns:
        Rotations of each joint in its parent's axes (B, T, 24, 3, 3), the root's in the world;
        positions of the root (B, T, 3) [m]; offsets of the joints from their parents, in the
        parents' axes (B, 24, 3) [m].
    """
    parts = [arrays_of(crowd) for crowd in draw_crowds(rng, motions, weights, batch, frames)]
    rotations, root, offsets = (np.concatenate(part) for part in zip(*parts))
    return rotations, root, offsets


def draw_crowds(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
                frames: int) -> Iterator[Crowd]:
    """The bodies of `draw_postures`, a few at a time."""
    for start in range(0, batch, _AT_ONCE):
        yield _draw(rng, motions, weights, min(_AT_ONCE, batch - start), frames)


def _draw(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
          frames: int) -> Crowd:
    kind = rng.random(batch)
    seated = kind < VARIETY.sitting
    bent = ~seated & (kind < VARIETY.sitting + VARIETY.bending)
    reached = kind > 1 - VARIETY.reaching
    mixed = rng.random(batch) < VARIETY.recombined

    pace = np.where(seated | bent, rng.uniform(*VARIETY.calm, batch), 1.0)
    recorded = stretches(rng, motions, weights, pace, frames)
    other = stretches(rng, motions, weights, pace, frames)
    stands, other_stands = upright(recorded), upright(other)
    rows = np.flatnonzero(other_stands & (mixed & stands | (seated | bent) & ~stands))
    recorded.put(rows, with_upper_body(recorded.pick(rows), other.pick(rows)))
    stands |= other_stands & (seated | bent)

    crowd = Crowd(turns=unrest(rng, recorded.turns), root=recorded.root,
                  offsets=fitted(recorded.offsets, draw_people(rng, batch)))
    crowd = follow(rng, recorded, crowd, VARIETY.curve)
    for chosen, compose in ((seated, sitting), (bent, bending), (reached, reaching)):
        rows = np.flatnonzero(chosen & stands)
        if len(rows):
            crowd.put(rows, compose(rng, crowd.pick(rows)))
    return somewhere(rng, crowd)


def stretches(rng: Generator, motions: Sequence[Motion], weights: Floats, pace: Floats,
              frames: int) -> Crowd:
    """Stretches of recorded movement at some pace (B,), time-warped, half of them mirrored."""
    batch = len(pace)
    chosen = rng.choice(len(motions), batch, p=weights)
    log_speed = (np.log(pace * rng.uniform(*VARIETY.tempo, batch))[:, None]
                 + VARIETY.unsteady * slow_noise(rng, (batch,), frames, 2.0))
    speed = np.where(rng.random((batch, 1)) < VARIETY.backwards, -1, 1) * np.exp(log_speed)
    turns = np.empty((4, len(SMPL24.joints), batch, frames), np.float32)
    root = np.empty((3, batch, frames), np.float32)
    offsets = np.empty((3, len(SMPL24.joints), batch), np.float32)
    for row, index in enumerate(chosen):
        clip = _clip(motions[index])
        last = clip.root.shape[-1] - 1
        at = rng.uniform(0, last) + np.cumsum(speed[row])
        turns[:, :, row], root[:, row] = at_times(clip, at)
        offsets[:, :, row] = clip.offsets[..., 0]
    crowd = Crowd(turns=turns, root=root, offsets=offsets)
    rows = np.flatnonzero(rng.random(batch) < VARIETY.mirrored)
    crowd.put(rows, mirrored(crowd.pick(rows)))
    return crowd


def _clip(motion: Motion) -> Crowd:
    if motion not in _CLIPS:
        _CLIPS[motion] = crowd_of(motion.rotations, motion.root, motion.offsets)
    return _CLIPS[motion]


def at_times(clip: Crowd, at: Floats) -> tuple[Floats, Floats]:
    """Turns (4, 24, T) and root (3, T) of a clip at any times [frames]; clips run to and fro."""
    last = clip.root.shape[-1] - 1
    at = last - np.abs(np.mod(at, 2 * last) - last)
    low = np.minimum(at.astype(int), last - 1)
    share = (at - low).astype(np.float32)

    def mean(values: Floats) -> Floats:
        before = np.take(values, low, -1)
        return np.asarray(before + share * (np.take(values, low + 1, -1) - before))

    return unit(mean(clip.turns[:, :, 0])), mean(clip.root[:, 0])


def mirrored(crowd: Crowd) -> Crowd:
    """The same movement with left and right exchanged: reflected at the plane x = 0."""
    turns, offsets = crowd.turns[:, SMPL24.mirror], crowd.offsets[:, SMPL24.mirror]
    root = crowd.root.copy()
    turns[2:] *= -1
    root[0] *= -1
    offsets[0] *= -1
    return Crowd(turns=turns, root=root, offsets=offsets)


def somewhere(rng: Generator, crowd: Crowd) -> Crowd:
    """The same movement, first above the origin, in any direction."""
    turn = about(2, rng.uniform(-np.pi, np.pi, (len(crowd), 1)))
    root = crowd.root.copy()
    root[:2] -= root[:2, :, :1]
    turns = crowd.turns.copy()
    turns[:, 0] = product(turn, turns[:, 0])
    return Crowd(turns=turns, root=rotate(turn, root), offsets=crowd.offsets)
