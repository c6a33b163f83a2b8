"""What stands in for message_filters: the two classes that the node needs, called the same way.

Pairs come out as message_filters makes them, test/ros/test_parts_agree.py compares; only that a
callback may pair again here, where message_filters would wait for itself.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node

from .conversions import stamp_of


class Subscriber:
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


class TimeSynchronizer:
    """Calls back with one message of each filter, all of the same stamp."""

    def __init__(self, filters: Sequence[Subscriber], queue_size: int) -> None:
        self.queues: list[dict[int, Any]] = [{} for _ in filters]     # stamp -> message
        self._callbacks: list[Callable[..., None]] = []
        self._queue_size = queue_size
        self._lock = threading.Lock()
        for index, source in enumerate(filters):
            source.registerCallback(self._add, index)

    def registerCallback(self, callback: Callable[..., None]) -> None:  # noqa: N802, their name
        """Call `callback(*messages)` with each set."""
        self._callbacks.append(callback)

    def _add(self, message: Any, index: int) -> None:
        stamp = stamp_of(message)
        with self._lock:
            queue = self.queues[index]
            queue[stamp] = message
            while len(queue) > self._queue_size:
                del queue[min(queue)]
            if not all(stamp in others for others in self.queues):
                return
            messages = [others.pop(stamp) for others in self.queues]
        for callback in self._callbacks:
            callback(*messages)
