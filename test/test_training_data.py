"""Virtual cameras, imagined detectors and occlusion: each does what it promises, from its seed."""
from __future__ import annotations

import numpy as np
import pytest

from ros2_occpose.lifting.normalise import BodyState, normalise
from ros2_occpose.skeleton import COCO17, H36M17, SMPL24
from ros2_occpose.training.mocap.bvh import axis_rotations
from ros2_occpose.training.mocap.motion import BODY, Motion
from ros2_occpose.training.mocap.retarget import TYPICAL_OFFSETS, Z_UP_FROM_Y_UP
from ros2_occpose.training.people.bodies import draw_bodies, sampling_weights
from ros2_occpose.training.views.cameras import KINDS, draw_cameras, wobble
from ros2_occpose.training.views.sequences import (
    Clips,
    draw_clips,
    frames_since,
    slow,
    to_sequences,
)

LEFT, RIGHT = BODY.index('left_wrist'), BODY.index('right_wrist')


def stickman(frames: int = 60, name: str = 'toy/one') -> Motion:
    """Somebody who faces -y, stretches the left arm out to +x, and walks slowly along +x."""
    rotations = np.tile(np.eye(3), (frames, len(SMPL24.joints), 1, 1))     # both arms stretched
    rotations[:, 0] = Z_UP_FROM_Y_UP
    rotations[:, SMPL24.index('right_shoulder')] = axis_rotations(np.array(np.pi / 2), 2)
    root = np.arange(frames)[:, None] * (0.02, 0.0, 0.0) + (0.0, 0.0, 1.0)
    return Motion(name=name, subject='', split='train', rotations=rotations.astype(np.float32),
                  root=root.astype(np.float32), offsets=TYPICAL_OFFSETS.astype(np.float32))


def test_short_clips_run_to_and_fro(rng: np.random.Generator) -> None:
    motion = stickman(frames=40)
    body = draw_bodies(rng, [motion], sampling_weights([motion]), 5, 300)
    assert body.shape == (5, 300, len(BODY), 3)
    step = np.linalg.norm(np.diff(body[:, :, 0], axis=1), axis=-1)
    assert step.max() < 0.1                                             # no jumps
    assert step.mean() > 0.005


def test_no_kind_of_movement_drowns_the_others() -> None:
    motions = [stickman(1000, f'salsa/{k}') for k in range(9)] + [stickman(100, 'run/1')]
    weights = sampling_weights(motions)
    assert weights.sum() == pytest.approx(1)
    assert weights[-1] > 0.09                 # 1.1 % of the frames


def test_cameras_keep_their_promises(rng: np.random.Generator) -> None:
    target = np.zeros((300, 90, 3))
    target[..., 2] = 1.0
    target[..., 0] += np.linspace(0, 2, 90)
    cameras = draw_cameras(rng, target)
    np.testing.assert_allclose(
        cameras.rotation @ np.swapaxes(cameras.rotation, -1, -2),
        np.broadcast_to(np.eye(3), cameras.rotation.shape), atol=1e-9)
    assert np.linalg.det(cameras.rotation) == pytest.approx(1.0)
    down = cameras.rotation[..., :, 1]
    assert (down[..., 2] < -0.5).all()                                  # y points down
    assert 0.2 < cameras.position[..., 2].min() < cameras.position[..., 2].max() < 2.4
    distance = np.linalg.norm((cameras.position - target)[..., :2], axis=-1)
    assert distance.min() > 1.19
    assert np.percentile(distance, 90) > 6
    hfov = 2 * np.degrees(np.arctan(cameras.half_view[:, 0]))
    assert 45 <= hfov.min() < 55 < 90 < hfov.max() <= 100
    ahead = cameras.to_camera(target[:, :, None])[:, :, 0]
    rays = ahead[..., :2] / ahead[..., 2:]
    inside = (ahead[..., 2] > 0) & (np.abs(rays) < cameras.half_view[:, None]).all(-1)
    assert inside.mean() > 0.75
    still = cameras.kind == KINDS.index('static')
    moved = np.ptp(cameras.position[still], axis=1).max(1)
    assert (moved == 0).mean() > 0.9                                    # the others gave way
    assert np.ptp(cameras.position[~still], axis=1).max(1).mean() > 0.2


def test_the_rotation_between_frames_is_the_cameras(rng: np.random.Generator) -> None:
    target = np.zeros((10, 30, 3))
    cameras = draw_cameras(rng, target)
    far = np.array([1e6, 2e5, 1e5])                                     # only rotation moves it
    seen = cameras.to_camera(np.broadcast_to(far, (10, 30, 1, 3)))[:, :, 0]
    predicted = np.einsum('btij,btj->bti', cameras.now_from_last()[:, 1:], seen[:, :-1])
    np.testing.assert_allclose(predicted / 1e6, seen[:, 1:] / 1e6, atol=1e-5)
    np.testing.assert_array_equal(cameras.now_from_last()[:, 0],
                                  np.broadcast_to(np.eye(3), (10, 3, 3)))


def test_wobble_is_smooth_and_as_large_as_asked(rng: np.random.Generator) -> None:
    moved = wobble(rng, 400, 300, 1, (1.0, 4.0), np.full((400, 1, 1), 2.0))
    assert moved.std() == pytest.approx(2.0, rel=0.15)
    assert np.abs(np.diff(moved, axis=1)).mean() < 0.3


def test_slow_images_are_filled_up_with_straight_lines() -> None:
    rays = np.zeros((9, 17, 2)) + np.array([0, 9, 9, 3, 9, 9, 6, 9, 9.0])[:, None, None]
    seen = np.ones((9, 17), bool)
    seen[3, 5] = False
    filled, visible = slow(rays, seen, 3)
    np.testing.assert_allclose(filled[:7, 0, 0], np.arange(7))
    np.testing.assert_array_equal(visible[:7, 5], [True, False, False, False, False, False, True])
    assert visible[:7, 0].all()


def test_frames_since_anything_was_seen() -> None:
    seen = np.array([[False, True, False, False, True]])
    since = frames_since(seen)[0]
    assert since[0] > 1000
    np.testing.assert_array_equal(since[1:], [0, 1, 2, 0])


def test_targets_are_in_the_axes_of_the_view(rng: np.random.Generator) -> None:
    """What is seen of a joint and where it is must agree, however the camera moves."""
    motion = stickman(200)
    clips = draw_clips(rng, [motion], sampling_weights([motion]), 48, 60)
    sequences = to_sequences(clips)
    np.testing.assert_array_equal(sequences.target[:, :, 0], 0)
    offsets = sequences.features[..., :34].reshape(48, 60, 17, 2)
    hips = offsets[:, :, COCO17.indices('left_hip', 'right_hip')].mean(2)
    full, checked = clips.seen.all(-1) & sequences.counts, 0
    for joint in ('left_wrist', 'right_wrist', 'nose', 'left_ankle'):
        drawn = (offsets[:, :, COCO17.index(joint)] - hips)[full]
        truth = sequences.target[:, :, H36M17.index(joint), :2][full]
        for axis in range(2):
            if truth[:, axis].std() > 0.1:
                assert np.corrcoef(drawn[:, axis], truth[:, axis])[0, 1] > 0.6, joint
                checked += 1
    assert checked >= 2


def test_sequences_are_normalised_as_the_live_lifter_does_it(rng: np.random.Generator) -> None:
    motion = stickman(200)
    clips = draw_clips(rng, [motion], sampling_weights([motion]), 3, 40)
    sequences = to_sequences(clips)
    state = BodyState.fresh(1)
    for t in range(40):
        state, features, _ = normalise(state, clips.rays[1:2, t], clips.seen[1:2, t],
                                       clips.now_from_last[1, t])
        np.testing.assert_allclose(sequences.features[1, t], features[0], atol=1e-5)


def test_data_depends_on_its_seed_only() -> None:
    motion = stickman(100)
    draws = [draw_clips(np.random.default_rng(seed), [motion], sampling_weights([motion]), 2, 30)
             for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0].rays, draws[1].rays)
    np.testing.assert_array_equal(draws[0].seen, draws[1].seen)
    assert np.abs(draws[0].rays - draws[2].rays).max() > 0.01
    assert isinstance(draws[0], Clips)
