"""Masks of the papers, and what hides people in a training draw."""
from __future__ import annotations

import numpy as np
import pytest
from test_training_data import stickman

from ros2_occpose.skeleton import COCO17
from ros2_occpose.training.people.bodies import draw_bodies, sampling_weights
from ros2_occpose.training.views.cameras import draw_cameras
from ros2_occpose.training.views.occluders import obstruct, passers
from ros2_occpose.training.views.occlusion import (
    BLACKOUTS,
    SHARES,
    blackouts,
    draw_kinds,
    draw_masks,
    random_masks,
    threshold,
)
from ros2_occpose.types import Bools, Floats


@pytest.mark.parametrize('share', [0.25, 0.5])
@pytest.mark.parametrize('kernel', [1, 5, 21, 61])
def test_random_masks_hide_the_asked_share(rng: np.random.Generator, share: float,
                                           kernel: int) -> None:
    hidden = random_masks(rng, 20000, 17, share, kernel)
    assert hidden.shape == (20000, 17)
    assert hidden.mean() == pytest.approx(share, abs=0.02)
    changes = (hidden[1:] != hidden[:-1]).mean()
    expected = 2 * share * (1 - share) if kernel == 1 else None
    if expected:
        assert changes == pytest.approx(expected, abs=0.02)
    else:
        assert changes < 1.2 * share * (1 - share) / np.sqrt(kernel) * 2      # longer for larger K


def test_masks_of_joints_are_independent(rng: np.random.Generator) -> None:
    hidden = random_masks(rng, 20000, 2, 0.5, 21)
    assert abs(np.corrcoef(hidden.T.astype(float))[0, 1]) < 0.1


def test_blackouts_are_1_6_s_of_every_3_2_s() -> None:
    hidden = blackouts(960)
    changes = np.flatnonzero(np.diff(hidden.astype(int)))
    np.testing.assert_array_equal(changes[:4], [47, 95, 143, 191])
    assert hidden.mean() == pytest.approx(0.5)


@pytest.mark.parametrize('kernel', [3, 5, 8])
def test_theta_is_the_quantile_of_the_average(rng: np.random.Generator, kernel: int) -> None:
    average = rng.random((400_000, kernel)).mean(1)
    for share in (0.1, 0.25, 0.5, 0.8):
        assert (average > threshold(share, kernel)).mean() == pytest.approx(share, abs=0.004)


def test_masks_are_the_average_of_the_noise_above_theta() -> None:
    """Eq. 10-11 with the sum written out."""
    noise = np.random.default_rng(5).random((40 + 7, 3))
    average = np.array([noise[t:t + 7].mean(0) for t in range(40)])
    found = random_masks(np.random.default_rng(5), 40, 3, 0.4, 7)
    np.testing.assert_array_equal(found, average > threshold(0.4, 7))


def test_the_shares_of_all_kinds_are_one(rng: np.random.Generator) -> None:
    assert sum(SHARES.values()) == pytest.approx(1)
    kinds = draw_kinds(rng, 5000)
    for kind, share in SHARES.items():
        assert (kinds == kind).mean() == pytest.approx(share, abs=0.03)


def test_masks_follow_their_kind(rng: np.random.Generator) -> None:
    around = np.zeros((600, 90, 17, 2))
    around[..., 1] = np.linspace(-0.7, 0.9, 17)
    kinds = draw_kinds(rng, 600)
    hidden = draw_masks(rng, kinds, around)
    for kind in SHARES:
        some = hidden[kinds == kind].any((1, 2)).mean()
        if kind in ('random', 'groups', 'edge'):
            assert some > 0.6, kind
        else:
            assert some <= BLACKOUTS + 0.12, kind
    assert hidden.all(2).any(1).mean() > 0.1                            # everything at once
    lower = COCO17.indices('left_ankle', 'right_ankle')
    assert (hidden[:, :, lower].all(2) & ~hidden.all(2)).any(1).mean() > 0.05


def room(rng: np.random.Generator, kind: str) -> tuple[Floats, Bools]:
    """How far each person is, (B, T), and joints hidden in the room by one kind, (B, T, 17)."""
    motion = stickman(200)
    bodies = draw_bodies(rng, [motion], sampling_weights([motion]), 60, 100)
    cameras = draw_cameras(rng, bodies.mean(2).astype(float))
    body_camera = cameras.to_camera(bodies)
    hidden = obstruct(rng, np.array([kind] * 60), cameras, bodies, body_camera)
    return body_camera[..., 2].mean(2), hidden


def test_each_kind_hides_in_the_room_as_it_says(rng: np.random.Generator) -> None:
    shares = {kind: room(rng, kind)[1].mean((1, 2)) for kind in SHARES}
    for kind in ('nothing', 'random', 'groups', 'edge'):
        assert not shares[kind].any()
    assert 0.03 < shares['self'].mean() < 0.4
    for kind in ('person', 'object'):
        assert shares[kind].mean() > shares['self'].mean() + 0.04
        assert shares[kind].max() > 0.4


def test_passers_cross_the_line_of_sight(rng: np.random.Generator) -> None:
    motion = stickman(200)
    bodies = draw_bodies(rng, [motion], sampling_weights([motion]), 80, 100)
    cameras = draw_cameras(rng, bodies.mean(2).astype(float))
    some = cameras.take(np.arange(40))
    passing = passers(rng, some, bodies[:40], bodies[40:])
    np.testing.assert_allclose(passing - passing[:, :1, :1],
                               bodies[40:] - bodies[40:, :1, :1], atol=1e-4)
    middle, other = bodies[:40].mean(2)[..., :2], passing.mean(2)[..., :2]
    camera = some.position[..., :2]
    detour = (np.linalg.norm(other - camera, axis=-1) + np.linalg.norm(middle - other, axis=-1)
              - np.linalg.norm(middle - camera, axis=-1)).min(1)
    assert np.percentile(detour, 90) < 0.01
