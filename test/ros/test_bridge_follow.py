"""The followed person as Nav2 reads it: one pose and one frame, of one person until lost."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bench import Bench, ScriptedPipeline
from geometry_msgs.msg import PoseStamped
from scene import PERFECT, Scene, driving, make_scene
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage
from walker import Walker

from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import stamp_of
from ros2_occpose.types import Frame, People, TrackState

# Person 1 stands at 6 m, person 2 at 4 m, while the camera drives past them.
SCENE = make_scene([Walker([(0, 6, 1), (9, 6, 1)]), Walker([(0, 4, -1), (9, 4, -1)])],
                   camera_path=driving(velocity=(0.2, 0.3)), seconds=2.0, fps=5, noise=PERFECT)
FACING_CAMERA = np.array([0.0, 0.0, 0.0, 1.0])     # half a turn about z


class Actors(ScriptedPipeline):
    """Says of each person in which state they are, frame by frame."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.states: dict[int, TrackState] = {}

    def __call__(self, frame: Frame) -> People:
        people = super().__call__(frame)
        ids = people.tracks.ids.tolist()
        states = np.array([self.states.get(i, TrackState.TRACKED) for i in ids])
        tracks = replace(people.tracks, states=states)
        return replace(people, poses=replace(people.poses, tracks=tracks),
                       root_quat_wxyz=np.tile(FACING_CAMERA, (len(ids), 1)))


def numbers(pose: np.ndarray) -> list[float]:
    return [*pose[:3, 3].tolist(), *Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()]


def start(actors: Actors, **parameters: Any) -> Bench:
    mount = numbers(SCENE.moment(0).world_from_camera)
    bench = Bench(lambda config: actors, camera_pose='static', camera_mount=mount,
                  **parameters)
    bench.listen(HumanArray, 'humans')
    return bench


def test_one_person_is_followed_until_lost() -> None:
    actors = Actors(SCENE)
    with start(actors, bridges__follow='nearest', publish__tf=False) as bench:
        poses = bench.listen(PoseStamped, 'detected_dynamic_pose')
        frames = bench.listen(TFMessage, '/tf')
        bench.connect()
        bench.wait(lambda: bench.peer.count_publishers('detected_dynamic_pose')
                   and bench.peer.count_publishers('/tf'), 'discovery')
        for t, (two, followed) in enumerate([
                (TrackState.TRACKED, 2), (TrackState.OCCLUDED, 2), (TrackState.LOST, 1),
                (TrackState.LOST, 1)]):
            actors.states[2] = two
            humans = humans_from(bench.ask(SCENE.moment(t)))
            pose = bench.wait(lambda t=t: poses[t:], f'pose {t}')[0]
            assert pose.header.frame_id == 'odom'
            assert stamp_of(pose) == humans.stamp_ns, 'TF knows the stamp of the image'
            root = humans.root[humans.ids.tolist().index(followed)]
            at = pose.pose.position
            np.testing.assert_allclose([at.x, at.y, at.z], root, atol=1e-9)
            assert abs(pose.pose.orientation.z) == pytest.approx(1), 'faces the camera'
            [frame] = bench.wait(lambda t=t: frames[t:], f'frame {t}')[0].transforms
            assert (frame.header.frame_id, frame.child_frame_id) == ('odom', 'followed_person')
            assert frame.header.stamp == pose.header.stamp
            assert frame.transform.translation.x == at.x


def test_an_id_is_followed_and_may_change_while_the_node_runs() -> None:
    from rclpy.parameter import Parameter

    with start(Actors(SCENE), bridges__follow='id', bridges__follow_id=7) as bench:
        poses = bench.listen(PoseStamped, 'detected_dynamic_pose')
        bench.connect()
        bench.wait(lambda: bench.peer.count_publishers('detected_dynamic_pose'), 'discovery')
        bench.ask(SCENE.moment(0))
        [done] = bench.node.set_parameters([Parameter('bridges.follow_id', value=1)])
        assert done.successful, done.reason
        humans = humans_from(bench.ask(SCENE.moment(1)))
        bench.wait(lambda: poses, 'a pose')
        assert len(poses) == 1, 'silent while there is nobody with that id'
        assert poses[0].pose.position.x == pytest.approx(humans.root[0, 0])


def test_no_bridge_is_on_unless_asked_for() -> None:
    with start(Actors(SCENE)) as bench:
        bench.connect()
        bench.ask(SCENE.moment(0))
        topics = {publisher.topic_name for publisher in bench.node.publishers}
        assert not topics & {'/people', '/detected_dynamic_pose', '/detections_3d',
                             '/humans/bodies/tracked'}
