"""People who walk and swing arms and legs: motion capture for tests that need none."""
from __future__ import annotations

from pathlib import Path

import numpy as np

from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.motion import FPS, Motion
from ros2_occpose.types import Floats

# each joint from its parent at rest [m]: to the left, up, forward
_HALF = {'hip': (0.09, -0.07, 0), 'knee': (0.02, -0.4, 0), 'ankle': (0, -0.41, 0),
         'foot': (0, -0.06, 0.12), 'collar': (0.07, 0.1, 0), 'shoulder': (0.1, 0.03, 0),
         'elbow': (0.27, 0, 0), 'wrist': (0.25, 0, 0), 'hand': (0.08, 0, 0)}
_MIDDLE = {'pelvis': (0, 0, 0), 'spine1': (0, 0.11, 0), 'spine2': (0, 0.13, 0),
           'spine3': (0, 0.06, 0), 'neck': (0, 0.21, 0), 'head': (0, 0.09, 0.03)}
_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], float)          # y up becomes z up


def offsets() -> Floats:
    """Of an adult, (24, 3) [m]."""
    rows = []
    for joint in SMPL24.joints:
        side, _, name = joint.partition('_')
        x, y, z = _HALF[name] if name else _MIDDLE[joint]
        rows.append((-x if side == 'right' else x, y, z))
    return np.array(rows, np.float32)


def walkers(_: Path | None = None, splits: tuple[str, ...] = ('train',), *, people: int = 3,
            frames: int = 100) -> list[Motion]:
    """Walking people; called like `load_motions`."""
    t = np.arange(frames) / FPS
    motions = []
    for k in range(people):
        rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
        rotations[:, 0] = _UP
        angle = 0.5 * np.sin(2 * np.pi * t + k)
        for joint, sign in (('left_hip', 1), ('right_hip', -1)):
            swing = rotations[:, SMPL24.index(joint)]
            swing[:, 1, 1] = swing[:, 2, 2] = np.cos(angle)
            swing[:, 2, 1], swing[:, 1, 2] = sign * np.sin(angle), -sign * np.sin(angle)
        for joint, sign in (('left_shoulder', -1), ('right_shoulder', 1)):     # arms down
            hang = rotations[:, SMPL24.index(joint)]
            down = sign * (1.2 + 0.2 * np.sin(2 * np.pi * t + k))
            hang[:, 0, 0] = hang[:, 1, 1] = np.cos(down)
            hang[:, 1, 0], hang[:, 0, 1] = np.sin(down), -np.sin(down)
        root = np.stack([0.0 * t, -1.2 * t, np.full(frames, 0.96)], 1)
        motions.append(Motion(
            name=f'walk/{k}', subject='', split=splits[0], rotations=rotations.astype(np.float32),
            root=root.astype(np.float32), offsets=offsets() * np.float32(0.95 + 0.05 * k)))
    return motions
