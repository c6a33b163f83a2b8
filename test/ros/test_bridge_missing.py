"""A bridge whose messages are missing says so once and clearly; the others are not imported."""
from __future__ import annotations

import sys

import pytest
from bench import Bench, ScriptedPipeline
from scene import make_scene
from walker import Walker

from ros2_occpose.config import NodeConfig, override
from ros2_occpose.ros import conversions

SCENE = make_scene([Walker([(0, 5, 0), (2, 5, 0)])], fps=5)


@pytest.mark.parametrize(('parameter', 'package', 'message'), [
    ('bridges.people', 'people_msgs', 'people_msgs/People'),
    ('bridges.detections', 'vision_msgs', 'vision_msgs/Detection3DArray'),
    ('bridges.hri', 'hri_msgs', 'hri_msgs/IdsList')])
def test_a_missing_package_is_one_clear_error(
        parameter: str, package: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f'{package}.msg', None)        # importing it fails
    conversions.message_class.cache_clear()
    with Bench(lambda config: ScriptedPipeline(SCENE), camera_pose='static',
               **{parameter: True}) as bench:
        text = bench.wait_for_log(f'configure failed: {parameter} is on and expects the message '
                                  f'{message}, got ModuleNotFoundError')
        assert f'{package.replace("_", "-")}) and source it, or switch {parameter} off.' in text
        assert bench.state() == 'unconfigured'
        assert [log.msg for log in bench.logs if 'failed' in log.msg] == [text], 'once'
        names = [publisher.topic_name for publisher in bench.node.publishers]
        assert '/humans' not in names, 'nothing is left behind'


def test_people_without_a_world_frame_are_refused() -> None:
    with Bench(lambda config: ScriptedPipeline(SCENE), bridges__people=True) as bench:
        bench.wait_for_log('bridges.people expects people in a world frame, got camera_pose none')


def test_bridges_are_off_by_default() -> None:
    bridges = NodeConfig().bridges
    assert (bridges.people, bridges.follow, bridges.detections, bridges.hri) == (
        False, 'none', False, False)
    assert override(NodeConfig(), {'bridges.hri': True}).bridges.hri
