"""message_filters where it is installed, else our two small classes of the same names."""
from __future__ import annotations

try:
    from message_filters import Subscriber, TimeSynchronizer

    NAME = 'message_filters'
except ImportError:
    from .pairing import Subscriber, TimeSynchronizer

    NAME = 'built-in exact-stamp pairing (message_filters is not installed)'

__all__ = ['NAME', 'Subscriber', 'TimeSynchronizer']
