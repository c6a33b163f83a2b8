"""Which squares of the image to search for new people, and in which order."""
from __future__ import annotations

import numpy as np

from ..types import Floats

_DIVISIONS = (1, 2, 3, 5)       # tiles are the image's longer side divided by these
_OVERLAP = 0.25                 # least part of a tile that its neighbour sees too
_SHARES = (1, 3, 4, 3)         # of the frames, for each division: small tiles are many
_GOLDEN = 0.6180339887


def tile_grid(width: int, height: int, divisions: tuple[float, ...] = _DIVISIONS) -> list[Floats]:
    """The tiles of each division as regions (K, 4), from the whole image to small ones."""
    levels = []
    for division in divisions:
        side = max(width, height) / division
        x, y = np.meshgrid(_centres(width, side), _centres(height, side))
        levels.append(np.column_stack([x.ravel(), y.ravel(), np.full(x.size, side),
                                       np.zeros(x.size)]))
    return levels


def _centres(length: float, side: float) -> Floats:
    """Centres of evenly spaced tiles that cover `length`."""
    if side >= length:
        return np.array([length / 2])
    count = 1 + int(np.ceil((length - side) / (side * (1 - _OVERLAP)) - 1e-9))
    return np.linspace(side / 2, length - side / 2, count)


class TileOrder:
    """An endless order of tiles, one a frame.

    Each level has its share of the frames; within a level, neighbours are far apart in time.
    """

    def __init__(self, width: int, height: int) -> None:
        levels = tile_grid(width, height)
        share = np.array(_SHARES) / sum(_SHARES)
        self._tiles = np.concatenate(levels)                                           # (K, 4)
        self._rate = np.concatenate([np.full(len(tiles), part / len(tiles))
                                     for tiles, part in zip(levels, share, strict=True)])
        self._credit = np.concatenate([        # larger tiles first, then in turn
            np.arange(len(tiles)) * _GOLDEN % 1 + len(levels) - level
            for level, tiles in enumerate(levels)])

    def next(self) -> Floats:
        """The tile whose turn it is, (4,)."""
        self._credit += self._rate
        turn = int(self._credit.argmax())
        self._credit[turn] -= 1
        return np.asarray(self._tiles[turn])
