"""People are placed where they are, whatever the camera does and whoever is hidden."""
from dataclasses import replace

import numpy as np
import pytest
from lifted import lifted, place
from scene import PERFECT, behind_pillar, driving, handheld, make_scene, static, turning
from walker import Walker

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.geometry import Camera, invert, transform
from ros2_occpose.skeleton import H36M17
from ros2_occpose.trajectory import load_trajectory
from ros2_occpose.types import CameraPoseSource, JointState

STROLL = Walker([(0, 4, -1.5), (3.4, 4, 1.6)])
WIDE = Camera.from_hfov(640, 480, 90.0)
CAMERAS = {'static': static(), 'turning': turning(), 'driving': driving(), 'handheld': handheld()}


def stroll(path=None, **options):
    return make_scene([STROLL], camera_path=path, camera=WIDE, noise=PERFECT, **options)


@pytest.mark.parametrize('name', CAMERAS)
def test_root_is_found_to_a_few_centimetres_while_seen(name):
    placed = place(stroll(CAMERAS[name]))
    assert placed.error[15:].mean() < 0.06, 'metres'
    assert np.quantile(placed.error[15:], 0.95) < 0.14


def test_world_trajectory_does_not_depend_on_how_the_camera_moves():
    still, shaken = (place(stroll(path), seed=1) for path in (static(height=1.5), handheld()))
    apart = np.linalg.norm(still.root - shaken.root, axis=-1)
    assert apart[5:].max() < 0.05
    assert apart[5:].mean() < 0.01


@pytest.mark.parametrize('name', ['static', 'turning', 'handheld'])
def test_without_a_camera_pose_people_are_placed_in_the_camera(name):
    placed = place(stroll(CAMERAS[name], camera_known=False))
    assert placed.people[0].camera_pose is CameraPoseSource.NONE
    assert placed.error[15:].mean() < 0.12


@pytest.mark.parametrize('name', CAMERAS)
def test_a_second_without_any_sight_is_bridged(name):
    placed = place(stroll(CAMERAS[name]), hidden=lambda t: 50 <= t < 80)
    error = placed.error[:, 0]
    print(f'{name}: seen {error[15:50].mean():.3f} m, hidden {error[50:80].mean():.3f} m, at its '
          f'end {error[79]:.3f} m, stated std {np.sqrt(np.trace(placed.covariance[79, 0])):.2f} m')
    assert error[64] < 0.25, 'half a second'
    assert error[79] < 0.6, 'a second'
    assert error[82:].mean() < 0.1, 'found again at once'
    assert placed.surprise[50:80].max() < 11.3, 'the errors are within what was stated (99 %)'


def test_a_hidden_person_goes_on_in_the_same_direction_and_slows_down():
    placed = place(stroll(), hidden=lambda t: t >= 45)
    speed = np.array([people.velocity[0, 1] for people in placed.people])
    np.testing.assert_allclose(speed[20:45].mean(), 0.91, atol=0.15)
    assert 0.6 < speed[60] / speed[45] < 0.8, 'after half a second'
    assert speed[100] < 0.35 * speed[45], 'after two'
    assert (np.diff(speed[46:]) <= 1e-9).all()


def test_behind_a_wall_while_the_camera_moves():
    for path in (static(height=1.2, pitch_deg=0), handheld()):
        placed = place(behind_pillar(hidden_s=1.0, camera_path=path, noise=PERFECT))
        unseen = np.array([(p.joint_states != JointState.OBSERVED).all() for p in placed.people])
        assert unseen.sum() > 15
        assert placed.error[unseen].max() < 0.7
        assert placed.error[~unseen][10:].mean() < 0.09


def test_outliers_hardly_matter(rng):
    scene = stroll()
    trajectory, errors = load_trajectory(TrajectoryConfig()), []
    wrong = np.zeros((17, 2))
    for t, moment in enumerate(scene):
        if t % 8 == 0:                      # two or three joints at a time, for 8 frames each
            wrong = (rng.random((17, 1)) < 0.15) * rng.normal(0, 0.2, (17, 2))
        poses = lifted(moment, rng)
        people = trajectory.update(replace(poses, rays=poses.rays + wrong), moment.frame)
        errors.append(np.linalg.norm(people.root[0] - moment.joints_world[0, 0]))
    assert np.mean(errors[15:]) < 0.09


def test_one_and_two_joints_do_not_throw_the_person_about():
    only = np.ones((1, 17), bool)
    only[:, [5]] = False                    # the left shoulder, of coco17
    placed = place(stroll(), hidden=lambda t: only if t >= 30 else False)
    assert placed.error[30:90].max() < 0.8
    only[:, [6]] = False
    placed = place(stroll(), hidden=lambda t: only)
    assert np.isfinite(placed.root).all()
    distance = np.linalg.norm(placed.root[:, 0] - (0, 0, 1.2), axis=-1)
    assert (distance > 1).all()
    assert (distance < 12).all()
    assert placed.surprise.mean() < 8


def test_whoever_is_seen_is_in_front_of_the_camera(rng):
    scene = stroll()
    trajectory = load_trajectory(TrajectoryConfig())
    for moment in scene:                    # nonsense in, something finite and visible out
        poses = lifted(moment, rng)
        rays = rng.normal(0, 1, poses.rays.shape)
        seen = (rng.random(poses.visibility.shape) < 0.3).astype(float)
        joints = rng.normal(0, 1, poses.joints_root.shape)
        poses = replace(poses, rays=rays, visibility=seen, joints_root=joints)
        people = trajectory.update(poses, moment.frame)
        in_camera = transform(invert(moment.frame.world_from_camera), people.joints)
        used = seen > 0
        used[:, H36M17.indices('spine', 'thorax')] = False
        assert np.isfinite(people.root_covariance).all()
        assert (in_camera[used][:, 2] > 0).all()


def test_a_robot_may_drive_past_a_hidden_person_and_meet_it_again():
    person = Walker([(0, 3, 0.4), (9, 3, 0.4)])

    def ahead(t):                           # past the person, and back
        poses = driving(velocity=(0, 0), start=(0, 0))(t)
        poses[:, 0, 3] = 2.2 * np.clip(np.minimum(t - 1, 5 - t), 0, None)
        return poses

    scene = make_scene([person], camera_path=ahead, noise=PERFECT, seconds=6.5)
    placed = place(scene)
    seen = np.array([(p.joint_states == JointState.OBSERVED).any() for p in placed.people])
    behind = scene.world_from_camera[:, 0, 3] > 3.2
    assert behind.sum() > 20
    assert not seen[behind].any()
    assert (np.array([p.joint_states[0] for p in placed.people])[behind]
            == JointState.OUT_OF_VIEW).all()
    assert placed.error[behind].max() < 0.7
    assert placed.error[-10:].mean() < 0.1
