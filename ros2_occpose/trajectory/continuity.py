"""How people move: first and second order continuity in one chain of velocities.

The velocity of a frame is a part `keep` of the one before plus a random change:

    v_t = (C_t - C_(t-1)) / dt_t,   r_t = v_t - keep_t v_(t-1),   cost = sum |r_t|^2 / 2 change_t^2

Multiplied out, |r_t|^2 sums to keep |v_t - v_(t-1)|^2 and (1 - keep)^2 |v_t|^2: the second and the
first order term of eq. 9 of the gated convolution paper, with weights that mean the same at every
frame rate. Written as a chain it is a prior of motion that may be cut at any frame: an unseen
person coasts, slows down, and its covariance grows as people's positions do.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import TrajectoryConfig
from ..types import Floats, Ints


class Motion:
    """What people are taken to do, an axis each (3,)."""

    def __init__(self, config: TrajectoryConfig, *, upright: bool) -> None:
        """With `upright`, z of the roots is vertical: people rise and sink less than they walk."""
        vertical = config.vertical_speed_std if upright else config.speed_std
        self.speed_variance = np.square([config.speed_std, config.speed_std, vertical])  # [m2/s2]
        # Velocity is forgotten as exp(-t / memory), and changes by acceleration_std in a second.
        self.memory_s = 2 * self.speed_variance / config.acceleration_std ** 2


@dataclass(frozen=True)
class Chain:
    """Residuals now C_t + before C_(t-1) + earlier C_(t-2), an axis each, with their weights."""

    now: Floats         # (T, 1) [1/s]
    before: Floats      # (N, T, 3)
    earlier: Floats     # (N, T, 3)
    weight: Floats      # (N, T, 3) [s^2/m^2]; 0 where a person has no residual

    @staticmethod
    def of(motion: Motion, times_s: Floats, first: Ints) -> Chain:
        """The chain of a window.

        Args:
            motion: What people do.
            times_s: Of the frames, (T,), growing.
            first: Frame in which each person was met, (N,); negative: before the window. The
                terms of frames 0 and 1 of those are left out: they live on in what earlier frames
                taught.
        """
        step = np.empty((len(times_s), 1))
        step[1:, 0] = times_s[1:] - times_s[:-1]
        step[0] = step[1]
        step_before = np.concatenate([step[:1], step[:-1]])
        keep = np.exp((step + step_before) / (-2 * motion.memory_s))                 # (T, 3)
        change = motion.speed_variance * (1 - keep * keep)

        frame = np.arange(len(times_s))
        age = (frame - first[:, None])[..., None]                                    # (N, T, 1)
        start, going = (age == 1) & (frame > 0)[:, None], (age >= 2) & (frame >= 2)[:, None]
        weight = start / motion.speed_variance + going / change
        earlier = going * (keep / step_before)
        return Chain(1 / step, -1 / step - earlier, earlier, weight)

    def bands(self) -> tuple[Floats, Floats, Floats]:
        """The information between a frame and itself, the next and the one after, (N, T, 3)."""
        now, before = self.weight * self.now, self.weight * self.before
        same = now * self.now
        same[:, :-1] += (before * self.before)[:, 1:]
        same[:, :-2] += (self.weight * self.earlier * self.earlier)[:, 2:]
        following, second = np.zeros_like(same), np.zeros_like(same)
        following[:, :-1] = (before * self.now)[:, 1:]
        following[:, :-2] += (before * self.earlier)[:, 2:]
        second[:, :-2] = (now * self.earlier)[:, 2:]
        return same, following, second

    def oldest(self) -> Floats:
        """The information that frame 0 takes part in, between frames 0, 1 and 2, (N, 3, 3, 3).

        The last axis is the coordinate.
        """
        none = np.zeros_like(self.weight[:, 0])
        first = np.stack([self.before[:, 1], none + self.now[1], none], 1)   # (N, frame, axis)
        second = np.stack([self.earlier[:, 2], self.before[:, 2], none + self.now[2]], 1)
        return (self.weight[:, 1, None, None] * first[:, :, None] * first[:, None]
                + self.weight[:, 2, None, None] * second[:, :, None] * second[:, None])

    def expected(self, roots: Floats) -> Floats:
        """Where roots (N, T - 1, 3) lead in the last frame if nothing changes, (N, 1, 3)."""
        led = self.before[:, -1] * roots[:, -1] + self.earlier[:, -1] * roots[:, -2]
        return -(led / self.now[-1])[:, None]

    def expected_covariance(self, last_two: Floats) -> Floats:
        """Covariance of `expected`, (N, 3, 3), from that of the two frames before, (N, 6, 6)."""
        axes = np.eye(3) / -self.now[-1]
        lead = np.concatenate([self.earlier[:, -1, :, None] * axes,
                               self.before[:, -1, :, None] * axes], 2)       # (N, 3, 6)
        change = 1 / np.maximum(self.weight[:, -1] * self.now[-1] ** 2, 1e-9)
        return lead @ last_two @ np.swapaxes(lead, 1, 2) + change[:, :, None] * np.eye(3)
