"""From 2D joints to what a lifting network sees; the same code live and in training.

Per person a virtual camera looks at the middle of the body, and the joints are measured there in
units of the distance (so roughly in metres). Nothing that the network sees depends on resolution,
focal length, or on where in the image a person stands, except the direction of the middle, which
gives the perspective back. A hidden joint holds its last place in the body; its place moves, turns
and grows with the joints that are seen.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry import camera_from_view
from ..skeleton import COCO17
from ..types import Bools, Floats, Ints

VERSION = 'view-2'             # travels in the metadata of every network trained on this page
JOINTS = len(COCO17.joints)
# offsets (J, 2), freshness (J,), middle (2), log distance, shift of the middle (2)
FEATURES = 3 * JOINTS + 5
FRESHNESS = slice(2 * JOINTS, 3 * JOINTS)
SEEN_NOW = 0.999               # freshness beyond which a joint is seen in this frame
LOG_DISTANCE = FRESHNESS.stop + 2      # logarithm of the distance [m] over the usual one
USUAL_LOG_DISTANCE = 1.4
MEMORY_FRAMES = 8.0            # freshness falls by a factor of e in so many frames

_TORSO = ('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip')
_MIDDLE_WEIGHT = np.full(JOINTS, 0.02)
_MIDDLE_WEIGHT[COCO17.indices(*_TORSO)] = 1.0

# (joint, joint, usual length [m]): what their lengths in the image say about the distance
_LENGTHS = (
    *(
        (f'{side}_{a}', f'{side}_{b}', length)
        for side in ('left', 'right')
        for a, b, length in (
            ('shoulder', 'hip', 0.5),
            ('shoulder', 'elbow', 0.28),
            ('elbow', 'wrist', 0.25),
            ('hip', 'knee', 0.4),
            ('knee', 'ankle', 0.41),
            ('ear', 'shoulder', 0.26),
        )
    ),
    ('left_shoulder', 'right_shoulder', 0.34),
    ('left_ear', 'right_ear', 0.15),
    ('nose', 'left_ear', 0.13),
    ('nose', 'right_ear', 0.13),
)
_LENGTH_ENDS = np.array([COCO17.indices(a, b) for a, b, _ in _LENGTHS]).T     # (2, K)
_LENGTH_M = np.array([length for *_, length in _LENGTHS])
_NEAREST, _FARTHEST = 0.3, 60.0        # distances that are believed [m]
_FIRST_GUESS = 5.0                     # distance of somebody of whom one joint was seen [m]
_SETTLE = 0.12                         # share of a new distance that is believed in one frame


@dataclass(frozen=True)
class BodyState:
    """What is remembered of N people between frames; rows are independent."""

    middle: Floats       # (N, 2) ray of the middle of the body
    per_m: Floats        # (N,) 1 / distance: length in the view of one metre
    offsets: Floats      # (N, J, 2) place of each joint around the middle, in units of per_m
    known: Bools         # (N, J) seen at least once
    seen: Bools          # (N, J) seen in the last frame
    frames: Floats       # (N,) frames in which a length could be measured
    unseen: Floats       # (N, J) frames since each joint was seen

    @staticmethod
    def fresh(n: int) -> BodyState:
        """Of people never seen."""
        return BodyState(np.zeros((n, 2)), np.full(n, 1 / _FIRST_GUESS), np.zeros((n, JOINTS, 2)),
                         np.zeros((n, JOINTS), bool), np.zeros((n, JOINTS), bool), np.zeros(n),
                         np.full((n, JOINTS), np.inf))

    def take(self, rows: Ints) -> BodyState:
        """Of some of the people."""
        return BodyState(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def rays(self, now_from_last: Floats | None = None) -> Floats:
        """Where the joints are now if the person stood still since the last frame, (N, J, 2).

        Args:
            now_from_last: Rotation of the camera since, (3, 3) or (N, 3, 3), where it is known.
        """
        turn = camera_from_view(self.middle)
        if now_from_last is not None:
            turn = now_from_last @ turn
        return _through(turn, self.offsets * self.per_m[:, None, None])

    @staticmethod
    def join(states: list[BodyState]) -> BodyState:
        """Of several groups of people, one after the other."""
        return BodyState(*(np.concatenate([getattr(state, name) for state in states])
                           for name in BodyState.__dataclass_fields__))


def normalise(state: BodyState, rays: Floats, seen: Bools,
              now_from_last: Floats | None = None) -> tuple[BodyState, Floats, Floats]:
    """One frame of N people as the network sees it.

    Args:
        rays: x/z, y/z of the coco17 joints in the undistorted image, (N, J, 2); anything where not
            seen.
        seen: (N, J).
        now_from_last: Rotation of the camera since the last frame, (3, 3) or (N, 3, 3), where it
            is known.

    Returns:
        The next state, the features (N, FEATURES), and camera_from_view (N, 3, 3): the network
        answers in the axes of the view.
    """
    seen = seen & np.isfinite(rays).all(-1)
    expected = state.rays(now_from_last)                                       # (N, J, 2)
    rays = np.where(seen[..., None], rays, 0.0)
    shift, shared = _shift(rays - expected, seen, state)
    filled = np.where(seen[..., None], rays, expected + shift[:, None])
    known = state.known | seen
    weight = np.where(known, _MIDDLE_WEIGHT, 0.0)[..., None]
    total = weight.sum(1)
    middle = np.where(total > 0, (weight * filled).sum(1) / np.maximum(total, 1e-9), state.middle)
    turn = camera_from_view(middle)                                            # (N, 3, 3)
    view = _through(np.swapaxes(turn, -1, -2), filled)  # (N, J, 2) around the middle
    per_m, frames = _distance(state, view, seen)
    offsets = np.where(known[..., None], np.clip(view / per_m[:, None, None], -3, 3), 0.0)
    moved = np.where(shared[:, None], shift / per_m[:, None], 0.0)
    unseen = np.where(seen, 0.0, state.unseen + 1)
    features = np.concatenate(
        [
            offsets.reshape(len(offsets), -1),
            freshness(unseen),
            np.clip(middle, -1.5, 1.5),
            -np.log(per_m)[:, None] - USUAL_LOG_DISTANCE,
            np.clip(moved * 10, -2, 2),
        ],
        1,
    )
    return BodyState(middle, per_m, offsets, known, seen, frames, unseen), features, turn


def freshness(unseen: Floats) -> Floats:
    """What a network is told of a joint: 1 where it is seen, less the longer it is unseen."""
    return np.exp(-unseen / MEMORY_FRAMES)


def _through(turn: Floats, rays: Floats) -> Floats:
    """Rays (N, J, 2) in axes turned by (N, 3, 3); those that leave the view stay finite."""
    turned = rays @ np.swapaxes(turn[:, :, :2], -1, -2) + turn[:, None, :, 2]
    return np.clip(turned[..., :2] / np.maximum(turned[..., 2:], 0.05), -20, 20)


def _shift(moved: Floats, seen: Bools, state: BodyState) -> tuple[Floats, Bools]:
    """Median movement of the joints seen now and before, (N, 2), and who has such joints, (N,).

    Joints that were seen in the last frame count if there are any, else those seen at any time.
    """
    lately = seen & state.seen
    ever = seen & state.known
    use = np.where(lately.any(1, keepdims=True), lately, ever)                 # (N, J)
    count = use.sum(1)
    ordered = np.sort(np.where(use[..., None], moved, np.inf), axis=1)         # (N, J, 2)
    rows = np.arange(len(moved))
    low, high = ordered[rows, np.maximum(count - 1, 0) // 2], ordered[rows, count // 2]
    shift = np.where(count[:, None] > 0, (low + high) / 2, 0.0)
    return shift, count > 0


def _distance(state: BodyState, view: Floats, seen: Bools) -> tuple[Floats, Floats]:
    """Smoothed 1 / distance (N,) and the number of frames that measured it (N,).

    A length seen at an angle looks too short, never too long, so the longer ones count more; but
    one that is far longer than most has an end that was detected in the wrong place.
    """
    first, second = _LENGTH_ENDS
    both = seen[:, first] & seen[:, second]  # (N, K)
    ratio = np.where(
        both, np.linalg.norm(view[:, first] - view[:, second], axis=-1) / _LENGTH_M, 0.0
    )
    ordered = np.sort(ratio, axis=1)  # not measured: 0, first
    # three of five are shorter
    upper = ordered[np.arange(len(ratio)), -1 - (both.sum(1) * 2 // 5)]
    ratio = np.minimum(ratio, 1.3 * upper[:, None])
    weight = both * _LENGTH_M
    total = weight.sum(1)
    measured = (((weight * ratio ** 3).sum(1) / np.maximum(total, 1e-9)) ** (1 / 3))
    measured = np.clip(measured, 1 / _FARTHEST, 1 / _NEAREST)
    frames = state.frames + (total > 0)
    trust = np.maximum(1 / np.maximum(frames, 1), _SETTLE) * np.minimum(total / 1.0, 1.0)
    trust = np.where(frames <= 1, total > 0, trust)
    log = np.log(state.per_m) + trust * (np.log(measured) - np.log(state.per_m))
    return np.exp(log), frames
