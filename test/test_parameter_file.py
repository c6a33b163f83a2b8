"""Parameter files mean without ROS what they mean with it; those that we ship are usable."""
import re
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import pytest
import yaml

from ros2_occpose.commands.options import add_pipeline_options, pipeline_config
from ros2_occpose.config import NodeConfig, PipelineConfig, flatten, override
from ros2_occpose.errors import ConfigError
from ros2_occpose.parameter_file import load_overrides
from ros2_occpose.recording.camera_file import load_camera

CONFIG = Path(__file__).resolve().parent.parent / 'config'
PARAMETER_FILES = sorted(CONFIG.glob('*.yaml'))
CAMERAS = sorted((CONFIG / 'cameras').glob('*.yaml'))


def file_with(tmp_path: Path, text: str) -> Path:
    path = tmp_path / 'pose.yaml'
    path.write_text(text)
    return path


@pytest.mark.parametrize('names', [
    '/**', 'occpose', '/occpose', '/occpose/occpose', 'occpose/occpose', '/*/occpose',
    '/**/occpose', '/occpose/*', '/occpose/**', '/*', 'occpose occpose', '/occpose occpose',
    '/** occpose'])
def test_sections_that_mean_our_node(tmp_path, names):
    """As rclpy takes them (test/ros/test_parameter_files.py), with a namespace or without."""
    nested: dict = {'ros__parameters': {'tracking': {'max_gap_s': 0.5}}}
    for name in reversed(names.split()):
        nested = {name: nested}
    path = file_with(tmp_path, yaml.safe_dump(nested))
    assert load_overrides(path) == {'tracking.max_gap_s': 0.5}


@pytest.mark.parametrize('section', [
    '/front/occpose', '/occpose/other', '/occpose/occpose/more', '/*/*/occpose', 'occ', '/occ*'])
def test_sections_of_other_nodes_are_not_ours(tmp_path, section):
    path = file_with(tmp_path, f'{section}: {{ros__parameters: {{device: cpu}}}}')
    with pytest.raises(ConfigError, match=r'Expected parameters of /occpose/occpose in .*--node'):
        load_overrides(path)


def test_the_later_section_holds_whichever_is_closer(tmp_path):
    text = ('/**: {{ros__parameters: {{threads: {}, tracking.min_hits: 4}}}}\n'
            '/occpose/occpose: {{ros__parameters: {{threads: {}, tracking: {{agility: 2.0}}}}}}\n')
    path = file_with(tmp_path, text.format(1, 2))
    assert load_overrides(path) == {
        'threads': 2, 'tracking.min_hits': 4, 'tracking.agility': 2.0}
    lines = text.format(1, 2).splitlines()
    assert load_overrides(file_with(tmp_path, '\n'.join(reversed(lines))))['threads'] == 1


def test_each_of_several_nodes_has_its_own(tmp_path):
    path = file_with(tmp_path, ('/front/occpose: {ros__parameters: {threads: 3}}\n'
                                '/rear/occpose: {ros__parameters: {threads: 4}}\n'))
    assert load_overrides(path, '/front/occpose') == {'threads': 3}
    assert load_overrides(path, '/rear/occpose') == {'threads': 4}
    with pytest.raises(ConfigError, match=r'of /side/occpose in .*got those of /front'):
        load_overrides(path, '/side/occpose')


def test_a_plain_mapping_will_do(tmp_path):
    path = file_with(tmp_path, 'tracking:\n  max_gap_s: 0.5\n')
    assert override(PipelineConfig(), load_overrides(path)).tracking.max_gap_s == 0.5


def test_commands_take_what_concerns_the_pipeline(tmp_path):
    path = file_with(tmp_path, (
        '/**: {ros__parameters: {use_sim_time: true, camera_pose: tf, publish: {tf: false}}}\n'
        '/front/occpose: {ros__parameters: {tracking: {max_gap_s: 3.0}, threads: 4}}\n'))

    def config(*options: str) -> PipelineConfig:
        parser = ArgumentParser()
        add_pipeline_options(parser)
        return pipeline_config(parser.parse_args(['--config', str(path), *options]))

    assert config() == PipelineConfig()
    front = config('--node', '/front/occpose', '--threads', '1')
    assert (front.tracking.max_gap_s, front.threads) == (3.0, 1)
    path.write_text('/**: {ros__parameters: {trackng: {max_gap_s: 3.0}}}')
    with pytest.raises(ConfigError, match="Unknown parameter 'trackng'"):
        config()


@pytest.mark.parametrize('text', ['', '/**:\n  ros__parameters:\n'])
def test_empty_files_change_nothing(tmp_path, text):
    assert load_overrides(file_with(tmp_path, text)) == {}


@pytest.mark.parametrize(('content', 'message'), [
    (b'- a\n- b\n', 'Expected a mapping in .*got list'),
    (b'a: [1\n', 'Cannot read the configuration'),
    (b'\xff\xfe\x00', 'Cannot read the configuration'),
    (b'/**: {ros__parameters: 3}\n', 'mapping under ros__parameters .*got int'),
])
def test_files_that_are_no_parameters(tmp_path, content, message):
    file = tmp_path / 'broken.yaml'
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_overrides(file)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r'Cannot read the configuration .*none\.yaml'):
        load_overrides(tmp_path / 'none.yaml')


@pytest.mark.parametrize('path', PARAMETER_FILES, ids=lambda path: path.stem)
def test_our_files_hold_valid_overrides_and_no_default_twice(path):
    defaults = {name: value for config in (PipelineConfig(), NodeConfig())
                for name, _, value in flatten(config)}
    values = load_overrides(path)
    assert set(values) <= set(defaults)
    assert [name for name, value in values.items() if value == defaults[name]] == []
    for config in (PipelineConfig(), NodeConfig()):
        names = {name for name, _, _ in flatten(config)} & set(values)
        override(config, {name: values[name] for name in names})


def test_the_files_of_the_design_are_there():
    assert {path.stem for path in PARAMETER_FILES} >= {'pose', 'jetson', 'benchmark'}


@pytest.mark.parametrize('path', CAMERAS, ids=lambda path: path.stem)
def test_cameras_see_as_wide_as_they_are_called(path):
    """`hd_69deg`: 69 degrees from the left border of the image to the right one."""
    camera = load_camera(path)
    assert yaml.safe_load(path.read_text())['camera_name'] == path.stem
    middle = camera.height / 2
    (left, _), (right, _) = camera.rays(np.array([[0.0, middle], [camera.width, middle]]))
    between = np.degrees(np.arctan(right) - np.arctan(left))
    assert between == pytest.approx(float(re.search(r'_(\d+)deg$', path.stem)[1]), abs=0.1)
