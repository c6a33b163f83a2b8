"""A causal network, one frame at a time: what its layers must remember lives here."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ModelError
from ..inference import Session
from ..types import Floats
from .stepper import Lifted, Stepper


class StepNetwork(Stepper):
    """One frame at a time of N people, each with a past of its own.

    The past of a layer with K taps and dilation d is a ring of (K - 1) d frames. Before somebody's
    first frame it holds zeros, as the padding of the network does.

    Raises:
        ModelError: The network is not causal or does not fit this package.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._time = 0
        self._dilations, self._older = self.meta.dilations, self.meta.kernel - 1
        self._rings = [np.zeros((self._older * d, 0, self._width(f'past_{i}')), np.float32)
                       for i, d in enumerate(self._dilations)]

    def _width(self, name: str) -> int:
        """Of one frame of a past."""
        shape = self._session.inputs.get(name, ())
        if len(shape) != 2 or not isinstance(shape[1], int):
            raise ModelError(
                f'Expected a causal network with an input {name} of {self._older} frames, got '
                f'{dict(self._session.inputs)}; export it again with `occpose export`.')
        return shape[1] // self._older

    def __len__(self) -> int:
        return self._rings[0].shape[1]

    def choose(self, rows: Sequence[int]) -> None:
        """Go on with these people of now, in this order; -1 is somebody new."""
        index = np.asarray(rows, int)
        self._rings = [_chosen(ring, index) for ring in self._rings]

    def step(self, features: Floats, *, remember: bool = True) -> Lifted:
        """See `Stepper.step`."""
        arrays: dict[str, Floats] = {'features': features}
        for i, (d, ring) in enumerate(zip(self._dilations, self._rings)):
            taps = [ring[(self._time + k * d) % len(ring)] for k in range(self._older)]
            arrays[f'past_{i}'] = np.concatenate(taps, axis=1)      # oldest first
        out = self._session(arrays)
        if remember:
            now = {'now_0': features} | out
            for i, ring in enumerate(self._rings):
                ring[self._time % len(ring)] = now[f'now_{i}']
            self._time += 1
        return Lifted.of(out)


def _chosen(ring: Floats, index: Floats) -> Floats:
    out = np.zeros((ring.shape[0], len(index), ring.shape[2]), np.float32)
    old = index >= 0
    out[:, old] = ring[:, index[old]]
    return out
