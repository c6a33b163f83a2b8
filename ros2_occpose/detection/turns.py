"""In which frame a network looks at whom, when it need not look at everybody in each."""
from __future__ import annotations

import numpy as np

from ..types import Bools, Ints

_NEW_FRAMES = 3             # in which somebody new is always looked at


class Turns:
    """Everybody once in some frames, and as many people in each of them.

    People keep their turn while they are followed, whoever comes and goes.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start afresh, with nobody."""
        self.frame = 0
        self._every = 1
        self._turn = np.zeros(0, int)               # of each person: frame modulo _every
        self._age = np.zeros(0, int)                # frames since each was found

    def due(self) -> Bools:
        """Who has to be looked at in this frame, (N,)."""
        return np.asarray((self._turn == self.frame % self._every) | (self._age < _NEW_FRAMES))

    def go_on(self, kept: Ints, every: int, *, first_is_busy: bool = False) -> None:
        """To the next frame.

        Args:
            kept: Who is followed there: rows of those of this frame; larger ones are new people.
            every: Frames from one turn of a person to the next.
            first_is_busy: Somebody new should rather not take the turn of frame 0.
        """
        beyond = np.full(max(kept.max(initial=-1) + 1 - len(self._turn), 0), -1)
        turn = np.append(self._turn, beyond)[kept]
        age = np.append(self._age, 0 * beyond)[kept] + 1
        if every != self._every:
            turn[:] = -1
        for row in np.flatnonzero(turn < 0):
            load = np.bincount(turn[turn >= 0], minlength=every)
            load[0] += first_is_busy
            turn[row] = every - 1 - load[::-1].argmin()
        self.frame, self._every, self._turn, self._age = self.frame + 1, every, turn, age
