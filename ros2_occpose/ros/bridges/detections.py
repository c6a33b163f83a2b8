"""vision_msgs/Detection3DArray: an upright box a person."""
from __future__ import annotations

import numpy as np
from geometry_msgs.msg import PoseWithCovariance, Vector3
from rclpy.node import Node

from ...config import BridgesConfig
from ...geometry import se3
from ...recording.humans import Humans
from ...types import Frame
from ..conversions import header, pose_message
from .parts import Names, Publishers, required
from .selection import believed
from .upright import upright_boxes

TOPIC = 'detections_3d'
CLASS = 'person'
NO_ANGLE = np.pi ** 2 / 3     # variance of an angle of which nothing is known [rad^2]


class DetectionsBridge:
    """Boxes around the joints; the covariance is that of the pelvis.

    Raises:
        ConfigError: vision_msgs is missing.
    """

    def __init__(self, node: Node, names: Names) -> None:
        names = ('Detection3DArray', 'Detection3D', 'ObjectHypothesisWithPose', 'BoundingBox3D')
        self._array, self._detection, self._result, self._box = (
            required(f'vision_msgs/{name}', 'bridges.detections') for name in names)
        self._publishers = Publishers(node)
        self._publisher = self._publishers(self._array, TOPIC)
        self._last: tuple[int, str] | None = None        # stamp and frame of the last boxes

    def publish(self, humans: Humans, frame: Frame, config: BridgesConfig) -> None:
        """Everybody who is believed to be there, seen or hidden."""
        self._last = humans.stamp_ns, humans.frame_id
        here = humans.select(np.flatnonzero(believed(humans)))
        centres, rotations, sizes = upright_boxes(here)
        detections = []
        for i in range(len(here)):
            result = self._result(pose=PoseWithCovariance(
                pose=pose_message(se3(rotations[i], here.root[i])),
                covariance=_covariance36(here.root_covariance[i])))
            result.hypothesis.class_id = CLASS
            result.hypothesis.score = float(here.confidence[i])
            x, y, z = sizes[i].tolist()
            box = self._box(center=pose_message(se3(rotations[i], centres[i])),
                            size=Vector3(x=x, y=y, z=z))
            detections.append(self._detection(
                header=header(*self._last), id=str(here.ids[i]), results=[result], bbox=box))
        self._publisher.publish(self._array(header=header(*self._last), detections=detections))

    def clear(self) -> None:
        """No boxes."""
        if self._last is not None:
            self._publisher.publish(self._array(header=header(*self._last)))

    def close(self) -> None:
        """Stop publishing."""
        self._publishers.close()


def _covariance36(position: np.ndarray) -> list[float]:
    """The 6x6 of ROS: position (3, 3) [m^2]; of the angles nothing is promised."""
    covariance = NO_ANGLE * np.eye(6)
    covariance[:3, :3] = position
    return covariance.ravel().tolist()
