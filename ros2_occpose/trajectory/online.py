"""Placing skeletons in the world as they come, one frame at a time."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..config import TrajectoryConfig
from ..geometry import Camera
from ..types import CameraPoseSource, Floats, Frame, Ints, JointState, People, Poses
from .body_frame import orientations
from .residuals import NEAR, views_of_poses
from .window import Window

_UP_IN_WORLD, _UP_IN_CAMERA = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
_UNKNOWN_QUAT = np.zeros(4)


class SlidingWindow:
    """Keeps a window of frames and answers for the newest one."""

    def __init__(self, config: TrajectoryConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._window: Window | None = None
        self._camera_pose = CameraPoseSource.NONE
        self._origin_ns = self._last_ns = 0
        self._quats: dict[int, Floats] = {}                   # id -> wxyz of the last frame

    def adjust(self, config: TrajectoryConfig) -> None:
        """Take over the live fields of a configuration."""
        self._config = config
        if self._window is not None:
            self._window.adjust(config)

    def update(self, poses: Poses, frame: Frame) -> People:
        """Everybody in the world frame (without a camera pose: in the camera frame).

        A camera pose that appears, disappears or comes from another source, and a stamp that is
        not after the last one, start afresh. Who is not among the poses is forgotten.
        """
        pose = frame.world_from_camera
        world_from_camera = np.eye(4) if pose is None else pose
        rotation, eye = world_from_camera[:3, :3], world_from_camera[:3, 3]
        newest = self._window_for(frame).update(
            (frame.stamp_ns - self._origin_ns) * 1e-9, poses.tracks.ids, world_from_camera,
            views_of_poses(poses, self._config.min_visibility))

        seen = poses.visibility >= self._config.min_visibility               # (N, 17)
        joints_camera = poses.joints_root + ((newest.root - eye) @ rotation)[:, None]
        nearest = np.where(seen, joints_camera[..., 2], np.inf).min(1, keepdims=True)
        # Whatever happened: what is seen is in front of the camera.
        root = newest.root + np.maximum(NEAR - nearest, 0.0) * rotation[:, 2]
        joints = root[:, None] + poses.joints_root @ rotation.T              # (N, 17, 3)
        own = np.square(poses.std)[..., None, None] * np.eye(3)              # (N, 17, 3, 3)
        return People(
            stamp_ns=frame.stamp_ns, camera_pose=self._camera_pose, poses=poses,
            root=root, root_covariance=newest.root_covariance,
            root_quat_wxyz=self._orientations(joints, poses.tracks.ids, eye,
                                              _UP_IN_CAMERA if pose is None else _UP_IN_WORLD),
            velocity=newest.velocity, velocity_covariance=newest.velocity_covariance,
            joints=joints, joint_covariance=newest.root_covariance[:, None] + own,
            joint_states=_states(frame.camera, joints_camera, seen), camera_axes=rotation)

    def _window_for(self, frame: Frame) -> Window:
        """The window that this frame continues: a new one where it continues none."""
        known = frame.world_from_camera is not None
        source = frame.camera_pose if known else CameraPoseSource.NONE
        if self._window is None or source != self._camera_pose or frame.stamp_ns <= self._last_ns:
            self.reset()
            self._origin_ns, self._camera_pose = frame.stamp_ns, source
            self._window = Window(self._config, upright=known)
        self._last_ns = frame.stamp_ns
        return self._window

    def _orientations(self, joints: Floats, ids: Ints, eye: Floats, up: Floats) -> Floats:
        people = ids.tolist()
        last = np.array([self._quats.get(person, _UNKNOWN_QUAT) for person in people])
        quats = orientations(joints, last.reshape(-1, 4), eye, up)
        self._quats = dict(zip(people, quats, strict=True))
        return quats


def _states(camera: Camera, joints_camera: Floats, seen: NDArray[np.bool_]) -> Ints:
    """How each joint is known, (N, 17)."""
    hidden = np.where(seen.any(1, keepdims=True), JointState.OCCLUDED, JointState.PREDICTED)
    inside = camera.contains(camera.project(joints_camera))
    return np.where(seen, JointState.OBSERVED,
                    np.where(inside, hidden, JointState.OUT_OF_VIEW))
