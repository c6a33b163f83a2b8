"""The tracker stands odd input: NaN, nobody, other joint sets, lenses, poses that jump."""
from dataclasses import replace

import numpy as np
import pytest
from scene import (
    PERFECT,
    Moment,
    Scene,
    behind_pillar,
    crossing,
    handheld,
    make_scene,
)
from tracked import ids_of, track
from walker import Walker

from ros2_occpose.config import TrackingConfig
from ros2_occpose.errors import InputError
from ros2_occpose.geometry import Camera, se3
from ros2_occpose.skeleton import COCO17, H36M17, HALPE26, conversion
from ros2_occpose.tracking import load_tracker
from ros2_occpose.types import Detections, TrackState

TENTATIVE, TRACKED, OCCLUDED, LOST = TrackState


def test_nobody():
    scene = make_scene([Walker([(0, -5, 0), (1, -5, 0)])])
    for _, tracks in track(scene):
        assert len(tracks) == 0


def test_nan_is_not_seen():
    moments = []
    for moment in make_scene([Walker([(0, 4, -1), (3, 4, 1)])], noise=PERFECT):
        points, boxes = moment.detections.keypoints_px.copy(), moment.detections.boxes_px.copy()
        points[:, :5] = np.nan
        boxes[:, 2:] = np.nan
        moments.append(replace(moment, detections=replace(
            moment.detections, keypoints_px=points, boxes_px=boxes)))
    for _, tracks in track(moments):
        for field in (tracks.keypoints_px, tracks.boxes_px, tracks.visibility, tracks.confidence):
            assert np.isfinite(field).all()
        assert tracks.ids.tolist() == [1]
        assert (tracks.visibility[0, :5] == 0).all()
        assert (tracks.visibility[0, 5:] > 0).all()


def test_a_detection_of_nothing_finite_is_left_out():
    (first, *_) = make_scene([Walker([(0, 4, -1), (3, 4, 1)])])
    nothing = replace(first.detections, keypoints_px=np.full((1, 17, 2), np.nan),
                      boxes_px=np.full((1, 4), np.inf))
    assert len(load_tracker(TrackingConfig()).update(nothing, first.frame)) == 0


def test_boxes_alone_are_enough():
    moments = [replace(m, detections=replace(m.detections, scores=0 * m.detections.scores))
               for m in behind_pillar(hidden_s=0.5)]
    assert ids_of(moments) == {0: [1]}


@pytest.mark.parametrize('skeleton', [HALPE26, H36M17])
def test_other_skeletons_are_converted(skeleton):
    moments = []
    for m in make_scene([Walker([(0, 4, -1), (2, 4, 1)])], noise=PERFECT):
        weights = conversion(COCO17, skeleton)
        points = np.einsum('oi,nid->nod', weights, m.detections.keypoints_px)
        scores = np.where(weights.any(1), 1.0, 0.0) * np.ones((len(points), 1))
        moments.append(replace(m, detections=Detections(
            boxes_px=m.detections.boxes_px, keypoints_px=points, scores=scores,
            score=m.detections.score, skeleton=skeleton)))
    hips = COCO17.indices('left_hip', 'right_hip')
    for moment, tracks in track(moments):
        assert tracks.ids.tolist() == [1]
        np.testing.assert_allclose(tracks.keypoints_px[0, hips], moment.keypoints_px[0, hips])


def test_stamps_must_grow():
    tracker = load_tracker(TrackingConfig())
    first, second, *_ = make_scene([Walker([(0, 4, -1), (3, 4, 1)])])
    tracker.update(second.detections, second.frame)
    with pytest.raises(InputError, match=r'call reset\(\)'):
        tracker.update(first.detections, first.frame)
    tracker.reset()
    assert tracker.update(first.detections, first.frame).ids.tolist() == [2]


def test_same_input_same_output():
    one, two = ([tracks for _, tracks in track(crossing(camera_path=handheld()))]
                for _ in range(2))
    for a, b in zip(one, two):
        for name, value in vars(a).items():
            np.testing.assert_array_equal(value, getattr(b, name))


def test_the_input_is_left_alone():
    moments = list(crossing())
    before = [(m.detections.keypoints_px.copy(), m.detections.boxes_px.copy()) for m in moments]
    list(track(moments))
    for moment, (points, boxes) in zip(moments, before):
        np.testing.assert_array_equal(moment.detections.keypoints_px, points)
        np.testing.assert_array_equal(moment.detections.boxes_px, boxes)


# --- camera poses that come, go and jump ------------------------------------------------------

def posed(moments: Scene, pose: object) -> list[Moment]:
    """The same with `pose(t, world_from_camera)` as what frames know of the camera."""
    return [replace(m, frame=replace(m.frame, world_from_camera=pose(t, m.world_from_camera)))
            for t, m in enumerate(moments)]


def test_a_pose_that_comes_and_goes_changes_no_id():
    scene = crossing(camera_path=handheld(), textured=True)
    assert {len(had) for had in ids_of(posed(
        scene, lambda t, pose: pose if t // 20 % 2 else None)).values()} == {1}
    assert {len(had) for had in ids_of(posed(
        scene, lambda t, pose: pose if t % 10 else np.full((4, 4), np.nan))).values()} == {1}


def test_a_pose_that_is_corrected_changes_no_id():
    """The map of the robot is corrected by 3 m and 90 degrees: nobody has moved in the image."""
    moved = se3(np.array([[0., -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([3.0, -1.0, 0.0]))
    moments = posed(crossing(), lambda t, pose: pose if t < 40 else moved @ pose)
    assert {len(had) for had in ids_of(moments).values()} == {1}


def test_a_lens_that_folds_back_hides_nobody():
    """Far outside the image the polynomial of the lens turns round; predictions must not."""
    lens = Camera(640, 480, np.array([[400., 0, 320], [0, 400, 240], [0, 0, 1]]),
                  'plumb_bob', np.array([-0.12, 0, 0, 0, 0]))
    scene = make_scene([Walker([(0, 2, 0), (2, 2, 3.2)])], camera=lens, noise=PERFECT)
    right = np.array([box[2] for _, tracks in track(scene) for box, state in zip(
        tracks.boxes_px, tracks.states) if state in (OCCLUDED, LOST)])
    assert len(right) > 10
    assert (np.diff(right) < 0).all()       # on and on to the left, not back into the image
    assert right[-1] < 0


def test_a_lens_that_cannot_see_its_corners_gives_finite_tracks():
    """A calibration that does not reach the corners: no ray belongs to these pixels."""
    lens = Camera(640, 480, np.array([[400., 0, 320], [0, 400, 240], [0, 0, 1]]),
                  'plumb_bob', np.array([-0.25, 0.02, 0, 0, 0]))
    scene = make_scene([Walker([(0, 1.2, 0), (2, 1.2, 1.5)])], camera=lens)
    for _, tracks in track(scene):
        assert np.isfinite(tracks.keypoints_px).all()
        assert np.isfinite(tracks.boxes_px).all()
