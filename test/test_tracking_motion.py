"""The motion model is a Kalman filter: exact algebra, honest covariance."""
import numpy as np
import pytest
from scene import Noise, Scene, handheld, make_scene, turning
from walker import Walker

from ros2_occpose.geometry import se3
from ros2_occpose.tracking import motion
from ros2_occpose.tracking.population import expect, newcomers
from ros2_occpose.tracking.sighting import look

AGILITY = np.array([1.5, 1.5, 0.5])


def some_state(rng: np.random.Generator, n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    root = rng.normal(size=(n, 6, 6))
    return rng.normal(size=(n, 6)), root @ root.transpose(0, 2, 1) + np.eye(6)


def test_two_short_steps_are_one_long_step(rng):
    mean, covariance = some_state(rng)
    once = motion.predict(mean, covariance, 0.5, AGILITY)
    twice = motion.predict(*motion.predict(mean, covariance, 0.2, AGILITY), 0.3, AGILITY)
    np.testing.assert_allclose(once[0], twice[0])
    np.testing.assert_allclose(once[1], twice[1])


def test_correction_is_the_product_of_gaussians(rng):
    """Information adds up: inverse covariances, and means weighted by them."""
    mean, covariance = some_state(rng)
    position, noise = rng.normal(size=(4, 3)), np.diag([0.1, 0.2, 2.0]) + np.zeros((4, 3, 3))
    got_mean, got = motion.correct(mean, covariance, position, noise)
    seen = np.zeros((4, 6, 6))
    seen[:, :3, :3] = np.linalg.inv(noise)
    information = np.linalg.inv(covariance) + seen
    weighted = (np.linalg.inv(covariance) @ mean[..., None])[..., 0]
    weighted[:, :3] += (np.linalg.inv(noise) @ position[..., None])[..., 0]
    np.testing.assert_allclose(np.linalg.inv(got), information, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(got_mean, np.linalg.solve(information, weighted[..., None])[..., 0])


def test_turning_there_and_back(rng):
    mean, covariance = some_state(rng)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    there = se3(rotation, rng.normal(size=3))
    back = np.linalg.inv(there)
    again = motion.turn(*motion.turn(mean, covariance, there), back)
    np.testing.assert_allclose(again[0], mean)
    np.testing.assert_allclose(again[1], covariance)


def test_covariance_is_honest_about_people_who_move_as_modelled(rng):
    """Normalised error squared of 400 random walks: 6 on average."""
    n, dt, noise = 400, 0.1, np.diag([0.05, 0.05, 0.5]) ** 2
    blocks = np.array([[dt ** 3 / 3, dt ** 2 / 2], [dt ** 2 / 2, dt]])
    unrest = np.kron(blocks, np.diag(AGILITY ** 2))
    truth = rng.normal(size=(n, 6)) * ([0] * 3 + [motion._START_SPEED_STD] * 3)

    def measured() -> np.ndarray:
        return truth[:, :3] + rng.multivariate_normal(np.zeros(3), noise, n)

    state = motion.start(measured(), np.tile(noise, (n, 1, 1)))
    for _ in range(30):
        truth = truth + np.pad(truth[:, 3:] * dt, ((0, 0), (0, 3)))
        truth = truth + rng.multivariate_normal(np.zeros(6), unrest, n)
        state = motion.predict(*state, dt, AGILITY)
        state = motion.correct(*state, measured(), np.tile(noise, (n, 1, 1)))
    error = truth - state[0]
    squared = np.einsum('ni,nij,nj->n', error, np.linalg.inv(state[1]), error)
    assert squared.mean() == pytest.approx(6, abs=0.6)


# --- from detections to places ---------------------------------------------------------------

def first(scene: Scene) -> tuple:
    moment = scene.moment(0)
    return moment, look(moment.detections, moment.frame, 0.3)


@pytest.mark.parametrize('facing', [0, 45, 90, 180])
@pytest.mark.parametrize(('height', 'distance'), [(1.7, 3), (1.7, 9), (1.95, 5), (1.5, 5)])
def test_distance_comes_from_size(facing, height, distance):
    """Everybody is taken for 1.7 m tall: within 20 %, and within what the std says."""
    person = Walker([(0, distance, 0.3), (1, distance, 0.3)], height=height, facing_deg=facing)
    moment, seen = first(make_scene([person], noise=Noise(keypoint=0, box=0, miss=0)))
    depth = np.nanmean(moment.joints_camera[0, :, 2])
    error = seen.depth[0] / depth * height / 1.7 - 1
    assert abs(error) < 0.1
    assert abs(seen.depth[0] / depth - 1) < 2.5 * seen.relative_std[0]


def test_half_a_body_tells_the_distance_too():
    """Legs not seen: the box is half as tall, the person is not twice as far away."""
    moment, seen = first(make_scene([Walker([(0, 4, 0), (1, 4, 0)])]))
    scores = moment.detections.scores.copy()
    scores[:, 11:] = 0
    upper = type(moment.detections)(**{**vars(moment.detections), 'scores': scores})
    half = look(upper, moment.frame, 0.3)
    assert half.depth[0] == pytest.approx(seen.depth[0], rel=0.25)
    assert half.relative_std[0] > seen.relative_std[0]
    metres = (half.centre[0] - seen.centre[0]) * seen.depth[0]
    assert np.linalg.norm(metres) < 0.2


@pytest.mark.parametrize('camera', [turning, handheld])
def test_somebody_just_seen_is_expected_where_seen(camera):
    moment, seen = first(make_scene([Walker([(0, 4, 0.5), (1, 4, 0.5)])], camera_path=camera()))
    pose = moment.world_from_camera
    outlook = expect(newcomers(seen, 1, pose), pose)
    known = seen.visibility > 0
    np.testing.assert_allclose(outlook.points[:, :17][known], seen.points[:, :17][known])
    np.testing.assert_allclose(outlook.centre, seen.centre)
    np.testing.assert_allclose(outlook.depth, seen.depth)
