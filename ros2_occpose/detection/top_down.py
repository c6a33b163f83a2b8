"""People by two networks: boxes in the whole image, then the joints in a crop of each."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..config import DetectionConfig
from ..errors import ModelError
from ..inference import ModelEntry, OpenModel
from ..skeleton import Skeleton, skeleton_named
from ..types import Detections, Image
from .crop_keypoints import CropKeypoints
from .found import as_detections, is_box
from .person_boxes import PersonBoxes


class TopDownDetector:
    """A network for boxes and one for the joints in them; nothing is remembered.

    Args:
        boxes: Finds people.
        keypoints: Finds the joints in a box.
        skeleton: What these joints are.
        config: Whom to report.
    """

    def __init__(self, boxes: PersonBoxes, keypoints: CropKeypoints, skeleton: Skeleton,
                 config: DetectionConfig) -> None:
        self._boxes = boxes
        self.keypoints = keypoints
        self._skeleton = skeleton
        self._config = config
        self.backend = ' and '.join(dict.fromkeys([boxes.backend, keypoints.backend]))

    def reset(self) -> None:
        """Nothing to forget."""

    def adjust(self, config: DetectionConfig) -> None:
        """Take over the live fields of a configuration."""
        self._config = config

    def __call__(self, image: Image) -> Detections:
        """Everybody found, best first."""
        boxes, score = self._boxes(image, self._config.min_score)
        kept = is_box(boxes, image)
        boxes, score = (a[kept][:self._config.max_people] for a in (boxes, score))
        points, scores = self.keypoints(image, boxes)
        score = score * self.keypoints.belief(scores)
        order = np.argsort(-score, kind='stable')
        order = order[score[order] >= self._config.min_score]
        return as_detections(image, boxes[order], points[order], scores[order], score[order],
                             self._skeleton)

    search = __call__       # a single image is like any other


def load_top_down(entry: ModelEntry, entries: Mapping[str, ModelEntry], open_model: OpenModel,
                  config: DetectionConfig) -> TopDownDetector:
    """The detector of an entry, whose parts are among the entries.

    Raises:
        ModelError: A network of it is missing, damaged, or not what its entry says.
    """
    if entry.parts.keys() != {'boxes', 'keypoints'}:
        raise ModelError(f'{entry.name} of the family top_down expects the parts boxes and '
                         f'keypoints, got {", ".join(entry.parts) or "none"}.')
    boxes, keypoints = (entries[entry.parts[role]] for role in ('boxes', 'keypoints'))
    skeleton = skeleton_named(entry.skeleton or 'coco17')
    return TopDownDetector(
        PersonBoxes(boxes, open_model(boxes.name)),
        CropKeypoints(keypoints, open_model(keypoints.name), len(skeleton.joints)),
        skeleton, config)
