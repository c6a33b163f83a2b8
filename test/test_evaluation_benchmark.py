"""From answers to figures, tables and pictures."""
from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_training_scenes import walker

from ros2_occpose.errors import ConfigError, DataError, ModelError
from ros2_occpose.evaluation import benchmark, plots, systems, test_set
from ros2_occpose.evaluation.benchmark import CURVE, Outcome, Paths
from ros2_occpose.evaluation.protocols import given_in
from ros2_occpose.evaluation.report import markdown, results
from ros2_occpose.evaluation.scoring import Score, pa_mpjpe_mm, score
from ros2_occpose.evaluation.subjects import Subjects, by_person, hidden_joints, subjects_of
from ros2_occpose.evaluation.systems import Answer, open_systems
from ros2_occpose.evaluation.test_set import content_sha256, load_test_set
from ros2_occpose.evaluation.tracking import IdScore
from ros2_occpose.skeleton import H36M17
from ros2_occpose.training.mocap.motion import Motion
from ros2_occpose.training.views.scenes import Scenes, recorded_scenes
from ros2_occpose.types import Bools, Floats

HIP, WRIST = H36M17.indices('hip', 'left_wrist')
CLIPS = [walker(200, f'walk/{i}', speed=0.004 * i) for i in range(5)]


@pytest.fixture(scope='module')
def scenes() -> Scenes:
    return recorded_scenes(CLIPS, seed=1, cameras=1)


@pytest.fixture(scope='module')
def subjects(scenes: Scenes) -> Subjects:
    return subjects_of(scenes)


def given(scenes: Scenes, protocol: str) -> tuple[Bools, Bools]:
    made = given_in(protocol, scenes, 0)
    return by_person(made.seen), by_person(made.counts)


def right(subjects: Subjects, std: float = 0.05) -> Answer:
    """An answer that is the truth."""
    joints = subjects.joints_camera
    return Answer(joints_root=joints - joints[:, :, :1], std=np.full(joints.shape[:-1], std),
                  root_camera=joints[:, :, HIP])


def off(subjects: Subjects, rng: np.random.Generator, metres: float = 0.05) -> Answer:
    """Joints beside the hip are off by an isotropic Gaussian."""
    truth = right(subjects, metres)
    noise = rng.normal(0, metres, truth.joints_root.shape)
    noise[:, :, HIP] = 0
    return replace(truth, joints_root=truth.joints_root + noise)


def test_the_truth_has_no_error(scenes: Scenes, subjects: Subjects) -> None:
    judged = score(right(subjects), subjects, *given(scenes, 'random50'))
    for figures in (judged.all, judged.hidden, judged.visible):
        errors = (figures.mpjpe_mm, figures.pa_mpjpe_mm, figures.scale_mm, figures.accel_mm,
                  figures.root_error_m)
        np.testing.assert_allclose(errors, 0, atol=1e-6)
        assert figures.within_1_std == figures.within_2_std == 1
    assert judged.share_hidden == pytest.approx(0.5, abs=0.03)
    assert judged.frames == given(scenes, 'random50')[1].sum()


def test_honest_uncertainty_is_calibrated(scenes: Scenes, subjects: Subjects,
                                          rng: np.random.Generator) -> None:
    judged = score(off(subjects, rng), subjects, *given(scenes, 'random50'))
    for figures in (judged.all, judged.hidden, judged.visible):
        assert figures.within_1_std == pytest.approx(0.68, abs=0.02)
        assert figures.within_2_std == pytest.approx(0.95, abs=0.02)
        assert figures.accel_mm == pytest.approx(50 * np.sqrt(6) * np.sqrt(8 / np.pi) * 16 / 17,
                                                 rel=0.06)
    assert judged.all.mpjpe_mm == pytest.approx(50 * np.sqrt(8 / np.pi) * 16 / 17, rel=0.02)


def test_hidden_joints_are_judged_apart(scenes: Scenes, subjects: Subjects) -> None:
    seen, counts = given(scenes, 'random25')
    answer = right(subjects)
    wrong = hidden_joints(seen)[..., None] * np.array([0.0, 0.06, 0.08])
    wrong[:, :, HIP] = 0
    answer = replace(answer, joints_root=answer.joints_root + wrong)
    judged = score(answer, subjects, seen, counts)
    assert judged.visible.mpjpe_mm == pytest.approx(0, abs=1e-6)
    hips = hidden_joints(seen)[counts][:, HIP].sum() / hidden_joints(seen)[counts].sum()
    assert judged.hidden.mpjpe_mm == pytest.approx(100 * (1 - hips))
    assert judged.hidden.within_2_std == 1
    assert judged.hidden.within_1_std == 0               # 0.1 m are 2 std
    assert pa_mpjpe_mm(answer.joints_root, subjects, seen, counts) == pytest.approx(
        (judged.all.pa_mpjpe_mm, judged.hidden.pa_mpjpe_mm))


def test_what_does_not_count_changes_nothing(scenes: Scenes, subjects: Subjects,
                                             rng: np.random.Generator) -> None:
    seen, counts = given(scenes, 'object')
    answer = off(subjects, rng)
    other = replace(answer, joints_root=np.where(counts[..., None, None], answer.joints_root, 7.0),
                    root_camera=np.where(counts[..., None], answer.root_camera, -3.0))
    one, two = (score(a, subjects, seen, counts) for a in (answer, other))
    assert one.all == two.all
    assert one.hidden == two.hidden
    assert one.by_gap == two.by_gap


def test_a_joint_that_is_forgotten_gets_worse_with_time(scenes: Scenes,
                                                        subjects: Subjects) -> None:
    seen, counts = given(scenes, 'blackout')
    answer = right(subjects, 0.02)
    dark = (~seen.any(-1)).astype(float)
    since = np.cumsum(dark, 1) - np.maximum.accumulate(np.cumsum(dark, 1) * (1 - dark), 1)
    wrong = 0.003 * since[..., None, None] * np.array([1.0, 0, 0])
    wrong = np.broadcast_to(wrong, answer.joints_root.shape).copy()
    wrong[:, :, HIP] = 0
    answer = replace(answer, joints_root=answer.joints_root + wrong)
    gaps = score(answer, subjects, seen, counts).by_gap
    assert gaps[0].unseen_s == 0
    assert gaps[0].error_mm == pytest.approx(0, abs=1e-6)
    for gap in gaps[1:]:
        assert gap.error_mm == pytest.approx(3 * 30 * gap.unseen_s, rel=1e-6)
        assert gap.std_mm == pytest.approx(20)
    assert gaps[-1].unseen_s > 1.2


def test_sequences_begin_and_end_where_people_do(
        scenes: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that looks both ways never gets frames beside those of the person."""
    lengths = []

    def lift(_: object, rays: Floats, seen: Bools, rotation: Floats) -> tuple[Floats, Floats]:
        assert rays.shape == (*seen.shape, 2)
        assert rotation.shape == (*seen.shape[:2], 3, 3)
        lengths.extend([seen.shape[1]] * len(seen))
        return np.zeros((*seen.shape, 3)), np.ones(seen.shape)

    monkeypatch.setattr(systems, 'lift_sequences', lift)
    people = subjects_of(scenes)
    valid = people.valid.copy()
    valid[0, 150:] = False
    people = replace(people, valid=valid)
    seen = np.broadcast_to(valid[..., None], (*valid.shape, 17))
    for causal in (False, True):
        lengths.clear()
        system = systems.System('x', open_systems(['gated_causal'])[0].session, causal,
                                systems.back_projection)
        joints, _ = system.lift(people, seen)
        there = valid.any(1)
        assert (joints[there][:, :150] == 0).all()
        assert len(lengths) == there.sum()
        assert set(lengths) == ({200} if causal else set(valid.sum(1)[there]))


def test_the_shipped_lifter_finds_people(scenes: Scenes, subjects: Subjects) -> None:
    [system] = open_systems(['gated_causal'])
    assert system.causal
    seen, counts = given(scenes, 'clean')
    answer = system.locate(*system.lift(subjects, seen), subjects, seen)
    judged = score(answer, subjects, seen, counts)
    assert judged.all.pa_mpjpe_mm < 130                       # of a stick figure
    assert judged.all.root_error_m < 1.5
    assert (answer.root_camera[counts][:, 2] > 0).all()


@pytest.mark.parametrize(('name', 'message'), [
    ('gated_causal+stride', r"'stride' .*expected one of back_projection, learned_trajectory"),
    ('gated_causal+back_projection+back_projection', 'one part at most'),
    ('gated_causal,gated_causal', 'gated_causal more than once'),
    ('', 'different names')])
def test_impossible_systems_are_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_systems([word for word in name.split(',') if word])


def test_a_file_is_a_lifter_too() -> None:
    from ros2_occpose.resources import resource
    path = resource('models', 'gated_causal.onnx')
    [system] = open_systems([f'{path}+back_projection'])
    assert system.name == 'gated_causal+back_projection'
    assert system.is_live


def test_systems_with_one_lifter_run_it_once(scenes: Scenes,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    lifts = []

    def lift(self: systems.System, subjects: Subjects, seen: Bools) -> tuple[Floats, Floats]:
        lifts.append(self.name)
        return np.zeros((*seen.shape, 3)), np.ones(seen.shape)

    monkeypatch.setattr(systems.System, 'lift', lift)
    monkeypatch.setattr(benchmark, 'CURVE', (20,))
    chosen = open_systems(['gated_causal', 'gated_causal+back_projection'])
    outcome = benchmark.judge(chosen, scenes, ['random25'], 0)
    assert lifts == ['gated_causal'] * 2                         # the protocol and the curve
    one, two = (outcome.scores[system.name]['random25'] for system in chosen)
    assert one.all == two.all
    assert outcome.curve['gated_causal'] == outcome.curve['gated_causal+back_projection']


class Network:
    """A trajectory network that puts everybody 5 m away on the mean of the rays."""

    def __init__(self, system: str = 'trajectory') -> None:
        self.metadata = {'system': system}

    def __call__(self, arrays: dict[str, Floats]) -> dict[str, Floats]:
        rays = arrays['rays'].reshape(1, -1, 17, 2)
        assert rays.dtype == np.float32
        return {'root': 5 * np.concatenate([rays.mean(2), np.ones((*rays.shape[:2], 1))], -1)}


def test_a_learned_trajectory_sees_filled_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, '_open_model', lambda _: Network())
    place = systems.PARTS['learned_trajectory']('learned_trajectory')
    rays = np.linspace(0, 0.9, 10)[:, None, None] * np.ones((10, 17, 2))
    seen = np.ones((10, 17), bool)
    seen[3:7] = False
    root = place(np.zeros((10, 17, 3)), np.ones((10, 17)), np.where(seen[..., None], rays, 9.0),
                 seen, np.tile(np.eye(4), (10, 1, 1)))
    np.testing.assert_allclose(root[:, 0], 5 * rays[:, 0, 0], rtol=1e-5)
    np.testing.assert_allclose(root[:, 2], 5)


def test_only_a_trajectory_network_learns_trajectories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, '_open_model', lambda _: Network('gated'))
    with pytest.raises(ModelError, match=r"got 'gated' in x\.onnx; train one with"):
        systems.LearnedTrajectory('x.onnx')


# --- the fixed test set -----------------------------------------------------------------------

@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv('OCCPOSE_CACHE', str(tmp_path / 'cache'))
    folder = tmp_path / 'mocap'
    folder.mkdir()
    (folder / 'one.bvh').write_text('a')
    return folder


def test_the_test_set_is_made_once(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def load(_: Path, splits: tuple[str, ...]) -> list[Motion]:
        made.append(splits)
        return [clip for clip in CLIPS if clip.split in splits]

    monkeypatch.setattr(test_set, 'load_motions', load)
    first, again = load_test_set(data, 'test', 0), load_test_set(data, 'test', 0)
    assert made == [('test',)]
    assert content_sha256(first) == content_sha256(again)
    assert content_sha256(first) == content_sha256(recorded_scenes(CLIPS, 0))
    assert again.names == recorded_scenes(CLIPS, 0).names
    np.testing.assert_array_equal(again.cameras.position, first.cameras.position)
    load_test_set(data, 'test', 1)
    assert len(made) == 2
    (data / 'one.bvh').write_text('b')
    load_test_set(data, 'test', 0)
    assert len(made) == 3
    assert content_sha256(load_test_set(data, 'test', 1)) != content_sha256(first)


def test_another_split_is_another_set(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = [*CLIPS, *(replace(c, name=f'{c.name}b', split='train') for c in CLIPS[:2])]
    monkeypatch.setattr(test_set, 'load_motions',
                        lambda _, splits: [c for c in clips if c.split in splits])
    people = {split: load_test_set(data, split, 0).valid.any(-1).sum()
              for split in ('train', 'test', 'all')}
    assert people == {'train': 4, 'test': 10, 'all': 14}


def test_without_data_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='Expected a folder of motion capture'):
        load_test_set(tmp_path / 'nowhere', 'test', 0)


# --- tables and pictures ----------------------------------------------------------------------

@pytest.fixture(scope='module')
def outcome(scenes: Scenes, subjects: Subjects) -> Outcome:
    rng = np.random.default_rng(0)
    answers = {'plain': off(subjects, rng, 0.08), 'gated': off(subjects, rng, 0.04)}
    scores: dict[str, dict[str, Score]] = {name: {} for name in answers}
    for protocol in ('clean', 'random50', 'object'):
        for name, answer in answers.items():
            scores[name][protocol] = score(answer, subjects, *given(scenes, protocol))
    shown = given_in('object', scenes, 0)
    hips = np.zeros((*shown.counts.shape, 3)) + np.arange(shown.counts.shape[2])[:, None] * 0.01
    return Outcome(
        scores=scores, ids={'plain': {}, 'gated': {'object': IdScore(0.8, 0.7, 3)}},
        curve={name: {percent: (50.0 + percent, 60.0 + percent) for percent in CURVE}
               for name in answers},
        paths=Paths(protocol='object', truth=hips, said=dict.fromkeys(answers, hips + 0.1),
                    camera=scenes.cameras.position, seen=shown.seen.any(-1), counts=shown.counts))


def test_the_json_has_what_the_contract_says(outcome: Outcome) -> None:
    made = json.loads(json.dumps(results(outcome), allow_nan=False))
    keys = {'mpjpe_mm', 'pa_mpjpe_mm', 'scale_mm', 'accel_mm', 'root_error_m', 'within_1_std',
            'within_2_std'}
    for system in ('plain', 'gated'):
        for protocol in ('clean', 'random50', 'object'):
            figures = made['results'][system][protocol]
            assert keys | {'hidden'} <= figures.keys()
            assert figures['hidden'].keys() == keys
    assert made['results']['gated']['object']['id_switches'] == 3
    assert made['results']['gated']['clean']['hidden']['mpjpe_mm'] is None
    ratio = (made['results']['gated']['random50']['pa_mpjpe_mm']
             / made['results']['plain']['random50']['pa_mpjpe_mm'])
    values = {row['protocol']: row['value'] for row in made['ratios']}
    assert values['random50'] == pytest.approx(ratio, abs=1e-3)
    assert values.keys() == {'clean', 'random50'}
    assert [row['percent_hidden'] for row in made['by_occlusion']['plain']] == list(CURVE)


def test_the_table_lists_all_systems_in_all_protocols(outcome: Outcome) -> None:
    text = markdown(outcome, {'Command': '`occpose`'})
    assert re.search(r'\| plain \| 0\.6\d\d \| 0\.9\d\d \| 0\.6\d\d \| 0\.9\d\d \|', text)
    rows = [line for line in text.splitlines() if line.startswith('|')]
    width = rows[0].count('|')
    assert all(row.count('|') == width for row in rows[:8])
    assert sum('| plain |' in row for row in rows[:8]) == 3
    value = outcome.scores['plain']['random50']
    assert f'| {value.all.mpjpe_mm:.1f} ({value.hidden.mpjpe_mm:.1f}) |' in text
    assert '| gated / plain | random50 | pa_mpjpe_mm | 0.5' in text
    assert '| object | gated | 0.800 | 0.700 | 3 |' in text


def test_pictures_are_drawn(outcome: Outcome, tmp_path: Path) -> None:
    made = plots.draw_all(outcome, tmp_path)
    assert {path.name for path in made} == {'by_occlusion.png', 'by_gap.png', 'calibration.png',
                                            'trajectories.png'}
    assert all(path.stat().st_size > 5000 for path in made)


def test_pictures_show_the_figures(outcome: Outcome) -> None:
    left, right_axes = plots.by_occlusion(outcome).axes
    assert left.lines[0].get_ydata().tolist() == [50 + percent for percent in CURVE]
    assert right_axes.lines[0].get_ydata().tolist() == [60 + percent for percent in CURVE]
    found, stated = plots.by_gap(outcome).axes[0].lines[:2]
    gap = outcome.scores['plain']['random50'].by_gap[0]
    assert found.get_ydata()[0] == pytest.approx(gap.error_mm)
    assert stated.get_ydata()[0] == pytest.approx(gap.error_mm, rel=0.03)      # it is calibrated


@pytest.mark.parametrize(('systems', 'columns'), [(2, 2), (4, 4), (5, 3), (9, 3)])
def test_trajectories_of_many_systems_are_wrapped(outcome: Outcome, systems: int,
                                                  columns: int) -> None:
    paths = outcome.paths
    said = next(iter(paths.said.values()))
    names = [f'system {i}' for i in range(systems)]
    figure = plots.trajectories(replace(paths, said=dict.fromkeys(names, said)))
    shown = [axes for axes in figure.axes if axes.axison]
    scenes = len(shown) // systems
    assert [axes.get_title() for axes in shown] == names * scenes
    assert figure.axes[0].get_gridspec().ncols == columns
