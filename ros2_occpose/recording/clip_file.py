"""The 2D keypoints of one person in an .npz file."""
from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..geometry import Camera
from ..skeleton import COCO17, convert, skeleton_named
from ..types import Floats, require_shape

NEEDED = ('keypoints', 'scores', 'K', 'fps')


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One person over time, in the joint set that lifters take."""

    keypoints_px: Floats                # (T, 17, 2) coco17, finite
    scores: Floats                      # (T, 17), 0 where nothing was given
    camera: Camera
    fps: float
    times_s: Floats                     # (T,) growing
    world_from_camera: Floats | None    # (T, 4, 4)


def load_clip(path: Path) -> Clip:
    """Read and check a file.

    Keypoints that are not finite count as not seen.

    Raises:
        InputError: The file cannot be read, lacks an entry, or holds no frame.
        ShapeError: An array has another shape than promised.
        ConfigError: The skeleton is unknown.
        CameraError: K cannot be used.
    """
    data = _read(path)
    skeleton = skeleton_named(str(data['skeleton']) if 'skeleton' in data else COCO17.name)
    keypoints, scores = _floats(data, 'keypoints', path), _floats(data, 'scores', path)
    t, j = len(keypoints), len(skeleton.joints)
    require_shape(f'keypoints in {path}', keypoints, t, j, 2)
    require_shape(f'scores in {path}', scores, t, j)
    if t == 0:
        raise InputError(f'Expected at least one frame in {path}, got none.')
    finite = np.asarray(np.isfinite(keypoints).all(-1))
    scores = np.where(finite, np.clip(np.nan_to_num(scores), 0, 1), 0.0)
    keypoints = np.where(finite[..., None], keypoints, 0.0)
    keypoints, scores = convert(keypoints, scores, skeleton, COCO17)
    k = _floats(data, 'K', path)
    require_shape(f'K in {path}', k, 3, 3)
    width, height = (max(1, round(2 * c)) for c in np.nan_to_num(k[:2, 2]).tolist())
    poses = _floats(data, 'world_from_camera', path) if 'world_from_camera' in data else None
    if poses is not None:
        require_shape(f'world_from_camera in {path}', poses, t, 4, 4)
    fps = float(_floats(data, 'fps', path))
    return Clip(keypoints_px=keypoints, scores=scores, camera=Camera(width, height, k), fps=fps,
                times_s=_times(data, fps, t, path), world_from_camera=poses)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = np.load(path, allow_pickle=False)
        data = dict(content.items()) if isinstance(content, np.lib.npyio.NpzFile) else {}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or 'it is none, or damaged'
        raise InputError(f'Expected an .npz file of NumPy, got {path}: {why}.') from error
    missing = [name for name in NEEDED if name not in data]
    if missing:
        raise InputError(f'Expected {", ".join(NEEDED)} in {path}, got '
                         f'{", ".join(data) or "no named arrays"}; missing: {", ".join(missing)}.')
    return data


def _floats(data: Mapping[str, Any], name: str, path: Path) -> Floats:
    try:
        return np.asarray(data[name], float)
    except (TypeError, ValueError) as error:
        raise InputError(f'Expected numbers in {name} of {path}, got {data[name].dtype}.'
                         ) from error


def _times(data: Mapping[str, Any], fps: float, t: int, path: Path) -> Floats:
    if not 0 < fps < 1e4:
        raise InputError(f'Expected a frame rate fps [Hz] above 0 in {path}, got {fps:g}.')
    if 'stamps_ns' not in data:
        return np.arange(t) / fps
    stamps = np.asarray(data['stamps_ns'])
    require_shape(f'stamps_ns in {path}', stamps, t)
    if not (np.diff(stamps) > 0).all():
        raise InputError(f'Expected growing stamps_ns in {path}; sort the frames and leave out '
                         'duplicates.')
    return np.asarray((stamps - stamps[0]) / 1e9, float)
