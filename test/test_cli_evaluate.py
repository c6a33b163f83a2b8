"""`occpose evaluate benchmark` from the command line to its files."""
from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from test_training_scenes import walker

from ros2_occpose import cli
from ros2_occpose.evaluation import benchmark, test_set

CLIPS = [walker(60, f'walk/{i}', speed=0.005 * i) for i in range(2)]


@pytest.fixture(autouse=True)
def _toy_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path / 'cache'))
    monkeypatch.setattr(test_set, 'load_motions', lambda *_: CLIPS)
    monkeypatch.setattr(benchmark, 'CURVE', (40,))
    (tmp_path / 'mocap').mkdir()


def evaluate(folder: Path, *options: str, lifter: str = 'gated_causal') -> int:
    return cli.main(['evaluate', 'benchmark', '--data', str(folder.parent / 'mocap'),
                     '--lifter', lifter, '--output', str(folder), *options])


def test_two_runs_write_the_same_bytes(tmp_path: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('motmetrics', reason='needs motmetrics: ros2_occpose[evaluate]')
    protocols = ('--protocol', 'self,clean,random50')
    first, again = tmp_path / 'first', tmp_path / 'again'
    assert evaluate(first, *protocols) == 0
    printed = capsys.readouterr().out
    assert evaluate(again, *protocols) == 0
    assert (first / 'results.json').read_bytes() == (again / 'results.json').read_bytes()
    made = json.loads((first / 'results.json').read_text())
    assert {'command', 'seed', 'commit', 'data', 'results'} <= made.keys()
    assert list(made['results']) == ['gated_causal']
    assert list(made['results']['gated_causal']) == ['clean', 'random50', 'self']
    assert made['results']['gated_causal']['self']['idf1'] > 0
    assert 'idf1' not in made['results']['gated_causal']['clean']
    assert made['seed'] == 0
    assert '--protocol clean,random50,self --seed 0' in made['command']
    assert str(tmp_path) not in (first / 'results.json').read_text()
    table = (first / 'results.md').read_text()
    assert table in printed
    assert '| random50 |' in table
    assert {path.name for path in first.iterdir()} == {
        'results.json', 'results.md', 'by_gap.png', 'by_occlusion.png', 'calibration.png',
        'trajectories.png'}


def test_another_seed_gives_other_figures(tmp_path: Path) -> None:
    values = []
    for seed in ('0', '1'):
        assert evaluate(tmp_path / seed, '--protocol', 'clean', '--seed', seed) == 0
        made = json.loads((tmp_path / seed / 'results.json').read_text())
        values.append(made['results']['gated_causal']['clean']['mpjpe_mm'])
    assert values[0] != values[1]
    assert np.isfinite(values).all()


@pytest.mark.parametrize(('lifter', 'options', 'message'), [
    ('gated_causal', ['--protocol', 'fog'], "Unknown protocol 'fog'"),
    ('gated_causal+magic', [], "Unknown part 'magic'"),
    ('no_such', [], "Unknown model 'no_such'"),
    ('lost.onnx', [], 'does not exist')])
def test_mistakes_are_one_line_and_exit_code_2(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], lifter: str, options: list[str],
        message: str) -> None:
    assert evaluate(tmp_path / 'out', *options, lifter=lifter) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'out').exists()


def test_without_data_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'mocap').rmdir()
    assert evaluate(tmp_path / 'out', '--protocol', 'clean') == 2
    assert 'Expected a folder of motion capture' in capsys.readouterr().err


def test_without_motmetrics_it_says_what_to_install(
        tmp_path: Path, capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'motmetrics', None)
    assert evaluate(tmp_path / 'out', '--protocol', 'object') == 2
    assert "pip install '.[evaluate]'" in capsys.readouterr().err
    assert evaluate(tmp_path / 'out', '--protocol', 'random25') == 0
