"""Paths of other people: curved otherwise, with feet that stay where they stand."""
from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ...types import Floats
from .crowd import SIDES, Crowd, slow_noise
from .quaternions import about, product, rotate

_LOW_M = (0.2, 0.35)     # below: the lower foot carries; above: nothing is known of what carries
_SHARP_M = 0.02          # the lower foot carries, if it is lower by more than this
_BENDS_S = 2.5           # a path changes its curvature within about this time
_STEP_M = 0.08           # the most that one frame adds to a turn: jumps and falls are no walks


def follow(rng: Generator, recorded: Crowd, crowd: Crowd, curve: float) -> Crowd:
    """Lead a crowd along new paths, on the feet of those whose movements it has.

    The pelvis of the recorded movement would make the feet of somebody of another size slide.
    So the foot that stands is followed: it moves as the recorded foot did (that is, hardly), on
    the new path, and at the recorded height, both in the scale of the legs.

    Args:
        rng: Source of chance.
        recorded: The movement that feet and path are taken from.
        crowd: The same movement by other people; where its root is does not matter.
        curve: Standard deviation of the curvature that paths gain [rad/m].
    """
    scale = (crowd.leg() / recorded.leg())[:, None]
    step = np.diff(recorded.root, axis=-1, prepend=recorded.root[..., :1])         # (3, B, T)
    walked = np.minimum(np.hypot(step[0], step[1]), _STEP_M)
    bend = curve * slow_noise(rng, (len(crowd),), step.shape[-1], _BENDS_S)
    heading = about(2, np.cumsum(bend * walked, -1))                               # (4, B, T)
    turns = crowd.turns.copy()
    turns[:, 0] = product(heading, turns[:, 0])

    led = Crowd(turns=turns, root=np.zeros_like(crowd.root), offsets=crowd.offsets)
    feet = np.stack([recorded.joint(f'{side}_ankle')[0] for side in SIDES], 1)     # (3, 2, B, T)
    ours = np.stack([led.joint(f'{side}_ankle')[0] for side in SIDES], 1)          # from the root
    share, known = _carrying(feet[2])
    foot_step = scale * rotate(heading[:, None], np.diff(feet, axis=-1, prepend=feet[..., :1]))
    stays = (share * (foot_step - np.diff(ours, axis=-1, prepend=ours[..., :1]))).sum(1)
    path = known * stays + (1 - known) * scale * rotate(heading, step)
    root = np.cumsum(path, -1)
    above = scale * feet[2] - ours[2]                                              # (2, B, T)
    root[2] = known * (share * above).sum(0) + (1 - known) * scale * recorded.root[2]
    return Crowd(turns=turns, root=root.astype(np.float32), offsets=crowd.offsets)


def _carrying(height: Floats) -> tuple[Floats, Floats]:
    """How much of the weight each foot carries (2, B, T), and how sure that is (B, T)."""
    lowest = height.min(0)
    share = np.exp(-(height - lowest) / _SHARP_M)
    low, high = _LOW_M
    return share / share.sum(0), np.clip((high - lowest) / (high - low), 0, 1)
