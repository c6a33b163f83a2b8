"""Where the camera was, as a bag says: PoseStamped, Odometry, or the transform tree."""
from __future__ import annotations

from typing import Protocol

import numpy as np

from ..camera_path import CameraPath
from ..errors import InputError
from ..geometry import Floats, se3_from_numbers
from ..types import CameraPoseSource
from .messages import Message

TF, TF_STATIC, TF_TYPE = '/tf', '/tf_static', 'tf2_msgs/msg/TFMessage'
SOURCES = {'geometry_msgs/msg/PoseStamped': CameraPoseSource.POSE,
           'nav_msgs/msg/Odometry': CameraPoseSource.ODOMETRY,
           TF_TYPE: CameraPoseSource.TF}


class CameraPoses(Protocol):
    """Hears what a bag says of the camera's pose, and answers for the stamps of images."""

    def add(self, topic: str, message: Message, log_ns: int) -> None:
        """One message of the topics that were asked for."""

    def reaches(self, stamp_ns: int, camera_frame: str) -> bool:
        """Whether what is known goes as far as a stamp."""

    def at(self, stamp_ns: int, camera_frame: str) -> Floats:
        """world_from_camera (4, 4) at a stamp.

        Raises:
            InputError: It is not known.
        """


class TopicPoses:
    """Poses in the world frame of what carries the camera; those in other frames do not count."""

    def __init__(self, world_frame: str, body_from_camera: Floats) -> None:
        self._world_frame, self._mount = world_frame, body_from_camera
        self._path = CameraPath()

    def add(self, topic: str, message: Message, log_ns: int) -> None:
        """A PoseStamped or an Odometry; one without a usable pose is left out."""
        if message.header.frame_id != self._world_frame:
            return
        try:
            world_from_body = _se3(getattr(message.pose, 'pose', message.pose))
        except InputError:
            return
        self._path.add(stamp_of(message) or log_ns, world_from_body @ self._mount)

    def reaches(self, stamp_ns: int, camera_frame: str) -> bool:
        """Whether there is a pose of this stamp or a later one."""
        return self._path.reaches(stamp_ns)

    def at(self, stamp_ns: int, camera_frame: str) -> Floats:
        """Between the two nearest poses."""
        return self._path.at(stamp_ns)


class TreePoses:
    """The camera's optical frame in the transform tree."""

    def __init__(self, world_frame: str) -> None:
        from .transform_tree import TransformTree

        self._world_frame, self._tree = world_frame, TransformTree()

    def add(self, topic: str, message: Message, log_ns: int) -> None:
        """A TFMessage; unusable transforms are left out."""
        for edge in message.transforms:
            turn = edge.transform.rotation
            at = edge.transform.translation
            try:
                pose = se3_from_numbers((at.x, at.y, at.z, turn.x, turn.y, turn.z, turn.w))
            except InputError:
                continue
            parent, child = edge.header.frame_id.lstrip('/'), edge.child_frame_id.lstrip('/')
            if topic == TF_STATIC:
                self._tree.add_static(parent, child, pose)
            else:
                self._tree.add(parent, child, stamp_of(edge), pose)

    def reaches(self, stamp_ns: int, camera_frame: str) -> bool:
        """Whether all transforms to the camera are known until then."""
        return self._tree.reaches(self._world_frame, camera_frame, stamp_ns)

    def at(self, stamp_ns: int, camera_frame: str) -> Floats:
        """As tf2 would look it up."""
        return self._tree.at(self._world_frame, camera_frame, stamp_ns)


def mount_of(numbers: tuple[float, ...] | None) -> Floats:
    """body_from_camera (4, 4) of x y z qx qy qz qw; None: they are the same.

    Raises:
        InputError: They are no pose.
    """
    return np.eye(4) if numbers is None else se3_from_numbers(numbers)


def stamp_of(message: Message) -> int:
    """The stamp in a message's header [ns]."""
    return int(message.header.stamp.sec) * 1_000_000_000 + int(message.header.stamp.nanosec)


def _se3(pose: Message) -> Floats:
    p, q = pose.position, pose.orientation
    return se3_from_numbers((p.x, p.y, p.z, q.x, q.y, q.z, q.w))
