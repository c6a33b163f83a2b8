"""OcMotion (Huang et al., "Occluded Human Body Capture", 2022): people behind furniture, 10 Hz.

`annot/train.pkl` and `annot/test.pkl`: sequence -> camera -> frame, lists; a frame is a table with
img_path (`images/<sequence>/<camera>/<frame>.jpg`), and for each person a table with pose
(72) [rad], betas (10), trans (3) [m], lsp_joints_2d, intri (3, 3) and extri (4, 4). That is what
the authors' own viewer reads; poses are in the world of `extri`. Which way is up, people tell.
Without SMPL's shape model there is no exact truth of the joints, so that there are movements to
train on and no clips to evaluate on.
"""
from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ....body.kinematics import TYPICAL_OFFSETS
from ....errors import DataError
from ....safe_pickle import load_pickle, require
from ....types import Floats, Ints
from ..motion import SPLITS, Motion
from .smpl import motion_of, numbers, turns_of, z_up

_RATE = 10.0
_SHORTEST = 10                          # frames of a movement


def read_ocmotion(folder: Path, splits: tuple[str, ...] = SPLITS) -> Iterator[Motion]:
    """Everybody's movement, by the authors' split; nothing validates.

    Raises:
        DataError: A file is missing, damaged or of another layout.
    """
    paths = [folder / 'annot' / f'{split}.pkl' for split in ('train', 'test')]
    if not any(path.is_file() for path in paths):
        raise DataError(f'Expected {folder}/annot/train.pkl or test.pkl, got neither; unpack the '
                        'annotations of OcMotion there.')
    for path in paths:
        if path.stem in splits and path.is_file():
            for sequence in _listed(load_pickle(path), 'sequences', path):
                views = _listed(sequence, 'cameras', path)     # they all show the same movement
                frames = max((_listed(view, 'frames', path) for view in views), key=len)
                yield from _movements(frames, path)


def _movements(frames: list[Any], path: Path) -> Iterator[Motion]:
    """Everybody in the frames of one camera, cut where a person or a frame is missing."""
    times, angles, places = defaultdict(list), defaultdict(list), defaultdict(list)
    sequence = ''
    for frame in frames:
        require(frame, 'img_path', source=path)
        sequence, time = _place(frame['img_path'], path)
        for person in [key for key, value in frame.items() if isinstance(value, Mapping)]:
            require(frame[person], 'pose', 'trans', source=f'{path}, {frame["img_path"]}')
            times[person].append(time)
            angles[person].append(np.ravel(frame[person]['pose']))
            places[person].append(np.ravel(frame[person]['trans']))
    turns = {person: turns_of(_stacked(values, 72, 'pose', path).reshape(-1, 24, 3))
             for person, values in angles.items()}
    if not turns:
        return
    world = z_up(np.concatenate([values[:, 0, :, 1] for values in turns.values()]))
    for person, rotations in sorted(turns.items()):
        root = _stacked(places[person], 3, 'trans', path) @ world.T
        rotations[:, 0] = world @ rotations[:, 0]
        name = f'ocmotion/{sequence}/{person}'
        for start, end in _runs(np.array(times[person])):
            yield motion_of(name=f'{name}#{start}', subject=name, split=path.stem,
                            rotations=rotations[start:end], root=root[start:end],
                            offsets=TYPICAL_OFFSETS, fps=_RATE)


def _listed(value: Any, what: str, path: Path) -> list[Any]:
    if not isinstance(value, (list, tuple)) or not len(value):
        raise DataError(f'Expected a list of {what} in {path}, got {type(value).__name__} of '
                        f'{len(value) if hasattr(value, "__len__") else 1}; see docs/datasets.md '
                        'for the layout.')
    return list(value)


def _place(image: str, path: Path) -> tuple[str, int]:
    """Sequence and number of a frame, from the name of its image."""
    found = re.search(r'([^/\\]+)[/\\][^/\\]+[/\\](\d+)\.\w+$', str(image))
    if not found:
        raise DataError(f'Expected images/<sequence>/<camera>/<number>.jpg as img_path in {path}, '
                        f'got {image!r}; download it again.')
    return found[1], int(found[2])


def _stacked(values: list[Any], columns: int, what: str, path: Path) -> Floats:
    lengths = {len(value) for value in values} - {columns}
    if lengths:
        raise DataError(f'Expected {what} of {columns} numbers in {path}, got {min(lengths)}; see '
                        'docs/datasets.md for the release that is read.')
    return numbers(values, None, columns, what=what, source=path)


def _runs(times: Ints) -> list[tuple[int, int]]:
    """Start and end of the stretches of frames that follow one another and are long enough."""
    steps = np.diff(times)
    usual = np.median(steps) if len(steps) else 1
    edges = [0, *(np.flatnonzero(steps != usual) + 1), len(times)]
    return [(int(start), int(end)) for start, end in pairwise(edges)
            if end - start >= _SHORTEST]
