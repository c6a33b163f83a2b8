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


def test_an_ideal_camera_need_not_name_a_lens() -> None:
    camera = camera_from_info(camera_info(distortion_model='', d=[]))
    assert camera.distortion_model == 'plumb_bob'
    assert not camera.d.any()


def test_region_and_binning_see_the_same_rays() -> None:
    full = camera_from_info(camera_info())
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=400, height=300)
    part = camera_info(roi=roi, binning_x=2, binning_y=2)
    camera = camera_from_info(part)
    assert camera.size == info_size(part) == (200, 150)
    pixel = np.array([300.0, 200.0])
    np.testing.assert_allclose(camera.rays((pixel - (100, 40)) / 2), full.rays(pixel), atol=1e-9)


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
