"""The synthetic scenes are what they say they are."""
import numpy as np
from scene import (
    PERFECT,
    behind_pillar,
    box,
    crowd,
    hidden_by,
    make_scene,
    static,
    turning,
)
from walker import Walker, walk

from ros2_occpose.skeleton import COCO17, H36M17, convert

ANKLES = H36M17.indices('left_ankle', 'right_ankle')
STROLL = Walker([(0, 5, -3), (5, 5, 3)])


def test_joint_sets_agree():
    h36m, coco = walk(STROLL, np.arange(0, 5, 0.1))
    converted, scores = convert(coco, np.ones(coco.shape[:2]), COCO17, H36M17)
    given = scores[0] > 0
    np.testing.assert_allclose(converted[:, given], h36m[:, given], atol=1e-9)


def test_body_is_as_tall_and_as_fast_as_asked():
    h36m, coco = walk(Walker([(0, 5, -3), (5, 5, 3)], height=1.6), np.arange(0, 5, 0.1))
    assert np.abs(h36m[:, H36M17.index('head'), 2] / 1.6 - 0.975).max() < 0.03
    np.testing.assert_allclose(h36m[:, 0, 1], -3 + 1.2 * np.arange(0, 5, 0.1), atol=1e-9)
    left, right = (coco[:, COCO17.index(f'{side}_shoulder')] for side in ('left', 'right'))
    assert (left[:, 0] < right[:, 0]).all()      # walks along y: the left side is towards -x


def test_feet_stay_on_the_ground_without_skating():
    feet = walk(STROLL, np.arange(0, 5, 1 / 60))[0][:, ANKLES]
    assert 0.05 < feet[..., 2].min() < 0.08
    stance = np.linalg.norm(np.diff(feet, axis=0), axis=-1).min(1) * 60
    assert np.median(stance) < 0.3               # m/s, of a person who walks 1.2


def test_motion_does_not_depend_on_the_frame_rate():
    slow, fast = (walk(STROLL, np.arange(0, 5, 1 / fps))[0] for fps in (30, 60))
    np.testing.assert_allclose(fast[::2], slow, atol=1e-12)


def test_nowhere_outside_the_waypoints():
    h36m, _ = walk(Walker([(1, 5, 0), (2, 5, 0)]), np.array([0.5, 1.0, 1.5, 2.5]))
    assert np.isfinite(h36m).all((1, 2)).tolist() == [False, True, True, False]


def test_a_box_hides_what_is_behind_it():
    eye, wall = np.zeros(3), box((1, -1, -1), (1.1, 1, 1))
    points = np.array([[2, 0, 0], [2, 1.9, 0], [2, 2.1, 0], [0.9, 0, 0], [-2, 0, 0]], float)
    assert hidden_by(eye, points, wall).tolist() == [True, True, False, False, False]


def test_pillar_hides_for_the_time_asked():
    hidden = ~behind_pillar(hidden_s=1.0, noise=PERFECT).visible.any(-1)[:, 0]
    assert 0.85 < hidden.sum() / 30 < 1.15


def test_people_hide_each_other_but_not_themselves():
    people = [Walker([(0, x, 0), (1, x, 0)]) for x in (4, 6)]
    scene = make_scene(people, camera_path=static())
    assert scene.visible[:, 0].all()
    assert scene.visible[:, 1].mean() < 0.5


def test_detections_show_the_people():
    scene = crowd(5, seconds=3, camera_path=turning(), noise=PERFECT)
    for moment in scene:
        assert (moment.person >= 0).all()
        seen = moment.detections.scores > 0.5
        assert (seen == moment.visible[moment.person]).all()
        truth = moment.keypoints_px[moment.person]
        np.testing.assert_allclose(moment.detections.keypoints_px[seen], truth[seen], atol=1e-9)
        again = moment.frame.camera.project(moment.joints_camera)[..., 0, :]      # the hip
        middle = moment.keypoints_px[:, COCO17.indices('left_hip', 'right_hip')].mean(1)
        near = moment.visible.any(1)
        assert np.abs(again - middle)[near].max(initial=0) < 1.0                  # px


def test_same_seed_same_scene():
    one, two = (crowd(3, seconds=2, seed=4) for _ in range(2))
    for a, b in zip(one.detections, two.detections):
        np.testing.assert_array_equal(a.keypoints_px, b.keypoints_px)
    boxes = [make_scene([STROLL], seed=seed).detections[15].boxes_px for seed in (4, 5)]
    assert not np.array_equal(*boxes)
