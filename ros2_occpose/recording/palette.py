"""One colour an id, equally bright for all, far apart for ids that follow each other."""
from __future__ import annotations

from functools import cache

import numpy as np

_LIGHTNESS, _CHROMA = 0.78, 0.155      # of OKLCH: bright enough on video and on a dark 3D view
_GOLDEN_ANGLE_DEG = 137.508

# OKLCH -> linear sRGB: B. Ottosson, "A perceptual color space for image processing", 2020
_LMS_FROM_LAB = np.array([[1, 0.3963377774, 0.2158037573],
                          [1, -0.1055613458, -0.0638541728],
                          [1, -0.0894841775, -1.2914855480]])
_RGB_FROM_LMS = np.array([[4.0767416621, -3.3077115913, 0.2309699292],
                          [-1.2684380046, 2.6097574011, -0.3413193965],
                          [-0.0041960863, -0.7034186147, 1.7076147010]])


@cache
def colour(person: int) -> tuple[float, float, float]:
    """Red, green, blue in 0..1 of a person's id."""
    hue = np.radians(25 + person * _GOLDEN_ANGLE_DEG)
    lab = np.array([_LIGHTNESS, _CHROMA * np.cos(hue), _CHROMA * np.sin(hue)])
    linear = np.clip(_RGB_FROM_LMS @ (_LMS_FROM_LAB @ lab) ** 3, 0, 1)
    r, g, b = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return float(r), float(g), float(b)


def colour_bgr(person: int) -> tuple[int, int, int]:
    """The same for OpenCV, 0..255."""
    r, g, b = colour(person)
    return round(b * 255), round(g * 255), round(r * 255)
