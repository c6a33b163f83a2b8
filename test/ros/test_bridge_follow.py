"""The followed person as Nav2 reads it: one pose and one frame, of one person until lost."""
from __future__ import annotations

import numpy as np
import pytest
from actors import SCENE, Actors, start
from geometry_msgs.msg import PoseStamped
from tf2_msgs.msg import TFMessage

from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import stamp_of
from ros2_occpose.types import TrackState


def test_one_person_is_followed_until_lost() -> None:
    actors = Actors()
    with start(actors, bridges__follow='nearest', publish__tf=False) as bench:
        poses = bench.listen(PoseStamped, 'detected_dynamic_pose')
        frames = bench.listen(TFMessage, '/tf')
        bench.connect()
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

    with start(Actors(), bridges__follow='id', bridges__follow_id=7) as bench:
        poses = bench.listen(PoseStamped, 'detected_dynamic_pose')
        bench.connect()
        bench.ask(SCENE.moment(0))
        [done] = bench.node.set_parameters([Parameter('bridges.follow_id', value=1)])
        assert done.successful, done.reason
        humans = humans_from(bench.ask(SCENE.moment(1)))
        bench.wait(lambda: poses, 'a pose')
        assert len(poses) == 1, 'silent while there is nobody with that id'
        assert poses[0].pose.position.x == pytest.approx(humans.root[0, 0])


def test_no_bridge_is_on_unless_asked_for() -> None:
    with start(Actors()) as bench:
        bench.connect()
        bench.ask(SCENE.moment(0))
        topics = {publisher.topic_name for publisher in bench.node.publishers}
        assert not topics & {'/people', '/detected_dynamic_pose', '/detections_3d',
                             '/humans/bodies/tracked'}
