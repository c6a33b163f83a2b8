"""Several people, their ids, the states of joints, the pose of bodies, and how fast it is."""
from dataclasses import replace
from time import thread_time

import numpy as np
import pytest
from lifted import lifted, place
from scene import PERFECT, crowd, make_scene, static
from statues import WORLD_FROM_CAMERA, seen, wander
from walker import Walker

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.geometry import Camera, matrix_from_quat_wxyz
from ros2_occpose.skeleton import H36M17
from ros2_occpose.trajectory import load_trajectory
from ros2_occpose.types import CameraPoseSource, JointState, Poses, Tracks, TrackState

CONFIG = TrajectoryConfig()
OUTPUTS = ('root', 'root_covariance', 'root_quat_wxyz', 'velocity', 'velocity_covariance',
           'joints', 'joint_covariance', 'joint_states')


def rows(poses, chosen):
    """The same poses of fewer people, or in another order."""
    parts = {name: getattr(poses, name)[chosen] for name in (
        'joints_root', 'std', 'rays', 'visibility')}
    tracks = poses.tracks
    return Poses(tracks=Tracks(**{name: getattr(tracks, name)[chosen] for name in (
        'ids', 'states', 'boxes_px', 'keypoints_px', 'visibility', 'confidence', 'unseen_s')}),
        **parts)


def moments(people=1, frames=30, seed=0, **options):
    rng = np.random.default_rng(seed)
    return list(seen(wander(rng, people, frames, 30.0, CONFIG), rng, **options))


def one_by_one(trajectory, stream):
    return [trajectory.update(poses, frame) for poses, frame in stream]


def test_several_people_at_once_equal_one_by_one():
    stream = moments(people=4, frames=40, hidden=(15, 25))
    together = one_by_one(load_trajectory(CONFIG), stream)
    for person in range(4):
        alone = one_by_one(load_trajectory(CONFIG), [
            (rows(poses, [person]), frame) for poses, frame in stream])
        for a, b in zip(together, alone, strict=True):
            for name in OUTPUTS:
                np.testing.assert_allclose(getattr(a, name)[person], getattr(b, name)[0],
                                           atol=1e-7)


def test_people_may_come_go_and_change_places():
    stream = moments(people=3, frames=40)
    order = [[0], [0, 2], [2, 1, 0], [1, 0, 2], [1, 2]]
    mixed, trajectory = [], load_trajectory(CONFIG)
    for t, (poses, frame) in enumerate(stream):
        chosen = order[t // 8]
        mixed.append((chosen, trajectory.update(rows(poses, chosen), frame)))
    alone = load_trajectory(CONFIG)
    steady = [alone.update(rows(poses, [2]), frame) for poses, frame in stream[8:]]
    for (chosen, people), single in zip(mixed[8:], steady, strict=True):
        assert people.tracks.ids.tolist() == [i + 1 for i in chosen]
        if 2 in chosen:
            np.testing.assert_allclose(people.root[chosen.index(2)], single.root[0], atol=1e-7)


def test_lost_people_are_placed_once_more_and_then_forgotten():
    stream = moments(people=1, frames=30)
    trajectory = load_trajectory(CONFIG)
    one_by_one(trajectory, stream[:20])
    poses, frame = stream[20]
    gone = replace(poses, visibility=np.zeros((1, 17)), tracks=replace(
        poses.tracks, states=np.array([TrackState.LOST])))
    last = trajectory.update(gone, frame)
    assert len(last) == 1
    assert last.joint_states[0, 0] == JointState.PREDICTED
    nobody = trajectory.update(rows(poses, []), stream[21][1])
    assert len(nobody) == 0
    again = trajectory.update(*stream[22])
    assert not again.velocity.any(), 'a new person, whose motion is not known yet'


def test_nobody_at_all():
    trajectory = load_trajectory(CONFIG)
    for poses, frame in moments(frames=12):
        people = trajectory.update(rows(poses, []), frame)
        assert len(people) == 0
        assert people.joint_covariance.shape == (0, 17, 3, 3)


@pytest.mark.parametrize('change', ['world appears', 'another source', 'time goes back', 'reset'])
def test_what_starts_afresh(change):
    stream = moments(frames=20)
    known = [(poses, frame) for poses, frame in stream]
    before = known[:12]
    if change == 'world appears':
        before = [(p, replace(f, world_from_camera=None, camera_pose=CameraPoseSource.NONE))
                  for p, f in before]
    if change == 'another source':
        before = [(p, replace(f, camera_pose=CameraPoseSource.TF)) for p, f in before]
    if change == 'time goes back':
        before = [(p, replace(f, stamp_ns=f.stamp_ns + 10 ** 10)) for p, f in before]
    trajectory = load_trajectory(CONFIG)
    old = one_by_one(trajectory, before)
    if change == 'reset':
        trajectory.reset()
    new = one_by_one(trajectory, known[12:])
    fresh = one_by_one(load_trajectory(CONFIG), known[12:])
    for a, b in zip(new, fresh, strict=True):
        for name in OUTPUTS:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    if change == 'world appears':
        assert old[-1].camera_pose is CameraPoseSource.NONE
        np.testing.assert_allclose(old[-1].root @ WORLD_FROM_CAMERA[:3, :3].T + (0, 0, 1.2),
                                   new[0].root, atol=0.5)


def test_the_same_input_gives_the_same_bytes():
    a, b = (one_by_one(load_trajectory(CONFIG), moments(people=3, frames=25, hidden=(10, 15)))
            for _ in range(2))
    for one, other in zip(a, b, strict=True):
        for name in OUTPUTS:
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes()


def test_inputs_stay_as_they_were():
    poses, frame = moments(people=2, frames=1)[0]
    copies = {name: getattr(poses, name).copy() for name in (
        'joints_root', 'std', 'rays', 'visibility')}
    load_trajectory(CONFIG).update(poses, frame)
    for name, copy in copies.items():
        np.testing.assert_array_equal(getattr(poses, name), copy)


def test_frames_may_be_dropped_and_come_unevenly():
    walker = Walker([(0, 4, -1.5), (4, 4, 1.6)])
    camera = Camera.from_hfov(640, 480, 90)
    full, thin = (place(make_scene([walker], camera=camera, noise=PERFECT, dropped=dropped))
                  for dropped in (0.0, 0.6))
    assert len(thin.people) < 0.5 * len(full.people)
    assert thin.error[8:].mean() < 1.5 * full.error[15:].mean() + 0.01
    speed = np.median([people.velocity[0, 1] for people in thin.people[10:]])
    assert abs(speed - 0.78) < 0.15


def test_a_person_that_jumps_is_found_again():
    rng = np.random.default_rng(0)
    roots = np.broadcast_to([4.0, -1.0, 0.9], (60, 1, 3)).copy()
    roots[30:] = (6.0, 1.5, 0.9)            # the camera pose jumped, or an id was swapped
    trajectory = load_trajectory(CONFIG)
    people = one_by_one(trajectory, seen(roots, rng))
    error = np.linalg.norm(np.array([p.root for p in people]) - roots, axis=-1)[:, 0]
    assert error[:30].mean() < 0.08
    assert error[45:].mean() < 0.2, 'after half a second'


def test_it_stays_sound_for_many_frames():
    stream = moments(frames=60, hidden=(20, 50))
    trajectory, poses_frames = load_trajectory(CONFIG), []
    for lap in range(12):
        for t, (poses, frame) in enumerate(stream):
            stamp = 10 ** 18 + round((lap * 60 + t) / 30 * 1e9)
            poses_frames.append(trajectory.update(poses, replace(frame, stamp_ns=stamp)))
        covariance = poses_frames[-1].root_covariance[0]
        np.testing.assert_allclose(covariance, covariance.T, atol=1e-12)
        assert (np.linalg.eigvalsh(covariance) > 0).all()
    ends = np.array([poses_frames[60 * lap + 59].root[0] for lap in range(5, 12)])
    assert np.ptp(ends, axis=0).max() < 0.02, 'each lap ends alike'


# --- joints -----------------------------------------------------------------------------------

def test_joints_hang_on_the_root_in_world_axes():
    scene = crowd(people=3, seconds=2.0, noise=PERFECT)
    placed = place(scene, joint_std=0.0, pixel_std=0.1)
    for people, moment in zip(placed.people[20:], list(scene)[20:], strict=True):
        apart = people.joints - people.root[:, None]
        expected = moment.joints_world - moment.joints_world[:, :1]
        np.testing.assert_allclose(apart, expected, atol=1e-9)
        known = people.poses.std[..., None, None] ** 2 * np.eye(3)
        np.testing.assert_allclose(people.joint_covariance,
                                   people.root_covariance[:, None] + known, atol=1e-12)


def test_states_of_joints(rng):
    near = Walker([(0, 1.7, 0.0), (3, 1.7, 0.0)])           # the feet are below the image
    scene = make_scene([near], camera_path=static(pitch_deg=0), noise=PERFECT, seconds=1.0)
    trajectory = load_trajectory(CONFIG)
    wrists = np.zeros((1, 17), bool)
    wrists[:, [9, 10]] = True                               # of coco17
    for moment in scene:
        people = trajectory.update(lifted(moment, rng, hidden=wrists), moment.frame)
    state = dict(zip(H36M17.joints, people.joint_states[0], strict=True))
    assert state['left_ankle'] == state['right_ankle'] == JointState.OUT_OF_VIEW
    assert state['left_wrist'] == JointState.OCCLUDED
    assert state['thorax'] == state['nose'] == JointState.OBSERVED
    assert state['head'] == JointState.OCCLUDED, 'coco17 cannot see it, it is in the image'
    unseen = replace(scene.moment(29).frame, stamp_ns=scene.stamps_ns[-1] + 30_000_000)
    people = trajectory.update(lifted(moment, rng, hidden=True), unseen)
    state = dict(zip(H36M17.joints, people.joint_states[0], strict=True))
    assert state['thorax'] == JointState.PREDICTED
    assert state['left_ankle'] == JointState.OUT_OF_VIEW


def test_doubtful_joints_do_not_count_as_seen(rng):
    scene = make_scene([Walker([(0, 4, -1), (2, 4, 1)])], noise=PERFECT, seconds=0.2)
    moment = scene.moment(0)
    poses = lifted(moment, rng)
    doubtful = replace(poses, visibility=np.where(np.arange(17) < 9, 0.29, 0.31)[None])
    people = load_trajectory(CONFIG).update(doubtful, moment.frame)
    assert ((people.joint_states[0] == JointState.OBSERVED) == (np.arange(17) >= 9)).all()


# --- bodies -----------------------------------------------------------------------------------

def test_body_faces_where_it_walks_and_stands_upright():
    square = Walker([(0, 4, 1), (2, 4, -1), (4, 6, -1), (6, 6, 1), (8, 4, 1)])
    scene = make_scene([square], camera=Camera.from_hfov(640, 480, 100), noise=PERFECT)
    placed = place(scene, joint_std=0.0)
    quats = np.array([people.root_quat_wxyz[0] for people in placed.people])
    np.testing.assert_allclose(np.linalg.norm(quats, axis=1), 1)
    assert (np.diff(quats, axis=0) ** 2).sum(1).max() < 0.1, 'no jump in sign'
    axes = matrix_from_quat_wxyz(quats)
    assert (axes[:, 2, 2] > 0.98).all()
    motion = np.gradient(scene.joints_world[:, 0, 0, :2], axis=0)
    moving = np.linalg.norm(motion, axis=1) > 0.02
    heading = motion[moving] / np.linalg.norm(motion[moving], axis=1, keepdims=True)
    along = (axes[moving, :2, 0] * heading).sum(1)
    assert np.median(along) > 0.98
    left = np.stack([-heading[:, 1], heading[:, 0]], 1)
    assert np.median((axes[moving, :2, 1] * left).sum(1)) > 0.98


def test_body_without_sides_or_spine_keeps_its_pose():
    stream = moments(frames=12)
    trajectory = load_trajectory(CONFIG)
    before = one_by_one(trajectory, stream[:10])[-1]
    poses, frame = stream[10]
    point = replace(poses, joints_root=np.zeros((1, 17, 3)))
    np.testing.assert_array_equal(trajectory.update(point, frame).root_quat_wxyz,
                                  before.root_quat_wxyz)
    poses, frame = stream[11]
    line = poses.joints_root.copy()
    line[..., [0, 2]] = 0                                   # all joints on one vertical line
    people = trajectory.update(replace(poses, joints_root=line), frame)
    np.testing.assert_array_equal(people.root_quat_wxyz, before.root_quat_wxyz)


def test_new_body_without_shape_stands_and_faces_the_camera():
    poses, frame = moments(frames=1)[0]
    point = replace(poses, joints_root=np.zeros((1, 17, 3)))
    people = load_trajectory(CONFIG).update(point, frame)
    axes = matrix_from_quat_wxyz(people.root_quat_wxyz)[0]
    np.testing.assert_allclose(axes[:, 2], [0, 0, 1], atol=1e-9)
    level = -people.root[0, :2] / np.linalg.norm(people.root[0, :2])
    np.testing.assert_allclose(axes[:2, 0], level, atol=1e-9)


# --- time -------------------------------------------------------------------------------------

@pytest.mark.parametrize('people', [1, 4, 12])
def test_time_per_person_and_frame(people):
    stream = moments(people=people, frames=60)
    trajectory, spent_ms = load_trajectory(CONFIG), []
    for poses, frame in stream:
        start = thread_time()
        trajectory.update(poses, frame)
        spent_ms.append(1e3 * (thread_time() - start))
    fast, typical = np.quantile(spent_ms[10:], [0.1, 0.5])
    print(f'{people} people: {typical:.2f} ms a frame, {typical / people:.3f} ms a person '
          f'(tenth of the frames: {fast / people:.3f})')
    assert fast < 1.0 + 0.2 * people, 'ms; ten times what an idle machine needs'
