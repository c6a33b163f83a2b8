"""Calibrations in files: the YAML that ROS camera_calibration and camera_info_manager write."""
from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import yaml

from ..errors import CameraError, in_one_line
from ..geometry import Camera

Yaml: TypeAlias = Any


def load_camera(path: Path) -> Camera:
    """The camera of a ROS calibration file.

    Raises:
        CameraError: The file cannot be read, lacks an entry, or describes an impossible camera.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CameraError(f'Cannot read the calibration {path}: {in_one_line(error)}.') from error
    if not isinstance(content, dict):
        raise CameraError(f'Expected a calibration with image_width, camera_matrix and so on in '
                          f'{path}, got {type(content).__name__}.')
    try:
        width, height = int(content['image_width']), int(content['image_height'])
        k = _matrix(content['camera_matrix'], 3, 3)
        lens = content.get('distortion_coefficients') or {'data': []}
        d = np.asarray(lens['data'], float)
    except (KeyError, TypeError, ValueError) as error:
        raise CameraError(
            f'Expected image_width, image_height, camera_matrix (3x3) and distortion_coefficients '
            f'in {path}, got a problem with {error}; write it with camera_calibration.') from error
    model = content.get('distortion_model') or 'plumb_bob'
    return Camera(width, height, k, str(model), d)


def save_camera(path: Path, camera: Camera, name: str = 'camera') -> None:
    """Write a calibration file that camera_info_manager can load."""
    projection = np.concatenate([camera.k, np.zeros((3, 1))], axis=1)
    content = {
        'image_width': camera.width, 'image_height': camera.height, 'camera_name': name,
        'camera_matrix': _entry(camera.k), 'distortion_model': camera.distortion_model,
        'distortion_coefficients': _entry(camera.d[None]),
        'rectification_matrix': _entry(np.eye(3)), 'projection_matrix': _entry(projection)}
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _entry(matrix: np.ndarray) -> Yaml:
    rows, cols = matrix.shape
    return {'rows': rows, 'cols': cols, 'data': matrix.ravel().tolist()}


def _matrix(entry: Yaml, rows: int, cols: int) -> np.ndarray:
    data = np.asarray(entry['data'] if isinstance(entry, dict) else entry, float)
    return data.reshape(rows, cols)
