"""What a 2D detector makes of true rays: noise, heavy tails, swapped sides, wrong guesses.

The sizes follow measurements on rendered and on real people: median error 0.9 to 1.8 % of the
person's height, correlated by 0.76 to 0.85 from frame to frame.
"""
from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy.signal import lfilter
from scipy.special import ndtri

from ..skeleton import COCO17
from ..types import Bools, Floats

HEIGHT_M = 1.7
CORRELATION = 0.8


def ar1(rng: Generator, shape: tuple[int, ...], correlation: float = CORRELATION) -> Floats:
    """Unit noise (B, T, ...) whose neighbours in time are correlated."""
    white = rng.standard_normal(shape, np.float32)
    white[:, 1:] *= np.sqrt(1 - correlation ** 2)
    return np.asarray(lfilter([1.0], [1.0, -correlation], white, axis=1))


def bursts(
    rng: Generator, shape: tuple[int, ...], share: float, seconds: float, fps: float = 30.0
) -> Bools:
    """On-off noise (B, T, ...) that is on for `share` of the time, about `seconds` at a time."""
    correlation = float(np.exp(-1 / max(seconds * fps, 0.5)))
    return np.asarray(ar1(rng, shape, correlation) < ndtri(share))


def detect(rng: Generator, rays: Floats, per_m: Floats) -> tuple[Floats, Bools]:
    """Rays as a detector reports them, (B, T, 17, 2), and joints that it lost, (B, T, 17).

    Args:
        rays: True rays, (B, T, 17, 2).
        per_m: Length in the image of one metre at the person, (B, T).
    """
    batch, frames, joints, _ = rays.shape
    level = np.exp(rng.normal(np.log(0.009), 0.45, (batch, 1, 1, 1)))  # of the height, per axis
    noise = level * ar1(rng, rays.shape)
    tails = bursts(rng, (batch, frames, joints), 0.03, 0.1)[..., None]
    noise = noise * np.where(tails, 4.0, 1.0)
    # a detector's own habits
    noise = noise + level * 0.5 * rng.standard_normal((batch, 1, joints, 2))
    noise = noise + _wrong_guesses(rng, rays.shape)
    noisy = rays + noise * HEIGHT_M * per_m[..., None, None]
    swapped = bursts(rng, (batch, frames, 1, 1), 0.006, 0.1) & (rng.random((batch, 1, 1, 1)) < 0.5)
    noisy = np.where(swapped, noisy[:, :, COCO17.mirror], noisy)
    rate = rng.choice([0.004, 0.03, 0.1], batch, p=[0.4, 0.4, 0.2])
    lost = np.concatenate([bursts(rng, (1, frames, joints), float(r), 0.15) for r in rate])
    return noisy, lost


def _wrong_guesses(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Limbs reported as seen though they are guessed: some people, some limbs, for a while."""
    batch, frames, joints, _ = shape
    limbs = np.zeros((batch, 1, joints, 1), bool)
    for side in ('left', 'right'):
        for limb in (('elbow', 'wrist'), ('knee', 'ankle'), ('wrist',), ('ankle',)):
            where = rng.random(batch) < 0.08
            limbs[:, 0, COCO17.indices(*(f'{side}_{joint}' for joint in limb)), 0] |= where[
                :, None
            ]
    active = bursts(rng, (batch, frames, 1, 1), 0.3, 0.7) & limbs
    return np.where(active, 0.05 * ar1(rng, shape, 0.92), 0.0)
