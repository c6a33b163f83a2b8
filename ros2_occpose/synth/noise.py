"""Smooth noise in space, for folds and stains."""
from __future__ import annotations

import numpy as np
from scipy.ndimage import map_coordinates

from ..types import Floats

_CELLS = 16


class Noise:
    """Value noise that repeats after 16 of its cells; about -1 to 1, mean 0."""

    def __init__(self, seed: int) -> None:
        self._values = np.random.default_rng(seed).uniform(-1, 1, (_CELLS, _CELLS, _CELLS)
                                                            ).astype(np.float32)

    def __call__(self, places: Floats, size_m: float, octaves: int = 1) -> Floats:
        """Noise of that size at places (N, 3) [m]; each octave is half as large and as strong."""
        out = np.zeros(len(places), np.float32)
        for octave in range(octaves):
            at = np.asarray(places, np.float32).T * np.float32(2 ** octave / size_m)
            out += 0.5 ** octave * map_coordinates(self._values, at + 7.3 * octave, order=1,
                                                   mode='grid-wrap')
        return out
