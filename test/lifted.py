"""What a lifter of known error would say about a synthetic scene, and how well it is placed."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scene import Moment, Scene

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.skeleton import COCO17, H36M17, convert
from ros2_occpose.trajectory import load_trajectory
from ros2_occpose.types import Floats, Ints, People, Poses, Tracks, TrackState

PIXEL_STD, JOINT_STD = 3.0, 0.02     # [px at 500 px focal length], [m] per axis


def lifted(moment: Moment, rng: np.random.Generator, *, pixel_std: float = PIXEL_STD,
           joint_std: float = JOINT_STD, scale: Floats | float = 1.0,
           hidden: bool | np.ndarray = False) -> Poses:
    """The skeletons of a moment with Gaussian errors, people who are absent left out.

    Args:
        scale: How much too large a person is taken to be, (P,) or one number.
        hidden: Joints (P, 17) of coco17, people (P, 1) or everything that is hidden besides.
    """
    here = np.flatnonzero(moment.present)
    n, focal_px = len(here), moment.frame.camera.focal_px
    keypoints = np.nan_to_num(moment.keypoints_px) + pixel_std * focal_px / 500 * \
        rng.standard_normal(moment.keypoints_px.shape)
    seen = (moment.visible & ~np.broadcast_to(hidden, moment.visible.shape)).astype(float)
    joints = moment.joints_camera - moment.joints_camera[:, :1]
    joints = joints + joint_std * rng.standard_normal(joints.shape)
    joints = joints * np.broadcast_to(scale, len(joints))[:, None, None]
    joints[:, 0] = 0
    rays, visibility = convert(moment.frame.camera.rays(keypoints), seen, COCO17, H36M17)
    std = np.full(joints.shape[:2], joint_std)
    std[:, 0] = 0
    unseen = ~seen.any(1)
    tracks = Tracks(
        ids=moment.ids[here], boxes_px=np.nan_to_num(moment.boxes_px[here]),
        states=np.where(unseen, TrackState.OCCLUDED, TrackState.TRACKED)[here],
        keypoints_px=keypoints[here], visibility=seen[here], confidence=np.ones(n),
        unseen_s=np.zeros(n))
    return Poses(tracks=tracks, joints_root=joints[here], std=std[here], rays=rays[here],
                 visibility=visibility[here])


@dataclass(frozen=True)
class Placed:
    """Answers for the people of a scene who are there all the time, and their errors."""

    people: Sequence[People]
    truth: Floats               # (T, P, 3) roots in the frame of the answers [m]
    root: Floats                # (T, P, 3)
    covariance: Floats          # (T, P, 3, 3)

    @property
    def error(self) -> Floats:
        """Distance of the root from the truth, (T, P) [m]."""
        return np.linalg.norm(self.root - self.truth, axis=-1)

    @property
    def surprise(self) -> Floats:
        """Squared error in standard deviations (NEES), (T, P)."""
        off = self.root - self.truth
        return np.einsum('tpi,tpij,tpj->tp', off, np.linalg.inv(self.covariance), off)


def place(scene: Scene, *, seed: int = 0, config: TrajectoryConfig | None = None,
          hidden: Callable[[int], bool | np.ndarray] = lambda t: False,
          **errors: float | Floats) -> Placed:
    """Run the online trajectory over a scene; `hidden(t)` and `errors` as in `lifted`."""
    rng = np.random.default_rng(seed)
    trajectory = load_trajectory(config or TrajectoryConfig())
    people, truth = [], []
    for t, moment in enumerate(scene):
        poses = lifted(moment, rng, hidden=hidden(t), **errors)
        people.append(trajectory.update(poses, moment.frame))
        known = moment.frame.world_from_camera is not None
        truth.append((moment.joints_world if known else moment.joints_camera)[:, 0])
    return Placed(people, np.stack(truth), np.stack([p.root for p in people]),
                  np.stack([p.root_covariance for p in people]))


def between(scene: Scene, start_s: float, end_s: float) -> Ints:
    """Frames of a stretch of time since the first."""
    seconds = (scene.stamps_ns - scene.stamps_ns[0]) * 1e-9
    return np.flatnonzero((seconds >= start_s) & (seconds < end_s))
