"""Launch files without the packages `launch` and `launch_ros`: doubles note what they ask for.

What the real ones make of them is seen in test/ros/test_launch.py, where they are installed.
"""
import ast
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest
import yaml
from conftest import NO_ROS, has_ros

from ros2_occpose.config import NodeConfig, PipelineConfig, flatten, override

ROOT = Path(__file__).resolve().parents[1]
LAUNCH = ROOT / 'launch'
FILES = sorted(LAUNCH.glob('*.launch.py'))
DOUBLED = ('ament_index_python', 'ament_index_python.packages', 'launch', 'launch.actions',
           'launch.conditions', 'launch.substitutions', 'launch_ros', 'launch_ros.actions',
           'launch_ros.parameter_descriptions')
GIVEN = {'image': '/camera/image_raw', 'camera_pose': 'odometry', 'world_frame': 'map',
         'device': 'cpu', 'image_transport': 'compressed', 'hfov': '70', 'namespace': 'robot',
         'use_sim_time': 'true', 'rviz': 'true', 'log_level': 'debug', 'lifter': 'chomp_causal'}
PARAMETERS = {'use_sim_time', *(name for config in (NodeConfig(), PipelineConfig())
                                for name, _, _ in flatten(config))}


class Noted:
    """An action that remembers what it was made with."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.given, self.named = given, named


class Argument(Noted):
    """launch.actions.DeclareLaunchArgument."""


class Started(Noted):
    """launch_ros.actions.Node."""


class Value:
    """launch_ros.parameter_descriptions.ParameterValue: text becomes what it is said to be."""

    def __init__(self, value: str, *, value_type: type) -> None:
        read = yaml.safe_load(value)
        if not isinstance(read, value_type) and value_type is not str:
            raise TypeError(f'{value!r} is not an instance of {value_type}')    # 70 is no float
        self.value = value_type(value)


@pytest.fixture
def doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {name: MagicMock(name=name) for name in DOUBLED}
    modules['ament_index_python.packages'].get_package_share_directory = lambda name: str(ROOT)
    modules['launch'].LaunchDescription = list
    modules['launch.actions'].DeclareLaunchArgument = Argument
    modules['launch.actions'].OpaqueFunction = lambda function: function
    modules['launch_ros.actions'].Node = Started
    modules['launch_ros.parameter_descriptions'].ParameterValue = Value
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)


def load(path: Path) -> ModuleType:
    if 'from ros2_occpose.ros' in path.read_text() and not has_ros():
        pytest.skip(NO_ROS)
    spec = importlib.util.spec_from_file_location(path.name.replace('.', '_'), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(path: Path) -> dict[str, str]:
    """Launch argument -> default."""
    return {action.given[0]: action.named.get('default_value', '')
            for action in load(path).generate_launch_description()
            if isinstance(action, Argument)}


def started(path: Path, **given: str) -> list[Started]:
    """What a launch file starts."""
    defaults = arguments(path)
    context = SimpleNamespace(launch_configurations={
        **defaults, **{name: value for name, value in given.items() if name in defaults}})
    nodes: list[Started] = []
    for action in load(path).generate_launch_description():
        if isinstance(action, Started):
            nodes.append(action)
        elif callable(action):
            nodes += [node for node in action(context) if isinstance(node, Started)]
    return nodes


def ours(path: Path, **given: str) -> Iterator[Started]:
    """The nodes of this package among them."""
    return (node for node in started(path, **given) if node.named['package'] == 'ros2_occpose')


def overrides(node: Started) -> dict[str, Any]:
    """Parameters that are given beside files."""
    found = {}
    for parameters in node.named['parameters']:
        if isinstance(parameters, dict):
            found |= {name: value.value if isinstance(value, Value) else value
                      for name, value in parameters.items()}
    return found


def test_the_launch_files_are_where_they_are_installed_from() -> None:
    assert 'pose.launch.py' in [path.name for path in FILES]
    strays = [path.name for path in LAUNCH.iterdir()
              if path not in FILES and path.name != '__pycache__']
    assert not strays
    installed = re.search(r'install\(DIRECTORY ([^)]*)DESTINATION share/\$\{PROJECT_NAME\}',
                          (ROOT / 'CMakeLists.txt').read_text())
    assert {'launch', 'config'} <= set(installed.group(1).split())


def test_every_launch_file_that_is_named_somewhere_exists() -> None:
    named = {}
    for page in [ROOT / 'README.md', *ROOT.glob('docs/*.md'), *LAUNCH.glob('*.py'),
                 *ROOT.glob('config/**/*.yaml'), *ROOT.glob('scripts/*.sh')]:
        for name in re.findall(r'[\w/]+\.launch\.py', page.read_text()):
            named[name.rpartition('/')[2]] = page.name
    assert 'pose.launch.py' in named
    assert not set(named) - {path.name for path in FILES}, named


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_every_argument_says_what_it_is_for(doubles: None, path: Path) -> None:
    found = [action for action in load(path).generate_launch_description()
             if isinstance(action, Argument)]
    assert found
    for argument in found:
        assert len(argument.named['description']) > 10, argument.given
        assert isinstance(argument.named.get('default_value', ''), str), argument.given


@pytest.mark.parametrize('given', [{}, GIVEN], ids=['defaults', 'all'])
@pytest.mark.parametrize('path', FILES, ids=lambda path: path.name)
def test_what_is_started_exists(doubles: None, tmp_path: Path, path: Path,
                                given: dict[str, str]) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((48, 64, 3), np.uint8))
    given = {**given, 'bag': str(tmp_path)}              # a recording of one image
    nodes = list(ours(path, **given))
    assert nodes
    said = set().union(*(_strings(module) for module in (ROOT / 'ros2_occpose').rglob('*.py')))
    for node in nodes:
        executable = node.named['executable']
        assert (ROOT / 'ros2_occpose/ros' / f'{executable}.py').is_file(), executable
        for topic, _ in node.named.get('remappings', []):
            assert topic in said, f'{executable} has no topic {topic}'
        for parameters in node.named['parameters']:
            assert isinstance(parameters, dict) or Path(parameters).is_file()
        if executable == 'pose_node':
            assert {name for name in overrides(node)
                    if not name.startswith('qos_overrides.')} <= PARAMETERS
        for profile in node.named.get('additional_env', {}).values():
            assert Path(profile).is_file()
    for node in started(path, **given):
        words = node.named.get('arguments', [])
        for word in words:
            assert not str(word).startswith(str(ROOT)) or Path(word).is_file(), word


def _strings(module: Path) -> set[str]:
    return {node.value for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_what_is_given_are_parameters_that_take_it(doubles: None) -> None:
    (node,) = ours(LAUNCH / 'pose.launch.py', **GIVEN)
    given = overrides(node)
    assert given.pop('use_sim_time') is True
    assert given == {'camera_pose': 'odometry', 'world_frame': 'map', 'device': 'cpu',
                     'image_transport': 'compressed', 'fallback_hfov_deg': 70.0,
                     'lifting.lifter': 'chomp_causal',
                     'publish.shapes.meshes': True}          # for RViz
    for config in (NodeConfig(), PipelineConfig()):
        names = {name for name, _, _ in flatten(config)} & set(given)
        changed = override(config, {name: given.pop(name) for name in names})
        assert changed != config
    assert not given, 'no such parameters'


@pytest.mark.parametrize(('given', 'meshes'), [
    ({}, None), ({'rviz': 'true'}, True), ({'rviz': 'true', 'meshes': 'false'}, False),
    ({'meshes': 'true'}, True)])
def test_rviz_asks_for_bodies(doubles: None, tmp_path: Path, given: dict[str, str],
                              meshes: bool | None) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((48, 64, 3), np.uint8))
    live, *_ = ours(LAUNCH / 'pose.launch.py', **given)
    replayed, *_ = ours(LAUNCH / 'replay.launch.py', bag=str(tmp_path), hfov='70', **given)
    for node in (live, replayed):
        assert overrides(node).get('publish.shapes.meshes') is meshes


def test_the_replay_starts_what_is_planned(doubles: None, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / '0.png'), np.zeros((48, 64, 3), np.uint8))
    given = {'bag': str(tmp_path), 'output': str(tmp_path / 'out'), 'rate': '2', 'hfov': '70',
             'namespace': 'robot', 'rviz': 'true'}
    nodes = list(ours(LAUNCH / 'replay.launch.py', **given))
    assert [node.named['executable'] for node in nodes] == [
        'pose_node', 'record_node', 'play_node']
    assert {node.named['namespace'] for node in nodes} == {'robot'}
    from ros2_occpose.ros.replay import plan
    for node, process in zip(nodes, plan(tmp_path, {**given, 'meshes': 'true'}), strict=True):
        assert overrides(node) == process.parameters
        assert dict(node.named['remappings']) == process.remappings
    assert overrides(nodes[-1])['rate'] == 2.0
    rviz = [node for node in started(LAUNCH / 'replay.launch.py', **given)
            if node.named['package'] == 'rviz2']
    assert overrides(rviz[0]) == {'use_sim_time': True}


def test_nothing_is_overridden_unless_it_is_given(doubles: None,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', os.devnull)
    (node,) = started(LAUNCH / 'pose.launch.py')
    assert overrides(node) == {}
    assert node.named['remappings'] == []
    assert node.named['additional_env']['FASTRTPS_DEFAULT_PROFILES_FILE'] == os.devnull
