"""Where the camera was when it took an image: from tf, odometry, poses or a parameter."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from geometry_msgs.msg import Point, PoseStamped, Quaternion
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.time import Time

from ..camera_path import MAX_GAP_NS, CameraPath
from ..config import NodeConfig
from ..errors import ConfigError, InputError
from ..geometry import Floats, se3_from_numbers
from ..types import CameraPoseSource
from .conversions import se3_from, stamp_of
from .qos import overridable

POSES_QUEUED = 50


class PoseError(InputError):
    """The camera pose of an image is not known and never will be."""


class PoseNotYetError(PoseError):
    """It is not known yet; waiting may help."""


class CameraPose(Protocol):
    """Knows where the camera was."""

    source: CameraPoseSource
    name: str

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """world_from_camera (4, 4) at a stamp, at once; None if it is never known.

        Raises:
            PoseNotYetError: It may become known.
            PoseError: It should be known but is not, and waiting does not help.
        """

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` whenever more is known."""

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

    def listen(self, changed: Callable[[], None]) -> None:
        """Nothing changes."""

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
        self._world_frame, self._mount = config.world_frame, body_from_camera
        self._path = CameraPath()
        self._changed: Callable[[], None] = _nothing
        self._problem: str | None = None
        topic, message_type = (('odometry', Odometry) if source is CameraPoseSource.ODOMETRY
                               else ('pose', PoseStamped))
        self._subscription = node.create_subscription(
            message_type, topic, self._on_pose,
            QoSProfile(depth=POSES_QUEUED, reliability=ReliabilityPolicy.BEST_EFFORT),
            qos_overriding_options=overridable())
        self.name = f'topic {self._subscription.topic_name}'

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """Between the two nearest poses."""
        try:
            return self._path.at(stamp_ns)
        except InputError as error:
            kind = PoseError if self._path.reaches(stamp_ns) else PoseNotYetError
            raise kind(self._problem or f'{self.name}: {error}') from error

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each pose."""
        self._changed = changed

    def clear(self) -> None:
        """The path notices itself when the stamps of the poses jump back."""

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def _on_pose(self, message: Odometry | PoseStamped) -> None:
        pose = message.pose.pose if isinstance(message, Odometry) else message.pose
        frame = message.header.frame_id
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
        self._changed()


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

        class Heard(Buffer):  # type: ignore[misc]
            """A buffer that tells of each transform."""

            def set_transform(self, transform: Any, authority: str) -> None:
                if has_jumped(transform):
                    self.clear()            # all but the static ones
                super().set_transform(transform, authority)
                tell()

            def set_transform_static(self, *arguments: Any) -> None:
                super().set_transform_static(*arguments)
                tell()

        def tell() -> None:
            self._changed()

        newest_ns: dict[str, int] = {}          # by child

        def has_jumped(transform: Any) -> bool:
            """Whether time goes back: tf2 would refuse what is older than what it knows."""
            child, stamp_ns = transform.child_frame_id, stamp_of(transform)
            jumped = stamp_ns < newest_ns.get(child, stamp_ns) - MAX_GAP_NS
            if jumped:
                newest_ns.clear()
            newest_ns[child] = max(newest_ns.get(child, stamp_ns), stamp_ns)
            return jumped

        self.source, self.name = CameraPoseSource.TF, 'tf2_ros'
        self._world_frame, self._unknown = config.world_frame, TransformException
        self._changed: Callable[[], None] = _nothing
        self._buffer = Heard()
        self._listener = TransformListener(self._buffer, node)

    def at(self, stamp_ns: int, camera_frame: str) -> Floats | None:
        """Looked up at the stamp."""
        try:
            found = self._buffer.lookup_transform(self._world_frame, camera_frame,
                                                  Time(nanoseconds=stamp_ns)).transform
        except self._unknown as error:
            raise PoseNotYetError(
                f'Expected the transform from {camera_frame!r} to {self._world_frame!r} '
                f'at the stamp of the image, got: {error}; check tf and its delay, or '
                'raise pose_timeout_s.') from error
        at, turn = found.translation, found.rotation
        try:
            return se3_from(Point(x=at.x, y=at.y, z=at.z),
                            Quaternion(x=turn.x, y=turn.y, z=turn.z, w=turn.w))
        except InputError as error:
            raise PoseError(f'{self.name}: {error}') from error

    def listen(self, changed: Callable[[], None]) -> None:
        """Call `changed` after each transform."""
        self._changed = changed

    def clear(self) -> None:
        """The buffer notices itself when stamps jump back, maybe long before an image does."""

    def close(self) -> None:
        """Stop listening."""
        self._listener.unregister()


def _nothing() -> None:
    """Nobody listens."""
