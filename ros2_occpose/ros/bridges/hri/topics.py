"""Publishers of one body and of one person, made and destroyed with them."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float32, String

from ....types import Floats
from ....types import Image as Pixels
from ...conversions import header, image_message
from ..parts import Names, Publishers, required
from .image import crop
from .kinematics import NAMES
from .urdf import urdf

BODIES, PERSONS = '/humans/bodies', '/humans/persons'
PARAMETER = 'bridges.hri'


@dataclass(frozen=True)
class HriTypes:
    """The messages of hri_msgs that are needed."""

    ids: Any
    region: Any
    skeleton: Any
    point: Any

    @staticmethod
    def load() -> HriTypes:
        """Import them; raises `ConfigError` where they are missing."""
        names = ('IdsList', 'NormalizedRegionOfInterest2D', 'Skeleton2D',
                 'NormalizedPointOfInterest2D')
        return HriTypes(*(required(f'hri_msgs/{name}', PARAMETER) for name in names))


class BodyTopics:
    """`/humans/bodies/<id>/...`."""

    def __init__(self, node: Node, names: Names, types: HriTypes, body_id: str,
                 height: float) -> None:
        self._types, self._id = types, body_id
        self._publishers = Publishers(node)
        topic = names.topic(f'{BODIES}/{body_id}')
        self._roi = self._publishers(types.region, f'{topic}/roi')
        self._cropped = self._publishers(Image, f'{topic}/cropped')
        self._skeleton = self._publishers(types.skeleton, f'{topic}/skeleton2d')
        self._joints = self._publishers(JointState, f'{topic}/joint_states')
        self._urdf = self._publishers(String, f'{topic}/urdf', latched=True)
        self._urdf.publish(String(data=urdf(body_id, height)))
        self._names = [f'{name}_{body_id}' for name in NAMES]

    def in_image(self, stamp_ns: int, camera_frame: str, region: Floats, confidence: float,
                 points: Floats, image: Pixels) -> None:
        """Publish region (4,), keypoints (18, 3), and the pixels if somebody wants them."""
        head = header(stamp_ns, camera_frame)
        x0, y0, x1, y1 = region.tolist()
        self._roi.publish(self._types.region(
            header=head, xmin=x0, ymin=y0, xmax=x1, ymax=y1, c=confidence))
        self._skeleton.publish(self._types.skeleton(header=head, skeleton=[
            self._types.point(x=x, y=y, c=c) for x, y, c in points.tolist()]))
        if self._cropped.get_subscription_count():
            self._cropped.publish(image_message(crop(image, region), stamp_ns, camera_frame))

    def posture(self, stamp_ns: int, angles: Floats) -> None:
        """Publish the angles of all joints, (20,) [rad]."""
        self._joints.publish(JointState(
            header=header(stamp_ns, f'body_{self._id}'), name=self._names,
            position=np.asarray(angles, float).tolist()))

    def close(self) -> None:
        """Stop publishing."""
        self._publishers.close()


class PersonTopics:
    """`/humans/persons/<id>/...`."""

    def __init__(self, node: Node, names: Names, person_id: str) -> None:
        self._publishers = Publishers(node)
        topic = names.topic(f'{PERSONS}/{person_id}')
        self._body_id = self._publishers(String, f'{topic}/body_id', latched=True)
        self._confidence = self._publishers(Float32, f'{topic}/location_confidence')
        self._anonymous = self._publishers(Bool, f'{topic}/anonymous', latched=True)
        self._anonymous.publish(Bool(data=True))
        self._body: str | None = None

    def tell(self, body_id: str, location_confidence: float) -> None:
        """Publish the body that is seen, '' for none, and how sure the place is."""
        if body_id != self._body:
            self._body = body_id
            self._body_id.publish(String(data=body_id))
        self._confidence.publish(Float32(data=location_confidence))

    def close(self) -> None:
        """Say that the place is not known any more, and stop publishing."""
        self.tell('', 0.0)
        self._publishers.close()
