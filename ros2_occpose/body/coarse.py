"""Far fewer triangles of a skin, at once: vertices near each other on one side of a part are one.

`decimate` is better and takes seconds; this is for pictures that are made of thousands of shapes.
"""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..types import Floats, Ints
from .mesh import vertex_normals, welded
from .model import BodyModel

_STEPS = 14                         # halvings of the range in which the size of a cell lies


@lru_cache(maxsize=4)
def coarse(body: BodyModel, count: int) -> tuple[Ints, Ints]:
    """Vertices that stay, (N <= count,), and faces between them as rows of these, (F, 3)."""
    normals = vertex_normals(body.template, body.faces, welded(body.template))
    sides = _sides(body, normals)
    small, large = 1e-3, float(np.ptp(body.template, axis=0).max())
    for _ in range(_STEPS):
        middle = np.sqrt(small * large)
        if len(_clusters(body.template, sides, middle)[0]) > count:
            small = middle
        else:
            large = middle
    stay, of = _clusters(body.template, sides, large)
    faces = of[body.faces]                                                 # (F, 3) of clusters
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    turned = np.take_along_axis(                                           # smallest first
        faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, 1)
    faces = np.unique(turned, axis=0)
    outside = np.stack([np.bincount(of, column) for column in normals.T], 1)
    a, b, c = (body.template[stay[faces[:, corner]]] for corner in range(3))
    kept = (np.cross(b - a, c - a) * outside[faces].sum(1)).sum(1) > 0     # not turned over
    return stay, faces[kept].astype(np.int32)


def _sides(body: BodyModel, normals: Floats) -> Ints:
    """A number for each of two sides of each part, (V,): back and palm of a hand stay two."""
    part = body.weights.argmax(1)
    sides = 2 * part
    for joint in np.unique(part):
        rows = np.flatnonzero(part == joint)
        away = body.template[rows] - body.template[rows].mean(0)
        thin = np.linalg.eigh(away.T @ away)[1][:, 0]
        sides[rows] += normals[rows] @ thin > 0
    return sides


def _clusters(vertices: Floats, sides: Ints, size: float) -> tuple[Ints, Ints]:
    """The vertex nearest to the middle of each cell (N,), and the cell of each vertex (V,)."""
    cells = np.floor((vertices - vertices.min(0)) / size).astype(np.int64)
    x, y, z = cells.T
    across = cells.max() + 1
    _, of = np.unique(((sides * across + x) * across + y) * across + z, return_inverse=True)
    counts = np.bincount(of)
    middle = np.stack([np.bincount(of, vertices[:, axis]) / counts for axis in range(3)], 1)
    away = ((vertices - middle[of]) ** 2).sum(1)
    order = np.lexsort((away, of))
    first = np.searchsorted(of[order], np.arange(len(counts)))
    return order[first], of
