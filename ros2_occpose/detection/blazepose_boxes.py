"""The first network of BlazePose: where in a tile are people?

Facts of the network as published with MediaPipe 0.10.21: 224 x 224 RGB in [-1, 1], SSD anchors,
boxes around the head and shoulders with four key points, of which the first two give the region
for the landmarks.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Floats, Image
from .duplicates import iou
from .masking import cover
from .regions import BORDER_BLACK, crop, regions_from_axes, to_image

INPUT_PX = 224
_STRIDES = (8, 16, 32, 32, 32)
_NOBODY = np.zeros((0, 17, 2))
_OVERLAP = 0.3      # intersection over union from which two boxes mean one person

Run = Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]


@dataclass(frozen=True)
class Candidates:
    """Places where somebody may be."""

    regions: Floats     # (N, 4) for the landmark network
    score: Floats       # (N,)

    def __len__(self) -> int:
        return len(self.score)

    @staticmethod
    def none() -> Candidates:
        """Nowhere."""
        return Candidates(np.zeros((0, 4)), np.zeros(0))


def anchors() -> Floats:
    """Centres (2254, 2) of the SSD anchors in 0..1: two per cell and layer of equal stride."""
    centres = []
    for stride in sorted(set(_STRIDES)):
        cells = INPUT_PX // stride
        y, x = np.mgrid[:cells, :cells]
        grid = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        centres.append(np.repeat(grid, 2 * _STRIDES.count(stride), axis=0))
    return np.concatenate(centres)


class BoxNetwork:
    """Finds people in tiles of an image."""

    def __init__(self, run: Run, min_score: float) -> None:
        self._run = run
        self._min_score = min_score
        self._anchors = anchors()

    def __call__(self, image: Image, tiles: Floats, known_px: Floats = _NOBODY,
                 known_sides_px: Floats = _NOBODY[:, 0, 0]) -> Candidates:
        """People in tiles (B, 4) of `image`, best first; several tiles may show the same one.

        Args:
            image: The whole image.
            tiles: Where to look.
            known_px: Skeletons (N, 17, 2) of people who need not be found again.
            known_sides_px: The sides of their regions, (N,).
        """
        found = []
        for tile in tiles:
            pixels = crop(image, tile, INPUT_PX, BORDER_BLACK)
            cover(pixels, tile, known_px, known_sides_px)
            boxes, score = self._decoded(self._run({'image': as_input(pixels)}))
            boxes, score = weighted_nms(boxes, score, _OVERLAP)
            points = boxes[:, 4:].reshape(-1, 4, 2)
            points_px = to_image(points, np.repeat(tile[None], len(boxes), axis=0))
            found.append(Candidates(regions_from_axes(points_px[:, 0], points_px[:, 1]), score))
        return merged(found)

    def _decoded(self, outputs: Mapping[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        return decode(outputs['boxes'][0], outputs['scores'][0, :, 0], self._anchors,
                      self._min_score)


def merged(candidates: list[Candidates]) -> Candidates:
    """All of them, best first."""
    if not candidates:
        return Candidates.none()
    score = np.concatenate([c.score for c in candidates])
    order = np.argsort(-score, kind='stable')
    return Candidates(np.concatenate([c.regions for c in candidates])[order], score[order])


def as_input(pixels: Image) -> Floats:
    """The content of a tile as the network wants it, (1, 224, 224, 3) RGB in [-1, 1]."""
    return (pixels[None, :, :, ::-1] * np.float32(2 / 255)) - np.float32(1)


def decode(raw: Floats, logits: Floats, centres: Floats,
           min_score: float) -> tuple[Floats, Floats]:
    """Boxes and their key points in 0..1 of the input, of the anchors that believe in a person.

    Args:
        raw: Network output (A, 12) in pixels relative to the anchor: centre, size, four points.
        logits: Network output (A,).
        centres: The anchors, (A, 2).
        min_score: Least probability of a person.

    Returns:
        Boxes (N, 12) x0 y0 x1 y1 and four points x y, and their probabilities (N,).
    """
    score = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(float), -100, 100)))
    likely = np.flatnonzero(score >= min_score)
    pairs = raw[likely].astype(float).reshape(-1, 6, 2) / INPUT_PX  # (N, 6, 2)
    centre, half = pairs[:, 0] + centres[likely], pairs[:, 1] / 2
    points = pairs[:, 2:] + centres[likely, None]
    return np.hstack([centre - half, centre + half, points.reshape(-1, 8)]), score[likely]


def weighted_nms(boxes: Floats, score: Floats, overlap: float) -> tuple[Floats, Floats]:
    """One box for each heap of overlapping boxes: their mean, weighted by score.

    Args:
        boxes: (N, 4 + anything), averaged as a whole.
        score: (N,).
        overlap: Least intersection over union with the best box of a heap to belong to it.

    Returns:
        Boxes and the best score of each heap, best first.
    """
    rest = np.argsort(-score, kind='stable')
    kept, best = [], []
    while len(rest):
        heap = iou(boxes[rest[:1], :4], boxes[rest, :4])[0] > overlap
        heap[0] = True
        members = rest[heap]
        kept.append(np.average(boxes[members], axis=0, weights=score[members]))
        best.append(score[rest[0]])
        rest = rest[~heap]
    return np.array(kept).reshape(-1, boxes.shape[1]), np.array(best)

