"""Frames of a rosbag2 (sqlite3 or mcap), read lazily and without ROS."""
from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.rosbag2.errors import ReaderError

from ..camera_info import camera_from_info
from ..camera_path import CameraPath
from ..errors import InputError
from ..geometry import Camera, Floats, matrix_from_quat_wxyz, se3
from ..images import decode_compressed, decode_image
from ..types import CameraPoseSource, Frame, Image
from .messages import Message
from .source import CAMERA_FRAME, WORLD_FRAME, SourceOptions, camera_for, static_pose
from .typestore import typestore

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
POSE_TYPES = {'geometry_msgs/msg/PoseStamped': CameraPoseSource.POSE,
              'nav_msgs/msg/Odometry': CameraPoseSource.ODOMETRY}
COMPRESSED = '/compressed'
MAX_WAITING = 100           # images held back until a camera pose after them has come

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Topics:
    images: str
    infos: str | None               # None: the camera is told by the user, or assumed
    poses: str | None               # None: the camera stands still, or its pose is not known
    pose_source: CameraPoseSource


class BagSource:
    """Images of one topic with their CameraInfo and, if the user names it, the camera's pose.

    Raises:
        InputError: The bag cannot be read, has no or several image topics, or a named one lacks.
        CameraError: The CameraInfo or the calibration given instead is not usable.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path, self._options = path, options
        self.notes: list[str] = []
        with open_bag(path) as reader:
            self._topics = _choose_topics(reader, options, path)
            counts = {c.topic: c.msgcount for c in reader.connections}
            self._start_ns = reader.start_time
            seconds = reader.duration / 1e9
            first = _first(reader, self._topics.images)
            info = _first(reader, self._topics.infos) if self._topics.infos else None
            pose = _first(reader, self._topics.poses) if self._topics.poses else None
        self._static = static_pose(options) if pose is None else None
        self.camera_frame = str(first.header.frame_id) or CAMERA_FRAME
        if pose is not None:
            self.frame_id = str(pose.header.frame_id)
        else:
            self.frame_id = self.camera_frame if self._static is None else WORLD_FRAME
        self.fps = max(counts[self._topics.images] - 1, 1) / max(seconds, 1e-3)
        # Counting what a part of the bag holds would mean reading it.
        self.length = counts[self._topics.images] if options.seconds is None else 0
        self._first_camera = self._camera(info, self._decode(first))

    def __iter__(self) -> Iterator[Frame]:
        """Read from the beginning; images without a camera pose are left out, loudly."""
        if self._topics.poses is None:
            yield from (item for item in self._items() if isinstance(item, Frame))
            return
        path, waiting, lost = CameraPath(), deque[Frame](), 0
        for item in self._items():
            if isinstance(item, Frame):
                waiting.append(item)
            else:
                path.add(*item)
            while waiting and (path.reaches(waiting[0].stamp_ns) or len(waiting) > MAX_WAITING):
                frame = self._placed(waiting.popleft(), path)
                lost += frame is None
                if frame is not None:
                    yield frame
        if lost or waiting:
            logger.warning('%d images of %s had no camera pose on %s and were left out.',
                           lost + len(waiting), self._path.name, self._topics.poses)

    def _placed(self, frame: Frame, path: CameraPath) -> Frame | None:
        try:
            return replace(frame, world_from_camera=path.at(frame.stamp_ns),
                           camera_pose=self._topics.pose_source)
        except InputError:
            return None

    def _items(self) -> Iterator[Frame | tuple[int, Floats]]:
        """Images, and poses of a moving camera with their stamps, in the order of the bag."""
        topics, camera = self._topics, self._first_camera
        end_ns = None if self._options.seconds is None else (
            self._start_ns + round(self._options.seconds * 1e9))
        with open_bag(self._path) as reader:
            wanted = [c for c in reader.connections
                      if c.topic in (topics.images, topics.infos, topics.poses)]
            for connection, log_ns, data in reader.messages(wanted, stop=end_ns):
                message = reader.deserialize(data, connection.msgtype)
                if connection.topic == topics.infos:
                    camera = camera_from_info(message)
                elif connection.topic == topics.poses:
                    yield _stamp_ns(message) or log_ns, _pose(message)
                else:
                    yield self._frame(_stamp_ns(message) or log_ns, self._decode(message), camera)

    def _frame(self, stamp_ns: int, image: Image, camera: Camera) -> Frame:
        source = CameraPoseSource.NONE if self._static is None else CameraPoseSource.STATIC
        return Frame(stamp_ns=stamp_ns, image=image, camera=camera, camera_pose=source,
                     world_from_camera=self._static)

    def _camera(self, info: Message, image: Image) -> Camera:
        if info is not None:
            return camera_from_info(info)
        return camera_for(image.shape[1], image.shape[0], self._options, self.notes)

    def _decode(self, message: Message) -> Image:
        try:
            if hasattr(message, 'encoding'):
                return decode_image(message.encoding, message.width, message.height, message.step,
                                    message.data, bigendian=bool(message.is_bigendian))
            return decode_compressed(message.data)
        except InputError as error:
            raise InputError(f'{self._topics.images} in {self._path}: {error}') from error


@contextmanager
def open_bag(path: Path) -> Iterator[AnyReader]:
    """The reader of a rosbag2 that knows our messages too.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with AnyReader([path], default_typestore=typestore()) as reader:
            yield reader
    except (AnyReaderError, ReaderError, OSError) as error:
        raise InputError(f'Cannot read the bag {path}: {error}') from error


def _choose_topics(reader: AnyReader, options: SourceOptions, path: Path) -> _Topics:
    types = {c.topic: c.msgtype for c in reader.connections if c.msgcount}
    images = _choose(types, IMAGE_TYPES, options.image_topic, '--image-topic', path)
    poses = None
    if options.pose_topic is not None:
        poses = _choose(types, tuple(POSE_TYPES), options.pose_topic, '--pose-topic', path)
    return _Topics(
        images=images, poses=poses, infos=_info_topic(types, images, options),
        pose_source=POSE_TYPES[types[poses]] if poses else CameraPoseSource.NONE)


def _choose(types: dict[str, str], wanted_types: tuple[str, ...], wanted: str | None, option: str,
            path: Path) -> str:
    """The topic that is wanted, or the only one; of a raw and a compressed twin the raw one."""
    topics = sorted(t for t, message_type in types.items() if message_type in wanted_types)
    there = ', '.join(topics) or 'none'
    if wanted is not None:
        if wanted not in topics:
            raise InputError(f'Expected {wanted} among the topics with '
                             f'{" or ".join(wanted_types)} in {path}, got {there}.')
        return wanted
    twins = {f'{t}{COMPRESSED}' for t in topics}
    usable = [t for t in topics if t not in twins]
    if len(usable) != 1:
        raise InputError(f'Expected one topic with {" or ".join(wanted_types)} in {path}, got '
                         f'{there}; choose with {option}.')
    return usable[0]


def _info_topic(types: dict[str, str], images: str, options: SourceOptions) -> str | None:
    """camera_info beside the image topic, else the only one, unless the user knows better."""
    if options.camera_file is not None or options.hfov_deg is not None:
        return None
    beside = f'{images.removesuffix(COMPRESSED).rpartition("/")[0]}/camera_info'
    topics = [t for t, message_type in types.items() if message_type == INFO_TYPE]
    if beside in topics:
        return beside
    return topics[0] if len(topics) == 1 else None


def _first(reader: AnyReader, topic: str) -> Message:
    wanted = [c for c in reader.connections if c.topic == topic]
    connection, _, data = next(reader.messages(wanted))
    return reader.deserialize(data, connection.msgtype)


def _stamp_ns(message: Message) -> int:
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def _pose(message: Message) -> Floats:
    """(4, 4) of a PoseStamped or an Odometry."""
    pose = getattr(message.pose, 'pose', message.pose)
    p, q = pose.position, pose.orientation
    rotation = matrix_from_quat_wxyz(np.array([q.w, q.x, q.y, q.z]))
    return se3(rotation, np.array([p.x, p.y, p.z]))
