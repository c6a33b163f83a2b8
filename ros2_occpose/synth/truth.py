"""What a camera truly sees of each point of a body, and what hides the rest.

Read from the depth and the ids of the picture, so that it holds for whatever was drawn.
Letters: P people, J points.
"""
from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..geometry import Camera, invert, transform
from ..skeleton import COCO17, H36M17, conversion
from ..training.mocap.kinematics import BODY
from ..types import Bools, Floats, Ints, JointState

_IN_FRONT_M = 0.02          # what is nearer by less than this hides nothing
_AROUND_M = 0.02            # looks are taken at a point and so far around it
_ENOUGH = 2                 # of five looks that must reach a point for it to be seen
_WRONG_SIDE_M = 0.05        # nearer to the camera than this: behind the lens
# How deep under the skin the points of BODY lie at most [m]: what is nearer by more is another
# part of the same body.
_DEEP_M = {'nose': 0.04, 'eye': 0.045, 'ear': 0.06, 'shoulder': 0.13, 'elbow': 0.08,
           'wrist': 0.07, 'hip': 0.18, 'knee': 0.1, 'ankle': 0.09, 'head': 0.12}
_DEEP = np.array([_DEEP_M[point.rpartition('_')[2]] for point in BODY])


class Sight(IntEnum):
    """How a point stands before the camera."""

    SEEN = 0
    BEHIND_OBJECT = 1
    BEHIND_PERSON = 2
    BEHIND_ONESELF = 3
    OUT_OF_VIEW = 4


JOINT_STATE = np.array([JointState.OBSERVED, JointState.OCCLUDED, JointState.OCCLUDED,
                        JointState.OCCLUDED, JointState.OUT_OF_VIEW])        # of each Sight


@dataclass(frozen=True, kw_only=True)
class Truth:
    """Everybody in one picture; a person who is not there has NaN and OUT_OF_VIEW."""

    stamp_ns: int
    world_from_camera: Floats   # (4, 4)
    body: Floats                # (P, 18, 3) [m] BODY in the world
    pixels: Floats              # (P, 18, 2) [px]; NaN: behind the camera
    sight: Ints                 # (P, 18) Sight
    boxes_px: Floats            # (P, 4) of what is seen of each person: x0 y0 x1 y1; NaN: nothing
    seen_px: Ints               # (P,) pixels that show the person


def sights(camera: Camera, world_from_camera: Floats, body: Floats, depth: Floats,
           ids: Ints) -> tuple[Ints, Floats]:
    """How the points of bodies stand, and where they are in the picture.

    Args:
        camera: Its lens is in the picture.
        world_from_camera: (4, 4).
        body: BODY of each person in the world, (P, 18, 3) [m]; NaN: not there.
        depth: Of the picture, along the optical axis, (H, W) [m].
        ids: Of the picture, (H, W): 0 the shell of the room, k person k - 1, below 0 furniture.

    Returns:
        Sight (P, 18) and pixels (P, 18, 2).
    """
    points = transform(invert(world_from_camera), body)                        # (P, 18, 3)
    pixels = camera.project(points)
    far = points[..., 2]
    inside = camera.contains(pixels) & (far > _WRONG_SIDE_M)
    radius = np.maximum(_AROUND_M * camera.focal_px / np.maximum(far, 0.1), 1.0)
    around = np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    looks = np.stack([_look(pixels + step * radius[..., None], far, inside, depth, ids)
                      for step in around])                                     # (5, P, 18)
    votes = np.stack([(looks == sight).sum(0) for sight in Sight])             # (5, P, 18)
    hidden = votes[Sight.BEHIND_OBJECT:Sight.OUT_OF_VIEW].argmax(0) + Sight.BEHIND_OBJECT
    found = np.where(votes[Sight.SEEN] >= _ENOUGH, Sight.SEEN, hidden)
    return np.where(inside, found, Sight.OUT_OF_VIEW), pixels


def _look(pixels: Floats, far: Floats, inside: Bools, depth: Floats, ids: Ints) -> Ints:
    """Sight (P, 18) by one pixel near each point."""
    high, wide = depth.shape
    column = np.where(inside, np.nan_to_num(pixels[..., 0]).round(), 0).astype(int)
    row = np.where(inside, np.nan_to_num(pixels[..., 1]).round(), 0).astype(int)
    column, row = column.clip(0, wide - 1), row.clip(0, high - 1)
    near, whose = depth[row, column], ids[row, column]
    own = whose == np.arange(1, len(far) + 1)[:, None]
    sight = np.where(whose > 0, Sight.BEHIND_PERSON, Sight.BEHIND_OBJECT)
    sight = np.where(near > far - _IN_FRONT_M, Sight.SEEN, sight)
    return np.where(own, np.where(near > far - _DEEP, Sight.SEEN, Sight.BEHIND_ONESELF), sight)


def boxes_of(ids: Ints, people: int) -> tuple[Floats, Ints]:
    """Boxes (P, 4) [px] around what is seen of each person, and how many pixels that is, (P,)."""
    boxes, count = np.full((people, 4), np.nan), np.zeros(people, int)
    for person in range(people):
        rows, columns = np.nonzero(ids == person + 1)
        count[person] = len(rows)
        if len(rows):
            boxes[person] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return boxes, count


def sights_h36m(sight: Ints) -> Ints:
    """Sight of the joints of h36m17, (..., 18) -> (..., 17).

    A joint that is the mean of several points is seen if all of them are; else it stands as the
    worst of them. The top of the head stands for itself.
    """
    weights = conversion(COCO17, H36M17) > 0                                   # (17, 17)
    out = np.zeros((*sight.shape[:-1], len(H36M17.joints)), int)
    for joint in range(len(H36M17.joints)):
        parts = np.flatnonzero(weights[joint])
        if len(parts):
            out[..., joint] = sight[..., parts].max(-1)
    out[..., H36M17.index('head')] = sight[..., BODY.index('head')]
    return out
