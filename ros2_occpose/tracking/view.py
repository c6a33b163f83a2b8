"""From rays to pixels and back to "is it in the image", also far outside of it."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..geometry import Camera
from ..types import Floats


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
        rays = camera.rays(np.array(border, float))
        return View(camera=camera, low=rays.min(0), high=rays.max(0))

    def shows(self, rays: Floats) -> NDArray[np.bool_]:
        """Which rays (..., 2) are in the image, (...)."""
        return np.asarray(((rays > self.low) & (rays < self.high)).all(-1))

    def pixels(self, rays: Floats) -> Floats:
        """Pixels of rays, (..., 2); outside the image the lens goes on straight.

        Its polynomial holds where it was calibrated: further out it can fold back.
        """
        inside = np.clip(rays, self.low, self.high)
        points = np.concatenate([inside, np.ones((*rays.shape[:-1], 1))], -1)
        beyond = (rays - inside) * (self.camera.k[0, 0], self.camera.k[1, 1])
        pixels: Floats = self.camera.project(points) + beyond
        return pixels
