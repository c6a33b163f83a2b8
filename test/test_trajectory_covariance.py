"""The covariance says how large the errors are, while people are seen and while they are not."""
import numpy as np
import pytest
from statues import WORLD_FROM_CAMERA, seen, wander

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.trajectory import load_trajectory, solve_clip

WITHIN = {0.68: 3.506, 0.95: 7.815}           # squared radii of a 3D Gaussian that hold so much
EXACT = TrajectoryConfig(scale_std=0.0, noise_memory_s=0.0)
PEOPLE, FRAMES, HIDDEN = 150, 90, (50, 80)


def coverage(truth, answers, covariances):
    """Share of answers within the 68 and the 95 % ellipsoid, and the mean squared radius."""
    off = answers - truth
    radius2 = np.einsum('...i,...ij,...j', off, np.linalg.inv(covariances), off)
    return [(radius2 < bound).mean() for bound in WITHIN.values()], radius2.mean()


def run(config, seed, **errors):
    """Truth, roots, root covariances, velocities and their covariances, (T, P, ...) each."""
    rng = np.random.default_rng(seed)
    truth = wander(rng, PEOPLE, FRAMES, 30.0, config)
    trajectory = load_trajectory(config)
    answers = [trajectory.update(*moment) for moment in seen(truth, rng, hidden=HIDDEN, **errors)]
    return (truth, *(np.array([getattr(a, name) for a in answers]) for name in (
        'root', 'root_covariance', 'velocity', 'velocity_covariance')))


@pytest.fixture(scope='module')
def exact():
    """People who move and are seen as the configuration says."""
    return run(EXACT, 3)


def check(what, truth, answers, covariances, slack68=0.05, slack95=0.03):
    (in68, in95), mean = coverage(truth, answers, covariances)
    print(f'{what}: {in68:.3f} within the 68 %, {in95:.3f} within the 95 % ellipsoid, '
          f'mean squared radius {mean:.2f} of 3')
    assert abs(in68 - 0.68) < slack68
    assert abs(in95 - 0.95) < slack95


@pytest.mark.parametrize(('frames', 'when', 'slack68'), [
    (slice(0, 1), 'met just now', 0.1), (slice(10, 50, 4), 'seen', 0.05),
    (slice(58, 66, 2), 'hidden for 0.5 s', 0.1), (slice(76, 80, 2), 'hidden for 1 s', 0.1),
    (slice(80, 90, 2), 'seen again', 0.05)])
def test_roots_lie_in_their_ellipsoids_as_often_as_they_should(exact, frames, when, slack68):
    truth, root, covariance, *_ = exact
    check(when, truth[frames], root[frames], covariance[frames], slack68)


@pytest.mark.parametrize(('frames', 'when'), [
    (slice(10, 50, 4), 'seen'), (slice(76, 80, 2), 'hidden for 1 s')])
def test_velocities_too(exact, frames, when):
    truth, _, _, velocity, covariance = exact
    true_velocity = np.gradient(truth, 1 / 30, axis=0)
    check(when, true_velocity[frames], velocity[frames], covariance[frames], 0.1, 0.04)


def test_covariance_grows_while_a_person_is_hidden_and_shrinks_after():
    _, _, covariance, velocity, _ = run(TrajectoryConfig(scale_std=0.0), 1)
    std = np.sqrt(np.trace(covariance, axis1=2, axis2=3)).mean(1)                # (T,)
    assert (np.diff(std[HIDDEN[0] - 1:HIDDEN[1]]) > 0).all()
    assert std[HIDDEN[1] - 1] > 2 * std[HIDDEN[0] - 1]
    assert std[HIDDEN[1] + 2] < 1.3 * std[HIDDEN[0] - 1]
    speed = np.linalg.norm(velocity, axis=-1).mean(1)
    assert 0.2 < speed[HIDDEN[1] - 1] / speed[HIDDEN[0]] < 0.7, 'coasts, and slows down'


def test_body_size_is_part_of_the_covariance():
    config = TrajectoryConfig(scale_std=0.07, noise_memory_s=0.0)
    sizes = 1 + 0.07 * np.random.default_rng(8).standard_normal(PEOPLE)
    truth, root, covariance, *_ = run(config, 4, scale=sizes)
    frames = slice(10, 50, 4)
    check('size unknown', truth[frames], root[frames], covariance[frames], 0.08, 0.04)
    along = np.array([1.0, 0, 0])                      # the camera looks along x
    spread = np.sqrt(np.einsum('i,tpij,j->tp', along, covariance[frames], along))
    assert (spread > 0.07 * root[frames, :, 0]).all()


def test_errors_that_persist_are_allowed_for():
    truth, root, covariance, *_ = run(TrajectoryConfig(scale_std=0.0), 5, persistence=0.8)
    frames = slice(10, 50, 4)
    check('errors persist', truth[frames], root[frames], covariance[frames], 0.1, 0.05)
    careless = run(EXACT, 5, persistence=0.8)
    (in68, _), _ = coverage(careless[0][frames], careless[1][frames], careless[2][frames])
    assert in68 < 0.5, 'counting each frame as new would be too sure'


def test_whole_clips_too():
    rng = np.random.default_rng(6)
    truth = wander(rng, 20, FRAMES, 30.0, EXACT)
    moments = list(seen(truth, rng, hidden=HIDDEN))
    clips = [solve_clip(
        *(np.array([getattr(poses, name)[i] for poses, _ in moments])
          for name in ('joints_root', 'rays', 'visibility', 'std')),
        np.arange(FRAMES) / 30, np.broadcast_to(WORLD_FROM_CAMERA, (FRAMES, 4, 4)), EXACT)
        for i in range(20)]
    root = np.stack([clip.root for clip in clips], 1)
    covariance = np.stack([clip.root_covariance for clip in clips], 1)
    check('clip, seen', truth[:50], root[:50], covariance[:50], 0.1, 0.05)
    check('clip, hidden', truth[50:80], root[50:80], covariance[50:80], 0.15, 0.06)
