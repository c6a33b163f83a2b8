"""Images that were sent but never taken: lost on the way, or overtaken before there was time."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription


class Missed:
    """Counts them by the numbers that DDS gives to what a publisher sends.

    A middleware without such numbers counts at least what it knows to be lost. Two publishers of
    one topic number each on their own: then, too, only what is known to be lost counts.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lost = self._skipped = 0
        self._last: int | None = None                     # number of the newest message
        self._publishers: frozenset[bytes] = frozenset()

    def __int__(self) -> int:
        return max(self._lost, self._skipped)

    def watch(self, subscription: Subscription) -> None:
        """Look at the number of each message before the callback gets the message."""
        callback = subscription.callback

        def take(message: Any, info: Mapping[str, Any]) -> None:
            self.numbered(info.get('publication_sequence_number'), subscription.topic_name)
            callback(message)

        subscription.callback = take

    def on_lost(self, event: Any) -> None:
        """The middleware says that messages were lost."""
        self._lost = int(event.total_count)

    def numbered(self, number: int | None, topic: str) -> None:
        """A message with this number has come."""
        last, self._last = self._last, number
        if last is None or number is None:
            self._publishers = self._of(topic)
        elif number != last + 1:
            before, self._publishers = self._publishers, self._of(topic)
            if number > last and before == self._publishers and len(before) == 1:
                self._skipped += number - last - 1

    def _of(self, topic: str) -> frozenset[bytes]:
        return frozenset(bytes(publisher.endpoint_gid)
                         for publisher in self._node.get_publishers_info_by_topic(topic))
