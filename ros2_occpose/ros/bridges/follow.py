"""One selected person as PoseStamped and TF frame, for Nav2's following."""
from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from ...config import BridgesConfig
from ...geometry import se3
from ...recording.humans import Humans
from ...types import Frame
from ..conversions import header, pose_message
from .parts import Names, Publishers, required, transforms
from .selection import Selection
from .upright import up_of, upright_rotations

TOPIC = 'detected_dynamic_pose'      # the default of opennav_following
FRAME = 'followed_person'


class FollowBridge:
    """The pose of the followed person, z up and x forward; silent while there is nobody.

    Raises:
        ConfigError: tf2_msgs is missing.
    """

    def __init__(self, node: Node, names: Names) -> None:
        self._tf_type = required('tf2_msgs/TFMessage', 'bridges.follow')
        self._publishers = Publishers(node)
        self._pose = self._publishers(PoseStamped, TOPIC)
        self._tf = self._publishers(self._tf_type, '/tf')
        self._selection, self._frame = Selection(), names.own(FRAME)

    def publish(self, humans: Humans, frame: Frame, config: BridgesConfig) -> None:
        """Where the followed person is, seen or hidden."""
        world_from_camera = frame.world_from_camera
        eye = np.zeros(3) if world_from_camera is None else world_from_camera[:3, 3]
        row = self._selection(humans, eye, config.follow, config.follow_id)
        if row is None:
            return
        rotations = upright_rotations(humans.root_quat_wxyz[[row]], up_of(humans))
        pose = se3(rotations[0], humans.root[row])
        self._pose.publish(PoseStamped(
            header=header(humans.stamp_ns, humans.frame_id), pose=pose_message(pose)))
        self._tf.publish(self._tf_type(transforms=transforms(
            humans.stamp_ns, humans.frame_id, [self._frame], rotations, humans.root[[row]])))

    def clear(self) -> None:
        """Choose anew."""
        self._selection.clear()

    def close(self) -> None:
        """Stop publishing."""
        self._publishers.close()
