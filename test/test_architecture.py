"""The rules that keep the package in layers, read from its source.

Every rule is a function over a tree of files, so that the tests below can also show, on a tree
that breaks it, that the rule notices.
"""
import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAME = 'ros2_occpose'

STAGES = {'detection', 'tracking', 'lifting', 'trajectory'}
# What stands above the stages: nothing below may import it.
UPPER = {'ros', 'evaluation', 'training', 'recording', 'synth', 'commands', 'cli', 'pipeline'}
# All other modules at the top (types, geometry, ...) are the base, and know only each other.
ABOVE_BASE = STAGES | UPPER | {'inference', 'body'}
ROS_MODULES = {
    'action_msgs', 'ament_index_python', 'builtin_interfaces', 'cv_bridge', 'diagnostic_msgs',
    'diagnostic_updater', 'geometry_msgs', 'image_transport', 'launch', 'launch_ros',
    'lifecycle_msgs', 'message_filters', 'nav_msgs', 'rcl_interfaces', 'rclpy', 'rosbag2_py',
    'rosidl_runtime_py', 'sensor_msgs', 'std_msgs', 'std_srvs', 'tf2_geometry_msgs', 'tf2_msgs',
    'tf2_py', 'tf2_ros', 'visualization_msgs',
}
MESSAGES = {f'{NAME}.msg', f'{NAME}.srv', f'{NAME}.action'}    # generated: ROS as well
TORCH_MODULES = {'torch', 'torchvision', 'smplx'}
TORCH_PLACES = ('training/*', 'body/*', 'inference/torch_session.py', 'lifting/*network*.py')
HEAVY = {'cv2', 'matplotlib', 'numpy', 'onnx', 'onnxruntime', 'rclpy', 'scipy', 'torch'}
MAX_LINES = 400


def sources(package: Path) -> Iterator[tuple[str, Path]]:
    """Every module with its path inside the package, e.g. 'lifting/gated.py'."""
    for path in sorted(package.rglob('*.py')):
        yield path.relative_to(package).as_posix(), path


def imported_modules(relative: str, path: Path) -> set[str]:
    """Full names of all that a module imports, wherever in it the import stands."""
    here = [NAME, *Path(relative).parts[:-1]]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = here[:len(here) - node.level + 1] if node.level else []
            origin = '.'.join([*parents, *([node.module] if node.module else [])])
            found.update(f'{origin}.{alias.name}' for alias in node.names)
        elif isinstance(node, ast.Call) and _is_dynamic_import(node.func):
            found.update(arg.value for arg in node.args[:1]
                         if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
    return found


def _is_dynamic_import(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, 'id', '')
    return name in {'import_module', '__import__'}


def starts_with(module: str, prefixes: Iterable[str]) -> bool:
    """Whether a module is one of the prefixes or lies inside one."""
    return any(f'{module}.'.startswith(f'{prefix}.') for prefix in prefixes)


def ros_outside_its_folder(package: Path) -> list[str]:
    """Imports of ROS anywhere but in ros/."""
    return [f'{relative} imports {module}' for relative, path in sources(package)
            if not relative.startswith('ros/')
            for module in imported_modules(relative, path)
            if starts_with(module, ROS_MODULES | MESSAGES)]


def torch_outside_its_places(package: Path) -> list[str]:
    """Imports of torch where the live pipeline would load it."""
    return [f'{relative} imports {module}' for relative, path in sources(package)
            if not any(fnmatch(relative, place) for place in TORCH_PLACES)
            for module in imported_modules(relative, path) if starts_with(module, TORCH_MODULES)]


def forbidden_directions(package: Path) -> list[str]:
    """Imports against the layers: stage to stage, upwards, or out of the base."""
    wrong = []
    for relative, path in sources(package):
        layer = relative.split('/')[0].removesuffix('.py')
        for module in imported_modules(relative, path):
            target = f'{module}.'.split('.')[1] if starts_with(module, [NAME]) else ''
            if target and target != layer and not may_import(layer, target):
                wrong.append(f'{relative} imports {module}')
    return wrong


def may_import(layer: str, target: str) -> bool:
    """Whether a folder or top module of ours may import another one."""
    if layer in STAGES | {'body'}:
        return target not in STAGES | UPPER
    if layer == 'pipeline':
        return target not in UPPER
    if layer in UPPER:
        return layer == 'ros' or target != 'ros'
    return target not in ABOVE_BASE     # the base, and inference


def names_of_generated_modules(package: Path) -> list[str]:
    """Modules that the message generator would collide with."""
    return [path.relative_to(package).as_posix() for path in sorted(package.rglob('*'))
            if path.name.removesuffix('.py') in {'msg', 'srv', 'action'}]


def too_long(package: Path) -> list[str]:
    """Files of more than 400 lines."""
    lines = {relative: len(path.read_text(encoding='utf-8').splitlines())
             for relative, path in sources(package)}
    return [f'{relative} has {n} lines' for relative, n in lines.items() if n > MAX_LINES]


RULES = [ros_outside_its_folder, torch_outside_its_places, forbidden_directions,
         names_of_generated_modules, too_long]


@pytest.mark.parametrize('rule', RULES)
def test_the_package_keeps_the_rule(rule):
    assert rule(ROOT / NAME) == []


def test_there_is_something_to_check():
    found = {relative for relative, _ in sources(ROOT / NAME)}
    assert {'__init__.py', 'pipeline.py', 'errors.py'} <= found


def test_tests_and_scripts_are_short_too():
    assert too_long(ROOT / 'test') + too_long(ROOT / 'scripts') == []


def test_importing_the_package_loads_nothing_heavy():
    check = f'import sys, {NAME}; print(*({HEAVY!r} & set(sys.modules)))'
    done = subprocess.run([sys.executable, '-c', check], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    assert done.stdout.split() == []


LIVE_STAGES = """
import sys
from functools import partial
from ros2_occpose import config, inference, lifting, pipeline, tracking, trajectory
tracking.load_tracker(config.TrackingConfig())
lifting.load_lifter(config.LiftingConfig(), partial(inference.open_model, device='cpu'))
trajectory.load_trajectory(config.TrajectoryConfig())
print(*sys.modules)
"""


def test_the_live_pipeline_loads_neither_torch_nor_ros():
    done = subprocess.run([sys.executable, '-c', LIVE_STAGES], cwd=ROOT, check=True,
                          capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert 'onnxruntime' in loaded
    assert not loaded & (TORCH_MODULES | ROS_MODULES)


@pytest.mark.parametrize(('rule', 'relative', 'source'), [
    (ros_outside_its_folder, 'tracking/a.py', 'import rclpy'),
    (ros_outside_its_folder, 'evaluation/a.py', 'def f():\n  from geometry_msgs.msg import Pose'),
    (ros_outside_its_folder, 'cli.py', 'from ros2_occpose.msg import HumanArray'),
    (ros_outside_its_folder, 'cli.py', 'from .msg import HumanArray'),
    (ros_outside_its_folder, 'detection/a.py', 'import importlib\n'
                                               'importlib.import_module("sensor_msgs.msg")'),
    (torch_outside_its_places, 'lifting/gated.py', 'import torch.nn as nn'),
    (torch_outside_its_places, 'inference/__init__.py', 'def f():\n    from torch import Tensor'),
    (torch_outside_its_places, 'evaluation/a.py', 'from smplx import SMPL'),
    (forbidden_directions, 'tracking/a.py', 'from ..detection import load_detector'),
    (forbidden_directions, 'tracking/a.py', 'from .. import lifting'),
    (forbidden_directions, 'lifting/deep/a.py', 'from ...trajectory.solver import solve'),
    (forbidden_directions, 'trajectory/a.py', 'import ros2_occpose.pipeline'),
    (forbidden_directions, 'lifting/a.py', 'def f():\n    from ..training import losses'),
    (forbidden_directions, 'inference/a.py', 'from ..detection.boxes import clip'),
    (forbidden_directions, 'types.py', 'from .inference import open_model'),
    (forbidden_directions, 'pipeline.py', 'from .cli import main'),
    (forbidden_directions, 'training/a.py', 'from ros2_occpose.ros import pose_node'),
    (names_of_generated_modules, 'ros/msg.py', ''),
    (names_of_generated_modules, 'action/__init__.py', ''),
    (too_long, 'body/a.py', 'x = 1\n' * 401),
])
def test_the_rule_notices(rule, relative, source, tmp_path):
    path = tmp_path / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert len(rule(tmp_path)) == 1
    assert relative.removesuffix('/__init__.py') in rule(tmp_path)[0]


@pytest.mark.parametrize(('relative', 'source'), [
    ('ros/a.py', 'import rclpy\nfrom ros2_occpose.msg import Human\nfrom .. import pipeline'),
    ('training/a.py', 'import torch\nfrom ..lifting import gated_network'),
    ('lifting/gated_network.py', 'import torch\nfrom ..types import Poses\nfrom .. import errors'),
    ('inference/torch_session.py', 'import torch'),
    ('lifting/a.py', 'from ..inference import open_model\nfrom .windows import cut'),
    ('pipeline.py', 'from .detection import load_detector\nfrom .types import Frame'),
    ('detection/a.py', 'import messages\nimport torchless\nfrom .actions import run'),
    ('body/a.py', 'x = 1\n' * 400),
])
def test_the_rules_let_pass(relative, source, tmp_path):
    path = tmp_path / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    assert [found for rule in RULES for found in rule(tmp_path)] == []
