"""Recordings against references: known errors give the numbers that a hand computes."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation
from walker import Walker, walk

from ros2_occpose.errors import DataError
from ros2_occpose.evaluation.bag.comparison import Comparison, Options, compare
from ros2_occpose.evaluation.bag.matching import expected_people, match_all
from ros2_occpose.evaluation.bag.plots import draw_all
from ros2_occpose.evaluation.bag.report import markdown, notes, results
from ros2_occpose.evaluation.bag.scoring import pieces
from ros2_occpose.evaluation.bag.skeletons import Reference, Said
from ros2_occpose.geometry import se3, transform
from ros2_occpose.skeleton import H36M17
from ros2_occpose.types import Floats, Ints, JointState

motmetrics = pytest.importorskip('motmetrics', reason='needs motmetrics: ros2_occpose[evaluate]')

FPS = 30.0
HIP, WRIST = H36M17.indices('hip', 'left_wrist')
SAME = Options(align='none')
WORLD = 'world'


def stamps(frames: int, first_s: float = 100.0) -> Ints:
    return np.round((first_s + np.arange(frames) / FPS) * 1e9).astype(np.int64)


def walking(frames: int, people: int = 1) -> Floats:
    """(T, P, 17, 3): people who walk different ways, 2 m apart at least."""
    times = np.arange(frames) / FPS
    ways = [Walker([(-1, -1, 3.0 * i), (2 + i, 1, 3.0 * i + 0.3), (40, 20, 3.0 * i)], phase=i)
            for i in range(people)]
    return np.stack([walk(way, times)[0] for way in ways], 1)


def standing(frames: int, people: int = 1) -> Floats:
    """(T, P, 17, 3): people who do not move, 3 m apart."""
    return np.repeat(walking(1, people), frames, axis=0)


def reference(joints: Floats, *, states: Ints | None = None, first_s: float = 100.0,
              frame_id: str | None = WORLD) -> Reference:
    people = tuple(f'person {i}' for i in range(joints.shape[1]))
    return Reference(stamps_ns=stamps(len(joints), first_s), people=people, joints=joints,
                     states=states, frame_id=frame_id, kind='test')


def said(joints: Floats, ids: Sequence[int] | None = None, first_s: float = 100.0) -> list[Said]:
    """The same people in every frame; people whose hip is NaN are not said."""
    numbers = np.array(ids if ids is not None else range(1, joints.shape[1] + 1))
    return [Said(stamp_ns=int(stamp), ids=numbers[np.isfinite(row[:, HIP, 0])],
                 joints=row[np.isfinite(row[:, HIP, 0])], spent_ms=float(t))
            for t, (stamp, row) in enumerate(zip(stamps(len(joints), first_s), joints))]


def judged(predicted: Floats, truth: Floats, **fields: Ints) -> Comparison:
    return compare(said(predicted), WORLD, reference(truth, **fields), SAME)


# --- errors of poses and trajectories ---------------------------------------------------------

def test_the_truth_is_without_error() -> None:
    truth = walking(150, 2)
    found = judged(truth, truth).figures
    for name in ('w_mpjpe_mm', 'wa_mpjpe_mm', 'pa_mpjpe_mm', 'mpjpe_mm', 'root_error_m',
                 'rte_percent', 'accel_mm'):
        assert getattr(found, name) == pytest.approx(0, abs=1e-6), name
    assert (found.recall, found.idf1, found.mota, found.id_switches) == (1, 1, 1, 0)
    assert found.joints == 150 * 2 * 17


def test_a_constant_offset_is_an_error_of_the_root_only() -> None:
    truth = walking(150)
    found = judged(truth + np.array([0.1, 0, 0]), truth).figures
    assert found.root_error_m == pytest.approx(0.1)
    for name in ('w_mpjpe_mm', 'wa_mpjpe_mm', 'pa_mpjpe_mm', 'mpjpe_mm', 'rte_percent'):
        assert getattr(found, name) == pytest.approx(0, abs=1e-6), name


def test_a_person_too_large_is_an_error_around_the_hip_only() -> None:
    truth = standing(20)
    hip = truth[..., HIP, None, :]
    found = judged(hip + 1.1 * (truth - hip), truth).figures
    assert found.mpjpe_mm == pytest.approx(100 * np.linalg.norm(truth - hip, axis=-1).mean())
    for name in ('pa_mpjpe_mm', 'w_mpjpe_mm', 'wa_mpjpe_mm', 'root_error_m'):
        assert getattr(found, name) == pytest.approx(0, abs=1e-6), name


def test_drift_counts_from_the_first_two_frames_or_around_the_middle() -> None:
    """1 mm a frame: (k - 0.5) mm in frame k after the first two are aligned; else k - 49.5."""
    truth = standing(100)
    drift = np.arange(100)[:, None, None, None] * np.array([0.001, 0, 0])
    found = judged(truth + drift, truth).figures
    frames = np.arange(100)
    assert found.w_mpjpe_mm == pytest.approx(np.abs(frames - 0.5).mean(), rel=0.01)
    assert found.wa_mpjpe_mm == pytest.approx(np.abs(frames - 49.5).mean(), rel=0.01)
    assert found.root_error_m == pytest.approx(0.0495)
    assert np.isnan(found.rte_percent)                          # nobody went anywhere


def test_drift_starts_anew_with_each_piece_of_a_hundred_frames() -> None:
    assert pieces(99) == [slice(0, 99)]
    assert pieces(250) == [slice(0, 100), slice(100, 250)]
    truth = standing(200)
    drift = np.arange(200)[:, None, None, None] * np.array([0.001, 0, 0])
    found = judged(truth + drift, truth).figures
    assert found.w_mpjpe_mm == pytest.approx(np.abs(np.arange(100) - 0.5).mean(), rel=0.01)


def test_the_trajectory_error_is_rigid_and_in_per_cent_of_the_way() -> None:
    """A straight way of 4 m said to be 4.4 m: off by 0.1 |x|, whose mean is 10 % of 1 m."""
    x = np.linspace(-2, 2, 201)
    truth = standing(201) + np.stack([x, 0 * x, 0 * x], 1)[:, None, None]
    longer = truth + np.stack([0.1 * x, 0 * x, 0 * x], 1)[:, None, None]
    turned = Rotation.from_euler('xyz', [0.3, -0.2, 0.9]).as_matrix()
    found = compare(said(longer @ turned.T), WORLD, reference(truth),
                    Options(align='none', gate_m=20))
    assert found.errors.way_m[0] == pytest.approx(4)
    assert found.figures.rte_percent == pytest.approx(100 * 0.1 * np.abs(x).mean() / 4)
    assert found.figures.rte_percent == pytest.approx(2.5, abs=0.02)


def test_jitter_of_one_joint() -> None:
    """5 mm to and fro bends by 20 mm a frame^2: 4 times 5, in one of 17 joints."""
    truth = standing(30)
    shaken = truth.copy()
    shaken[::2, :, WRIST, 2] += 0.0025
    shaken[1::2, :, WRIST, 2] -= 0.0025
    assert judged(shaken, truth).figures.accel_mm == pytest.approx(10 / 17)


# --- hidden joints and people -----------------------------------------------------------------

def test_hidden_joints_are_judged_apart() -> None:
    truth = standing(40)
    states = np.zeros(truth.shape[:-1], int)
    states[10:30, :, WRIST] = JointState.OCCLUDED
    wrong = truth.copy()
    wrong[10:30, :, WRIST, 0] += 0.17
    found = judged(wrong, truth, states=states)
    assert found.figures.mpjpe_mm == pytest.approx(170 / 17 / 2)
    assert found.figures_hidden is not None
    assert found.figures_hidden.mpjpe_mm == pytest.approx(170)
    assert found.figures_hidden.joints == 20
    assert np.isnan(found.figures_hidden.root_error_m)          # no hip was hidden
    assert np.isnan([found.figures_hidden.recall, found.figures_hidden.idf1]).all()     # no half


def test_hidden_people_have_a_recall_of_their_own() -> None:
    truth = standing(60, 2)
    states = np.zeros(truth.shape[:-1], int)
    states[20:40, 1] = JointState.PREDICTED
    forgotten = truth.copy()
    forgotten[30:40, 1] = np.nan
    found = judged(forgotten, truth, states=states)
    assert found.figures.recall == pytest.approx(110 / 120)
    assert found.figures_hidden is not None
    assert found.figures_hidden.recall == pytest.approx(10 / 20)
    assert found.figures_hidden.mota == pytest.approx(10 / 20)
    assert found.figures_hidden.root_error_m == pytest.approx(0)


def test_who_was_unseen_for_long_or_has_left_is_not_expected() -> None:
    states = np.zeros((120, 2, 17), int)
    states[10:, 0] = JointState.OCCLUDED
    states[10:, 1] = JointState.OUT_OF_VIEW
    there = np.ones((120, 2), bool)
    expected = expected_people(states, there, stamps(120), 1.5)
    np.testing.assert_array_equal(np.flatnonzero(expected[:, 0]), np.arange(10 + 45))
    np.testing.assert_array_equal(np.flatnonzero(expected[:, 1]), np.arange(10))
    assert expected_people(None, there, stamps(120), 1.5).all()
    truth = standing(120, 2)
    found = judged(truth, truth, states=states).figures
    assert (found.recall, found.mota, found.idf1) == (1, 1, 1)      # neither right nor wrong


# --- people and ids ---------------------------------------------------------------------------

def test_swapped_ids_counted_by_hand() -> None:
    """Ten frames; after six the ids are swapped: 12 of 20 right, two switches."""
    truth = standing(10, 2)
    answers = said(truth[:6], [1, 2]) + said(truth[:4], [2, 1], first_s=100 + 6 / FPS)
    found = compare(answers, WORLD, reference(truth), SAME)
    assert found.figures.idf1 == pytest.approx(12 / 20)
    assert found.figures.id_switches == 2
    assert found.figures.mota == pytest.approx(1 - 2 / 20)
    assert [one.id_switches for one in found.people] == [1, 1]


def test_missing_and_invented_people() -> None:
    truth = standing(10, 2)
    answers = truth.copy()
    answers[:3, 1] = np.nan                                     # 3 of 20 missed
    invented = truth[:, :1] + np.array([0, -9, 0])              # 10 times
    ghost = np.concatenate([answers, invented], axis=1)
    found = judged(ghost, truth).figures
    assert found.recall == pytest.approx(17 / 20)
    assert found.mota == pytest.approx(1 - 13 / 20)


def test_beyond_the_gate_is_somebody_else() -> None:
    truth = standing(10)
    found = judged(truth + np.array([1.2, 0, 0]), truth).figures
    assert (found.recall, found.mota, found.joints) == (0, -1, 0)
    assert np.isnan(found.root_error_m)
    wide = compare(said(truth + np.array([1.2, 0, 0])), WORLD, reference(truth),
                   Options(align='none', gate_m=1.5)).figures
    assert wide.root_error_m == pytest.approx(1.2)


def test_a_match_is_kept_while_it_is_near_enough() -> None:
    """Two people whose hips change places slowly: the nearer one is not taken over."""
    hips = np.array([[[0.0, 0, 1], [0.5, 0, 1]]] * 2)
    joints = np.repeat(hips[:, :, None], 17, 2)
    answers = said(joints)
    answers[1] = replace(answers[1], joints=joints[1] + np.array([0.3, 0, 0]) * [[[1]], [[-1]]])
    np.testing.assert_array_equal(match_all(answers, hips, 1.0), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(match_all(answers[1:], hips[1:], 1.0), [[1, 0]])


# --- time and frame of the reference ----------------------------------------------------------

def test_clock_frame_and_names_of_people_may_be_others() -> None:
    """A reference 0.13 s late, at 100 Hz, turned, moved, with people in another order."""
    times = np.arange(0, 6, 0.01)
    ways = [Walker([(-1, -1, 3.0 * i), (2 + i, 1, 3.0 * i + 0.3), (40, 20, 3.0 * i)], phase=i)
            for i in range(3)]
    moved = se3(Rotation.from_euler('xyz', [1.6, 0.2, -2.0]).as_matrix(), np.array([5.0, -3, 2]))
    truth = np.stack([walk(ways[i], times)[0] for i in (2, 0, 1)], 1)
    other = Reference(stamps_ns=np.round((100.13 + times) * 1e9).astype(np.int64),
                      people=('c', 'a', 'b'), joints=transform(moved, truth), states=None,
                      frame_id=None, kind='test')
    answers = said(walking(180, 3), [7, 9, 4])
    found = compare(answers, WORLD, other, Options(max_shift_s=0.5))
    assert found.clock.shift_s == pytest.approx(-0.13, abs=0.004)
    assert found.clock.likeness > 0.99
    assert found.recording_from_reference is not None
    np.testing.assert_allclose(found.recording_from_reference @ moved, np.eye(4), atol=0.02)
    assert found.figures.root_error_m < 0.006
    assert found.figures.pa_mpjpe_mm < 3
    assert (found.figures.idf1, found.figures.recall) == (1, 1)
    ids = [found.said[0].ids[row] for row in found.rows[0]]
    assert ids == [4, 7, 9]
    wrong_clock = compare(answers, WORLD, other, Options(max_shift_s=0))
    assert wrong_clock.clock.shift_s == 0
    assert wrong_clock.figures.pa_mpjpe_mm > 3 * found.figures.pa_mpjpe_mm


def test_clocks_without_anything_in_common_begin_together() -> None:
    truth = walking(90)
    found = compare(said(truth, first_s=1_700_000_000), WORLD, reference(truth, first_s=0.0),
                    Options(max_shift_s=0.5))
    assert found.clock.from_the_start
    assert found.clock.shift_s == pytest.approx(1_700_000_000, abs=1e-3)
    assert found.figures.root_error_m == pytest.approx(0, abs=1e-3)


def test_the_clock_is_looked_for_only_where_the_frame_is_not_named() -> None:
    truth = walking(90)
    late = reference(truth, first_s=100.1)
    assert compare(said(truth), WORLD, late, Options()).clock.shift_s == 0
    unnamed = reference(truth, first_s=100.1, frame_id=None)
    found = compare(said(truth), WORLD, unnamed, Options())
    assert found.clock.shift_s == pytest.approx(-0.1, abs=0.004)
    assert found.figures.root_error_m < 0.005


def shaky(joints: Floats, rng: np.random.Generator, metres: float = 0.03) -> Floats:
    """With errors of each joint that last for a third of a second, as lifters make them."""
    noise = gaussian_filter1d(rng.standard_normal(joints.shape), 0.15 * FPS, axis=0)
    return joints + metres / noise.std() * noise


def test_the_clock_is_found_although_skeletons_are_wrong(rng: np.random.Generator) -> None:
    truth = walking(240, 2)
    for late_s in (-0.3, 0.0, 0.2):
        found = compare(said(shaky(truth, rng)), WORLD,
                        reference(truth, first_s=100 + late_s, frame_id=None), Options())
        assert found.clock.shift_s == pytest.approx(-late_s, abs=0.03)
        assert 0.3 < found.clock.likeness < 0.9


def test_errors_alone_do_not_set_the_clock(rng: np.random.Generator) -> None:
    truth = standing(240, 2)
    found = compare(said(shaky(truth, rng)), WORLD, reference(shaky(truth, rng), frame_id=None),
                    Options())
    assert found.clock.shift_s == 0
    assert 'no shift' in found.clock.note


def test_a_short_recording_is_searched_less() -> None:
    truth = walking(40)
    found = compare(said(truth), WORLD, reference(truth), Options(max_shift_s=2.0))
    assert found.clock.searched_s == pytest.approx(39 / FPS / 4)
    assert found.clock.shift_s == pytest.approx(0, abs=1e-3)


def test_people_who_do_not_move_leave_the_clock_alone() -> None:
    truth = standing(60)
    found = compare(said(truth), WORLD, reference(truth), Options(max_shift_s=0.5))
    assert found.clock.shift_s == 0
    assert 'no shift' in found.clock.note
    assert any('no shift' in note for note in notes(found))


def test_the_frames_of_another_recording_are_refused() -> None:
    truth = walking(60)
    later = reference(truth, first_s=102.5)
    with pytest.raises(DataError, match=r'100\.000 to 101\.967 s\), got one of 102\.5'):
        compare(said(truth), WORLD, later, SAME)


def test_frames_outside_of_the_reference_are_left_out_and_told() -> None:
    truth = walking(90)
    found = compare(said(truth), WORLD, reference(truth[:60]), SAME)
    assert len(found.said) == 60
    assert any('30 of 90 frames' in note for note in notes(found))


def test_gaps_of_the_reference_are_not_bridged() -> None:
    truth = walking(90)
    lacking = reference(truth)
    keep = np.r_[0:30, 50:90]
    lacking = replace(lacking, stamps_ns=lacking.stamps_ns[keep], joints=truth[keep])
    found = compare(said(truth), WORLD, lacking, SAME)
    assert len(found.said) == 70
    assert found.figures.root_error_m == pytest.approx(0, abs=1e-9)
    assert np.isfinite(found.errors.accel_mm[:, 0, 1]).sum() == 70 - 4     # not across the gap


def test_nobody_to_align_is_an_error() -> None:
    truth = walking(30)
    nobody = said(np.full_like(truth, np.nan))
    with pytest.raises(DataError, match='got none to align'):
        compare(nobody, WORLD, reference(truth, frame_id=None), Options())
    found = compare(nobody, WORLD, reference(truth), SAME).figures
    assert (found.recall, found.mota) == (0, 0)


# --- recordings that begin anew ---------------------------------------------------------------

def test_a_bag_that_loops_is_no_switch_of_ids_and_no_jump() -> None:
    truth = walking(60, 2)
    answers = said(truth, [1, 2]) + said(truth, [3, 4])
    found = compare(answers, WORLD, reference(truth), SAME)
    assert len(found.said) == 120
    assert (found.figures.id_switches, found.figures.mota) == (0, 1)
    assert [one.id_switches for one in found.people] == [0, 0]
    assert found.figures.accel_mm == pytest.approx(0, abs=1e-6)
    assert found.errors.way_m[0] == pytest.approx(
        2 * np.linalg.norm(np.diff(truth[:, 0, HIP], axis=0), axis=-1).sum())


# --- the report -------------------------------------------------------------------------------

def test_only_common_joints_count_and_the_report_names_them(tmp_path) -> None:
    truth = walking(40)
    truth[..., H36M17.index('head'), :] = np.nan
    wrong = np.nan_to_num(truth, nan=77.0)
    found = judged(wrong, truth)
    assert found.figures.mpjpe_mm == pytest.approx(0, abs=1e-9)
    assert found.figures.joints == 40 * 16
    report = results(found)
    assert 'head' not in report['joints_compared']
    assert len(report['joints_compared']) == 16
    assert report['hidden'] is None
    assert report['latency_ms'] == pytest.approx(19.5)
    assert report['latency_p95_ms'] == pytest.approx(37.05)
    table = markdown(found, notes(found), {'Command': 'x'})
    assert '| recall | 1.000 | – |' in table
    assert 'does not say what was hidden' in table
    for path in draw_all(found, tmp_path, upright=False):
        assert path.stat().st_size > 5000
