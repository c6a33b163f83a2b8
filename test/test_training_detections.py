"""Simulated detections are as wrong, for as long, as the detector that was measured."""
from __future__ import annotations

from dataclasses import replace
from time import perf_counter

import numpy as np
import pytest

from ros2_occpose.skeleton import COCO17
from ros2_occpose.training.views.detections import (
    HEIGHT_M,
    PARTS,
    RENDERED_NOISE,
    DetectorNoise,
    ar1,
    detect,
    invent,
)
from ros2_occpose.training.views.spells import draw_spells

PER_M = 0.25            # somebody at four metres
# Only what is asked for: no tails, nothing lost, wrong, hidden or swapped, no pixels.
NONE = (0.0,) * len(PARTS)
QUIET = DetectorNoise(
    wander=(1e-9,) * 7, jitter=NONE, offset=NONE, pixel_px=0.0, level_spread=0.0,
    joint_spread=0.0, restless_share=0.0, habit_spread=0.0, habit_up=(), habit_out=(),
    habit_bone=(), wrong_limb=(0.0, 0.0), wrong_joint=NONE, swapped=0.0, lost=NONE, lost_any=0.0,
    hidden_rows=0.0)


@pytest.fixture
def rays() -> np.ndarray:
    """Somebody who stands upright and faces the camera, (200, 120, 17, 2)."""
    left_and_up = {'nose': (0, 1.55), 'eye': (.03, 1.6), 'ear': (.07, 1.58), 'hip': (.1, .9),
                   'shoulder': (.18, 1.4), 'elbow': (.2, 1.1), 'wrist': (.2, .85),
                   'knee': (.1, .5), 'ankle': (.1, .08)}
    body = []
    for joint in COCO17.joints:
        side, _, part = joint.partition('_')
        left, up = left_and_up[part or joint]
        body.append((-left if side == 'right' else left, 1 - up))
    return np.tile(np.array(body) * PER_M, (200, 120, 1, 1))


def errors(rng: np.random.Generator, rays: np.ndarray, noise: DetectorNoise,
           ) -> tuple[np.ndarray, np.ndarray]:
    """Errors in heights, and what was lost."""
    noisy, lost = detect(rng, rays, np.full(rays.shape[:2], PER_M), noise)
    return (noisy - rays) / (HEIGHT_M * PER_M), lost


def part(name: str) -> list[int]:
    return [j for j, joint in enumerate(COCO17.joints) if joint.endswith(name)]


def test_the_size_of_errors_is_the_measured_one(rng: np.random.Generator,
                                                rays: np.ndarray) -> None:
    error, lost = errors(rng, rays, DetectorNoise())
    size = np.linalg.norm(error, axis=-1)
    for name, median in (('shoulder', .0129), ('elbow', .0155), ('wrist', .0179),
                         ('hip', .0172), ('knee', .0146), ('ankle', .0155)):
        assert np.median(size[..., part(name)]) == pytest.approx(median, rel=0.35), name
    assert 0.03 < (size > 0.06).mean() < 0.12               # wrong, not only noisy
    wrong = [(size[..., part(name)] > 0.12).mean() for name in ('wrist', 'knee', 'eye')]
    assert wrong[0] > 2 * wrong[1] > 2 * wrong[2]
    assert lost[..., part('wrist')].mean() > 4 * lost[..., part('hip')].mean()


def test_rendered_noise_has_the_errors_of_rendered_scenes(rng: np.random.Generator,
                                                          rays: np.ndarray) -> None:
    error, lost = errors(rng, rays, replace(RENDERED_NOISE, hidden_rows=0.0))
    size = np.linalg.norm(error, axis=-1)
    for name, median in (('shoulder', .0180), ('elbow', .0196), ('wrist', .0257),
                         ('hip', .0183), ('knee', .0221), ('ankle', .0174)):
        assert np.median(size[..., part(name)]) == pytest.approx(median, rel=0.35), name
    usual, _ = errors(rng, rays, replace(DetectorNoise(), hidden_rows=0.0))
    wrong = [(np.linalg.norm(each, axis=-1)[..., part('wrist')] > 0.06).mean()
             for each in (error, usual)]
    assert wrong[0] > 1.5 * wrong[1]                        # 23 and 11 % where it was measured
    assert lost[..., part('wrist')].mean() > 2 * lost[..., part('elbow')].mean()


def test_errors_last_as_long_as_measured(rng: np.random.Generator, rays: np.ndarray) -> None:
    error, _ = errors(rng, rays, replace(DetectorNoise(), hidden_rows=0.0))
    centred = error - np.median(error, axis=1, keepdims=True)
    centred[np.abs(centred) > 0.05] = np.nan
    for lag, low, high in ((1, .55, .75), (2, .38, .58), (4, .12, .38)):
        alike = np.nanmean(centred[:, lag:] * centred[:, :-lag]) / np.nanmean(centred ** 2)
        assert low < alike < high, lag


def test_people_and_recordings_differ(rng: np.random.Generator, rays: np.ndarray) -> None:
    error, _ = errors(rng, rays, DetectorNoise())
    level = np.log(np.median(np.linalg.norm(error, axis=-1), axis=(1, 2)))
    assert 0.25 < level.std() < 0.7


def test_small_people_are_seen_less_well(rng: np.random.Generator, rays: np.ndarray) -> None:
    noise = replace(DetectorNoise(), focal_px=(500.0, 501.0))
    near, _ = errors(rng, rays, noise)
    noisy, _ = detect(rng, rays / 8, np.full(rays.shape[:2], PER_M / 8), noise)
    far = (noisy - rays / 8) / (HEIGHT_M * PER_M / 8)       # 27 px instead of 213
    assert np.median(np.abs(far)) > 1.25 * np.median(np.abs(near))
    assert (np.abs(far) > .06).mean() > 1.5 * (np.abs(near) > .06).mean()


def test_neighbours_err_alike(rng: np.random.Generator, rays: np.ndarray) -> None:
    noise = replace(QUIET, wander=(0.01,) * 7)
    error, _ = errors(rng, rays, noise)
    alike = np.corrcoef(error[..., 0].reshape(-1, 17).T)
    elbow, wrist, ankle = COCO17.indices('left_elbow', 'left_wrist', 'left_ankle')
    assert alike[elbow, wrist] == pytest.approx(noise.neighbours_alike, abs=0.05)
    assert alike[0, 1] == pytest.approx(noise.face_alike, abs=0.05)
    assert abs(alike[wrist, ankle]) < 0.05


def test_habits_move_with_the_body(rng: np.random.Generator, rays: np.ndarray) -> None:
    noise = replace(QUIET, habit_up=(('hip', 0.1),), habit_out=(('ear', -0.5),),
                    habit_bone=(('ankle', 0.25),))
    error, _ = errors(rng, rays, noise)
    metres = error[0, 0] * HEIGHT_M
    left_hip, left_ear, right_ear, left_ankle, nose = COCO17.indices(
        'left_hip', 'left_ear', 'right_ear', 'left_ankle', 'nose')
    np.testing.assert_allclose(metres[left_hip], (0, -0.05), atol=1e-4)       # trunk 0.5 m
    np.testing.assert_allclose(metres[left_ear], (-0.14, 0), atol=1e-4)       # width 0.28 m
    np.testing.assert_allclose(metres[right_ear], (0.14, 0), atol=1e-4)
    np.testing.assert_allclose(metres[left_ankle], (0, -0.105), atol=1e-4)    # shin 0.42 m
    np.testing.assert_allclose(metres[nose], 0, atol=1e-4)
    turned, _ = detect(rng, rays[..., ::-1], np.full(rays.shape[:2], PER_M), noise)
    np.testing.assert_allclose((turned - rays[..., ::-1])[0, 0, :, ::-1] / PER_M, metres,
                               atol=1e-4)


def test_swapped_sides_are_exactly_the_other_side(rng: np.random.Generator,
                                                  rays: np.ndarray) -> None:
    noise = replace(QUIET, swapped=0.1, swapped_spread=0.0, small_px=0.0)
    error, _ = errors(rng, rays, noise)
    moved = np.linalg.norm(error, axis=-1) > 1e-6                             # (B, T, 17)
    mirrored = (rays[..., COCO17.mirror, :] - rays) / (HEIGHT_M * PER_M)
    np.testing.assert_allclose(error[moved], mirrored[moved], atol=1e-6)
    arms = moved[..., COCO17.index('left_wrist')]
    legs = moved[..., COCO17.index('left_ankle')]
    assert arms.mean() == pytest.approx(0.1, abs=0.02)
    assert legs.mean() == pytest.approx(0.1 * (1 - noise.swapped_arms), abs=0.02)
    assert (legs & ~arms).mean() < 0.01                     # both at once cancel out


def test_a_wrong_elbow_takes_the_wrist_along(rng: np.random.Generator, rays: np.ndarray) -> None:
    noise = replace(QUIET, wrong_limb=(0.05, 0.0), wrong_spread=0.0, small_px=0.0)
    error, _ = errors(rng, rays, noise)
    moved = np.linalg.norm(error, axis=-1) > 1e-6
    elbow, wrist = (moved[..., part(name)] for name in ('elbow', 'wrist'))
    assert elbow.mean() == pytest.approx(0.05, abs=0.01)
    np.testing.assert_array_equal(elbow, wrist)
    assert not moved[..., part('knee')].any()


def test_lost_joints_come_in_bursts_of_the_measured_length(rng: np.random.Generator,
                                                           rays: np.ndarray) -> None:
    noise = replace(QUIET, lost=(0, 0, 0, .1, 0, 0, 0), lost_spread=0.0)
    _, lost = errors(rng, rays, noise)
    wrists = lost[..., part('wrist')]
    assert wrists.mean() == pytest.approx(0.1, abs=0.015)
    assert lost.sum() == wrists.sum()
    begins = (wrists[:, 1:] & ~wrists[:, :-1]).sum()
    frames = wrists[:, 1:].sum() / begins
    assert 2.0 < frames < 4.0                               # 0.085 s and the frames cut at 30 Hz


def test_some_hidden_limbs_are_stated_as_seen(rng: np.random.Generator, rays: np.ndarray) -> None:
    noise = replace(QUIET, hidden_rows=1.0)
    error, lost = errors(rng, rays, noise)
    size = np.linalg.norm(error, axis=-1)
    assert (size > 0.02)[..., part('ankle')].mean() > 0.02
    assert not (size[..., part('eye')] > 1e-6).any()
    assert (size[lost] > 0).all()
    assert lost[..., part('ankle')].mean() > 0.01


def test_hidden_joints_are_invented(rng: np.random.Generator, rays: np.ndarray) -> None:
    hidden = np.zeros(rays.shape[:3], bool)
    hidden[:, 40:80, part('ankle')] = True
    noisy, stated = invent(rng, rays, hidden, np.full(rays.shape[:2], PER_M))
    assert not stated[~hidden].any()
    assert stated[hidden].mean() == pytest.approx(DetectorNoise().invented[-1], abs=0.1)
    np.testing.assert_array_equal(noisy[~hidden], rays[~hidden])
    size = np.linalg.norm(noisy - rays, axis=-1)[stated] / (HEIGHT_M * PER_M)
    assert np.median(size) == pytest.approx(0.073, rel=0.2)
    assert np.quantile(size, 0.9) > 2 * np.median(size)


def test_the_same_seed_gives_the_same_detections(rays: np.ndarray) -> None:
    per_m = np.full(rays.shape[:2], PER_M)
    first, second = (detect(np.random.default_rng(5), rays, per_m) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_correlated_noise_has_unit_size(rng: np.random.Generator) -> None:
    noise = ar1(rng, (50, 2000, 3), 0.8)
    assert noise.std() == pytest.approx(1.0, abs=0.05)
    assert np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1] == pytest.approx(
        0.8, abs=0.02)


@pytest.mark.parametrize('spread', [0.0, 1.2])
def test_spells_fill_their_share_of_every_frame(rng: np.random.Generator, spread: float) -> None:
    spells = draw_spells(rng, np.full((3000, 2), (0.1, 0.0)), 60, 3.0, spread)
    on = spells.mask(3000, 60, 2)
    assert not on[..., 1].any()
    assert on[..., 0].mean() == pytest.approx(0.095, abs=0.01)                # some overlap
    assert on[:, 0, 0].mean() == pytest.approx(on[:, -1, 0].mean(), abs=0.02)
    assert (spells.stop > spells.first).all()
    assert spells.stop.max() == 60


def test_detections_are_drawn_fast(rng: np.random.Generator) -> None:
    rays = rng.normal(0, 0.1, (128, 243, 17, 2)).astype(np.float32)
    per_m, times = np.full((128, 243), PER_M, np.float32), []
    for _ in range(4):
        start = perf_counter()
        noisy, _ = detect(rng, rays, per_m)
        times.append(perf_counter() - start)
    assert noisy.dtype == np.float32
    assert 128 * 243 / min(times) > 75_000      # 380,000 on an idle core; tests share theirs
