"""REP-155: who is there, as bodies while they are seen and as persons also while hidden."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node

from ....config import BridgesConfig
from ....geometry import Floats, invert, transform
from ....recording.humans import Humans
from ....skeleton import H36M17
from ....types import CameraPoseSource, Frame, TrackState
from ...conversions import header
from ..parts import Names, Publishers, required, transforms
from ..selection import believed
from .image import regions, skeleton_2d
from .kinematics import (
    NAMES,
    body_rotations,
    head_rotations,
    heights,
    joint_angles,
    torso_rotations,
)
from .topics import BODIES, PARAMETER, PERSONS, BodyTopics, HriTypes, PersonTopics

HIDDEN = 0.99         # most location_confidence of somebody who is not seen; REP-155: below 1
_NO_ANGLES = np.full(len(NAMES), np.nan)
_FACE = H36M17.indices('nose', 'head')


@dataclass(frozen=True)
class Known:
    """The topics of somebody."""

    body: BodyTopics
    person: PersonTopics

    def close(self) -> None:
        """Stop publishing."""
        self.body.close()
        self.person.close()


class HriBridge:
    """Bodies `b<id>` in the frame of the camera, persons `p<id>` in the world frame.

    A body is listed, and its frame published, in the frames in which it was seen and at no other
    time; its topics stay as long as the person. A person is known until the id ends.

    Raises:
        ConfigError: hri_msgs or tf2_msgs is missing.
    """

    def __init__(self, node: Node, names: Names) -> None:
        self._node, self._names = node, names
        self._types = HriTypes.load()
        self._tf_type = required('tf2_msgs/TFMessage', PARAMETER)
        self._publishers = Publishers(node)
        self._tf = self._publishers(self._tf_type, '/tf')
        self._lists = {topic: self._publishers(self._types.ids, names.topic(topic)) for topic in (
            f'{BODIES}/tracked', f'{PERSONS}/tracked', f'{PERSONS}/known')}
        self._known: dict[int, Known] = {}
        self._angles: dict[int, Floats] = {}     # last ones of each body
        self._last_ns: int | None = None

    def publish(self, humans: Humans, frame: Frame, config: BridgesConfig) -> None:
        """Everybody who is believed to be there."""
        here = humans.select(np.flatnonzero(believed(humans)))
        self._meet_and_part(here)
        seen = here.select(np.flatnonzero(here.states == TrackState.TRACKED))
        self._say_who(humans.stamp_ns, here, seen)
        frames = self._bodies(seen, frame)
        if humans.camera_pose != CameraPoseSource.NONE:
            frames += self._persons(here)
        if frames:
            self._tf.publish(self._tf_type(transforms=frames))
        for i, human_id in enumerate(here.ids.tolist()):
            is_seen = here.states[i] == TrackState.TRACKED
            sure = 1.0 if is_seen else min(float(here.confidence[i]), HIDDEN)
            self._known[human_id].person.tell(self._body(human_id) if is_seen else '', sure)

    def clear(self) -> None:
        """Nobody is known any more."""
        self._part()
        if self._last_ns is not None:
            for publisher in self._lists.values():
                publisher.publish(self._types.ids(header=header(self._last_ns, '')))

    def close(self) -> None:
        """Stop publishing."""
        self._part()
        self._publishers.close()

    def _part(self) -> None:
        for known in self._known.values():
            known.close()
        self._known.clear()
        self._angles.clear()

    def _meet_and_part(self, here: Humans) -> None:
        """Topics for who is new; none any more for who is gone."""
        ids = here.ids.tolist()
        for human_id in set(self._known) - set(ids):
            self._known.pop(human_id).close()
            self._angles.pop(human_id, None)
        for human_id, height in zip(ids, heights(here.joints).tolist(), strict=True):
            if human_id not in self._known:
                self._known[human_id] = Known(
                    BodyTopics(self._node, self._names, self._types, self._body(human_id),
                               height),
                    PersonTopics(self._node, self._names, self._person(human_id)))

    def _say_who(self, stamp_ns: int, here: Humans, seen: Humans) -> None:
        self._last_ns = stamp_ns
        ids = ([*map(self._body, seen.ids)], [*map(self._person, seen.ids)],
               [*map(self._person, here.ids)])
        for publisher, names in zip(self._lists.values(), ids, strict=True):
            publisher.publish(self._types.ids(header=header(stamp_ns, ''), ids=names))

    def _bodies(self, seen: Humans, frame: Frame) -> list[TransformStamped]:
        """Publish what belongs to each seen body; their frames in the camera's."""
        if not len(seen):
            return []
        torso = torso_rotations(seen.joints, seen.root_quat_wxyz)
        bodies, _ = body_rotations(seen.joints, torso)
        last = np.stack([self._angles.get(i, _NO_ANGLES) for i in seen.ids.tolist()])
        angles = joint_angles(seen.joints, torso, last)
        self._angles |= dict(zip(seen.ids.tolist(), angles, strict=True))
        boxes, points = regions(seen, frame.camera), skeleton_2d(seen, frame.camera)
        for i, human_id in enumerate(seen.ids.tolist()):
            topics = self._known[human_id].body
            topics.in_image(seen.stamp_ns, seen.camera_frame, boxes[i],
                            float(seen.confidence[i]), points[i], frame.image)
            topics.posture(seen.stamp_ns, angles[i])
        pose = frame.world_from_camera
        camera_from_frame: Floats = np.eye(4) if pose is None else invert(pose)
        return transforms(
            seen.stamp_ns, seen.camera_frame, [f'body_{self._body(i)}' for i in seen.ids],
            camera_from_frame[:3, :3] @ bodies, transform(camera_from_frame, seen.root))

    def _persons(self, here: Humans) -> list[TransformStamped]:
        """Frames of persons at the head, x out of the face, z to the top; also while hidden."""
        if not len(here):
            return []
        torso = torso_rotations(here.joints, here.root_quat_wxyz)
        return transforms(
            here.stamp_ns, here.frame_id, [f'person_{self._person(i)}' for i in here.ids],
            head_rotations(here.joints, torso), here.joints[:, _FACE].mean(1))

    def _body(self, human_id: int) -> str:
        return self._names.own(f'b{human_id}')

    def _person(self, human_id: int) -> str:
        return self._names.own(f'p{human_id}')
