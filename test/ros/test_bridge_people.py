"""people_msgs/People as a social costmap needs it: world frame, known stamps, empty clears."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from actors import SCENE, WALKING, Actors, start
from bench import Bench

from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import stamp_of
from ros2_occpose.types import TrackState

pytestmark = pytest.mark.usefixtures('borrowed')


def listen(bench: Bench) -> list[Any]:
    from people_msgs.msg import People

    found = bench.listen(People, '/people')
    bench.connect()
    return found


def test_people_in_the_world_frame_at_the_stamp_of_the_image() -> None:
    actors = Actors()
    actors.states[1] = TrackState.OCCLUDED
    with start(actors, bridges__people=True, world_frame='map') as bench:
        lists = listen(bench)
        humans = humans_from(bench.ask(SCENE.moment(0)))
        message = bench.wait(lambda: lists, 'a list')[0]
        assert message.header.frame_id == 'map'
        assert stamp_of(message) == SCENE.moment(0).frame.stamp_ns, 'not now: TF knows it'
        assert [person.name for person in message.people] == ['human_1', 'human_2']
        for person, root in zip(message.people, humans.root, strict=True):
            at, speed = person.position, person.velocity
            np.testing.assert_allclose([at.x, at.y, at.z], root, atol=1e-9)
            np.testing.assert_allclose([speed.x, speed.y, speed.z], WALKING)
        hidden, seen = (dict(zip(p.tagnames, p.tags, strict=True)) for p in message.people)
        assert (hidden['state'], seen['state']) == ('OCCLUDED', 'TRACKED')
        assert hidden['position_std'] == '0.200', 'the larger of x and y [m]'
        assert [p.reliability for p in message.people] == pytest.approx([0.6, 0.95])


def test_an_empty_list_clears() -> None:
    actors = Actors()
    with start(actors, bridges__people=True) as bench:
        lists = listen(bench)
        for t, states in enumerate([
                {}, {1: TrackState.LOST, 2: TrackState.TENTATIVE}, {1: None, 2: None}, {}]):
            actors.states = states
            bench.ask(SCENE.moment(t))
        bench.wait(lambda: len(lists) == 4, 'four lists')
        assert [len(message.people) for message in lists] == [2, 0, 0, 2]


def test_people_go_when_the_node_stops_listening() -> None:
    with start(Actors(), bridges__people=True) as bench:
        lists = listen(bench)
        bench.ask(SCENE.moment(0))
        assert bench.change_state('deactivate')
        bench.wait(lambda: len(lists) == 2, 'the last list')
        assert not lists[1].people
        assert lists[1].header == lists[0].header, 'a time that TF knows'


def test_people_go_when_the_camera_is_silent() -> None:
    with start(Actors(), bridges__people=True, no_image_after_s=0.5) as bench:
        lists = listen(bench)
        bench.ask(SCENE.moment(0))
        bench.wait(lambda: len(lists) == 2, 'an empty list')
        bench.pause(1.5)
        assert [len(message.people) for message in lists] == [2, 0], 'once'


def test_two_nodes_on_one_list_are_noticed() -> None:
    with start(Actors(), bridges__people=True) as first, \
            start(Actors(), bridges__people=True) as second:
        first.wait_for_log('Expected nobody else on /people, got another publisher')
        second.wait_for_log('Switch the bridge on in one node only, or set bridges.in_namespace')


def test_each_camera_may_have_its_own_list() -> None:
    from people_msgs.msg import People

    options = {'bridges__people': True, 'bridges__in_namespace': True}
    with start(Actors(), **options) as front, start(Actors(), namespace='rear', **options) as rear:
        front_lists, rear_lists = listen(front), rear.listen(People, '/rear/people')
        rear.connect()
        front.ask(SCENE.moment(0))
        rear.ask(SCENE.moment(1))
        front.wait(lambda: front_lists, 'people in front')
        rear.wait(lambda: rear_lists, 'people behind')
        assert [stamp_of(m[0]) for m in (front_lists, rear_lists)] == [
            SCENE.moment(t).frame.stamp_ns for t in (0, 1)]
        front.pause(1.2)
        for bench in (front, rear):
            assert not [log.msg for log in bench.logs if 'nobody else' in log.msg]
