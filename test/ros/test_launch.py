"""The launch file passes what it is given and nothing else; `ros2 launch` finds and runs it."""
import importlib.util
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from ament_index_python.packages import get_package_share_directory
from parts import part, without
from processes import Process

from ros2_occpose.config import NodeConfig

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def launch_file() -> ModuleType:
    part('launch_ros.actions')
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


@pytest.fixture
def rviz2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of that name in a package of that name."""
    for name in ('lib/rviz2/rviz2', 'share/ament_index/resource_index/packages/rviz2'):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path}:{os.environ["AMENT_PREFIX_PATH"]}')


def test_rviz_shows_the_topics_of_the_namespace(launch_file: ModuleType, rviz2: None) -> None:
    _, line = commands(launch_file, rviz='true', namespace='robot', world_frame='map')
    assert '/occpose/markers:=/robot/markers' in line
    assert line[line.index('-f') + 1] == 'map'


def test_rviz_shows_what_the_node_publishes() -> None:
    config = yaml.safe_load((ROOT / 'config/occpose.rviz').read_text())
    displays = {d['Class'].split('/')[1]: d for d in config['Visualization Manager']['Displays']}
    assert displays['MarkerArray']['Topic']['Value'] == '/occpose/markers'
    assert displays['MarkerArray']['Namespaces'] == {'mesh': True}
    assert displays['Image']['Topic']['Value'] == '/occpose/overlay'
    assert {'Grid', 'TF'} <= set(displays)
    fixed = config['Visualization Manager']['Global Options']['Fixed Frame']
    assert fixed == NodeConfig().world_frame


def test_every_launch_file_is_installed() -> None:
    """Into the workspace of this shell: what `ros2 launch ros2_occpose NAME` looks for."""
    share = Path(get_package_share_directory('ros2_occpose'))
    for source in [*(ROOT / 'launch').glob('*.launch.py'), ROOT / 'config/pose.yaml']:
        installed = share / source.relative_to(ROOT)
        assert installed.is_file(), f'{installed}: build the workspace again'
        assert installed.read_bytes() == source.read_bytes()


@pytest.fixture
def ros2(run: Callable[..., Process]) -> Callable[..., Process]:
    """Type a command that begins with `ros2`: it runs the Python of the installation."""
    part('ros2launch')
    if shutil.which('ros2') is None:
        without('needs the command ros2 of a ROS installation')
    typed = 'import os, sys; os.execvp("ros2", ["ros2", *sys.argv[1:]])'
    return lambda *words: run('-c', typed, *words)


@pytest.mark.parametrize(('name', 'argument'), [
    ('pose.launch.py', 'camera_pose'), ('replay.launch.py', 'pose_topic')])
def test_ros2_launch_shows_the_arguments(ros2: Callable[..., Process], name: str,
                                         argument: str) -> None:
    shown = ros2('launch', 'ros2_occpose', name, '--show-args')
    assert shown.end() == 0, shown.said
    assert f"'{argument}':" in shown.said


def test_ros2_launch_starts_a_node_that_listens_and_stops(
        ros2: Callable[..., Process], tmp_path: Path) -> None:
    """The line of the README, with a parameter file of one's own."""
    mine = tmp_path / 'mine.yaml'
    mine.write_text('/**:\n  ros__parameters:\n    autostart: false\n    pose_queue: 7\n')
    node = ros2('launch', 'ros2_occpose', 'pose.launch.py', 'namespace:=robot', 'hfov:=70',
                'image:=/camera/image_raw', 'camera_pose:=tf', f'params_file:={mine}')
    node.wait_for('process started with pid')
    said = ''
    for _ in range(20):                                  # until discovery has found it
        asked = ros2('param', 'dump', '/robot/occpose', '--no-daemon')
        if asked.end() == 0 and 'pose_queue' in asked.said:
            said = asked.said
            break
    parameters = yaml.safe_load(said)['/robot/occpose']['ros__parameters']
    given = {name: parameters[name] for name in (
        'autostart', 'pose_queue', 'camera_pose', 'fallback_hfov_deg', 'world_frame')}
    assert given == {'autostart': False, 'pose_queue': 7, 'camera_pose': 'tf',
                     'fallback_hfov_deg': 70.0, 'world_frame': NodeConfig().world_frame}
    node.send(signal.SIGINT)
    node.end()                                           # of ros2 launch, after that of the node
    assert 'process has finished cleanly' in node.said, node.said
    assert 'Traceback' not in node.said
