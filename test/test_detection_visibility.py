"""Joints are believed less where the images speak against them."""
from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ros2_occpose.config import DetectionConfig
from ros2_occpose.detection import load_visibility
from ros2_occpose.detection.visibility import AT_THRESHOLD, JointJudge
from ros2_occpose.geometry import Camera
from ros2_occpose.inference import models
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import Detections, Floats, Frame, Image, Tracks, TrackState

STEP_PX, STEP_NS = 6, 33_000_000
WRIST = COCO17.index('left_wrist')
OTHERS = np.arange(17) != WRIST
SCORE = 0.95
SHIRT = 60, 60, 160         # BGR


def textured(rng: np.random.Generator, width: int, height: int) -> Image:
    """An image with structure at the size of limbs."""
    noise = rng.integers(0, 255, (height // 8, width // 8, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def frame_of(image: Image, stamp_ns: int) -> Frame:
    return Frame(stamp_ns=stamp_ns, image=image,
                 camera=Camera.from_hfov(image.shape[1], image.shape[0], 70))


def tracks_of(keypoints: Floats, person: int = 1, scores: Floats | float = SCORE) -> Tracks:
    low, high = keypoints.min(0), keypoints.max(0)
    return Tracks(ids=np.array([person]), states=np.array([TrackState.TRACKED]),
                  boxes_px=np.concatenate([low, high])[None], keypoints_px=keypoints[None],
                  visibility=np.broadcast_to(scores, (1, 17)).astype(float),
                  confidence=np.ones(1), unseen_s=np.zeros(1))


@pytest.fixture
def scene(rng):
    """Two images, the second moved to the right, and joints that move along but for one wrist."""
    wide = textured(rng, 700, 480)
    images = wide[:, STEP_PX:STEP_PX + 640].copy(), wide[:, :640].copy()
    before = rng.uniform((200, 100), (350, 380), (17, 2))
    after = before + np.array([STEP_PX, 0])
    after[WRIST] += (60, 40)
    return images, before, after


# --- flow


def test_a_joint_that_leaves_the_image_flow_is_distrusted_the_others_are_not(scene):
    images, before, after = scene
    judge = load_visibility(DetectionConfig())
    first = judge.update(tracks_of(before), frame_of(images[0], 0)).visibility[0]
    second = judge.update(tracks_of(after), frame_of(images[1], STEP_NS)).visibility[0]
    assert second[WRIST] < first[WRIST] - 0.1
    np.testing.assert_allclose(second[OTHERS], first[OTHERS], atol=0.05)


@pytest.mark.parametrize('case', ['somebody new', 'another size', 'a pause'])
def test_where_flow_says_nothing(scene, case):
    images, before, after = scene
    judge = JointJudge()
    judge.update(tracks_of(before), frame_of(images[0], 0))
    image = images[1][:400] if case == 'another size' else images[1]
    stamp_ns = 2_000_000_000 if case == 'a pause' else STEP_NS
    judge.update(tracks_of(after, 2 if case == 'somebody new' else 1), frame_of(image, stamp_ns))
    assert not judge.cues.stray.any()


def watch(steps_px: Floats, wrist_px: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Visibility (17,) and stray (17,) after people walked over a still background at 30 Hz.

    Args:
        steps_px: Where the image has moved to in each frame, (T, 2).
        wrist_px: Where the wrist is meant to be besides, (T, 2).
        rng: Texture and joints.
    """
    wide = textured(rng, 800, 640)
    joints = rng.uniform((250, 150), (400, 430), (17, 2))
    judge = load_visibility(DetectionConfig())
    for k, (step, wrist) in enumerate(zip(steps_px, wrist_px, strict=True)):
        x, y = 60 - np.rint(step).astype(int)
        keypoints = joints + np.rint(step)
        keypoints[WRIST] += wrist
        last = judge.update(tracks_of(keypoints),
                            frame_of(wide[y:y + 480, x:x + 640].copy(), k * STEP_NS))
    return last.visibility[0], judge.cues.stray[0]


def test_a_joint_that_slides_off_slowly_is_distrusted_in_the_end(rng):
    walk = np.arange(15)[:, None] * np.array([2.0, 0.0])       # 0.007 of the height a frame
    slide = np.arange(15)[:, None] * np.array([0.0, 12.0])     # 0.04: one frame says little
    assert watch(walk[:2], slide[:2], rng)[0][WRIST] > 0.8
    late, _ = watch(walk, slide, rng)
    assert late[WRIST] < 0.6
    assert late[OTHERS].min() > 0.8


def test_jitter_of_the_detector_is_no_guess(rng):
    walk = np.arange(15)[:, None] * np.array([2.0, 1.0])
    _, stray = watch(walk, rng.normal(0, 3, (15, 2)), rng)
    assert stray[WRIST] < 0.06          # in heights: it cancels out
    _, stray = watch(walk, np.arange(15)[:, None] * np.array([0.0, 8.0]), rng)
    assert stray[WRIST] > 0.12


def test_a_tiny_image_has_no_flow(rng):
    judge = JointJudge()
    for k in range(3):
        judge.update(tracks_of(rng.uniform(0, 8, (17, 2))),
                     frame_of(np.zeros((8, 8, 3), np.uint8), k * STEP_NS))
    assert not judge.cues.stray.any()


# --- colours


def stand(judge: JointJudge, rng: np.random.Generator, patches: list[Image | None],
          scores: Floats | float = SCORE, noise: float = 2.0) -> list[Floats]:
    """Visibility (17,) in each frame of somebody who stands still while things pass the wrist.

    Args:
        patches: What is painted over the wrist in each frame; None: nothing.
        scores: Of the detector.
        noise: Of the camera.
    """
    joints = np.stack([np.linspace(40, 160, 17), np.linspace(20, 220, 17)], -1)
    joints[WRIST] = 260, 120
    cloth = SHIRT + 0.15 * textured(np.random.default_rng(7), 320, 240)
    grains = rng.normal(0, noise, (4, 240, 320, 3))
    out = []
    for k, patch in enumerate(patches):
        picture = cloth.copy()
        if patch is not None:
            picture[90:150, 230:290] = patch
        frame = frame_of(np.clip(picture + grains[k % 4], 0, 255).astype(np.uint8), k * STEP_NS)
        out.append(judge.update(tracks_of(joints, scores=scores), frame).visibility[0])
    return out


def test_what_stands_still_behind_a_thing_is_distrusted_until_it_comes_out(rng):
    box = np.full((60, 60, 3), (160, 120, 40), np.uint8)
    scores = np.full(17, SCORE)
    scores[WRIST] = 0.75                # the detector is less sure of what it hardly sees
    seen = stand(JointJudge(0.5), rng, [None] * 10 + [box] * 8 + [None] * 8, scores)
    assert seen[9][WRIST] > 0.5
    assert seen[17][WRIST] < AT_THRESHOLD
    assert min(visible[OTHERS].min() for visible in seen) > 0.8
    assert seen[-1][WRIST] > 0.5


def test_light_that_changes_hides_nothing(rng):
    light = [np.clip(np.full((60, 60, 3), SHIRT) * (1 - 0.02 * k), 0, 255)
             for k in range(15)]
    seen = stand(JointJudge(0.5), rng, light)
    assert seen[-1][WRIST] > 0.8


def test_clothes_that_turn_are_learned(rng):
    """A person turns: another colour, seen clearly, is the joint's own after some seconds."""
    back = np.full((60, 60, 3), (60, 90, 160), np.uint8)
    judge = JointJudge(0.5)
    stand(judge, rng, [None] * 10 + [back] * 5)
    early = judge.cues.colours.joint[0, WRIST]
    stand(judge, rng, [back] * 120)
    assert judge.cues.colours.joint[0, WRIST] < 0.5 * early


def test_a_joint_that_was_never_seen_clearly_needs_a_better_score(rng):
    scores = np.full(17, SCORE)
    scores[WRIST] = 0.6
    always = stand(JointJudge(0.5), rng, [None] * 5, scores)[-1][WRIST]
    judge = JointJudge(0.5)
    stand(judge, rng, [None] * 5)
    once = stand(judge, rng, [None] * 5, scores)[-1][WRIST]
    assert always < AT_THRESHOLD < once


# --- the rest


def test_at_the_border_joints_are_believed_less_and_beyond_it_not_at_all(rng):
    joints = rng.uniform((200, 100), (350, 380), (17, 2))
    joints[0], joints[1] = (300, 477), (300, 481)
    image = np.zeros((480, 640, 3), np.uint8)
    seen = JointJudge().update(tracks_of(joints), frame_of(image, 0)).visibility[0]
    assert seen[1] == 0
    assert 0 < seen[0] < seen[2:].min() - 0.2


def test_what_the_detector_did_not_see_stays_unseen(rng):
    scores = np.full(17, SCORE)
    scores[WRIST] = 0
    for visible in stand(JointJudge(), rng, [None] * 3, scores):
        assert visible[WRIST] == 0
        assert visible[OTHERS].min() > 0.5


def test_the_threshold_belongs_to_the_detector(rng):
    """A score of `doubt` ends at the threshold where colours are known and change as usual."""
    for doubt in (AT_THRESHOLD, 0.5, 0.7):
        judge = JointJudge(doubt)
        stand(judge, rng, [None] * 20, 0.98)
        sure, unsure = (stand(judge, rng, [None] * 20, doubt + off)[-1] for off in (0.08, -0.15))
        assert sure.min() > AT_THRESHOLD
        assert unsure.max() < AT_THRESHOLD + 0.05
    assert models()['blazepose'].doubt > AT_THRESHOLD


def test_joints_of_somebody_elses_detector_have_the_threshold_of_the_pipeline(rng):
    image = textured(rng, 640, 480)
    tracks = tracks_of(rng.uniform((200, 100), (350, 380), (17, 2)), scores=0.8)
    frame = frame_of(image, 0)
    own = JointJudge(0.5).update(tracks, frame).visibility
    others = JointJudge(0.5).update(
        tracks, replace(frame, detections=Detections.none())).visibility
    np.testing.assert_array_equal(
        others, JointJudge(AT_THRESHOLD).update(tracks, frame).visibility)
    assert (others > own).all()


def test_nobody_and_reset(scene):
    images, before, after = scene
    judge = JointJudge()
    judge.update(tracks_of(before), frame_of(images[0], 0))
    assert len(judge.update(empty(), frame_of(images[1], STEP_NS))) == 0
    fresh = JointJudge().update(tracks_of(after), frame_of(images[1], STEP_NS)).visibility
    judge.update(tracks_of(before), frame_of(images[0], 2 * STEP_NS))
    judge.reset()
    again = judge.update(tracks_of(after), frame_of(images[1], STEP_NS)).visibility
    np.testing.assert_array_equal(again, fresh)


def test_people_do_not_disturb_each_other(scene):
    """Order and number of the people of a frame change nothing for one of them."""
    images, before, after = scene
    other = before[::-1] + np.array([150, 0])
    alone, among = JointJudge(), JointJudge()
    alone.update(tracks_of(before), frame_of(images[0], 0))
    among.update(both(tracks_of(before), tracks_of(other, 2)), frame_of(images[0], 0))
    one = alone.update(tracks_of(after), frame_of(images[1], STEP_NS)).visibility[0]
    two = among.update(both(tracks_of(other, 2), tracks_of(after)),
                       frame_of(images[1], STEP_NS)).visibility[1]
    np.testing.assert_allclose(two, one, rtol=1e-12)


def standing(x: float, feet: float, height: float) -> Floats:
    """The joints of somebody upright, (17, 2) [px]."""
    rows = {'nose': 0.93, 'eye': 0.95, 'ear': 0.94, 'shoulder': 0.82, 'elbow': 0.62, 'wrist': 0.47,
            'hip': 0.52, 'knee': 0.28, 'ankle': 0.04}
    sides = {'left': 1, 'right': -1}
    return np.array([(x + 0.1 * height * sides.get(joint.split('_')[0], 0),
                      feet - rows[joint.split('_')[-1]] * height) for joint in COCO17.joints])


def test_joints_on_the_limbs_of_somebody_nearer_are_believed_less():
    near, far = standing(300, 450, 380), standing(330, 330, 180)
    image = np.zeros((480, 640, 3), np.uint8)
    judge, alone = JointJudge(), JointJudge()
    seen = judge.update(both(tracks_of(near), tracks_of(far, 2)), frame_of(image, 0)).visibility
    np.testing.assert_array_equal(
        seen[0], alone.update(tracks_of(near), frame_of(image, 0)).visibility[0])
    hidden = judge.cues.in_front[1] > 0.5
    assert hidden[COCO17.indices('left_hip', 'left_wrist')].all()     # on the near one's left side
    assert not judge.cues.in_front[0].any()
    assert seen[1][hidden].max() < seen[0].min()
    apart = both(tracks_of(near), tracks_of(standing(630, 330, 180), 2))
    judge.update(apart, frame_of(image, STEP_NS))
    assert not judge.cues.in_front.any()


def test_limbs_of_somebody_nearer_that_are_not_seen_hide_nothing():
    near = tracks_of(standing(300, 450, 380), scores=0.0)
    judge = JointJudge()
    judge.update(both(near, tracks_of(standing(330, 330, 180), 2)),
                 frame_of(np.zeros((480, 640, 3), np.uint8), 0))
    assert not judge.cues.in_front.any()


def test_without_flow_tracks_stay_as_they_are(scene):
    images, before, after = scene
    judge = load_visibility(DetectionConfig(flow=False))
    judge.update(tracks_of(before), frame_of(images[0], 0))
    tracks = tracks_of(after)
    assert judge.update(tracks, frame_of(images[1], STEP_NS)) is tracks


FIELDS = ('ids', 'states', 'boxes_px', 'keypoints_px', 'visibility', 'confidence', 'unseen_s')


def empty() -> Tracks:
    """Nobody."""
    someone = tracks_of(np.zeros((17, 2)))
    return Tracks(**{name: getattr(someone, name)[:0] for name in FIELDS})


def both(first: Tracks, second: Tracks) -> Tracks:
    """Two people."""
    return Tracks(**{name: np.concatenate([getattr(first, name), getattr(second, name)])
                     for name in FIELDS})
