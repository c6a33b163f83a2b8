"""Everybody who is followed, as arrays over people, and what the camera should see of them."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..types import Bools, Floats, Ints
from . import motion
from .appearance import COLOURS, blended
from .rows import Rows
from .sighting import ADULT, FIRMNESS, Sightings

_SHAPE_S = 0.1           # time over which a person's shape is averaged
_CONFIDENCE_S = 0.3      # the same of the detector's confidence
_COLOURS_S = 1.0         # and of the colours
_WHOLE = 0.6             # share of the body that must be seen for the box to be that of the body
_NEAR = 0.1              # least distance in front of the camera that is projected [m]


@dataclass(frozen=True, kw_only=True)
class Population(Rows):
    """N people; positions, velocities and shapes are those of the anchor frame."""

    ids: Ints               # (N,)
    hits: Ints              # (N,) detections so far
    unseen_s: Floats        # (N,)
    merged_s: Floats        # (N,) how long this person has been where an older one is
    score: Floats           # (N,) of the last detections
    mean: Floats            # (N, 6) position of the middle of the trunk and its velocity
    covariance: Floats      # (N, 6, 6)
    shape: Floats           # (N, 19, 3) joints and two box corners around the position [m]
    colours: Floats         # (N, COLOURS) of their clothes; NaN where unknown
    settled: Bools          # (N,) whether it is settled if this is somebody who came back

    @staticmethod
    def nobody() -> Population:
        """N = 0."""
        return Population(ids=np.zeros(0, int), hits=np.zeros(0, int), unseen_s=np.zeros(0),
                          merged_s=np.zeros(0), score=np.zeros(0), mean=np.zeros((0, 6)),
                          covariance=np.zeros((0, 6, 6)), shape=np.zeros((0, 19, 3)),
                          colours=np.zeros((0, COLOURS)), settled=np.zeros(0, bool))

    def after(self, dt_s: float, agility: Floats) -> Population:
        """Everybody `dt_s` later, going on as they went."""
        mean, covariance = motion.predict(self.mean, self.covariance, dt_s, agility)
        return replace(self, mean=mean, covariance=covariance, unseen_s=self.unseen_s + dt_s)

    def in_frame(self, b_from_a: Floats) -> Population:
        """The same people in the coordinates of another anchor frame, `b_from_a` (4, 4)."""
        mean, covariance = motion.turn(self.mean, self.covariance, b_from_a)
        shape = self.shape @ b_from_a[:3, :3].T
        return replace(self, mean=mean, covariance=covariance, shape=shape)


@dataclass(frozen=True, kw_only=True)
class Outlook(Rows):
    """What the camera should see of N people."""

    points: Floats          # (N, 19, 2) rays of joints and box corners
    centre: Floats          # (N, 2) ray of the middle of the trunk
    depth: Floats           # (N,) [m]
    lateral: Floats         # (N, 2, 2) covariance of the centre beside its ray [m^2]
    relative: Floats        # (N,) variance of the depth, as a share of its square
    colours: Floats         # (N, COLOURS)


def expect(people: Population, anchor_from_camera: Floats) -> Outlook:
    """The people as a camera at `anchor_from_camera` (4, 4) should see them."""
    rotation, origin = anchor_from_camera[:3, :3], anchor_from_camera[:3, 3]
    position = (people.mean[:, :3] - origin) @ rotation                             # (N, 3)
    points = position[:, None] + people.shape @ rotation                            # (N, 19, 3)
    depth = np.maximum(position[:, 2], _NEAR)
    centre = position[:, :2] / depth[:, None]
    beside = np.zeros((len(people), 2, 3))      # what moves the centre, at its depth
    beside[:, 0, 0] = beside[:, 1, 1] = 1
    beside[:, :, 2] = -centre
    spread = rotation.T @ people.covariance[:, :3, :3] @ rotation                   # (N, 3, 3)
    return Outlook(points=points[..., :2] / np.maximum(points[..., 2:], _NEAR), centre=centre,
                   depth=depth, lateral=beside @ spread @ beside.transpose(0, 2, 1),
                   relative=spread[:, 2, 2] / depth ** 2, colours=people.colours)


def shift(outlook: Outlook, seen: Sightings) -> Floats:
    """How far the trunk of person n would have moved were they detection d, in rays, (N, D, 2).

    It is the mean way of the joints that are seen from where this person's own were expected, so
    that hidden joints do not pull.
    """
    total = seen.weights.sum(1)                                                     # (D,)
    share = seen.weights / np.maximum(total, 1e-9)[:, None]
    there = (share[:, None] @ seen.points[:, :17])[:, 0]                            # (D, 2)
    here = share @ outlook.points[:, :17]                                           # (N, D, 2)
    whole = seen.centre - outlook.centre[:, None]
    return np.where((total > 0)[:, None], there - here, whole)


def corrected(people: Population, seen: Sightings, centre: Floats, anchor_from_camera: Floats,
              dt_s: float) -> Population:
    """People after each has been seen: row n of `seen` is person n, the trunk at ray `centre`."""
    position, noise = _placed(seen, centre, anchor_from_camera)
    mean, covariance = motion.correct(people.mean, people.covariance, position, noise)
    depth = (mean[:, :3] - anchor_from_camera[:3, 3]) @ anchor_from_camera[:3, 2]
    measured = _shape(seen, centre, np.maximum(depth, _NEAR)) @ anchor_from_camera[:3, :3].T
    gain = _gain(dt_s, _SHAPE_S) * _known(seen)                                     # (N, 19)
    score = people.score + _gain(dt_s, _CONFIDENCE_S) * (seen.score - people.score)
    return replace(people, hits=people.hits + 1, unseen_s=np.zeros(len(people)), mean=mean,
                   covariance=covariance, score=score,
                   shape=people.shape + gain[..., None] * (measured - people.shape),
                   colours=blended(people.colours, seen.colours, _gain(dt_s, _COLOURS_S)))


def newcomers(seen: Sightings, first_id: int, anchor_from_camera: Floats) -> Population:
    """People seen for the first time; joints not seen are where a standing adult has them."""
    n = len(seen)
    position, noise = _placed(seen, seen.centre, anchor_from_camera)
    mean, covariance = motion.start(position, noise)
    adult = np.pad(ADULT, ((0, 0), (0, 1)))                                         # (19, 3)
    shape = np.where(_known(seen)[..., None], _shape(seen, seen.centre, seen.depth), adult)
    return Population(ids=np.arange(first_id, first_id + n), hits=np.ones(n, int),
                      unseen_s=np.zeros(n), merged_s=np.zeros(n), score=seen.score.copy(),
                      mean=mean, covariance=covariance,
                      shape=shape @ anchor_from_camera[:3, :3].T, colours=seen.colours,
                      settled=np.zeros(n, bool))


def _placed(seen: Sightings, centre: Floats,
            anchor_from_camera: Floats) -> tuple[Floats, Floats]:
    """Position (N, 3) and covariance (N, 3, 3) of sightings whose trunk is at ray `centre`."""
    axes = np.zeros((len(seen), 3, 3))          # columns: right, down, along the ray
    axes[:, 0, 0] = axes[:, 1, 1] = axes[:, 2, 2] = 1
    axes[:, :2, 2] = centre
    axes = anchor_from_camera[:3, :3] @ axes
    std = np.stack([seen.lateral_std, seen.lateral_std, seen.relative_std * seen.depth], 1)
    scaled = axes * std[:, None]
    position = seen.depth[:, None] * axes[:, :, 2] + anchor_from_camera[:3, 3]
    return position, scaled @ scaled.transpose(0, 2, 1)


def _shape(seen: Sightings, centre: Floats, depth: Floats) -> Floats:
    """Joints and box corners around the trunk, in camera axes and at `depth`, (N, 19, 3) [m]."""
    shape = np.zeros((len(seen), 19, 3))
    shape[..., :2] = (seen.points - centre[:, None]) * depth[:, None, None]
    return shape


def _known(seen: Sightings) -> NDArray[np.bool_]:
    """Which joints and box corners of sightings tell about the shape, (N, 19)."""
    known = np.empty((len(seen), 19), bool)
    known[:, :17] = seen.visibility > 0
    known[:, 17:] = (known[:, :17] @ FIRMNESS > _WHOLE * FIRMNESS.sum())[:, None]
    return known


def _gain(dt_s: float, memory_s: float) -> float:
    """Weight of the newest value in an average over about `memory_s`."""
    return 1.0 - float(np.exp(-dt_s / memory_s))
