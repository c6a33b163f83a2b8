"""Somebody whose joints are known exactly, to be written in the layouts of other data sets."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.kinematics import forward
from ros2_occpose.training.mocap.retarget import TYPICAL_OFFSETS

Y_UP_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@dataclass(frozen=True)
class Person:
    angles: np.ndarray          # (T, 24, 3) axis-angle of smpl24 joints in the parent's axes
    root: np.ndarray            # (T, 3) [m] z up
    offsets: np.ndarray         # (24, 3) [m]
    fps: float

    @property
    def rotations(self):
        flat = Rotation.from_rotvec(self.angles.reshape(-1, 3)).as_matrix()
        return flat.reshape(*self.angles.shape, 3)

    @property
    def joints(self):
        """(T, 24, 3) [m]."""
        return forward(self.rotations, self.root, self.offsets)[0]

    def named(self):
        return {name: self.joints[:, place] for place, name in enumerate(SMPL24.joints)}


def walking(seconds=3.0, fps=60.0, scale=1.0) -> Person:
    """Walks a curve, bends and turns; the lower foot stands, as on a floor."""
    time = np.arange(round(seconds * fps)) / fps
    swing = np.sin(2 * np.pi * 0.9 * time)
    angles = np.zeros((len(time), 24, 3))
    # a smooth, small turn of every joint about an axis of its own
    axes = np.random.default_rng(7).normal(0, 0.12, (24, 3))
    angles += axes * np.sin(2 * np.pi * np.linspace(0.3, 0.8, 24) * time[:, None])[..., None]
    angles[:, SMPL24.index('left_hip'), 0] += -0.45 * swing
    angles[:, SMPL24.index('right_hip'), 0] += 0.45 * swing
    angles[:, SMPL24.index('left_elbow'), 1] += -0.5 + 0.3 * swing
    angles[:, SMPL24.index('right_elbow'), 1] += 0.5 + 0.3 * swing
    angles[:, SMPL24.index('left_shoulder'), 2] -= 1.1
    angles[:, SMPL24.index('right_shoulder'), 2] += 1.1
    heading = Rotation.from_euler('z', 0.5 * time[:, None])
    lean = Rotation.from_euler('x', 0.06 * np.sin(time)[:, None])
    upright = Rotation.from_matrix(Y_UP_FROM_Z_UP.T)
    angles[:, 0] = (heading * upright * lean).as_rotvec()
    offsets = TYPICAL_OFFSETS * scale
    person = Person(angles, np.zeros((len(time), 3)), offsets, fps)
    feet = person.joints[:, SMPL24.indices('left_foot', 'right_foot')]
    lower = feet[..., 2].argmin(1)
    frames = np.arange(len(time) - 1)
    steps = feet[frames, lower[:-1]] - feet[frames + 1, lower[:-1]]
    root = np.array([1.0, 2.0, 0.95]) + np.vstack([np.zeros(3), np.cumsum(steps, 0)])
    return Person(angles, root, offsets, fps)


def without_floor(joints):
    """(T, J, 3) with the first frame's first joint at the origin."""
    return joints - joints[:1, :1]


def joints_of(motion):
    """(T, 24, 3) [m] of what was read."""
    return forward(motion.rotations, motion.root, motion.offsets)[0]


def look_at(position, target):
    """world_from_camera (4, 4), z up, the camera level."""
    ahead = (target - position) / np.linalg.norm(target - position)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(ahead, right), ahead], 1)
    pose[:3, 3] = position
    return pose


def project(points, cameras, k):
    """Pixels (T, J, 2) of points (T, J, 3) in the world for cameras (T, 4, 4)."""
    inside = np.einsum('tji,tnj->tni', cameras[:, :3, :3], points - cameras[:, None, :3, 3])
    return (inside @ k.T)[..., :2] / inside[..., 2:]
