"""A causal network with attention, one frame at a time: keys and values that it remembers."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ModelError
from ..inference import Session
from ..types import Floats
from .stepper import Lifted, Stepper


class CachedNetwork(Stepper):
    """One frame at a time of N people, each with keys and values of its own past.

    A past of R frames is kept twice, one R frames behind the other, so that whatever the present
    is the last R frames lie in one piece, oldest first. What was before somebody's first frame is
    0, and the network is told everybody's age.

    Raises:
        ModelError: The network is not causal or does not fit this package.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        shapes = {name: shape for name, shape in session.inputs.items()
                  if name not in ('features', 'age')}
        self._time = 0
        self._age = np.zeros((0, 1), np.float32)
        self._pasts = {name: np.zeros((2 * frames, 0, width), np.float32)
                       for name, (frames, width) in map(_frames_and_width, shapes.items())}

    def __len__(self) -> int:
        return len(self._age)

    def choose(self, rows: Sequence[int]) -> None:
        """Go on with these people of now, in this order; -1 is somebody new."""
        index = np.asarray(rows, int)
        old = index >= 0
        for name, past in self._pasts.items():
            chosen = np.zeros((len(past), len(index), past.shape[2]), np.float32)
            chosen[:, old] = past[:, index[old]]
            self._pasts[name] = chosen
        age = np.zeros((len(index), 1), np.float32)
        age[old] = self._age[index[old]]
        self._age = age

    def step(self, features: Floats, *, remember: bool = True) -> Lifted:
        """See `Stepper.step`."""
        arrays: dict[str, Floats] = {'features': features, 'age': self._age}
        for name, past in self._pasts.items():
            frames = len(past) // 2
            first = self._time % frames
            arrays[name] = past[first:first + frames]
        out = self._session(arrays)
        if remember:
            for name, past in self._pasts.items():
                frames = len(past) // 2
                now = self._time % frames
                past[now] = past[now + frames] = out[f'now_{name}']
            self._time += 1
            self._age = self._age + 1
        return Lifted.of(out)


def _frames_and_width(named: tuple[str, tuple[object, ...]]) -> tuple[str, tuple[int, int]]:
    name, shape = named
    match shape:
        case (int(frames), _, int(width)):
            return name, (frames, width)
    raise ModelError(f'Expected a causal network with an input {name} of (frames, batch, width), '
                     f'got {shape}; export it again with `occpose export`.')
