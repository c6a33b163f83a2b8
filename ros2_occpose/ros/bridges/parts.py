"""What all bridges share: their contract, publishers, and packages that may be missing."""
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from geometry_msgs.msg import Point, Quaternion, Transform, TransformStamped, Vector3
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from ...config import BridgesConfig
from ...errors import ConfigError
from ...geometry import Floats, quat_wxyz_from_matrix
from ...recording.humans import Humans
from ...types import Frame
from ..conversions import header, message_class

DEPTH = 10


class Bridge(Protocol):
    """Says what is in a frame in the words of another package."""

    def publish(self, humans: Humans, frame: Frame, config: BridgesConfig) -> None:
        """Say who is where."""

    def clear(self) -> None:
        """Take it all back: nobody is known any more."""

    def close(self) -> None:
        """Stop publishing."""


@dataclass(frozen=True)
class Names:
    """What the topics of bridges, ids and frames are called, where several nodes have bridges.

    Consumers look for `/people` and `/humans/...` whatever the namespace of a node is; two nodes
    must not both publish there.
    """

    namespace: str = ''              # in which the topics are; '': where consumers look for them

    @staticmethod
    def of(node: Node, config: BridgesConfig) -> Names:
        """As the parameters say."""
        return Names(node.get_namespace().strip('/') if config.in_namespace else '')

    def topic(self, absolute: str) -> str:
        """Where to publish what others expect on `absolute`."""
        return f'/{self.namespace}{absolute}' if self.namespace else absolute

    def own(self, name: str) -> str:
        """A frame or an id that no other node uses, if this one keeps to its namespace."""
        return f'{self.namespace.replace("/", "_")}_{name}' if self.namespace else name


class Publishers:
    """RELIABLE publishers of one bridge, destroyed together."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._made: list[Publisher] = []

    def __call__(self, message_type: type, topic: str, *, latched: bool = False) -> Publisher:
        """A new publisher; a latched one tells late subscribers its last message."""
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        qos = QoSProfile(depth=1 if latched else DEPTH, durability=durability,
                         reliability=ReliabilityPolicy.RELIABLE)
        self._made.append(self._node.create_publisher(
            message_type, topic, qos,
            event_callbacks=PublisherEventCallbacks(use_default_callbacks=False)))
        return self._made[-1]

    def close(self) -> None:
        """Destroy them all."""
        for publisher in self._made:
            self._node.destroy_publisher(publisher)
        self._made.clear()


def required(message_type: str, parameter: str) -> Any:
    """The class of a message that a bridge needs, e.g. of 'people_msgs/People'.

    Raises:
        ConfigError: Its package is not installed, or does not know the message.
    """
    package = message_type.partition('/')[0]
    distro = os.environ.get('ROS_DISTRO', '<distro>')
    try:
        return message_class(message_type)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f'{parameter} is on and expects the message {message_type}, got {error!r}; install '
            f'{package} (sudo apt install ros-{distro}-{package.replace("_", "-")}) and source '
            f'it, or switch {parameter} off.') from error


def point(xyz: Floats) -> Point:
    """geometry_msgs/Point of (3,)."""
    x, y, z = xyz.tolist()
    return Point(x=x, y=y, z=z)


def transforms(stamp_ns: int, parent: str, children: Sequence[str], rotations: Floats,
               places: Floats) -> list[TransformStamped]:
    """Frames of `children` in `parent`: rotations (N, 3, 3), places (N, 3) [m]."""
    found = []
    numbers = zip(children, quat_wxyz_from_matrix(rotations).tolist(), places.tolist(),
                  strict=True)
    for child, (w, qx, qy, qz), (x, y, z) in numbers:
        found.append(TransformStamped(
            header=header(stamp_ns, parent), child_frame_id=child,
            transform=Transform(translation=Vector3(x=x, y=y, z=z),
                                rotation=Quaternion(x=qx, y=qy, z=qz, w=w))))
    return found
