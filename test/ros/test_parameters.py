"""Parameters come from the configuration dataclasses; wrong values are refused with the reason."""
import itertools
from collections.abc import Iterator
from dataclasses import Field

import pytest
import rclpy
from bench import Bench, ScriptedPipeline
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.node import Node
from rclpy.parameter import Parameter
from scene import crowd
from sensor_msgs.msg import Image
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from ros2_occpose.config import NodeConfig, PipelineConfig, flatten
from ros2_occpose.errors import ConfigError
from ros2_occpose.msg import HumanArray, PipelineStats
from ros2_occpose.ros.parameters import declare, misspelt

SCENE = crowd(1, seconds=4.0, fps=2)


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)


def node_with(context: Context, **overrides: object) -> Node:
    values = [Parameter(name.replace('__', '.'), value=v) for name, v in overrides.items()]
    return Node('parameters', context=context, parameter_overrides=values)


def test_every_field_is_a_parameter_with_text_bounds_and_default(context: Context) -> None:
    node = node_with(context)
    for config in (PipelineConfig(), NodeConfig()):
        assert declare(node, config) == config
        for name, leaf, default in flatten(config):
            value = node.get_parameter(name).value
            assert (tuple(value) if isinstance(default, tuple) else value) == default
            about: ParameterDescriptor = node.describe_parameter(name)
            assert about.description == leaf.metadata['help']
            bounds = [*about.integer_range, *about.floating_point_range]
            for bound in bounds:
                assert leaf.metadata['ge'] in (None, bound.from_value)
                assert leaf.metadata['le'] in (None, bound.to_value)
            assert bool(bounds) == (leaf.metadata['ge'] is not None
                                    or leaf.metadata['le'] is not None)
    assert node.describe_parameter('device').additional_constraints == (
        'One of auto, cpu, cuda, tensorrt.')
    node.destroy_node()


def test_overrides_are_taken(context: Context) -> None:
    node = node_with(context, tracking__max_gap_s=2, camera_mount=[1, 2, 3, 0, 0, 0, 1],
                     detection__flow=False)
    assert declare(node, PipelineConfig()).tracking.max_gap_s == 2.0       # an integer will do
    assert declare(node, NodeConfig()).camera_mount == (1, 2, 3, 0, 0, 0, 1)
    assert not node.get_parameter('detection.flow').value
    node.destroy_node()


@pytest.mark.parametrize(('overrides', 'text'), [
    ({'tracking__max_gap_s': -1.0}, r'Parameter tracking\.max_gap_s: .*Longest occlusion'),
    ({'tracking__min_hits': 'many'}, r"Parameter tracking\.min_hits: expected int, got 'many'"),
    ({'device': 'abacus'}, 'expects one of auto, cpu, cuda, tensorrt, got'),
    ({'device': 3}, 'Parameter device: expected str, got 3'),
])
def test_wrong_overrides_are_refused(context: Context, overrides: dict, text: str) -> None:
    node = node_with(context, **overrides)
    with pytest.raises(ConfigError, match=text):
        declare(node, PipelineConfig())
    node.destroy_node()


def test_a_misspelt_name_is_noticed_and_others_are_left_alone(context: Context) -> None:
    node = node_with(context, tracking__max_gap=2.0, camera_poses='tf', use_sim_time=False,
                     controller_frequency=20.0, threads=1)
    for config in (PipelineConfig(), NodeConfig()):
        declare(node, config)
    assert dict(misspelt(node, [PipelineConfig(), NodeConfig()])) == {
        'tracking.max_gap': 'tracking.max_gap_s', 'camera_poses': 'camera_pose'}
    node.destroy_node()


def test_the_node_says_that_a_name_is_misspelt() -> None:
    with Bench(lambda config: ScriptedPipeline(SCENE), tracking__max_gap=2.0) as bench:
        bench.wait_for_log('Parameter tracking.max_gap is not one of this node and does nothing; '
                           'is tracking.max_gap_s meant?')


def test_a_mount_has_seven_numbers(context: Context) -> None:
    node = node_with(context, camera_mount=[1.0, 2.0])
    with pytest.raises(ConfigError, match='camera_mount expects 7 numbers, got'):
        declare(node, NodeConfig())
    node.destroy_node()


def test_what_may_change_and_when() -> None:
    configs: list[PipelineConfig] = []

    def load(config: PipelineConfig) -> ScriptedPipeline:
        configs.append(config)
        return ScriptedPipeline(SCENE)

    with Bench(load) as bench:
        def change(name: str, value: object) -> str:
            result = bench.node.set_parameters([Parameter(name, value=value)])[0]
            return result.reason if not result.successful else 'done'

        assert change('publish.trail_s', 1.0) == 'done'
        assert 'no_image_after_s' in change('no_image_after_s', -1.0)
        assert 'cannot change while the node is configured' in change('trajectory.window', 5)
        bench.change_state('deactivate')
        bench.change_state('cleanup')
        assert 'expects one of' in change('device', 'abacus')
        assert change('trajectory.window', 5) == 'done'
        bench.change_state('configure')
        assert configs[-1].trajectory.window == 5


def other(leaf: Field, value: object) -> object:
    """A value that the field may have and does not."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return next((c for c in leaf.metadata['choices'] or () if c != value), f'{value}_other')
    if isinstance(value, tuple):
        return [*value[:-1], value[-1] + 0.5]
    step = 1 if isinstance(value, int) else 0.125
    top = leaf.metadata['le']
    return value + step if top is None or value + step <= top else value - step


def changed(bench: Bench, name: str, value: object) -> SetParametersResult:
    request = SetParameters.Request(
        parameters=[Parameter(name, value=value).to_parameter_msg()])
    return bench.call(SetParameters, f'{bench.name}/set_parameters', request).results[0]


LEAVES = [(config, *leaf) for config in (PipelineConfig(), NodeConfig())
          for leaf in flatten(config)]


def test_live_parameters_reach_the_pipeline_and_the_others_are_refused_with_a_reason() -> None:
    pipeline = ScriptedPipeline(SCENE)
    moments = itertools.count()
    with Bench(lambda config: pipeline) as bench:
        bench.listen(HumanArray, 'humans')
        bench.connect()
        for config, name, leaf, value in LEAVES:
            new = other(leaf, value)
            result = changed(bench, name, new)
            assert result.successful == leaf.metadata['live'], f'{name}: {result.reason}'
            if not leaf.metadata['live']:
                assert result.reason.startswith(f'{name} cannot change while the node is ')
                assert 'deactivate and clean it up first' in result.reason
            elif isinstance(config, PipelineConfig):
                bench.send_info(SCENE.moment(0).frame.camera, stamp_ns := 10 ** 9 + next(moments))
                bench.send_image(stamp_ns)
                bench.answer_to(stamp_ns)
                assert {n: v for n, _, v in flatten(pipeline.adjusted)}[name] == new
        assert next(moments) >= 15


def test_a_live_value_out_of_bounds_is_refused_and_changes_nothing() -> None:
    with Bench(lambda config: ScriptedPipeline(SCENE)) as bench:
        for _, name, leaf, value in LEAVES:
            if leaf.metadata['live'] and leaf.metadata['ge'] is not None:
                result = changed(bench, name, type(value)(leaf.metadata['ge'] - 1))
                assert not result.successful
                assert name.rpartition('.')[2] in result.reason
                assert bench.node.get_parameter(name).value == value


def test_what_the_node_publishes_follows_its_live_parameters() -> None:
    topics = {'markers': MarkerArray, 'overlay': Image, 'stats': PipelineStats, 'tf': TFMessage}
    with Bench(lambda config: ScriptedPipeline(SCENE)) as bench:
        found = {name: bench.listen(kind, '/tf' if name == 'tf' else name)
                 for name, kind in topics.items()}
        bench.listen(HumanArray, 'humans')
        bench.connect()
        for moment, silent in zip(SCENE, topics, strict=False):
            assert changed(bench, f'publish.{silent}', False).successful
            bench.pause(0.5)             # until the markers of before are taken away
            for messages in found.values():
                messages.clear()
            bench.ask(moment)
            bench.wait(lambda silent=silent: all(
                found[name] for name in topics if name != silent), f'all but {silent}')
            bench.pause(0.1)
            assert not found[silent], silent
            assert changed(bench, f'publish.{silent}', True).successful
        assert changed(bench, 'publish.tf_prefix', 'rear_').successful
        found['tf'].clear()
        bench.ask(SCENE.moment(len(topics)))
        bench.wait(lambda: found['tf'], 'frames')
        assert found['tf'][0].transforms[0].child_frame_id.startswith('rear_')
        assert changed(bench, 'publish.shapes.lifetime_s', 7.0).successful
        bench.ask(SCENE.moment(len(topics) + 1))
        bench.wait(lambda: any(marker.lifetime.sec == 7 for message in found['markers']
                               for marker in message.markers), 'markers that stay for 7 s')
        assert changed(bench, 'no_image_after_s', 0.2).successful
        bench.wait_for_log('Expected images on /image, got none for')
