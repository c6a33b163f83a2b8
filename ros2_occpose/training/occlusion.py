"""Who is hidden when: the masks of the papers, and what robots meet. True means hidden."""
from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy.ndimage import uniform_filter1d
from scipy.special import ndtri

from ..skeleton import COCO17
from ..types import Bools, Floats
from .motion import FPS

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
    """Time-correlated random masks, (T, J), of gated convolution eq. 10-11.

    Uniform noise P is averaged over `kernel` frames and thresholded. The threshold is the one that
    hides `share` of the joints: an average of K uniform numbers is all but normal with variance 1
    / 12 K.
    """
    noise = rng.random((frames + kernel, joints))
    smooth = uniform_filter1d(noise, kernel, axis=0)[kernel // 2:kernel // 2 + frames]
    if kernel == 1:
        return np.asarray(smooth > 1 - share)
    return np.asarray(smooth > 0.5 + ndtri(1 - share) * np.sqrt(1 / (12 * kernel)))


def blackouts(
    frames: int, hidden_s: float = 1.6, period_s: float = 3.2, first_s: float = 1.6
) -> Bools:
    """Everything hidden for `hidden_s` of every `period_s`, (T,), as STRIDE defines it."""
    t = np.arange(frames) - round(first_s * FPS)
    return np.asarray((t >= 0) & (t % round(period_s * FPS) < round(hidden_s * FPS)))


def draw_masks(rng: Generator, around: Floats) -> Bools:
    """Hidden joints (B, T, 17) of a mixture of occlusions.

    Args:
        around: Place of each joint around the middle of the body, in metres in the image, (B, T,
            17, 2).
    """
    batch, frames, joints, _ = around.shape
    hidden = np.zeros((batch, frames, joints), bool)
    for row in range(batch):
        kind = rng.random()
        if kind < 0.3:
            hidden[row] = random_masks(rng, frames, joints, float(rng.uniform(0.05, 0.6)),
                                       int(np.exp(rng.uniform(np.log(3), np.log(90)))))
        elif kind < 0.5:
            hidden[row] = _groups(rng, frames, joints)
        elif kind < 0.65:
            hidden[row] = _behind_an_edge(rng, around[row])
        if rng.random() < 0.25:
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
    axis, sign = ((1, 1), (0, 1), (0, -1))[rng.choice(3, p=[0.5, 0.25, 0.25])]
    edge = rng.uniform(-0.3, 0.7) + np.cumsum(rng.normal(0, 0.01)
                                              + rng.normal(0, 0.01, frames))  # [m] from the middle
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
