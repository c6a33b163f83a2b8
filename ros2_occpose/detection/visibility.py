"""Which joints were seen and which guessed: the detector's score against what the images say.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019, eq. 2,
lowers the score of a joint that moves otherwise than the pixels under it. Somebody who stands
behind a thing gives flow nothing to disagree with, so more is asked here: whether a joint and its
limb still have the colours of before, whether they were ever seen clearly, whether somebody nearer
is there, and whether it is the border of the image, where detectors put what is outside. Each
lowers the odds that the joint was seen; by how much was fitted by scripts/fit_visibility.py. As
joints do not hide for a single frame, the odds of the last frames count, too.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..skeleton import COCO17
from ..types import Bools, Floats, Frame, Ints, Tracks
from .visibility_colour import Changes, ColourMemory
from .visibility_flow import StrayMemory
from .visibility_people import in_front

AT_THRESHOLD = 0.3          # visibility of a joint at which the pipeline no longer believes it
_SCALE = 0.5                # looks are taken at an image this much smaller, or at one
_LONG_SIDE_PX = 480         # ... with this longer side, whichever is smaller
_LEAST_HEIGHT_PX = 8.0
_MEMORY_S = 0.06            # time over which odds are averaged
SUREST = 0.98               # no score is believed more than this, so that images can disagree
_EDGE = 0.02                # so near to the border a joint is at it, in heights of the person
# What lowers the logarithm of the odds that a joint was seen: fitted, but for the first.
SPREAD = 0.12               # sigma of eq. 2 in heights, and ...
MOST_STRAY = 0.5            # ... from which on a joint can leave the flow no further
_PER_CHANGE = 0.76          # for each usual change of the colours at the joint, ...
_PER_LIMB_CHANGE = 0.26     # ... and on the limb, beyond ...
_USUAL_CHANGE = 0.6         # ... that of most joints that are seen
_NEVER_CLEAR = 1.85         # of a limb that was never seen clearly
_IN_FRONT = 1.0             # of a joint on the limb of somebody nearer
_AT_EDGE = 2.65


class Unchanged:
    """Believes the detector."""

    def update(self, tracks: Tracks, frame: Frame) -> Tracks:
        """The same tracks."""
        return tracks

    def reset(self) -> None:
        """Nothing to forget."""


@dataclass(frozen=True)
class Cues:
    """What images say of the joints of people."""

    stray: Floats       # (N, 17) how far they left the motion of the image, in heights
    colours: Changes
    in_front: Floats    # (N, 17) how much somebody nearer is before them, 0..1
    at_edge: Bools      # (N, 17) at the border of the image

    def against(self) -> Floats:
        """By how much they lower the logarithm of the odds that a joint was seen, (N, 17)."""
        colours = self.colours
        return (_against_flow(self.stray) + _PER_CHANGE * (colours.joint - _USUAL_CHANGE)
                + _PER_LIMB_CHANGE * (colours.limb - _USUAL_CHANGE)
                + _NEVER_CLEAR * colours.unclear + _IN_FRONT * self.in_front
                + _AT_EDGE * self.at_edge)


class JointJudge:
    """Believes joints less where the images speak against them.

    Args:
        doubt: Score of the detector at which a joint is no longer believed when nothing else
            speaks for or against it; the joints of somebody else's detector have AT_THRESHOLD.
    """

    def __init__(self, doubt: float = AT_THRESHOLD) -> None:
        self._offset = _log_odds(np.array(doubt)) - _log_odds(np.array(AT_THRESHOLD))
        self._strays, self._colours = StrayMemory(), ColourMemory()
        self.reset()

    def reset(self) -> None:
        """Forget the last frame and everybody's colours."""
        self._strays.reset()
        self._colours.reset()
        self._ids: list[int] = []
        self._odds: Floats = np.zeros((0, len(COCO17.joints)))      # logarithms; NaN: unknown
        self._stamp_ns = 0
        self.cues: Cues | None = None       # of the last frame

    def update(self, tracks: Tracks, frame: Frame) -> Tracks:
        """The same tracks with the visibility that is left; outside the image there is none."""
        scale = min(_SCALE, _LONG_SIDE_PX / max(frame.image.shape[:2]))
        image = np.asarray(cv2.resize(frame.image, None, fx=scale, fy=scale,
                                      interpolation=cv2.INTER_AREA), np.uint8)
        ids = tracks.ids.tolist()
        rows = {person: row for row, person in enumerate(self._ids)}
        before = np.array([rows.get(person, -1) for person in ids], int)
        self._ids = ids
        sides = tracks.boxes_px[:, 2:] - tracks.boxes_px[:, :2]
        height_px = np.maximum(sides.max(1, initial=0.0), _LEAST_HEIGHT_PX)        # (N,)
        odds = _log_odds(tracks.visibility)
        if frame.detections is None:
            odds = odds - self._offset
        stray = self._strays.update(tracks, before, height_px, image, scale, frame.stamp_ns)
        clear = np.where(tracks.visibility > 0, _share(odds - _against_flow(stray)), 0.0)
        colours = self._colours.update(tracks.keypoints_px, clear, before, height_px, image,
                                       scale, frame.stamp_ns)
        inside, at_edge = _border(tracks.keypoints_px, height_px, frame.image.shape[:2])
        self.cues = Cues(stray, colours, in_front(tracks, height_px), at_edge)
        seen = inside & (tracks.visibility > 0)
        odds = self._averaged(np.where(seen, odds - self.cues.against(), np.nan), before,
                              frame.stamp_ns)
        return tracks.with_visibility(np.where(seen, _share(odds), 0.0))

    def _averaged(self, odds: Floats, before: Ints, stamp_ns: int) -> Floats:
        """Odds (N, 17) with those of the last frames, whose rows are `before` (N,)."""
        last = np.full_like(odds, np.nan)
        last[before >= 0] = self._odds[before[before >= 0]]
        kept = np.exp(-max((stamp_ns - self._stamp_ns) / 1e9, 0.0) / _MEMORY_S)
        self._odds = np.where(np.isfinite(last), odds + kept * (last - odds), odds)
        self._stamp_ns = stamp_ns
        return self._odds


def _against_flow(stray: Floats) -> Floats:
    """The exponent of eq. 2."""
    return np.asarray(0.5 * (np.minimum(stray, MOST_STRAY) / SPREAD) ** 2)


def _border(points_px: Floats, height_px: Floats, size: tuple[int, ...]) -> tuple[Bools, Bools]:
    """Which points (N, 17, 2) are in an image of `size` (rows, columns), and which at its edge."""
    far_side = np.array([size[1], size[0]]) - 1
    margin = np.minimum(points_px, far_side - points_px).min(-1)                   # (N, 17)
    return margin >= 0, margin < _EDGE * height_px[:, None]


def _log_odds(share: Floats) -> Floats:
    share = np.clip(share, 1 - SUREST, SUREST)
    return np.asarray(np.log(share / (1 - share)))


def _share(log_odds: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds)))
