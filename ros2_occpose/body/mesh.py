"""Triangle meshes: normals, and vertices that lie on one another."""
from __future__ import annotations

import numpy as np

from ..types import Floats, Ints


def vertex_normals(vertices: Floats, faces: Ints, same: Ints | None = None) -> Floats:
    """Unit normals (V, 3): mean of those of the faces around, weighted by their areas.

    Args:
        vertices: (V, 3).
        faces: (F, 3), counter-clockwise seen from outside.
        same: For each vertex the one that stands for all at its place, (V,), as `welded` gives
            them; without it, seams of the texture show.
    """
    corners = faces if same is None else same[faces]
    a, b, c = (vertices[corners[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    count = len(vertices)
    sums = [np.bincount(corners.ravel(), np.repeat(across[:, axis], 3), count)
            for axis in range(3)]
    normals = np.stack(sums, -1).astype(float)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    return np.asarray(normals if same is None else normals[same], np.float32)


def welded(vertices: Floats) -> Ints:
    """The first vertex at each vertex's place, to 1 um, (V,)."""
    _, first, group = np.unique(np.round(vertices * 1e6).astype(np.int64), axis=0,
                                return_index=True, return_inverse=True)
    return np.asarray(first[group.reshape(-1)])
