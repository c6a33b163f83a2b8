"""Which joints were seen and which guessed: the detector's confidence and the image's motion.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019, eq. 2:
a joint that moves otherwise than the pixels under it was not seen but guessed. The paper compares
two frames; at camera rates a guessed joint leaves the image's motion too slowly for that, so here
the disagreement adds up over a short memory, in which the detector's jitter cancels out.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..skeleton import COCO17
from ..types import Floats, Frame, Image, Tracks

_SCALE = 0.5                # flow is computed on an image this much smaller, or on one
_LONG_SIDE_PX = 480         # ... with this longer side, whichever is smaller
_LEAST_PX = 16              # smaller images have no flow
_MEMORY_S = 0.3             # time over which disagreement adds up
_SPREAD = 0.12              # sigma of eq. 2: disagreement that is usual, in heights of a person
_FLOW_ERROR = 0.3           # part of a joint's motion by which flow may be wrong
_LONGEST_S = 0.25           # over longer steps flow says nothing
_NEIGHBOUR = 0.03           # in heights: flow is read here and in eight places this far around
_LEAST_HEIGHT_PX = 8.0
_PLACES = np.array([(x, y) for x in (0, -1, 1) for y in (0, -1, 1)])


class Unchanged:
    """Believes the detector."""

    def update(self, tracks: Tracks, frame: Frame) -> Tracks:
        """The same tracks."""
        return tracks

    def reset(self) -> None:
        """Nothing to forget."""


@dataclass(frozen=True)
class _Person:
    """Somebody in the last frame."""

    keypoints_px: Floats        # (17, 2)
    seen: NDArray[np.bool_]     # (17,) whether the detector saw the joint
    stray: Floats               # (17, 2) how far it left the motion of the image, in heights


class FlowVisibility:
    """Compares how joints move with how the image moves, by dense optical flow (DIS)."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._image: Image | None = None        # grey, small
        self._stamp_ns = 0
        self._people: dict[int, _Person] = {}   # by id

    def update(self, tracks: Tracks, frame: Frame) -> Tracks:
        """The same tracks; joints that leave the motion of the image are believed less."""
        scale = min(_SCALE, _LONG_SIDE_PX / max(frame.image.shape[:2]))
        small = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        image = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        step_s = (frame.stamp_ns - self._stamp_ns) / 1e9
        ids = tracks.ids.tolist()
        strays: dict[int, Floats] = {}
        last = self._image
        if (last is not None and last.shape == image.shape and min(image.shape) >= _LEAST_PX
                and 0 < step_s <= _LONGEST_S and not self._people.keys().isdisjoint(ids)):
            empty = np.zeros((*image.shape, 2), np.float32)
            flow_px = np.asarray(self._dis.calc(last, image, empty)) / scale
            strays = {person: _stray(self._people[person], tracks, row, flow_px, scale, step_s)
                      for row, person in enumerate(ids) if person in self._people}
        still = np.zeros((len(COCO17.joints), 2))
        stray = np.array([strays.get(person, still) for person in ids]).reshape(-1, *still.shape)
        self._image, self._stamp_ns = image, frame.stamp_ns
        self._people = {person: _Person(tracks.keypoints_px[row], tracks.visibility[row] > 0,
                                        stray[row]) for row, person in enumerate(ids)}
        trust = np.exp(-0.5 * (np.linalg.norm(stray, axis=-1) / _SPREAD) ** 2)      # (N, 17)
        return tracks.with_visibility(tracks.visibility * trust)


def _stray(last: _Person, tracks: Tracks, row: int, flow_px: Floats, scale: float,
           step_s: float) -> Floats:
    """How far the joints of a person have left the motion of the image, (17, 2) in heights.

    Of the flow around a joint the value that agrees best counts: limbs are thin.
    """
    box = tracks.boxes_px[row]
    height_px = max(float((box[2:] - box[:2]).max()), _LEAST_HEIGHT_PX)
    moved_px = tracks.keypoints_px[row] - last.keypoints_px                         # (17, 2)
    at = (last.keypoints_px[:, None] + _NEIGHBOUR * height_px * _PLACES) * scale    # (17, 9, 2)
    rows, columns = flow_px.shape[:2]
    inside = ((at[:, 0] >= 0) & (at[:, 0] < (columns, rows))).all(-1)
    cell = np.clip(np.rint(at), 0, (columns - 1, rows - 1)).astype(int)
    against = (moved_px[:, None] - flow_px[cell[..., 1], cell[..., 0]]) / height_px
    best = np.linalg.norm(against, axis=-1).argmin(axis=1)
    against = against[np.arange(len(best)), best]                                   # (17, 2)
    size = np.maximum(np.linalg.norm(against, axis=-1), 1e-9)
    forgiven = _FLOW_ERROR * np.linalg.norm(moved_px, axis=-1) / height_px
    against *= (np.maximum(size - forgiven, 0.0) / size)[:, None]
    known = inside & last.seen & (tracks.visibility[row] > 0)
    return np.where(known[:, None], last.stray * np.exp(-step_s / _MEMORY_S) + against, 0.0)
