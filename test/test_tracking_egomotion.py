"""The turning of a camera is seen in its images."""
import numpy as np
import pytest
from scene import VGA, backdrop, look

from ros2_occpose.geometry import Camera
from ros2_occpose.tracking.egomotion import ImageMotion


def pose(yaw_deg: float, pitch_deg: float) -> np.ndarray:
    yaw, pitch = np.radians([yaw_deg]), np.radians([pitch_deg])
    return look(np.zeros((1, 3)), yaw, pitch, np.zeros(1))[0]


@pytest.mark.parametrize(('yaw', 'pitch'), [(2, 0), (-1, 0), (0, 1.5), (3, -2)])
def test_pan_and_tilt(yaw, pitch):
    before, after = pose(0, 5), pose(yaw, 5 + pitch)
    motion = ImageMotion()
    assert np.array_equal(motion.update(backdrop(VGA, before), VGA), np.eye(3))
    turn = motion.update(backdrop(VGA, after), VGA)
    ahead = turn @ np.array([0, 0, 1.0])
    truth = after[:3, :3].T @ before[:3, :3] @ np.array([0, 0, 1.0])
    assert np.degrees(np.linalg.norm(ahead - truth)) < 0.3


def test_a_still_camera_stands_still():
    motion = ImageMotion()
    image = backdrop(VGA, pose(0, 0))
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 5, image.shape), 0, 255)
    motion.update(image, VGA)
    assert np.array_equal(motion.update(noisy.astype(np.uint8), VGA), np.eye(3))


def test_images_that_do_not_match_say_nothing(rng):
    for second in (np.zeros((480, 640, 3)), rng.integers(0, 255, (480, 640, 3))):
        motion = ImageMotion()
        motion.update(backdrop(VGA, pose(0, 0)), VGA)
        assert np.array_equal(motion.update(second.astype(np.uint8), VGA), np.eye(3))


def test_another_image_size_starts_anew():
    motion, small = ImageMotion(), Camera.from_hfov(480, 480, 70)
    motion.update(backdrop(VGA, pose(0, 0)), VGA)
    assert np.array_equal(motion.update(backdrop(small, pose(3, 0)), small), np.eye(3))
