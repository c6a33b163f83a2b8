"""Messages of a bag in the order in which the pipeline needs them.

A driver may publish CameraInfo after its image, and the pose of the camera is known only when the
next one has come. Here each image comes behind both, whoever reads: `occpose run` makes frames of
it, the player sends it on.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rosbags.highlevel import AnyReader

from ..errors import InputError
from ..geometry import Floats
from .bag_poses import CameraPoses, stamp_of
from .bag_topics import BagTopics
from .messages import Message

MAX_WAITING = 100           # images held back until a camera pose after them has come
INFOS_KEPT = 30


@dataclass(frozen=True)
class Read:
    """One message as it was recorded."""

    topic: str
    log_ns: int
    stamp_ns: int                       # of its header; of the recording where it has none
    message: Message
    data: bytes


@dataclass(frozen=True)
class Shot:
    """An image with all that belongs to it."""

    image: Read
    info: Read | None                   # of its stamp, or else the latest
    placed: bool                        # whether the camera's pose is known, if one is wanted
    world_from_camera: Floats | None    # (4, 4)


def reads(reader: AnyReader, topics: Iterable[str], start_ns: int | None = None,
          end_ns: int | None = None) -> Iterator[Read]:
    """The messages of some topics in the order of the recording, one by one."""
    wanted = [c for c in reader.connections if c.topic in set(topics)]
    if not wanted:
        return                          # to rosbags, no topic means all topics
    for connection, log_ns, data in reader.messages(wanted, start=start_ns, stop=end_ns):
        message = reader.deserialize(data, connection.msgtype)
        stamp_ns = stamp_of(message) if hasattr(message, 'header') else 0
        yield Read(connection.topic, log_ns, stamp_ns or log_ns, message, data)


def in_order(recorded: Iterable[Read], topics: BagTopics, poses: CameraPoses | None,
             info: Read | None) -> Iterator[Read | Shot]:
    """Images as `Shot`, everything else as it is.

    Args:
        recorded: In the order of the recording.
        topics: Which of them are what.
        poses: Hears the messages of `topics.poses`.
        info: CameraInfo for images before the first one.
    """
    queue = _Queue(topics, poses, info)
    for read in recorded:
        if read.topic == topics.images:
            if queue.jumps(read):
                yield from queue.rest()
            queue.images.append(read)
        else:
            queue.hear(read)
            yield read
        while queue.images and (queue.is_complete() or len(queue.images) > MAX_WAITING):
            yield queue.release()
    yield from queue.rest()


class _Queue:
    """Images that wait for what comes behind them."""

    def __init__(self, topics: BagTopics, poses: CameraPoses | None, info: Read | None) -> None:
        self.images: deque[Read] = deque()
        self._topics, self._poses, self._info = topics, poses, info
        self._infos: dict[int, Read] = {}           # by stamp

    def hear(self, read: Read) -> None:
        if read.topic == self._topics.infos:
            self._info = self._infos[read.stamp_ns] = read
            while len(self._infos) > INFOS_KEPT:
                del self._infos[next(iter(self._infos))]
        elif self._poses is not None and read.topic == self._topics.poses:
            self._poses.add(read.topic, read.message, read.log_ns)

    def jumps(self, image: Read) -> bool:
        """Whether time goes back: what waits will get no pose any more."""
        return bool(self.images) and image.stamp_ns < self.images[-1].stamp_ns

    def is_complete(self) -> bool:
        """Whether all that belongs to the first image has come."""
        image = self.images[0]
        if (self._topics.infos is not None and len(self.images) == 1
                and image.stamp_ns not in self._infos):
            return False
        return self._poses is None or self._poses.reaches(
            image.stamp_ns, image.message.header.frame_id)

    def release(self) -> Shot:
        """The first image with what is known."""
        image = self.images.popleft()
        info = self._infos.pop(image.stamp_ns, self._info)
        if self._poses is None:
            return Shot(image, info, placed=True, world_from_camera=None)
        try:
            pose = self._poses.at(image.stamp_ns, image.message.header.frame_id)
        except InputError:
            return Shot(image, info, placed=False, world_from_camera=None)
        return Shot(image, info, placed=True, world_from_camera=pose)

    def rest(self) -> Iterator[Shot]:
        """All that wait, as nothing more comes for them."""
        while self.images:
            yield self.release()
