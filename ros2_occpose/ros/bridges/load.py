"""The bridges that the parameters ask for."""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rclpy.node import Node

from ...config import BridgesConfig, NodeConfig
from ...errors import ConfigError
from ...recording.humans import Humans
from ...types import Frame
from .parts import Bridge, Names


class Bridges:
    """Several bridges as one; any thread may speak."""

    def __init__(self, bridges: Sequence[Bridge] = (), lists: Sequence[str] = ()) -> None:
        self._bridges, self._lists = list(bridges), list(lists)
        self._spoken = False
        self._lock = threading.Lock()

    def publish(self, humans: Humans, frame: Frame, config: BridgesConfig) -> None:
        """Say who is where, in all words."""
        with self._lock:
            self._spoken = True
            for bridge in self._bridges:
                bridge.publish(humans, frame, config)

    def clear(self) -> None:
        """Take it all back, once."""
        with self._lock:
            for bridge in self._bridges if self._spoken else ():
                bridge.clear()
            self._spoken = False

    def contested(self, node: Node) -> str:
        """What to say if somebody else publishes such a list of people too; '': nobody does."""
        topics = [topic for topic in self._lists if node.count_publishers(topic) > 1]
        if not topics:
            return ''
        return (
            f'Expected nobody else on {" and ".join(topics)}, got another publisher: consumers '
            'see the people of both by turns. Switch the bridge on in one node only, or set '
            'bridges.in_namespace to true.')

    def close(self) -> None:
        """Stop publishing."""
        with self._lock:
            for bridge in self._bridges:
                bridge.close()
            self._bridges.clear()
            self._lists.clear()


def load_bridges(node: Node, config: NodeConfig) -> Bridges:
    """Make the bridges that are on; the message packages of the others are not imported.

    Raises:
        ConfigError: A message package is missing, or `bridges.people` has no world frame.
    """
    made: list[Bridge] = []
    names = Names.of(node, config.bridges)
    try:
        for make in _wanted(config):
            made.append(make(node, names))
    except BaseException:
        Bridges(made).close()
        raise
    lists = [names.topic(topic) for wanted, topic in (
        (config.bridges.people, '/people'), (config.bridges.hri, '/humans/bodies/tracked'))
        if wanted]
    return Bridges(made, lists)


def _wanted(config: NodeConfig) -> list[Callable[[Node, Names], Bridge]]:
    wanted: list[Callable[[Node, Names], Bridge]] = []
    if config.bridges.people:
        if config.camera_pose == 'none':
            raise ConfigError(
                'bridges.people expects people in a world frame, got camera_pose none; set '
                'camera_pose to tf, odometry, pose or static.')
        from .people import PeopleBridge
        wanted.append(PeopleBridge)
    if config.bridges.follow != 'none':
        from .follow import FollowBridge
        wanted.append(FollowBridge)
    if config.bridges.detections:
        from .detections import DetectionsBridge
        wanted.append(DetectionsBridge)
    if config.bridges.hri:
        from .hri.bridge import HriBridge
        wanted.append(HriBridge)
    return wanted
