"""The bridges that the parameters ask for."""
from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from rclpy.node import Node

from ...config import BridgesConfig, NodeConfig
from ...errors import ConfigError
from ...recording.humans import Humans
from ...types import Frame
from .parts import Bridge


class Bridges:
    """Several bridges as one; any thread may speak."""

    def __init__(self, bridges: Sequence[Bridge] = ()) -> None:
        self._bridges = list(bridges)
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

    def close(self) -> None:
        """Stop publishing."""
        with self._lock:
            for bridge in self._bridges:
                bridge.close()
            self._bridges.clear()


def load_bridges(node: Node, config: NodeConfig) -> Bridges:
    """Make the bridges that are on; the message packages of the others are not imported.

    Raises:
        ConfigError: A message package is missing, or `bridges.people` has no world frame.
    """
    made: list[Bridge] = []
    try:
        for make in _wanted(config):
            made.append(make(node))
    except BaseException:
        Bridges(made).close()
        raise
    return Bridges(made)


def _wanted(config: NodeConfig) -> list[Callable[[Node], Bridge]]:
    wanted: list[Callable[[Node], Bridge]] = []
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
