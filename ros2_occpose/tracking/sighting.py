"""What one frame's detections say about where people are: rays of joints and a rough distance."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..skeleton import COCO17, convert
from ..types import Detections, Floats, Frame
from .appearance import describe
from .rows import Rows
from .view import rays_of

# A standing adult of 1.7 m who faces the camera: offset from the middle of the trunk [m, right and
# down], and how firmly the joint moves with the trunk.
_ADULT = {
    'nose': (0.0, -0.44, 0.6), '*_eye': (0.03, -0.47, 0.3), '*_ear': (0.07, -0.45, 0.3),
    '*_shoulder': (0.18, -0.245, 1.0), '*_elbow': (0.20, 0.075, 0.3),
    '*_wrist': (0.20, 0.32, 0.1), '*_hip': (0.10, 0.245, 1.0), '*_knee': (0.10, 0.66, 0.4),
    '*_ankle': (0.10, 1.08, 0.3)}
_ADULT_BOX = np.array([[-0.30, -0.60], [0.30, 1.20]])   # of the same adult [m]
_POSTURE_STD = 0.10    # how far joints stray from the adult's, and the trunk from a joint [m]
_SWAY_STD = 0.04       # of the middle of the trunk, beyond noise [m]
_HEIGHT_STD = 0.08     # people are not all 1.7 m tall: relative error of the distance
_WORST_STD = 0.4       # relative error at which the box is the better yardstick than the joints
_NEAREST, _FARTHEST = 0.3, 80.0     # distances believed [m]
_LITTLE = 1e-9


def _adult() -> tuple[Floats, Floats]:
    """Offsets of the joints and two box corners (19, 2) [m], firmness of the joints (17,)."""
    rows = []
    for joint in COCO17.joints:
        side, _, part = joint.partition('_')
        x, y, firm = _ADULT[f'*_{part}' if part else joint]
        rows.append((-x if side == 'right' else x, y, firm))
    table = np.array(rows)
    return np.concatenate([table[:, :2], _ADULT_BOX]), table[:, 2]


ADULT, FIRMNESS = _adult()


@dataclass(frozen=True, kw_only=True)
class Sightings(Rows):
    """The usable detections of a frame, in coco17 and seen from the camera."""

    boxes_px: Floats        # (N, 4)
    keypoints_px: Floats    # (N, 17, 2) finite
    visibility: Floats      # (N, 17) 0 where not believed to be seen
    score: Floats           # (N,)
    points: Floats          # (N, 19, 2) rays x/z, y/z of the joints and of two box corners
    weights: Floats         # (N, 17) what each joint says about the place of the trunk
    centre: Floats          # (N, 2) ray of the middle of the trunk, were this a standing adult
    depth: Floats           # (N,) [m]
    lateral_std: Floats     # (N,) of the centre [m]
    relative_std: Floats    # (N,) of the depth, as a share of it
    colours: Floats         # (N, COLOURS) of their clothes; NaN where unknown


def look(detections: Detections, frame: Frame, min_visibility: float) -> Sightings:
    """Sightings of all detections that have a finite box or some seen joints."""
    boxes, keypoints, visibility = _clean(detections, min_visibility)
    usable = np.isfinite(boxes).all(1)
    boxes, keypoints, visibility = boxes[usable], keypoints[usable], visibility[usable]
    corners = boxes.reshape(-1, 2, 2)
    points = rays_of(frame.camera, np.concatenate([keypoints, corners], 1))           # (N, 19, 2)
    weights = visibility * FIRMNESS                                                   # (N, 17)
    centre, depth, relative_std = _locate(points, weights)
    lateral_std = np.hypot(_SWAY_STD, _POSTURE_STD / np.sqrt(np.maximum(weights.sum(1), 0.1)))
    score = np.nan_to_num(np.asarray(detections.score, float)[usable])
    return Sightings(
        boxes_px=boxes, keypoints_px=keypoints, visibility=visibility, score=score, points=points,
        weights=weights, centre=centre, depth=depth, lateral_std=lateral_std,
        relative_std=relative_std, colours=describe(frame.image, keypoints, visibility > 0))


def _locate(points: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Ray of the trunk (N, 2), depth (N,) [m] and its relative std (N,), as of a standing adult.

    The depth compares how far the seen joints spread with how far an adult's do, however the
    person is turned; where too few joints are seen, it compares the height of the boxes.
    """
    joints, corners = points[:, :17], points[:, 17:]
    share = weights / np.maximum(weights.sum(1), _LITTLE)[:, None]
    mean, mean_adult = (share[:, None] @ joints)[:, 0], share @ ADULT[:17]            # (N, 2)
    spread = (weights * ((joints - mean[:, None]) ** 2).sum(-1)).sum(1)               # (N,)
    spread_adult = (weights * ((ADULT[:17] - mean_adult[:, None]) ** 2).sum(-1)).sum(1)
    relative_std = np.hypot(_HEIGHT_STD, _POSTURE_STD / np.sqrt(spread_adult + _LITTLE))
    by_box = (relative_std > _WORST_STD) | (spread < 1e-12)
    tall = np.maximum(corners[:, 1, 1] - corners[:, 0, 1], _LITTLE)
    depth = np.where(by_box, np.ptp(_ADULT_BOX[:, 1]) / tall,
                     np.sqrt(spread_adult / np.maximum(spread, 1e-12)))
    depth = np.clip(depth, _NEAREST, _FARTHEST)
    offset = np.where(by_box[:, None], _ADULT_BOX.mean(0), mean_adult)
    centre = np.where(by_box[:, None], corners.mean(1), mean) - offset / depth[:, None]
    return centre, depth, np.minimum(relative_std, _WORST_STD)


def _clean(detections: Detections, min_visibility: float) -> tuple[Floats, Floats, Floats]:
    """Boxes (N, 4), coco17 points (N, 17, 2) and visibility (N, 17); NaN means not seen.

    Points are finite, boxes are so where the detection can be used.
    """
    points = np.asarray(detections.keypoints_px, float)
    scores = np.asarray(detections.scores, float)
    good = np.isfinite(points).all(-1) & np.isfinite(scores)
    corners = np.sort(np.asarray(detections.boxes_px, float).reshape(-1, 2, 2), 1)
    boxed = np.isfinite(corners).all((1, 2))
    middle = np.where(boxed[:, None], corners.mean(1), 0.0)
    points = np.where(good[..., None], points, middle[:, None])
    points, scores = convert(points, np.where(good, scores, 0.0), detections.skeleton, COCO17)
    visibility = np.where(scores >= min_visibility, np.minimum(scores, 1.0), 0.0)
    if not boxed.all():
        seen = (visibility > 0)[..., None]
        around = np.stack([np.where(seen, points, np.inf).min(1),
                           np.where(seen, points, -np.inf).max(1)], 1)
        corners = np.where(boxed[:, None, None], corners, around)
    return corners.reshape(-1, 4), points, visibility
