"""Parameter files mean to ROS what `parameter_file` reads in them, those in the docs too."""
import re
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest
import yaml
from bench import ScriptedPipeline
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from scene import crowd

from ros2_occpose.errors import ConfigError
from ros2_occpose.parameter_file import load_overrides
from ros2_occpose.ros.pose_node import PoseNode

ROOT = Path(__file__).resolve().parents[2]
OTHER_NODES = {'local_costmap', 'following_server'}


def is_of_parameters(block: str) -> bool:
    """Whether it is of our nodes; not of others, and not entries of a models.yaml."""
    content = yaml.safe_load(block)
    return not OTHER_NODES & set(content) and not all(
        'kind' in entry for entry in content.values())


BLOCKS = [pytest.param(block, id=f'{page.name}-{i}')
          for page in [ROOT / 'README.md', *sorted((ROOT / 'docs').glob('*.md'))]
          for i, block in enumerate(re.findall(r'```yaml\n(.*?)```', page.read_text(), re.DOTALL))
          if is_of_parameters(block)]
FILES = [pytest.param(path.read_text(), id=path.name)
         for path in sorted((ROOT / 'config').glob('*.yaml'))]
SECTIONS = [
    '/**', 'occpose', '/occpose', '/occpose/occpose', 'occpose/occpose', '/*/occpose',
    '/**/occpose', '/occpose/*', '/occpose/**', '/*', 'occpose occpose', '/** occpose',
    '/front/occpose', '/*/*/occpose', '/occpose/other']


@pytest.fixture
def context() -> Iterator[Context]:
    context = Context()
    context.init()
    yield context
    context.try_shutdown()


def seen_by_ros(context: Context, path: Path, name: str) -> dict[str, object]:
    """The overrides that rclpy gives a node of a full name."""
    namespace, _, own = name.rpartition('/')
    node = Node(own, namespace=namespace or '/', context=context,
                cli_args=['--ros-args', '--params-file', str(path)])
    found = {name: parameter.value for name, parameter in node._parameter_overrides.items()}
    node.destroy_node()
    return found


def seen_by_us(path: Path, name: str) -> dict[str, object]:
    try:
        return load_overrides(path, name)
    except ConfigError:
        return {}                        # says nothing of this node


def plain(values: dict[str, object]) -> dict[str, object]:
    return {name: list(value) if hasattr(value, '__len__') and not isinstance(value, str)
            else value for name, value in values.items()}


@pytest.mark.parametrize('text', [*FILES, *BLOCKS])
def test_files_and_pages(context: Context, tmp_path: Path, text: str) -> None:
    path = tmp_path / 'page.yaml'
    path.write_text(text)
    for name in ('/occpose/occpose', '/front/occpose'):
        assert plain(seen_by_ros(context, path, name)) == plain(seen_by_us(path, name))


@pytest.mark.parametrize('section', SECTIONS)
def test_names_of_sections(context: Context, tmp_path: Path, section: str) -> None:
    nested: dict = {'ros__parameters': {'tracking': {'max_gap_s': 0.5}, 'threads': 1}}
    for part in reversed(section.split()):
        nested = {part: nested}
    path = tmp_path / 'sections.yaml'
    path.write_text(yaml.safe_dump(nested))
    for name in ('/occpose/occpose', '/occpose', '/front/occpose'):
        assert seen_by_ros(context, path, name) == seen_by_us(path, name), name


@pytest.mark.parametrize(('first', 'second'),
                         permutations(['/**', '/occpose/occpose', '/*/occpose'], 2))
def test_of_two_sections_the_later_holds(context: Context, tmp_path: Path, first: str,
                                         second: str) -> None:
    path = tmp_path / 'sections.yaml'
    path.write_text(f'{first}: {{ros__parameters: {{threads: 1}}}}\n'
                    f'{second}: {{ros__parameters: {{threads: 2}}}}\n')
    assert seen_by_ros(context, path, '/occpose/occpose') == {'threads': 2}
    assert seen_by_us(path, '/occpose/occpose') == {'threads': 2}


def test_qos_as_the_page_overrides_it(context: Context, tmp_path: Path) -> None:
    (block,) = [p.values[0] for p in BLOCKS if 'qos_overrides' in p.values[0]]
    path = tmp_path / 'qos.yaml'
    path.write_text(block)
    node = PoseNode(
        lambda config: ScriptedPipeline(crowd(1, seconds=4.0, fps=2)), context=context,
        namespace='/occpose', cli_args=[
            '--ros-args', '--params-file', str(path), '-r', 'image:=/camera/image_raw',
            '-r', 'camera_info:=/camera/camera_info'])
    node.start()
    inputs = {end.topic_name: end.qos_profile for end in node.subscriptions}
    outputs = {end.topic_name: end.qos_profile for end in node.publishers}
    node.close()
    node.destroy_node()
    image, info = inputs['/camera/image_raw'], inputs['/camera/camera_info']
    assert (image.reliability, image.depth) == (ReliabilityPolicy.RELIABLE, 2)
    assert info.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert outputs['/occpose/humans'].depth == 1
