"""How a camera of unknown pose turns, seen in its images."""
from __future__ import annotations

import cv2
import numpy as np

from ..geometry import Camera
from ..types import Floats, Image

_LONG_SIDE = 240          # of the images compared [px]
_MIN_RESPONSE = 0.1       # of the correlation; below, the images do not match
_STILL = 0.75             # of those pixels: less is noise of people in front of a still camera


class ImageMotion:
    """Follows pan and tilt between images by phase correlation; roll and parallax are left out.

    Kuglin and Hines, "The Phase Correlation Image Alignment Method", 1975. What most of the image
    does counts, so people who walk through it hardly matter.
    """

    def __init__(self) -> None:
        self._last: Floats | None = None

    def reset(self) -> None:
        """The next image has no predecessor."""
        self._last = None

    def update(self, image: Image, camera: Camera) -> Floats:
        """now_from_last (3, 3): how points of the last camera are to be turned into this one."""
        factor = _LONG_SIDE / max(camera.size)
        size = (max(round(camera.width * factor), 8), max(round(camera.height * factor), 8))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
        last, self._last = self._last, grey
        if last is None or last.shape != grey.shape or not last.any() or not grey.any():
            return np.eye(3)
        window = cv2.createHanningWindow(size, cv2.CV_32F)
        (right, down), response = cv2.phaseCorrelate(last, grey, window)
        if not response > _MIN_RESPONSE or np.hypot(right, down) < _STILL:
            return np.eye(3)
        return _turn(right * camera.width / size[0] / camera.k[0, 0],
                     down * camera.height / size[1] / camera.k[1, 1])


def _turn(right: float, down: float) -> Floats:
    """Rotation (3, 3) that moves the centre of the image by these rays x/z, y/z."""
    angle = np.arctan(np.hypot(right, down))
    axis = np.array([-down, right, 0.0]) / max(np.hypot(right, down), 1e-12)
    rotation, _ = cv2.Rodrigues(angle * axis)
    return np.asarray(rotation)
