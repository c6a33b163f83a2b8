"""Motion capture as rotations of the smpl24 tree, z up, 30 Hz, in train and test splits.

The points that a 2D detector sees follow from it: `kinematics.body_points`. Hip, spine and
thorax of h36m17 are the means that `skeleton.convert` makes of coco17, so that 3D joints and 2D
rays mean the same point.
"""
from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from ...body.kinematics import BODY as BODY
from ...body.kinematics import body_points, forward
from ...body.kinematics import h36m_of as h36m_of
from ...body.turns import between
from ...errors import DataError
from ...skeleton import COCO17, SMPL24
from ...types import Floats
from .asf_amc import rate_of, read_asf_amc, skeleton_of
from .bvh import read_bvh
from .mocap_text import read_deepmimic, read_expmap
from .proportions import lift_collars, like_people
from .recordings import Named, from_asf, from_cmu, from_daz, from_deepmimic
from .retarget import Recording, retarget

logger = logging.getLogger(__name__)

FPS = 30.0
SPLITS = ('train', 'validation', 'test')

_TEST_CLIPS = {'salsa/14', 'salsa/29', 'salsa/15', 'salsa/30'}
# The couples of salsa are CMU's subjects 60 and 61, NN of the second being NN + 15 here.
_TEST_TRIALS = {'60_14', '61_14', '60_15', '61_15'}
_VALIDATION_TRIALS = {'60_07', '61_07', '94_14', '135_08'}
_TEST_SUBJECTS = {'49', '88', '90'}
_VALIDATION_CLIPS = {'salsa/07', 'salsa/22', 'martial/08', 'indian/14'}
_VALIDATION_SUBJECTS = {'139', '09'}

_FASTEST_PELVIS, _FASTEST = 33.0, 80.0     # turn of the pelvis and of other joints [deg a frame]
_AROUND_JUMP = 6                            # frames left out on each side of a jump


@dataclass(frozen=True, kw_only=True, eq=False)
class Motion:
    """One person's recorded movement."""

    name: str               # e.g. 'salsa/14'
    subject: str            # CMU subject, '' where unknown
    split: str              # train, validation or test
    rotations: Floats       # (T, 24, 3, 3) of smpl24 joints in the parent's axes, z up
    root: Floats            # (T, 3) [m] of the pelvis
    offsets: Floats         # (24, 3) [m] of each joint from its parent, in the parent's axes
    fps: float = FPS

    def __len__(self) -> int:
        return len(self.root)

    @cached_property
    def body(self) -> Floats:
        """(T, 18, 3) [m], z up: BODY."""
        return body_points(*forward(self.rotations, self.root, self.offsets))

    @property
    def joints_coco(self) -> Floats:
        """(T, 17, 3) [m]."""
        return self.body[:, :len(COCO17.joints)]

    @property
    def joints_h36m(self) -> Floats:
        """(T, 17, 3) [m]."""
        return h36m_of(self.body)


def load_motions(data: Path, splits: tuple[str, ...] = SPLITS) -> list[Motion]:
    """All clips of some splits below `data`, in a fixed order.

    These are bvh/*/*.bvh, deepmimic/**/*.txt, expmap/*/*.txt, asf_amc/**/*.amc and archives.

    Raises:
        DataError: The folder is missing, or holds no clip.
    """
    from .archives import find  # they are made of this module's Motion

    if not data.is_dir():
        raise DataError(f'Expected a folder of motion capture, got {data}; '
                        'give the folder that holds bvh, deepmimic and expmap.')
    motions = [motion for motion in _all(data) if motion.split in splits]
    motions += find(data, splits)
    if not motions:
        raise DataError(
            f'Expected clips below {data}/bvh, {data}/deepmimic, {data}/expmap, {data}/asf_amc '
            f'or an archive of docs/datasets.md, found none of the splits {", ".join(splits)}.'
        )
    logger.info('%d clips, %.1f minutes from %s.', len(motions),
                sum(len(m) for m in motions) / FPS / 60, data)
    return motions


def _all(data: Path) -> Iterator[Motion]:
    for path in sorted(data.glob('bvh/*/*.bvh')):
        yield from _from_bvh(path)
    for path in sorted(data.glob('deepmimic/**/*.txt')):
        if path.name != 'humanoid3d.txt':
            yield from _from_deepmimic(path, data / 'deepmimic' / 'humanoid3d.txt')
    for path in sorted(data.glob('expmap/*/*.txt')):
        yield from _from_expmap(path, data / 'expmap' / 'skeleton.json')
    for path in sorted(data.glob('asf_amc/**/*.amc')):
        yield from _from_asf_amc(path)


def _from_bvh(path: Path) -> Iterator[Motion]:
    positions, turns, frame_time = read_bvh(path)
    positions = {joint: at[1:] for joint, at in positions.items()}          # the first: arms out
    turns = {joint: turn[1:] for joint, turn in turns.items()}
    name = f'{path.parent.name}/{path.stem}'
    subject = {'salsa': '60/61'}.get(path.parent.name, '')
    durations = np.full(len(next(iter(turns.values()))), frame_time)
    return _motion(name, subject, _recorded(path, from_daz, positions, turns), durations)


def _from_deepmimic(path: Path, skeleton: Path) -> Iterator[Motion]:
    positions, turns, durations = read_deepmimic(path, skeleton)
    extra = path.parent.name == 'extra'
    name = f'extra/{path.stem}' if extra else f'cmu/{path.stem}'
    subject = '' if extra else path.parent.name
    recording = _recorded(path, from_deepmimic, positions, turns)
    return _motion(name, subject, recording, durations)


def _from_expmap(path: Path, skeleton: Path) -> Iterator[Motion]:
    positions, turns = read_expmap(path, skeleton)
    name = f'{path.parent.name}/{path.stem}'
    durations = np.full(len(next(iter(turns.values()))), 1 / FPS)
    return _motion(name, '', _recorded(path, from_cmu, positions, turns), durations)


def _from_asf_amc(path: Path) -> Iterator[Motion]:
    skeleton = skeleton_of(path)
    ends, turns = read_asf_amc(path, skeleton)
    rate = rate_of(path)
    step = max(round(rate / FPS), 1)
    recording = _recorded(path, from_asf, {bone: at[::step] for bone, at in ends.items()},
                          {bone: turn[::step] for bone, turn in turns.items()})
    durations = np.full(len(recording.turns), step / rate)
    return _motion(f'asf_amc/{path.stem}', skeleton.stem, recording, durations)


def _recorded(path: Path, recording_of: Callable[[Named, Named], Recording], positions: Named,
              turns: Named) -> Recording:
    """The recording that a file holds; errors name the file."""
    try:
        return recording_of(positions, turns)
    except DataError as error:
        raise DataError(f'{path}: {error}') from error


def _motion(name: str, subject: str, recording: Recording,
            durations: Floats) -> Iterator[Motion]:
    fit = retarget(recording)
    rotations, root, offsets = lift_collars(fit.rotations), fit.root, like_people(fit.offsets)
    if np.abs(durations * FPS - 1).max() > 0.02:
        rotations, root = _resample(rotations, root, durations)
    joints, _ = forward(rotations, root, offsets)
    ankles = joints[:, SMPL24.indices('left_ankle', 'right_ankle'), 2].min(1)
    floor = np.array([0.0, 0.0, np.percentile(ankles, 5) - 0.08])
    pieces = _without_jumps(rotations)
    for number, piece in enumerate(pieces):
        yield Motion(
            name=f'{name}#{number}' if len(pieces) > 1 else name, subject=subject,
            split=split_of(name, subject), rotations=rotations[piece].astype(np.float32),
            root=(root - floor)[piece].astype(np.float32),
            offsets=offsets.astype(np.float32),
        )


def _without_jumps(rotations: Floats) -> list[slice]:
    """The stretches in which nobody turns faster than people can.

    Some recordings tumble or fold a leg the wrong way for some frames, where the angles in which
    they were kept go round their end.
    """
    before, after = rotations[:-1], rotations[1:]
    turned = np.degrees(np.arccos(np.clip(((before * after).sum((-1, -2)) - 1) / 2, -1, 1)))
    jumps = np.flatnonzero((turned[:, 0] > _FASTEST_PELVIS) | (turned > _FASTEST).any(1))
    if not len(jumps):
        return [slice(0, len(rotations))]
    ends = [*(jumps + 1 - _AROUND_JUMP), len(rotations)]
    starts = [0, *(jumps + 1 + _AROUND_JUMP)]
    return [slice(start, end) for start, end in zip(starts, ends) if end - start >= FPS]


def _resample(rotations: Floats, root: Floats, durations: Floats) -> tuple[Floats, Floats]:
    """The same movement at FPS: turns along the shortest way, the root along straight lines."""
    stamps = np.concatenate([[0.0], np.cumsum(durations[:-1])])
    wanted = np.arange(0, stamps[-1] + 1e-6, 1 / FPS)
    low = np.clip(np.searchsorted(stamps, wanted, 'right') - 1, 0, max(len(stamps) - 2, 0))
    high = np.minimum(low + 1, len(stamps) - 1)
    share = (wanted - stamps[low]) / np.maximum(stamps[high] - stamps[low], 1e-9)
    turned = between(rotations[low], rotations[high], share[:, None])
    return turned, root[low] + share[:, None] * (root[high] - root[low])


def split_of(name: str, subject: str) -> str:
    """Train, validation or test: whole clips, both dancers of a pair, all of a subject."""
    clip = name.rsplit('/', 1)[-1]
    if (
        name in _TEST_CLIPS
        or clip in _TEST_TRIALS
        or subject in _TEST_SUBJECTS
        or clip.startswith('test_')
    ):
        return 'test'
    if (
        name in _VALIDATION_CLIPS
        or clip in _VALIDATION_TRIALS
        or subject in _VALIDATION_SUBJECTS
        or clip.endswith(('_4', '_28', '_40', '_52'))
    ):
        return 'validation'
    return 'train'
