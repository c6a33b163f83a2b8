"""CameraInfo becomes the camera of the image as received, or an error that says what to do."""
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ros2_occpose.camera_info import camera_from_info, info_size
from ros2_occpose.errors import CameraError


def camera_info(**fields: Any) -> SimpleNamespace:
    """The fields of a calibrated camera with some replaced."""
    k = [500.0, 0, 330, 0, 510, 250, 0, 0, 1]
    defaults: dict[str, Any] = {
        'width': 640, 'height': 480, 'distortion_model': 'plumb_bob',
        'd': [0.1, -0.05, 0.001, 0.002, 0.0], 'k': k,
        'p': [480.0, 0, 320, 0, 0, 480, 240, 0, 0, 0, 1, 0], 'binning_x': 0, 'binning_y': 0,
        'roi': SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)}
    return SimpleNamespace(**{**defaults, **fields})


def test_full_image() -> None:
    camera = camera_from_info(camera_info())
    assert camera.size == (640, 480)
    np.testing.assert_array_equal(camera.k, [[500, 0, 330], [0, 510, 250], [0, 0, 1]])
    np.testing.assert_array_equal(camera.d, [0.1, -0.05, 0.001, 0.002, 0.0])


@pytest.mark.parametrize(('model', 'count'), [
    ('plumb_bob', 5), ('rational_polynomial', 8), ('equidistant', 4)])
def test_lenses(model: str, count: int) -> None:
    camera = camera_from_info(camera_info(distortion_model=model, d=[0.01] * count))
    point = np.array([0.3, -0.2, 2.0])
    np.testing.assert_allclose(camera.rays(camera.project(point)), point[:2] / 2, atol=1e-6)


def test_rectified_images_have_no_distortion_and_use_p() -> None:
    camera = camera_from_info(camera_info(), rectified=True)
    np.testing.assert_array_equal(camera.k, [[480, 0, 320], [0, 480, 240], [0, 0, 1]])
    assert not camera.d.any()


@pytest.mark.parametrize('fields', [
    {'distortion_model': '', 'd': []}, {'distortion_model': 'none', 'd': [0.0] * 5}])
def test_an_ideal_camera_need_not_name_a_lens(fields: dict[str, Any]) -> None:
    camera = camera_from_info(camera_info(**fields))
    assert camera.distortion_model == 'plumb_bob'
    assert not camera.d.any()


def test_an_ideal_fisheye_still_bends() -> None:
    camera = camera_from_info(camera_info(distortion_model='fisheye', d=[0.0] * 4))
    assert camera.distortion_model == 'equidistant'
    right, _ = camera.rays(np.array([330 + 500 * np.radians(60), 250.0]))
    assert right == pytest.approx(np.tan(np.radians(60)))


def test_other_names_of_lenses() -> None:
    known = camera_from_info(camera_info(distortion_model='equidistant', d=[0.05, -0.02, 0.01, 0]))
    other = camera_from_info(camera_info(distortion_model='fisheye', d=[0.05, -0.02, 0.01, 0]))
    pixel = np.array([600.0, 20.0])
    np.testing.assert_array_equal(other.rays(pixel), known.rays(pixel))


@pytest.mark.parametrize('lens', [
    {}, {'rectified': True},
    {'distortion_model': 'rational_polynomial',
     'd': [0.3, -0.1, 0.001, -0.002, 0.05, 0.6, -0.1, 0.08]},
    {'distortion_model': 'equidistant', 'd': [0.05, -0.02, 0.01, -0.002]}])
@pytest.mark.parametrize(('x', 'y', 'width', 'height'), [(0, 0, 0, 0), (100, 40, 400, 300)])
@pytest.mark.parametrize(('binning_x', 'binning_y'), [(0, 0), (2, 2), (4, 2)])
def test_region_and_binning_see_the_same_rays(lens: dict[str, Any], x: int, y: int, width: int,
                                              height: int, binning_x: int, binning_y: int) -> None:
    rectified = lens.get('rectified', False)
    fields = {name: value for name, value in lens.items() if name != 'rectified'}
    full = camera_from_info(camera_info(**fields), rectified=rectified)
    roi = SimpleNamespace(x_offset=x, y_offset=y, width=width, height=height)
    part = camera_info(roi=roi, binning_x=binning_x, binning_y=binning_y, **fields)
    camera = camera_from_info(part, rectified=rectified)
    scale = np.maximum([binning_x, binning_y], 1)
    size = ((width or 640) // scale[0], (height or 480) // scale[1])
    assert camera.size == info_size(part) == size
    pixels = np.stack(np.meshgrid([110.0, 300.0, 490.0], [50.0, 200.0, 330.0]), -1)
    rays = full.rays(pixels)
    np.testing.assert_allclose(camera.rays((pixels - (x, y)) / scale), rays, atol=1e-9)
    points = np.concatenate([rays, np.ones((3, 3, 1))], -1) * 4
    np.testing.assert_allclose(camera.project(points), (pixels - (x, y)) / scale, atol=1e-5)


@pytest.mark.parametrize(('fields', 'message'), [
    ({'k': [0.0] * 9}, 'K is zero; calibrate the camera, or set fallback_hfov_deg'),
    ({'k': [float('nan')] * 9}, 'positive focal lengths'),
    ({'distortion_model': 'thin_prism'}, "Unknown distortion model 'thin_prism'; expected one of"),
    ({'d': [0.1, 0.2]}, 'Expected 4 or 5 finite coefficients D for plumb_bob'),
])
def test_unusable_cameras_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(CameraError, match=message):
        camera_from_info(camera_info(**fields))


def test_rectified_without_p_is_refused() -> None:
    with pytest.raises(CameraError, match='P is zero'):
        camera_from_info(camera_info(p=[0.0] * 12), rectified=True)
