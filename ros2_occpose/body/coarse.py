"""Far fewer triangles of a skin, at once: vertices near each other on one part become one.

`decimate` is better and takes seconds; this is for pictures that are made of thousands of shapes.
"""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..types import Floats, Ints
from .model import BodyModel

_STEPS = 14                         # halvings of the range in which the size of a cell lies


@lru_cache(maxsize=4)
def coarse(body: BodyModel, count: int) -> tuple[Ints, Ints]:
    """Vertices that stay, (N <= count,), and faces between them as rows of these, (F, 3)."""
    part = body.weights.argmax(1)
    small, large = 1e-3, float(np.ptp(body.template, axis=0).max())
    for _ in range(_STEPS):
        middle = np.sqrt(small * large)
        if len(_clusters(body.template, part, middle)[0]) > count:
            small = middle
        else:
            large = middle
    stay, of = _clusters(body.template, part, large)
    faces = of[body.faces]                                                 # (F, 3) of clusters
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    turned = np.take_along_axis(                                           # smallest first
        faces, (faces.argmin(1)[:, None] + np.arange(3)) % 3, 1)
    return stay, np.unique(turned, axis=0).astype(np.int32)


def _clusters(vertices: Floats, part: Ints, size: float) -> tuple[Ints, Ints]:
    """The vertex nearest to the middle of each cell (N,), and the cell of each vertex (V,)."""
    cells = np.floor((vertices - vertices.min(0)) / size).astype(np.int64)
    x, y, z = cells.T
    across = cells.max() + 1
    _, of = np.unique(((part * across + x) * across + y) * across + z, return_inverse=True)
    counts = np.bincount(of)
    middle = np.stack([np.bincount(of, vertices[:, axis]) / counts for axis in range(3)], 1)
    away = ((vertices - middle[of]) ** 2).sum(1)
    order = np.lexsort((away, of))
    first = np.searchsorted(of[order], np.arange(len(counts)))
    return order[first], of
