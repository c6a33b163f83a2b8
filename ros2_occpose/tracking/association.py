"""Who of the people we follow is which of the detections.

Confident detections are given away first, doubtful ones only prolong a track, in the manner of
Zhang et al., "ByteTrack", ECCV 2022; the cost is a likelihood of motion, size, joints and boxes.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..types import Floats, Ints
from .appearance import colour_likeness
from .population import Outlook, shift
from .sighting import FIRMNESS, Sightings

Mask = NDArray[np.bool_]
_TOLERANCE = 0.12 / np.sqrt(FIRMNESS)   # of a joint that moves with its person [m]
_STRANGE = 4.0        # surprise at which a detection is rather somebody else [nats] ...
_DOUBT = 2.0          # ... and for people of whom little is known
_JOINTS, _BOXES = 2.0, 1.0              # surprise of joints, boxes not alike at all [nats]
_COLOURS = 3.0        # ... and of clothes, beyond what light and folds change
_USUAL = 0.75         # likeness of clothes that is nothing to be surprised at
_OVERLAP = 0.3        # likeness that a doubtful detection must have
_SAME = 0.7           # likeness of the joints of two sightings of one person ...
_SAME_BOX = 0.5       # ... and the overlap of their boxes
_SAME_DEPTH = 0.12    # relative difference in depth of two people at one place
_NEVER = 1e3


def associate(outlook: Outlook, seen: Sightings, established: Mask, confident: Mask) -> Ints:
    """Index of each person's detection, -1 for none, (N,).

    Args:
        established: People who are believed to exist, (N,): they choose first.
        confident: Detections that may be anybody's, (D,); the others only prolong a track.
    """
    chosen = np.full(len(established), -1)
    if not len(established) or not len(seen):
        return chosen
    surprise, likeness = compare(outlook, seen)
    free = np.ones(len(seen), bool)
    for people, detections, allowed in (
            (established, confident, surprise < _STRANGE),
            (established, ~confident, (surprise < _STRANGE) & (likeness > _OVERLAP)),
            (~established, confident, surprise < _DOUBT)):
        rows, columns = np.flatnonzero(people & (chosen < 0)), np.flatnonzero(detections & free)
        if len(rows) and len(columns):
            block = np.ix_(rows, columns)
            i, j = linear_sum_assignment(np.where(allowed[block], surprise[block], _NEVER))
            fits = allowed[rows[i], columns[j]]
            chosen[rows[i[fits]]] = columns[j[fits]]
            free[columns[j[fits]]] = False
    return chosen


def compare(outlook: Outlook, seen: Sightings) -> tuple[Floats, Floats]:
    """How surprising it is that person n gives detection d, and how alike they are, (N, D) each.

    The surprise [nats] is the negative log likelihood of place and size under the motion model,
    so that somebody long unseen may be found far away but does not win against somebody just seen.
    """
    scale = np.sqrt(outlook.depth[:, None] * seen.depth)                            # (N, D) [m]
    way = shift(outlook, seen) * scale[..., None]                                   # (N, D, 2) [m]
    x, y, noise = way[..., 0], way[..., 1], seen.lateral_std ** 2
    a, d = outlook.lateral[:, 0, 0, None] + noise, outlook.lateral[:, 1, 1, None] + noise
    b = outlook.lateral[:, 0, 1, None]
    area = a * d - b * b
    beside = (d * x * x - 2 * b * x * y + a * y * y) / area
    relative = outlook.relative[:, None] + seen.relative_std ** 2
    along = np.log(seen.depth / outlook.depth[:, None]) ** 2 / relative
    surprise = (beside + along + np.log(area * relative)) / 2
    boxes = box_overlap(outlook.points[:, 17:], seen.points[:, 17:])
    joints = joint_likeness(outlook.points[:, :17], seen.points[:, :17], seen.visibility, scale)
    joints = np.where(seen.visibility.any(1), joints, boxes)
    dressed = colour_likeness(outlook.colours, seen.colours)
    strange = np.nan_to_num(np.maximum(_USUAL - dressed, 0) / _USUAL)
    surprise += _JOINTS * (1 - joints) + _BOXES * (1 - boxes) + _COLOURS * strange
    return surprise, np.maximum(joints, boxes)


def joint_likeness(expected: Floats, seen: Floats, visibility: Floats, scale: Floats) -> Floats:
    """How well joints (N, J, 2) fit those seen (D, J, 2) with `visibility` (D, J), 0..1, (N, D).

    In the manner of COCO's object keypoint similarity, with tolerances in metres; `scale` (N, D)
    turns rays into metres.
    """
    gap = expected[:, None] - seen                                                  # (N, D, J, 2)
    misfit = (gap * gap).sum(-1) * (scale ** 2)[..., None] / (-2 * _TOLERANCE ** 2)
    share = visibility / np.maximum(visibility.sum(-1, keepdims=True), 1e-9)
    likeness: Floats = (np.exp(misfit) * share).sum(-1)
    return likeness


def box_overlap(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes (N, 2, 2) and (D, 2, 2), (N, D)."""
    sides = np.minimum(a[:, None, 1], b[:, 1]) - np.maximum(a[:, None, 0], b[:, 0])
    shared = np.maximum(sides, 0.0).prod(-1)
    areas = (a[:, 1] - a[:, 0]).prod(-1)[:, None] + (b[:, 1] - b[:, 0]).prod(-1)
    overlap: Floats = shared / np.maximum(areas - shared, 1e-12)
    return overlap


def repeated(seen: Sightings) -> Mask:
    """Which sightings show a person that a better one shows too, (D,)."""
    repeat = np.zeros(len(seen), bool)
    boxes, joints = seen.points[:, 17:], seen.points[:, :17]
    alike = box_overlap(boxes, boxes) > _SAME_BOX                                   # (D, D)
    if alike.sum() == len(seen):
        return repeat
    scale = np.sqrt(seen.depth[:, None] * seen.depth)
    alike &= joint_likeness(joints, joints, seen.visibility, scale) > _SAME
    order = np.argsort(-seen.score, kind='stable')
    for i, d in enumerate(order):
        better = order[:i]
        repeat[d] = (alike[better, d] & ~repeat[better]).any()
    return repeat


def coincident(outlook: Outlook) -> Mask:
    """Which people (rows) are expected where somebody older (columns) is, (N, N)."""
    level = np.tril(np.abs(np.log(outlook.depth[:, None] / outlook.depth)) < _SAME_DEPTH, -1)
    if not level.any():
        return level
    joints = outlook.points[:, :17]
    scale = np.sqrt(outlook.depth[:, None] * outlook.depth)
    return level & (joint_likeness(joints, joints, np.ones(joints.shape[:2]), scale) > _SAME)
