"""Frames of a rosbag2 (sqlite3 or mcap), read lazily and without ROS."""
from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.rosbag2.errors import ReaderError

from ..camera_info import camera_from_info
from ..config import NodeConfig
from ..errors import InputError, in_one_line
from ..geometry import Camera
from ..images import decode_compressed, decode_image
from ..types import CameraPoseSource, Frame, Image
from .bag_order import Read, Shot, in_order, reads
from .bag_poses import TF, TF_STATIC, CameraPoses, TopicPoses, TreePoses, mount_of
from .bag_topics import BagTopics, choose_topics
from .messages import Message
from .salvage import damage_of, salvage
from .source import CAMERA_FRAME, WORLD_FRAME, SourceOptions, camera_for, static_pose
from .typestore import typestore

LEAD_NS = 2_000_000_000     # poses and CameraInfo from before the beginning are heard so early

logger = logging.getLogger(__name__)


class BagSource:
    """Images of one topic with their CameraInfo and, if the user names it, the camera's pose.

    Raises:
        InputError: The bag cannot be read, has no or several image topics, or a named one lacks.
        CameraError: The CameraInfo or the calibration given instead is not usable.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path, self._options = path, options
        self._mount = mount_of(options.camera_mount)
        self.notes: list[str] = []
        damage = damage_of(path)
        with open_bag(path) as reader:
            if damage is not None:
                self.notes.append(f'{path.name} is damaged: {damage} What comes before is read.')
            self.topics: BagTopics = choose_topics(reader, options, path)
            counts = {c.topic: c.msgcount for c in reader.connections}
            self._start_ns = reader.start_time + round(options.start_s * 1e9)
            seconds = reader.duration / 1e9
            first = self._first(reader, self.topics.images)
            self._info = self._first(reader, self.topics.infos)
            pose = self._first(reader, self.topics.poses)
        if first is None:
            raise InputError(f'Expected images on {self.topics.images} in {path}, got none that '
                             'can be read.')
        self._static = static_pose(options) if self.topics.poses is None else None
        self.camera_frame = str(first.message.header.frame_id) or CAMERA_FRAME
        self.frame_id = self._world_frame(pose)
        self.fps = max(counts[self.topics.images] - 1, 1) / max(seconds, 1e-3)
        # Counting what a part of the bag holds would mean reading it.
        part = options.seconds is not None or options.start_s > 0
        self.length = 0 if part else counts[self.topics.images]
        self._camera_of_info: tuple[bytes, Camera] | None = None
        self._assumed: Camera | None = None
        self.camera = self.camera_of(self._info, self._decode(first.message))

    def _world_frame(self, pose: Read | None) -> str:
        """The frame of the results."""
        if self._options.world_frame is not None and self.topics.poses is not None:
            return self._options.world_frame
        if self.topics.pose_source is CameraPoseSource.TF:
            return NodeConfig.world_frame
        if pose is not None:
            return str(pose.message.header.frame_id)
        return self.camera_frame if self._static is None else WORLD_FRAME

    def __iter__(self) -> Iterator[Frame]:
        """Read from the beginning; what cannot be used is left out, loudly."""
        lost = damaged = 0
        for item in self.shots():
            if not isinstance(item, Shot):
                continue
            if not item.placed:
                lost += 1
                continue
            try:
                image = self._decode(item.image.message)
            except InputError as error:
                if not damaged:
                    logger.warning('%s', error)
                damaged += 1
                continue
            yield self._frame(item, image)
        if lost:
            logger.warning('%d images of %s had no camera pose on %s and were left out.', lost,
                           self._path.name, self.topics.poses)
        if damaged:
            logger.warning('%d images of %s could not be decoded and were left out.', damaged,
                           self._path.name)

    def shots(self, *also: str) -> Iterator[Read | Shot]:
        """Images with all that belongs to them, and all other messages that are needed.

        Args:
            also: More topics to read.
        """
        poses = self._poses()
        with open_bag(self._path) as reader:
            for read in reads(reader, (TF_STATIC,)):        # holds at all times
                if isinstance(poses, TreePoses):
                    poses.add(read.topic, read.message, read.log_ns)
                if TF_STATIC in also:
                    yield read
            recorded = self._part(reader, also, self._start_ns - LEAD_NS)
            yield from in_order(recorded, self.topics, poses, self._info)

    def as_recorded(self, *also: str) -> Iterator[Read]:
        """The same messages in the order of the recording, but for what holds at all times."""
        with open_bag(self._path) as reader:
            if TF_STATIC in also or self.topics.poses == TF:
                yield from reads(reader, (TF_STATIC,))
            yield from self._part(reader, also, self._start_ns)

    def _part(self, reader: AnyReader, also: tuple[str, ...], start_ns: int) -> Iterator[Read]:
        seconds = self._options.seconds
        end_ns = None if seconds is None else self._start_ns + round(seconds * 1e9)
        topics = {*self.topics.needed, *also} - {TF_STATIC}
        return (read for read in reads(reader, topics, start_ns, end_ns)
                if read.log_ns >= self._start_ns or read.topic != self.topics.images)

    def _poses(self) -> CameraPoses | None:
        match self.topics.pose_source:
            case CameraPoseSource.TF:
                return TreePoses(self.frame_id)
            case CameraPoseSource.POSE | CameraPoseSource.ODOMETRY:
                return TopicPoses(self.frame_id, self._mount)
            case _:
                return None

    def camera_of(self, info: Read | None, image: Image | None = None) -> Camera:
        """The camera that a CameraInfo describes; without one that of all images.

        The same object as long as the camera is the same.

        Raises:
            CameraError: It is not usable.
        """
        if info is None:
            if self._assumed is None:
                height, width = (self.camera.height, self.camera.width) if image is None else (
                    image.shape[:2])
                self._assumed = camera_for(width, height, self._options, self.notes)
            return self._assumed
        message = info.message
        key = b''.join(bytes(part) for part in (message.d, message.k, message.p)) + (
            f'{message.width} {message.height} {message.distortion_model} {message.roi} '
            f'{message.binning_x} {message.binning_y}').encode()
        if self._camera_of_info is None or self._camera_of_info[0] != key:
            self._camera_of_info = key, camera_from_info(
                message, rectified=self._options.rectified)
        return self._camera_of_info[1]

    def _frame(self, shot: Shot, image: Image) -> Frame:
        source, pose = self.topics.pose_source, shot.world_from_camera
        if self._static is not None:
            source, pose = CameraPoseSource.STATIC, self._static
        return Frame(stamp_ns=shot.image.stamp_ns, image=image, camera=self.camera_of(shot.info),
                     camera_pose=source, world_from_camera=pose)

    def _first(self, reader: AnyReader, topic: str | None) -> Read | None:
        return None if topic is None else next(reads(reader, (topic,)), None)

    def _decode(self, message: Message) -> Image:
        try:
            if hasattr(message, 'encoding'):
                return decode_image(message.encoding, message.width, message.height, message.step,
                                    message.data, bigendian=bool(message.is_bigendian))
            return decode_compressed(message.data)
        except InputError as error:
            raise InputError(f'{self.topics.images} in {self._path}: {error}') from error


@contextmanager
def open_bag(path: Path) -> Iterator[AnyReader]:
    """The reader of a rosbag2 that knows our messages too; a damaged one as far as it goes.

    Raises:
        InputError: It cannot be read.
    """
    try:
        reader = AnyReader([path], default_typestore=typestore()) if (
            damage_of(path) is None) else salvage(path)
        with reader:
            yield reader
    except (AnyReaderError, ReaderError, OSError) as error:
        raise InputError(f'Cannot read the bag {path}: {in_one_line(error)}; expected a rosbag2 '
                         '(its folder, .mcap or .db3).') from error
