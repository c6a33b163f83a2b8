"""Turned squares of an image: what a person network looks at.

A region is a row (centre x, centre y, side, angle): pixels and radians, the angle turning from x
to y (clockwise on the screen). Arrays of regions are (N, 4).
"""
from __future__ import annotations

import cv2
import numpy as np

from ..types import Floats, Image

BORDER_BLACK = cv2.BORDER_CONSTANT
BORDER_REPEAT = cv2.BORDER_REPLICATE


def regions_from_axes(start_px: Floats, end_px: Floats, scale: float = 1.25) -> Floats:
    """Squares around `start_px` (N, 2) that reach past `end_px` (N, 2), which is straight up.

    BlazePose gives a person as the centre of the hips and a point of the circle around the whole
    body; `scale` widens that circle.
    """
    axis = end_px - start_px
    side = 2.0 * scale * np.linalg.norm(axis, axis=-1)
    angle = _wrapped(np.pi / 2 - np.arctan2(-axis[:, 1], axis[:, 0]))
    return np.column_stack([start_px, side, angle])     # (N, 4)


def crop(image: Image, region: Floats, size: int, border: int = BORDER_REPEAT) -> Image:
    """The content of one region, (size, size, 3), in the image's own colours.

    Pixel i of the crop samples corner + i * side / size, without the half pixel that other code
    adds: the landmark network was trained like that and is sensitive to it.
    """
    matrix = image_from_crop(region, size)
    pixels = cv2.warpAffine(image, matrix, (size, size), borderMode=border,
                            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(pixels, np.uint8)


def image_from_crop(region: Floats, size: float) -> Floats:
    """Matrix (2, 3) from coordinates in a crop of `size` to pixels of the image."""
    x, y, side, angle = region
    right = np.array([np.cos(angle), np.sin(angle)]) * side     # the crop's x axis
    down = np.array([-right[1], right[0]])
    corner = np.array([x, y]) - (right + down) / 2
    return np.column_stack([right / size, down / size, corner])


def to_image(points: Floats, regions: Floats, size: float = 1.0) -> Floats:
    """Points (N, K, 2) in crops of `size` as pixels of the image, one region (N, 4) each."""
    side, angle = regions[:, 2], regions[:, 3]
    right = np.column_stack([np.cos(angle), np.sin(angle)]) * side[:, None] / size      # (N, 2)
    down = np.column_stack([-right[:, 1], right[:, 0]])
    offset = points - size / 2
    turned = offset[..., :1] * right[:, None] + offset[..., 1:] * down[:, None]
    return np.asarray(turned + regions[:, None, :2])


def to_crop(points_px: Floats, regions: Floats, size: float = 1.0) -> Floats:
    """The inverse of `to_image`: pixels (N, K, 2) as coordinates in crops of `size`."""
    side, angle = regions[:, 2], regions[:, 3]
    right = np.column_stack([np.cos(angle), np.sin(angle)])
    down = np.column_stack([-right[:, 1], right[:, 0]])
    offset = points_px - regions[:, None, :2]
    local = np.stack([(offset * right[:, None]).sum(-1),
                      (offset * down[:, None]).sum(-1)], axis=-1)
    return np.asarray(local * (size / side)[:, None, None] + size / 2)


def _wrapped(angle: Floats) -> Floats:
    """The same angle within [-pi, pi)."""
    return (angle + np.pi) % (2 * np.pi) - np.pi
