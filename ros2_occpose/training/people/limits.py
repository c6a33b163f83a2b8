"""How far the joints of a body turn, and small unrest of all joints within that."""
from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ...skeleton import SMPL24
from ...types import Floats
from .crowd import slow_noise
from .quaternions import of_vector, product

# From and to about x (to the left: bending forward; knees), y (up) and z (forward) of the left
# or middle joint [degrees], from the T-pose; the right side mirrors it. Ranges of motion of
# healthy adults as clinical goniometry gives them (American Academy of Orthopaedic Surgeons),
# wider where the recorded dancers and fighters go further. Elbows bend about y; x is the turn of
# the forearm about itself.
_RANGES: dict[str, tuple[tuple[float, float], ...]] = {
    'hip': ((-135, 45), (-50, 60), (-40, 75)),
    'knee': ((-5, 155), (-25, 25), (-12, 12)),
    'ankle': ((-60, 45), (-45, 45), (-40, 40)),
    'foot': ((-60, 60), (-15, 15), (-15, 15)),
    'spine1': ((-25, 45), (-30, 30), (-25, 25)),
    'spine2': ((-20, 40), (-30, 30), (-25, 25)),
    'spine3': ((-20, 40), (-30, 30), (-25, 25)),
    'neck': ((-45, 45), (-50, 50), (-35, 35)),
    'head': ((-40, 40), (-45, 45), (-30, 30)),
    'collar': ((-30, 30), (-35, 35), (-25, 50)),
    'shoulder': ((-140, 120), (-140, 75), (-115, 115)),
    'elbow': ((-100, 100), (-160, 8), (-30, 30)),
    'wrist': ((-95, 90), (-60, 60), (-90, 90)),
    'hand': ((-90, 90), (-60, 60), (-90, 90)),
}
# Unrest of each joint about each axis, standard deviation [degrees].
_UNREST: dict[str, tuple[float, float, float]] = {
    'pelvis': (1.5, 0.0, 1.5), 'hip': (2, 2.5, 1.5), 'knee': (2.5, 0.5, 0.5), 'ankle': (3, 2, 2),
    'foot': (2, 0, 0), 'spine1': (2, 2, 1.5), 'spine2': (2, 2, 1.5), 'spine3': (2, 2, 1.5),
    'neck': (4, 6, 3), 'head': (4, 6, 3), 'collar': (1.5, 2.5, 2.5), 'shoulder': (8, 8, 8),
    'elbow': (6, 9, 1.5), 'wrist': (8, 6, 8), 'hand': (5, 3, 5),
}
UNREST_S = 1.0     # it changes within about this time
_MOST_UNREST = 2.0     # times of it that the least calm have; 0: the calmest


def _of_joints(table: dict[str, tuple[float, float, float]]) -> Floats:
    """Values of each smpl24 joint about x, y and z, (3, 24), the same on both sides."""
    return np.array([table[joint.rpartition('_')[2]] for joint in SMPL24.joints]).T


def _limits() -> tuple[Floats, Floats]:
    """Least and greatest turn about x, y and z [rad], (3, 24) each; none for the root."""
    low, high = np.full((2, 3, len(SMPL24.joints)), np.pi)
    low = -low
    for index, joint in enumerate(SMPL24.joints[1:], start=1):
        side, _, kind = joint.rpartition('_')
        ranges = np.radians(_RANGES[kind])
        low[:, index], high[:, index] = ranges.T
        if side == 'right':
            low[1:, index], high[1:, index] = -ranges[1:, 1], -ranges[1:, 0]
    return low, high


LEAST, GREATEST = _limits()
_LOW, _HIGH = (np.tan(limit / 4).astype(np.float32)[:, :, None, None] for limit in _limits())
_STD = np.radians(_of_joints(_UNREST)).astype(np.float32)[:, :, None, None]


def coordinates(turns: Floats) -> Floats:
    """Turns (4, ...) as axis * tan(angle / 4), (3, ...): smooth up to a whole turn, without sines.

    Limits are intervals of these coordinates: a joint that turns about one axis alone reaches
    exactly its limit there. (Modified Rodrigues parameters.)
    """
    sign = np.where(turns[0] < 0, np.float32(-1), np.float32(1))
    return np.asarray(turns[1:] * (sign / (1 + np.abs(turns[0]))))


def within(turns: Floats) -> Floats:
    """Turns (4, 24, B, T) of joints in their parents' axes, brought back inside the limits."""
    at = np.clip(coordinates(turns), _LOW, _HIGH)
    square = (at * at).sum(0, keepdims=True)
    out = np.concatenate([1 - square, 2 * at]) / (1 + square)
    out[:, 0] = turns[:, 0]                                  # the root turns as it likes
    return np.asarray(out)


def unrest(rng: Generator, turns: Floats) -> Floats:
    """The same movement, every joint a little and slowly otherwise, within its limits."""
    batch, frames = turns.shape[2:]
    size = rng.uniform(0, _MOST_UNREST, (batch, 1)).astype(np.float32)
    noise = slow_noise(rng, (3, len(SMPL24.joints), batch), frames, UNREST_S)
    return within(product(turns, of_vector(noise * _STD * size)))
