"""Things pasted over the image that hide the joints under them, for some seconds.

Huang et al., "Occluded Human Body Capture with Self-Supervised Spatial-Temporal Motion Prior",
2022, section 3.2: a random occluder on film in which nothing is hidden. Its size follows from the
share of the joints that it is to hide, so that all shares are learned from.
"""
from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from ...types import Bools, Floats
from ..mocap.motion import FPS

SHARES = (0.05, 0.7)       # of the joints, while it is there
_LASTS_S = (0.4, 10.0)
_APART = (0.25, 4.0)       # width of a shape over its height
_OFF_M = 0.45              # of its middle from the middle of the body, standard deviation
_FOLLOWS = 0.3             # share that goes with the person: something carried, something near
_SPEED_M = 0.25            # of what moves by itself [m/s], standard deviation
_MOVES = 0.5               # share of those


def paste(rng: Generator, rays: Floats, per_m: Floats) -> Bools:
    """Joints that something in the image hides for a while, (B, T, 17).

    Args:
        rng: Source of randomness.
        rays: Where the joints are, (B, T, 17, 2).
        per_m: Length in the image of one metre at the person, (B, T).
    """
    there = _spans(rng, len(per_m), int(per_m.shape[1]))
    return paste_share(rng, rays, per_m, there, rng.uniform(*SHARES, len(per_m)))


def paste_share(rng: Generator, rays: Floats, per_m: Floats, there: Bools,
                share: Floats) -> Bools:
    """Joints that things of just the size for it hide, (B, T, 17).

    Each sequence has an ellipse, a rectangle, a bar across the image or all that is beyond an
    edge; turned anyhow, still in the image, going with the person, or slowly moving.

    Args:
        rng: Source of randomness.
        rays: Where the joints are, (B, T, 17, 2).
        per_m: Length in the image of one metre at the person, (B, T).
        there: When the thing is there, (B, T).
        share: Of the joints to be hidden at that time, (B,).
    """
    depth = _depth(rng, rays, per_m)                                           # (B, T, 17)
    hidden = np.zeros(rays.shape[:3], bool)
    for row, when in enumerate(there):
        if when.any():
            reach = np.quantile(depth[row, when], share[row])
            hidden[row, when] = depth[row, when] < reach
    return hidden


def _spans(rng: Generator, batch: int, frames: int) -> Bools:
    """Frames in which it is there, (B, T)."""
    length = _log_uniform(rng, *_LASTS_S, batch) * FPS
    start = rng.uniform(-length + 1, frames - 1, batch)
    t = np.arange(frames)
    return np.asarray((t >= start[:, None]) & (t < (start + length)[:, None]))


def _depth(rng: Generator, rays: Floats, per_m: Floats) -> Floats:
    """How large the thing must be to hide each joint, (B, T, 17)."""
    batch, frames = len(per_m), int(per_m.shape[1])
    row, when = np.arange(batch), rng.integers(frames, size=batch)
    unit = per_m.mean(1)[:, None]                                              # (B, 1)
    body = rays.mean(2)                                                        # (B, T, 2)
    still = np.broadcast_to(body[row, when][:, None], body.shape)
    place = np.where((rng.random(batch) < _FOLLOWS)[:, None, None], body, still)
    drift = rng.normal(0, _SPEED_M / FPS, (batch, 2)) * (rng.random((batch, 1)) < _MOVES)
    t = np.arange(frames) - when[:, None]                                      # (B, T)
    away = rng.normal(0, _OFF_M, (batch, 2))[:, None] + drift[:, None] * t[..., None]
    around = rays - (place + unit[..., None] * away)[:, :, None]               # (B, T, 17, 2)
    angle = _angle(rng, batch)
    cos, sin = (part[:, None, None] for part in (np.cos(angle), np.sin(angle)))
    apart = np.sqrt(_log_uniform(rng, *_APART, batch))[:, None, None]
    x = (cos * around[..., 0] + sin * around[..., 1]) / apart
    y = (cos * around[..., 1] - sin * around[..., 0]) * apart
    kind = rng.integers(4, size=batch)[:, None, None]
    return np.select([kind == 0, kind == 1, kind == 2],
                     [np.hypot(x, y), np.maximum(np.abs(x), np.abs(y)), np.abs(x)], x)


def _angle(rng: Generator, batch: int) -> Floats:
    """How it is turned in the image (B,) [rad]: mostly upright, as things stand."""
    upright = rng.integers(4, size=batch) * np.pi / 2 + rng.normal(0, 0.1, batch)
    return np.where(rng.random(batch) < 0.7, upright, rng.uniform(-np.pi, np.pi, batch))


def _log_uniform(rng: Generator, low: float, high: float, batch: int) -> Floats:
    return np.asarray(np.exp(rng.uniform(math.log(low), math.log(high), batch)))
