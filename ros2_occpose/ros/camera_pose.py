"""Where the camera was when it took an image: from tf, odometry, poses or a parameter."""
from __future__ import annotations

import threading
import time
from typing import Protocol

from geometry_msgs.msg import Point, PoseStamped, Quaternion
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time

from ..camera_path import CameraPath
from ..config import NodeConfig
from ..errors import ConfigError, InputError
from ..geometry import Floats
from ..types import CameraPoseSource
from .conversions import se3_from, se3_from_numbers, stamp_of

POSES_QUEUED = 50
POLL_S = 0.002


class PoseError(InputError):
    """The camera pose of an image is not known."""


class CameraPose(Protocol):
    """Knows where the camera was."""

    source: CameraPoseSource
    name: str

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """world_from_camera (4, 4) at a stamp; None if it is never known.

        Raises:
            PoseError: It should be known but is not.
        """

    def clear(self) -> None:
        """Forget the past: time has jumped."""

    def close(self) -> None:
        """Stop listening."""


def load_camera_pose(node: Node, config: NodeConfig) -> CameraPose:
    """The source that `camera_pose` names.

    Raises:
        ConfigError: `tf` without tf2_ros, or an unusable `camera_mount`.
    """
    try:
        mount = se3_from_numbers(config.camera_mount)
    except InputError as error:
        raise ConfigError(f'camera_mount: {error}') from error
    match config.camera_pose:
        case 'none':
            return FixedPose(CameraPoseSource.NONE, None)
        case 'static':
            return FixedPose(CameraPoseSource.STATIC, mount)
        case 'tf':
            return TfPose(node, config)
        case 'odometry':
            return StampedPoses(node, config, CameraPoseSource.ODOMETRY, mount)
        case 'pose':
            return StampedPoses(node, config, CameraPoseSource.POSE, mount)
        case other:
            raise ConfigError(f'Unknown camera_pose {other!r}.')


class FixedPose:
    """A camera that does not move, or of which nothing is known."""

    def __init__(self, source: CameraPoseSource, world_from_camera: Floats | None) -> None:
        self.source, self.name = source, 'parameter camera_mount' if source else 'not known'
        self._pose = world_from_camera

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """The same at all times."""
        return self._pose

    def clear(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Nothing to stop."""


class StampedPoses:
    """Poses of a body that carries the camera, from a topic, and between them."""

    def __init__(self, node: Node, config: NodeConfig, source: CameraPoseSource,
                 body_from_camera: Floats) -> None:
        self.source = source
        self._node = node
        self._world_frame, self._timeout_s = config.world_frame, config.pose_timeout_s
        self._mount = body_from_camera
        self._path, self._changed = CameraPath(), threading.Condition()
        self._problem: str | None = None
        topic, message_type = (('odometry', Odometry) if source is CameraPoseSource.ODOMETRY
                               else ('pose', PoseStamped))
        self._subscription = node.create_subscription(
            message_type, topic, self._on_pose,
            QoSProfile(depth=POSES_QUEUED, reliability=ReliabilityPolicy.BEST_EFFORT),
            qos_overriding_options=QoSOverridingOptions.with_default_policies())
        self.name = f'topic {self._subscription.topic_name}'

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """Between the two nearest poses; waits for the later one."""
        with self._changed:
            self._changed.wait_for(lambda: self._path.reaches(stamp_ns), self._timeout_s)
            if self._problem:
                raise PoseError(self._problem)
            try:
                return self._path.at(stamp_ns)
            except InputError as error:
                raise PoseError(f'{self.name}: {error}') from error

    def clear(self) -> None:
        """The path notices itself when the stamps of the poses jump back."""

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def _on_pose(self, message: Odometry | PoseStamped) -> None:
        pose = message.pose.pose if isinstance(message, Odometry) else message.pose
        frame = message.header.frame_id
        with self._changed:
            if frame != self._world_frame:
                self._problem = (
                    f'{self.name}: expected poses in the frame {self._world_frame!r} '
                    f'(world_frame), got {frame!r}; set world_frame to it.')
                return
            try:
                world_from_body = se3_from(pose.position, pose.orientation)
            except InputError as error:
                self._problem = f'{self.name}: {error}'
                return
            self._problem = None
            self._path.add(stamp_of(message), world_from_body @ self._mount)
            self._changed.notify_all()


class TfPose:
    """The transform tree, at the stamp of the image and never at any other."""

    def __init__(self, node: Node, config: NodeConfig) -> None:
        try:
            from tf2_ros import Buffer, TransformException, TransformListener
        except ImportError as error:
            raise ConfigError(
                'camera_pose is tf, but tf2_ros is not installed (it comes with a ROS '
                'installation); install it, or set camera_pose to odometry, pose or static.'
            ) from error
        self.source, self.name = CameraPoseSource.TF, 'tf2_ros'
        self._world_frame, self._timeout_s = config.world_frame, config.pose_timeout_s
        self._unknown = TransformException
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, node)

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """Looked up at the stamp; waits until tf reaches it."""
        stamp, deadline = Time(nanoseconds=stamp_ns), time.monotonic() + self._timeout_s
        while True:
            try:
                found = self._buffer.lookup_transform(self._world_frame, camera_frame, stamp)
            except self._unknown as error:
                if time.monotonic() >= deadline:
                    raise PoseError(
                        f'Expected the transform from {camera_frame!r} to {self._world_frame!r} '
                        f'at the stamp of the image, got: {error}; check tf and its delay, or '
                        'raise pose_timeout_s.') from error
                time.sleep(POLL_S)
                continue
            transform = found.transform
            return se3_from(Point(x=transform.translation.x, y=transform.translation.y,
                                  z=transform.translation.z),
                            Quaternion(x=transform.rotation.x, y=transform.rotation.y,
                                       z=transform.rotation.z, w=transform.rotation.w))

    def clear(self) -> None:
        """Forget all transforms but the static ones."""
        self._buffer.clear()

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()
