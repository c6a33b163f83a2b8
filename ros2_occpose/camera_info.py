"""sensor_msgs/CameraInfo, of rclpy or of rosbags, -> the camera of the image as received."""
from __future__ import annotations

from typing import Any

import numpy as np

from .errors import CameraError
from .geometry import Camera

# What some drivers call the lenses of sensor_msgs/distortion_models.hpp.
OTHER_NAMES = {'fisheye': 'equidistant', 'kannala_brandt': 'equidistant',
               'kannala_brandt4': 'equidistant', 'radtan': 'plumb_bob'}


def camera_from_info(info: Any, *, rectified: bool = False) -> Camera:
    """The camera that a CameraInfo describes.

    K and P speak of the full sensor; region of interest and binning give the image as received.

    Args:
        info: The message.
        rectified: The images are rectified: P holds, and there is no lens distortion.

    Raises:
        CameraError: K (or P) is not usable, or the distortion model is unknown.
    """
    k = np.array(info.k, float).reshape(3, 3)
    model, d = info.distortion_model, np.array(info.d, float)
    if rectified:
        k, d = np.array(info.p, float).reshape(3, 4)[:, :3], np.zeros(0)
    model = OTHER_NAMES.get(model, model)
    if not d.any() and not (model == 'equidistant' and d.size):
        model, d = 'plumb_bob', np.zeros(5)    # drivers of ideal cameras name no lens, or any
    if not np.any(k):
        raise CameraError(
            f'Expected a calibrated camera, got a CameraInfo whose {"P" if rectified else "K"} is '
            'zero; calibrate the camera, or set fallback_hfov_deg (occpose run: --hfov) to its '
            'horizontal field of view in degrees.')
    k = k - [[0, 0, info.roi.x_offset], [0, 0, info.roi.y_offset], [0, 0, 0]]
    binning = (max(int(info.binning_x), 1), max(int(info.binning_y), 1), 1)
    return Camera(*info_size(info), k / np.array(binning)[:, None], model, d)


def info_size(info: Any) -> tuple[int, int]:
    """(width, height) [px] of the images that a CameraInfo belongs to."""
    width = int(info.roi.width) or int(info.width)
    height = int(info.roi.height) or int(info.height)
    return width // max(int(info.binning_x), 1), height // max(int(info.binning_y), 1)
