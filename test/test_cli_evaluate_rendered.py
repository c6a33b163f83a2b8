"""`occpose evaluate rendered` on one small scene: rendered once, replayed, judged.

People are made of cylinders, which no detector takes for people, so they are found where they are.
"""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ros2_occpose import cli, detection
from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import ConfigError, ModelError
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.synth import scene, suite
from ros2_occpose.synth.characters import characters
from ros2_occpose.synth.truth import Sight
from ros2_occpose.types import Detections, Image

pytest.importorskip('motmetrics', reason='needs motmetrics: ros2_occpose[evaluate]')
pytest.importorskip('moderngl', reason='needs moderngl: ros2_occpose[synth]')
pytest.importorskip('rosbags', reason='needs rosbags: ros2_occpose[bag]')

SMALL = suite.SuiteScene('small', 'light', scene.SceneOptions(
    people=1, roles=('walk',), seconds=4.0, seed=3, camera='robot', occluders=1, fps=10.0,
    size=(160, 120)))


class Knowing:
    """Finds whoever is seen, picture after picture of a bag, a pixel off."""

    backend = 'knowing'

    def __init__(self, bag: Path) -> None:
        with np.load(bag / 'truth.npz') as truth:
            self._pixels, self._sight = truth['pixels'][:, 0, :17], truth['sight'][:, 0, :17]
        self._rng, self._frame = np.random.default_rng(0), -1

    def __call__(self, image: Image) -> Detections:
        self._frame += 1
        seen = self._sight[self._frame] == Sight.SEEN
        if seen.sum() < 6:
            return Detections.none()
        points = np.nan_to_num(self._pixels[self._frame]).astype(float)
        points = points + self._rng.normal(0, 0.5, points.shape)
        low, high = points[seen].min(0), points[seen].max(0)
        return Detections(boxes_px=np.concatenate([low, high])[None], keypoints_px=points[None],
                          scores=0.9 * seen[None], score=np.array([0.9]))


def test_a_small_scene_from_the_seed_to_the_tables(
        tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    try:
        Pipeline(PipelineConfig(threads=1))
    except ModelError as error:
        pytest.skip(f'needs the default models: {error}')
    monkeypatch.setattr(suite, 'SUITE', (SMALL,))
    monkeypatch.setattr(scene, 'characters', lambda count, seed: characters(
        count, seed, body='cylinder'))
    bag = tmp_path / 'bags' / 'small'
    monkeypatch.setattr(detection, 'load_detector', lambda *_: Knowing(bag))
    words = ['evaluate', 'rendered', '--output', str(tmp_path / 'out'), '--bags',
             str(tmp_path / 'bags'), '--mocap', str(shared_data / 'mocap'), '--threads', '1']
    try:
        scene.open_renderer(scene.draw_room(np.random.default_rng(0)), [],
                            SMALL_CAMERA).close()
    except ConfigError as error:
        pytest.skip(f'needs OpenGL: {error}')
    assert cli.main(words) == 0
    made = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert set(made['scenes']) == {'small'}
    assert len(made['summary']) == 5
    true = made['summary']['true pose']
    assert true['recall'] > 0.6
    assert true['root_error_m'] < 1.0
    assert true['pa_mpjpe_mm'] < 200
    assert made['scenes']['small']['frames']['compared'] == 40
    assert '--seed 3' in made['made_by']['small']
    assert str(tmp_path) not in json.dumps(made)
    table = (tmp_path / 'out' / 'results.md').read_text()
    assert table in capsys.readouterr().out
    assert (tmp_path / 'out' / 'since_seen.png').stat().st_size > 1000

    before = {path.name: path.stat().st_mtime_ns for path in bag.iterdir()}
    assert cli.main([*words, '--only-true-pose']) == 0
    assert {path.name: path.stat().st_mtime_ns for path in bag.iterdir()} == before
    again = json.loads((tmp_path / 'out' / 'results.json').read_text())['summary']['true pose']
    assert {name: value for name, value in again.items() if name != 'latency_ms'} == {
        name: value for name, value in true.items() if name != 'latency_ms'}

    monkeypatch.setattr(suite, 'SUITE', (replace(SMALL, options=replace(SMALL.options, seed=4)),))
    assert cli.main(words) == 2
    assert 'another one' in capsys.readouterr().err


SMALL_CAMERA = scene.draw_camera(SMALL.options)
