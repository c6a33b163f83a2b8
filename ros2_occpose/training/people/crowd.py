"""A batch of moving bodies while it is being made, and courses of chance over time."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ...skeleton import SMPL24
from ...types import Floats, Ints
from ..mocap.motion import FPS
from .quaternions import about, from_matrices, inverse, product, rotate, to_matrices, unit

SIDES = ('left', 'right')
UPRIGHT = about(0, np.array(np.pi / 2))[:, None, None]     # somebody upright who faces -y
ANKLE = 0.093                                              # its height, share of the leg


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """B moving bodies on the smpl24 tree, z up; component first as in `quaternions`."""

    turns: Floats      # (4, 24, B, T) of each joint in its parent's axes, the root's in the world
    root: Floats       # (3, B, T) [m] position of the pelvis
    offsets: Floats    # (3, 24, B) [m] of each joint from its parent in the parent's axes

    def __len__(self) -> int:
        return int(self.root.shape[1])

    def pick(self, rows: Ints) -> Crowd:
        """Some of the bodies, copied."""
        return Crowd(turns=self.turns[:, :, rows], root=self.root[:, rows],
                     offsets=self.offsets[:, :, rows])

    def put(self, rows: Ints, others: Crowd) -> None:
        """Write other bodies in the place of some."""
        self.turns[:, :, rows], self.root[:, rows] = others.turns, others.root
        self.offsets[:, :, rows] = others.offsets

    def joint(self, name: str) -> tuple[Floats, Floats]:
        """Where a joint is (3, B, T) [m] and how it is turned in the world (4, B, T)."""
        joint = SMPL24.index(name)
        parent = SMPL24.parents[joint]
        if parent < 0:
            return self.root, self.turns[:, 0]
        start, turn = self.joint(SMPL24.joints[parent])
        place = start + rotate(turn, self.offsets[:, joint, :, None])
        return place, product(turn, self.turns[:, joint])

    def length(self, joint: str) -> Floats:
        """Of the bone that ends in a joint, (B,) [m]."""
        return np.asarray(np.sqrt((self.offsets[:, SMPL24.index(joint)] ** 2).sum(0)))

    def leg(self) -> Floats:
        """Length of thigh and shin, (B,) [m]."""
        return self.length('left_knee') + self.length('left_ankle')


def crowd_of(rotations: Floats, root: Floats, offsets: Floats) -> Crowd:
    """One body (T, 24, 3, 3), (T, 3), (24, 3) as a crowd of one."""
    return Crowd(turns=from_matrices(rotations)[:, :, None],
                 root=root.T[:, None].astype(np.float32),
                 offsets=offsets.T[..., None].astype(np.float32))


def arrays_of(crowd: Crowd) -> tuple[Floats, Floats, Floats]:
    """Rotations (B, T, 24, 3, 3), root (B, T, 3) [m] and offsets (B, 24, 3) [m]."""
    return (to_matrices(crowd.turns), np.ascontiguousarray(np.moveaxis(crowd.root, 0, -1)),
            np.ascontiguousarray(crowd.offsets.transpose(2, 1, 0)))


def split_heading(turn: Floats) -> tuple[Floats, Floats]:
    """How the root is turned, (4, B, T), as a turn about the vertical after a tilt.

    The tilt of somebody upright is `UPRIGHT`; turn = heading @ tilt.
    """
    lying = product(turn, inverse(UPRIGHT))
    zero = np.zeros_like(turn[0])
    heading = unit(np.stack([lying[0], zero, zero, lying[3]]))
    return heading, product(inverse(heading), turn)


def slow_noise(rng: Generator, shape: tuple[int, ...], frames: int, seconds: float) -> Floats:
    """Smooth courses (*shape, T) of mean 0 and std 1 that change within about some seconds.

    Cubic B-splines over normal control points; the first and the second derivative are smooth.
    """
    step = seconds * FPS
    knots = int(frames / step) + 5
    at = (np.arange(frames) / step + rng.random())[:, None] - (np.arange(knots) - 1)   # (T, K)
    far = np.abs(at)
    basis = np.where(far < 1, 2 / 3 - far ** 2 + far ** 3 / 2,
                     np.maximum(2 - far, 0) ** 3 / 6).astype(np.float32)
    basis /= np.sqrt((basis ** 2).sum(1, keepdims=True))
    return np.asarray(rng.standard_normal((*shape, knots), np.float32) @ basis.T)


def episodes(rng: Generator, batch: int, frames: int, *, already: float,
             lasting_s: tuple[float, float], change_s: tuple[float, float]) -> Floats:
    """Courses (B, T) between 0 and 1 that stay at either end for a while and then change over.

    Args:
        rng: Source of chance.
        batch: How many.
        frames: T.
        already: Share that starts with 1.
        lasting_s: Least and greatest time between changes.
        change_s: Least and greatest time that a change takes; smooth, as hands and bodies move.
    """
    changes = int(frames / FPS / (lasting_s[0] + change_s[0])) + 2
    long = rng.uniform(*change_s, (batch, changes))
    wait = rng.uniform(*lasting_s, (batch, changes))
    wait[:, 0] *= rng.random(batch)
    start = np.cumsum(wait, 1) + np.cumsum(long, 1) - long                  # (B, K) [s]
    now = np.arange(frames) / FPS
    share = np.clip((now - start[..., None]) / long[..., None], 0, 1)       # (B, K, T)
    done = share ** 3 * (10 - 15 * share + 6 * share ** 2)                  # least jerk
    sign = np.where(np.arange(changes) % 2 == 0, 1.0, -1.0)[:, None]
    rising = (done * sign).sum(1)                                           # 0 -> 1 -> 0 ...
    course = np.where(rng.random((batch, 1)) < already, 1 - rising, rising)
    return np.asarray(course, np.float32)
