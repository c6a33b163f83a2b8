"""Ids against cases counted by hand, and the live stages on scenes with truth."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_training_scenes import walker

from ros2_occpose.evaluation import tracking
from ros2_occpose.evaluation.tracking import (
    IdTally,
    compare,
    expected_people,
    frames,
    score_ids,
)
from ros2_occpose.inference import open_model
from ros2_occpose.training.views.scenes import Scenes, recorded_scenes

pytest.importorskip('motmetrics', reason='needs motmetrics: pip install ros2_occpose[evaluate]')

NOT = np.nan


def test_the_example_that_motmetrics_publishes() -> None:
    """Its README: MOTA 50 %, IDF1 83.3 %, one switch."""
    tally = IdTally()
    tally.add([1, 2], [1, 2, 3], np.array([[0.1, NOT, 0.3], [0.5, 0.2, 0.3]]))
    tally.add([1, 2], [1], np.array([[0.2], [0.4]]))
    tally.add([1, 2], [1, 3], np.array([[0.6, 0.2], [0.1, 0.6]]))
    score = tally.score()
    assert score.mota == pytest.approx(0.5)
    assert score.idf1 == pytest.approx(5 / 6)
    assert score.id_switches == 1


def test_recordings_do_not_share_people() -> None:
    """Two people in 10 frames; in the second recording the numbers of the ids are swapped."""
    near, far = 0.1, NOT
    tally = IdTally()
    for swapped in (False, True):
        tally.next_recording()
        for _ in range(10):
            distances = np.array([[near, far], [far, near]])
            tally.add([0, 1], [1, 2], distances[::-1] if swapped else distances)
    assert tally.score().idf1 == pytest.approx(1)
    assert tally.score().id_switches == 0


def test_a_swap_counted_by_hand() -> None:
    """Ten frames; after six the ids are swapped: 12 of 20 right, two switches."""
    tally = IdTally()
    tally.next_recording()
    for t in range(10):
        distances = np.array([[0.1, NOT], [NOT, 0.1]])
        tally.add([0, 1], [1, 2], distances if t < 6 else distances[::-1])
    score = tally.score()
    assert score.idf1 == pytest.approx(12 / 20)
    assert score.id_switches == 2
    assert score.mota == pytest.approx(1 - 2 / 20)


def test_answers_match_along_the_ground_within_a_metre() -> None:
    truth = np.array([[0.0, 0, 1], [3.0, 0, 1], [9.0, 0, 1]])
    said = np.array([[0.6, 0, 5.0], [3.0, 1.2, 1], [9.0, 0, 1]])
    present, expected = np.array([True, True, True]), np.array([True, True, False])
    ids, distances = compare(truth, present, expected, np.array([4, 5, 6]), said)
    assert ids.tolist() == [4, 5]                   # 6 is about somebody who is not expected
    np.testing.assert_allclose(distances, [[0.6, NOT], [NOT, NOT]])


def test_an_answer_about_nobody_is_judged() -> None:
    truth = np.array([[0.0, 0, 1], [5.0, 0, 1]])
    ids, distances = compare(truth, np.array([True, False]), np.array([True, False]),
                             np.array([7]), np.array([[5.0, 0, 1]]))
    assert ids.tolist() == [7]                      # the second person is not there at all
    assert np.isnan(distances).all()


def test_a_tracker_should_know_who_was_seen_lately() -> None:
    seen = np.zeros((1, 120, 17), bool)
    seen[:, 30:40] = True
    seen[:, 20:30, :3] = True                       # too little to be found
    inside = np.zeros((1, 120, 17), bool)
    expected = expected_people(seen, inside, np.ones((1, 120), bool))[0]
    np.testing.assert_array_equal(np.flatnonzero(expected), np.arange(30, 40 + 45))
    left = expected_people(seen, ~inside, np.ones((1, 120), bool))[0]
    np.testing.assert_array_equal(np.flatnonzero(left), np.arange(30, 40))
    gone = expected_people(seen, inside, np.zeros((1, 120), bool))
    assert not gone.any()


@pytest.fixture(scope='module')
def scenes() -> Scenes:
    made = recorded_scenes([walker(90, f'walk/{i}', speed=0.006 * i) for i in range(3)], seed=2)
    rays = made.body_camera[..., :17, :2] / np.maximum(made.body_camera[..., :17, 2:], 0.2)
    return replace(made, rays=rays)


def test_frames_show_the_detector_what_is_seen(scenes: Scenes) -> None:
    shown = scenes.valid[..., None] & ~scenes.out_of_view
    scene = int(shown.sum((1, 2, 3)).argmax())
    seen = shown[scene]
    made = list(frames(scenes, seen, scene))
    assert len(made) == 90
    assert sum(len(frame.detections) for frame in made) > 30
    for t in range(90):
        detections = made[t].detections
        assert len(detections) == (seen[:, t].sum(-1) >= 4).sum()
        rays = made[t].camera.rays(detections.keypoints_px)
        found = seen[:, t].sum(-1) >= 4
        np.testing.assert_allclose(rays, scenes.rays[scene, found, t], atol=1e-5)
        reported = detections.keypoints_px[detections.scores > 0]
        assert made[t].camera.contains(reported).all()


def test_nobody_seen_is_no_detection(scenes: Scenes) -> None:
    nothing = np.zeros_like(scenes.detected[0])
    assert all(len(frame.detections) == 0 for frame in frames(scenes, nothing, 0))


def test_the_live_stages_keep_ids_of_people_in_plain_sight(
        scenes: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, 'GATE_M', 3.0)        # these stick figures are oddly large
    session = open_model('gated_causal', device='cpu', threads=1)
    everything = np.broadcast_to(scenes.valid[..., None], scenes.detected.shape)
    score = score_ids(session, scenes, everything & ~scenes.out_of_view)
    assert score.idf1 > 0.9
    assert score.id_switches == 0
    nothing = np.zeros_like(scenes.detected)
    nothing[:, :, :10] = everything[:, :, :10]
    assert score_ids(session, scenes, nothing).idf1 < score.idf1
