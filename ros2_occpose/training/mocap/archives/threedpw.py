"""3DPW (von Marcard et al., ECCV 2018): people outdoors before a hand-held camera, 30 Hz.

`sequenceFiles/<train|validation|test>/<sequence>.pkl`, each a table with lists by person: poses
(T, 72) [rad], jointPositions (T, 72) [m], poses2d (T, 3, 18) = x, y, score, campose_valid (T,);
and cam_poses (T, 4, 4) camera_from_world, cam_intrinsics (3, 3). The joints are those of smpl24,
so that bones are those of the very person. Which way is up, people tell: see `smpl.z_up`.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....body.kinematics import body_points, forward
from ....errors import DataError
from ....geometry import invert
from ....safe_pickle import load_pickle, require
from ....types import Bools, Floats
from ..motion import FPS, SPLITS, Motion, h36m_of
from .clip import RealClip, coco17_of
from .smpl import bones_of, motion_of, numbers, turns_of, z_up

# OpenPose's 18 joints, the order of poses2d
_DETECTED = ('nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder',
             'left_elbow', 'left_wrist', 'right_hip', 'right_knee', 'right_ankle', 'left_hip',
             'left_knee', 'left_ankle', 'right_eye', 'left_eye', 'right_ear', 'left_ear')
_SHORTEST = 30                  # frames of a clip


@dataclass(frozen=True, kw_only=True)
class _Person:
    number: int
    rotations: Floats           # (T, 24, 3, 3) in the parent's axes, in our world
    joints: Floats              # (T, 24, 3) [m] in our world
    ours_from_theirs: Floats    # (3, 3) of the worlds


def read_threedpw(folder: Path, splits: tuple[str, ...] = SPLITS) -> Iterator[Motion]:
    """Everybody's movement, by the official splits.

    Raises:
        DataError: A file is missing, damaged or of another layout.
    """
    for path, split in _sequences(folder, splits):
        for person in _people(load_pickle(path), path):
            turns = forward(person.rotations, person.joints[:, 0], np.zeros((24, 3)))[1]
            name = f'3dpw/{path.stem}/{person.number}'
            yield motion_of(name=name, subject=name, split=split, rotations=person.rotations,
                            root=person.joints[:, 0], offsets=bones_of(person.joints, turns),
                            fps=FPS)


def read_threedpw_clips(folder: Path, splits: tuple[str, ...] = ('test',)) -> Iterator[RealClip]:
    """Everybody as detected by OpenPose, cut where the camera was not aligned with the image.

    The truth is made of the data set's skeleton as for training (`kinematics.body_points`): the
    points that detectors of coco17 mark beside its joints, up to 4 cm away, and nose and top of
    the head.

    Raises:
        DataError: A file is missing, damaged or of another layout.
    """
    for path, split in _sequences(folder, splits):
        found = load_pickle(path)
        require(found, 'poses2d', 'campose_valid', 'cam_poses', 'cam_intrinsics', source=path)
        for person in _people(found, path):
            yield from _clips_of(person, found, path, split)


def _sequences(folder: Path, splits: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    if not (folder / 'sequenceFiles').is_dir():
        raise DataError(f'Expected {folder}/sequenceFiles/<train|validation|test>/*.pkl, got no '
                        'such folder; unpack sequenceFiles.zip of 3DPW there.')
    for split in SPLITS:
        if split in splits:
            for path in sorted((folder / 'sequenceFiles' / split).glob('*.pkl')):
                yield path, split


def _people(found: Any, path: Path) -> list[_Person]:
    """Everybody of a sequence, in a world whose z is up."""
    require(found, 'poses', 'jointPositions', source=path)
    raw = []
    for number, (angles, joints) in enumerate(zip(found['poses'], found['jointPositions'])):
        angles = numbers(angles, None, 72, what='poses', source=path).reshape(-1, 24, 3)
        joints = numbers(joints, len(angles), 72, what='jointPositions', source=path)
        raw.append((number, turns_of(angles), joints.reshape(-1, 24, 3)))
    if not raw:
        raise DataError(f'Expected people in {path}, got none; download 3DPW again.')
    world = z_up(np.concatenate([rotations[:, 0, :, 1] for _, rotations, _ in raw]))
    people = []
    for number, rotations, joints in raw:
        rotations[:, 0] = world @ rotations[:, 0]
        people.append(_Person(number=number, rotations=rotations, joints=joints @ world.T,
                              ours_from_theirs=world))
    return people


def _clips_of(person: _Person, found: Any, path: Path, split: str) -> Iterator[RealClip]:
    frames, number = len(person.joints), person.number
    detected, valid = (_of_person(found, key, number, path)
                       for key in ('poses2d', 'campose_valid'))
    detected = numbers(detected, frames, 3, 18, what='poses2d', source=path, finite=False)
    theirs = numbers(found['cam_poses'], frames, 4, 4, what='cam_poses', source=path, finite=False)
    valid = (numbers(valid, frames, what='campose_valid', source=path) > 0) & np.isfinite(
        theirs).all((1, 2))
    camera = invert(theirs)
    camera[:, :3] = person.ours_from_theirs @ camera[:, :3]
    keypoints, scores = coco17_of(dict(zip(_DETECTED, detected.transpose(2, 0, 1))), frames)
    turns = forward(person.rotations, person.joints[:, 0], np.zeros((24, 3)))[1]
    joints = h36m_of(body_points(person.joints, turns))
    k = numbers(found['cam_intrinsics'], 3, 3, what='cam_intrinsics', source=path)
    name = f'3dpw/{path.stem}/{number}'
    for start, end in _stretches(valid):
        yield RealClip(
            name=f'{name}/{start}', subject=name, split=split, fps=FPS,
            keypoints_px=keypoints[start:end], scores=scores[start:end], K=k,
            world_from_camera=camera[start:end], joints_world=joints[start:end])


def _of_person(found: Any, key: str, number: int, path: Path) -> Any:
    try:
        return found[key][number]
    except (IndexError, KeyError, TypeError) as error:
        raise DataError(f'Expected {key} of person {number} in {path}, got {error}; download '
                        '3DPW again.') from error


def _stretches(valid: Bools) -> list[tuple[int, int]]:
    """Start and end of the runs of valid frames that are long enough."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(int)))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2])
            if end - start >= _SHORTEST]
