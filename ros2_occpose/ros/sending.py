"""What the player sends of a recording, with the stamps that it was recorded with."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from time import monotonic
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock

from ..recording.bag import BagSource
from ..recording.bag_order import Read, Shot
from ..recording.bag_poses import TF_STATIC, stamp_of
from ..recording.messages import camera_info, header
from ..recording.source import Source
from ..recording.typestore import make, serialise
from ..types import CameraPoseSource
from .conversions import NS_PER_S, image_message, message_class
from .conversions import header as live_header
from .conversions import make as live_make

DEPTH, LATCHED_DEPTH = 10, 100
TICK_S = 0.02               # longest time between two messages on /clock
POSE_TOPICS = {CameraPoseSource.POSE: 'pose', CameraPoseSource.ODOMETRY: 'odometry'}


@dataclass(frozen=True)
class Parcel:
    """Messages that leave together."""

    due_ns: int                                 # on the clock of the recording
    messages: list[tuple[str, Any]]             # topic and message, or its CDR bytes
    image_ns: int | None = None                 # stamp of the image among them


class BagParcels:
    """A bag as it was recorded, byte by byte; only stamps that lack or do not fit are written.

    Args:
        source: The bag.
        in_order: Each image leaves behind its CameraInfo and the camera pose that it needs, and
            one without a pose stays behind, as for `occpose run`; else all leave as recorded.
    """

    def __init__(self, source: BagSource, *, in_order: bool) -> None:
        self._source, self._in_order = source, in_order
        self.left_out = 0                       # images without a pose of the camera
        topics = source.topics
        self._names = {topics.images: 'image/compressed' if topics.compressed else 'image'}
        if topics.infos is not None:
            self._names[topics.infos] = 'camera_info'
        if topics.poses is not None:
            self._names[topics.poses] = POSE_TOPICS.get(topics.pose_source, topics.poses)
        self._names |= {name: name for name in topics.others}

    def types(self) -> dict[str, str]:
        """Type of each topic that is sent, e.g. 'sensor_msgs/Image'."""
        topics = self._source.topics
        pose_types = {CameraPoseSource.POSE: 'geometry_msgs/PoseStamped',
                      CameraPoseSource.ODOMETRY: 'nav_msgs/Odometry'}
        found = {'camera_info': 'sensor_msgs/CameraInfo'}
        for topic, name in self._names.items():
            if topic == topics.images:
                found[name] = f'sensor_msgs/{"CompressedImage" if topics.compressed else "Image"}'
            elif name != 'camera_info':
                found[name] = pose_types.get(topics.pose_source, '') if (
                    name in POSE_TOPICS.values()) else 'tf2_msgs/TFMessage'
        return found

    def needed(self) -> set[str]:
        """Topics that somebody has to listen to."""
        topics = self._source.topics
        return {'camera_info', self._names[topics.images]} | (
            set() if topics.poses is None else {self._names[topics.poses]})

    def __iter__(self) -> Iterator[Parcel]:
        """From the beginning."""
        source = self._source
        self.left_out = 0
        items = source.shots(*source.topics.others) if self._in_order else (
            source.as_recorded(*source.topics.others))
        for item in items:
            if isinstance(item, Shot):
                if not item.placed:
                    self.left_out += 1
                    continue
                image = item.image
                yield Parcel(image.log_ns, [
                    ('camera_info', self._info(item)), (self._names[image.topic], _bytes(image))],
                    image_ns=image.stamp_ns)
            elif item.topic != source.topics.infos or not self._in_order:
                yield self._as_it_is(item)

    def _as_it_is(self, read: Read) -> Parcel:
        messages = [(self._names[read.topic], _bytes(read))]
        is_image = read.topic == self._source.topics.images
        if is_image and self._source.topics.infos is None:
            messages.insert(0, ('camera_info', self._info(Shot(read, None, True, None))))
        return Parcel(read.log_ns, messages, image_ns=read.stamp_ns if is_image else None)

    def _info(self, shot: Shot) -> bytes:
        """The CameraInfo of an image, with the image's stamp."""
        frame_id = str(shot.image.message.header.frame_id)
        if shot.info is None:
            return serialise(camera_info(make, self._source.camera, shot.image.stamp_ns, frame_id))
        if shot.info.stamp_ns == shot.image.stamp_ns:
            return _bytes(shot.info)
        return _stamped(shot.info.message, shot.image.stamp_ns)


class FrameParcels:
    """A video or images, with the stamps that `occpose run` gives them."""

    left_out = 0

    def __init__(self, source: Source, frame_id: str) -> None:
        self._source, self._frame_id = source, frame_id

    def types(self) -> dict[str, str]:
        """Type of each topic that is sent."""
        return {'camera_info': 'sensor_msgs/CameraInfo', 'image': 'sensor_msgs/Image'}

    def needed(self) -> set[str]:
        """Topics that somebody has to listen to."""
        return set(self.types())

    def __iter__(self) -> Iterator[Parcel]:
        """From the beginning."""
        for frame in self._source:
            stamp_ns = frame.stamp_ns
            yield Parcel(stamp_ns, [
                ('camera_info', camera_info(live_make, frame.camera, stamp_ns, self._frame_id)),
                ('image', image_message(frame.image, stamp_ns, self._frame_id))],
                image_ns=stamp_ns)


class RecordedClock:
    """The clock of the recording, at a rate; published on /clock for nodes with use_sim_time."""

    def __init__(self, node: Node, rate: float, stopping: threading.Event) -> None:
        self._rate, self._stopping = rate, stopping
        self._publisher = node.create_publisher(Clock, '/clock', DEPTH)
        self._start_s, self._start_ns, self._told_ns = 0.0, 0, -1

    def begin(self, now_ns: int) -> None:
        """It is now this time of the recording; time may jump back."""
        self._start_s, self._start_ns, self._told_ns = monotonic(), now_ns, -1

    def wait_until(self, due_ns: int) -> int | None:
        """Let time pass; by how much it is too late [ns], None if told to stop."""
        while not self._stopping.is_set():
            passed_ns = (monotonic() - self._start_s) * self._rate * NS_PER_S
            now_ns = self._start_ns + round(passed_ns)
            if now_ns >= due_ns:
                self._tell(due_ns)
                return round((now_ns - due_ns) / self._rate)
            self._tell(now_ns)
            left_s = (due_ns - now_ns) / self._rate / NS_PER_S
            self._stopping.wait(min(left_s, TICK_S))
        return None

    def _tell(self, now_ns: int) -> None:
        if now_ns > self._told_ns:
            self._told_ns = now_ns
            self._publisher.publish(Clock(clock=live_header(now_ns, '').stamp))


def publishers_of(node: Node, types: dict[str, str]) -> dict[str, Publisher]:
    """A publisher for each topic whose message type is installed."""
    found = {}
    for topic, kind in types.items():
        latched = topic == TF_STATIC
        qos = QoSProfile(
            depth=LATCHED_DEPTH if latched else DEPTH, reliability=ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE)
        try:
            found[topic] = node.create_publisher(message_class(kind), topic, qos)
        except ImportError:
            node.get_logger().warning(f'{kind} is not installed: {topic} is left out.')
    return found


def _bytes(read: Read) -> bytes:
    """As recorded; with the time of recording where there is no stamp."""
    message = read.message
    if hasattr(message, 'header') and not stamp_of(message):
        return _stamped(message, read.stamp_ns)
    return read.data


def _stamped(message: Any, stamp_ns: int) -> bytes:
    stamped = copy(message)
    stamped.header = header(make, stamp_ns, str(message.header.frame_id))
    return serialise(stamped)
