"""Two text forms of motion capture: exponential maps (CMU ASF skeleton) and DeepMimic."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...geometry import matrix_from_quat_wxyz
from ...types import Floats


def read_expmap(path: Path, skeleton_path: Path) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Positions (T, 3) [m] and global rotations (T, 3, 3) by joint name.

    The first row, a T-pose, is left out. The file holds the root position and one exponential map
    a joint; vectors are rows there, columns here.

    Raises:
        DataError: The skeleton or the file is missing or damaged.
    """
    try:
        skeleton = json.loads(skeleton_path.read_text())
        joints, unit_m = skeleton['joints'], float(skeleton['unit_m'])
        rows = np.loadtxt(path, delimiter=',', ndmin=2)[1:]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f'Cannot read {path} with the skeleton {skeleton_path}: {error}'
        ) from error
    if rows.shape[1] != 3 + 3 * len(joints):
        raise DataError(
            f'Expected {3 + 3 * len(joints)} numbers a row in {path}, got {rows.shape[1]}.'
        )
    positions: list[Floats] = []
    rotations: list[Floats] = []
    for index, joint in enumerate(joints):
        local = _exponential(rows[:, 3 + 3 * index:6 + 3 * index])
        local = np.swapaxes(local, -1, -2)           # rows to columns
        parent, offset = joint['parent'], np.asarray(joint['offset'], float)
        if parent < 0:
            positions.append(rows[:, :3])
            rotations.append(local)
        else:
            positions.append(positions[parent] + rotations[parent] @ offset)
            rotations.append(rotations[parent] @ local)
    names = [joint['name'] for joint in joints]
    return ({n: p * unit_m for n, p in zip(names, positions)}, dict(zip(names, rotations)))


def _exponential(vectors: Floats) -> Floats:
    """Rotations of rotation vectors, (T, 3) -> (T, 3, 3), by half-angle quaternions."""
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    quat = np.concatenate([np.cos(angle / 2), vectors * np.sinc(angle / (2 * np.pi)) / 2], -1)
    return matrix_from_quat_wxyz(quat)


def read_deepmimic(
    path: Path, skeleton_path: Path
) -> tuple[dict[str, Floats], dict[str, Floats], Floats]:
    """Positions (T, 3) [m], rotations (T, 3, 3) by joint name, frame durations (T,) [s].

    Raises:
        DataError: The skeleton or the file is missing or damaged.
    """
    try:
        joints = json.loads(skeleton_path.read_text())['Skeleton']['Joints']
        rows = np.array(json.loads(path.read_text())['Frames'], float)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f'Cannot read {path} with the skeleton {skeleton_path}: {error}'
        ) from error
    widths = {'none': 7, 'spherical': 4, 'revolute': 1, 'fixed': 0}
    wanted = 1 + sum(widths[joint['Type']] for joint in joints)
    if rows.ndim != 2 or rows.shape[1] != wanted:
        raise DataError(f'Expected {wanted} numbers a frame in {path}, got shape {rows.shape}.')
    positions: list[Floats] = []
    rotations: list[Floats] = []
    column = 1
    for joint in joints:
        values = rows[:, column:column + widths[joint['Type']]]
        column += values.shape[1]
        if joint['Parent'] < 0:
            positions.append(values[:, :3])
            rotations.append(matrix_from_quat_wxyz(values[:, 3:]))
            continue
        turn = rotations[joint['Parent']]
        offset = np.array([joint[f'Attach{axis}'] for axis in 'XYZ'], float)
        positions.append(positions[joint['Parent']] + turn @ offset)
        rotations.append(turn @ _local(joint['Type'], values))
    names = [joint['Name'] for joint in joints]
    return dict(zip(names, positions)), dict(zip(names, rotations)), rows[:, 0]


def _local(kind: str, values: Floats) -> Floats:
    """Local rotations (T, 3, 3) of a DeepMimic joint; a revolute joint turns about z."""
    if kind == 'spherical':
        return matrix_from_quat_wxyz(values)
    if kind == 'revolute':
        return _exponential(np.concatenate([np.zeros((len(values), 2)), values], 1))
    return np.tile(np.eye(3), (len(values), 1, 1))
