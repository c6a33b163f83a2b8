"""The ablation: all rows on the same guesses, tables that say what was found."""
from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training_scenes import walker

from ros2_occpose.commands import evaluate_ablation
from ros2_occpose.errors import DataError
from ros2_occpose.evaluation import test_set
from ros2_occpose.evaluation.ablation import (
    PROTOCOLS,
    THRESHOLDS,
    WINDOWS,
    Ablation,
    Case,
    Errors,
    Worst,
    case_of,
)
from ros2_occpose.evaluation.ablation_report import (
    draw_all,
    markdown,
    results,
    row_scores,
    verdicts,
)
from ros2_occpose.evaluation.protocols import given_in
from ros2_occpose.evaluation.subjects import by_person, subjects_of
from ros2_occpose.evaluation.systems import _cut
from ros2_occpose.training.occlusion_rows import CONFIDENCES, ROWS, THRESHOLD, row
from ros2_occpose.training.views.scenes import Scenes, recorded_scenes

TITLES = list(ROWS)


@pytest.fixture(scope='module')
def scenes() -> Scenes:
    return recorded_scenes([walker(160, f'walk/{i}', speed=0.004 * i) for i in range(4)], seed=1,
                           cameras=1)


@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_guesses_are_where_joints_are_hidden(scenes: Scenes, protocol: str) -> None:
    case, again = case_of(protocol, scenes, 0), case_of(protocol, scenes, 0)
    np.testing.assert_array_equal(case.subjects.rays, again.subjects.rays)
    given = given_in(protocol, scenes, 0)
    seen, plain = by_person(given.seen), subjects_of(scenes)
    np.testing.assert_array_equal(case.subjects.rays[seen], plain.rays[seen])
    found = case.raw.found & case.counts
    hidden = ~seen & found[..., None] & case.raw.hidden
    off = np.linalg.norm(case.subjects.rays - plain.rays, axis=-1)
    depth = by_person(scenes.body_camera)[..., 2].mean(-1)[..., None]
    assert np.median((off * depth)[hidden]) > 0.1                     # m
    assert not case.raw.found[~seen.any(-1)].any()
    assert (case.raw.scores[hidden] < 0.3).mean() > 0.6


def test_a_detector_as_measured_notices_less(scenes: Scenes) -> None:
    assert tuple(CONFIDENCES) == evaluate_ablation.CONFIDENCES
    left = {}
    for name, confidence in CONFIDENCES.items():
        case = case_of('self', scenes, 0, confidence)
        hidden = case.raw.hidden & (case.raw.found & case.counts)[..., None]
        left[name] = case.raw.seen(THRESHOLD)[hidden].mean()
    assert left['assumed'] < 0.4
    assert left['measured'] > 0.6                                     # 62 to 100 %, by part


def ablation(scale: dict[str, float], rng: np.random.Generator, seeds: int = 2) -> Ablation:
    """An outcome in which rows err by so many mm."""
    errors = {}
    for title, mm in scale.items():
        for seed in range(seeds):
            values = rng.exponential(mm + seed, (400, 17))
            errors[title, seed] = dict.fromkeys(PROTOCOLS, Errors(
                mpjpe_mm=values, pa_mpjpe_mm=0.7 * values, hidden=values > 2 * mm))
    sweep = dict.fromkeys(PROTOCOLS, (50.0, 40.0))
    return Ablation(errors=errors, worst={p: Worst(joints=9, error_mm=700, same_mm=300, own_mm=400)
                                          for p in PROTOCOLS},
                    windows=dict.fromkeys(WINDOWS, sweep),
                    thresholds=dict.fromkeys(THRESHOLDS, sweep),
                    removed=dict.fromkeys(THRESHOLDS, (0.8, 0.05)))


def test_goals_are_judged_by_ratios_and_spreads(rng: np.random.Generator) -> None:
    good = ablation(dict(zip(TITLES, (100, 96, 80, 79, 78, 77, 70))), rng, seeds=1)
    assert all(verdict.reached for verdict in verdicts(row_scores(good)))
    bad = ablation(dict(zip(TITLES, (100, 96, 95, 79, 110, 77, 90))), rng, seeds=1)
    reached = [verdict.reached for verdict in verdicts(row_scores(bad))]
    assert reached[:2] == [False, False]
    assert reached[2:] == [True, True, True, False, True, False]


def test_a_single_run_is_as_lucky_as_those_of_other_rows(rng: np.random.Generator) -> None:
    outcome = ablation(dict.fromkeys(TITLES, 80), rng, seeds=1)

    def erring(mm: float) -> dict[str, Errors]:
        some = outcome.errors[TITLES[0], 0]['self']
        return dict.fromkeys(PROTOCOLS, replace(some, mpjpe_mm=np.full((400, 17), mm)))

    errors = {(title, 0): erring(81.0 if title == TITLES[3] else 79.0) for title in TITLES}
    alone = row_scores(replace(outcome, errors=errors))
    assert not verdicts(alone)[4].reached                        # 2 mm worse, no spread known
    errors[TITLES[6], 1] = erring(82.0)
    assert verdicts(row_scores(replace(outcome, errors=errors)))[4].reached     # others by 3 mm


def test_a_window_forgets_what_was_before() -> None:
    assert _cut(slice(3, 10), 4) == [slice(3, 7), slice(7, 10)]
    assert _cut(slice(3, 10), None) == [slice(3, 10)]


def test_the_tables_hold_all_rows(tmp_path: Path, rng: np.random.Generator) -> None:
    outcome = ablation(dict(zip(TITLES, (100, 96, 80, 79, 78, 77, 70))), rng)
    text = markdown(outcome, {'Command': '`x`'})
    for title in TITLES:
        assert f'| {title} | 2 |' in text
    assert '| self | 9 | 700 | 300 | 400 |' in text
    report = json.loads(json.dumps(results(outcome), allow_nan=False))
    assert [entry['row'] for entry in report['rows']] == TITLES
    assert report['rows'][0]['mpjpe_mm'] == pytest.approx(100.5, rel=0.03)
    assert len(report['runs']) == 14
    draw_all(outcome, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'ablation.png', 'sweeps.png'}


def test_rows_may_be_missing(tmp_path: Path, rng: np.random.Generator) -> None:
    outcome = replace(ablation({TITLES[0]: 90, TITLES[4]: 80}, rng), worst={}, thresholds={})
    assert len(row_scores(outcome)) == 2
    assert '## Window' in markdown(outcome, {})
    draw_all(outcome, tmp_path)


def test_the_command_judges_what_was_trained(tmp_path: Path, scenes: Scenes,
                                             monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('torch', reason='needs torch: pip install ros2_occpose[train]')
    from ros2_occpose.training.export import export
    from ros2_occpose.training.systems import task_named
    from ros2_occpose.training.weights import build

    for number in (2, 3):
        network = build(task_named('occlusion_aware', channels=8, parts=row(number)).network)
        (tmp_path / f'row{number}').mkdir()
        export(network, tmp_path / f'row{number}' / 'occlusion_aware.onnx',
               about={'seed': '0', 'steps': '0'})
    monkeypatch.setattr(test_set, 'load_test_set', lambda *_: scenes)
    parser = argparse.ArgumentParser()
    evaluate_ablation.add_arguments(parser)
    words = ['--data', str(tmp_path), '--networks', str(tmp_path), '--output',
             str(tmp_path / 'out')]
    evaluate_ablation.run(parser.parse_args([*words, '--confidence', 'measured']))
    printed = capsys.readouterr().out
    assert '| + occlusion awareness | 1 |' in printed
    assert '- Detector: notices 0 to 38 % of the hidden joints (measured)' in printed
    report = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert '--confidence measured' in report['command']
    assert report['detector']['confidence'] == 'measured'
    assert [entry['row'] for entry in report['rows']] == TITLES[1:3]
    assert set(report['windows']) == {str(n) for n in WINDOWS}
    low, high = (report['removed'][str(b)]['of_hidden'] for b in (0.2, 0.4))
    assert low < high
    with pytest.raises(DataError, match='got none; train them'):
        evaluate_ablation.run(parser.parse_args([*words[:3], str(tmp_path / 'out'), *words[4:]]))


def test_a_case_knows_who_is_judged(scenes: Scenes) -> None:
    case = case_of('self', scenes, 0)
    assert isinstance(case, Case)
    np.testing.assert_array_equal(case.counts, by_person(given_in('self', scenes, 0).counts))
