"""The launch file passes what it is given and nothing else; what it starts exists."""
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from ros2_occpose.config import NodeConfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def launch_file() -> ModuleType:
    pytest.importorskip('launch_ros.actions', reason='needs launch of a ROS installation')
    spec = importlib.util.spec_from_file_location('pose_launch', ROOT / 'launch/pose.launch.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def commands(launch_file: ModuleType, **given: str) -> list[list[str]]:
    """Command lines of what is started."""
    from launch import LaunchContext

    context = LaunchContext()
    for action in launch_file.generate_launch_description().entities[:-1]:
        action.execute(context)
    context.launch_configurations.update(given)
    lines = []
    for node in launch_file.start(context):
        node._perform_substitutions(context)
        names = {'ns': f'__ns:={node.expanded_node_namespace}', 'name': '__node:=occpose'}
        context.extend_locals({'ros_specific_arguments': names})
        lines.append([''.join(part.perform(context) for part in word) for word in node.cmd])
    return lines


def test_only_what_is_given_is_passed(launch_file: ModuleType) -> None:
    (line,) = commands(launch_file)
    assert line[0].endswith('lib/ros2_occpose/pose_node')
    files = [line[i + 1] for i, word in enumerate(line) if word == '--params-file']
    assert [Path(name).name for name in files] == ['pose.yaml']
    assert '__ns:=/occpose' in line
    assert not [word for word in line if word.startswith('image:=')]


def test_camera_info_is_expected_beside_the_images(launch_file: ModuleType) -> None:
    (line,) = commands(launch_file, image='/camera/image_raw')
    assert 'image:=/camera/image_raw' in line
    assert 'camera_info:=/camera/camera_info' in line


def test_overrides_come_after_the_file(launch_file: ModuleType) -> None:
    (line,) = commands(launch_file, camera_pose='odometry', device='cpu', use_sim_time='true',
                       hfov='70')
    files = [line[i + 1] for i, word in enumerate(line) if word == '--params-file']
    assert yaml.safe_load(Path(files[1]).read_text()) == {'/occpose/occpose': {'ros__parameters': {
        'camera_pose': 'odometry', 'device': 'cpu', 'fallback_hfov_deg': 70.0,
        'use_sim_time': True}}}


def test_rviz_shows_the_topics_of_the_namespace(launch_file: ModuleType) -> None:
    try:
        _, line = commands(launch_file, rviz='true', namespace='robot', world_frame='map')
    except Exception as error:
        if 'rviz2' not in str(error):
            raise
        pytest.skip('rviz2 is not installed')
    assert '/occpose/markers:=/robot/markers' in line
    assert line[line.index('-f') + 1] == 'map'


def test_rviz_shows_what_the_node_publishes() -> None:
    config = yaml.safe_load((ROOT / 'config/occpose.rviz').read_text())
    displays = {d['Class'].split('/')[1]: d for d in config['Visualization Manager']['Displays']}
    assert displays['MarkerArray']['Topic']['Value'] == '/occpose/markers'
    assert displays['Image']['Topic']['Value'] == '/occpose/overlay'
    assert {'Grid', 'TF'} <= set(displays)
    fixed = config['Visualization Manager']['Global Options']['Fixed Frame']
    assert fixed == NodeConfig().world_frame
