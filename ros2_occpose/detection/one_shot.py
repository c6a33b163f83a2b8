"""People by one network that sees boxes and joints of everybody at once."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..config import DetectionConfig
from ..inference import ModelEntry, OpenModel, Session
from ..skeleton import skeleton_named
from ..types import Detections, Floats, Image
from .duplicates import without_overlap
from .found import as_detections, is_box
from .pixels import Finder, ImageNetwork, letterboxed, read_settings


@dataclass(frozen=True, kw_only=True)
class YoloPose(Finder):
    """The raw head of YOLOv8-pose and YOLO11-pose: a column for each cell."""

    columns: str = 'output0'    # output (1, 4 + classes + 3 J, cells): centre and size px of the
                                # picture, score of each class, x, y, score of each joint
    overlap: float = 0.65       # intersection over union from which two boxes mean one person


class OneShotDetector:
    """One network for everybody; nothing is remembered.

    Raises:
        ModelError: The file is not what its entry says.
    """

    def __init__(self, entry: ModelEntry, session: Session, config: DetectionConfig) -> None:
        self._config = config
        self._settings = read_settings(entry, {'yolo_pose': YoloPose})
        self._skeleton = skeleton_named(entry.skeleton or 'coco17')
        self._network = ImageNetwork(entry, session, self._settings)
        self.backend = self._network.backend
        joints, columns = len(self._skeleton.joints), self._settings.columns
        least = 5 + self._settings.person + 3 * joints
        shape = self._network.shape_of(columns)
        self._network.require(
            shape is not None and len(shape) == 3 and shape[0] == 1 and shape[1] >= least,
            f'{columns} (1, {least} or more, cells) for {self._skeleton.name}')

    def reset(self) -> None:
        """Nothing to forget."""

    def adjust(self, config: DetectionConfig) -> None:
        """Take over the live fields of a configuration."""
        self._config = config

    def __call__(self, image: Image) -> Detections:
        """Everybody found, best first."""
        picture, scale = letterboxed(image, self._network.size, self._settings.border)
        columns = self._network(picture[None])[self._settings.columns][0]
        boxes, points, scores, score = decode_yolo_pose(
            columns, self._settings, len(self._skeleton.joints), self._config.min_score)
        boxes, points = boxes / scale, points / scale
        kept = np.flatnonzero(is_box(boxes, image))[:self._config.max_people]
        return as_detections(image, boxes[kept], points[kept], scores[kept], score[kept],
                             self._skeleton)

    search = __call__       # a single image is like any other


def decode_yolo_pose(columns: Floats, settings: YoloPose, joints: int, min_score: float,
                     ) -> tuple[Floats, Floats, Floats, Floats]:
    """The people in columns (4 + classes + 3 J, cells), best first, each once.

    Returns:
        Boxes (N, 4), points (N, J, 2) px of the picture, their scores (N, J), score (N,).
    """
    score = settings.probability(columns[4 + settings.person])
    likely = np.flatnonzero(score >= min_score)
    rows = columns[:, likely].T.astype(float)                       # (n, 4 + classes + 3 J)
    half = rows[:, 2:4] / 2
    boxes = np.hstack([rows[:, :2] - half, rows[:, :2] + half])
    kept = without_overlap(boxes, score[likely], settings.overlap)
    body = rows[kept, -3 * joints:].reshape(-1, joints, 3)          # (N, J, 3)
    return boxes[kept], body[..., :2], body[..., 2], score[likely][kept]


def load_one_shot(entry: ModelEntry, open_model: OpenModel,
                  config: DetectionConfig) -> OneShotDetector:
    """The detector of an entry.

    Raises:
        ModelError: Its network is missing, damaged, or not what its entry says.
    """
    return OneShotDetector(entry, open_model(entry.name), config)
