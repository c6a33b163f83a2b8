"""Movement multiplied: other people, paths, tempi and poses, all of them human."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from movers import ANKLES, places, sway, walker, walkers

from ros2_occpose.skeleton import SMPL24
from ros2_occpose.training.mocap.kinematics import BODY, body_points, forward
from ros2_occpose.training.mocap.motion import load_motions
from ros2_occpose.training.mocap.retarget import TYPICAL_OFFSETS
from ros2_occpose.training.people.bodies import (
    VARIETY,
    at_times,
    draw_bodies,
    draw_postures,
    mirrored,
    sampling_weights,
    stretches,
)
from ros2_occpose.training.people.compose import with_upper_body
from ros2_occpose.training.people.crowd import UPRIGHT, Crowd, arrays_of, crowd_of, split_heading
from ros2_occpose.training.people.limits import GREATEST, LEAST, coordinates, unrest, within
from ros2_occpose.training.people.paths import follow
from ros2_occpose.training.people.quaternions import about, product, rotate
from ros2_occpose.training.people.statures import draw_people, fitted
from ros2_occpose.types import Floats


def _ankle_speed(crowd: Crowd) -> Floats:
    """Of both ankles (B, T - 1, 2) [m/s]."""
    return np.linalg.norm(np.diff(places(crowd)[:, :, ANKLES], axis=1), axis=-1) * 30


@pytest.fixture
def drawn() -> tuple[Floats, Floats, Floats]:
    motions = [walker()]
    return draw_postures(np.random.default_rng(3), motions, np.ones(1), 70, 90)


def test_bodies_are_the_points_of_the_postures(drawn: tuple[Floats, Floats, Floats]) -> None:
    rotations, root, offsets = drawn
    body = draw_bodies(np.random.default_rng(3), [walker()], np.ones(1), 70, 90)
    assert body.shape == (70, 90, len(BODY), 3)
    assert body.dtype == np.float32
    expected = body_points(*forward(rotations, root, offsets[:, None]))
    np.testing.assert_allclose(body, expected, atol=1e-6)
    other = draw_bodies(np.random.default_rng(4), [walker()], np.ones(1), 70, 90)
    assert np.abs(other - body).max() > 0.1
    assert np.abs(root[:, 0, :2]).max() < 1e-6                      # above the origin at first


def test_postures_are_rotations_of_constant_bones(drawn: tuple[Floats, Floats, Floats]) -> None:
    rotations, root, offsets = drawn
    np.testing.assert_allclose(rotations @ np.swapaxes(rotations, -1, -2),
                               np.broadcast_to(np.eye(3), rotations.shape), atol=1e-5)
    joints, _ = forward(rotations, root, offsets[:, None])
    parents = list(SMPL24.parents[1:])
    bones = np.linalg.norm(joints[..., 1:, :] - joints[..., parents, :], axis=-1)
    assert np.ptp(bones, axis=1).max() < 1e-5
    assert np.ptp(bones[:, 0], axis=0).min() > 0                    # other people, other bones


def test_nobody_jumps(drawn: tuple[Floats, Floats, Floats]) -> None:
    rotations, root, offsets = drawn
    joints, _ = forward(rotations, root, offsets[:, None])
    speed = np.linalg.norm(np.diff(joints, axis=1), axis=-1) * 30
    assert speed.max() < 10.0                                       # [m/s]; a punch
    assert np.median(speed) < 2.0


def test_clips_are_read_at_any_time_and_run_to_and_fro() -> None:
    motion = walker(40)
    clip = crowd_of(motion.rotations, motion.root, motion.offsets)
    turns, root = at_times(clip, np.array([3.0, 3.5, 4.0, 39.0, 40.0, 77.0]))
    np.testing.assert_allclose(turns[..., [0, 2]], clip.turns[:, :, 0, [3, 4]], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(turns, axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(root[:, 1], motion.root[[3, 4]].mean(0), atol=1e-6)
    np.testing.assert_allclose(root[:, 3:].T, motion.root[[39, 38, 1]], atol=1e-5)


def test_stretches_vary_in_tempo(rng: np.random.Generator) -> None:
    crowd = stretches(rng, [walker(2000)], np.ones(1), np.ones(60), 100)
    speed = np.abs(np.diff(crowd.root[1], axis=-1)) / 0.035
    assert speed.mean(-1).std() > 0.08
    assert speed.std(-1).mean() > 0.02
    assert 0.4 < np.percentile(speed, 1) < np.percentile(speed, 99) < 2.0


def test_mirrored_bodies_are_reflections(rng: np.random.Generator) -> None:
    crowd = Crowd(turns=unrest(rng, walkers(4).turns), root=walkers(4).root,
                  offsets=walkers(4).offsets)
    other = mirrored(crowd)
    expected = places(crowd)[..., SMPL24.mirror, :] * (-1, 1, 1)
    np.testing.assert_allclose(places(other), expected, atol=1e-5)
    again = mirrored(other)
    np.testing.assert_array_equal(again.turns, crowd.turns)
    np.testing.assert_array_equal(again.root, crowd.root)


def test_limits_hold_and_leave_alone_what_is_within(rng: np.random.Generator) -> None:
    wild = rng.normal(size=(4, len(SMPL24.joints), 5, 50)).astype(np.float32)
    wild /= np.linalg.norm(wild, axis=0)
    tame = within(wild)
    np.testing.assert_allclose(np.linalg.norm(tame, axis=0), 1, atol=1e-5)
    at = 4 * np.arctan(coordinates(tame))[:, 1:]
    assert (at > LEAST[:, 1:, None, None] - 1e-3).all()
    assert (at < GREATEST[:, 1:, None, None] + 1e-3).all()
    calm = walkers(1).turns
    np.testing.assert_allclose(within(calm) * np.sign(calm[:1]), calm * np.sign(calm[:1]),
                               atol=1e-6)
    knee = SMPL24.index('left_knee')
    over = np.array(calm)
    over[:, knee] = about(0, np.full(calm.shape[2:], np.radians(175)))
    bent = 2 * np.arccos(within(over)[0, knee])
    np.testing.assert_allclose(np.degrees(bent), 155, atol=0.1)


def test_unrest_is_small_and_slow(rng: np.random.Generator) -> None:
    calm = walkers(300, 60).turns
    noisy = unrest(rng, calm)
    angle = np.degrees(2 * np.arccos(np.clip(np.abs((calm * noisy).sum(0)), 0, 1)))
    assert 1 < angle[1:].mean() < 10
    assert np.percentile(angle[SMPL24.index('left_knee')], 99) < 20
    assert np.abs(np.diff(angle, axis=-1)).max() < 4                 # [degrees a frame]


def test_people_measure_what_people_do(rng: np.random.Generator) -> None:
    people = draw_people(rng, 20_000)
    adult = people.stature > 1.6
    assert 1.66 < people.stature[adult].mean() < 1.74
    assert 0.07 < people.stature[adult].std() < 0.10
    assert 0.05 < (people.stature < 1.5).mean() < 0.15               # children, some small women
    leg = people.thigh + people.shin
    assert (leg / people.stature)[adult].mean() == pytest.approx(0.484, abs=0.01)
    for part in (leg, people.trunk, people.upper_arm, people.shoulders, people.hips):
        assert 0.3 < np.corrcoef(people.stature[adult], part[adult])[0, 1] < 0.99
    assert 0.03 < np.log(people.upper_arm / leg).std() < 0.08


def test_bodies_are_as_tall_as_their_people(rng: np.random.Generator) -> None:
    people = draw_people(rng, 500)
    typical = np.repeat(TYPICAL_OFFSETS.T[..., None], 500, -1)
    offsets = fitted(typical, people)
    still = np.zeros((4, len(SMPL24.joints), 500, 1), np.float32)
    still[0] = 1
    still[:, 0] = UPRIGHT
    rotations, root, bones = arrays_of(Crowd(turns=still, root=np.zeros((3, 500, 1), np.float32),
                                             offsets=offsets))
    joints, turns = forward(rotations, root, bones[:, None])
    top = body_points(joints, turns)[:, 0, BODY.index('head'), 2]
    at = SMPL24.index
    height = top - joints[:, 0, at('left_ankle'), 2] + people.ankle
    assert np.abs(height - people.stature).mean() < 0.005
    assert np.abs(height - people.stature).max() < 0.05
    width = joints[:, 0, at('left_shoulder'), 0] - joints[:, 0, at('right_shoulder'), 0]
    np.testing.assert_allclose(width, people.shoulders, rtol=1e-4)
    np.testing.assert_allclose(offsets[0], -offsets[0, SMPL24.mirror], atol=1e-6)
    direction = offsets / np.linalg.norm(offsets, axis=0).clip(1e-9)
    elbow = SMPL24.index('left_elbow')
    np.testing.assert_allclose(direction[:, elbow].T, np.tile(
        TYPICAL_OFFSETS[elbow] / np.linalg.norm(TYPICAL_OFFSETS[elbow]), (500, 1)), atol=1e-5)


def test_feet_stand_still_whoever_walks_wherever(rng: np.random.Generator) -> None:
    standing = sway(60)
    assert _ankle_speed(standing).max() < 0.01                    # [m/s]
    other = Crowd(turns=standing.turns, root=standing.root,
                  offsets=fitted(standing.offsets, draw_people(rng, 60)))
    led = follow(rng, standing, other, 0.4)
    assert _ankle_speed(led).max() < 0.06
    height = places(led)[:, :, ANKLES, 2].mean((1, 2))
    scale = other.leg() / standing.leg()
    np.testing.assert_allclose(height, 0.08 * scale, atol=0.01)


def test_paths_curve_and_people_look_along_them(rng: np.random.Generator) -> None:
    crowd = walkers(200, 140)
    led = follow(rng, crowd, crowd, 0.35)
    heading = split_heading(led.turns[:, 0])[0]
    yaw = np.unwrap(2 * np.arctan2(heading[3], heading[0]), axis=-1)
    assert 0.2 < np.abs(yaw[:, -1] - yaw[:, 0]).mean() < 2.0
    step = np.diff(led.root, axis=-1)
    speed = np.hypot(step[0], step[1])
    np.testing.assert_allclose(speed.sum(-1), 0.035 * 139, rtol=0.08)
    ahead = rotate(heading[..., 1:], np.stack([0 * speed, -speed, 0 * speed]))
    assert np.abs(ahead[:2] - step[:2]).mean() < 0.01


def test_an_upper_body_keeps_its_lean_on_other_legs() -> None:
    lower, upper = walkers(3), walkers(3)
    pitch, lean = about(0, np.array(0.3))[:, None, None], about(0, np.array(-0.2))[:, None, None]
    lower.turns[:, 0] = product(lower.turns[:, 0], pitch)
    upper.turns[:, 0] = product(upper.turns[:, 0], lean)
    both = with_upper_body(lower, upper)
    np.testing.assert_array_equal(both.turns[:, SMPL24.index('left_hip')],
                                  lower.turns[:, SMPL24.index('left_hip')])
    up = np.broadcast_to(np.array([0, 1.0, 0])[:, None, None], lower.root.shape)
    chest, expected = (rotate(crowd.joint('spine3')[1], up) for crowd in (both, upper))
    assert np.degrees(np.arccos(np.clip((chest * expected).sum(0), -1, 1))).max() < 4


def test_kinds_have_their_share() -> None:
    assert 0.15 <= VARIETY.sitting + VARIETY.bending + VARIETY.reaching <= 0.20


def test_draws_from_real_recordings_stay_human(shared_data: Path,
                                               rng: np.random.Generator) -> None:
    motions = load_motions(shared_data / 'mocap', ('validation',))
    rotations, root, offsets = draw_postures(rng, motions, sampling_weights(motions), 96, 120)
    assert np.isfinite(rotations).all()
    assert np.isfinite(root).all()
    joints, _ = forward(rotations, root, offsets[:, None])
    lowest = joints[:, :, ANKLES, 2].min((1, 2))
    assert np.percentile(lowest, 5) > 0.0                            # nobody under the floor
    assert 0.04 < np.median(lowest) < 0.12
    speed = np.linalg.norm(np.diff(joints, axis=1), axis=-1) * 30
    assert np.percentile(speed.max((1, 2)), 90) < 12.0
    recorded = stretches(rng, motions, sampling_weights(motions), np.ones(96), 120)
    before = np.linalg.norm(np.diff(places(recorded), axis=1), axis=-1) * 30
    assert np.percentile(speed, 99) < 1.2 * np.percentile(before, 99)
