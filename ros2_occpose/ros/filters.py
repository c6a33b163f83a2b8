"""message_filters where it is installed, else two small classes that are called the same way."""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node

from .conversions import stamp_of

try:
    from message_filters import Subscriber, TimeSynchronizer

    NAME = 'message_filters'
except ImportError:
    NAME = 'built-in exact-stamp pairing (message_filters is not installed)'

    class Subscriber:  # type: ignore[no-redef]
        """A subscription that several can listen to."""

        def __init__(self, node: Node, message_type: type, topic: str, **options: Any) -> None:
            self.callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
            self.sub = node.create_subscription(message_type, topic, self._tell, **options)

        def registerCallback(self, callback: Callable[..., None],  # noqa: N802, their name
                             *arguments: Any) -> None:
            """Call `callback(message, *arguments)` with each message."""
            self.callbacks.append((callback, arguments))

        def _tell(self, message: Any) -> None:
            for callback, arguments in self.callbacks:
                callback(message, *arguments)

    class TimeSynchronizer:  # type: ignore[no-redef]
        """Calls back with one message of each filter, all of the same stamp."""

        def __init__(self, filters: Sequence[Subscriber], queue_size: int) -> None:
            self.queues: list[dict[int, Any]] = [{} for _ in filters]     # stamp -> message
            self._callbacks: list[Callable[..., None]] = []
            self._queue_size = queue_size
            self._lock = threading.Lock()
            for index, source in enumerate(filters):
                source.registerCallback(self._add, index)

        def registerCallback(self, callback: Callable[..., None]) -> None:  # noqa: N802
            """Call `callback(*messages)` with each set."""
            self._callbacks.append(callback)

        def _add(self, message: Any, index: int) -> None:
            stamp = stamp_of(message)
            with self._lock:
                queue = self.queues[index]
                queue[stamp] = message
                while len(queue) > self._queue_size:
                    del queue[next(iter(queue))]      # the one that has waited longest
                if not all(stamp in others for others in self.queues):
                    return
                messages = [others.pop(stamp) for others in self.queues]
            for callback in self._callbacks:
                callback(*messages)
