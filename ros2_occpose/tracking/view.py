"""From pixels to rays and back, for every pixel and every ray, also far outside the image."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import Camera
from ..types import Floats

_STEEPEST = 20.0     # ray that is believed, 87 degrees
_IMAGED = 0.98       # of the widest ray that a lens images: up to there it is used


@dataclass(frozen=True, kw_only=True)
class View:
    """What a camera shows, as a rectangle of rays."""

    camera: Camera
    low: Floats         # (2,) least x/z, y/z on the border of the image
    high: Floats        # (2,) greatest

    @staticmethod
    def of(camera: Camera) -> View:
        """The view of a camera."""
        w, h = camera.size
        border = [(x, y) for x in (0, w / 2, w) for y in (0, h / 2, h)]
        rays = rays_of(camera, np.array(border, float))
        return View(camera=camera, low=rays.min(0), high=rays.max(0))

    def shows(self, rays: Floats) -> NDArray[np.bool_]:
        """Which rays (..., 2) are in the image, (...)."""
        return np.asarray(((rays > self.low) & (rays < self.high)).all(-1))

    def pixels(self, rays: Floats) -> Floats:
        """Pixels of rays, (..., 2), finite; outside the image the lens goes on straight."""
        inside = np.clip(rays, self.low, self.high)
        if np.isfinite(self.camera.widest):
            radius = np.hypot(inside[..., 0], inside[..., 1])[..., None]
            widest = _IMAGED * self.camera.widest
            inside = inside * (widest / np.maximum(radius, widest))
        points = np.concatenate([inside, np.ones((*rays.shape[:-1], 1))], -1)
        beyond = (rays - inside) * (self.camera.k[0, 0], self.camera.k[1, 1])
        pixels: Floats = self.camera.project(points) + beyond
        return pixels


def rays_of(camera: Camera, pixels: Floats) -> Floats:
    """Rays of pixels, (..., 2), finite.

    A calibration can be such that no ray belongs to a corner: no lens is assumed there.
    """
    rays = camera.rays(pixels)
    pinhole = (pixels - camera.k[:2, 2]) / camera.k[[0, 1], [0, 1]]
    sound = np.abs(rays).max(-1, keepdims=True, initial=0.0) < _STEEPEST
    return np.where(sound, rays, pinhole)
