"""Two people whose states a test decides, seen by a camera whose place is known."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from bench import Bench, ScriptedPipeline
from scene import PERFECT, make_scene, static
from scipy.spatial.transform import Rotation
from walker import Walker

from ros2_occpose.geometry import se3
from ros2_occpose.msg import HumanArray
from ros2_occpose.types import Frame, People, TrackState

# Person 1 stands at 6 m, person 2 at 4 m. They look at the camera: half a turn about z.
SCENE = make_scene([Walker([(0, 6, 1), (9, 6, 1)]), Walker([(0, 4, -1), (9, 4, -1)])],
                   camera_path=static(yaw_deg=10), seconds=3.0, fps=5, noise=PERFECT)
FACING_CAMERA = np.array([0.0, 0.0, 0.0, 1.0])
WALKING = np.array([0.5, -0.3, 0.0])              # [m/s]


class Actors(ScriptedPipeline):
    """Says of each person in which state they are; who is absent is not mentioned."""

    def __init__(self) -> None:
        super().__init__(SCENE)
        self.states: dict[int, TrackState | None] = {}

    def __call__(self, frame: Frame) -> People:
        people = super().__call__(frame)
        tracks = people.tracks
        states = [self.states.get(i, TrackState.TRACKED) for i in tracks.ids.tolist()]
        here = [i for i, state in enumerate(states) if state is not None]
        hidden = np.array([states[i] != TrackState.TRACKED for i in here], bool)
        tracks = replace(
            tracks, ids=tracks.ids[here], states=np.array([states[i] for i in here], int),
            boxes_px=tracks.boxes_px[here], keypoints_px=tracks.keypoints_px[here],
            visibility=tracks.visibility[here], unseen_s=np.where(hidden, 0.4, 0.0),
            confidence=np.where(hidden, 0.6, 0.95))
        poses = people.poses
        poses = replace(poses, tracks=tracks, **{
            name: getattr(poses, name)[here] for name in ('joints_root', 'std', 'rays',
                                                          'visibility')})
        n = len(here)
        return replace(
            people, poses=poses, root_quat_wxyz=np.tile(FACING_CAMERA, (n, 1)),
            velocity=np.tile(WALKING, (n, 1)), **{
                name: getattr(people, name)[here] for name in (
                    'root', 'root_covariance', 'velocity_covariance', 'joints',
                    'joint_covariance', 'joint_states')})


def start(actors: Actors, **parameters: Any) -> Bench:
    """A node that knows where the camera is, and these parameters."""
    pose = SCENE.moment(0).world_from_camera
    mount = [*pose[:3, 3].tolist(), *Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()]
    bench = Bench(lambda config: actors, **{
        'camera_pose': 'static', 'camera_mount': mount, **parameters})
    bench.listen(HumanArray, 'humans')
    return bench


def matrix(transform: Any) -> np.ndarray:
    """(4, 4) of a geometry_msgs/Transform or Pose."""
    at = getattr(transform, 'translation', None) or transform.position
    turn = getattr(transform, 'rotation', None) or transform.orientation
    return se3(Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix(),
               np.array([at.x, at.y, at.z]))
