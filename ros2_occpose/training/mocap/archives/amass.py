"""AMASS (Mahmood et al., ICCV 2019): motion capture as SMPL-H or SMPL-X angles, z up.

`<data set>/<subject>/<clip>.npz` with poses (T, 156 or 165) [rad], trans (T, 3) [m] and
mocap_framerate or mocap_frame_rate [Hz]. The first 22 joints are those of smpl24; the hand turns
as the first joint of its middle finger. Bones: see `smpl.py`.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ....body.kinematics import TYPICAL_OFFSETS
from ....errors import DataError
from ....safe_pickle import load_npz, require
from ....skeleton import SMPL24
from ....types import Floats
from ..motion import SPLITS, Motion
from .smpl import motion_of, numbers, turns_of

_BODY = 22                                                # joints that all three models share
_MIDDLE_FINGERS = {52: (25, 40), 55: (28, 43)}            # left, right, by number of joints
_RATES = ('mocap_framerate', 'mocap_frame_rate')
# The authors' recommended splits by data set, in the names of all releases.
_SPLITS = {
    'validation': {'HumanEva', 'MPI_HDM05', 'HDM05', 'SFU', 'MPI_mosh', 'MoSh'},
    'test': {'Transitions_mocap', 'Transitions', 'SSM_synced', 'SSM'},
}


def read_amass(folder: Path, splits: tuple[str, ...] = SPLITS, *,
               with_cmu: bool = False) -> Iterator[Motion]:
    """The clips below `folder`, in a fixed order.

    Args:
        with_cmu: Also the part called CMU. The open data of this package is CMU motion capture
            too, and test clips of the one are training clips of the other.

    Raises:
        DataError: A file is damaged or of another layout.
    """
    for path in sorted(folder.rglob('*.npz')):
        if path.stem == 'shape' or path.stem.endswith('_stagei'):             # no movement
            continue
        place = path.relative_to(folder).parts
        if len(place) < 3:
            raise DataError(f'Expected <data set>/<subject>/<clip>.npz below {folder}, got '
                            f'{"/".join(place)}; unpack AMASS with its folders.')
        if place[0] == 'CMU' and not with_cmu:
            continue
        split = _split_of(place[0])
        if split in splits:
            yield _read_clip(path, f'amass/{"/".join(place[:-1])}/{path.stem}',
                             '/'.join(place[:-1]), split)


def _split_of(data_set: str) -> str:
    return next((split for split, names in _SPLITS.items() if data_set in names), 'train')


def _read_clip(path: Path, name: str, subject: str, split: str) -> Motion:
    found = load_npz(path, 'poses', 'trans', optional=_RATES)
    rate = next((key for key in _RATES if key in found), _RATES[0])
    require(found, rate, source=path)
    angles = numbers(found['poses'], None, None, what='poses', source=path)
    count = angles.shape[1] // 3
    if angles.shape[1] % 3 or count not in _MIDDLE_FINGERS:
        raise DataError(f'Expected poses of SMPL-H (156 numbers a frame) or SMPL-X (165) in '
                        f'{path}, got {angles.shape[1]}; download one of these two forms.')
    root = numbers(found['trans'], len(angles), 3, what='trans', source=path)
    fps = float(numbers(found[rate], what=rate, source=path))
    return motion_of(name=name, subject=subject, split=split, rotations=_turns(angles, count),
                     root=root, offsets=TYPICAL_OFFSETS, fps=fps)


def _turns(angles: Floats, count: int) -> Floats:
    """(T, 24, 3, 3) of the angles (T, 3 * count) [rad]."""
    joints = [*range(_BODY), *_MIDDLE_FINGERS[count]]
    assert len(joints) == len(SMPL24.joints)
    return turns_of(angles.reshape(len(angles), count, 3)[:, joints])
