"""What evaluate bag says about hidden people: known errors give the numbers a hand computes."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi

from ros2_occpose.evaluation.bag.comparison import Comparison, Options, compare
from ros2_occpose.evaluation.bag.hiding import (
    errors_since,
    ids_kept,
    root_median_m,
    seconds_since,
    standing,
    stated,
)
from ros2_occpose.evaluation.bag.report import markdown, results
from ros2_occpose.evaluation.bag.skeletons import Reference, Said
from ros2_occpose.types import Floats, Ints, JointState

pytest.importorskip('motmetrics', reason='needs motmetrics: ros2_occpose[evaluate]')

FPS, FRAMES = 30, 300
STAMPS = (10 ** 9 + np.arange(FRAMES) * 10 ** 9 // FPS).astype(np.int64)
SAME = Options(align='none', max_shift_s=0.0)
# a body that stands at (4, 0), as wide as it is
BODY = np.array([4.0, 0.0, 0.9]) + 0.3 * np.random.default_rng(0).normal(size=(17, 3))


def truth_of(states: Ints) -> Reference:
    return Reference(stamps_ns=STAMPS, people=('1',), joints=np.tile(BODY, (FRAMES, 1, 1, 1)),
                     states=states[:, None], frame_id='odom', kind='test')


def seen_but(start: int, end: int, state: JointState = JointState.OCCLUDED) -> Ints:
    """States (T, 17): everything is seen but between two frames."""
    states = np.zeros((FRAMES, 17), int)
    states[start:end] = state
    return states


def judged(states: Ints, joints: Floats, ids: Ints | None = None, eye: Floats | None = None,
           covariance: Floats | None = None) -> Comparison:
    ids = np.ones(FRAMES, int) if ids is None else ids
    said = [Said(stamp_ns=int(STAMPS[t]), ids=np.array([ids[t]]), joints=joints[t][None],
                 eye=None if eye is None else eye[t],
                 covariance=None if covariance is None else covariance[t][None])
            if ids[t] else Said(stamp_ns=int(STAMPS[t]), ids=np.zeros(0, int),
                                joints=np.zeros((0, 17, 3)), eye=None if eye is None else eye[t])
            for t in range(FRAMES)]
    return compare(said, 'odom', truth_of(states), SAME)


def test_time_since_something_was_seen() -> None:
    seen = np.array([False, True, False, False, True])[:, None]
    stamps = np.arange(5) * 10 ** 9
    assert seconds_since(seen, stamps, np.zeros(5, int))[:, 0].tolist() == pytest.approx(
        [np.nan, 0, 1, 2, 0], nan_ok=True)
    again = seconds_since(seen, stamps, np.array([0, 0, 0, 1, 1]))[:, 0]
    assert np.isnan(again[3])
    assert again[4] == 0


def test_errors_that_grow_while_hidden_are_found_in_their_bins() -> None:
    joints = np.tile(BODY, (FRAMES, 1, 1))
    hidden = np.arange(100, 145)
    joints[hidden, :, 0] += 0.4 * (hidden - 99)[:, None] / FPS        # 0.4 m in each second
    since = errors_since(judged(seen_but(100, 145), joints))
    assert since is not None
    assert since.joint_m[0] == pytest.approx(0, abs=1e-9)
    seconds = np.array([0.133, 0.383, 0.767, 1.267])
    assert since.joint_m[1:5] == pytest.approx(0.4 * seconds, abs=0.01)
    assert since.root_m[1:5] == pytest.approx(since.joint_m[1:5])
    assert since.around_hip_mm[1:5] == pytest.approx(np.zeros(4), abs=1e-6)
    assert np.isnan(since.joint_m[5])
    assert since.joints[5] == 0
    assert since.joints[:5].sum() == FRAMES * 17


@pytest.mark.parametrize(('after', 'kept'), [(1, 1), (2, 0), (0, 0)])
def test_an_id_is_kept_over_a_hiding_or_not(after: int, kept: int) -> None:
    ids = np.ones(FRAMES, int)
    ids[130:] = after
    found = ids_kept(judged(seen_but(100, 130), np.tile(BODY, (FRAMES, 1, 1)), ids))
    assert found is not None
    assert (found.spells, found.kept, found.longer) == (1, kept, 0)


def test_long_hidings_are_counted_apart_and_leaving_the_image_is_none() -> None:
    body = np.tile(BODY, (FRAMES, 1, 1))
    long = ids_kept(judged(seen_but(100, 160), body))
    assert long is not None
    assert (long.spells, long.longer, long.longer_kept) == (0, 1, 1)
    left = ids_kept(judged(seen_but(100, 130, JointState.OUT_OF_VIEW), body))
    assert left is not None
    assert (left.spells, left.longer) == (0, 0)
    flicker = ids_kept(judged(seen_but(100, 101), body))
    assert flicker is not None
    assert flicker.spells == 0


def test_nobody_can_lose_an_id_that_was_never_given() -> None:
    ids = np.ones(FRAMES, int)
    ids[:131] = 0
    found = ids_kept(judged(seen_but(100, 130), np.tile(BODY, (FRAMES, 1, 1)), ids))
    assert found is not None
    assert found.spells == 0


def test_a_right_covariance_holds_its_share(rng: np.random.Generator) -> None:
    shape = np.diag([0.3, 0.05, 0.1]) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    covariance = np.tile(shape @ shape.T, (FRAMES, 17, 1, 1))
    joints = BODY + rng.normal(size=(FRAMES, 17, 3)) @ shape.T
    found = stated(judged(seen_but(100, 130), joints, covariance=covariance))
    assert found is not None
    assert found['all'].count == FRAMES * 17
    assert found['hidden'].count == 30 * 17
    assert found['all'].within_1_std == pytest.approx(chi.cdf(1.88, 3), abs=0.02)
    assert found['seen'].within_2_std == pytest.approx(chi.cdf(2.80, 3), abs=0.02)
    tight = stated(judged(seen_but(100, 130), joints, covariance=covariance / 4))
    assert tight is not None
    assert tight['all'].within_1_std < 0.25
    assert stated(judged(seen_but(100, 130), joints)) is None


def test_drift_of_somebody_who_stands_is_measured_only_before_a_moving_camera() -> None:
    still, going = np.zeros((FRAMES, 3)), np.linspace((0, 0, 1), (0, 2, 1), FRAMES)
    joints = BODY + (0.3 * np.arange(FRAMES) / FRAMES)[:, None, None] * np.array([1.0, 0, 0])
    assert standing(judged(seen_but(0, 0), joints, eye=still)) == []
    [one] = standing(judged(seen_but(0, 0), joints, eye=going))
    assert one.camera_way_m == pytest.approx(2)
    assert one.drift_most_m == pytest.approx(0.3 * (FRAMES - 30) / FRAMES, abs=0.02)
    assert one.drift_m == pytest.approx(one.drift_most_m / 2, abs=0.03)
    [steady] = standing(judged(seen_but(0, 0), np.tile(BODY + 0.5, (FRAMES, 1, 1)), eye=going))
    assert steady.drift_most_m == pytest.approx(0, abs=1e-9)


def test_the_median_of_roots_counts_those_near_the_camera() -> None:
    joints = np.tile(BODY + np.array([0.2, 0, 0]), (FRAMES, 1, 1))
    near, far = np.zeros((FRAMES, 3)), np.tile([-9.0, 0, 0], (FRAMES, 1))
    assert root_median_m(judged(seen_but(0, 0), joints, eye=near)) == pytest.approx(0.2)
    assert np.isnan(root_median_m(judged(seen_but(0, 0), joints, eye=far)))


def test_the_report_says_all_of_it() -> None:
    eye = np.linspace((0, 0, 1), (0, 2, 1), FRAMES)
    covariance = np.tile(0.01 * np.eye(3), (FRAMES, 17, 1, 1))
    found = judged(seen_but(100, 130), np.tile(BODY, (FRAMES, 1, 1)), eye=eye,
                   covariance=covariance)
    report = results(found)
    assert report['ids_after_hiding'] == {'spells': 1, 'kept': 1, 'longer': 0, 'longer_kept': 0}
    assert report['stated']['all']['within_1_std'] == 1
    assert [row['to_s'] for row in report['since_seen']] == [0, 0.25, 0.5, 1, 1.5, 2.5]
    assert report['standing'][0]['drift_m'] == 0
    assert report['root_median_m'] == 0
    text = markdown(found, [], {})
    assert '1 of 1 kept up to 1.5 s' in text
    assert '| 0.25 to 0.5 s |' in text
