"""A causal network that goes from frame to frame, and what networks answer."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ..errors import ModelError
from ..inference import Session
from ..types import Floats
from .metadata import NetworkMeta


class Lifted(NamedTuple):
    """What a network says of N people, of sequences (N, T, ...)."""

    joints: Floats                      # (N, 17, 3) [m] around the hip, in view axes
    std: Floats                         # (N, 17) [m]
    rotations: Floats | None = None     # (N, 24, 3, 3) smpl24, the root's in view axes, if known
    betas: Floats | None = None         # (N, S) of the body that the network was trained on

    @staticmethod
    def of(out: Mapping[str, Floats]) -> Lifted:
        """Of the outputs of a network."""
        return Lifted(out['joints'], out['std'], out.get('rotations'), out.get('betas'))

    @staticmethod
    def mapped(function: Callable[[list[Floats]], Floats], *many: Lifted) -> Lifted:
        """One of each field of several answers; fields that are unknown stay so."""
        joints, std, rotations, betas = (
            None if parts[0] is None else function(list(parts)) for parts in zip(*many))
        assert joints is not None
        assert std is not None
        return Lifted(joints, std, rotations, betas)


class Stepper(ABC):
    """One frame at a time of N people, each with a past of its own.

    Raises:
        ModelError: The network is not causal or does not fit this package.
    """

    def __init__(self, session: Session) -> None:
        self.meta = NetworkMeta.of(session)
        if not self.meta.causal:
            raise ModelError(
                'Expected a causal network to run frame by frame, got one that looks both ways; '
                'choose a lifter whose name ends in _causal, or use `occpose lift`.'
            )
        self._session = session
        self.backend = session.backend

    @abstractmethod
    def __len__(self) -> int:
        """How many people there are now."""

    @abstractmethod
    def choose(self, rows: Sequence[int]) -> None:
        """Go on with these people of now, in this order; -1 is somebody new."""

    @abstractmethod
    def step(self, features: Floats, *, remember: bool = True) -> Lifted:
        """The people in one more frame.

        Args:
            features: (N, FEATURES) of `normalise`.
            remember: Whether this frame becomes part of the past.
        """

    def sequence(self, features: Floats) -> Lifted:
        """Sequences (B, T, FEATURES) of new people, frame by frame."""
        self.choose([-1] * len(features))
        answers = [self.step(features[:, t]) for t in range(features.shape[1])]
        return Lifted.mapped(partial(np.stack, axis=1), *answers)
