"""MPI-INF-3DHP (Mehta et al., 3DV 2017): eight people in a green room with 14 cameras.

`S<1-8>/Seq<1-2>/annot.mat`: annot2 and annot3, a cell for each camera with (T, 56) [px] and
(T, 84) [mm] in its frame, and cameras, the number of the camera of each cell; 28 joints, 25 or
50 Hz. `camera.calibration` beside it: text, millimetres, a world whose y is up. univ_annot3, the
same scaled to one stature, fits no image and is not read. The test set TS1 to TS6 is not read
either: its MATLAB files are of another kind, and it does not say where its camera stood.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from ....errors import DataError
from ....geometry import invert, se3, transform
from ....safe_pickle import require
from ....skeleton import H36M17
from ....types import Floats
from ..motion import FPS, SPLITS, Motion
from ..retarget import Z_UP_FROM_Y_UP, from_positions
from .clip import RealClip, at_30_hz, coco17_of
from .sampling import resample
from .smpl import motion_of, numbers

_JOINTS = (
    'spine3', 'spine4', 'spine2', 'spine', 'pelvis', 'neck', 'head', 'head_top', 'left_clavicle',
    'left_shoulder', 'left_elbow', 'left_wrist', 'left_hand', 'right_clavicle', 'right_shoulder',
    'right_elbow', 'right_wrist', 'right_hand', 'left_hip', 'left_knee', 'left_ankle', 'left_foot',
    'left_toe', 'right_hip', 'right_knee', 'right_ankle', 'right_foot', 'right_toe')
_H36M17 = {'hip': 'pelvis', 'thorax': 'neck', 'nose': 'head', 'head': 'head_top'}
_FAST = {('S1', 'Seq2'), ('S3', 'Seq1'), ('S3', 'Seq2'), ('S5', 'Seq1'), ('S5', 'Seq2')}  # 50 Hz
_VALIDATION = 'S8'                              # all others train
_AT_CHEST_HEIGHT = (0, 1, 2, 4, 5, 6, 7, 8)     # the cameras that the authors' works use


@dataclass(frozen=True, kw_only=True)
class _Lens:
    k: Floats                       # (3, 3)
    size: Floats                    # (2,) width, height [px]
    world_from_camera: Floats       # (4, 4) [m] in our world


@dataclass(frozen=True, kw_only=True)
class _Sequence:
    path: Path
    subject: str
    name: str
    split: str
    fps: float
    cells: dict[int, int]           # camera -> its cell in the annotation
    annotation: dict[str, Any]
    lenses: dict[int, _Lens]        # by camera


def read_mpi_inf_3dhp(folder: Path, splits: tuple[str, ...] = SPLITS) -> Iterator[Motion]:
    """All movements: S1 to S7 train, S8 validates.

    Raises:
        DataError: A file is missing, damaged or of another layout.
    """
    for sequence in _sequences(folder, splits):
        camera = min(sequence.cells)                            # they all saw the same
        world = transform(sequence.lenses[camera].world_from_camera, _joints(sequence, camera))
        named = dict(zip(_JOINTS, resample(world, sequence.fps).swapaxes(0, 1)))
        rotations, root, offsets = from_positions(named)
        yield motion_of(name=sequence.name, subject=sequence.subject, split=sequence.split,
                        rotations=rotations, root=root, offsets=offsets, fps=FPS)


def read_mpi_inf_3dhp_clips(folder: Path, splits: tuple[str, ...] = ('validation',), *,
                            cameras: tuple[int, ...] = _AT_CHEST_HEIGHT) -> Iterator[RealClip]:
    """Every movement as the cameras saw it, at 30 Hz.

    The 2D is the projected truth, not what a detector saw; what lies outside of the image is not
    detected, and there is no face.

    Raises:
        DataError: A file is missing, damaged or of another layout.
    """
    for sequence in _sequences(folder, splits):
        for camera in cameras:
            if camera in sequence.cells:
                yield at_30_hz(_clip(sequence, camera))


def _clip(sequence: _Sequence, camera: int) -> RealClip:
    lens, joints = sequence.lenses[camera], _joints(sequence, camera)
    frames = len(joints)
    flat = _cell(sequence, camera, 'annot2', 2 * len(_JOINTS))
    pixels = flat.reshape(-1, len(_JOINTS), 2)[:frames]
    inside = ((pixels >= 0) & (pixels < lens.size)).all(-1, keepdims=True)
    seen = np.concatenate([pixels, inside], -1)
    named = {joint: seen[:, place] for place, joint in enumerate(_JOINTS)
             if joint.startswith(('left_', 'right_'))}
    keypoints, scores = coco17_of(named, len(pixels))
    truth = np.stack([joints[:, _JOINTS.index(_H36M17.get(joint, joint))]
                      for joint in H36M17.joints], 1)
    return RealClip(
        name=f'{sequence.name}/{camera}', subject=sequence.subject, split=sequence.split,
        fps=sequence.fps, keypoints_px=keypoints, scores=scores, K=lens.k,
        world_from_camera=np.repeat(lens.world_from_camera[None], frames, 0),
        joints_world=transform(lens.world_from_camera, truth))


def _sequences(folder: Path, splits: tuple[str, ...]) -> Iterator[_Sequence]:
    paths = sorted(folder.glob('S[1-8]/Seq[12]/annot.mat'))
    if not paths:
        raise DataError(f'Expected {folder}/S<1-8>/Seq<1-2>/annot.mat, found none; put the '
                        'training set of MPI-INF-3DHP there.')
    for path in paths:
        subject, sequence = path.parent.parent.name, path.parent.name
        split = 'validation' if subject == _VALIDATION else 'train'
        if split in splits:
            annotation = _annotation(path)
            numbered = numbers(np.ravel(annotation['cameras']), None, what='cameras', source=path)
            cells = {int(camera): cell for cell, camera in enumerate(numbered)}
            yield _Sequence(
                path=path, subject=subject, name=f'mpi_inf_3dhp/{subject}/{sequence}', split=split,
                fps=50.0 if (subject, sequence) in _FAST else 25.0, cells=cells,
                annotation=annotation, lenses=_lenses(path.parent / 'camera.calibration', cells))


def _annotation(path: Path) -> dict[str, Any]:
    try:
        found = loadmat(path, variable_names=('annot2', 'annot3', 'cameras'))
    except Exception as error:       # damaged bytes raise nearly anything
        raise DataError(f'Expected a MATLAB file (version 5) at {path}, got {error}; download it '
                        'again.') from error
    require(found, 'annot2', 'annot3', 'cameras', source=path)
    return dict(found)


def _joints(sequence: _Sequence, camera: int) -> Floats:
    """(T, 28, 3) [m] in the camera's frame."""
    flat = _cell(sequence, camera, 'annot3', 3 * len(_JOINTS))
    return flat.reshape(-1, len(_JOINTS), 3) / 1000


def _cell(sequence: _Sequence, camera: int, key: str, columns: int) -> Floats:
    cells = np.ravel(sequence.annotation[key])
    cell = sequence.cells[camera]
    if cell >= len(cells):
        raise DataError(f'Expected {key} of {len(sequence.cells)} cameras in {sequence.path}, got '
                        f'{len(cells)}; download it again.')
    return numbers(cells[cell], None, columns, what=f'{key} of camera {camera}',
                   source=sequence.path)


def _lenses(path: Path, wanted: dict[int, int]) -> dict[int, _Lens]:
    """The cameras of a calibration file: blocks of lines `key numbers` that start with `name`."""
    try:
        text = path.read_text(encoding='ascii', errors='replace')
    except OSError as error:
        raise DataError(f'Expected {path}, got {error.strerror}; it comes with annot.mat.'
                        ) from error
    lenses: dict[int, _Lens] = {}
    _, *blocks = re.split(r'^\s*name\s+(\d+)', text, flags=re.MULTILINE)
    for name, block in zip(blocks[::2], blocks[1::2]):
        values = {words[0]: words[1:] for words in map(str.split, block.splitlines()) if words}
        source = f'{path}, camera {name}'
        require(values, 'size', 'intrinsic', 'extrinsic', source=source)
        inside, outside = (numbers(values[key], 16, what=key, source=source).reshape(4, 4)
                           for key in ('intrinsic', 'extrinsic'))
        theirs_from_camera = invert(outside)                       # y up, millimetres
        theirs_from_camera[:3, 3] /= 1000
        lenses[int(name)] = _Lens(
            k=inside[:3, :3], size=numbers(values['size'], 2, what='size', source=source),
            world_from_camera=se3(Z_UP_FROM_Y_UP, np.zeros(3)) @ theirs_from_camera)
    require(lenses, *wanted, source=path)
    return lenses
