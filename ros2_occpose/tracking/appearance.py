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
_EDGES = ((30, 50, 70, 90, 120, 150, 180),        # L of 8-bit CIELAB
          (112, 120, 125, 131, 136, 144),         # a
          (112, 120, 125, 131, 136, 144))         # b
_SIZES = [len(edges) + 1 for edges in _EDGES]
_BINS = sum(_SIZES)
# which bin of a histogram each value of each channel belongs to, (256, 3)
_BIN = np.stack([np.digitize(np.arange(256), edges) + sum(_SIZES[:channel])
                 for channel, edges in enumerate(_EDGES)], -1)
COLOURS = 2 * _BINS         # of the trunk and of the thighs
_LEAST_PX = 24.0            # a trunk less tall than this has no colours
_ACROSS, _DOWN = np.linspace(0.15, 0.85, 6), np.linspace(0.1, 0.9, 8)
_THIGH = np.array([[-0.06, 0.0], [0.06, 0.0]])      # its sides, in heights of the trunk


def describe(image: Image, keypoints_px: Floats, visible: Bools) -> Floats:
    """Colours (N, COLOURS) of people in an image; NaN of parts that do not show.

    Args:
        image: Where they are, BGR; an empty or black one tells nothing.
        keypoints_px: coco17, (N, 17, 2).
        visible: Which of them are seen, (N, 17).
    """
    out = np.full((len(visible), 2, _BINS), np.nan)
    if image.size and len(visible):
        shoulders, hips = keypoints_px[:, _SHOULDERS], keypoints_px[:, _HIPS]
        tall = np.linalg.norm(shoulders.mean(1) - hips.mean(1), axis=-1)      # (N,)
        shown = np.flatnonzero(visible[:, _TRUNK].all(1) & (tall >= _LEAST_PX))
        out[shown, 0] = _histograms(image, _between(shoulders[shown], hips[shown]))
        shown = shown[visible[shown][:, _KNEES].all(1)]
        sides = tall[shown, None, None] * _THIGH                              # (n, 2, 2)
        thighs = [_between(keypoints_px[shown, hip, None] + sides,
                           keypoints_px[shown, knee, None] + sides)
                  for hip, knee in zip(_HIPS, _KNEES)]
        out[shown, 1] = _histograms(image, np.concatenate(thighs, 1))
    return out.reshape(-1, COLOURS)


def _between(top: Floats, bottom: Floats) -> Floats:
    """Grids of points (n, K, 2) between two points above and two below, (n, 2, 2) each."""
    rows = top[:, None] + _DOWN[:, None, None] * (bottom - top)[:, None]      # (n, 8, 2, 2)
    grid = rows[:, :, :1] + _ACROSS[:, None] * (rows[:, :, 1:] - rows[:, :, :1])
    return grid.reshape(len(top), len(_DOWN) * len(_ACROSS), 2)


def _histograms(image: Image, points: Floats) -> Floats:
    """Histograms (n, _BINS) of the colours at points (n, K, 2) [px].

    NaN if most points are outside, if all are of one colour to the bit (no sensor sees clothes
    so), or all without colour (a monochrome camera: people are too alike in grey).
    """
    height, width = image.shape[:2]
    at = np.rint(points).astype(int)
    inside = ((at >= 0) & (at < (width, height))).all(-1)                     # (n, K)
    at = np.clip(at, 0, (width - 1, height - 1))
    colours = image[at[..., 1], at[..., 0]]                                   # (n, K, 3)
    if not colours.size:
        return np.full((len(points), _BINS), np.nan)
    useless = ((inside.mean(1) < 0.5) | (colours == colours[:, :1]).all((1, 2))
               | (colours == colours[..., :1]).all((1, 2)))
    lab = cv2.cvtColor(colours, cv2.COLOR_BGR2LAB)
    cell = _BIN[lab, np.arange(3)] + _BINS * np.arange(len(points))[:, None, None]
    weight = np.repeat(inside, 3)
    counts = np.bincount(cell.ravel(), weight, minlength=_BINS * len(points))
    share = counts.reshape(-1, _BINS) / np.maximum(inside.sum(1), 1)[:, None]
    return np.where(useless[:, None], np.nan, share)


def colour_likeness(a: Floats, b: Floats) -> Floats:
    """How alike colours (N, COLOURS) and (M, COLOURS) are, (N, M), 0..1; NaN: nothing to compare.

    The mean Bhattacharyya coefficient of the histograms that both have.
    """
    overlap = np.sqrt(a[:, None] * b[None]).reshape(len(a), len(b), 2, _BINS).sum(-1) / 3
    known = np.isfinite(overlap)                                              # (N, M, 2)
    mean = np.where(known, overlap, 0).sum(-1) / np.maximum(known.sum(-1), 1)
    return np.where(known.any(-1), mean, np.nan)


def blended(old: Floats, new: Floats, share: float) -> Floats:
    """Colours (N, COLOURS) that take on a share of newer ones; parts that do not show stay."""
    mixed = old + share * (new - old)
    return np.where(np.isfinite(mixed), mixed, np.where(np.isfinite(old), old, new))
