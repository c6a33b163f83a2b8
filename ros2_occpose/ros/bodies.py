"""Bodies of people on `meshes`, `mesh_model` and for the pictures; nothing while nobody looks."""
from __future__ import annotations

import threading
from array import array
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile

from ros2_occpose.msg import MeshModel

from ..body.load import BODIES, described, load_body
from ..body.meshes import Meshes, MeshMaker
from ..config import PublishConfig
from ..errors import OccposeError
from ..recording.messages import mesh_array, mesh_model
from ..types import Floats, People
from .conversions import make


class BodyOutputs:
    """Loads the body when somebody wants it for the first time.

    Args:
        node: Which publishes.
        name: Of the body, as in the parameter `body`. A file is read at once, so that a wrong one
            is known while somebody looks at the node.
        meshes: Publisher of `meshes`.
        latched: QoS of `mesh_model`.
        tell: Where to say which body it is.
        complain: Where to say that it cannot be had; the node goes on without.
    """

    def __init__(self, node: Node, name: str, meshes: Publisher, latched: QoSProfile,
                 tell: Callable[[str], None], complain: Callable[[str], None]) -> None:
        self._name, self._meshes, self._tell, self._complain = name, meshes, tell, complain
        self.model = node.create_publisher(MeshModel, 'mesh_model', latched)
        self._lock = threading.Lock()            # `reset` comes from other threads
        self._maker: MeshMaker | None = None
        self._broken = False
        if name not in BODIES:
            self._load()

    def of(self, people: People, config: PublishConfig, *, shown: bool) -> Meshes | None:
        """The bodies of a frame, if anybody wants them.

        Args:
            people: Everybody.
            config: What to publish.
            shown: Whether a picture with bodies will be made.
        """
        wanted = shown or (config.meshes and self._meshes.get_subscription_count())
        if not wanted and not (config.meshes and self.model.get_subscription_count()):
            return None
        with self._lock:
            if self._maker is None:
                self._load()
            return self._maker(people) if wanted and self._maker is not None else None

    def publish(self, meshes: Meshes, frame_id: str, config: PublishConfig) -> None:
        """On `meshes`, if somebody listens."""
        if config.meshes and self._meshes.get_subscription_count():
            self._meshes.publish(mesh_array(make, meshes, frame_id, vertices=config.vertices,
                                            pack=packed))

    def reset(self) -> None:
        """Forget everybody's shape."""
        with self._lock:
            if self._maker is not None:
                self._maker.reset()

    def _load(self) -> None:
        if self._broken:
            return
        try:
            body = load_body(self._name, fetch=False)
        except OccposeError as error:
            self._broken = True
            self._complain(f'No meshes: {error}')
            return
        self._tell(described(body, self._name))
        self.model.publish(mesh_model(make, body))
        self._maker = MeshMaker(body)


def packed(numbers: Floats) -> array[float]:
    """As messages of rclpy hold float32[]: from anything else it copies one by one."""
    out = array('f')
    out.frombytes(memoryview(np.ascontiguousarray(numbers, np.float32)).cast('B'))
    return out
