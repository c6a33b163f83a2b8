"""Anti-aliased drawing with sub-pixel positions on a BGR image, in place."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..types import Floats, Image

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]

DARK: Colour = (28, 28, 28)
LIGHT: Colour = (240, 240, 240)
_SHIFT = 4                      # fractional bits of OpenCV's drawing functions
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class Canvas:
    """Draws on `image`; sizes are in `unit`, which is 1 for 960x720."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.lines, self.columns = image.shape[:2]
        self.unit = min(self.lines, 0.75 * self.columns) / 720
        self.text_scale = max(0.35, 0.52 * self.unit)

    def line(self, a: Floats, b: Floats, colour: Colour, width: float) -> None:
        """A straight line."""
        if self._far(a) or self._far(b):
            return
        cv2.line(self.image, _fixed(a), _fixed(b), colour, max(1, round(width)), cv2.LINE_AA,
                 _SHIFT)

    def dashes(self, a: Floats, b: Floats, colour: Colour, width: float) -> None:
        """A dashed line; dashes are as long as four widths."""
        length = float(np.linalg.norm(b - a))
        if not np.isfinite(length) or length > 4 * self.columns:
            return
        pieces = max(1, round(length / (8 * max(width, 1.0))))
        ends = np.linspace(0, 1, 2 * pieces)[:, None] * (b - a) + a       # (2 pieces, 2)
        for start, end in zip(ends[::2], ends[1::2], strict=True):
            self.line(start, end, DARK, 1.7 * width)
            self.line(start, end, colour, width)

    def dot(self, point: Floats, radius: float, colour: Colour, *, hollow: bool = False) -> None:
        """A disc, or a ring around what is behind it."""
        if self._far(point):
            return
        ring = max(1, round(0.45 * radius)) if hollow else cv2.FILLED
        size = max(radius, 1.3)
        if not hollow and size > 2:
            cv2.circle(self.image, _fixed(point), round(1.25 * size * 16), DARK, cv2.FILLED,
                       cv2.LINE_AA, _SHIFT)
        cv2.circle(self.image, _fixed(point), round(size * 16), colour, ring, cv2.LINE_AA, _SHIFT)

    def corners(self, box: Floats, colour: Colour, width: float) -> None:
        """The four corners of a box x0 y0 x1 y1."""
        x0, y0, x1, y1 = box.tolist()
        leg = 0.16 * min(x1 - x0, y1 - y0)
        for x, y, sx, sy in ((x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)):
            corner = np.array([x, y])
            for offset in ((sx * leg, 0.0), (0.0, sy * leg)):
                self.line(corner, corner + offset, colour, width)

    def text(self, text: str, at: Sequence[float], colour: Colour = LIGHT,
             scale: float = 1.0) -> None:
        """Text whose lower left corner is `at`."""
        size, weight = self._font(scale)
        cv2.putText(self.image, text, (round(at[0]), round(at[1])), _FONT, size, colour, weight,
                    cv2.LINE_AA)

    def text_size(self, text: str, scale: float = 1.0) -> tuple[int, int]:
        """(width, height) [px] of a line of text."""
        (width, height), _ = cv2.getTextSize(text, _FONT, *self._font(scale))
        return int(width), int(height)

    def _font(self, scale: float) -> tuple[float, int]:
        size = self.text_scale * scale
        return size, 2 if size > 0.75 else 1

    def tag(self, text: str, at: Sequence[float], colour: Colour, *, filled: bool,
            avoid: Sequence[Box]) -> Box:
        """A small plate with text, centred above `at`, moved up to cover none of `avoid`."""
        width, height = self.text_size(text)
        pad = round(0.5 * height)
        w, h = width + 2 * pad, height + 2 * pad
        x = float(np.clip(at[0] - w / 2, 0, max(0, self.columns - w)))
        y = float(np.clip(at[1] - h, 0, max(0, self.lines - h)))
        for _ in range(len(avoid)):
            hit = next((b for b in avoid if x < b[2] and b[0] < x + w
                        and y < b[3] and b[1] < y + h), None)
            if hit is None or hit[1] - h - 1 < 0:
                break
            y = hit[1] - h - 1
        corner, opposite = (round(x), round(y)), (round(x + w), round(y + h))
        if filled:
            cv2.rectangle(self.image, corner, opposite, colour, cv2.FILLED, cv2.LINE_AA)
            self.text(text, (x + pad, y + h - pad), DARK)
        else:
            self.shade((x, y, x + w, y + h), 0.8)
            cv2.rectangle(self.image, corner, opposite, colour, 1, cv2.LINE_AA)
            self.text(text, (x + pad, y + h - pad), colour)
        return x, y, x + w, y + h

    def shade(self, box: Box, opacity: float) -> None:
        """Darken a rectangle."""
        x0, y0, x1, y1 = (max(0, round(v)) for v in box)
        part = self.image[y0:y1, x0:x1]
        part[:] = (part * (1 - opacity) + np.array(DARK) * opacity).astype(np.uint8)

    def _far(self, point: Floats) -> bool:
        """Whether a point is unknown, or so far outside that fixed-point numbers overflow."""
        x, y = point.tolist()
        return not (abs(x) < 1e5 and abs(y) < 1e5)


def _fixed(point: Floats) -> tuple[int, int]:
    x, y = point.tolist()           # thousands of times an image: plain numbers are quicker
    return round(x * (1 << _SHIFT)), round(y * (1 << _SHIFT))
