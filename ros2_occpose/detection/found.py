"""What networks found, as detections of coco17."""
from __future__ import annotations

import numpy as np

from ..skeleton import COCO17, Skeleton, convert
from ..types import Bools, Detections, Floats, Image

_LEAST_SIDE = 2.0       # px of a box in which anything can be seen


def is_box(boxes_px: Floats, image: Image) -> Bools:
    """Which boxes (N, 4) are more than a line, and partly in the image: (N,)."""
    sides = _inside(boxes_px, image)[:, 2:] - _inside(boxes_px, image)[:, :2]
    return np.asarray(np.isfinite(boxes_px).all(-1) & (sides >= _LEAST_SIDE).all(-1))


def as_detections(image: Image, boxes_px: Floats, points_px: Floats, scores: Floats,
                  score: Floats, skeleton: Skeleton) -> Detections:
    """People in coco17: boxes within the image, and no joint seen that is outside of it.

    Args:
        image: Where they were found.
        boxes_px: (N, 4).
        points_px: (N, J, 2).
        scores: (N, J).
        score: (N,).
        skeleton: The joint set of the points.
    """
    size = (image.shape[1], image.shape[0])
    seen = (np.isfinite(points_px) & (points_px >= 0) & (points_px < size)).all(-1)
    points, scores = convert(np.nan_to_num(points_px), np.where(seen, scores, 0.0), skeleton,
                             COCO17)
    return Detections(boxes_px=_inside(boxes_px, image), keypoints_px=points,
                      scores=np.clip(scores, 0, 1), score=np.clip(score, 0, 1))


def _inside(boxes_px: Floats, image: Image) -> Floats:
    height, width = image.shape[:2]
    return np.asarray(np.clip(boxes_px, 0, (width, height, width, height)))
