"""How far joints have left the motion of the image: a guess does not move with the pixels.

The paper (see visibility.py) compares two frames; at camera rates a guessed joint leaves the
image's motion too slowly for that, so here the disagreement adds up over a short memory, in which
the detector's jitter cancels out.
"""
from __future__ import annotations

import cv2
import numpy as np

from ..skeleton import COCO17
from ..types import Bools, Floats, Image, Ints, Tracks

_LEAST_PX = 16              # smaller images have no flow
_MEMORY_S = 0.3             # time over which disagreement adds up
_FLOW_ERROR = 0.3           # part of a joint's motion by which flow may be wrong
_LONGEST_S = 0.25           # over longer steps flow says nothing
_NEIGHBOUR = 0.03           # in heights: flow is read here and in eight places this far around
_PLACES = np.array([(x, y) for x in (0, -1, 1) for y in (0, -1, 1)])


class StrayMemory:
    """Compares how joints move with how the image moves, by dense optical flow (DIS)."""

    def __init__(self) -> None:
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._image: Image | None = None            # grey, small
        self._stamp_ns = 0
        self._points_px: Floats = np.zeros((0, len(COCO17.joints), 2))
        self._seen = np.zeros((0, len(COCO17.joints)), bool)
        self._stray: Floats = np.zeros((0, len(COCO17.joints), 2))      # in heights

    def update(self, tracks: Tracks, before: Ints, height_px: Floats, image: Image,
               scale: float, stamp_ns: int) -> Floats:
        """How far the joints have left the motion of the image, (N, 17) in heights.

        Args:
            tracks: Of this frame.
            before: Row of each person in the last frame, -1: not in it, (N,).
            height_px: (N,).
            image: BGR, `scale` times as large as the one that `tracks` are in.
        """
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        step_s = (stamp_ns - self._stamp_ns) / 1e9
        last = self._image
        seen = tracks.visibility > 0
        stray = np.zeros((len(tracks), len(COCO17.joints), 2))
        known = np.flatnonzero(before >= 0)
        if (len(known) and last is not None and last.shape == grey.shape
                and min(grey.shape) >= _LEAST_PX and 0 < step_s <= _LONGEST_S):
            rows = before[known]
            empty = np.zeros((*grey.shape, 2), np.float32)
            flow_px = np.asarray(self._dis.calc(last, grey, empty), np.float32) / scale
            moved, usable = _against(self._points_px[rows], tracks.keypoints_px[known],
                                     height_px[known], flow_px, scale)
            usable = usable & self._seen[rows] & seen[known]
            kept = self._stray[rows] * np.exp(-step_s / _MEMORY_S)
            stray[known] = np.where(usable[..., None], kept + moved, 0.0)
        self._image, self._stamp_ns = grey, stamp_ns
        self._points_px, self._seen, self._stray = tracks.keypoints_px, seen, stray
        return np.asarray(np.linalg.norm(stray, axis=-1))


def _against(old_px: Floats, new_px: Floats, height_px: Floats, flow_px: Floats,
             scale: float) -> tuple[Floats, Bools]:
    """Motion of joints (n, 17, 2) against that of the image, in heights, and where it is known.

    Of the flow around a joint the value that agrees best counts: limbs are thin.
    """
    tall = height_px[:, None, None]
    moved = (new_px - old_px) / tall                                                # (n, 17, 2)
    at = (old_px[:, :, None] + _NEIGHBOUR * tall[..., None] * _PLACES) * scale      # (n, 17, 9, 2)
    rows, columns = flow_px.shape[:2]
    inside = ((at[:, :, 0] >= 0) & (at[:, :, 0] < (columns, rows))).all(-1)         # (n, 17)
    cell = np.clip(np.rint(at), 0, (columns - 1, rows - 1)).astype(int)
    against = moved[:, :, None] - flow_px[cell[..., 1], cell[..., 0]] / tall[..., None]
    best = np.linalg.norm(against, axis=-1).argmin(-1)                              # (n, 17)
    against = np.take_along_axis(against, best[..., None, None], 2)[:, :, 0]        # (n, 17, 2)
    size = np.maximum(np.linalg.norm(against, axis=-1), 1e-9)
    forgiven = _FLOW_ERROR * np.linalg.norm(moved, axis=-1)
    return against * (np.maximum(size - forgiven, 0.0) / size)[..., None], inside
