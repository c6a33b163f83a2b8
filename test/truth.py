"""What a perfect pipeline would say about a synthetic scene: People with known covariance."""
from __future__ import annotations

import numpy as np
from scene import Moment

from ros2_occpose.recording.humans import Humans, humans_of
from ros2_occpose.skeleton import COCO17, H36M17, convert
from ros2_occpose.types import (
    CameraPoseSource,
    Floats,
    JointState,
    People,
    Poses,
    Tracks,
    TrackState,
)

ROOT_STD = (0.2, 0.1, 0.05)       # [m] in x, y, z of the world


def people_of(moment: Moment, *, velocity: Floats | None = None) -> People:
    """The truth of a moment; people who are absent are left out."""
    here = np.flatnonzero(moment.present)
    frame, visible = moment.frame, moment.visible[here]
    known = frame.camera_pose is not CameraPoseSource.NONE
    joints = (moment.joints_world if known else moment.joints_camera)[here]     # (N, 17, 3)
    unseen = ~visible.any(-1)
    n = len(here)
    rays = frame.camera.rays(np.nan_to_num(moment.keypoints_px[here]))
    rays, visibility = convert(rays, visible.astype(float), COCO17, H36M17)
    tracks = Tracks(
        ids=moment.ids[here], states=np.where(unseen, TrackState.OCCLUDED, TrackState.TRACKED),
        boxes_px=np.nan_to_num(moment.boxes_px[here]),
        keypoints_px=np.nan_to_num(moment.keypoints_px[here]),
        visibility=visible.astype(float), confidence=np.where(unseen, 0.6, 0.95),
        unseen_s=np.where(unseen, 0.4, 0.0))
    covariance = np.broadcast_to(np.diag(np.square(ROOT_STD)), (n, 3, 3))
    small = 0.03 ** 2 * np.eye(3)
    return People(
        stamp_ns=frame.stamp_ns, camera_pose=frame.camera_pose,
        poses=Poses(tracks=tracks, joints_root=joints - joints[:, :1],
                    std=np.full((n, 17), 0.03), rays=rays, visibility=visibility),
        root=joints[:, H36M17.index('hip')], root_covariance=covariance.copy(),
        root_quat_wxyz=np.tile([1.0, 0, 0, 0], (n, 1)),
        velocity=np.zeros((n, 3)) if velocity is None else velocity,
        velocity_covariance=np.broadcast_to(0.1 * np.eye(3), (n, 3, 3)).copy(),
        joints=joints, joint_covariance=covariance[:, None] + np.tile(small, (n, 17, 1, 1)),
        joint_states=_states(moment, here, unseen))


def _states(moment: Moment, here: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    pixels = moment.frame.camera.project(moment.joints_camera[here])
    states = np.where(moment.visible_h36m[here], JointState.OBSERVED, JointState.OCCLUDED)
    states[~moment.frame.camera.contains(pixels)] = JointState.OUT_OF_VIEW
    states[unseen] = JointState.PREDICTED
    return states


def humans_of_moment(moment: Moment, **options: Floats) -> Humans:
    """The same, ready for a message."""
    known = moment.frame.camera_pose is not CameraPoseSource.NONE
    return humans_of(people_of(moment, **options), frame_id='map' if known else 'camera',
                     camera_frame='camera', latency_s=0.02)
