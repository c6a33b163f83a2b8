"""Endless bodies out of finite motion capture: other speeds, proportions and directions."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from ..skeleton import COCO17
from ..types import Floats
from .bvh import axis_rotations
from .motion import BODY, Motion

# Each part: how much its length varies between people (standard deviation of its logarithm), and
# its bones
# (child, parent); 'hips', 'chest' and 'ears' are the middles of the left and the right.
_PARTS: tuple[tuple[float, tuple[tuple[str, str], ...]], ...] = (
    (0.09, (('left_hip', 'hips'), ('right_hip', 'hips'))),
    (0.05, (('left_knee', 'left_hip'), ('right_knee', 'right_hip'))),
    (0.05, (('left_ankle', 'left_knee'), ('right_ankle', 'right_knee'))),
    (0.05, (('chest', 'hips'),)),
    (0.09, (('left_shoulder', 'chest'), ('right_shoulder', 'chest'))),
    (0.06, (('left_elbow', 'left_shoulder'), ('right_elbow', 'right_shoulder'))),
    (0.06, (('left_wrist', 'left_elbow'), ('right_wrist', 'right_elbow'))),
    (0.08, (('ears', 'chest'),)),
    (0.07, tuple((joint, 'ears') for joint in (
        'nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'head'))),
)
_MIRROR = np.append(COCO17.mirror, BODY.index('head'))


def sampling_weights(motions: Sequence[Motion]) -> Floats:
    """How often each clip is drawn, (M,): long ones more often, but no kind drowns the others."""
    frames = np.array([len(m) for m in motions], float)
    kinds = [m.name.split('/')[0] for m in motions]
    total = {kind: sum(f for f, k in zip(frames, kinds) if k == kind) for kind in kinds}
    weights = np.array([f / np.sqrt(total[kind]) for f, kind in zip(frames, kinds)])
    return np.asarray(weights / weights.sum())


def draw_bodies(rng: Generator, motions: Sequence[Motion], weights: Floats, batch: int,
                frames: int) -> Floats:
    """Bodies (B, T, 18, 3) [m], z up, above the origin at first, in random variations."""
    chosen = rng.choice(len(motions), batch, p=weights)
    body = np.stack([_stretch_of(rng, motions[i].body, frames) for i in chosen])
    body = reshape(rng, body)
    flip = rng.random(batch) < 0.5
    body[flip] = mirror(body[flip])
    turn = axis_rotations(rng.uniform(-np.pi, np.pi, batch), 2)
    turn = turn @ axis_rotations(rng.normal(0, 0.04, batch), 0)
    body[..., :2] -= body[:, :1, :, :2].mean(2, keepdims=True)
    return np.asarray(body @ np.swapaxes(turn, -1, -2)[:, None].astype(body.dtype))


def mirror(body: Floats) -> Floats:
    """The same movement with left and right exchanged, (..., 18, 3)."""
    out = body[..., _MIRROR, :].copy()
    out[..., 0] *= -1
    return out


def _stretch_of(rng: Generator, body: Floats, frames: int) -> Floats:
    """Frames from anywhere in a clip at 0.8 to 1.25 of its speed; short clips run to and fro."""
    at = rng.uniform(0, len(body) - 1) + rng.uniform(0.8, 1.25) * np.arange(frames)
    if rng.random() < 0.5:
        at = -at  # some run backwards: equally physical, twice the data
    last = len(body) - 1
    at = last - np.abs(np.mod(at, 2 * last) - last)
    low = np.minimum(at.astype(int), last - 1)
    share = (at - low)[:, None, None].astype(np.float32)
    return np.asarray(body[low] * (1 - share) + body[low + 1] * share)


def reshape(rng: Generator, body: Floats) -> Floats:
    """The same movement by people of other sizes and proportions, (B, T, 18, 3)."""
    batch = len(body)
    at = dict(zip(BODY, np.moveaxis(body, 2, 0)))
    for middle, end in (('hips', 'hip'), ('chest', 'shoulder'), ('ears', 'ear')):
        at[middle] = (at[f'left_{end}'] + at[f'right_{end}']) / 2
    size = np.exp(np.clip(rng.normal(0, 0.06, batch), -0.15, 0.15)).astype(np.float32)
    factors = [
        size * np.exp(np.clip(rng.normal(0, std, batch), -2 * std, 2 * std)).astype(np.float32)
        for std, _ in _PARTS
    ]
    legs = (factors[1] + factors[2])[:, None, None] / 2
    out = {'hips': at['hips'] * legs}
    for factor, (_, bones) in zip(factors, _PARTS):
        for child, parent in bones:
            out[child] = out[parent] + (at[child] - at[parent]) * factor[:, None, None]
    return np.stack([out[joint] for joint in BODY], 2)
