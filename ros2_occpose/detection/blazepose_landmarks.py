"""The second network of BlazePose: the joints of the person in each region.

Facts of the network as published with MediaPipe 0.10.21: 256 x 256 RGB in [0, 1]; 33 joints, two
points that give the region for the next frame and four that are not used; a heat map of each that
is finer than the regressed point.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..skeleton import BLAZEPOSE33
from ..types import Floats, Image
from .blazepose_boxes import Run
from .regions import crop, regions_from_axes, to_image

INPUT_PX = 256
_POINTS = 39
_JOINTS = len(BLAZEPOSE33.joints)
_WINDOW = 7                 # cells of the heat map looked at around the regressed point
_MIN_PEAK = 0.5             # a flatter heat map says nothing
_BATCH = 4


@dataclass(frozen=True)
class Landmarks:
    """What the network says of each region."""

    points_px: Floats       # (N, 33, 2)
    visibility: Floats      # (N, 33) probability that the joint is not hidden
    presence: Floats        # (N, 33) probability that the joint is inside the region
    peak: Floats            # (N, 33) highest probability in the heat map around the joint
    person: Floats          # (N,) probability that there is a person
    next_regions: Floats    # (N, 4) where to look for the person in the next frame

    def __len__(self) -> int:
        return len(self.person)


class LandmarkNetwork:
    """Finds the joints of people whose place is known roughly."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __call__(self, image: Image, regions: Floats) -> Landmarks:
        """The joints of the people in `regions` (N, 4) of `image`."""
        parts = [self._run({'image': as_input(image, regions[i:i + _BATCH])})
                 for i in range(0, len(regions), _BATCH)]
        if not parts:
            heat = np.zeros((0, 64, 64, _POINTS))
            return decode(np.zeros((0, 5 * _POINTS)), np.zeros(0), heat, regions)
        landmarks, person, heat = (np.concatenate([part[name] for part in parts])
                                  for name in ('landmarks', 'presence', 'heatmap'))
        return decode(landmarks, person.reshape(-1), heat, regions)


def as_input(image: Image, regions: Floats) -> Floats:
    """The content of the regions as the network wants it, (N, 256, 256, 3) in [0, 1]."""
    pixels = np.stack([crop(image, region, INPUT_PX) for region in regions])
    return pixels[..., ::-1] * np.float32(1 / 255)


def decode(raw: Floats, person: Floats, heat: Floats, regions: Floats) -> Landmarks:
    """The network's outputs as pixels and probabilities.

    Args:
        raw: (N, 195) = 39 points of x, y, z [px of the crop], visibility and presence (logits).
        person: (N,) probability that there is a person.
        heat: (N, H, W, 39) logits.
        regions: (N, 4) where the crops came from.
    """
    raw = raw.reshape(-1, _POINTS, 5).astype(float)
    points, peak = refine(raw[..., :2] / INPUT_PX, heat)
    points_px = to_image(points, regions)                                    # (N, 39, 2)
    visibility, presence = _sigmoid(raw[:, :_JOINTS, 3:]).transpose(2, 0, 1)
    return Landmarks(points_px[:, :_JOINTS], visibility, presence, peak[:, :_JOINTS],
                     person.astype(float),
                     regions_from_axes(points_px[:, _JOINTS], points_px[:, _JOINTS + 1]))


def refine(points: Floats, heat: Floats) -> tuple[Floats, Floats]:
    """Points (N, K, 2) in 0..1 moved to the centre of heat in the window around them.

    Args:
        points: Regressed points; those outside the map stay.
        heat: Logits (N, H, W, K); a window whose peak is weak leaves its point alone.

    Returns:
        The points, and the peaks (N, K) of their windows as probabilities, 0 outside the map.
    """
    n, height, width, k = heat.shape
    cell = np.floor(points * (width, height)).astype(int)                       # (N, K, 2)
    reach = np.arange(_WINDOW) - _WINDOW // 2
    columns, rows = cell[..., :1] + reach, cell[..., 1:] + reach                # (N, K, 7)
    person, point = np.arange(n)[:, None, None, None], np.arange(k)[None, :, None, None]
    window = heat[person, np.clip(rows, 0, height - 1)[..., :, None],
                  np.clip(columns, 0, width - 1)[..., None, :], point]          # (N, K, 7, 7)
    inside = (((rows >= 0) & (rows < height))[..., :, None]
              & ((columns >= 0) & (columns < width))[..., None, :])
    weight = np.where(inside, _sigmoid(window), 0.0)
    on_map = ((cell >= 0) & (cell < (width, height))).all(-1)
    peak = np.where(on_map, weight.max(axis=(-2, -1), initial=0.0), 0.0)
    total = np.maximum(weight.sum(axis=(-2, -1)), 1e-9)
    x = (weight.sum(-2) * columns).sum(-1) / total / width
    y = (weight.sum(-1) * rows).sum(-1) / total / height
    moved = (peak >= _MIN_PEAK)[..., None]
    return np.where(moved, np.stack([x, y], axis=-1), points), peak


def _sigmoid(logits: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits.astype(float), -50, 50))))
