"""BlazePose's landmarks as people in coco17, with probabilities that mean something."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ..skeleton import BLAZEPOSE33, COCO17, convert
from ..types import Floats
from .blazepose_landmarks import Landmarks

# Logistic regressions, fitted once on labelled stills and video frames. The heat map says more
# than the network's own visibility and presence, which are sure of wrong people too.
_SEEN = {'visibility': 0.05, 'presence': 0.20, 'peak': 1.1, 'constant': -0.3}       # of logits
_PERSON = {'person': 0.24, 'peak': 16.0, 'constant': -7.2}     # logit, mean peak
_LEAST_SIDE = 8.0       # px of a region in which anything can be seen
_BODY = COCO17.indices(*(joint for joint in COCO17.joints if COCO17.index(joint) > 4))


@dataclass(frozen=True)
class Sightings:
    """People as seen in one image, and where to look for them in the next."""

    keypoints_px: Floats    # (N, 17, 2) coco17
    scores: Floats          # (N, 17) probability that the joint was seen
    score: Floats           # (N,) probability that this is a person
    boxes_px: Floats        # (N, 4) around what was seen, within the image
    regions: Floats         # (N, 4) for the next image

    def __len__(self) -> int:
        return len(self.score)

    @staticmethod
    def none() -> Sightings:
        """Nobody."""
        j = len(COCO17.joints)
        return Sightings(np.zeros((0, j, 2)), np.zeros((0, j)), np.zeros(0), np.zeros((0, 4)),
                         np.zeros((0, 4)))

    @staticmethod
    def joined(parts: list[Sightings]) -> Sightings:
        """All of them."""
        return Sightings(*(np.concatenate([getattr(part, f.name) for part in parts])
                           for f in fields(Sightings)))

    def is_usable(self) -> NDArray[np.bool_]:
        """Who was seen somewhere in the image and can be followed, (N,)."""
        area = (self.boxes_px[:, 2:] - self.boxes_px[:, :2]).prod(-1)
        large = (self.regions[:, 2] >= _LEAST_SIDE) & (area > 0)
        return np.asarray(np.isfinite(self.regions).all(-1) & large)

    def of(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> Sightings:
        """Some of them: indices or a mask."""
        return Sightings(self.keypoints_px[chosen], self.scores[chosen], self.score[chosen],
                         self.boxes_px[chosen], self.regions[chosen])

    def moved(self, by_px: Floats) -> Sightings:
        """The same people elsewhere, (N, 2)."""
        return replace(self, keypoints_px=self.keypoints_px + by_px[:, None],
                       boxes_px=self.boxes_px + np.hstack([by_px, by_px]),
                       regions=self.regions + np.pad(by_px, ((0, 0), (0, 2))))

    def with_score(self, score: Floats) -> Sightings:
        """The same people with other probabilities, (N,)."""
        return replace(self, score=score)


def read_people(landmarks: Landmarks, width: int, height: int) -> Sightings:
    """What the landmark network saw, as people in an image of this size."""
    seen = _sigmoid(_SEEN['visibility'] * _logit(landmarks.visibility)
                    + _SEEN['presence'] * _logit(landmarks.presence)
                    + _SEEN['peak'] * _logit(landmarks.peak) + _SEEN['constant'])
    inside = ((landmarks.points_px >= 0) & (landmarks.points_px < (width, height))).all(-1)
    seen = np.where(inside, seen, 0.0)
    keypoints_px, scores = convert(landmarks.points_px, seen, BLAZEPOSE33, COCO17)
    _, peak = convert(landmarks.points_px, landmarks.peak, BLAZEPOSE33, COCO17)
    person = _sigmoid(_PERSON['person'] * _logit(landmarks.person)
                      + _PERSON['peak'] * peak[:, _BODY].mean(1) + _PERSON['constant'])
    boxes = _boxes(landmarks.points_px, seen, width, height)
    return Sightings(keypoints_px, scores, person, boxes, landmarks.next_regions)


def _boxes(points_px: Floats, seen: Floats, width: int, height: int) -> Floats:
    """Boxes (N, 4) around the points (N, K, 2) that were seen, inside the image; else empty."""
    usable = (seen > 0.2)[..., None]
    low = np.where(usable, points_px, np.inf).min(axis=1, initial=np.inf)
    high = np.where(usable, points_px, -np.inf).max(axis=1, initial=-np.inf)
    margin = 0.05 * (high - low)
    boxes = np.nan_to_num(np.hstack([low - margin, high + margin]), nan=0.0, posinf=0, neginf=0)
    return np.asarray(np.clip(boxes, 0, (width, height, width, height)))


def _logit(probability: Floats) -> Floats:
    p = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.asarray(np.log(p / (1 - p)))


def _sigmoid(logit: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-logit)))
