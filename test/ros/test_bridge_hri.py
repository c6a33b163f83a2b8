"""REP-155 over DDS: bodies while seen, persons also while hidden, topics of each id."""
from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from actors import FACING_CAMERA, SCENE, Actors, matrix, start
from bench import Bench
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float32, String
from tf2_msgs.msg import TFMessage

from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.bridges.hri.kinematics import NAMES, joint_angles, torso_rotations
from ros2_occpose.ros.conversions import stamp_of
from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.types import TrackState

pytestmark = pytest.mark.usefixtures('borrowed')
LISTS = ('/humans/bodies/tracked', '/humans/persons/tracked', '/humans/persons/known')


def listen(bench: Bench) -> list[list[Any]]:
    """The lists of bodies, persons tracked and persons known."""
    from hri_msgs.msg import IdsList

    found = [bench.listen(IdsList, topic) for topic in LISTS]
    bench.connect()
    return found


def meet(bench: Bench, topics: dict[str, type], latched: tuple[str, ...] = ()) -> dict[str, Any]:
    """Listen to topics of somebody, once there is somebody."""
    found = {topic: bench.listen(kind, topic, latched=topic in latched)
             for topic, kind in topics.items()}
    bench.wait_to_be_heard()
    return found


def test_who_is_there() -> None:
    actors = Actors()
    with start(actors, bridges__hri=True) as bench:
        lists = listen(bench)
        for t, states in enumerate([
                {}, {1: TrackState.OCCLUDED}, {1: TrackState.LOST}, {1: None, 2: None}]):
            actors.states = states
            bench.ask(SCENE.moment(t))
        bench.wait(lambda: all(len(found) == 4 for found in lists), 'four of each list')
        bodies, tracked, known = ([message.ids for message in found] for found in lists)
        assert bodies == [['b1', 'b2'], ['b2'], ['b2'], []]
        assert tracked == [['p1', 'p2'], ['p2'], ['p2'], []]
        assert known == [['p1', 'p2'], ['p1', 'p2'], ['p2'], []]
        assert stamp_of(lists[0][0]) == SCENE.moment(0).frame.stamp_ns


def test_a_body_in_the_image_and_its_joints() -> None:
    from hri_msgs.msg import NormalizedRegionOfInterest2D, Skeleton2D

    prefix = '/humans/bodies/b2'
    with start(Actors(), bridges__hri=True) as bench:
        listen(bench)
        bench.ask(SCENE.moment(0))
        found = meet(bench, {
            f'{prefix}/roi': NormalizedRegionOfInterest2D, f'{prefix}/skeleton2d': Skeleton2D,
            f'{prefix}/joint_states': JointState, f'{prefix}/cropped': Image,
            f'{prefix}/urdf': String}, latched=(f'{prefix}/urdf',))
        moment = SCENE.moment(1)
        humans = humans_from(bench.ask(moment))
        model = bench.wait(lambda: found[f'{prefix}/urdf'], 'the model')[0]
        del found[f'{prefix}/urdf']
        roi, skeleton, state, cropped = (
            bench.wait(lambda of=of: [m for m in of if stamp_of(m) == humans.stamp_ns], topic)[0]
            for topic, of in found.items())
        x0, y0, x1, y1 = humans.boxes_px[1]
        assert [roi.xmin, roi.ymin, roi.xmax, roi.ymax] == pytest.approx(
            [x0 / 640, y0 / 480, x1 / 640, y1 / 480], abs=2e-3)
        assert roi.c == pytest.approx(humans.confidence[1])
        for message in (roi, skeleton, cropped):
            assert message.header.frame_id == 'camera_optical'
        assert (cropped.width, cropped.height) == pytest.approx((x1 - x0, y1 - y0), abs=2)
        for number, name in ((Skeleton2D.LEFT_EYE, 'left_eye'), (Skeleton2D.NOSE, 'nose'),
                             (Skeleton2D.RIGHT_EAR, 'right_ear'),
                             (Skeleton2D.LEFT_ANKLE, 'left_ankle'),
                             (Skeleton2D.RIGHT_WRIST, 'right_wrist')):
            point, pixel = skeleton.skeleton[number], humans.keypoints_px[1, COCO17.index(name)]
            assert (point.x * 640, point.y * 480) == pytest.approx(tuple(pixel), abs=1e-2)
        assert list(state.name) == [f'{name}_b2' for name in NAMES]
        torso = torso_rotations(humans.joints[1:], FACING_CAMERA[None])
        [angles] = joint_angles(humans.joints[1:], torso)
        np.testing.assert_allclose(state.position, angles, atol=1e-6)
        joints = {j.get('name') for j in ElementTree.fromstring(model.data).iter('joint')}
        assert set(state.name) <= joints


def test_frames_of_bodies_and_persons() -> None:
    actors = Actors()
    actors.states[1] = TrackState.OCCLUDED
    with start(actors, bridges__hri=True, publish__tf=False, world_frame='map') as bench:
        frames = bench.listen(TFMessage, '/tf')
        listen(bench)
        moment = SCENE.moment(0)
        humans = humans_from(bench.ask(moment))
        transforms = bench.wait(lambda: frames, 'frames')[0].transforms
        found = {t.child_frame_id: t for t in transforms}
        assert set(found) == {'body_b2', 'person_p1', 'person_p2'}, 'hidden bodies have no frame'
        body = found['body_b2']
        assert body.header.frame_id == 'camera_optical', 'the sensor is the parent'
        assert stamp_of(body) == moment.frame.stamp_ns
        world = moment.world_from_camera @ matrix(body.transform)
        np.testing.assert_allclose(world[:3, 3], humans.root[1], atol=1e-6)
        out, left, up = world[:3, :3].T
        np.testing.assert_allclose(left, [0, -1, 0], atol=1e-6)
        assert out @ [-1, 0, 0] > 0.97, 'x out of the chest, towards the camera'
        assert up @ [0, 0, 1] > 0.97, 'z to the head'
        camera = matrix(body.transform)
        np.testing.assert_allclose(camera[:3, 3], moment.joints_camera[1, H36M17.index('hip')],
                                   atol=1e-6, err_msg='in all three axes')
        for i, name in enumerate(('person_p1', 'person_p2')):
            assert found[name].header.frame_id == 'map'
            pose = matrix(found[name].transform)
            head = humans.joints[i, H36M17.indices('nose', 'head')].mean(0)
            np.testing.assert_allclose(pose[:3, 3], head, atol=1e-6)
            assert pose[:3, 0] @ [-1, 0, 0] > 0.7, 'x out of the face'


def test_a_hidden_person_becomes_less_sure_and_goes() -> None:
    prefix = '/humans/persons/p1'
    actors = Actors()
    with start(actors, bridges__hri=True) as bench:
        listen(bench)
        bench.ask(SCENE.moment(0))
        found = meet(bench, {f'{prefix}/location_confidence': Float32, f'{prefix}/body_id': String,
                             f'{prefix}/anonymous': Bool},
                     latched=(f'{prefix}/body_id', f'{prefix}/anonymous'))
        for topic in (f'{prefix}/body_id', f'{prefix}/anonymous'):
            bench.wait(lambda topic=topic: found[topic], f'what was said before of {topic}')
        for t, state in enumerate([TrackState.TRACKED, TrackState.OCCLUDED, TrackState.TRACKED,
                                   TrackState.OCCLUDED, TrackState.LOST], start=1):
            actors.states[1] = state
            bench.ask(SCENE.moment(t))
        sure = found[f'{prefix}/location_confidence']
        bench.wait(lambda: sure and sure[-1].data == 0, 'the last confidence')
        assert [message.data for message in sure[-5:]] == pytest.approx([1.0, 0.6, 1.0, 0.6, 0.0])
        bodies = bench.wait(lambda: found[f'{prefix}/body_id'][3:] and found[f'{prefix}/body_id'],
                            'four ids of bodies')
        assert [message.data for message in bodies] == ['b1', '', 'b1', '']
        assert [message.data for message in found[f'{prefix}/anonymous']] == [True]
        topics = [publisher.topic_name for publisher in bench.node.publishers]
        assert not [topic for topic in topics if '/p1/' in topic or '/b1/' in topic]
        assert len([topic for topic in topics if '/p2/' in topic]) == 3


def test_nobody_is_left_when_the_node_stops_listening() -> None:
    with start(Actors(), bridges__hri=True) as bench:
        lists = listen(bench)
        bench.ask(SCENE.moment(0))
        assert bench.change_state('deactivate')
        bench.wait(lambda: all(len(found) == 2 for found in lists), 'empty lists')
        assert [found[1].ids for found in lists] == [[], [], []]
        assert bench.change_state('cleanup')
        topics = [publisher.topic_name for publisher in bench.node.publishers]
        assert not [topic for topic in topics if topic.startswith('/humans/')]


def test_without_a_camera_pose_there_are_bodies_but_no_frames_of_persons() -> None:
    with start(Actors(), bridges__hri=True, camera_pose='none', publish__tf=False) as bench:
        frames = bench.listen(TFMessage, '/tf')
        listen(bench)
        humans = humans_from(bench.ask(SCENE.moment(0)))
        transforms = bench.wait(lambda: frames, 'frames')[0].transforms
        assert [t.child_frame_id for t in transforms] == ['body_b1', 'body_b2']
        np.testing.assert_allclose(matrix(transforms[0].transform)[:3, 3], humans.root[0],
                                   atol=1e-6)


def test_in_a_namespace_no_topic_id_or_frame_is_that_of_another_node() -> None:
    from hri_msgs.msg import IdsList

    with start(Actors(), namespace='robot/rear', bridges__hri=True, bridges__follow='nearest',
               bridges__in_namespace=True, publish__tf=False) as bench:
        tracked = bench.listen(IdsList, '/robot/rear/humans/bodies/tracked')
        frames = bench.listen(TFMessage, '/tf')
        bench.connect()
        bench.ask(SCENE.moment(0))
        bench.wait(lambda: tracked and len(frames) >= 2, 'bodies and frames')
        assert list(tracked[0].ids) == ['robot_rear_b1', 'robot_rear_b2']
        assert {t.child_frame_id for m in frames for t in m.transforms} == {
            *(f'{kind}_robot_rear_{letter}{i}' for kind, letter in (('body', 'b'), ('person', 'p'))
              for i in (1, 2)), 'robot_rear_followed_person'}
        mine = [p.topic_name for p in bench.node.publishers]
        outside = {t for t in mine if not t.startswith('/robot/rear/')}
        assert outside <= {'/tf', '/diagnostics', '/rosout', '/parameter_events'}
