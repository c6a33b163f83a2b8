"""Whether joints and limbs still have the colours that they had while they were seen clearly.

What passes before a joint has other colours than the clothes or the skin there. For each joint of
each person, and the middle of the limb that ends there, the mean colour around it is remembered
and how much it usually varies: wrists pass before much, shoulders do not. Both are learned only
while the joint, or both ends of the limb, are seen clearly.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..skeleton import COCO17
from ..types import Bools, Floats, Image, Ints

_REACH = 0.03               # half a side of the square that is looked at, in heights
_LIGHTNESS = 0.3            # weight of lightness beside the two colours: shadows pass, too
_CLEAR, _QUITE_CLEAR = 0.5, 0.7     # probability from which on a joint teaches, and teaches fully
_BEGINS = 0.3               # so clear a look is taken as the first colour
_MEMORY_S = 1.0             # of the colour
_SPREAD_MEMORY_S = 2.0      # of how much it varies
_USUAL, _LEAST, _MOST = 12.0, 4.0, 40.0     # how much it varies: at first, and bounds of it
_FOREIGN = 20.0             # a colour so far off teaches much less
_MOST_CHANGE = 2.5          # in usual changes; more says no more
_JOINTS = len(COCO17.joints)


def _other_ends() -> list[int]:
    """The joint at the other end of the limb that ends at each; of shoulders the hip."""
    ends = [max(parent, 0) for parent in COCO17.parents]
    for side in ('left', 'right'):
        shoulder, hip = COCO17.indices(f'{side}_shoulder', f'{side}_hip')
        ends[shoulder] = hip
    return ends


_OTHER_END = _other_ends()


@dataclass(frozen=True)
class Changes:
    """How much colours changed, in usual changes; 0 where nothing is known, (N, 17) each."""

    joint: Floats
    limb: Floats
    unclear: Bools      # the limb was never seen clearly


class ColourMemory:
    """The colours of everybody's joints and limbs (8-bit CIELAB, lightness weighed less)."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._stamp_ns: int | None = None
        self._colour: Floats = np.zeros((0, 2 * _JOINTS, 3))    # NaN: never seen clearly
        self._varies: Floats = np.zeros((0, 2 * _JOINTS))

    def update(self, points_px: Floats, clear: Floats, before: Ints, height_px: Floats,
               image: Image, scale: float, stamp_ns: int) -> Changes:
        """How the colours compare with those remembered, which learn from this frame.

        Args:
            points_px: (N, 17, 2).
            clear: Probability that they were seen, as far as is known before, (N, 17).
            before: Row of each person in the last frame, -1: not in it, (N,).
            height_px: (N,).
            image: BGR, `scale` times as large as the one that the points are in.
        """
        middle_px = 0.5 * (points_px + points_px[:, _OTHER_END])
        at = np.concatenate([points_px, middle_px], 1) * scale                      # (N, 34, 2)
        clear = np.concatenate([clear, np.minimum(clear, clear[:, _OTHER_END])], 1)
        now = _means(image, at, height_px * (_REACH * scale))                       # (N, 34, 3)
        old, varies = self._recall(before)
        change = np.linalg.norm(now - old, axis=-1)                                 # NaN: unknown
        known = np.isfinite(change)
        size = np.where(known, change, 0.0)
        step_s = 0.0 if self._stamp_ns is None else max((stamp_ns - self._stamp_ns) / 1e9, 0.0)
        teaches = np.clip((clear - _CLEAR) / (_QUITE_CLEAR - _CLEAR), 0.0, 1.0)
        share = teaches * -np.expm1(-step_s / _MEMORY_S) * np.exp(-0.5 * (size / _FOREIGN) ** 2)
        first = ~np.isfinite(old[..., 0]) & (teaches > _BEGINS)
        learned = np.where(known[..., None], old + share[..., None] * (now - old), old)
        self._colour = np.where(first[..., None], now, learned)
        share = np.where(known, teaches * -np.expm1(-step_s / _SPREAD_MEMORY_S), 0.0)
        self._varies = np.sqrt(varies ** 2 + share * (np.minimum(size, _MOST) ** 2 - varies ** 2))
        self._stamp_ns = stamp_ns
        relative = np.minimum(size / np.maximum(varies, _LEAST), _MOST_CHANGE)
        return Changes(relative[:, :_JOINTS], relative[:, _JOINTS:],
                       np.isnan(self._colour[:, _JOINTS:, 0]))

    def _recall(self, before: Ints) -> tuple[Floats, Floats]:
        """Colours (N, 34, 3) and how much they vary (N, 34) of the people of this frame."""
        colour = np.full((len(before), 2 * _JOINTS, 3), np.nan)
        varies = np.full((len(before), 2 * _JOINTS), _USUAL)
        known = before >= 0
        colour[known], varies[known] = self._colour[before[known]], self._varies[before[known]]
        return colour, varies


def _means(image: Image, at: Floats, reach: Floats) -> Floats:
    """Mean colours (N, K, 3) of squares around points (N, K, 2) that reach (N,) px to each side.

    NaN where a point is outside.
    """
    height, width = image.shape[:2]
    total = cv2.integral(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2LAB)))    # (H+1, W+1, 3)
    cell = np.rint(np.clip(at, -1e6, 1e6)).astype(int)
    inside: Bools = np.all((cell >= 0) & (cell < (width, height)), axis=-1)
    side = np.maximum(np.rint(reach), 1).astype(int)[:, None, None]
    low = np.clip(cell - side, 0, (width, height))
    high = np.clip(cell + side + 1, 0, (width, height))
    x0, y0, x1, y1 = low[..., 0], low[..., 1], high[..., 0], high[..., 1]
    sums = total[y1, x1] - total[y0, x1] - total[y1, x0] + total[y0, x0]        # (N, K, 3)
    count = np.maximum((x1 - x0) * (y1 - y0), 1)[..., None]
    return np.where(inside[..., None], sums / count * (_LIGHTNESS, 1.0, 1.0), np.nan)
