"""Things that happen now and then and last a while: drawn one by one, as most frames have none."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ...types import Bools, Floats, Ints

_TAIL = 2.5     # std of the logarithm of a length up to which spells may begin before the start


@dataclass(frozen=True)
class Spells:
    """N spells; each belongs to a row (a sequence) and a column (a joint, a limb)."""

    row: Ints          # (N,)
    column: Ints       # (N,)
    first: Ints        # (N,) frame
    stop: Ints         # (N,) frame after the last; later than the first

    def __len__(self) -> int:
        return len(self.row)

    def frames(self) -> tuple[Ints, Ints]:
        """Which spell and which frame, for each frame of each spell, (M,) and (M,)."""
        length = self.stop - self.first
        spell = np.repeat(np.arange(len(self)), length)
        before = np.repeat(np.cumsum(length) - length, length)
        return spell, self.first[spell] + np.arange(len(spell)) - before

    def mask(self, rows: int, frames: int, columns: int) -> Bools:
        """Where a spell is on, (rows, frames, columns)."""
        on = np.zeros((rows, frames, columns), bool)
        spell, frame = self.frames()
        on[self.row[spell], frame, self.column[spell]] = True
        return on


def draw_spells(rng: Generator, share: Floats, frames: int, mean_frames: float,
                spread: float) -> Spells:
    """Spells that begin anywhere and have log-normal lengths.

    Args:
        rng: Source of randomness.
        share: Of the time that spells fill, were none to overlap, (rows, columns).
        frames: Length of the sequences.
        mean_frames: Mean length of a spell.
        spread: Standard deviation of the logarithm of the length.
    """
    early = mean_frames * np.exp(_TAIL * spread)
    counts = rng.poisson(share * (frames + early) / mean_frames)
    row, column = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), share.shape[1])
    start = rng.uniform(-early, frames, len(row))
    length = mean_frames * np.exp(rng.normal(-spread ** 2 / 2, spread, len(row)))
    first = np.clip(np.ceil(start), 0, frames).astype(int)
    stop = np.clip(np.ceil(start + length), 0, frames).astype(int)
    some = stop > first
    return Spells(row[some], column[some], first[some], stop[some])
