"""People are placed where they are, whatever the camera does, and the covariance is honest."""
from dataclasses import replace

import numpy as np
import pytest
from lifted import lifted, place
from scene import driving, handheld, make_scene, static, turning
from walker import Walker

from ros2_occpose.config import TrajectoryConfig
from ros2_occpose.geometry import Camera, matrix_from_quat_wxyz
from ros2_occpose.skeleton import H36M17
from ros2_occpose.trajectory import load_trajectory
from ros2_occpose.types import CameraPoseSource, JointState, TrackState

STROLL = Walker([(0, 4, -1.5), (3.4, 4, 1.6)])
WIDE = Camera.from_hfov(640, 480, 90.0)
CAMERAS = {'static': static(), 'turning': turning(), 'driving': driving(), 'handheld': handheld()}
KNOWN_SIZE = TrajectoryConfig(scale_std=0.0)


@pytest.mark.parametrize('name', CAMERAS)
def test_root_is_found_to_a_few_centimetres_while_seen(name):
    scene = make_scene([STROLL], camera_path=CAMERAS[name], camera=WIDE)
    placed = place(scene)
    assert placed.error[15:].mean() < 0.06, 'metres'
    assert np.quantile(placed.error[15:], 0.95) < 0.14


def test_world_trajectory_does_not_depend_on_how_the_camera_moves():
    still, shaken = (place(make_scene([STROLL], camera_path=path, camera=WIDE), seed=1)
                     for path in (static(height=1.5), handheld()))
    apart = np.linalg.norm(still.root - shaken.root, axis=-1)
    assert apart[5:].max() < 0.05
    assert apart[5:].mean() < 0.01
