"""The table of how well and how fast roots are found; `pytest -s` prints it.

One person walks past at 3 to 5 m, 100 frames at 30 Hz, joints with 3 px (at 500 px focal
length) and 20 mm of independent errors, 12 frames without any sight.
"""
from time import thread_time

import numpy as np
import pytest
from lifted import lifted
from scene import PERFECT, handheld, make_scene, static
from walker import Walker

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.geometry import Camera
from ros2_occpose.skeleton import H36M17
from ros2_occpose.trajectory import load_trajectory, solve_clip
from ros2_occpose.trajectory.residuals import views_of_poses
from ros2_occpose.trajectory.solver import CameraPoses, locate

SEEDS, HIDDEN = 6, slice(50, 62)
CAMERAS = {'static': static(), 'handheld': handheld()}


def scene(path):
    return make_scene([Walker([(0, 3.2, -1.5), (3.4, 5, 1.2)])], camera_path=path, noise=PERFECT,
                      camera=Camera.from_hfov(640, 480, 90), seconds=100 / 30)


def per_frame(moments):
    """Each frame by itself; where nothing is seen, the last root."""
    start, roots = thread_time(), []
    for poses, frame in moments:
        if not poses.visibility.any():
            roots.append(roots[-1])
            continue
        pose = frame.world_from_camera
        here = CameraPoses(pose[None, :3, :3], pose[None, :3, 3])
        roots.append(here.world(locate(views_of_poses(poses, 0.3), 3.0)[0])[0, 0])
    return np.array(roots), 1e3 * (thread_time() - start)


def online(moments):
    trajectory, start = load_trajectory(TrajectoryConfig()), thread_time()
    roots = [trajectory.update(poses, frame).root[0] for poses, frame in moments]
    return np.array(roots), 1e3 * (thread_time() - start)


def whole(moments):
    arrays = [np.array([getattr(poses, name)[0] for poses, _ in moments])
              for name in ('joints_root', 'rays', 'visibility', 'std')]
    times = np.array([frame.stamp_ns for _, frame in moments]) * 1e-9
    poses = np.array([frame.world_from_camera for _, frame in moments])
    start = thread_time()
    clip = solve_clip(*arrays, times - times[0], poses)
    return clip.root, 1e3 * (thread_time() - start)


@pytest.mark.parametrize('camera', CAMERAS)
def test_figures(camera):
    walking = scene(CAMERAS[camera])
    assert walking.visible_h36m[:, 0, H36M17.indices('hip')].all()
    truth, errors = walking.joints_world[:, 0, 0], {}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        moments = [(lifted(moment, rng, hidden=HIDDEN.start <= t < HIDDEN.stop), moment.frame)
                   for t, moment in enumerate(walking)]
        for solver in (per_frame, online, whole):
            roots, ms = solver(moments)
            errors.setdefault(solver.__name__, []).append(
                (np.linalg.norm(roots - truth, axis=1), ms))
    print(f'\n{camera} camera | mean | seen | hidden | last hidden (mm) | ms for 100 frames')
    mean = {}
    for name, rows in errors.items():
        error = 1e3 * np.mean([row[0] for row in rows], axis=0)
        ms = np.median([row[1] for row in rows])
        seen = np.delete(error, HIDDEN)[10:]
        mean[name] = error.mean()
        hidden = error[HIDDEN]
        print(f'{name:10s} | {error.mean():.0f} | {seen.mean():.0f} | {hidden.mean():.0f} | '
              f'{hidden[-1]:.0f} | {ms:.1f}')
    assert mean['whole'] < 35
    assert mean['online'] < 65
    assert mean['online'] < mean['per_frame']
