"""docs/topics.md says what the node really subscribes to, publishes and serves, and the QoS."""
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench import ScriptedPipeline
from rclpy.context import Context
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from scene import crowd

from ros2_occpose.ros.bridges.hri.topics import BodyTopics, HriTypes, PersonTopics
from ros2_occpose.ros.bridges.parts import Names
from ros2_occpose.ros.pose_node import PoseNode

DOCS = Path(__file__).resolve().parents[2] / 'docs'
SCENE = crowd(1, seconds=4.0, fps=2)
NUMBERS = itertools.count()
# Every topic comes up in at least one of these.
SETTINGS: list[dict[str, Any]] = [
    {}, {'image_transport': 'compressed'}, {'use_people_2d': True},
    {'camera_pose': 'odometry'}, {'camera_pose': 'pose'},
    {'camera_pose': 'static', 'bridges.people': True, 'bridges.follow': 'nearest',
     'bridges.detections': True}]
OF_EVERY_NODE = ('/rosout', '/parameter_events')

Row = tuple[str, str, str, str]        # topic, type, in or out, QoS


@pytest.fixture
def context(borrowed: None) -> Iterator[Context]:
    context = Context()
    context.init()
    yield context
    context.try_shutdown()


def started(context: Context, **settings: Any) -> PoseNode:
    name = f'documented_{next(NUMBERS)}'
    node = PoseNode(lambda config: ScriptedPipeline(SCENE), context=context,
                    parameter_overrides=[Parameter(n, value=v) for n, v in settings.items()],
                    cli_args=['--ros-args', '-r', f'__node:={name}'])
    node.start()
    return node


def rows_of(node: PoseNode) -> set[Row]:
    found = set()
    for way, ends in (('in', node.subscriptions), ('out', node.publishers)):
        for end in ends:
            topic = end.topic_name
            if topic not in OF_EVERY_NODE and not topic.startswith(f'/{node.get_name()}/'):
                found.add((topic, type_name(end.msg_type), way, spelled(end.qos_profile)))
    return found


def type_name(message_type: type) -> str:
    return f'{message_type.__module__.partition(".")[0]}/{message_type.__name__}'


def spelled(qos: QoSProfile) -> str:
    """As the page writes it."""
    words = ['best effort' if qos.reliability == ReliabilityPolicy.BEST_EFFORT else 'reliable']
    if qos.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        words.append('latched')
    return ', '.join([*words, str(qos.depth)])


def documented(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its head."""
    text = (DOCS / 'topics.md').read_text().split(f'\n## {heading}\n')[1].split('\n## ')[0]
    rows = [[cell.strip().strip('`') for cell in line.strip('|').split(' | ')]
            for line in text.splitlines() if line.startswith('|')]
    return rows[2:]


def test_topics(context: Context) -> None:
    wanted = {(topic if topic.startswith('/') else f'/{topic}', *cells[:3])
              for topic, *cells in documented('Topics')}
    found = set()
    for settings in SETTINGS:
        node = started(context, **settings)
        found |= rows_of(node)
        node.close()
        node.destroy_node()
    assert found == wanted


def test_services(context: Context) -> None:
    pytest.importorskip('std_srvs.srv')
    node = started(context)
    own = {node.resolve_service_name(service.srv_name) for service in node.services
           if f'{node.get_name()}/' not in service.srv_name}
    node.close()
    node.destroy_node()
    assert own == {f'/{name}' for name, *_ in documented('Services')}


def test_topics_of_bodies_and_persons(context: Context) -> None:
    """docs/ros4hri.md names each, those that are latched too."""
    node = started(context)
    page = (DOCS / 'ros4hri.md').read_text()
    made = [BodyTopics(node, Names(), HriTypes.load(), 'b1', 1.7),
            PersonTopics(node, Names(), 'p1')]
    ends = [end for end in node.publishers if end.topic_name.startswith('/humans/')]
    names = {end.topic_name.rpartition('/')[2] for end in ends}
    latched = {end.topic_name.rpartition('/')[2] for end in ends
               if end.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL}
    assert names == {'roi', 'cropped', 'skeleton2d', 'joint_states', 'urdf', 'body_id',
                     'anonymous', 'location_confidence'}
    for name in names:
        (row,) = re.findall(rf'^\| `[^`]*/{name}`.*$', page, re.MULTILINE)
        assert ('(latched)' in row) == (name in latched), name
    for topics in made:
        topics.close()
    node.close()
    node.destroy_node()
