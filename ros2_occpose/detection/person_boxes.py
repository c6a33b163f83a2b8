"""Boxes around people, by a network that looks at the whole image once."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inference import ModelEntry, Session
from ..types import Floats, Image
from .duplicates import without_overlap
from .pixels import Arrays, Finder, ImageNetwork, letterboxed, read_settings


@dataclass(frozen=True, kw_only=True)
class Dets(Finder):
    """Boxes that are ready, as mmdeploy exports them: RTMDet, YOLOX, YOLO with NMS inside."""

    boxes: str = 'dets'         # output (1, n, 5): x0 y0 x1 y1 px of the picture, score
    labels: str = 'labels'      # output (1, n); without it all boxes are people


@dataclass(frozen=True, kw_only=True)
class Yolox(Finder):
    """The raw head of YOLOX (Ge et al. 2021): a row for each cell of three grids."""

    rows: str = 'output'        # output (1, cells, 5 + classes): centre, log of size, scores
    strides: tuple[int, ...] = (8, 16, 32)                  # px of the picture
    overlap: float = 0.5        # intersection over union from which two boxes mean one person


class PersonBoxes:
    """Finds people in an image.

    Raises:
        ModelError: The file is not what its entry says.
    """

    def __init__(self, entry: ModelEntry, session: Session) -> None:
        known: dict[str, type[Dets | Yolox]] = {'dets': Dets, 'yolox': Yolox}
        self._settings = read_settings(entry, known)
        self._network = ImageNetwork(entry, session, self._settings)
        self.backend = self._network.backend
        match self._settings:
            case Dets() as dets:
                shape = self._network.shape_of(dets.boxes)
                self._network.require(shape is not None and shape[::2] == (1, 5),
                                      f'{dets.boxes} (1, n, 5)')
            case Yolox() as yolox:
                self._cells = cells(self._network.size, yolox.strides)
                shape = self._network.shape_of(yolox.rows)
                self._network.require(
                    shape is not None and len(shape) == 3 and shape[:2] == (1, len(self._cells))
                    and shape[2] > 5 + yolox.person,
                    f'{yolox.rows} (1, {len(self._cells)}, {6 + yolox.person} or more)')

    def __call__(self, image: Image, min_score: float) -> tuple[Floats, Floats]:
        """Boxes (N, 4) px and the probabilities of people in them (N,), best first."""
        picture, scale = letterboxed(image, self._network.size, self._settings.border)
        outputs = self._network(picture[None])
        overlap = None
        match self._settings:
            case Dets() as dets:
                rows = decode_dets(outputs, dets)
            case Yolox() as yolox:
                rows = decode_yolox(outputs[yolox.rows][0], yolox.person, self._cells)
                overlap = yolox.overlap
        score = self._settings.probability(rows[:, 4])
        likely = np.flatnonzero(score >= min_score)
        boxes, score = rows[likely, :4], score[likely]
        kept = (np.argsort(-score, kind='stable') if overlap is None
                else without_overlap(boxes, score, overlap))
        return boxes[kept] / scale, score[kept]


def decode_dets(outputs: Arrays, settings: Dets) -> Floats:
    """The people among ready boxes, (n, 5)."""
    rows = outputs[settings.boxes][0].astype(float)
    if settings.labels in outputs:
        rows = rows[outputs[settings.labels][0] == settings.person]
    return np.asarray(rows)


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> Floats:
    """Corner and stride (A, 3) px of all cells in a picture of `size`, grid by grid."""
    grids = []
    for stride in strides:
        y, x = np.mgrid[:size[1] // stride, :size[0] // stride].reshape(2, -1) * stride
        grids.append(np.column_stack([x, y, np.full(len(x), stride)]))
    return np.concatenate(grids).astype(float)


def decode_yolox(rows: Floats, person: int, grid: Floats) -> Floats:
    """Boxes with the score of a person (A, 5) from rows (A, 5 + classes) of `grid` (A, 3)."""
    rows, stride = rows.astype(float), grid[:, 2:]
    centre = rows[:, :2] * stride + grid[:, :2]
    half = np.exp(np.minimum(rows[:, 2:4], 20)) * stride / 2
    score = rows[:, 4] * rows[:, 5 + person]
    return np.column_stack([centre - half, centre + half, score])
