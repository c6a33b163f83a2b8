"""Humans <-> ROS messages, once for the live node (rclpy) and for files (rosbags).

A `Make` builds a message of a type named like 'geometry_msgs/Point' from keyword arguments; fields
that are not given have their default. Both rclpy and rosbags messages are made by it.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np

from ..body.meshes import Meshes
from ..body.model import BodyModel
from ..geometry import Camera
from ..skeleton import COCO17, H36M17, Skeleton
from ..types import CameraPoseSource, Floats
from .humans import Humans
from .markers import Marker

PACKAGE = 'ros2_occpose'
Message: TypeAlias = Any      # of rclpy or of rosbags
XYZ = np.s_[..., :3, :3]    # position or linear part of a 6x6 covariance


class Make(Protocol):
    """Builds messages of one ROS library."""

    def __call__(self, message_type: str, /, **fields: object) -> Message:
        """The message of a type, e.g. 'geometry_msgs/Point'."""


def header(make: Make, stamp_ns: int, frame_id: str) -> Message:
    """std_msgs/Header."""
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    stamp = make('builtin_interfaces/Time', sec=seconds, nanosec=nanoseconds)
    return make('std_msgs/Header', stamp=stamp, frame_id=frame_id)


def human_array(make: Make, humans: Humans) -> Message:
    """HumanArray of one frame."""
    return make(
        f'{PACKAGE}/HumanArray', header=header(make, humans.stamp_ns, humans.frame_id),
        skeleton=H36M17.name, camera_frame=humans.camera_frame,
        camera_pose=int(humans.camera_pose), latency=float(humans.latency_s),
        humans=[_human(make, humans, i) for i in range(len(humans))])


def _human(make: Make, humans: Humans, i: int) -> Message:
    w, x, y, z = humans.root_quat_wxyz[i].tolist()
    pose = make('geometry_msgs/Pose', position=_point(make, humans.root[i]),
                orientation=make('geometry_msgs/Quaternion', x=x, y=y, z=z, w=w))
    nan = float('nan')
    twist = make('geometry_msgs/Twist', linear=_vector(make, humans.velocity[i].tolist()),
                 angular=_vector(make, (nan, nan, nan)))
    return make(
        f'{PACKAGE}/Human', id=int(humans.ids[i]), state=int(humans.states[i]),
        confidence=float(humans.confidence[i]),
        root=make('geometry_msgs/PoseWithCovariance', pose=pose,
                  covariance=_covariance36(humans.root_covariance[i])),
        velocity=make('geometry_msgs/TwistWithCovariance', twist=twist,
                      covariance=_covariance36(humans.velocity_covariance[i])),
        joints=_joints(make, humans, i), keypoints=_keypoints(make, humans, i),
        roi=_roi(make, humans.boxes_px[i]))


def _joints(make: Make, humans: Humans, i: int) -> list[Message]:
    covariances = np.ascontiguousarray(humans.joint_covariance[i], np.float32)
    rows = zip(humans.joints[i].tolist(), covariances,
               humans.joint_confidence[i].tolist(), humans.joint_states[i].tolist(), strict=True)
    return [make(f'{PACKAGE}/Joint', position=make('geometry_msgs/Point', x=x, y=y, z=z),
                 covariance=covariance, confidence=confidence, state=int(state))
            for (x, y, z), covariance, confidence, state in rows]


def _keypoints(make: Make, humans: Humans, i: int) -> list[Message]:
    if np.isnan(humans.boxes_px[i]).any():
        return []
    rows = zip(humans.keypoints_px[i].tolist(), humans.keypoint_scores[i].tolist(),
               humans.keypoint_visible[i].tolist(), strict=True)
    return [make(f'{PACKAGE}/Keypoint2D', x=x, y=y, score=score, visible=bool(visible))
            for (x, y), score, visible in rows]


def _roi(make: Make, box_px: Floats) -> Message:
    if np.isnan(box_px).any():
        return make('sensor_msgs/RegionOfInterest')
    x0, y0, x1, y1 = np.maximum(np.round(box_px), 0).astype(int).tolist()
    return make('sensor_msgs/RegionOfInterest', x_offset=x0, y_offset=y0,
                width=max(x1 - x0, 1), height=max(y1 - y0, 1))


def _covariance36(block: Floats) -> Floats:
    """6x6 with the rotations unknown, as 36 numbers."""
    full = np.full((6, 6), np.nan)
    full[XYZ] = block
    return full.ravel()


def _point(make: Make, xyz: Sequence[float] | Floats) -> Message:
    x, y, z = map(float, xyz)
    return make('geometry_msgs/Point', x=x, y=y, z=z)


def _vector(make: Make, xyz: Sequence[float]) -> Message:
    x, y, z = map(float, xyz)
    return make('geometry_msgs/Vector3', x=x, y=y, z=z)


def humans_from(message: Message) -> Humans:
    """The arrays of a HumanArray, of rclpy or of rosbags."""
    people = message.humans
    n, j, k = len(people), len(H36M17.joints), len(COCO17.joints)
    keypoints = np.full((n, k, 4), np.nan)      # x, y, score, visible
    for i, human in enumerate(people):
        for row, point in enumerate(human.keypoints):
            keypoints[i, row] = point.x, point.y, point.score, point.visible
    joints = [joint for human in people for joint in human.joints]
    poses = [human.root.pose for human in people]
    rois = np.array([(h.roi.x_offset, h.roi.y_offset, h.roi.width, h.roi.height)
                     for h in people], float).reshape(n, 4)
    rois[rois[:, 2] == 0] = np.nan
    stamp = message.header.stamp
    return Humans(
        stamp_ns=stamp.sec * 1_000_000_000 + stamp.nanosec, frame_id=message.header.frame_id,
        camera_frame=message.camera_frame, camera_pose=CameraPoseSource(message.camera_pose),
        latency_s=float(message.latency),
        ids=np.array([h.id for h in people], int), states=np.array([h.state for h in people], int),
        confidence=np.array([h.confidence for h in people], float),
        root=_xyz([p.position for p in poses]),
        root_quat_wxyz=np.array([(q.w, q.x, q.y, q.z) for p in poses for q in (p.orientation,)],
                                float).reshape(n, 4),
        root_covariance=_blocks([h.root.covariance for h in people]),
        velocity=_xyz([h.velocity.twist.linear for h in people]),
        velocity_covariance=_blocks([h.velocity.covariance for h in people]),
        joints=_xyz([joint.position for joint in joints]).reshape(n, j, 3),
        joint_covariance=np.array([q.covariance for q in joints], float).reshape(n, j, 6),
        joint_confidence=np.array([q.confidence for q in joints], float).reshape(n, j),
        joint_states=np.array([q.state for q in joints], int).reshape(n, j),
        keypoints_px=keypoints[..., :2], keypoint_scores=keypoints[..., 2],
        keypoint_visible=keypoints[..., 3] == 1,
        boxes_px=np.concatenate([rois[:, :2], rois[:, :2] + rois[:, 2:]], -1))


def _xyz(points: Sequence[Message]) -> Floats:
    return np.array([(p.x, p.y, p.z) for p in points], float).reshape(-1, 3)


def _blocks(covariances: Sequence[Message]) -> Floats:
    return np.array(covariances, float).reshape(-1, 6, 6)[XYZ]


def skeleton_model(make: Make, skeleton: Skeleton = H36M17) -> Message:
    """SkeletonModel: what the indices of the joints mean."""
    return make(f'{PACKAGE}/SkeletonModel', name=skeleton.name, joint_names=list(skeleton.joints),
                parents=np.array(skeleton.parents, np.int16))


def mesh_array(make: Make, meshes: Meshes, frame_id: str, *, vertices: bool,
               pack: Callable[[Floats], object] = np.asarray) -> Message:
    """HumanMeshArray of one frame.

    Args:
        make: Builds messages.
        meshes: Everybody.
        frame_id: Frame of their positions.
        vertices: Whether they are computed and put in.
        pack: Makes of float32 numbers what messages hold.
    """
    skins = meshes.vertices if vertices else np.zeros((len(meshes), 0), np.float32)
    return make(
        f'{PACKAGE}/HumanMeshArray', header=header(make, meshes.stamp_ns, frame_id),
        body_model=meshes.body.name,
        meshes=[make(
            f'{PACKAGE}/HumanMesh', id=int(meshes.ids[i]), state=int(meshes.states[i]),
            betas=pack(meshes.betas[i].astype(np.float32)),
            joint_rotations=[make('geometry_msgs/Quaternion', x=x, y=y, z=z, w=w)
                             for w, x, y, z in meshes.quats_wxyz[i].tolist()],
            root=_point(make, meshes.pelvis[i]), vertices=pack(skin.ravel()))
            for i, skin in enumerate(skins)])


def mesh_model(make: Make, body: BodyModel) -> Message:
    """MeshModel: the triangles between the vertices of HumanMesh."""
    return make(f'{PACKAGE}/MeshModel', name=body.name, num_vertices=len(body.template),
                triangles=body.faces.astype(np.uint32).ravel())


def camera_info(make: Make, camera: Camera, stamp_ns: int, camera_frame: str) -> Message:
    """sensor_msgs/CameraInfo."""
    projection = np.concatenate([camera.k, np.zeros((3, 1))], axis=1)
    return make('sensor_msgs/CameraInfo', header=header(make, stamp_ns, camera_frame),
                width=camera.width, height=camera.height,
                distortion_model=camera.distortion_model, d=np.array(camera.d, float),
                k=camera.k.ravel(), r=np.eye(3).ravel(), p=projection.ravel())


def marker_array(make: Make, markers: Sequence[Marker], stamp_ns: int, frame_id: str,
                 lifetime_s: float = 0.0) -> Message:
    """MarkerArray that replaces whatever was shown before; a lifetime of 0 never ends."""
    head = header(make, stamp_ns, frame_id)
    seconds, nanoseconds = divmod(round(lifetime_s * 1e9), 1_000_000_000)
    lifetime = make('builtin_interfaces/Duration', sec=seconds, nanosec=nanoseconds)
    clear = make('visualization_msgs/Marker', header=head, action=3)
    return make('visualization_msgs/MarkerArray',
                markers=[clear, *(_marker(make, marker, head, lifetime) for marker in markers)])


def _marker(make: Make, marker: Marker, head: Message, lifetime: Message) -> Message:
    w, x, y, z = marker.quat_wxyz
    r, g, b, a = marker.rgba
    points = [_point(make, p) for p in marker.points.tolist()]
    if len(marker.faces):       # the same objects again: most of the time goes into making them
        points = [points[row] for row in marker.faces.ravel().tolist()]
    pose = make('geometry_msgs/Pose', position=_point(make, marker.position),
                orientation=make('geometry_msgs/Quaternion', x=x, y=y, z=z, w=w))
    return make('visualization_msgs/Marker', header=head, ns=marker.namespace, id=marker.id,
                type=int(marker.shape), action=0, pose=pose, scale=_vector(make, marker.scale),
                color=make('std_msgs/ColorRGBA', r=r, g=g, b=b, a=a), text=marker.text,
                points=points, lifetime=lifetime)
