"""Who is hidden when: the masks of the papers, and what robots meet. True means hidden."""
from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.special import ndtri

from ...skeleton import COCO17
from ...types import Bools, Floats
from ..mocap.motion import FPS

KERNEL = 21              # K of eq. 11 wherever people are judged

# How a training sequence is hidden: the share of each kind. The last three happen in the room,
# and there the body's own parts hide joints too.
SHARES = {
    'nothing': 0.26,     # but what leaves the image and what the detector loses
    'random': 0.30,      # eq. 10-11 of gated convolution
    'groups': 0.09,      # limbs, for a while
    'edge': 0.07,        # beyond a line across the image
    'self': 0.10,        # the Cylinder Man
    'person': 0.09,      # somebody who passes
    'object': 0.09,      # furniture
}
BLACKOUTS = 0.2          # share of the sequences with times in which all is hidden, on top

# Axis and side of what is hidden; where the edge is at first, from and to, from the middle [m].
_EDGES = ((1, 1, -0.3, 0.7), (1, 1, -0.3, 0.7), (0, 1, -0.25, 0.25), (0, -1, -0.25, 0.25))

_LOWER = COCO17.indices('left_knee', 'right_knee', 'left_ankle', 'right_ankle')
_GROUPS = (
    _LOWER,
    [*_LOWER, *COCO17.indices('left_hip', 'right_hip')],
    COCO17.indices('left_ankle', 'right_ankle'),
    *(COCO17.indices(f'{side}_elbow', f'{side}_wrist') for side in ('left', 'right')),
    *(
        COCO17.indices(
            *(
                f'{side}_{joint}'
                for joint in ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
            )
        )
        for side in ('left', 'right')
    ),
    COCO17.indices('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear'),
)


def random_masks(rng: Generator, frames: int, joints: int, share: float, kernel: int) -> Bools:
    """Time-correlated random masks M, (T, J), of gated convolution eq. 10-11.

    Args:
        rng: Source of randomness.
        frames: T.
        joints: J, each with its own noise.
        share: Of the joints that are hidden, 0 to 1; gives the threshold theta.
        kernel: K, frames over which the uniform noise P is averaged.
    """
    noise = rng.random((frames + kernel, joints))
    smooth = uniform_filter1d(noise, kernel, axis=0)[kernel // 2:kernel // 2 + frames]
    return np.asarray(smooth > threshold(share, kernel))


def threshold(share: float, kernel: int) -> float:
    """Theta of eq. 10: what an average of K uniform numbers exceeds with this probability.

    Their distribution is normal but for its kurtosis of -6 / 5 K (Cornish-Fisher expansion).
    """
    if kernel == 1:
        return 1 - share
    z = ndtri(1 - share)
    return float(0.5 + (z - 0.05 / kernel * (z ** 3 - 3 * z)) * np.sqrt(1 / (12 * kernel)))


def blackouts(
    frames: int, hidden_s: float = 1.6, period_s: float = 3.2, first_s: float = 1.6
) -> Bools:
    """Everything hidden for `hidden_s` of every `period_s`, (T,), as STRIDE defines it."""
    t = np.arange(frames) - round(first_s * FPS)
    return np.asarray((t >= 0) & (t % round(period_s * FPS) < round(hidden_s * FPS)))


def draw_kinds(rng: Generator, batch: int) -> NDArray[np.str_]:
    """What hides each sequence, (B,): keys of `SHARES`."""
    return rng.choice(tuple(SHARES), batch, p=tuple(SHARES.values()))


def draw_masks(rng: Generator, kinds: NDArray[np.str_], around: Floats) -> Bools:
    """Hidden joints (B, T, 17) of the kinds that are drawn in the image, and blackouts.

    Args:
        rng: Source of randomness.
        kinds: Of each sequence, (B,); see `occluders.obstruct` for those of the room.
        around: Place of each joint around the middle of the body, in metres in the image, (B, T,
            17, 2).
    """
    batch, frames, joints, _ = around.shape
    hidden = np.zeros((batch, frames, joints), bool)
    for row, kind in enumerate(kinds):
        if kind == 'random':
            hidden[row] = random_masks(rng, frames, joints, float(rng.uniform(0.05, 0.7)),
                                       int(np.exp(rng.uniform(np.log(3), np.log(90)))))
        elif kind == 'groups':
            hidden[row] = _groups(rng, frames, joints)
        elif kind == 'edge':
            hidden[row] = _behind_an_edge(rng, around[row])
        if rng.random() < BLACKOUTS:
            hidden[row] |= _some_blackouts(rng, frames)[:, None]
    return hidden


def _span(rng: Generator, frames: int, shortest_s: float, longest_s: float) -> slice:
    length = int(rng.uniform(shortest_s, longest_s) * FPS)
    start = int(rng.integers(-length, frames))
    return slice(max(start, 0), max(start + length, 0))


def _groups(rng: Generator, frames: int, joints: int) -> Bools:
    hidden = np.zeros((frames, joints), bool)
    for _ in range(rng.integers(1, 4)):
        hidden[_span(rng, frames, 0.3, 12.0), _GROUPS[rng.integers(len(_GROUPS))]] = True
    return hidden


def _behind_an_edge(rng: Generator, around: Floats) -> Bools:
    """Behind a table (everything below a line) or a wall (everything to one side)."""
    frames = len(around)
    axis, sign, least, most = _EDGES[rng.integers(len(_EDGES))]
    steps = rng.normal(0, 0.003) + rng.normal(0, 0.01, frames)                 # [m]
    edge = rng.uniform(least, most) + np.cumsum(steps)
    hidden = np.zeros(around.shape[:2], bool)
    when = _span(rng, frames, 1.0, 10.0)
    hidden[when] = (sign * around[..., axis] > edge[:, None])[when]
    return hidden


def _some_blackouts(rng: Generator, frames: int) -> Bools:
    if rng.random() < 0.25:
        return blackouts(frames, first_s=float(rng.uniform(0.3, 3)))
    hidden = np.zeros(frames, bool)
    for _ in range(rng.integers(1, 4)):
        hidden[_span(rng, frames, 0.2, 1.6)] = True
    return hidden
