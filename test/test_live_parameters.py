"""A pipeline that is told another configuration answers as one that was made with it."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scene import crowd, driving

from ros2_occpose.config import DetectionConfig, PipelineConfig, flatten, override
from ros2_occpose.detection.multi_person import MultiPersonDetector
from ros2_occpose.detection.visibility import JointJudge, Unchanged
from ros2_occpose.errors import ModelError
from ros2_occpose.inference import Models
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.types import Frame, People

SCENE = crowd(6, seconds=6.0, camera_path=driving(), fps=10)
# A value of each live field that makes a difference in this scene.
VALUES: dict[str, Any] = {
    'tracking.max_gap_s': 0.1, 'tracking.max_gap_outside_s': 0.0, 'tracking.min_hits': 6,
    'tracking.confident_score': 0.99, 'tracking.min_visibility': 0.97, 'tracking.agility': 0.2,
    'lifting.min_visibility': 0.97, 'trajectory.min_visibility': 0.97,
    'trajectory.pixel_std': 12.0, 'trajectory.noise_memory_s': 1.0, 'trajectory.speed_std': 0.1,
    'trajectory.vertical_speed_std': 0.02, 'trajectory.acceleration_std': 0.1,
    'trajectory.scale_std': 0.3}
OF_IMAGES = {'detection.max_people', 'detection.tiles_per_frame', 'detection.min_score',
             'detection.flow', 'detection.search_interval',
             'detection.keypoint_interval',          # in test_detection_carrying.py
             'tracking.remember_s'}                  # in test_tracking_appearance.py
PLAIN = override(PipelineConfig(threads=1), {'detection.flow': False})


@pytest.fixture(scope='module')
def models() -> Models:
    models = Models()
    try:
        Pipeline(PLAIN, models)
    except ModelError as error:
        pytest.skip(f'needs the default models: {error}')
    return models


def answers(pipeline: Pipeline, start: int, end: int) -> Iterator[People]:
    for moment in list(SCENE)[start:end]:
        yield pipeline(replace(moment.frame, detections=moment.detections))


def same(first: list[People], second: list[People]) -> bool:
    return all(
        len(a) == len(b) and np.array_equal(a.tracks.states, b.tracks.states)
        and np.array_equal(a.tracks.keypoints_px, b.tracks.keypoints_px)
        and all(np.array_equal(getattr(a, name), getattr(b, name))
                for name in ('root', 'root_covariance', 'velocity', 'joints', 'joint_states'))
        for a, b in zip(first, second, strict=True))


def test_these_are_all_live_fields() -> None:
    live = {name for name, leaf, _ in flatten(PipelineConfig()) if leaf.metadata['live']}
    assert live == VALUES.keys() | OF_IMAGES


@pytest.mark.parametrize('name', VALUES)
def test_it_takes_effect_as_if_it_had_been_there(models: Models, name: str) -> None:
    wanted = override(PLAIN, {name: VALUES[name]})
    made, told, other = Pipeline(wanted, models), Pipeline(PLAIN, models), Pipeline(PLAIN, models)
    told.adjust(wanted)
    expected = list(answers(made, 0, len(SCENE)))
    assert same(list(answers(told, 0, len(SCENE))), expected)
    assert not same(list(answers(other, 0, len(SCENE))), expected), 'it makes no difference'


def test_nobody_is_forgotten(models: Models) -> None:
    pipeline, half = Pipeline(PLAIN, models), len(SCENE) // 2
    before = list(answers(pipeline, 0, half))[-1]
    pipeline.adjust(override(PLAIN, {name: VALUES[name] for name in (
        'tracking.agility', 'trajectory.pixel_std', 'trajectory.speed_std')}))
    after = next(answers(pipeline, half, half + 1))
    assert set(before.tracks.ids) & set(after.tracks.ids)


def test_the_judge_of_joints_comes_and_goes(models: Models) -> None:
    pipeline = Pipeline(PLAIN, models)
    kinds = []
    for flow in (False, True, False):
        pipeline.adjust(override(PLAIN, {'detection.flow': flow}))
        kinds.append(type(pipeline._visibility))
    assert kinds == [Unchanged, JointJudge, Unchanged]


def test_the_detector_looks_at_more_tiles_and_fewer_people(models: Models) -> None:
    images = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    pipeline = Pipeline(PLAIN, models)
    detector = pipeline._detect
    assert isinstance(detector, MultiPersonDetector)
    pipeline(Frame(stamp_ns=1, image=images, camera=SCENE.moment(0).frame.camera))
    for tiles in (0, 1, 3):
        pipeline.adjust(override(PLAIN, {'detection.tiles_per_frame': tiles}))
        assert len(detector._tiles_due()) == tiles
    for least in ('max_people', 'min_score'):
        detector.adjust(DetectionConfig(**{least: 1}))
        assert getattr(detector._config, least) == 1
