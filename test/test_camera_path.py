"""Camera poses between stamped poses, against a motion that is known exactly."""
import numpy as np
import pytest
import scene
from scipy.spatial.transform import Rotation

from ros2_occpose.camera_path import CameraPath
from ros2_occpose.errors import InputError
from ros2_occpose.geometry import interpolate, se3
from ros2_occpose.types import Floats

SECOND = 1_000_000_000


def path_of(times: Floats, poses: Floats) -> CameraPath:
    """Stamped poses; each second one overtakes its neighbour, as on a network."""
    path = CameraPath()
    for i in np.arange(len(times)).reshape(-1, 2)[:, ::-1].ravel():
        path.add(round(times[i] * SECOND), poses[i])
    return path


def test_constant_motion_is_met_exactly() -> None:
    spin, velocity = np.array([0.2, -0.5, 0.3]), np.array([1.0, 0.5, 0.0])
    times = np.arange(10) * 0.1

    def pose(t: float) -> Floats:
        return se3(Rotation.from_rotvec(spin * t).as_matrix(), velocity * t)

    path = path_of(times, np.array([pose(t) for t in times]))
    for t in (0.03, 0.25, 0.777):
        np.testing.assert_allclose(path.at(round(t * SECOND)), pose(t), atol=1e-9)


def test_a_handheld_camera_at_50_hz_is_met_to_a_millimetre() -> None:
    move = scene.handheld()
    times, between = np.arange(100) / 50, np.arange(99) / 50 + 0.01
    path = path_of(times, move(times))
    for t, truth in zip(between, move(between), strict=True):
        got = path.at(round(t * SECOND))
        assert np.linalg.norm(got[:3, 3] - truth[:3, 3]) < 1e-3
        turn = Rotation.from_matrix(got[:3, :3] @ truth[:3, :3].T).magnitude()
        assert np.degrees(turn) < 0.1


def test_rotations_take_the_shorter_way() -> None:
    start, end = (se3(Rotation.from_euler('z', deg, degrees=True).as_matrix(), np.zeros(3))
                  for deg in (170, -170))
    middle = interpolate(start, end, 0.5)
    np.testing.assert_allclose(middle[0, :2], [-1, 0], atol=1e-9)


def test_nothing_is_extrapolated() -> None:
    path = CameraPath()
    with pytest.raises(InputError, match='no pose at all'):
        path.at(0)
    for stamp in (1, 2):
        path.add(stamp * SECOND // 4, np.eye(4))
    assert path.reaches(SECOND // 2)
    assert not path.reaches(SECOND // 2 + 1)
    with pytest.raises(InputError, match=r'poses until 0\.250 s before it'):
        path.at(3 * SECOND // 4)
    with pytest.raises(InputError, match=r'poses from 0\.150 s later on'):
        path.at(SECOND // 10)


def test_a_gap_is_not_bridged() -> None:
    path = CameraPath()
    path.add(0, np.eye(4))
    path.add(SECOND * 6 // 10, np.eye(4))
    with pytest.raises(InputError, match=r'got a gap of 0\.600 s'):
        path.at(SECOND // 2)


def test_a_jump_back_starts_afresh() -> None:
    path = CameraPath()
    path.add(100 * SECOND, np.eye(4))
    path.add(10 * SECOND, np.eye(4))
    assert not path.reaches(50 * SECOND)
    with pytest.raises(InputError, match='before it'):
        path.at(100 * SECOND)


def test_old_poses_are_forgotten() -> None:
    path = CameraPath()
    for second in range(0, 100):
        path.add(second * SECOND, np.eye(4))
    with pytest.raises(InputError, match='later on'):
        path.at(60 * SECOND)
