"""Metrics against cases counted by hand and against SciPy."""
from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.spatial.transform import Rotation

from ros2_occpose.evaluation import metrics
from ros2_occpose.evaluation.calibration import (
    STATED,
    found_shares,
    share_within,
)
from ros2_occpose.geometry import RADIUS_68, RADIUS_95
from ros2_occpose.skeleton import H36M17
from ros2_occpose.types import Floats

J = len(H36M17.joints)
HIP, WRIST = H36M17.indices('hip', 'left_wrist')


def people(rng: np.random.Generator, *shape: int) -> Floats:
    return rng.normal(0, 0.4, (*shape, J, 3)) + np.array([0.2, -0.1, 4.0])


def test_one_joint_off_by_17_cm_is_an_mpjpe_of_10_mm(rng: np.random.Generator) -> None:
    truth = people(rng, 5)
    said = truth.copy()
    said[:, WRIST] += (0.0, 0.08, 0.15)
    error = metrics.root_aligned_mm(said, truth)
    assert error.shape == (5, J)
    np.testing.assert_allclose(error[:, WRIST], 170)
    assert error.mean() == pytest.approx(10)


def test_the_place_does_not_matter_around_the_hip(rng: np.random.Generator) -> None:
    truth = people(rng, 5)
    np.testing.assert_allclose(metrics.root_aligned_mm(truth + 2.0, truth), 0, atol=1e-9)


def test_a_hip_in_the_wrong_place_moves_all_other_joints(rng: np.random.Generator) -> None:
    truth = people(rng, 1)
    said = truth.copy()
    said[:, HIP, 0] += 0.05
    error = metrics.root_aligned_mm(said, truth)[0]
    assert error[HIP] == 0
    np.testing.assert_allclose(np.delete(error, HIP), 50)


def test_similarity_alignment_agrees_with_scipy(rng: np.random.Generator) -> None:
    truth, said = people(rng, 30), people(rng, 30)
    error = metrics.similarity_aligned_mm(said, truth)
    for k in range(30):
        s, t = said[k] - said[k].mean(0), truth[k] - truth[k].mean(0)
        turned = Rotation.align_vectors(t, s)[0].apply(s)
        scale = (turned * t).sum() / (turned * turned).sum()
        np.testing.assert_allclose(error[k], 1e3 * np.linalg.norm(scale * turned - t, axis=1),
                                   atol=1e-6)


def test_similarity_alignment_agrees_with_scipys_procrustes(rng: np.random.Generator) -> None:
    truth = people(rng, 20)
    said = truth + rng.normal(0, 0.05, truth.shape)           # near: nothing to gain by mirroring
    error = metrics.similarity_aligned_mm(said, truth) / 1e3
    for k in range(20):
        size = ((truth[k] - truth[k].mean(0)) ** 2).sum()
        assert (error[k] ** 2).sum() / size == pytest.approx(procrustes(truth[k], said[k])[2])


def test_similarity_alignment_ignores_place_turn_and_size_but_not_mirrors(
        rng: np.random.Generator) -> None:
    truth = people(rng, 4)
    turn = Rotation.random(4, random_state=1).as_matrix()
    moved = 1.3 * truth @ np.swapaxes(turn, 1, 2) + (1, 2, 3)
    np.testing.assert_allclose(metrics.similarity_aligned_mm(moved, truth), 0, atol=1e-6)
    assert metrics.similarity_aligned_mm(truth * (-1, 1, 1), truth).mean() > 50


def test_the_scale_of_a_sequence_is_one_for_all_frames(rng: np.random.Generator) -> None:
    truth = people(rng, 2, 6)
    counts = np.ones((2, 6), bool)
    np.testing.assert_allclose(metrics.scale_aligned_mm(0.8 * truth, truth, counts), 0, atol=1e-6)
    wavering = truth * np.where(np.arange(6) % 2, 1.1, 0.9)[:, None, None]
    assert metrics.scale_aligned_mm(wavering, truth, counts).mean() > 300      # 10 % of 4 m
    shifted = metrics.scale_aligned_mm(truth + np.array([0.1, 0, 0]), truth, counts)
    assert 95 < shifted.mean() < 101             # aside cannot be scaled away


def test_the_scale_is_the_best_one_and_of_the_frames_that_count(rng: np.random.Generator) -> None:
    truth, said = people(rng, 1, 8), people(rng, 1, 8)
    counts = np.arange(8)[None] < 5
    square = (metrics.scale_aligned_mm(said, truth, counts)[counts] ** 2).sum()
    scales = np.linspace(0.8, 1.2, 401)
    others = [(1e6 * (scale * said - truth)[counts] ** 2).sum() for scale in scales]
    assert square <= min(others) * (1 + 1e-9)
    assert square == pytest.approx(min(others), rel=1e-3)


def test_a_jerk_is_an_error_of_acceleration() -> None:
    truth = np.zeros((1, 6, J, 3))
    truth[..., 0] = 0.03 * np.arange(6)[:, None]           # everybody moves evenly
    said = truth.copy()
    said[0, 3, WRIST] += (0.006, 0.008, 0.0)               # 10 mm for one frame: 1, -2, 1
    error = metrics.acceleration_mm(said, truth)
    assert np.isnan(error[0, [0, -1]]).all()
    np.testing.assert_allclose(error[0, 1:-1, WRIST], [0, 10, 20, 10], atol=1e-9)
    assert np.delete(error[0, 1:-1], WRIST, 1).max() == pytest.approx(0)


def test_acceleration_is_around_the_hip() -> None:
    truth = np.zeros((5, J, 3))
    said = truth + np.square(np.arange(5.0))[:, None, None]       # all joints alike
    np.testing.assert_allclose(metrics.acceleration_mm(said, truth)[1:-1], 0, atol=1e-9)


def test_the_root_error_is_in_metres() -> None:
    truth = np.zeros((2, 3, 3))
    np.testing.assert_allclose(metrics.root_m(truth + np.array([0.3, 0, 0.4]), truth), 0.5)


def test_errors_of_an_isotropic_gaussian_are_calibrated(rng: np.random.Generator) -> None:
    std = rng.uniform(0.01, 0.2, 200_000)
    ratio = np.linalg.norm(rng.normal(0, 1, (200_000, 3)) * std[:, None], axis=1) / std
    assert share_within(ratio, RADIUS_68) == pytest.approx(0.683, abs=0.004)
    assert share_within(ratio, RADIUS_95) == pytest.approx(0.950, abs=0.003)
    np.testing.assert_allclose(found_shares(ratio), STATED, atol=0.005)


def test_a_std_that_is_too_small_holds_too_few_errors(rng: np.random.Generator) -> None:
    ratio = np.linalg.norm(rng.normal(0, 2, (20_000, 3)), axis=1)
    assert share_within(ratio, RADIUS_95) < 0.5
    assert (found_shares(ratio) < STATED).all()


def test_of_no_error_there_is_no_share() -> None:
    assert np.isnan(share_within(np.zeros(0), RADIUS_68))
