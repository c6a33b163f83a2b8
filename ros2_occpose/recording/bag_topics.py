"""Which topics of a bag hold the images, their CameraInfo and the pose of the camera."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rosbags.highlevel import AnyReader

from ..errors import InputError
from ..types import CameraPoseSource
from .bag_poses import SOURCES, TF, TF_STATIC, TF_TYPE
from .source import SourceOptions

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
INFO_TYPE = 'sensor_msgs/msg/CameraInfo'
COMPRESSED = '/compressed'


@dataclass(frozen=True)
class BagTopics:
    """What is read of a bag."""

    images: str
    compressed: bool
    infos: str | None               # None: the camera is told by the user, or assumed
    poses: str | None               # None: the camera stands still, or its pose is not known
    pose_source: CameraPoseSource
    others: tuple[str, ...] = ()    # transforms that nobody asked for; a player sends them too

    @property
    def needed(self) -> tuple[str, ...]:
        """What the pipeline needs, without what holds at all times."""
        return tuple(t for t in (self.images, self.infos, self.poses) if t is not None)

    @property
    def image_base(self) -> str:
        """The image topic without the suffix of its transport."""
        return self.images.removesuffix(COMPRESSED) if self.compressed else self.images


def choose_topics(reader: AnyReader, options: SourceOptions, path: Path) -> BagTopics:
    """The topics that the user names, or the only ones.

    Raises:
        InputError: There is none, or there are several, or a named one is not there.
    """
    types = {c.topic: c.msgtype for c in reader.connections if c.msgcount}
    images = _choose(types, IMAGE_TYPES, options.image_topic, '--image-topic', path)
    poses, source = options.pose_topic, CameraPoseSource.NONE
    if poses == TF and types.get(TF_STATIC) == TF_TYPE:
        source = CameraPoseSource.TF            # also where nothing moves, and /tf is not there
    elif poses is not None:
        poses = _choose(types, tuple(SOURCES), poses, '--pose-topic', path)
        source = SOURCES[types[poses]]
    transforms = tuple(t for t in (TF, TF_STATIC) if types.get(t) == TF_TYPE and t != poses)
    return BagTopics(images=images, compressed=types[images] == IMAGE_TYPES[1], poses=poses,
                     infos=_info_topic(types, images, options), pose_source=source,
                     others=transforms)


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
