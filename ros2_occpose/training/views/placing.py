"""Where people walk in a room so that they cross before a camera and not through each other."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from ...types import Floats
from ..mocap.bvh import axis_rotations

_WALKS_M = 0.7           # who moves farther than this goes somewhere
_APART_M = 0.7           # between the middles of two people, at least
_STEP_M = 0.4            # how far somebody gives way at a time
_STEPS = 12
_ASIDE = 0.2             # share of those who are aside at the meeting: they enter or leave


def place(rng: Generator, groups: Sequence[Floats], azimuth: float,
          frames: int) -> list[Floats]:
    """The groups in one room, each turned about z and shifted as a whole.

    Walkers cross the line of sight of a camera that looks from `azimuth`, all about the same time
    and one behind the other.

    Args:
        rng: Source of randomness.
        groups: People who belong together, each (M, T, 18, 3) [m].
        azimuth: Direction in which the camera stands, seen from the people.
        frames: Frames in which all of them move; they meet within.
    """
    to_camera = np.array([np.cos(azimuth), np.sin(azimuth)])
    across = np.array([-to_camera[1], to_camera[0]])
    meeting = rng.uniform(0.2, 0.8) * (frames - 1)
    depths = rng.permutation(len(groups)) - (len(groups) - 1) / 2
    depths = depths * rng.uniform(0.8, 1.4)
    placed: list[Floats] = []
    for k, (group, depth) in enumerate(zip(groups, depths)):
        path = group.mean((0, 2))[:, :2].astype(float)                         # (T, 2)
        turn = axis_rotations(np.array(_yaw(rng, path, azimuth, k)), 2)
        frame = int(np.clip(meeting + rng.normal(0, 15), 0, frames - 1))
        aside = rng.normal(0, 0.4)
        if rng.random() < _ASIDE:
            aside = rng.choice([-1, 1]) * rng.uniform(1.5, 3.5)
        where = depth * to_camera + aside * across
        turned = group @ turn.T.astype(group.dtype)
        shift = where - turn[:2, :2] @ path[frame]
        turned[..., :2] += _free(turned, shift, placed, to_camera).astype(group.dtype)
        placed.append(turned)
    return placed


def _yaw(rng: Generator, path: Floats, azimuth: float, k: int) -> float:
    """A turn that makes a walker cross the line of sight; any for who stays."""
    net = path[-1] - path[0]
    if np.hypot(*net) < _WALKS_M:
        return float(rng.uniform(-np.pi, np.pi))
    heading = azimuth + (-1) ** k * np.pi / 2 + rng.normal(0, 0.6)
    return float(heading - np.arctan2(net[1], net[0]))


def _free(group: Floats, shift: Floats, placed: Sequence[Floats], to_camera: Floats) -> Floats:
    """A shift near the wished one with which nobody runs into those who are there."""
    if not placed:
        return shift
    paths = group.mean(2)[..., :2] + shift                                     # (M, T, 2)
    others = np.concatenate([other.mean(2)[..., :2] for other in placed])      # (N, T, 2)
    best, widest = shift, -1.0
    for step in range(_STEPS):
        away = (-1) ** step * (step + 1) // 2 * _STEP_M * to_camera
        apart = np.linalg.norm(paths[:, None] + away - others, axis=-1).min()
        if apart > widest:
            best, widest = shift + away, float(apart)
        if apart >= _APART_M:
            break
    return best
