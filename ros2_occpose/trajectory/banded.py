"""Banded normal equations: every person is a block, every frame couples to the two before it."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import lapack

from ..types import Floats

_WIDTH = 6        # entries below the diagonal that can differ from 0: two frames of 3 coordinates
_ROW3, _COL3 = np.tril_indices(3)
_ROW6, _COL6 = np.tril_indices(6)


class Banded:
    """A positive definite matrix over (N, T, 3) unknowns, people apart, factored by Cholesky."""

    def __init__(self, blocks: Floats, following: Floats, second: Floats, head: Floats) -> None:
        """Assemble and factor.

        Args:
            blocks: Information of each root, (N, T, 3, 3).
            following: Between the same coordinate of a frame and the next, (N, T, 3).
            second: Between a frame and the one after the next, (N, T, 3).
            head: Information to be added on the first two frames, (N, 6, 6).
        """
        self.shape = blocks.shape[:3]
        n, t, _ = self.shape
        lower = np.zeros((n, t, 3, _WIDTH + 1))           # [..., k]: with the coordinate k below
        lower[:, :, _COL3, _ROW3 - _COL3] = blocks[:, :, _ROW3, _COL3]
        lower[..., 3] = following
        lower[..., 6] = second
        flat = lower.reshape(n, t * 3, _WIDTH + 1)
        flat[:, _COL6, _ROW6 - _COL6] += head[:, _ROW6, _COL6]
        self._lower = _factor(flat.reshape(-1, _WIDTH + 1).T)     # (7, N T 3)

    def solve(self, right: Floats) -> Floats:
        """The unknowns (N, T, 3) that the matrix maps to `right`."""
        solution, _ = lapack.dpbtrs(self._lower, right.ravel(), lower=1)
        return solution.reshape(self.shape)

    def newest_covariance(self) -> Floats:
        """Covariance of the last two frames of each person, (N, 6, 6).

        The last rows of the Cholesky factor are the information that is left when all other frames
        are integrated out.
        """
        n, t, _ = self.shape
        tail = self._lower.T.reshape(n, t * 3, _WIDTH + 1)[:, -6:]
        factor = np.zeros((n, 6, 6))
        factor[:, _ROW6, _COL6] = tail[:, _COL6, _ROW6 - _COL6]
        inverse = np.linalg.inv(factor)
        return np.swapaxes(inverse, 1, 2) @ inverse

    def covariances(self) -> Iterator[Floats]:
        """Covariance of frames (t, t + 1) of a single person, (6, 6), from the last t to t = 0.

        Selected inversion, Takahashi et al., "Formation of a sparse bus impedance matrix", 1973:
        the entries of the inverse inside the band need only each other.
        """
        lower = self._lower.T
        window = np.zeros((_WIDTH, _WIDTH))               # of the unknowns after j
        for j in range(len(lower) - 1, -1, -1):
            pivot = 1.0 / lower[j, 0]
            below = lower[j, 1:] * pivot
            cross = -window @ below
            window[1:, 1:] = window[:-1, :-1].copy()
            window[0, 1:] = window[1:, 0] = cross[:-1]
            window[0, 0] = pivot * pivot - cross @ below
            if j % 3 == 0:
                yield window.copy()


def _factor(lower: Floats) -> Floats:
    """Cholesky factor of a banded matrix (7, n); rounding may cost the last digits, no more."""
    factor, failed = lapack.dpbtrf(lower, lower=1)
    if failed:
        sturdy = np.array(lower, order='F')
        sturdy[0] *= 1 + 1e-9
        sturdy[0] += 1e-9 * sturdy[0].max()
        factor, failed = lapack.dpbtrf(sturdy, lower=1)
    if failed:
        raise np.linalg.LinAlgError(f'information matrix is not positive definite ({failed})')
    return factor
