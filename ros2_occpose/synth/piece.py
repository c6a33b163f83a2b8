"""One piece of furniture: solids on a place of the floor, and how much room they take."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..types import Floats
from .solids import Mesh, Solid, mesh_of


@dataclass(frozen=True)
class Piece:
    """Solids in the axes of the piece: x along its width, y to its front, z up from the floor."""

    kind: str
    size: tuple[float, float, float]            # m, of the upright box around all solids
    solids: tuple[Solid, ...]
    position: tuple[float, float] = (0.0, 0.0)  # m, of the middle of that box on the floor
    yaw: float = 0.0                            # rad, from the x of the world to the piece's
    for_walls: bool = False                     # stands with its back (-y) to a wall, if it can

    @property
    def world_from_piece(self) -> Floats:
        """(4, 4)."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([[c, -s, 0, self.position[0]], [s, c, 0, self.position[1]],
                         [0, 0, 1, 0], [0, 0, 0, 1]])

    @property
    def height(self) -> float:
        """Of its top over the floor [m]."""
        return self.size[2]

    @property
    def radius(self) -> float:
        """Of a disc around it on the floor [m]."""
        return float(np.hypot(self.size[0], self.size[1]) / 2)

    @property
    def footprint(self) -> Floats:
        """Corners of its box on the floor, (4, 2) [m]."""
        x, y = self.size[0] / 2, self.size[1] / 2
        corners = np.array([[-x, -y], [x, -y], [x, y], [-x, y]])
        return np.asarray(corners @ self.world_from_piece[:2, :2].T + self.position)

    def distance(self, points: Floats) -> float:
        """Of its box on the floor from the nearest of some points (..., 2) [m]; 0 inside."""
        local = (points - np.array(self.position)) @ self.world_from_piece[:2, :2]
        out = np.maximum(np.abs(local) - np.array(self.size[:2]) / 2, 0)
        return float(np.linalg.norm(out, axis=-1).min())

    def placed(self, position: tuple[float, float], yaw: float) -> Piece:
        """The same piece elsewhere."""
        return replace(self, position=position, yaw=yaw)

    def mesh(self) -> Mesh:
        """Its surface in the world."""
        return Mesh.joined([mesh_of(solid) for solid in self.solids]).moved(self.world_from_piece)
