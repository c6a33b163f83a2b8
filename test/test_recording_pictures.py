"""Pictures show people where they are, in their colours, and do not break on odd input."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from scene import Moment, behind_pillar, crowd, driving, static
from truth import humans_of_moment

from ros2_occpose.recording.birdseye import ground_axes
from ros2_occpose.recording.humans import Humans, inferred
from ros2_occpose.recording.overlay import draw_large, draw_people
from ros2_occpose.recording.palette import colour, colour_bgr
from ros2_occpose.recording.scene import SceneLog
from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.types import Image, TrackState

SCENE = crowd(5, seconds=6.0, camera_path=driving(velocity=(0.2, 0.3)), fps=10, seed=3)
WALK = behind_pillar(fps=10)


def drawn(moment: Moment, humans: Humans | None = None, **options: bool) -> Image:
    grey = np.full((480, 640, 3), 128, np.uint8)
    return draw_people(grey, humans or humans_of_moment(moment), moment.frame.camera,
                       moment.frame.world_from_camera, **options)


def amount(image: Image, person: int) -> int:
    """How many pixels have a person's colour, on either side of the body."""
    full = np.array(colour_bgr(person), float)
    return sum(int((np.abs(image - dim * full).max(-1) <= 24).sum())
               for dim in (1.0, 0.66))


def test_seen_joints_are_where_the_person_is() -> None:
    moment = WALK.moment(5)
    image = drawn(moment, birdseye=False)
    for joint in ('left_wrist', 'left_ankle'):
        if moment.visible[0, COCO17.index(joint)]:
            x, y = moment.keypoints_px[0, COCO17.index(joint)].round().astype(int)
            np.testing.assert_allclose(image[y, x], colour_bgr(1), atol=40)
    assert amount(image, 1) > 300
    assert (image[:, :100] == 128).all()


def test_the_image_itself_stays_as_it_is() -> None:
    grey = np.full((480, 640, 3), 128, np.uint8)
    moment = SCENE.moment(20)
    draw_people(grey, humans_of_moment(moment), moment.frame.camera, moment.world_from_camera)
    assert (grey == 128).all()


def test_hidden_people_leave_less_ink_but_some() -> None:
    seen, hidden = (next(m for m in WALK if m.visible_h36m.any() == wanted)
                    for wanted in (True, False))
    ink = [amount(drawn(m, birdseye=False), 1) for m in (seen, hidden)]
    assert 20 < ink[1] < 0.6 * ink[0]


def test_everybody_is_on_the_map() -> None:
    moment = SCENE.moment(20)
    with_map, without = (drawn(moment, birdseye=b)[-170:, -170:] for b in (True, False))
    assert not np.array_equal(with_map, without)
    for person in humans_of_moment(moment).ids.tolist():
        assert amount(with_map, person) >= 6


def test_lost_people_are_not_drawn() -> None:
    humans = humans_of_moment(WALK.moment(5))
    humans.states[:] = TrackState.LOST
    assert (drawn(WALK.moment(5), humans, birdseye=False) == 128).all()


@pytest.mark.parametrize('damage', ['joints', 'root', 'root_covariance', 'velocity', 'behind',
                                    'far', 'nobody'])
def test_odd_people_do_no_harm(damage: str, tmp_path: Path) -> None:
    moment = SCENE.moment(20)
    humans = humans_of_moment(moment)
    if damage == 'behind':
        humans.joints[0] = moment.world_from_camera[:3, 3] - moment.world_from_camera[:3, 2]
    elif damage == 'far':
        humans.joints[0] = 1e7
    elif damage == 'nobody':
        humans = humans.select(np.zeros(0, int))
    else:
        getattr(humans, damage)[0] = np.nan
    image = drawn(moment, humans)
    for person, scores in zip(humans.ids[1:].tolist(), humans.keypoint_scores[1:], strict=True):
        if np.nansum(scores) > 3:
            assert amount(image, person) > 20, person
    log = SceneLog()
    log.add(humans, moment.frame.camera, moment.world_from_camera)
    log.save(tmp_path / 'scene.png')
    assert cv2.imread(str(tmp_path / 'scene.png')).shape[0] > 500


def test_small_images_are_enlarged_and_large_ones_are_not() -> None:
    moment = SCENE.moment(20)
    humans, camera = humans_of_moment(moment), moment.frame.camera
    large = draw_large(moment.frame.image, humans, camera, moment.world_from_camera)
    assert large.shape == (1080, 1440, 3)
    same = draw_people(large * 0, humans, replace(camera, width=1440, height=1080, k=np.diag(
        [2.25, 2.25, 1]) @ camera.k), moment.world_from_camera, birdseye=False)
    inside = np.s_[:450]
    for person in humans.ids.tolist():
        assert amount(large[inside], person) == pytest.approx(amount(same[inside], person), rel=.3)


def test_colours_are_bright_and_far_apart() -> None:
    colours = np.array([colour(i) for i in range(1, 13)])
    assert (colours @ (0.2126, 0.7152, 0.0722) > 0.45).all()
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + np.eye(12)
    assert apart.min() > 0.1
    assert min(apart[i, i + 1] for i in range(11)) > 0.4


@pytest.mark.parametrize('yaw_deg', [0.0, 90.0, 200.0])
def test_the_map_looks_where_the_camera_looks(yaw_deg: float) -> None:
    pose = static(yaw_deg=yaw_deg, pitch_deg=20.0)(np.zeros(1))[0]
    yaw = np.radians(yaw_deg)
    right, forward = ground_axes(pose)
    np.testing.assert_allclose(forward, [np.cos(yaw), np.sin(yaw), 0], atol=1e-12)
    np.testing.assert_allclose(right, pose[:3, 0], atol=1e-12)


def test_the_scene_keeps_the_truth_with_up_up() -> None:
    for known in (True, False):
        scene = behind_pillar(fps=10, camera_known=known,
                              camera_path=static(height=1.2, pitch_deg=0.0))
        log = SceneLog()
        for moment in scene:
            log.add(humans_of_moment(moment), scene.camera, moment.frame.world_from_camera)
        samples = log.people[1]
        assert len(samples) == (len(scene) + 1) // 2          # five a second
        heads = np.array([s.joints[H36M17.index('head'), 2] for s in samples])
        feet = np.array([s.ground[2] for s in samples])
        assert ((heads - feet) > 1.4).all()
        assert not all(s.seen for s in samples)
        assert log.world_known == known
        speed = np.linalg.norm(np.diff([s.joints[0, :2] for s in samples], axis=0), axis=1) / 0.2
        assert np.median(speed) == pytest.approx(1.3, abs=0.1)


def test_the_scene_shows_every_colour(tmp_path: Path) -> None:
    log = SceneLog()
    for moment in SCENE:
        log.add(humans_of_moment(moment), SCENE.camera, moment.frame.world_from_camera)
    log.save(tmp_path / 'scene.png')
    picture = cv2.imread(str(tmp_path / 'scene.png'))
    assert picture.shape == (990, 1760, 3)
    for person in log.people:
        assert amount(picture, person) > 500, person


def test_an_empty_recording_has_a_picture(tmp_path: Path) -> None:
    SceneLog().save(tmp_path / 'scene.png')
    assert (tmp_path / 'scene.png').stat().st_size > 1000


def test_hidden_heads_follow_the_nose() -> None:
    moment = WALK.moment(5)
    humans = humans_of_moment(moment)
    head, nose = H36M17.indices('head', 'nose')
    humans.joint_states[0, nose], humans.joint_states[0, head] = 0, 1
    assert not inferred(humans)[0, head]
    humans.joint_states[0, nose] = 1
    assert inferred(humans)[0, head]
