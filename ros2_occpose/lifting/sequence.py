"""Whole sequences as lifting networks see them: the same code lifts clips and trains networks."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..types import Bools, Floats, Ints
from .normalise import FRESHNESS, BodyState, freshness, normalise

Fill = Literal['hold', 'interpolate', 'blend']
FILLS: tuple[Fill, ...] = ('hold', 'interpolate', 'blend')


@dataclass(frozen=True)
class Normalised:
    """B sequences of T frames; the network answers in the axes of the view."""

    features: Floats             # (B, T, FEATURES) float32
    camera_from_view: Floats     # (B, T, 3, 3)

    def to_camera(self, joints_view: Floats) -> Floats:
        """Joints (B, T, J, 3) of the network in camera axes."""
        return np.asarray(joints_view @ np.swapaxes(self.camera_from_view, -1, -2))

    def to_view(self, joints_camera: Floats) -> Floats:
        """Joints (B, T, J, 3) in camera axes as the network would answer."""
        return np.asarray(joints_camera @ self.camera_from_view)


def normalise_sequences(rays: Floats, seen: Bools, now_from_last: Floats | None = None, *,
                        fill: Fill = 'hold') -> Normalised:
    """Sequences of frames of one person each, from the first frame on.

    Args:
        rays: coco17 in the undistorted image, (B, T, 17, 2); anything where not seen.
        seen: (B, T, 17).
        now_from_last: Rotation of the camera since the frame before, (B, T, 3, 3), the identity
            in the first and where unknown.
        fill: What stands in for a joint that is not seen: its last place in the body, as a live
            lifter must ('hold'), a straight line in the image from where it was to where it will
            be ('interpolate'), or its place in the body, from the last one to the next ('blend').
    """
    batch, frames = seen.shape[:2]
    given, known = rays, seen
    if fill == 'interpolate':
        given, known = interpolate(rays, seen)
    elif fill == 'blend':
        given, known = blend(rays, seen, now_from_last)
    state = BodyState.fresh(batch)
    features, views = [], []
    for t in range(frames):
        turn = None if now_from_last is None else now_from_last[:, t]
        state, x, view = normalise(state, given[:, t], known[:, t], turn)
        features.append(x.astype(np.float32))
        views.append(view)
    out = np.stack(features, 1)
    if fill != 'hold':
        out[..., FRESHNESS] = freshness(_to_nearest_sight(seen))
    return Normalised(out, np.stack(views, 1))


def interpolate(rays: Floats, seen: Bools) -> tuple[Floats, Bools]:
    """Rays (B, T, J, 2) with straight lines over the gaps, and which joints have one (B, T, J).

    Before the first and after the last sight a joint stays where it was seen; one that is never
    seen has no ray.
    """
    first, last, share, known = _gaps(seen)
    lines = _at(rays, first) * (1 - share) + _at(rays, last) * share
    return np.where(seen[..., None], rays, np.where(known[..., None], lines, 0.0)), known


def blend(rays: Floats, seen: Bools,
          now_from_last: Floats | None = None) -> tuple[Floats, Bools]:
    """As `interpolate`, but a joint goes with the rest of the body, as if it had not moved in it.

    Held from its last sight on, and from its next one back, it goes over from one to the other.
    """
    _, _, share, known = _gaps(seen)
    back = None
    if now_from_last is not None:
        back = np.tile(np.eye(3), (*seen.shape[:2], 1, 1))
        back[:, 1:] = np.swapaxes(now_from_last[:, :0:-1], -1, -2)
    later = _held(rays[:, ::-1], seen[:, ::-1], back)[:, ::-1]
    earlier = _held(rays, seen, now_from_last)
    places = np.where(share > 0, later * share, 0.0) + earlier * (1 - share)
    return np.where(seen[..., None], rays, np.where(known[..., None], places, 0.0)), known


def _held(rays: Floats, seen: Bools, now_from_last: Floats | None) -> Floats:
    """Rays (B, T, J, 2) of all joints, the hidden ones where the body took them."""
    state, held = BodyState.fresh(len(seen)), []
    for t in range(seen.shape[1]):
        turn = None if now_from_last is None else now_from_last[:, t]
        state, _, _ = normalise(state, rays[:, t], seen[:, t], turn)
        held.append(state.rays())
    return np.stack(held, 1)


def _gaps(seen: Bools) -> tuple[Ints, Ints, Floats, Bools]:
    """Last sight and next one of each joint (B, T, J), how far we are between them (B, T, J, 1).

    Before the first sight and after the last one both are the only one there is, and the share is
    1 or 0; the last answer says which joints are seen at all, (B, T, J).
    """
    frames = seen.shape[1]
    t = np.arange(frames)[None, :, None]
    before, after = _sights(seen)
    known = (before >= 0) | (after < frames)
    last = np.minimum(np.where(before >= 0, before, after), frames - 1)
    following = np.where(after < frames, after, last)
    share = (t - last) / np.maximum(following - last, 1)
    share = np.where(before < 0, 1.0, np.where(after == frames, 0.0, share))
    return last, following, share[..., None], known


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
