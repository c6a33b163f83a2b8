"""How people move: a Kalman filter of constant velocity, over all people at once, in metres.

The state of a person is position and velocity, (N, 6). Bar-Shalom, Li and Kirubarajan, "Estimation
with Applications to Tracking and Navigation", 2001, section 6.2.2: white noise acceleration.
"""
from __future__ import annotations

import numpy as np

from ..types import Floats

_START_SPEED_STD = 1.2     # of somebody seen for the first time [m/s]


def start(position: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Mean (N, 6) and covariance (N, 6, 6) of people first seen at `position` (N, 3).

    Args:
        noise: Covariance of the position, (N, 3, 3).
    """
    n = len(position)
    mean, covariance = np.zeros((n, 6)), np.zeros((n, 6, 6))
    mean[:, :3] = position
    covariance[:, :3, :3] = noise
    covariance[:, 3:, 3:] = _START_SPEED_STD ** 2 * np.eye(3)
    return mean, covariance


def predict(mean: Floats, covariance: Floats, dt_s: float,
            agility: Floats) -> tuple[Floats, Floats]:
    """The state `dt_s` later.

    Args:
        agility: Change of velocity in a second along each axis, as a std, (3,) [m/s].
    """
    axes = np.arange(3)
    step, unrest = np.eye(6), np.zeros((6, 6))
    step[axes, axes + 3] = dt_s
    unrest[axes, axes] = agility ** 2 * dt_s ** 3 / 3
    unrest[axes, axes + 3] = unrest[axes + 3, axes] = agility ** 2 * dt_s ** 2 / 2
    unrest[axes + 3, axes + 3] = agility ** 2 * dt_s
    return mean @ step.T, step @ covariance @ step.T + unrest


def correct(mean: Floats, covariance: Floats, position: Floats,
            noise: Floats) -> tuple[Floats, Floats]:
    """The state after seeing people at `position` (N, 3) with covariance `noise` (N, 3, 3)."""
    gain = covariance[:, :, :3] @ np.linalg.inv(covariance[:, :3, :3] + noise)      # (N, 6, 3)
    mean = mean + (gain @ (position - mean[:, :3])[..., None])[..., 0]
    covariance = covariance - gain @ covariance[:, :3, :]
    return mean, (covariance + covariance.transpose(0, 2, 1)) / 2


def turn(mean: Floats, covariance: Floats, b_from_a: Floats) -> tuple[Floats, Floats]:
    """The same state in another frame, `b_from_a` (4, 4); the velocity is only turned."""
    rotation = np.kron(np.eye(2), b_from_a[:3, :3])
    mean = mean @ rotation.T
    mean[:, :3] += b_from_a[:3, 3]
    return mean, rotation @ covariance @ rotation.T
