"""Defaults stand once, bounds hold, overrides say what they do not know."""
from dataclasses import FrozenInstanceError, fields, is_dataclass

import pytest

from ros2_occpose.config import (
    PipelineConfig,
    TrackingConfig,
    TrajectoryConfig,
    flatten,
    override,
)
from ros2_occpose.errors import ConfigError


def test_every_parameter_explains_itself_and_has_a_name_of_its_own():
    leaves = list(flatten(PipelineConfig()))
    names = [name for name, _, _ in leaves]
    assert len(names) == len(set(names))
    assert {'device', 'tracking.max_gap_s', 'trajectory.window'} <= set(names)
    for name, field, value in leaves:
        assert len(field.metadata['help']) > 15, name
        assert not is_dataclass(value), name


def test_defaults_lie_within_their_bounds():
    for name, field, value in flatten(PipelineConfig()):
        low, high = field.metadata['ge'], field.metadata['le']
        assert low is None or value >= low, name
        assert high is None or value <= high, name


@pytest.mark.parametrize(('change', 'message'), [
    ({'max_gap_s': -1.0}, r'tracking\.max_gap_s expects a number from 0 to 30, got -1.0; L'),
    ({'max_gap_s': float('nan')}, 'expects a number from 0 to 30, got nan'),
    ({'max_gap_s': '2'}, "expects a number, got '2'"),
    ({'min_hits': 2.0}, 'expects a whole number, got 2.0'),
    ({'min_hits': True}, 'expects a whole number, got True'),
])
def test_values_of_the_wrong_kind_or_size_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        TrackingConfig(**change)


def test_whole_numbers_may_stand_for_real_ones():
    assert type(TrackingConfig(max_gap_s=2).max_gap_s) is float


def test_choices_are_listed():
    with pytest.raises(ConfigError, match="one of auto, cpu, cuda, tensorrt, got 'gpu'"):
        PipelineConfig(device='gpu')


def test_configurations_do_not_change():
    with pytest.raises(FrozenInstanceError):
        TrajectoryConfig().window = 3


def test_overrides_are_dotted_or_nested():
    changed = override(PipelineConfig(), {
        'device': 'cpu', 'tracking.max_gap_s': 2, 'tracking': {'min_hits': 5},
        'trajectory.window': 6})
    assert changed.device == 'cpu'
    assert (changed.tracking.max_gap_s, changed.tracking.min_hits) == (2.0, 5)
    assert changed.trajectory.window == 6
    assert changed.lifting is not None
    assert PipelineConfig().tracking.min_hits == 3, 'the defaults stay'


@pytest.mark.parametrize(('values', 'message'), [
    ({'tracking.gap': 1}, r"Unknown parameter 'tracking\.gap'; expected .*max_gap_s"),
    ({'track': {}}, "Unknown parameter 'track'; expected one of"),
    ({'tracking': 5}, '^tracking expects a mapping with some of .*got 5'),
    ({'tracking': None}, 'expects a mapping'),
    ({'device.name': 'cpu'}, 'device expects text'),
    ({1: 2}, "Unknown parameter '1'"),
    ({'tracking': 5, 'tracking.min_hits': 500}, 'from 1 to 30, got 500'),
])
def test_overrides_that_cannot_work(values, message):
    with pytest.raises(ConfigError, match=message):
        override(PipelineConfig(), values)


def test_every_stage_is_configured_by_one_field():
    names = [f.name for f in fields(PipelineConfig)]
    assert {'detection', 'tracking', 'lifting', 'trajectory'} <= set(names)
