"""A node under test on one side of DDS, its sources and listeners on the other."""
from __future__ import annotations

import itertools
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Log
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from scene import Moment, Scene
from sensor_msgs.msg import CameraInfo, Image
from truth import people_of

from ros2_occpose.config import PipelineConfig
from ros2_occpose.geometry import Camera, transform
from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.messages import camera_info
from ros2_occpose.ros.conversions import image_message, make
from ros2_occpose.ros.pose_node import PoseNode
from ros2_occpose.types import Frame, People

CAMERA_FRAME = 'camera_optical'
_NUMBERS = itertools.count()
WAIT_S = 10.0                                   # discovery takes up to a few seconds


def answer(moment: Moment, frame: Frame) -> People:
    """The truth of a moment, placed where the frame says that the camera is."""
    if frame.world_from_camera is None:
        return people_of(replace(moment, frame=frame))
    world = transform(frame.world_from_camera, moment.joints_camera)
    return people_of(replace(moment, frame=frame, joints_world=world))


class ScriptedPipeline:
    """Knows the truth of a scene by its stamps; remembers what it was asked."""

    def __init__(self, scene: Scene, seconds: float = 0.0) -> None:
        self.stage_ms: dict[str, float] = {}
        self.backends: Mapping[str, str] = {'detection': 'script'}
        self.frames: deque[Frame] = deque(maxlen=2)      # the last ones; images are large
        self.calls = 0
        self.resets = 0
        self.adjusted: PipelineConfig | None = None
        self.broken_at: int | None = None        # stamp of an image that it cannot stand
        self._seconds = seconds
        self._moments = {moment.frame.stamp_ns: moment for moment in scene}
        self._any = scene.moment(0)

    def __call__(self, frame: Frame) -> People:
        start = time.perf_counter()
        self.frames.append(frame)
        self.calls += 1
        time.sleep(self._seconds)
        if frame.stamp_ns == self.broken_at:
            raise ZeroDivisionError
        moment = self._moments.get(frame.stamp_ns, self._any)
        people = replace(answer(moment, frame), stamp_ns=frame.stamp_ns)
        self.stage_ms = {'script': 1e3 * (time.perf_counter() - start)}
        return people

    def reset(self) -> None:
        self.resets += 1

    def adjust(self, config: PipelineConfig) -> None:
        self.adjusted = config


class Bench:
    """Runs a node under test and a peer, each on its own thread."""

    def __init__(self, pipeline: Callable[[PipelineConfig], Any], namespace: str = '',
                 **parameters: Any) -> None:
        self.context = Context()
        self.context.init()
        # Not the default best effort: what is sent just after discovery must arrive.
        place = f'/{namespace}' if namespace else ''
        reliable = {f'qos_overrides.{place}/{topic}.subscription.reliability': 'reliable'
                    for topic in ('image', 'camera_info', 'people_2d', 'odometry', 'pose')}
        overrides = [Parameter(name.replace('__', '.'), value=value)
                     for name, value in {**reliable, **parameters}.items()]
        # A name of its own: rcl keeps one publisher of /rosout for all nodes of a name.
        name = f'occpose_{next(_NUMBERS)}'
        self.name = f'{place}/{name}'[1:]
        self.node = PoseNode(pipeline, context=self.context, parameter_overrides=overrides,
                             namespace=namespace or None,
                             cli_args=['--ros-args', '-r', f'__node:={name}'])
        self.peer = Node('peer', context=self.context, namespace=namespace or None)
        self.received: dict[str, list[Any]] = defaultdict(list)
        self._arrived = threading.Condition()
        self.logs = self.listen(Log, '/rosout', latched=True)
        self.images = self.peer.create_publisher(Image, 'image', 10)
        self.infos = self.peer.create_publisher(CameraInfo, 'camera_info', 10)
        self._executors = [SingleThreadedExecutor(context=self.context) for _ in range(2)]
        self._threads = []
        for node, executor in zip((self.node, self.peer), self._executors, strict=True):
            executor.add_node(node)
            self._threads.append(threading.Thread(target=executor.spin, daemon=True))

    def __enter__(self) -> Self:
        self.node.start()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for executor in self._executors:
            executor.shutdown()
        self.node.close()
        self.context.try_shutdown()
        for thread in self._threads:
            thread.join(5)
        self.node.destroy_node()
        self.peer.destroy_node()

    def listen(self, message_type: type, topic: str, *, latched: bool = False) -> list[Any]:
        """Collect what arrives on a topic."""
        durability = (DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE)
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE, durability=durability)
        found = self.received[topic]

        def store(message: Any) -> None:
            with self._arrived:
                found.append(message)
                self._arrived.notify_all()

        self.peer.create_subscription(message_type, topic, store, qos)
        return found

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = WAIT_S) -> Any:
        """The first truthy value of `condition`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            with self._arrived:
                self._arrived.wait(0.01)
        logs = '\n'.join(log.msg for log in self.logs)
        raise AssertionError(f'{what} did not happen within {seconds} s; the node said:\n{logs}')

    def connect(self) -> None:
        """Wait until images and CameraInfo would reach the node, and its answers the peer."""
        self.wait(lambda: self.images.get_subscription_count()
                  and self.infos.get_subscription_count(), 'discovery of the inputs')
        self.wait_to_be_heard()

    def wait_to_be_heard(self) -> None:
        """Wait until everything that the node publishes and the peer listens to would arrive.

        It must be the publisher that has found the listener: what it sends before is not for it.
        """
        def heard() -> bool:
            topics = {self.peer.resolve_topic_name(topic) for topic in list(self.received)}
            return all(publisher.get_subscription_count() for publisher in self.node.publishers
                       if publisher.topic_name in topics)

        self.wait(heard, 'discovery of the listeners')

    def outputs(self) -> list[Publisher]:
        """Publishers of humans, markers, overlay, stats, ... in this order."""
        found = {p.topic_name: p for p in self.node.publishers}
        return [found[name] for name in ('/humans', '/markers', '/overlay', '/stats', '/tf')]

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def wait_for_log(self, text: str) -> str:
        """The first log message that contains `text`."""
        return self.wait(lambda: next((log.msg for log in self.logs if text in log.msg), None),
                         f'a log message with {text!r}')

    def send_image(self, stamp_ns: int, image: np.ndarray | None = None, **fields: Any) -> None:
        """Publish an image, VGA and black if not given; fields of the message may be replaced."""
        image = np.zeros((480, 640, 3), np.uint8) if image is None else image
        message = image_message(image, stamp_ns, CAMERA_FRAME)
        for name, value in fields.items():
            setattr(message, name, value)
        self.images.publish(message)

    def send_info(self, camera: Camera, stamp_ns: int, **fields: Any) -> None:
        """Publish a CameraInfo; fields of the message may be replaced."""
        message = camera_info(make, camera, stamp_ns, CAMERA_FRAME)
        for name, value in fields.items():
            setattr(message, name, value)
        self.infos.publish(message)

    def send(self, moment: Moment) -> None:
        """Publish image and CameraInfo of a moment."""
        self.send_info(moment.frame.camera, moment.frame.stamp_ns)
        self.send_image(moment.frame.stamp_ns, moment.frame.image)

    def ask(self, moment: Moment) -> HumanArray:
        """Publish a moment; what the node says about it (`humans` must be listened to)."""
        self.send(moment)
        return self.answer_to(moment.frame.stamp_ns)

    def answer_to(self, stamp_ns: int) -> HumanArray:
        """The answer to the image of a stamp."""
        def found() -> HumanArray | None:
            return next((m for m in self.received['humans'] if stamp_of(m) == stamp_ns), None)

        return self.wait(found, f'an answer to the image of stamp {stamp_ns}')

    def state(self) -> str:
        """Lifecycle state of the node, as everybody can ask it."""
        asked = self.call(GetState, f'{self.name}/get_state', GetState.Request())
        return str(asked.current_state.label)

    def change_state(self, transition: str) -> bool:
        """Ask the node for a transition; whether it succeeded."""
        request = ChangeState.Request(transition=Transition(label=transition))
        return bool(self.call(ChangeState, f'{self.name}/change_state', request).success)

    def call(self, service_type: type, name: str, request: Any) -> Any:
        """The answer of a service."""
        client = self.peer.create_client(service_type, f'/{name}')
        self.wait(client.service_is_ready, f'discovery of the service {name}')
        future = client.call_async(request)
        self.wait(future.done, f'an answer of the service {name}')
        self.peer.destroy_client(client)
        return future.result()

    def errors(self, kind: str) -> int:
        """How often the node counted errors of a kind, by its diagnostics."""
        arrays: list[DiagnosticArray] = self.received['/diagnostics']
        counts = [int(pair.value) for array in arrays for status in array.status
                  for pair in status.values if pair.key == f'errors: {kind}']
        return max(counts, default=0)

    def fact(self, key: str) -> str | None:
        """What the node said last of something in its diagnostics."""
        arrays: list[DiagnosticArray] = self.received['/diagnostics']
        return next((pair.value for array in reversed(arrays) for status in array.status
                     for pair in status.values if pair.key == key), None)


def stamp_of(message: Any) -> int:
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
