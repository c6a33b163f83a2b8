"""A filmed scene as a rosbag2 that any ROS 2 replays, with the truth beside it.

| topic | type | |
|---|---|---|
| /camera/image or /camera/image/compressed | Image or CompressedImage | |
| /camera/camera_info | CameraInfo | |
| /camera/pose | PoseStamped | of the optical frame in odom |
| /odom | Odometry | of base_link in odom |
| /tf, /tf_static | TFMessage | odom to base_link, base_link to the optical frame |
| /truth | HumanArray | everybody, with the states of joints and ids |

`truth.npz` in the folder tells apart what hides a joint, for coco17 and the top of the head too.
"""
from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ..errors import InputError
from ..geometry import quat_wxyz_from_matrix
from ..recording.humans import Humans
from ..recording.messages import Message, camera_info, header, human_array
from ..recording.typestore import full_name, make, serialise, typestore
from ..skeleton import COCO17, H36M17
from ..training.mocap.kinematics import BODY
from ..training.mocap.motion import h36m_of
from ..types import CameraPoseSource, Floats, Image, Ints, JointState, TrackState
from .camera_path import CameraWay
from .scene import Scene, Shot
from .truth import JOINT_STATE, Sight, Truth, sights_h36m

WORLD_FRAME, BASE_FRAME, CAMERA_FRAME = 'odom', 'base_link', 'camera_optical_frame'
STORAGES = ('mcap', 'sqlite3')
TRUTH_FILE, ABOUT_FILE = 'truth.npz', 'scene.json'
TOPICS = {
    '/camera/image': 'sensor_msgs/Image',
    '/camera/image/compressed': 'sensor_msgs/CompressedImage',
    '/camera/camera_info': 'sensor_msgs/CameraInfo',
    '/camera/pose': 'geometry_msgs/PoseStamped',
    '/odom': 'nav_msgs/Odometry',
    '/tf': 'tf2_msgs/TFMessage',
    '/tf_static': 'tf2_msgs/TFMessage',
    '/truth': 'ros2_occpose/HumanArray',
}
_LATCHED = '/tf_static'


def write_bag(path: Path, scene: Scene, shots: Iterable[Shot], *, storage: str = 'mcap',
              compressed: bool = False, about: dict[str, object] | None = None) -> None:
    """Write a filmed scene; the folder gets its name when it is complete.

    Args:
        path: Folder to be.
        scene: What was filmed.
        shots: Its pictures in order.
        storage: One of STORAGES.
        compressed: JPEG of the sensor's quality instead of raw images.
        about: How the scene was made, for scene.json.

    Raises:
        InputError: The folder is there already, or cannot be written.
    """
    truths = []
    with _unfinished(path) as folder, _Bag(folder, storage) as bag:
        bag.put('/tf_static', int(scene.stamps_ns[0]), _transform(
            int(scene.stamps_ns[0]), BASE_FRAME, CAMERA_FRAME, scene.way.base_from_camera))
        for frame, shot in enumerate(shots):
            truths.append(shot.truth)
            _put_frame(bag, scene, frame, shot, compressed)
        bag.close()
        _write_truth(folder / TRUTH_FILE, scene, truths)
        (folder / ABOUT_FILE).write_text(json.dumps(about or {}, indent=1) + '\n')


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A folder of the same name elsewhere, moved to its place in the end, or taken away."""
    if path.exists():
        raise InputError(f'Expected a bag that is not there yet, got {path}; delete it, or choose '
                         'another name.')
    hold = path.parent / f'.{path.name}.unfinished-{os.getpid()}'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        hold.mkdir()
        yield hold / path.name
        (hold / path.name).rename(path)
    except OSError as error:
        raise InputError(f'Cannot write the bag {path}: {error.strerror or error}.') from error
    finally:
        shutil.rmtree(hold, ignore_errors=True)


class _Bag:
    """Topics and messages of one bag."""

    def __init__(self, folder: Path, storage: str) -> None:
        from rosbags.interfaces import (
            Qos,
            QosDurability,
            QosHistory,
            QosLiveliness,
            QosReliability,
            QosTime,
        )
        from rosbags.rosbag2 import StoragePlugin, Writer

        plugin = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
        self._writer = Writer(folder, version=9, storage_plugin=plugin)
        self._writer.open()
        self._open = True
        self._connections: dict[str, object] = {}
        forever = QosTime(9223372036, 854775807)
        self._latched = [Qos(QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE,
                             QosDurability.TRANSIENT_LOCAL, forever, forever,
                             QosLiveliness.AUTOMATIC, forever, False)]

    def put(self, topic: str, stamp_ns: int, message: Message) -> None:
        """One message, at the time of its stamp."""
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, full_name(TOPICS[topic]), typestore=typestore(),
                offered_qos_profiles=self._latched if topic == _LATCHED else ())
        self._writer.write(self._connections[topic], stamp_ns, serialise(message))  # type: ignore[arg-type]

    def close(self) -> None:
        """Complete the bag; closing twice does nothing."""
        if self._open:
            self._open = False
            self._writer.close()

    def __enter__(self) -> _Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _put_frame(bag: _Bag, scene: Scene, frame: int, shot: Shot, compressed: bool) -> None:
    """Poses first, so that the pose of an image is known when it comes."""
    stamp_ns = int(scene.stamps_ns[frame])
    base, camera = scene.way.world_from_base[frame], scene.way.world_from_camera[frame]
    bag.put('/tf', stamp_ns, _transform(stamp_ns, WORLD_FRAME, BASE_FRAME, base))
    bag.put('/odom', stamp_ns, _odometry(stamp_ns, scene.way, scene.stamps_ns, frame))
    bag.put('/camera/pose', stamp_ns, make(
        'geometry_msgs/PoseStamped', header=header(make, stamp_ns, WORLD_FRAME),
        pose=_pose(camera)))
    bag.put('/camera/camera_info', stamp_ns,
            camera_info(make, scene.camera, stamp_ns, CAMERA_FRAME))
    if compressed:
        jpeg = _jpeg(stamp_ns, shot.image, scene.sensor.jpeg_quality)
        bag.put('/camera/image/compressed', stamp_ns, jpeg)
    else:
        bag.put('/camera/image', stamp_ns, _raw(stamp_ns, shot.image))
    bag.put('/truth', stamp_ns, human_array(make, humans_of_truth(scene, frame, shot.truth)))


def _pose(transform: Floats) -> Message:
    x, y, z = transform[:3, 3].tolist()
    w, i, j, k = quat_wxyz_from_matrix(transform[:3, :3]).tolist()
    return make('geometry_msgs/Pose', position=make('geometry_msgs/Point', x=x, y=y, z=z),
                orientation=make('geometry_msgs/Quaternion', x=i, y=j, z=k, w=w))


def _transform(stamp_ns: int, parent: str, child: str, transform: Floats) -> Message:
    x, y, z = transform[:3, 3].tolist()
    w, i, j, k = quat_wxyz_from_matrix(transform[:3, :3]).tolist()
    moved = make('geometry_msgs/Transform',
                 translation=make('geometry_msgs/Vector3', x=x, y=y, z=z),
                 rotation=make('geometry_msgs/Quaternion', x=i, y=j, z=k, w=w))
    return make('tf2_msgs/TFMessage', transforms=[make(
        'geometry_msgs/TransformStamped', header=header(make, stamp_ns, parent),
        child_frame_id=child, transform=moved)])


def _odometry(stamp_ns: int, way: CameraWay, stamps_ns: Ints, frame: int) -> Message:
    """Pose in odom, speeds in the axes of the base."""
    base = way.world_from_base
    before, after = max(frame - 1, 0), min(frame + 1, len(base) - 1)
    seconds = max((int(stamps_ns[after]) - int(stamps_ns[before])) / 1e9, 1e-9)
    turn = base[frame, :3, :3]
    linear = turn.T @ (base[after, :3, 3] - base[before, :3, 3]) / seconds
    spin, _ = cv2.Rodrigues(base[before, :3, :3].T @ base[after, :3, :3])
    vectors = [make('geometry_msgs/Vector3', x=float(x), y=float(y), z=float(z))
               for x, y, z in (linear, spin[:, 0] / seconds)]
    return make('nav_msgs/Odometry', header=header(make, stamp_ns, WORLD_FRAME),
                child_frame_id=BASE_FRAME,
                pose=make('geometry_msgs/PoseWithCovariance', pose=_pose(base[frame])),
                twist=make('geometry_msgs/TwistWithCovariance', twist=make(
                    'geometry_msgs/Twist', linear=vectors[0], angular=vectors[1])))


def _raw(stamp_ns: int, image: Image) -> Message:
    high, wide = image.shape[:2]
    return make('sensor_msgs/Image', header=header(make, stamp_ns, CAMERA_FRAME), height=high,
                width=wide, encoding='bgr8', step=3 * wide, data=image.reshape(-1))


def _jpeg(stamp_ns: int, image: Image, quality: int) -> Message:
    _, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return make('sensor_msgs/CompressedImage', header=header(make, stamp_ns, CAMERA_FRAME),
                format='jpeg', data=np.asarray(data, np.uint8).reshape(-1))


def humans_of_truth(scene: Scene, frame: int, truth: Truth) -> Humans:
    """The truth as a message: everybody who is there, numbered from 1."""
    rows = np.flatnonzero(scene.cast.present[:, frame])
    n, j, k = len(rows), len(H36M17.joints), len(COCO17.joints)
    joints = h36m_of(truth.body[rows])                                         # (N, 17, 3)
    states = JOINT_STATE[sights_h36m(truth.sight[rows])]
    hip = H36M17.index('hip')
    seen = (truth.sight[rows] == Sight.SEEN).any(-1)
    nothing = np.zeros((n, 3, 3))
    return Humans(
        stamp_ns=truth.stamp_ns, frame_id=WORLD_FRAME, camera_frame=CAMERA_FRAME,
        camera_pose=CameraPoseSource.POSE, latency_s=0.0, ids=rows + 1,
        states=np.where(seen, TrackState.TRACKED, TrackState.OCCLUDED), confidence=np.ones(n),
        root=joints[:, hip], root_quat_wxyz=np.full((n, 4), np.nan), root_covariance=nothing,
        velocity=_velocity(scene, frame)[rows], velocity_covariance=nothing, joints=joints,
        joint_covariance=np.zeros((n, j, 6)),
        joint_confidence=(states == JointState.OBSERVED).astype(float), joint_states=states,
        keypoints_px=truth.pixels[rows, :k],
        keypoint_scores=(truth.sight[rows, :k] == Sight.SEEN).astype(float),
        keypoint_visible=truth.sight[rows, :k] == Sight.SEEN, boxes_px=truth.boxes_px[rows])


def _velocity(scene: Scene, frame: int) -> Floats:
    """Of each pelvis, (P, 3) [m/s]."""
    root = scene.cast.root
    before, after = max(frame - 1, 0), min(frame + 1, root.shape[1] - 1)
    seconds = max((scene.stamps_ns[after] - scene.stamps_ns[before]) / 1e9, 1e-9)
    return np.asarray((root[:, after] - root[:, before]) / seconds)


def _write_truth(path: Path, scene: Scene, truths: Sequence[Truth]) -> None:
    """Everything that the messages have no place for, frame by frame.

    With joints_world, joint_states and frame_id it can be a reference of `occpose evaluate bag`.
    """
    body, sight = np.stack([t.body for t in truths]), np.stack([t.sight for t in truths])
    np.savez_compressed(
        path, joints_world=h36m_of(body), joint_states=JOINT_STATE[sights_h36m(sight)],
        skeleton=np.array(H36M17.name), frame_id=np.array(WORLD_FRAME),
        stamps_ns=np.array([t.stamp_ns for t in truths]), points=np.array(BODY),
        world_from_camera=np.stack([t.world_from_camera for t in truths]),
        body=body.astype(np.float32),
        pixels=np.stack([t.pixels for t in truths]).astype(np.float32),
        sight=sight.astype(np.uint8),
        sight_names=np.array([s.name for s in Sight]),
        boxes_px=np.stack([t.boxes_px for t in truths]).astype(np.float32),
        seen_px=np.stack([t.seen_px for t in truths]),
        ids=np.arange(1, len(scene.cast) + 1), motions=np.array(scene.cast.names),
        roles=np.array(scene.cast.roles), k=scene.camera.k, d=scene.camera.d,
        distortion_model=np.array(scene.camera.distortion_model),
        size=np.array(scene.camera.size))
