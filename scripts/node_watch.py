"""Listens to a live node from a process of its own: people, stages, diagnostics, services."""
from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future
from visualization_msgs.msg import Marker, MarkerArray

from ros2_occpose.msg import Human, HumanArray, PipelineStats
from ros2_occpose.ros.conversions import stamp_of

WAIT_S = 20.0
SETTLE_S = 1.0                   # until the node too has found the listener
KEPT = 100_000                   # answers: an hour at 30 Hz


class Answer(NamedTuple):
    """What was said about one image."""

    stamp_ns: int
    published_s: float           # from the stamp
    arrived_s: float             # from the stamp
    heard_s: float               # on the steady clock
    ids: tuple[int, ...]         # of those who are not lost


class Watch:
    """Remembers what the node says."""

    def __init__(self, node_name: str = 'occpose') -> None:
        self.answers: deque[Answer] = deque(maxlen=KEPT)
        self.pipeline_s: dict[int, float] = {}           # stamp of the image -> seconds
        self.facts: dict[str, str] = {}                  # of the newest diagnostics
        self.verdict, self.diagnosed = '', 0
        self.shown: int | None = None                    # shapes in the newest markers
        self._name = node_name
        self._clients: dict[str, Client] = {}
        self._context = Context()
        self._context.init()
        self.node = Node('watch', context=self._context)
        self._subscriptions = [
            self.node.create_subscription(HumanArray, 'humans', self._on_humans, 50),
            self.node.create_subscription(PipelineStats, 'stats', self._on_stats, 50)]
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._executor.shutdown()
        self._context.try_shutdown()
        self._thread.join(5)
        self.node.destroy_node()

    def wait_to_hear(self) -> None:
        """Wait until everything that the node says from now on will arrive."""
        self.wait(lambda: all(s.get_publisher_count() for s in self._subscriptions), 'discovery')
        time.sleep(SETTLE_S)

    def look(self) -> None:
        """Remember the shapes too; the node makes them only for those who look."""
        self.node.create_subscription(MarkerArray, 'markers', self._on_markers, 10)

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = WAIT_S) -> Any:
        """The first truthy value of `condition`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.01)
        raise AssertionError(f'{what} did not happen within {seconds} s; diagnostics: '
                             f'{self.verdict} {self.facts}')

    def fact(self, key: str) -> int:
        """A number of the newest diagnostics."""
        return int(self.facts[key])

    def fresh_facts(self) -> dict[str, str]:
        """The diagnostics after the next ones: they hold what has happened until now."""
        before = self.diagnosed
        self.wait(lambda: self.diagnosed >= before + 2, 'two diagnostics')
        return self.facts

    def change_state(self, transition: str, node_name: str = '') -> float:
        """Ask a node for a transition; seconds until its answer, which must be yes."""
        self._service(node_name)
        start = time.monotonic()
        future = self.ask_for(transition, node_name)
        self.wait(future.done, f'an answer to {transition}')
        assert future.result().success, f'{transition} failed: {self.verdict}'
        return time.monotonic() - start

    def ask_for(self, transition: str, node_name: str = '') -> Future:
        """Ask a node for a transition, and do not wait for the answer."""
        return self._service(node_name).call_async(
            ChangeState.Request(transition=Transition(label=transition)))

    def _service(self, node_name: str) -> Client:
        service = f'/{node_name or self._name}/change_state'
        if service not in self._clients:
            self._clients[service] = self.node.create_client(ChangeState, service)
            self.wait(self._clients[service].service_is_ready, f'discovery of {service}')
            time.sleep(SETTLE_S)     # a node that has not found us yet drops its answer
        return self._clients[service]

    def _on_humans(self, message: HumanArray) -> None:
        stamp_ns = stamp_of(message)
        self.answers.append(Answer(
            stamp_ns, message.latency, (time.time_ns() - stamp_ns) / 1e9, time.monotonic(),
            tuple(human.id for human in message.humans if human.state != Human.LOST)))

    def _on_stats(self, message: PipelineStats) -> None:
        self.pipeline_s[stamp_of(message)] = sum(message.stage_ms) / 1e3

    def _on_markers(self, message: MarkerArray) -> None:
        self.shown = sum(marker.action == Marker.ADD for marker in message.markers)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.facts = {pair.key: pair.value for pair in status.values}
            self.verdict = status.message
            self.diagnosed += 1
