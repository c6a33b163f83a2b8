"""docs/parameters.md says what the node does, and every text in it is worth reading."""
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from ros2_occpose.config import NodeConfig, PipelineConfig, flatten, param

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / 'docs' / 'parameters.md'
LEAVES = [item for config in (NodeConfig(), PipelineConfig()) for item in flatten(config)]
UNITS = {'s': 's', 'deg': 'deg'}            # last part of a name -> unit
WITHOUT_UNIT = {'score', 'visibility', 'scale_std'}     # shares and probabilities


@pytest.fixture(scope='module')
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location('parameter_docs',
                                                  ROOT / 'scripts' / 'parameter_docs.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_command_writes(script):
    assert PAGE.read_text() == script.page(), (
        'docs/parameters.md is stale: python scripts/parameter_docs.py')


def test_the_page_goes_stale_with_a_default(script, monkeypatch):
    monkeypatch.setattr(script, 'NodeConfig', lambda: NodeConfig(world_frame='map'))
    assert PAGE.read_text() != script.page()


def test_every_parameter_has_one_row():
    rows = re.findall(r'^\| `([\w.]+)` \|', PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(name for name, _, _ in LEAVES)


@pytest.mark.parametrize(('name', 'leaf', 'value'), LEAVES, ids=[name for name, _, _ in LEAVES])
def test_texts_and_units(name, leaf, value):
    about, unit = leaf.metadata['about'], leaf.metadata['unit']
    assert about.endswith('.')
    assert len(about.split()) >= 5
    assert '|' not in about
    outside_code = re.sub(r'`[^`]*`', '', about)
    assert '<' not in outside_code, 'Markdown would hide it'
    last = name.rpartition('_')[2]
    assert unit == UNITS.get(last, unit)
    if isinstance(value, float):
        assert bool(unit) != any(name.endswith(end) for end in WITHOUT_UNIT)


def test_ros_is_told_the_unit_too():
    leaf = param(1.0, 'How long.', unit='s', ge=0)
    assert leaf.metadata['help'] == 'How long. [s]'


def test_rows_say_what_is_allowed(script):
    page = script.page()
    for row in ('| `camera_pose` | string | `none` | none, static, tf, odometry, pose |',
                '| `publish.trail_s` | double | `5.0` | 0 to 60 | s | live |',
                '| `trajectory.speed_std` | double | `0.8` | 0.01 or more | m/s |',
                '| 7 numbers |'):
        assert row in page
