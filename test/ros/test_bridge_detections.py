"""vision_msgs/Detection3DArray: a box a person, with covariance."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from actors import SCENE, Actors, matrix, start
from bench import Bench

from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import stamp_of
from ros2_occpose.types import TrackState

pytestmark = pytest.mark.usefixtures('borrowed')


def listen(bench: Bench) -> list[Any]:
    from vision_msgs.msg import Detection3DArray

    found = bench.listen(Detection3DArray, 'detections_3d')
    bench.connect()
    return found


def test_a_box_a_person() -> None:
    actors = Actors()
    actors.states[2] = TrackState.OCCLUDED
    with start(actors, bridges__detections=True, world_frame='map') as bench:
        arrays = listen(bench)
        humans = humans_from(bench.ask(SCENE.moment(0)))
        message = bench.wait(lambda: arrays, 'boxes')[0]
        assert message.header.frame_id == 'map'
        assert stamp_of(message) == humans.stamp_ns
        assert [d.id for d in message.detections] == ['1', '2']
        for i, detection in enumerate(message.detections):
            assert detection.header == message.header
            [result] = detection.results
            assert result.hypothesis.class_id == 'person'
            assert result.hypothesis.score == pytest.approx(humans.confidence[i])
            pose = matrix(result.pose.pose)
            np.testing.assert_allclose(pose[:3, 3], humans.root[i], atol=1e-9)
            covariance = np.reshape(result.pose.covariance, (6, 6))
            np.testing.assert_allclose(covariance[:3, :3], np.diag([0.04, 0.01, 0.0025]))
            assert np.isfinite(covariance).all(), 'filters choke on NaN'
            assert (np.diag(covariance)[3:] > 3).all(), 'no angle is promised'
            box = matrix(detection.bbox.center)
            size = np.array([getattr(detection.bbox.size, axis) for axis in 'xyz'])
            inside = (humans.joints[i] - box[:3, 3]) @ box[:3, :3]
            assert (np.abs(inside) < size / 2).all(), 'all joints are in the box'
            assert size[2] == pytest.approx(np.ptp(humans.joints[i, :, 2]) + 0.2)
            np.testing.assert_allclose(box[:3, 0], [-1, 0, 0], atol=1e-9)


def test_boxes_go_with_the_people() -> None:
    actors = Actors()
    with start(actors, bridges__detections=True) as bench:
        arrays = listen(bench)
        bench.ask(SCENE.moment(0))
        actors.states = {1: TrackState.LOST, 2: None}
        bench.ask(SCENE.moment(1))
        bench.wait(lambda: len(arrays) == 2, 'two messages')
        assert [len(message.detections) for message in arrays] == [2, 0]


def test_without_a_camera_pose_boxes_are_in_the_camera() -> None:
    with start(Actors(), bridges__detections=True, camera_pose='none') as bench:
        arrays = listen(bench)
        bench.ask(SCENE.moment(0))
        message = bench.wait(lambda: arrays, 'boxes')[0]
        assert message.header.frame_id == 'camera_optical'
        box = matrix(message.detections[0].bbox.center)
        np.testing.assert_allclose(box[:3, 2], [0, -1, 0], atol=1e-9, err_msg='up')
        assert message.detections[0].bbox.size.z > 1.5
