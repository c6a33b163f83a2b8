"""The ablation of CHOMP: true bodies of a test set, errors of bodies, tables that say it."""
from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from toy_motion import walkers

from ros2_occpose.body.cylinder_mesh import cylinder_model
from ros2_occpose.body.kinematics import h36m_of
from ros2_occpose.body.model import BodyModel
from ros2_occpose.commands import evaluate_chomp
from ros2_occpose.errors import DataError, ModelError
from ros2_occpose.evaluation import metrics, network_cost, test_set
from ros2_occpose.evaluation.chomp import (
    LEVELS,
    PROTOCOLS,
    TITLES,
    Bench,
    Errors,
    Outcome,
    Trained,
    ablate,
    judge,
    lift,
    make_bench,
)
from ros2_occpose.evaluation.chomp_plots import draw_all
from ros2_occpose.evaluation.chomp_report import PAPER, markdown, results, verdicts
from ros2_occpose.evaluation.network_cost import Cost, cost_of
from ros2_occpose.evaluation.true_bodies import PosedPeople, true_people, vertex_errors_mm
from ros2_occpose.lifting.normalise import FEATURES, VERSION
from ros2_occpose.training.views.scenes import Scenes, recorded_scenes
from ros2_occpose.types import Floats

SAID = {'normalisation': VERSION, 'fps': '30', 'input_skeleton': 'coco17',
        'output_skeleton': 'h36m17', 'system': 'chomp', 'causal': 'false', 'fill': 'blend',
        'receptive_field': '31', 'dilations': '1', 'body': 'cylinder', 'steps': '7'}
MOTIONS = [replace(motion, split='test') for motion in walkers(people=3, frames=140)]
COST = Cost(parameters=1_000_000, multiply_adds=32_000_000, frames=16)


@pytest.fixture(scope='module')
def body() -> BodyModel:
    return cylinder_model()


@pytest.fixture(scope='module')
def scenes() -> Scenes:
    return recorded_scenes(MOTIONS, seed=1, cameras=1, frames=60)


@pytest.fixture(scope='module')
def bench(scenes: Scenes, body: BodyModel) -> Bench:
    return make_bench(scenes, MOTIONS, body, 0)


class Answers:
    """A network that answers some bodies to the features of a protocol."""

    backend = 'none'
    inputs: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, bench: Bench, people: PosedPeople, metadata: Mapping[str, str] = SAID
                 ) -> None:
        self.metadata = metadata
        self._body, self._people = bench.body, people
        self._known = bench.case('object').inputs('blend')

    def __call__(self, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
        features = arrays['features']
        for at, known in self._known:
            if np.array_equal(known.features, features):
                rotations = self._people.rotations[at].copy()
                rotations[:, :, 0] = (np.swapaxes(known.camera_from_view, -1, -2)
                                      @ rotations[:, :, 0])
                return answer(PosedPeople(betas=self._people.betas[at], rotations=rotations),
                              self._body)
        batch, frames = features.shape[:2]                      # of another protocol: upright
        return answer(PosedPeople(
            betas=np.zeros((batch, frames, self._people.betas.shape[-1])),
            rotations=np.tile(np.eye(3), (batch, frames, 24, 1, 1))), self._body)


def answer(people: PosedPeople, body: BodyModel) -> dict[str, Floats]:
    """What a network says of people."""
    joints = h36m_of(people.points(body))
    return {'joints': (joints - joints[..., :1, :]).astype(np.float32),
            'std': np.ones(joints.shape[:-1], np.float32),
            'betas': people.betas.astype(np.float32),
            'rotations': people.rotations.astype(np.float32)}


def test_true_bodies_stand_as_their_points_do(bench: Bench, scenes: Scenes) -> None:
    valid = scenes.valid.reshape(-1, scenes.valid.shape[-1])
    points = scenes.body_camera.reshape(*valid.shape, 18, 3)[valid]
    found = bench.truth.points(bench.body)[valid]
    error = metrics.root_aligned_mm(h36m_of(found), h36m_of(points.astype(float)))
    assert error.mean() < 40            # their bones differ
    # directions of limbs are the very same: knees from hips
    for array in (found, points):
        array -= array[:, [11]]
    cosine = (found[:, 13] * points[:, 13]).sum(-1) / (
        np.linalg.norm(found[:, 13], axis=-1) * np.linalg.norm(points[:, 13], axis=-1))
    assert cosine.min() > 0.99


def test_clips_that_are_not_those_of_the_test_set_are_refused(scenes: Scenes,
                                                              body: BodyModel) -> None:
    with pytest.raises(DataError, match='among the motions'):
        true_people(scenes, MOTIONS[:1], body)
    others = [replace(motion, offsets=1.1 * motion.offsets) for motion in MOTIONS]
    with pytest.raises(DataError, match='without them'):
        true_people(scenes, others, body)


def test_what_the_network_says_is_turned_into_the_camera(bench: Bench) -> None:
    case = bench.case('object')
    people = lift(Answers(bench, bench.truth), case, bench.body)
    valid = case.subjects.valid
    np.testing.assert_allclose(people.rotations[valid], bench.truth.rotations[valid], atol=1e-5)
    np.testing.assert_allclose(people.betas[valid], bench.truth.betas[valid], atol=1e-5)


@pytest.mark.parametrize('change', [{'causal': 'true'}, {'body': ''}])
def test_networks_without_bodies_are_refused(bench: Bench, change: dict[str, str]) -> None:
    with pytest.raises(ModelError, match='looks both ways'):
        lift(Answers(bench, bench.truth, SAID | change), bench.case('object'), bench.body)


def test_networks_of_another_body_are_refused(bench: Bench) -> None:
    other = replace(bench.body, template=1.1 * bench.body.template)
    fewer = replace(bench.body, shapes=bench.body.shapes[..., :9], meaning=bench.body.meaning[:9])
    with pytest.raises(ModelError, match='9 shape parameters'):
        lift(Answers(bench, bench.truth), bench.case('object'), fewer)
    with pytest.raises(ModelError, match='trained with'):
        lift(Answers(bench, bench.truth), bench.case('object'), other)


def test_errors_are_those_that_were_made(bench: Bench) -> None:
    case = bench.case('object')
    right = judge(bench.truth, case, bench)
    assert right.pve_mm == pytest.approx(0, abs=1e-3)
    turned = bench.truth.rotations.copy()
    turned[:, :, 0] = Rotation.from_euler('z', 20, degrees=True).as_matrix() @ turned[:, :, 0]
    wrong = judge(replace(bench.truth, rotations=turned), case, bench)
    assert wrong.mpjpe_mm > right.mpjpe_mm + 30
    assert wrong.pve_mm > 30
    assert wrong.pa_mpjpe_mm == pytest.approx(right.pa_mpjpe_mm, abs=1e-6)
    assert wrong.lsp_pa_mpjpe_mm == pytest.approx(right.lsp_pa_mpjpe_mm, abs=1e-6)
    noise = np.random.default_rng(0).normal(0, 0.05, (*case.counts.shape, 3))
    shaken = bench.truth.rotations.copy()
    shaken[:, :, 0] = Rotation.from_rotvec(noise.reshape(-1, 3)).as_matrix().reshape(
        *noise.shape, 3) @ shaken[:, :, 0]
    shaky = judge(replace(bench.truth, rotations=shaken), case, bench)
    assert shaky.accel_mm > 5 * right.accel_mm


def test_a_taller_body_is_off_by_its_vertices(bench: Bench) -> None:
    some = np.zeros(bench.case('object').counts.shape, bool)
    some[0, 3] = True
    betas = bench.truth.betas.copy()
    betas[..., 0] += 1                                          # 4 % taller
    [error] = vertex_errors_mm(bench.body, replace(bench.truth, betas=betas), bench.truth, some)
    vertices = bench.body(bench.truth.betas[0, 3], bench.truth.rotations[0, 3],
                          np.zeros(3)).vertices
    hips = bench.truth.points(bench.body)[0, 3, 11:13].mean(0)
    # marks beside the joints stay where they are, so the middle of the hips moves less than 4 %
    assert error == pytest.approx(40 * np.linalg.norm(vertices - hips, axis=-1).mean(), rel=0.06)


def test_things_hide_the_shares_of_figure_7(bench: Bench) -> None:
    cases = [bench.covered(percent) for percent in LEVELS]
    lost = cases[0].share_hidden
    for percent, case in zip(LEVELS, cases):
        visible = 1 - case.seen[case.subjects.valid].mean()
        assert visible == pytest.approx(lost + percent / 100 * (1 - lost), abs=0.08)
    np.testing.assert_array_equal(cases[3].seen, bench.covered(30).seen)


def test_true_2d_joints_are_all_given(bench: Bench) -> None:
    case = bench.case('random50')
    given = bench.with_true_2d(case)
    assert given.seen[case.counts].mean() > 0.99
    np.testing.assert_array_equal(given.hidden, case.hidden)
    joints = case.subjects.joints_camera[case.counts]
    hips = given.subjects.rays[..., 11:13, :].mean(-2)[case.counts]
    np.testing.assert_allclose(hips, joints[:, 0, :2] / joints[:, 0, 2:], atol=0.01)


def test_all_rows_are_judged_in_one_go(bench: Bench, tmp_path: Path) -> None:
    session = Answers(bench, bench.truth)
    networks = [Trained(row=row, seed=0, session=session, cost=COST) for row in (3, 5, 6)]
    outcome = ablate(networks, bench)
    assert set(outcome.errors) == {(3, 0), (5, 0), (6, 0), (7, 0)}
    assert set(outcome.curves) == {(3, 0), (5, 0)}
    assert outcome.errors[6, 0]['object'].mpjpe_mm == pytest.approx(outcome.floor.mpjpe_mm,
                                                                    abs=0.01)
    assert outcome.errors[6, 0]['random50'].mpjpe_mm > outcome.floor.mpjpe_mm + 20
    draw_all(outcome, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'rows.png', 'occlusion.png'}


def outcome_of(mpjpe: dict[int, float], accel: dict[int, float] | None = None) -> Outcome:
    """An outcome in which rows err by so many mm."""
    errors = {}
    for row, mm in mpjpe.items():
        found = Errors(mpjpe_mm=mm, pa_mpjpe_mm=0.7 * mm, pve_mm=1.1 * mm,
                       accel_mm=(accel or {}).get(row, 10.0), hidden_mpjpe_mm=float('nan'),
                       hidden_pa_mpjpe_mm=2 * mm, hidden_accel_mm=9.0, lsp_mpjpe_mm=mm,
                       lsp_pa_mpjpe_mm=mm)
        errors[row, 0] = dict.fromkeys(PROTOCOLS, found)
        errors[row, 1] = dict.fromkeys(PROTOCOLS, replace(found, mpjpe_mm=mm + 1))
    curves = {(row, 0): {p: (mpjpe[row] * (1 + p / 100), 2.0 * p) for p in LEVELS}
              for row in (0, 3, 5) if row in mpjpe}
    return Outcome(errors=errors, curves=curves, costs=dict.fromkeys(mpjpe, COST),
                   shares={'object': 0.2, 'random50': 0.5}, floor=errors[max(mpjpe), 0]['object'])


def test_goals_are_those_of_the_paper() -> None:
    as_paper = outcome_of({row: PAPER[title][0] for row, title in enumerate(TITLES)},
                          {row: PAPER[title][3] for row, title in enumerate(TITLES)})
    found = verdicts(as_paper)
    assert len(found) == 6
    assert [verdict.found.split()[0] for verdict in found[:4]] == [
        '0.916', '0.874', '0.637', '1.002']          # + 1 mm in one of the two seeds
    assert [verdict.reached for verdict in found[1:]] == [True] * 5
    bad = verdicts(outcome_of(dict.fromkeys(range(8), 60.0)))
    assert [verdict.reached for verdict in bad] == [False, False, False, True, False, False]
    assert verdicts(outcome_of({0: 70.0, 1: 72.0})) == []


def test_the_tables_hold_all_rows() -> None:
    outcome = outcome_of({row: PAPER[title][0] for row, title in enumerate(TITLES)})
    text = markdown(outcome, {'Command': '`x`'})
    for title, paper in PAPER.items():
        assert text.count(f'| {title} | 2 | {paper[0] + 0.5:.1f} |') == 2
    assert '| 1.00 M | 0.032 G | 2.0 M | 19.2 M, 0.49 G |' in text
    report = json.loads(json.dumps(results(outcome), allow_nan=False))
    assert [entry['row'] for entry in report['rows']] == list(TITLES)
    assert len(report['runs']) == 16
    assert report['rows'][0]['protocols']['object']['spread_mm'] == 1
    assert report['runs'][0]['object']['hidden_mpjpe_mm'] is None


def test_rows_may_be_missing(tmp_path: Path) -> None:
    outcome = replace(outcome_of({1: 70.0, 6: 60.0}), curves={})
    assert 'Sensitivity' not in markdown(outcome, {})
    assert len(verdicts(outcome)) == 0
    draw_all(outcome, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'rows.png'}


def save_network(path: Path, metadata: Mapping[str, str] = SAID) -> None:
    """A network of products whose bodies are all alike."""
    onnx = pytest.importorskip('onnx', reason='needs onnx: pip install ros2_occpose[onnx]')
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    sizes = {'joints': (17, 3), 'std': (17,), 'rotations': (24, 3, 3), 'betas': (10,)}
    some = answer(PosedPeople(betas=np.ones((1, 1, 10)), rotations=np.tile(
        np.eye(3), (1, 1, 24, 1, 1))), cylinder_model())
    nodes, weights = [], []
    for name, shape in sizes.items():
        count = int(np.prod(shape))
        weights += [
            numpy_helper.from_array(np.zeros((FEATURES, count), np.float32), f'w_{name}'),
            numpy_helper.from_array(some[name].ravel(), f'b_{name}'),
            numpy_helper.from_array(np.array([0, 0, *shape]), f's_{name}')]
        nodes += [helper.make_node('MatMul', ['features', f'w_{name}'], [f'm_{name}']),
                  helper.make_node('Add', [f'm_{name}', f'b_{name}'], [f'a_{name}']),
                  helper.make_node('Reshape', [f'a_{name}', f's_{name}'], [name])]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, 'bodies', [value('features', 1, ['batch', 'frames', FEATURES])],
        [value(name, 1, ['batch', 'frames', *shape]) for name, shape in sizes.items()], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    helper.set_model_props(model, dict(metadata))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def test_products_and_parameters_are_counted(tmp_path: Path) -> None:
    save_network(tmp_path / 'chomp.onnx')
    cost = cost_of(tmp_path / 'chomp.onnx', np.zeros((1, 16, FEATURES)))
    outputs = 17 * 3 + 17 + 24 * 9 + 10
    assert cost == Cost(parameters=(FEATURES + 1) * outputs, frames=16,
                        multiply_adds=16 * FEATURES * outputs)
    (tmp_path / 'bad.onnx').write_bytes(b'nothing')
    with pytest.raises(ModelError, match='Cannot count'):
        cost_of(tmp_path / 'bad.onnx', np.zeros((1, 16, FEATURES)))


def test_products_of_other_kinds() -> None:
    shapes = [(2, 5, 3), (3, 7)]
    assert network_cost._einsum('...i,ij->...j', shapes) == 2 * 5 * 3 * 7
    assert network_cost._einsum('bti,ij->btj', shapes) == 2 * 5 * 3 * 7
    with pytest.raises(ModelError, match='two arrays'):
        network_cost._einsum('a,a,a->a', [(2,)] * 3)


def test_the_command_judges_a_folder(tmp_path: Path, scenes: Scenes,
                                     monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    networks = tmp_path / 'networks'
    for row in (4, 6):
        save_network(networks / f'row{row}-seed0' / 'chomp.onnx')
    monkeypatch.setattr(test_set, 'load_test_set', lambda *_: scenes)
    monkeypatch.setattr('ros2_occpose.training.mocap.motion.load_motions', lambda *_: MOTIONS)
    parser = argparse.ArgumentParser()
    evaluate_chomp.add_arguments(parser)
    words = ['--data', str(tmp_path), '--networks', str(networks), '--output',
             str(tmp_path / 'out'), '--no-curve']
    evaluate_chomp.run(parser.parse_args(words))
    printed = capsys.readouterr().out
    report = json.loads((tmp_path / 'out' / 'results.json').read_text())
    assert report['body'] == 'cylinder'
    assert [entry['row'] for entry in report['rows']] == [TITLES[3], TITLES[5]]
    assert report['goals'][0]['found'].startswith('1.000')
    assert (tmp_path / 'out' / 'results.md').read_text() in printed
    assert str(tmp_path) not in json.dumps(report)
    save_network(networks / 'row9-seed0' / 'chomp.onnx')
    with pytest.raises(DataError, match='row1-seed0'):
        evaluate_chomp.run(parser.parse_args(words))
    with pytest.raises(DataError, match='got none'):
        evaluate_chomp.run(parser.parse_args([*words[:3], str(tmp_path / 'out'), *words[4:]]))
