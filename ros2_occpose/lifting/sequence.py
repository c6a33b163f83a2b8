"""Whole sequences as lifting networks see them: the same code lifts clips and trains networks."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..types import Bools, Floats, Ints
from .normalise import FRESHNESS, BodyState, freshness, normalise

Fill = Literal['hold', 'interpolate']
FILLS: tuple[Fill, ...] = ('hold', 'interpolate')

@dataclass(frozen=True)
class Normalised:
    """B sequences of T frames; the network answers in the axes of the view."""

    features: Floats             # (B, T, FEATURES) float32
    camera_from_view: Floats     # (B, T, 3, 3)

    def to_camera(self, joints_view: Floats) -> Floats:
        """Joints (B, T, J, 3) of the network in camera axes."""
        return np.asarray(joints_view @ np.swapaxes(self.camera_from_view, -1, -2))

    def to_view(self, joints_camera: Floats) -> Floats:
        """The other way round."""
        return np.asarray(joints_camera @ self.camera_from_view)


def normalise_sequences(rays: Floats, seen: Bools, now_from_last: Floats | None = None, *,
                        fill: Fill = 'hold') -> Normalised:
    """Sequences of frames of one person each, from his first frame on.

    Args:
        rays: coco17 in the undistorted image, (B, T, 17, 2); anything where not seen.
        seen: (B, T, 17).
        now_from_last: Rotation of the camera since the frame before, (B, T, 3, 3), the identity
            in the first and where unknown.
        fill: What stands in for a joint that is not seen: its last place in the body, as a live
            lifter must ('hold'), or a straight line in the image from where it was to where it
            will be ('interpolate').
    """
    batch, frames = seen.shape[:2]
    given, known = rays, seen
    if fill == 'interpolate':
        given, known = interpolate(rays, seen)
    state = BodyState.fresh(batch)
    features, views = [], []
    for t in range(frames):
        turn = None if now_from_last is None else now_from_last[:, t]
        state, x, view = normalise(state, given[:, t], known[:, t], turn)
        features.append(x.astype(np.float32))
        views.append(view)
    out = np.stack(features, 1)
    if fill == 'interpolate':
        out[..., FRESHNESS] = freshness(_to_nearest_sight(seen))
    return Normalised(out, np.stack(views, 1))


def interpolate(rays: Floats, seen: Bools) -> tuple[Floats, Bools]:
    """Rays (B, T, J, 2) with straight lines over the gaps, and which joints have one (B, T, J).

    Before the first and after the last sight a joint stays where it was seen; one that is never
    seen has no ray.
    """
    frames = seen.shape[1]
    t = np.arange(frames)[None, :, None]
    before, after = _sights(seen)
    known = (before >= 0) | (after < frames)
    first = np.where(before >= 0, before, np.minimum(after, frames - 1))
    last = np.where(after < frames, after, first)
    share = (t - first) / np.maximum(last - first, 1)
    lines = _at(rays, first) * (1 - share[..., None]) + _at(rays, last) * share[..., None]
    return np.where(seen[..., None], rays, np.where(known[..., None], lines, 0.0)), known


def _to_nearest_sight(seen: Bools) -> Floats:
    """Frames to the nearest sight of each joint, before or after, (B, T, J); inf: never."""
    frames = seen.shape[1]
    t = np.arange(frames)[None, :, None]
    before, after = _sights(seen)
    return np.minimum(np.where(before >= 0, t - before, np.inf),
                      np.where(after < frames, after - t, np.inf))


def _sights(seen: Bools) -> tuple[Ints, Ints]:
    """Last frame in which a joint was seen, -1: none, and next one, T: none, (B, T, J) both."""
    frames = seen.shape[1]
    t = np.arange(frames)[None, :, None]
    before = np.maximum.accumulate(np.where(seen, t, -1), axis=1)
    after = np.minimum.accumulate(np.where(seen, t, frames)[:, ::-1], axis=1)[:, ::-1]
    return before, after


def _at(rays: Floats, frame: Ints) -> Floats:
    """Rays (B, T, J, 2) of other frames, (B, T, J)."""
    return np.take_along_axis(rays, frame[..., None], axis=1)
