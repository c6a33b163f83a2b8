"""Which joints were seen, which guessed: the detector's confidence times agreement with the image.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019: a joint
that moved otherwise than the pixels under it was not seen but guessed.
"""
from __future__ import annotations

import cv2
import numpy as np

from ..types import Floats, Frame, Image, Tracks

_SCALE = 0.5                # flow is computed on an image this much smaller
_SLACK = 0.03               # disagreement, in heights of the person, that costs nothing much
_PER_SECOND = 0.10          # ... and more of it the longer the step between frames
_LONGEST_S = 0.25           # over longer steps flow says nothing
_LEAST = 0.3                # share of the confidence that remains at worst


class Unchanged:
    """Believes the detector."""

    def update(self, tracks: Tracks, frame: Frame) -> Tracks:
        """The same tracks."""
        return tracks

    def reset(self) -> None:
        """Nothing to forget."""


class FlowVisibility:
    """Compares how joints moved with how the image moved, by dense optical flow (DIS)."""

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame."""
        self._image: Image | None = None                    # grey, small
        self._stamp_ns = 0
        self._last: dict[int, tuple[Floats, Floats]] = {}   # id -> keypoints, visibility

    def update(self, tracks: Tracks, frame: Frame) -> Tracks:
        """The same tracks; joints that do not move with the image are believed less."""
        small = cv2.resize(frame.image, None, fx=_SCALE, fy=_SCALE, interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        step_s = (frame.stamp_ns - self._stamp_ns) / 1e9
        rows = [row for row, person in enumerate(tracks.ids.tolist())
                if person in self._last and tracks.visibility[row].any()]
        visibility = tracks.visibility
        if (rows and self._image is not None and self._image.shape == grey.shape
                and step_s <= _LONGEST_S):
            flow = self._flow.calc(self._image, grey, None) / _SCALE
            visibility = visibility.copy()
            visibility[rows] *= self._trust(tracks, rows, flow, step_s)
        self._image, self._stamp_ns = grey, frame.stamp_ns
        self._last = {person: (tracks.keypoints_px[row], tracks.visibility[row])
                      for row, person in enumerate(tracks.ids.tolist())}
        return tracks.with_visibility(visibility)

    def _trust(self, tracks: Tracks, rows: list[int], flow: Floats, step_s: float) -> Floats:
        """Share of the confidence that remains, (n, 17)."""
        now = tracks.keypoints_px[rows]
        before, seen = (np.array(part) for part in zip(*(
            self._last[int(tracks.ids[row])] for row in rows), strict=True))
        boxes = tracks.boxes_px[rows]
        height = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(1), 8.0)[:, None]         # (n, 1) px
        at = np.rint(before * _SCALE).astype(int)
        inside = ((at >= 0) & (at < (flow.shape[1], flow.shape[0]))).all(-1)
        at = np.clip(at, 0, (flow.shape[1] - 1, flow.shape[0] - 1))
        apart = np.linalg.norm(now - before - flow[at[..., 1], at[..., 0]], axis=-1) / height
        slack = _SLACK + _PER_SECOND * step_s
        trust = _LEAST + (1 - _LEAST) * np.exp(-0.5 * (apart / slack) ** 2)
        return np.where(inside & (seen > 0), trust, 1.0)
