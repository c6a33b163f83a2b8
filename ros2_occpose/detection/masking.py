"""Painting over people who are known already, so that a search shows only new ones.

The box network sees mostly one person a tile: with those covered it finds the ones beside them.
"""
from __future__ import annotations

import cv2
import numpy as np

from ..skeleton import COCO17
from ..types import Floats, Image
from .regions import to_crop

_GREY = (127, 127, 127)
_LIMB = 0.09            # width of a limb, as a part of the side of the person's region
_HEAD = 0.07            # radius of the head, likewise
_TORSO = COCO17.indices('left_shoulder', 'right_shoulder', 'right_hip', 'left_hip')
_FACE = COCO17.indices('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
_LIMBS = tuple((a, b) for a, b in COCO17.bones if not {a, b} <= set(_FACE))


def cover(pixels: Image, tile: Floats, keypoints_px: Floats, sides_px: Floats) -> None:
    """Paint people grey, in place.

    Args:
        pixels: Content of a tile, (S, S, 3).
        tile: The tile's region, (4,).
        keypoints_px: Skeletons of the people in the image, (N, 17, 2).
        sides_px: The sides of their regions, (N,).
    """
    size = len(pixels)
    points = to_crop(keypoints_px, np.repeat(tile[None], len(keypoints_px), axis=0), size)
    visible = ((points > -size) & (points < 2 * size)).all(axis=(1, 2))   # OpenCV wants small ints
    for person, side in zip(points[visible], sides_px[visible] * size / tile[2]):
        corners = np.rint(person).astype(np.int32)
        width = max(1, round(_LIMB * side))
        for a, b in _LIMBS:
            cv2.line(pixels, corners[a].tolist(), corners[b].tolist(), _GREY, width)
        cv2.fillConvexPoly(pixels, cv2.convexHull(corners[_TORSO]), _GREY)
        head = np.rint(person[_FACE].mean(axis=0)).astype(int).tolist()
        cv2.circle(pixels, head, max(1, round(_HEAD * side)), _GREY, cv2.FILLED)
