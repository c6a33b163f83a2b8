"""Detectors with real files of others on real images; they lie beside the test data, if at all."""
from __future__ import annotations

import runpy
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from ros2_occpose.config import DetectionConfig

MEASURE = runpy.run_path(str(ROOT / 'scripts' / 'measure_detector.py'))


@pytest.fixture
def weights(shared_data: Path) -> Path:
    folder = shared_data / 'weights'
    if not list(folder.glob('*.onnx')):
        pytest.skip(f'needs weights of others: there are none in {folder}')
    return folder


# What was found when written, of 35 people: 32, 25, 27, 24.
@pytest.mark.parametrize(('name', 'least'), [
    ('rtmdet_tinypose', 30), ('yolox_humanart_tinypose', 23), ('yolox_tinypose', 25),
    ('yolov8n_pose', 22)])
def test_people_on_labelled_stills_are_found(shared_data, weights, name, least):
    look, similar = MEASURE['detector'](DetectionConfig(detector=name), weights), []
    for image, people in MEASURE['stills'](shared_data / 'images'):
        found = look(image)
        assert len(found) <= DetectionConfig().max_people
        similar += MEASURE['similarities'](people, found).tolist()
    hits = np.array([s for s in similar if s >= MEASURE['FOUND']])
    assert len(similar) == 35
    assert len(hits) >= least
    assert hits.mean() > 0.8                        # object keypoint similarity of the found


def test_small_people_of_the_video_are_found(shared_data, weights):
    look = MEASURE['detector'](DetectionConfig(detector='yolox_tinypose'), weights)
    frames = MEASURE['video_frames'](shared_data / 'video' / 'pedestrians.avi')
    assert np.mean([len(look(image)) for image in islice(frames, 0, 60, 6)]) > 4
