"""Sitting, bending and reaching: hands and feet come where they should, hips to the seat."""
from __future__ import annotations

import numpy as np
from movers import ANKLES, places, walkers

from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.people.compose import bending, reaching, sitting, upright
from ros2_occpose.training.people.crowd import ANKLE, Crowd, episodes, slow_noise
from ros2_occpose.training.people.limbs import put_hand
from ros2_occpose.training.people.limits import GREATEST, LEAST, coordinates
from ros2_occpose.training.people.quaternions import about, product
from ros2_occpose.training.people.statures import draw_people, fitted
from ros2_occpose.types import Floats

_WRISTS = SMPL24.indices('left_wrist', 'right_wrist')
_LEGS = SMPL24.indices('left_hip', 'right_hip', 'left_knee', 'right_knee')


def _people(rng: np.random.Generator, count: int = 150, frames: int = 200) -> Crowd:
    crowd = walkers(count, frames)
    return Crowd(turns=crowd.turns, root=crowd.root,
                 offsets=fitted(crowd.offsets, draw_people(rng, count)))


def _fastest(joints: Floats) -> Floats:
    """Of each body [m/s]."""
    return np.linalg.norm(np.diff(joints, axis=1), axis=-1).max((1, 2)) * 30


def _legs_within(crowd: Crowd) -> bool:
    at = 4 * np.arctan(coordinates(crowd.turns[:, _LEGS]))
    low, high = LEAST[:, _LEGS, None, None], GREATEST[:, _LEGS, None, None]
    return bool(((at > low - 0.02) & (at < high + 0.02)).mean() > 0.995)


def test_seated_people_sit_at_the_height_of_seats(rng: np.random.Generator) -> None:
    crowd = sitting(rng, _people(rng))
    joints = places(crowd)
    hips = joints[:, :, SMPL24.indices('left_hip', 'right_hip'), 2].mean(-1)       # (B, T)
    lowest = hips.min(-1)
    assert lowest.min() > 0.3
    assert (lowest < 0.62).mean() > 0.95                             # the rest still stand
    seated = hips < 0.62
    assert 0.4 < seated.mean() < 0.95                                # some stand for a while
    knee = 4 * np.arctan(coordinates(crowd.turns[:, SMPL24.index('left_knee')])[0])
    assert np.degrees(knee[seated]).mean() > 60
    assert np.degrees(knee[hips > 1.5 * lowest[:, None]]).mean() < 40
    assert _legs_within(crowd)
    assert _fastest(joints).max() < 8


def test_feet_of_who_sits_or_bends_stay_on_the_floor(rng: np.random.Generator) -> None:
    for compose in (sitting, bending):
        people = _people(rng, 80)
        ankles = places(compose(rng, people))[:, :, ANKLES]
        off = np.abs(ankles[..., 2] - ANKLE * people.leg()[:, None, None])
        assert np.percentile(off, 99) < 0.02
        assert np.percentile(np.linalg.norm(np.diff(ankles, axis=1), axis=-1), 99) < 0.003


def test_who_bends_gets_down_with_the_hands(rng: np.random.Generator) -> None:
    crowd = bending(rng, _people(rng))
    joints = places(crowd)
    wrists = joints[:, :, _WRISTS, 2].min((1, 2))
    assert wrists.min() > 0.08                                       # not through the floor
    assert (wrists < 0.4 * crowd.leg()).mean() > 0.3
    assert (wrists < crowd.leg()).mean() > 0.9
    assert joints[..., SMPL24.index('head'), 2].min() > 0.2
    assert _legs_within(crowd)
    assert _fastest(joints).max() < 9


def test_hands_reach_out_and_come_back(rng: np.random.Generator) -> None:
    people = _people(rng)
    crowd = reaching(rng, people)
    before, after = places(people), places(crowd)
    moved = np.linalg.norm(after - before, axis=-1)
    others = [joint for joint in range(len(SMPL24.joints)) if not any(
        part in SMPL24.joints[joint] for part in ('shoulder', 'elbow', 'wrist', 'hand'))]
    assert moved[..., others].max() < 1e-5
    assert moved[..., _WRISTS].max(-1).max(-1).mean() > 0.3
    assert (moved[..., _WRISTS].min(-1) < 0.02).mean() > 0.2
    assert np.percentile(_fastest(after), 98) < 10


def test_a_hand_comes_to_its_target(rng: np.random.Generator) -> None:
    crowd = _people(rng, 40, 30)
    length = crowd.length('left_elbow') + crowd.length('left_wrist')
    for side, sign in enumerate((1, -1)):
        shoulder = crowd.joint(('left_shoulder', 'right_shoulder')[side])[0]
        aim = np.array([0.5 * sign, -0.4, 0.2], np.float32)[:, None, None]
        target = shoulder + aim * length[:, None]
        elbow = np.broadcast_to(np.array([0, 0.2, -1.0])[:, None, None], target.shape)
        put_hand(crowd, side, target, elbow)
        wrist = crowd.joint(('left_wrist', 'right_wrist')[side])[0]
        np.testing.assert_allclose(wrist, target, atol=2e-3)
        middle = crowd.joint(('left_elbow', 'right_elbow')[side])[0]
        assert (middle[2] < (shoulder + target)[2] / 2).all()        # it points down
        hinge = np.degrees(4 * np.arctan(coordinates(
            crowd.turns[:, SMPL24.index(('left_elbow', 'right_elbow')[side])])))
        assert (hinge[1] * sign < -30).all()
        assert np.abs(hinge[[0, 2]]).max() < 8


def test_only_the_upright_are_composed() -> None:
    crowd = walkers(3)
    crowd.turns[:, 0, 1] = product(about(0, np.array(1.0))[:, None], crowd.turns[:, 0, 1])
    assert upright(crowd).tolist() == [True, False, True]


def test_episodes_stay_at_their_ends_and_change_smoothly(rng: np.random.Generator) -> None:
    course = episodes(rng, 400, 240, already=0.7, lasting_s=(1, 4), change_s=(1, 2))
    assert course.min() >= 0
    assert course.max() <= 1
    assert 0.6 < (course[:, 0] > 0.5).mean() < 0.8
    assert ((course < 0.01) | (course > 0.99)).mean() > 0.5
    assert np.abs(np.diff(course, axis=-1)).max() < 1.9 / 30        # 1.875 / s is the peak


def test_slow_noise_is_smooth_and_of_unit_size(rng: np.random.Generator) -> None:
    noise = slow_noise(rng, (2000,), 120, 1.0)
    np.testing.assert_allclose(noise.std(0), 1, atol=0.1)
    assert np.abs(np.diff(noise, 2, axis=-1)).max() < 0.03
    assert abs(np.mean(noise[:, 0] * noise[:, 60])) < 0.15           # 2 s later: another matter
