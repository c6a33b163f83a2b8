"""People keep their ids: through pillars and crossings, whatever the camera does."""
from dataclasses import replace

import numpy as np
import pytest
from scene import (
    PERFECT,
    Noise,
    Scene,
    behind_pillar,
    box,
    crossing,
    driving,
    handheld,
    make_scene,
    turning,
)
from tracked import CAMERAS, ids_of, track
from walker import Walker

from ros2_occpose.config import TrackingConfig
from ros2_occpose.skeleton import COCO17
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Detections, TrackState

TENTATIVE, TRACKED, OCCLUDED, LOST = TrackState


# --- ids --------------------------------------------------------------------------------------

@pytest.mark.parametrize('camera', CAMERAS)
@pytest.mark.parametrize('seed', range(3))
def test_id_survives_a_pillar(camera, seed):
    scene = behind_pillar(hidden_s=1.0, camera_path=CAMERAS[camera](), seed=seed)
    assert ids_of(scene) == {0: [1]}


@pytest.mark.parametrize('fps', [10, 15, 60])
def test_id_survives_a_pillar_at_any_rate(fps):
    assert ids_of(behind_pillar(fps=fps)) == {0: [1]}


def test_id_survives_a_pillar_with_dropped_frames():
    assert ids_of(behind_pillar(dropped=0.4, seed=2)) == {0: [1]}


def test_longer_than_the_gap_is_somebody_else():
    assert ids_of(behind_pillar(hidden_s=1.0), max_gap_s=0.5) == {0: [1, 2]}
    assert ids_of(behind_pillar(hidden_s=2.0)) == {0: [1, 2]}
    assert ids_of(behind_pillar(hidden_s=2.0), max_gap_s=3.0) == {0: [1]}


@pytest.mark.parametrize('camera', CAMERAS)
@pytest.mark.parametrize('seed', range(3))
def test_people_who_cross_keep_their_ids(camera, seed):
    ids = ids_of(crossing(camera_path=CAMERAS[camera](), seed=seed))
    assert {len(had) for had in ids.values()} == {1}
    assert sorted(had[0] for had in ids.values()) == [1, 2]


def test_who_stops_behind_somebody_is_still_there():
    people = [Walker([(0, 4.5, 0), (4, 4.5, 0)]),
              Walker([(0, 5.7, 1.3), (1.0, 5.7, 0), (1.5, 5.7, 0), (4, 5.7, -3)], phase=1.0)]
    scene = make_scene(people)
    assert (~scene.seen[:, 1]).sum() > 25
    ids = ids_of(scene)
    assert {len(had) for had in ids.values()} == {1}


def test_people_who_meet_and_turn_back_keep_their_ids():
    people = [Walker([(0, 5, 1.5), (1.5, 5, 0.35), (3, 5, 1.5)]),
              Walker([(0, 5, -1.5), (1.5, 5, -0.35), (3, 5, -1.5)], phase=2.0)]
    ids = ids_of(make_scene(people))
    assert sorted(ids.values()) == [[1], [2]]


@pytest.mark.parametrize('fps', [10, 30])
def test_a_fast_turning_robot_keeps_ids_thanks_to_its_pose(fps):
    """60 degrees a second; somebody is hidden while it turns."""
    people = [Walker([(0, 5, 1), (3.5, 5, -0.5)]), Walker([(0, 6, -2), (3.5, 6, 2)])]
    pillars = [box((3, -0.15, 0), (3.1, 0.15, 3))]
    options = {'camera_path': turning(60, 15), 'occluders': pillars, 'fps': fps}
    known = ids_of(make_scene(people, **options))
    assert {len(had) for had in known.values()} == {1}
    blind = ids_of(make_scene(people, camera_known=False, **options))       # images are blank
    assert max(len(had) for had in blind.values()) > 1


@pytest.mark.parametrize('camera', [lambda: turning(60, 15), handheld])
def test_images_tell_how_a_camera_of_unknown_pose_turns(camera):
    ids = ids_of(crossing(camera_path=camera(), camera_known=False, textured=True))
    assert {len(had) for had in ids.values()} == {1}


def test_a_robot_that_drives_by_expects_people_where_they_stand():
    """Parallax: somebody stands behind a pillar, the robot passes at 1.5 m/s."""
    people = [Walker([(0, 4, 0), (4, 4, 0)])]
    scene = make_scene(people, camera_path=driving((0, 1.5), (0, -2.5)),
                       occluders=[box((2, -0.8, 0), (2.1, -0.3, 3))])
    assert (~scene.visible[:, 0].any(1)).sum() > 10
    assert ids_of(scene) == {0: [1]}
    errors = [np.abs(tracks.keypoints_px[0] - moment.keypoints_px[0]).max(1).mean()
              for moment, tracks in track(scene) if tracks.states[0] == OCCLUDED]
    assert len(errors) > 10
    assert max(errors) < 25                     # px; the robot's way made over 100 of them


def test_every_id_ends_once_and_is_lost_then():
    people = [Walker([(0, 4, -1.5), (2, 4, 0)]), Walker([(0.5, 5, 2), (1.5, 5, 1), (4, 5, 0)])]
    scene = make_scene(people, seconds=6, noise=Noise(false_rate=0.1))
    states: dict[int, list[int]] = {}
    for _, tracks in track(scene):
        for i, state in zip(tracks.ids, tracks.states):
            states.setdefault(int(i), []).append(int(state))
    assert all(had.count(LOST) == 1 and had[-1] == LOST for had in states.values())
    assert sum(TRACKED in had for had in states.values()) == 2
    assert sorted(states) == list(range(1, len(states) + 1))


def test_ids_are_never_used_again_also_after_reset():
    tracker = load_tracker(TrackingConfig())
    seen = []
    for _ in range(3):
        ids = set()
        for moment in crossing():
            ids |= set(tracker.update(moment.detections, moment.frame).ids.tolist())
        seen.append(ids)
        tracker.reset()
    assert all(a.isdisjoint(b) for a, b in [(seen[0], seen[1]), (seen[0], seen[2]),
                                            (seen[1], seen[2])])
    other = load_tracker(TrackingConfig())
    first = next(iter(crossing()))
    assert 1 in other.update(first.detections, first.frame).ids      # numbers are each tracker's


@pytest.mark.parametrize('seed', range(5))
def test_false_detections_stay_tentative(seed):
    nobody = [Walker([(0, -5, 0), (5, -5, 0)])]                      # behind the camera
    scene = make_scene(nobody, noise=Noise(false_rate=0.2), seed=seed)
    states = {int(state) for _, tracks in track(scene) for state in tracks.states}
    assert states == {TENTATIVE, LOST}


def test_a_person_found_twice_is_one():
    scene = make_scene([Walker([(0, 4, -1), (4, 4, 1)])], noise=Noise(duplicate=0.4))
    assert max((tracks.states == TRACKED).sum() for _, tracks in track(scene)) == 1


def test_two_tracks_on_one_person_become_the_older():
    """A phantom walks beside somebody, comes closer, and then there is one detection for both."""
    people = [Walker([(0, 4, -1.5), (4, 4, 1.5)]),
              Walker([(0, 4, -0.7), (2, 4, 0.0), (4, 4, 1.5)])]
    scene = make_scene(people, noise=PERFECT)
    moments = [m if t < 45 else replace(m, detections=only(m.detections, m.person == 0))
               for t, m in enumerate(scene)]
    last = [tracks for _, tracks in track(moments, max_gap_s=5.0)]
    assert (last[50].states == OCCLUDED).any()
    assert last[-1].ids.tolist() == [1]
    assert last[-1].states.tolist() == [TRACKED]


def only(detections: Detections, rows: np.ndarray) -> Detections:
    d = detections
    return Detections(boxes_px=d.boxes_px[rows], keypoints_px=d.keypoints_px[rows],
                      scores=d.scores[rows], score=d.score[rows], skeleton=d.skeleton)


# --- states -----------------------------------------------------------------------------------

def test_states_of_a_person_behind_a_pillar():
    scene = behind_pillar(noise=PERFECT)
    states, unseen = [], []
    for _, tracks in track(scene):
        if len(tracks):
            states.append(TrackState(tracks.states[0]))
            unseen.append(tracks.unseen_s[0])
    changes = [s for s, before in zip(states, [None, *states]) if s != before]
    assert changes == [TENTATIVE, TRACKED, OCCLUDED, TRACKED]
    hidden = (~scene.seen[:, 0] & (np.arange(len(scene)) > 10))[:len(unseen)]
    assert max(unseen) == pytest.approx(hidden.sum() / 30, abs=1e-6)


def test_confidence_grows_and_decays():
    trail = [(tracks.confidence[0], tracks.unseen_s[0])
             for _, tracks in track(behind_pillar(noise=PERFECT))]
    confidence, unseen = np.array(trail).T
    assert confidence[0] < confidence[1] < confidence[10]
    hidden = np.flatnonzero(unseen > 0)
    assert (np.diff(confidence[hidden]) < 0).all()
    assert confidence[hidden[-1] + 1] > confidence[hidden[-1]]
    assert ((confidence >= 0) & (confidence <= 1)).all()


def test_who_leaves_the_image_ends_sooner_than_who_is_hidden():
    def gap(scene: Scene) -> float:
        lost = [tracks.unseen_s[0] for _, tracks in track(scene) if (tracks.states == LOST).any()]
        return float(lost[0])

    leaves = make_scene([Walker([(0, 4, 0), (6, 4, 6)])], noise=PERFECT)
    hidden = make_scene([Walker([(0, 4, 1), (2, 4, 0), (6, 4, 0)])], noise=PERFECT,
                        occluders=[box((2, -1, 0), (2.1, 0.2, 3))])
    config = TrackingConfig()
    assert gap(hidden) == pytest.approx(config.max_gap_s, abs=0.05)
    assert gap(leaves) == pytest.approx(config.max_gap_outside_s, abs=0.15)


# --- keypoints --------------------------------------------------------------------------------

def test_seen_joints_are_the_detectors_and_hidden_ones_are_predicted():
    scene = make_scene([Walker([(0, 4, -1), (4, 4, 1)])],
                       occluders=[box((2, -3, 0), (2.1, 3, 0.9))])
    checked = 0
    for moment, tracks in track(scene):
        if not len(moment.detections) or not len(tracks):
            continue
        seen = tracks.visibility[0] > 0
        assert (seen == (moment.detections.scores[0] >= 0.3)).all()
        np.testing.assert_array_equal(tracks.keypoints_px[0][seen],
                                      moment.detections.keypoints_px[0][seen])
        assert np.isfinite(tracks.keypoints_px).all()
        checked += (~seen).any()
    assert checked > 50


def test_hidden_joints_move_with_the_body():
    """A table hides the legs halfway; they keep their offset to the trunk."""
    people = [Walker([(0, 4, -1.3), (4, 4, 1.3)])]
    scene = make_scene(people, occluders=[box((2, -0.1, 0), (2.1, 3, 0.75))], noise=PERFECT)
    ankles = COCO17.indices('left_ankle', 'right_ankle')
    errors = []
    for moment, tracks in track(scene):
        hidden = ~moment.visible[0, ankles]
        if moment.visible[0].sum() >= 4 and hidden.all() and moment.frame.stamp_ns > 2e9:
            off = tracks.keypoints_px[0, ankles] - moment.keypoints_px[0, ankles]
            errors.append(np.linalg.norm(off.mean(0)))      # of both: the legs swing
    tall = np.nanmax(np.ptp(scene.keypoints_px[..., 1], axis=2))
    assert len(errors) > 20
    assert np.median(errors) < 0.06 * tall


def test_prediction_behind_the_pillar_follows_the_walk():
    scene = behind_pillar(hidden_s=1.0)
    errors = [np.abs(tracks.boxes_px[0].reshape(2, 2).mean(0)
                     - moment.boxes_px[0].reshape(2, 2).mean(0))[0]
              for moment, tracks in track(scene) if tracks.states[0] == OCCLUDED]
    metre_px = scene.camera.focal_px / 5
    assert np.median(errors) < 0.25 * metre_px
    assert max(errors) < 0.6 * metre_px
