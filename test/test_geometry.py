"""Lenses, rigid motion, rotations and alignment."""
import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ros2_occpose.errors import CameraError
from ros2_occpose.geometry import (
    Camera,
    align_similarity,
    camera_from_view,
    invert,
    matrix_from_6d,
    matrix_from_quat_wxyz,
    quat_wxyz_from_matrix,
    rotation_6d,
    se3,
    transform,
)

K = np.array([[520.0, 0, 331], [0, 515, 236], [0, 0, 1]])
LENSES = {
    'none': ('plumb_bob', []),
    'barrel': ('plumb_bob', [-0.28, 0.07, 1e-3, -5e-4, 0.0]),
    'rational': ('rational_polynomial', [0.54, -2.63, 9e-4, -2e-4, 1.51, 0.42, -2.45, 1.44]),
    'fisheye': ('equidistant', [-0.02, 0.005, -0.003, 0.0005]),
    'ideal fisheye': ('equidistant', [0.0, 0.0, 0.0, 0.0]),
}


def camera(name):
    model, d = LENSES[name]
    return Camera(640, 480, K, model, np.array(d))


@pytest.mark.parametrize('name', LENSES)
def test_rays_undo_projection(name, rng):
    pixels = rng.uniform((0, 0), (640, 480), (50, 2))
    rays = camera(name).rays(pixels)
    points = np.concatenate([rays, np.ones((50, 1))], 1) * rng.uniform(0.5, 20, (50, 1))
    np.testing.assert_allclose(camera(name).project(points), pixels, atol=1e-3)


def test_projection_is_that_of_opencv(rng):
    points = rng.uniform((-1, -1, 3), (1, 1, 6), (20, 3))
    for name in ('none', 'barrel', 'rational'):
        lens = camera(name)
        expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), lens.k, lens.d)
        np.testing.assert_allclose(lens.project(points), expected[:, 0], atol=1e-9)


@pytest.mark.parametrize('name', LENSES)
def test_shapes_survive(name):
    lens = camera(name)
    assert lens.project(np.ones((2, 3, 4, 3))).shape == (2, 3, 4, 2)
    assert lens.rays(np.ones((5, 2))).shape == (5, 2)
    assert lens.project(np.zeros((0, 17, 3))).shape == (0, 17, 2)
    assert lens.rays(np.zeros((0, 17, 2))).shape == (0, 17, 2)


@pytest.mark.parametrize('name', LENSES)
def test_nothing_is_seen_behind_the_camera_or_far_aside(name):
    lens = camera(name)
    behind, on, aside = lens.project(np.array([[0.1, 0, -2], [0.3, 0.1, 0], [40.0, 0, 4]]))
    assert np.isnan(behind).all()
    assert np.isnan(on).all()
    assert not lens.contains(np.stack([behind, on, aside])).any()


def test_barrel_lens_does_not_fold_far_points_back_into_the_image():
    point = np.array([[3.0, 0.0, 1.0]])       # 72 degrees aside
    mild = Camera(640, 480, K, 'plumb_bob', np.array([-0.11, 0.0, 0, 0, 0]))
    folded, _ = cv2.projectPoints(point, np.zeros(3), np.zeros(3), mild.k, mild.d)
    assert mild.contains(folded[0, 0])        # the polynomial alone would say so
    assert np.isnan(mild.project(point)).all()


def test_contains_counts_the_border_once():
    lens = camera('none')
    corners = np.array([[0, 0], [639.9, 479.9], [640, 100], [100, 480], [-0.1, 5], [np.nan, 5]])
    assert lens.contains(corners).tolist() == [True, True, False, False, False, False]


def test_field_of_view():
    lens = Camera.from_hfov(640, 480, 90.0)
    np.testing.assert_allclose(lens.rays(np.array([[0, 240], [640, 240.0]])), [[-1, 0], [1, 0]])
    assert lens.size == (640, 480)
    assert lens.focal_px == pytest.approx(320)


@pytest.mark.parametrize(('change', 'message'), [
    ({'k': np.zeros((3, 3))}, 'positive focal lengths.*calibrate'),
    ({'k': np.eye(4)}, 'positive focal lengths'),
    ({'k': np.full((3, 3), np.nan)}, 'positive focal lengths'),
    ({'width': 0}, 'positive image size, got 0x480'),
    ({'distortion_model': 'fov'}, "Unknown distortion model 'fov'.*plumb_bob"),
    ({'d': np.zeros(3)}, 'Expected 4 or 5 finite coefficients D for plumb_bob'),
    ({'d': np.array([0, np.inf, 0, 0, 0])}, 'finite coefficients'),
])
def test_unusable_cameras_are_refused(change, message):
    with pytest.raises(CameraError, match=message):
        Camera(**{'width': 640, 'height': 480, 'k': K, **change})


@pytest.mark.parametrize('degrees', [0.0, 180.0, float('nan')])
def test_impossible_fields_of_view_are_refused(degrees):
    with pytest.raises(CameraError, match='1 to 179 degrees'):
        Camera.from_hfov(640, 480, degrees)


def test_invert_undoes_transform(rng):
    rotations = Rotation.random(4, random_state=1).as_matrix()
    poses = np.stack([se3(r, rng.normal(size=3)) for r in rotations])
    np.testing.assert_allclose(invert(poses) @ poses, np.broadcast_to(np.eye(4), (4, 4, 4)),
                               atol=1e-12)
    points = rng.normal(size=(7, 17, 3))
    moved = transform(invert(poses[0]), transform(poses[0], points))
    np.testing.assert_allclose(moved, points, atol=1e-12)


def test_quaternions_are_those_of_scipy_also_at_half_turns(rng):
    turns = np.concatenate([rng.normal(size=(200, 3)), np.pi * np.eye(3), -np.pi * np.eye(3),
                            np.zeros((1, 3)), [[np.pi - 1e-9, 0, 0]]])
    rotation = Rotation.from_rotvec(turns)
    quat = quat_wxyz_from_matrix(rotation.as_matrix())
    xyzw = rotation.as_quat()
    expected = xyzw[:, [3, 0, 1, 2]]
    np.testing.assert_allclose(np.abs((quat * expected).sum(1)), 1, atol=1e-12)
    assert (quat[:, 0] >= 0).all()
    np.testing.assert_allclose(matrix_from_quat_wxyz(-3 * quat), rotation.as_matrix(), atol=1e-9)


def test_looking_along_a_ray_does_not_roll(rng):
    rays = rng.uniform(-2, 2, (30, 2))
    rotation = camera_from_view(rays)
    np.testing.assert_allclose(rotation @ np.swapaxes(rotation, 1, 2),
                               np.broadcast_to(np.eye(3), (30, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(rotation), 1)
    np.testing.assert_allclose(rotation[:, :2, 2] / rotation[:, 2:, 2], rays, atol=1e-12)
    np.testing.assert_allclose(rotation[:, 1, 0], 0, atol=1e-12)    # its x axis stays level
    assert (rotation[:, 1, 1] > 0).all()
    np.testing.assert_allclose(camera_from_view(np.zeros(2)), np.eye(3), atol=1e-12)


def test_similarity_is_recovered(rng):
    source = rng.normal(size=(5, 17, 3))
    turn = Rotation.random(5, random_state=2).as_matrix()
    size, shift = rng.uniform(0.5, 2, 5), rng.normal(size=(5, 3))
    target = size[:, None, None] * source @ np.swapaxes(turn, 1, 2) + shift[:, None]
    scale, rotation, translation = align_similarity(source, target)
    np.testing.assert_allclose(scale, size, atol=1e-9)
    np.testing.assert_allclose(rotation, turn, atol=1e-9)
    np.testing.assert_allclose(translation, shift, atol=1e-9)


def test_similarity_never_mirrors(rng):
    source = rng.normal(size=(17, 3))
    _, rotation, _ = align_similarity(source, source * (-1, 1, 1))
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_six_numbers_are_the_first_two_columns(rng: np.random.Generator) -> None:
    turns = Rotation.random(50, rng).as_matrix()
    six = rotation_6d(turns)
    np.testing.assert_array_equal(six[:, :3], turns[:, :, 0])
    np.testing.assert_array_equal(six[:, 3:], turns[:, :, 1])
    np.testing.assert_allclose(matrix_from_6d(six), turns, atol=1e-12)


def test_any_six_numbers_are_a_rotation(rng: np.random.Generator) -> None:
    six = rng.normal(size=(2, 30, 6))
    turns = matrix_from_6d(six)
    squares = turns @ np.swapaxes(turns, -1, -2)
    np.testing.assert_allclose(squares, np.tile(np.eye(3), (2, 30, 1, 1)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(turns), 1)
    np.testing.assert_allclose((turns[..., 0] * six[..., :3]).sum(-1),
                               np.linalg.norm(six[..., :3], axis=-1))


@pytest.mark.parametrize('six', [
    (0, 0, 0, 0, 0, 0), (1, 0, 0, 2, 0, 0), (0.3, 0.4, 0.5, -0.6, -0.8, -1.0), (0, 0, 2, 0, 0, 0),
    (0, 0, 0, 0, 3, 0), (0, 0, 0, 2, 0, 0), (1e-13, 0, 0, 0, 1e-13, 0)])
def test_six_numbers_that_say_too_little_are_a_rotation_too(six: tuple[float, ...]) -> None:
    turn = matrix_from_6d(np.array([six, (1, 0, 0, 0, 0, 1)], float))
    np.testing.assert_allclose(turn @ np.swapaxes(turn, -1, -2), [np.eye(3)] * 2, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(turn), 1)
    first = np.array(six[:3])
    if first.any():
        assert turn[0, :, 0] @ first >= 0
    np.testing.assert_array_equal(turn[1], [[1, 0, 0], [0, 0, -1], [0, 1, 0]])
