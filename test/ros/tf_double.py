"""The part of tf2_ros that the node uses, for machines without a ROS installation."""
from __future__ import annotations

from types import ModuleType

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.time import Time
from tf2_msgs.msg import TFMessage

from ros2_occpose.camera_path import CameraPath
from ros2_occpose.errors import InputError
from ros2_occpose.geometry import Floats
from ros2_occpose.ros.conversions import pose_message, se3_from, stamp_of

HISTORY_NS = 10_000_000_000         # older transforms than this are forgotten, as tf2 does


class TransformException(Exception):  # noqa: N818, their name
    """The transform is not known."""


class Buffer:
    """Edges of the tree, each with its past; nothing is extrapolated."""

    def __init__(self) -> None:
        # child -> parent, path, stamps that are not forgotten
        self._moving: dict[str, tuple[str, CameraPath, list[int]]] = {}
        self._static: dict[str, tuple[str, Floats]] = {}

    def set_transform(self, edge: TransformStamped, authority: str) -> None:
        stamp_ns, parent = stamp_of(edge), edge.header.frame_id
        _, path, stamps = self._moving.get(edge.child_frame_id, (parent, CameraPath(), [stamp_ns]))
        oldest = max(stamps) - HISTORY_NS           # before this one is known
        if stamp_ns < oldest:
            return
        path.add(stamp_ns, se3_from(edge.transform.translation, edge.transform.rotation))
        stamps = [stamp for stamp in stamps if stamp >= oldest]
        self._moving[edge.child_frame_id] = parent, path, [*stamps, stamp_ns]

    def set_transform_static(self, edge: TransformStamped, authority: str) -> None:
        pose = se3_from(edge.transform.translation, edge.transform.rotation)
        self._static[edge.child_frame_id] = edge.header.frame_id, pose

    def lookup_transform(self, target: str, source: str, stamp: Time) -> TransformStamped:
        found, frame = se3_from_nothing(), source
        while frame != target:
            try:
                if frame in self._static:
                    frame, pose = self._static[frame]
                else:
                    frame, path, stamps = self._moving[frame]
                    if stamp.nanoseconds < min(stamps):
                        raise TransformException('extrapolation into the past')
                    pose = path.at(stamp.nanoseconds)
            except (KeyError, InputError) as error:
                raise TransformException(str(error)) from error
            found = pose @ found
        answer, pose = TransformStamped(), pose_message(found)
        answer.transform.rotation = pose.orientation
        for axis in 'xyz':
            setattr(answer.transform.translation, axis, getattr(pose.position, axis))
        return answer

    def clear(self) -> None:
        self._moving.clear()


class TransformListener:
    """Fills a buffer."""

    def __init__(self, buffer: Buffer, node: Node) -> None:
        self._node = node
        latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(TFMessage, '/tf', lambda message: [
                buffer.set_transform(edge, '') for edge in message.transforms], 100),
            node.create_subscription(TFMessage, '/tf_static', lambda message: [
                buffer.set_transform_static(edge, '') for edge in message.transforms], latched)]

    def unregister(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)


def se3_from_nothing() -> Floats:
    nothing = TransformStamped().transform
    return se3_from(nothing.translation, nothing.rotation)


def module() -> ModuleType:
    """To be put in the place of tf2_ros."""
    double = ModuleType('tf2_ros')
    double.Buffer, double.TransformListener = Buffer, TransformListener
    double.TransformException = TransformException
    return double
