"""Stiff people on given paths, seen by a camera at the origin: the noise model holds exactly."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from walker import Walker, walk

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.geometry import Camera
from ros2_occpose.skeleton import COCO17, H36M17, convert
from ros2_occpose.types import CameraPoseSource, Floats, Frame, Poses, Tracks, TrackState

CAMERA = Camera.from_hfov(64, 48, 90.0)
EYE_M = 1.2                                                # height of the camera
WORLD_FROM_CAMERA = np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, -1, 0, EYE_M], [0, 0, 0, 1]])
_STRIDE = walk(Walker([(0, 0, 0), (4, 4, 0)]), np.array([1.1]))


def wander(rng: np.random.Generator, people: int, frames: int, fps: float,
           config: TrajectoryConfig) -> Floats:
    """Roots (T, P, 3) that move as the configuration says people do, from 5 to 8 m away [m].

    The velocity is an Ornstein-Uhlenbeck process, computed ten times a frame.
    """
    spread = np.array([config.speed_std, config.speed_std, config.vertical_speed_std])
    step = 1 / (10 * fps)
    keep = np.exp(-step * config.acceleration_std ** 2 / (2 * spread ** 2))
    velocity = spread * rng.standard_normal((people, 3))
    root = np.stack([rng.uniform(5, 8, people), rng.uniform(-1.5, 1.5, people),
                     np.full(people, 0.9)], 1)
    roots = []
    for _ in range(frames):
        roots.append(root)
        for _ in range(10):
            root = root + step * velocity
            velocity = keep * velocity + np.sqrt(1 - keep ** 2) * spread * \
                rng.standard_normal((people, 3))
    return np.array(roots)


def seen(roots: Floats, rng: np.random.Generator, *, hidden: tuple[int, int] = (0, 0),
         pixel_std: float = 3.0, joint_std: float = 0.02, scale: Floats | float = 1.0,
         persistence: float = 0.0, fps: float = 30.0) -> Iterator[tuple[Poses, Frame]]:
    """What a lifter says of statues whose roots are (T, P, 3) in the world.

    Args:
        hidden: First frame in which nothing is seen, and first in which everything is again.
        scale: How much too large people are taken to be, (P,) or one number.
        persistence: Part of an error that stays from one frame to the next.
    """
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8)
    h36m, coco = (np.asarray(joints[0]) for joints in _STRIDE)
    turn, eye, n = WORLD_FROM_CAMERA[:3, :3], WORLD_FROM_CAMERA[:3, 3], roots.shape[1]
    blur, error = np.zeros((n, 17, 2)), np.zeros((n, 17, 3))
    keep = 0.0
    for t, root in enumerate(roots):
        blur, error = (keep * old + np.sqrt(1 - keep ** 2) * rng.standard_normal(old.shape)
                       for old in (blur, error))
        keep = persistence
        points = (root[:, None] + coco - h36m[0] - eye) @ turn                    # (P, 17, 3)
        rays = points[..., :2] / points[..., 2:] + pixel_std / 500 * blur
        scores = np.full((n, 17), 0.0 if hidden[0] <= t < hidden[1] else 1.0)
        rays, visibility = convert(rays, scores, COCO17, H36M17)
        joints = np.broadcast_to((h36m - h36m[0]) @ turn, (n, 17, 3)) + joint_std * error
        joints = joints * np.broadcast_to(scale, n)[:, None, None]
        joints[:, 0] = 0
        std = np.full((n, 17), joint_std)
        std[:, 0] = 0
        tracks = Tracks(ids=np.arange(1, n + 1), states=np.full(n, TrackState.TRACKED),
                        boxes_px=np.zeros((n, 4)), keypoints_px=np.zeros((n, 17, 2)),
                        visibility=scores, confidence=np.ones(n), unseen_s=np.zeros(n))
        poses = Poses(tracks=tracks, joints_root=joints, std=std, rays=rays, visibility=visibility)
        yield poses, Frame(stamp_ns=10 ** 18 + round(t * 1e9 / fps), image=image, camera=CAMERA,
                           world_from_camera=WORLD_FROM_CAMERA,
                           camera_pose=CameraPoseSource.STATIC)
