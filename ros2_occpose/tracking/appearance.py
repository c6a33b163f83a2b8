"""What people look like, so that somebody who comes back gets the id of before.

Motion says who is who from frame to frame. After a while out of sight it says little; clothes
still do: the colours of trunk and thighs, two histograms, read from the image between the joints
that are seen.
"""
from __future__ import annotations

import cv2
import numpy as np

from ..skeleton import COCO17
from ..types import Bools, Floats, Image

_SHOULDERS, _HIPS, _KNEES = (COCO17.indices(f'left_{part}', f'right_{part}')
                             for part in ('shoulder', 'hip', 'knee'))
_TRUNK = np.concatenate([_SHOULDERS, _HIPS])
_EDGES = (np.array([0, 30, 50, 70, 90, 120, 150, 180, 256]),        # L of 8-bit CIELAB
          np.array([0, 112, 120, 125, 131, 136, 144, 256]))         # a and b around 128
_BINS = len(_EDGES[0]) - 1 + 2 * (len(_EDGES[1]) - 1)
COLOURS = 2 * _BINS            # of the trunk and of the thighs
_LEAST_PX = 24.0            # a trunk less tall than this has no colours
_ACROSS, _DOWN = np.linspace(0.15, 0.85, 6), np.linspace(0.1, 0.9, 8)


def describe(image: Image, keypoints_px: Floats, visible: Bools) -> Floats:
    """Colours (N, COLOURS) of people in an image; NaN of parts that do not show.

    Args:
        image: Where they are, BGR; an empty or black one tells nothing.
        keypoints_px: coco17, (N, 17, 2).
        visible: Which of them are seen, (N, 17).
    """
    out = np.full((len(visible), 2, _BINS), np.nan)
    if image.size == 0:
        return out.reshape(-1, COLOURS)
    for row, (points, seen) in enumerate(zip(keypoints_px, visible)):
        tall = np.linalg.norm(points[_SHOULDERS].mean(0) - points[_HIPS].mean(0))
        if not seen[_TRUNK].all() or tall < _LEAST_PX:
            continue
        out[row, 0] = _colours(image, _between(points[_SHOULDERS], points[_HIPS]))
        if seen[_KNEES].all():
            legs = [_between(points[[hip, hip]] + ((-0.06 * tall, 0), (0.06 * tall, 0)),
                             points[[knee, knee]] + ((-0.06 * tall, 0), (0.06 * tall, 0)))
                    for hip, knee in zip(_HIPS, _KNEES)]
            out[row, 1] = _colours(image, np.concatenate(legs))
    return out.reshape(-1, COLOURS)


def _between(top: Floats, bottom: Floats) -> Floats:
    """A grid of points (K, 2) between two points above (2, 2) and two below (2, 2)."""
    rows = top + _DOWN[:, None, None] * (bottom - top)                        # (8, 2, 2)
    grid = rows[:, :1] + _ACROSS[:, None] * (rows[:, 1:] - rows[:, :1])       # (8, 6, 2)
    return grid.reshape(-1, 2)


def _colours(image: Image, points: Floats) -> Floats:
    """Histogram of the colours at points (K, 2) [px], (_BINS,).

    NaN if most are outside, or if all are of one colour to the bit: no sensor sees clothes so.
    """
    height, width = image.shape[:2]
    at = np.rint(points).astype(int)
    at = at[((at >= 0) & (at < (width, height))).all(1)]
    if len(at) < len(points) / 2:
        return np.full(_BINS, np.nan)
    colours = image[at[:, 1], at[:, 0]]                                       # (K, 3)
    if (colours == colours[0]).all():
        return np.full(_BINS, np.nan)
    lab = cv2.cvtColor(colours[None], cv2.COLOR_BGR2LAB)[0]
    parts = [np.histogram(lab[:, channel], edges)[0]
             for channel, edges in enumerate((_EDGES[0], _EDGES[1], _EDGES[1]))]
    return np.concatenate(parts) / len(at)


def colour_likeness(a: Floats, b: Floats) -> Floats:
    """How alike colours (N, COLOURS) and (M, COLOURS) are, (N, M), 0..1; NaN: nothing to compare.

    The mean Bhattacharyya coefficient of the histograms that both have.
    """
    overlap = np.sqrt(a[:, None] * b[None]).reshape(len(a), len(b), 2, _BINS).sum(-1) / 3
    known = np.isfinite(overlap)                                              # (N, M, 2)
    mean = np.where(known, overlap, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return np.where(known.any(-1), mean, np.nan)


def blended(old: Floats, new: Floats, share: float) -> Floats:
    """Looks that take on a share of newer ones; parts that do not show stay."""
    mixed = old + share * (new - old)
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(old), old, new))
