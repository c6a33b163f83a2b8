"""Our types <-> messages of rclpy; quaternions are xyzw only here.

What files need as well (humans, markers, camera) is built in recording/messages.py, with `make`.
"""
from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from ros2_occpose.msg import Keypoint2D, Person2D, Person2DArray

from ..errors import InputError
from ..geometry import Floats, quat_wxyz_from_matrix, se3_from_numbers
from ..images import decode_compressed, decode_image
from ..recording.humans import Humans
from ..skeleton import H36M17, skeleton_named
from ..types import Detections, TrackState
from ..types import Image as Pixels

NS_PER_S = 1_000_000_000
Message: TypeAlias = Any          # of any type; one with a header where a stamp is asked for


@cache
def message_class(message_type: str) -> type:
    """The class of a message type; raises `ImportError` where its package is missing."""
    package, _, name = message_type.partition('/')
    found: type = getattr(import_module(f'{package}.msg'), name)
    return found


def make(message_type: str, /, **fields: object) -> Message:
    """A message of rclpy, e.g. `make('geometry_msgs/Point', x=1.0)`."""
    return message_class(message_type)(**fields)


# --- headers ----------------------------------------------------------------------------------

def header(stamp_ns: int, frame_id: str) -> Header:
    """std_msgs/Header."""
    seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
    return Header(stamp=Time(sec=seconds, nanosec=nanoseconds), frame_id=frame_id)


def stamp_of(message: Message) -> int:
    """The stamp in a message's header [ns]."""
    stamp = message.header.stamp
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


# --- images -----------------------------------------------------------------------------------

def image_message(image: Pixels, stamp_ns: int, frame_id: str) -> Image:
    """An (H, W, 3) BGR image as sensor_msgs/Image."""
    height, width = image.shape[:2]
    data = array('B')
    data.frombytes(memoryview(np.ascontiguousarray(image)).cast('B'))   # not bytes: 40 ms slower
    message = Image(header=header(stamp_ns, frame_id), height=height, width=width,
                    encoding='bgr8', step=3 * width)
    message.data = data
    return message


def pixels_of(message: Image | CompressedImage) -> Pixels:
    """The image of a message as BGR, (H, W, 3); read-only where nothing had to be converted.

    Raises:
        InputError: It is empty, cut short or of an unknown encoding.
    """
    if isinstance(message, CompressedImage):
        return decode_compressed(message.data)
    return decode_image(message.encoding, message.width, message.height, message.step,
                        message.data, bigendian=bool(message.is_bigendian))


# --- poses ------------------------------------------------------------------------------------

def pose_message(a_from_b: Floats) -> Pose:
    """The pose of b in a as geometry_msgs/Pose."""
    w, x, y, z = quat_wxyz_from_matrix(a_from_b[:3, :3]).tolist()
    px, py, pz = a_from_b[:3, 3].tolist()
    return Pose(position=Point(x=px, y=py, z=pz), orientation=Quaternion(x=x, y=y, z=z, w=w))


def se3_from(translation: Point | Vector3, rotation: Quaternion) -> Floats:
    """(4, 4) of a position or translation and a quaternion.

    Raises:
        InputError: A number is not finite or the quaternion is zero.
    """
    position = (translation.x, translation.y, translation.z)
    return se3_from_numbers((*position, rotation.x, rotation.y, rotation.z, rotation.w))


def human_transforms(humans: Humans, prefix: str = 'human_', *,
                     joints: bool = False) -> list[TransformStamped]:
    """Frames of everybody who is not lost.

    Args:
        humans: Everybody.
        prefix: The frame at the pelvis is called `<prefix><id>`.
        joints: Also `<prefix><id>_<joint>` at each joint, turned like the pelvis.
    """
    found = []
    head = header(humans.stamp_ns, humans.frame_id)
    for i in np.flatnonzero(humans.states != TrackState.LOST):
        w, x, y, z = humans.root_quat_wxyz[i].tolist()
        name, rotation = f'{prefix}{humans.ids[i]}', Quaternion(x=x, y=y, z=z, w=w)
        places = {name: humans.root[i]}
        if joints:
            places |= {f'{name}_{joint}': humans.joints[i, j]
                       for j, joint in enumerate(H36M17.joints)}
        found += [
            TransformStamped(header=head, child_frame_id=child, transform=Transform(
                translation=Vector3(x=at[0], y=at[1], z=at[2]), rotation=rotation))
            for child, at in ((child, place.tolist()) for child, place in places.items())
            if np.isfinite((w, x, y, z, *at)).all()]
    return found


# --- people found by somebody else ------------------------------------------------------------

def person_2d_array(detections: Detections, stamp_ns: int, frame_id: str) -> Person2DArray:
    """Detections as Person2DArray."""
    people = []
    for i in range(len(detections)):
        x0, y0, x1, y1 = np.maximum(np.round(detections.boxes_px[i]), 0).astype(int).tolist()
        rows = zip(detections.keypoints_px[i].tolist(), detections.scores[i].tolist(), strict=True)
        people.append(Person2D(
            score=float(detections.score[i]),
            roi=RegionOfInterest(x_offset=x0, y_offset=y0, width=max(x1 - x0, 1),
                                 height=max(y1 - y0, 1)),
            keypoints=[Keypoint2D(x=x, y=y, score=score, visible=score > 0)
                       for (x, y), score in rows]))
    return Person2DArray(header=header(stamp_ns, frame_id), skeleton=detections.skeleton.name,
                         people=people)


def detections_from(message: Person2DArray) -> tuple[Detections, int]:
    """The people of a Person2DArray, best first, and how many keypoints had to be repaired.

    A keypoint that is not visible, or whose position is not finite, has score 0. One that calls
    itself visible and has no finite position counts as repaired. People without any usable
    keypoint are left out.

    Raises:
        ConfigError: The skeleton is unknown.
        InputError: A person has another number of keypoints than the skeleton has joints.
    """
    skeleton = skeleton_named(message.skeleton)
    j = len(skeleton.joints)
    rows = np.full((len(message.people), j, 4), np.nan)       # x, y, score, visible
    for i, person in enumerate(message.people):
        if len(person.keypoints) != j:
            raise InputError(f'Expected {j} keypoints for skeleton {skeleton.name}, got '
                             f'{len(person.keypoints)}; send all joints, hidden ones as not '
                             'visible.')
        rows[i] = [(k.x, k.y, k.score, k.visible) for k in person.keypoints]
    points, visible = rows[..., :2], rows[..., 3] > 0
    finite = np.isfinite(points).all(-1)                      # (N, J)
    scores = np.clip(np.nan_to_num(rows[..., 2], nan=1.0, posinf=1.0, neginf=0.0), 0, 1)
    scores = np.where(visible & finite, scores, 0.0)
    usable = (scores > 0).any(-1)                             # (N,)
    points = np.where(finite[..., None], points, 0.0)
    score = np.array([p.score for p in message.people], float)
    score = np.clip(np.where(np.isfinite(score), score, scores.max(-1, initial=0.0)), 0, 1)
    order = np.flatnonzero(usable)
    order = order[np.argsort(-score[order], kind='stable')]
    boxes = _boxes(message.people, points, scores)
    return Detections(boxes_px=boxes[order], keypoints_px=points[order], scores=scores[order],
                      score=score[order], skeleton=skeleton), int((visible & ~finite).sum())


def _boxes(people: Sequence[Person2D], points: Floats, scores: Floats) -> Floats:
    """The regions of interest, (N, 4); around the seen keypoints where a person has none."""
    seen = np.where((scores > 0)[..., None], points, np.nan)
    boxes = np.zeros((len(people), 4))
    for i, person in enumerate(people):
        roi = person.roi
        if roi.width and roi.height:
            boxes[i] = (roi.x_offset, roi.y_offset,
                        roi.x_offset + roi.width, roi.y_offset + roi.height)
        elif np.isfinite(seen[i]).any():
            boxes[i] = np.concatenate([np.nanmin(seen[i], 0), np.nanmax(seen[i], 0)])
    return boxes
