"""Which class runs which causal network."""
from __future__ import annotations

from ..inference import Session
from .caching import CachedNetwork
from .metadata import NetworkMeta
from .stepper import Stepper
from .streaming import StepNetwork


def open_stepper(session: Session) -> Stepper:
    """The network of a session, ready for the first frame.

    Raises:
        ModelError: The network is not causal or does not fit this package.
    """
    return (CachedNetwork if NetworkMeta.of(session).system == 'chomp' else StepNetwork)(session)
