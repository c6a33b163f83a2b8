"""Made-up people in motion on the smpl24 tree: one who walks, one who sways on both feet."""
from __future__ import annotations

import numpy as np

from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.bvh import axis_rotations
from ros2_occpose.training.mocap.kinematics import forward
from ros2_occpose.training.mocap.motion import Motion
from ros2_occpose.training.mocap.retarget import TYPICAL_OFFSETS, Z_UP_FROM_Y_UP
from ros2_occpose.training.people.crowd import SIDES, Crowd, arrays_of, crowd_of
from ros2_occpose.training.people.limbs import put_foot
from ros2_occpose.types import Floats

ANKLES = SMPL24.indices('left_ankle', 'right_ankle')


def walker(frames: int = 150, name: str = 'toy/walk') -> Motion:
    """Somebody who walks along -y with swinging legs and hanging, swinging arms."""
    phase = np.arange(frames) * 2 * np.pi / 32
    turns = np.tile(np.eye(3), (frames, len(SMPL24.joints), 1, 1))
    turns[:, 0] = Z_UP_FROM_Y_UP
    for side, sign in zip(SIDES, (1.0, -1.0)):
        def put(joint: str, rotation: Floats, side: str = side) -> None:
            turns[:, SMPL24.index(f'{side}_{joint}')] = rotation

        put('hip', axis_rotations(-0.1 + 0.4 * sign * np.sin(phase), 0))
        put('knee', axis_rotations(0.4 + 0.3 * sign * np.cos(phase), 0))
        swing = axis_rotations(0.3 * sign * np.sin(phase), 0)
        put('shoulder', swing @ axis_rotations(np.full(frames, -1.3 * sign), 2))
        put('elbow', axis_rotations(np.full(frames, -0.5 * sign), 1))
    turns[:, SMPL24.index('spine2')] = axis_rotations(0.1 * np.sin(phase), 1)
    root = np.stack([0 * phase, -0.035 * np.arange(frames), 0.98 + 0.01 * np.cos(2 * phase)], 1)
    return Motion(name=name, subject='', split='train', rotations=turns.astype(np.float32),
                  root=root.astype(np.float32), offsets=TYPICAL_OFFSETS.astype(np.float32))


def walkers(count: int, frames: int = 120) -> Crowd:
    """Several of them, each alike."""
    one = walker(frames)
    crowd = crowd_of(one.rotations, one.root, one.offsets)
    return crowd.pick(np.zeros(count, int))


def places(crowd: Crowd) -> Floats:
    """Joint positions (B, T, 24, 3)."""
    rotations, root, offsets = arrays_of(crowd)
    return forward(rotations, root, offsets[:, None])[0]


def sway(count: int, frames: int = 120) -> Crowd:
    """People whose hips move about above feet that stand still, ankles at 0.08 m."""
    crowd = walkers(count, frames)
    t = np.arange(frames) / 20
    crowd.root[:] = np.stack([0.1 * np.sin(t), 0.1 * np.cos(2 * t), 0.9 + 0.04 * np.sin(3 * t)]
                             )[:, None]
    for side, x in enumerate((0.1, -0.1)):
        foot = np.broadcast_to(np.array([x, 0, 0.08], np.float32)[:, None, None],
                               crowd.root.shape)
        knee = np.broadcast_to(np.array([0, -1, 0], np.float32)[:, None, None], crowd.root.shape)
        put_foot(crowd, side, foot, knee)
    return crowd
