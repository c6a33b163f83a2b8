"""Joints that do not move with the image are believed less."""
import cv2
import numpy as np
import pytest

from ros2_occpose.config import DetectionConfig
from ros2_occpose.detection import load_visibility
from ros2_occpose.geometry import Camera
from ros2_occpose.types import Frame, Tracks, TrackState

STEP_PX = 6
WRIST = 9


def textured(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """An image with structure at the size of limbs."""
    noise = rng.integers(0, 255, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def frame_of(image: np.ndarray, stamp_ns: int) -> Frame:
    return Frame(stamp_ns=stamp_ns, image=image,
                 camera=Camera.from_hfov(image.shape[1], image.shape[0], 70))


def tracks_of(keypoints: np.ndarray, person: int = 1) -> Tracks:
    low, high = keypoints.min(0), keypoints.max(0)
    return Tracks(ids=np.array([person]), states=np.array([TrackState.TRACKED]),
                  boxes_px=np.concatenate([low, high])[None], keypoints_px=keypoints[None],
                  visibility=np.full((1, 17), 0.9), confidence=np.ones(1), unseen_s=np.zeros(1))


@pytest.fixture
def scene(rng):
    """Two images, the second moved to the right, and joints that move along but for one wrist."""
    wide = textured(rng, 700, 480)
    images = wide[:, STEP_PX:STEP_PX + 640].copy(), wide[:, :640].copy()
    before = rng.uniform((200, 100), (350, 380), (17, 2))
    after = before + np.array([STEP_PX, 0])
    after[WRIST] += (60, 40)
    return images, before, after


def test_a_joint_that_leaves_the_image_flow_is_distrusted_the_others_are_not(scene):
    images, before, after = scene
    judge = load_visibility(DetectionConfig())
    first = judge.update(tracks_of(before), frame_of(images[0], 0))
    np.testing.assert_array_equal(first.visibility, 0.9)
    second = judge.update(tracks_of(after), frame_of(images[1], 33_000_000)).visibility[0]
    assert second[WRIST] < 0.4
    assert np.delete(second, WRIST).min() > 0.75


def test_somebody_new_an_image_of_another_size_and_a_pause_say_nothing(scene):
    images, before, after = scene
    for person, image, stamp_ns in ((2, images[1], 33_000_000), (1, images[1][:400], 33_000_000),
                                    (1, images[1], 2_000_000_000)):
        judge = load_visibility(DetectionConfig())
        judge.update(tracks_of(before), frame_of(images[0], 0))
        later = judge.update(tracks_of(after, person), frame_of(image, stamp_ns))
        np.testing.assert_array_equal(later.visibility, 0.9)


def watch(steps_px: np.ndarray, wrist_px: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Visibility (17,) after people walked over a still background at 30 Hz.

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
                            frame_of(wide[y:y + 480, x:x + 640].copy(), k * 33_000_000))
    return last.visibility[0]


def test_a_joint_that_slides_off_slowly_is_distrusted_in_the_end(rng):
    walk = np.arange(15)[:, None] * np.array([2.0, 0.0])       # 0.007 of the height a frame
    slide = np.arange(15)[:, None] * np.array([0.0, 8.0])      # 0.03: one frame says little
    assert watch(walk[:2], slide[:2], rng)[WRIST] > 0.8
    late = watch(walk, slide, rng)
    assert late[WRIST] < 0.4
    assert np.delete(late, WRIST).min() > 0.85


def test_jitter_of_the_detector_is_no_guess(rng):
    walk = np.arange(15)[:, None] * np.array([2.0, 1.0])
    assert watch(walk, rng.normal(0, 3, (15, 2)), rng)[WRIST] > 0.7


def test_a_tiny_image_says_nothing(rng):
    judge = load_visibility(DetectionConfig())
    for k in range(3):
        seen = judge.update(tracks_of(rng.uniform(0, 8, (17, 2))),
                            frame_of(np.zeros((8, 8, 3), np.uint8), k * 33_000_000))
    np.testing.assert_array_equal(seen.visibility, 0.9)


def test_without_flow_tracks_stay_as_they_are(scene):
    images, before, after = scene
    judge = load_visibility(DetectionConfig(flow=False))
    judge.update(tracks_of(before), frame_of(images[0], 0))
    tracks = tracks_of(after)
    assert judge.update(tracks, frame_of(images[1], 33_000_000)) is tracks
