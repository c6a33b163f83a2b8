"""Human3.6M (Ionescu et al., PAMI 2014) as users of VideoPose3D have it: 50 Hz, metres, z up.

`data_3d_h36m.npz`: positions_3d = subject -> action -> (T, 32, 3), or (T, 17, 3) of h36m17.
`data_2d_h36m_<detector>.npz`: positions_2d = subject -> action -> one (T, 17, 2) [px] for each of
four cameras, and metadata. `h36m_dataset.py` of VideoPose3D holds the cameras; its two tables are
read as data, none of it is run.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import DataError
from ....geometry import Camera, matrix_from_quat_wxyz, se3
from ....safe_pickle import load_npz, require
from ....skeleton import COCO17, H36M17, Skeleton
from ....types import Floats
from ..motion import FPS, SPLITS, Motion
from ..retarget import from_positions
from .clip import RealClip, at_30_hz, coco17_of
from .sampling import resample
from .smpl import motion_of, numbers

_RATE = 50.0
_SPLITS = {'S8': 'validation', 'S9': 'test', 'S11': 'test'}          # all others train
_POSITIONS = 'data_3d_h36m.npz'
_CAMERAS = 'h36m_dataset.py'
_INTRINSIC, _EXTRINSIC = 'h36m_cameras_intrinsic_params', 'h36m_cameras_extrinsic_params'
# where the recording's 32 joints hold those of h36m17 and the toes
_PLACES = dict(zip((*H36M17.joints, 'right_toe', 'left_toe'),
                   (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27, 4, 9)))


def read_human36m(folder: Path, splits: tuple[str, ...] = SPLITS) -> Iterator[Motion]:
    """All movements: S1, S5, S6, S7 train, S8 validates, S9 and S11 test.

    Raises:
        DataError: The archive is missing, damaged or of another layout.
    """
    for subject, action, split, named in _movements(folder, splits):
        named = {joint: resample(points, _RATE) for joint, points in named.items()}
        rotations, root, offsets = from_positions(named)
        yield motion_of(name=f'human36m/{subject}/{action}', subject=subject, split=split,
                        rotations=rotations, root=root, offsets=offsets, fps=FPS)


def read_human36m_clips(folder: Path, splits: tuple[str, ...] = ('test',), *,
                        detections: str = 'cpn_ft_h36m_dbb') -> Iterator[RealClip]:
    """Every movement as each of the four cameras saw it, at 30 Hz.

    Args:
        detections: Names the file: `data_2d_h36m_<detections>.npz`.

    Raises:
        DataError: A file is missing, damaged or of another layout.
    """
    path = folder / f'data_2d_h36m_{detections}.npz'
    if not path.is_file():
        there = ', '.join(sorted(p.name for p in folder.glob('data_2d_h36m_*.npz'))) or 'none'
        raise DataError(f'Expected 2D detections at {path}, got {there}; name the one to use, or '
                        "put VideoPose3D's there.")
    found = load_npz(path, 'positions_2d', 'metadata')
    names = _layout(found['metadata'], path).joints
    tables = _camera_tables(folder / _CAMERAS)
    for subject, action, split, named in _movements(folder, splits):
        truth = np.stack([named[joint] for joint in H36M17.joints], 1)
        for number, view in enumerate(_views(found['positions_2d'], subject, action, path)):
            camera, world_from_camera, serial = _camera(tables, subject, number, folder)
            seen = _detections(view, len(truth), camera, path)
            keypoints, scores = coco17_of(dict(zip(names, seen.swapaxes(0, 1))), len(truth))
            yield at_30_hz(RealClip(
                name=f'human36m/{subject}/{action}/{serial}', subject=subject, split=split,
                fps=_RATE, keypoints_px=keypoints, scores=scores, K=camera.k,
                world_from_camera=np.repeat(world_from_camera[None], len(truth), 0),
                joints_world=truth))


def _movements(folder: Path, splits: tuple[str, ...]
               ) -> Iterator[tuple[str, str, str, dict[str, Floats]]]:
    """Subject, action, split and positions (T, 3) [m] by joint."""
    path = folder / _POSITIONS
    people = load_npz(path, 'positions_3d')['positions_3d']
    require(people, source=path)
    for subject in sorted(people):
        split = _SPLITS.get(subject, 'train')
        if split not in splits:
            continue
        require(people[subject], source=f'{path}, {subject}')
        for action in sorted(people[subject]):
            what = f'positions of {subject} {action}'
            joints = numbers(people[subject][action], None, None, 3, what=what, source=path)
            if joints.shape[1] == len(H36M17.joints):
                named = dict(zip(H36M17.joints, joints.swapaxes(0, 1)))
            elif joints.shape[1] == 32:
                named = {joint: joints[:, place] for joint, place in _PLACES.items()}
            else:
                raise DataError(f'Expected {what} as (T, 32, 3) or (T, 17, 3) in {path}, got '
                                f'{joints.shape}; make it with prepare_data_h36m.py.')
            yield subject, action, split, named


def _layout(metadata: Any, path: Path) -> Skeleton:
    """Which 17 joints these are, by those on the left."""
    require(metadata, 'keypoints_symmetry', source=f'{path}, metadata')
    left = [int(place) for place in metadata['keypoints_symmetry'][0]]
    for skeleton in (H36M17, COCO17):
        if left == [place for place, joint in enumerate(skeleton.joints)
                    if joint.startswith('left_')]:
            return skeleton
    raise DataError(f'Expected joints of h36m17 or coco17 in {path}, got joints of which '
                    f'{left} are on the left; use detections in one of these two forms.')


def _views(found: Any, subject: str, action: str, path: Path) -> Sequence[Any]:
    require(found, subject, source=path)
    require(found[subject], action, source=f'{path}, {subject}')
    views: Sequence[Any] = found[subject][action]
    return views


def _detections(view: Any, frames: int, camera: Camera, path: Path) -> Floats:
    """x, y without lens distortion and score, (T, 17, 3); the video goes on after the mocap."""
    view = np.asarray(view)
    columns = 3 if view.ndim == 3 and view.shape[2] == 3 else 2
    seen = numbers(view, None, 17, columns, what='detections', source=path)
    if len(seen) < frames:
        raise DataError(f'Expected at least {frames} frames of detections in {path}, got '
                        f'{len(seen)}; it does not belong to {_POSITIONS}.')
    seen = seen[:frames]
    scores = seen[..., 2:] if columns == 3 else np.ones((*seen.shape[:2], 1))
    focal, centre = camera.k[[0, 1], [0, 1]], camera.k[:2, 2]
    return np.concatenate([camera.rays(seen[..., :2]) * focal + centre, scores], -1)


def _camera_tables(path: Path) -> dict[str, Any]:
    """The two camera tables of VideoPose3D, without running the file that holds them."""
    try:
        tree = ast.parse(path.read_text(encoding='utf-8'))
        found = {target.id: ast.literal_eval(node.value)
                 for node in tree.body if isinstance(node, ast.Assign)
                 for target in node.targets
                 if isinstance(target, ast.Name) and target.id in (_INTRINSIC, _EXTRINSIC)}
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"Expected VideoPose3D's common/h36m_dataset.py at {path}, got {error}; "
                        'copy it there, it holds the cameras.') from error
    require(found, _INTRINSIC, _EXTRINSIC, source=path)
    return found


def _camera(tables: dict[str, Any], subject: str, number: int, folder: Path
            ) -> tuple[Camera, Floats, str]:
    """The lens, world_from_camera (4, 4) [m] and the serial number of a camera."""
    path = folder / _CAMERAS
    try:
        inside, outside = tables[_INTRINSIC][number], tables[_EXTRINSIC][subject][number]
        k = np.diag([*inside['focal_length'], 1.0])
        k[:2, 2] = inside['center']
        radial, tangential = inside['radial_distortion'], inside['tangential_distortion']
        camera = Camera(int(inside['res_w']), int(inside['res_h']), k,
                        d=np.array([*radial[:2], *tangential, radial[2]], float))
        turn = matrix_from_quat_wxyz(np.array(outside['orientation'], float))
        return camera, se3(turn, np.array(outside['translation'], float) / 1000), inside['id']
    except (KeyError, IndexError, TypeError) as error:
        raise DataError(f'Expected camera {number} of {subject} in {path}, got no {error}; copy '
                        "VideoPose3D's file again.") from error
