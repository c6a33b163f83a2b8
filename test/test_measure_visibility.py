"""The scripts that measure and fit the judge of joints: their counting and their arithmetic."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT

from ros2_occpose.skeleton import COCO17
from ros2_occpose.synth.truth import Sight
from ros2_occpose.types import Floats, Tracks, TrackState

sys.path.insert(0, str(ROOT / 'scripts'))
import fit_visibility as fitting
from measure_visibility import (
    HIDDEN,
    LABELS,
    UNKNOWN,
    Judged,
    Truth,
    compare,
    from_truth,
    labelled,
    table,
)

WRIST, KNEE = COCO17.index('left_wrist'), COCO17.index('left_knee')


def tracks(points: Floats, scores: Floats) -> Tracks:
    n = len(points)
    return Tracks(ids=np.arange(1, n + 1), states=np.full(n, TrackState.TRACKED),
                  boxes_px=np.concatenate([points.min(1), points.max(1)], 1),
                  keypoints_px=points, visibility=scores, confidence=np.ones(n),
                  unseen_s=np.zeros(n))


def judged(sight: list[int], after: list[float], error: float = 0.0) -> Judged:
    k = len(sight)
    return Judged(np.full(k, 0.9), np.array(after), np.zeros((k, 6)), np.array(sight),
                  np.full(k, error))


def test_labels_hold_in_their_frames_and_boxes_go_straight_between() -> None:
    person = {'boxes': {0: [0, 0, 10, 20], 10: [10, 0, 20, 20]},
              'seen': {'left_wrist': [[0, 4], [8, 9]]}, 'hidden': {'left_knee': [[5, 9]]}}
    truth = labelled({'somebody': person}, 5)
    np.testing.assert_allclose(truth.boxes_px, [[5, 0, 15, 20]])
    assert truth.joints[0, KNEE] == HIDDEN
    assert truth.joints[0, WRIST] == UNKNOWN
    assert labelled({'somebody': person}, 8).joints[0, WRIST] == Sight.SEEN


def test_our_labels_can_be_read_and_contradict_nothing() -> None:
    for people in yaml.safe_load(LABELS.read_text()).values():
        for person in people.values():
            assert labelled({'one': person}, 0).joints.shape == (1, 17)
            for joint in person['seen'].keys() & person['hidden'].keys():
                frames = [{frame for first, last in person[kind][joint]
                           for frame in range(first, last + 1)} for kind in ('seen', 'hidden')]
                assert not frames[0] & frames[1], joint


def test_truth_of_a_bag(tmp_path: Path) -> None:
    sight = np.zeros((2, 1, 18), np.uint8)
    sight[1, 0, WRIST] = Sight.BEHIND_OBJECT
    np.savez(tmp_path / 'truth.npz', sight=sight, pixels=np.ones((2, 1, 18, 2)),
             boxes_px=np.full((2, 1, 4), np.nan))
    first, second = from_truth(tmp_path / 'truth.npz')
    assert first.joints.shape == (1, 17)
    assert not first.boxes_px.any()
    assert second.joints[0, WRIST] == Sight.BEHIND_OBJECT


def test_joints_are_compared_with_those_of_the_same_person(rng) -> None:
    points = rng.uniform((100, 100), (200, 300), (1, 17, 2))
    points[0, 0, 1], points[0, 16, 1] = 100, 300
    scores = np.full((1, 17), 0.9)
    scores[0, 3] = 0.1                                      # the detector does not believe in it
    truth_px = points.copy()
    truth_px[0, KNEE, 0] += 20
    joints = np.full((1, 17), int(Sight.SEEN))
    joints[0, KNEE], joints[0, 5] = Sight.BEHIND_OBJECT, UNKNOWN
    seen = tracks(points, scores)
    truth = Truth(seen.boxes_px, joints, truth_px)
    after = seen.with_visibility(scores / 2)
    found = compare(truth, seen, after, np.zeros((1, 17, 6)), 0.3)
    assert len(found.sight) == 15
    assert found.invented.sum() == 1
    np.testing.assert_allclose(found.error[found.invented], 20 / 200)
    np.testing.assert_allclose(found.after, 0.45)
    elsewhere = Truth(seen.boxes_px + 500, joints, truth_px)
    assert not len(compare(elsewhere, seen, after, np.zeros((1, 17, 6)), 0.3).sight)


def test_the_table_counts() -> None:
    looks = Judged.join([judged([Sight.SEEN] * 4, [0.9, 0.9, 0.9, 0.1]),
                         judged([Sight.BEHIND_OBJECT] * 2, [0.1, 0.9]),
                         judged([Sight.BEHIND_ONESELF] * 2, [0.1, 0.9], 0.3)])
    *_, line = table(looks, (0.3,))
    # flagged 3 of which 2 are hidden; 1 of 2 invented ones found; 1 of 4 seen ones lost
    assert line == ('| 0.30 | 3 | 0.67 | 0.67 | 0.50 | 0.50 | 0.50 | 0.250 | 0.060 | 0.100 |')


def test_the_fit_finds_what_odds_are_made_of(rng) -> None:
    k, weights = 20000, np.array([-1.2, 0.6, 0.9, 0.3, 2.0, 1.2, 3.0, -1.0])
    x = np.hstack([rng.normal(1.5, 1, (k, 1)), rng.uniform(0, 2, (k, 3)),
                   rng.integers(0, 2, (k, 3)), np.ones((k, 1))])
    hidden = rng.uniform(size=k) < 1 / (1 + np.exp(-(x @ weights)))
    found = fitting.fit(x, hidden)
    np.testing.assert_allclose(found, weights, atol=0.15)
    constants = fitting.constants(found)
    assert constants['_NEVER_CLEAR'] == pytest.approx(2.0 / 1.2, abs=0.15)
    assert constants['SPREAD'] == pytest.approx(fitting.SPREAD * np.sqrt(1.2 / 0.6), rel=0.1)


def test_the_doubt_makes_precision_and_recall_equal() -> None:
    """Ten joints, four hidden: at 0.5 three of four flagged ones are hidden."""
    after = np.array([0.1, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
    sight = np.array([1, 1, 0, 1, 0, 1, 0, 0, 0, 0])
    looks = judged(sight.tolist(), after.tolist())
    doubt, rate = fitting.break_even(looks, 0.3)
    assert rate == pytest.approx(0.75)
    assert doubt == pytest.approx(0.5)          # from 0.3 as far as the threshold has to go
    assert fitting.area(-after, sight > 0) == pytest.approx(21 / 24)
