"""When two skeletons or two regions are the same person."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..skeleton import COCO17
from ..types import Floats

# How far annotators of COCO disagree on a joint, as a part of the person's size (COCO evaluation).
_SPREAD = {'nose': 0.026, 'eye': 0.025, 'ear': 0.035, 'shoulder': 0.079, 'elbow': 0.072,
           'wrist': 0.062, 'hip': 0.107, 'knee': 0.087, 'ankle': 0.089}
SPREAD = np.array([_SPREAD[joint.split('_')[-1]] for joint in COCO17.joints])

_SAME_POSE = 0.5        # keypoint similarity from which two skeletons are one person
_SAME_PART = 0.8        # share of a small skeleton's box within another's from which it is a part
_SMALL = 0.5            # ... and how much smaller its box is
_NEAR, _ALIKE = 0.15, 1.6   # of a region's side, and ratio of sides: regions of the same person
_BODY_OF_REGION = 1 / 3     # square root of a person's area, as a part of the side of its region


def keypoint_similarity(a_px: Floats, b_px: Floats, size_px: Floats,
                        joints: NDArray[np.bool_] | slice = slice(None)) -> Floats:
    """Object keypoint similarity 0..1 (N, M) of coco17 skeletons (N, 17, 2) and (M, 17, 2).

    Args:
        a_px: Skeletons.
        b_px: Skeletons.
        size_px: Square root of the area of a person for each pair, (N, M).
        joints: Which joints to compare, (17,).
    """
    distance = np.linalg.norm(a_px[:, None, joints] - b_px[None, :, joints], axis=-1)   # (N, M, K)
    reach = np.maximum(size_px, 1e-9)[..., None] * 2 * SPREAD[joints]
    return np.asarray(np.exp(-0.5 * (distance / reach) ** 2).mean(-1))


def without_duplicates(keypoints_px: Floats, boxes_px: Floats, regions: Floats,
                       rank: Floats) -> NDArray[np.intp]:
    """Which people to keep so that everybody stays once: indices, best rank first.

    Two skeletons are one person when they agree, or when one is a small thing inside the other
    (a face or a shoe that was taken for somebody).

    Args:
        keypoints_px: (N, 17, 2).
        boxes_px: (N, 4).
        regions: (N, 4), which tell the size of a person even when half of it is hidden.
        rank: (N,) the higher the more plausible.
    """
    size = regions[:, 2] * _BODY_OF_REGION
    similarity = keypoint_similarity(keypoints_px, keypoints_px, np.minimum(size[:, None], size))
    same = similarity > _SAME_POSE
    same |= _is_part(boxes_px)
    kept: list[int] = []
    for i in np.argsort(-rank, kind='stable'):
        if not same[i, kept].any():
            kept.append(int(i))
    return np.array(kept, dtype=np.intp)


def without_overlap(boxes_px: Floats, score: Floats, overlap: float) -> NDArray[np.intp]:
    """Which boxes (N, 4) stay when each removes worse ones it covers: indices, best score first.

    Args:
        boxes_px: (N, 4).
        score: (N,).
        overlap: Intersection over union above which two boxes are one.
    """
    rest, kept = np.argsort(-score, kind='stable'), []
    while len(rest):
        kept.append(rest[0])
        rest = rest[1:][iou(boxes_px[rest[:1]], boxes_px[rest[1:]])[0] <= overlap]
    return np.array(kept, dtype=np.intp)


def same_place(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Whether regions (N, 4) and (M, 4) must show the same person, (N, M)."""
    apart = np.linalg.norm(a[:, None, :2] - b[None, :, :2], axis=-1)
    small, large = np.minimum(a[:, None, 2], b[:, 2]), np.maximum(a[:, None, 2], b[:, 2])
    return np.asarray((apart < _NEAR * small) & (large < _ALIKE * small))


def _is_part(boxes_px: Floats) -> NDArray[np.bool_]:
    """Whether box n is small and lies within box m, (N, N)."""
    area = _area(boxes_px)
    within = intersection(boxes_px, boxes_px) > _SAME_PART * area[:, None]
    return np.asarray(within & (area[:, None] < _SMALL * area))


def intersection(a: Floats, b: Floats) -> Floats:
    """Shared area (N, M) of boxes (N, 4) and (M, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.asarray(np.clip(high - low, 0, None).prod(-1))


def iou(a: Floats, b: Floats) -> Floats:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    shared = intersection(a, b)
    return np.asarray(shared / np.maximum(_area(a)[:, None] + _area(b) - shared, 1e-9))


def _area(boxes: Floats) -> Floats:
    return np.asarray(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(-1))
