"""Motion capture as coco17 and h36m17 joints in metres, z up, 30 Hz, in train and test splits.

The joints that a 2D detector sees on the face are synthesised from the head's frame. Hip, spine
and thorax of h36m17 are the means that `skeleton.convert` makes of coco17, so that 3D joints and
2D rays mean the same point.
"""
from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from ..skeleton import COCO17, H36M17, conversion
from ..types import Floats
from .bvh import read_bvh
from .mocap_text import read_deepmimic, read_expmap

logger = logging.getLogger(__name__)

FPS = 30.0
BODY = (*COCO17.joints, 'head')  # the 18 points that everything else derives from; head = its top
SPLITS = ('train', 'validation', 'test')

_TEST_CLIPS = {'salsa/14', 'salsa/29', 'salsa/15', 'salsa/30'}
_TEST_SUBJECTS = {'49', '88', '90'}
_VALIDATION_CLIPS = {'salsa/07', 'salsa/22', 'martial/08', 'indian/14'}
_VALIDATION_SUBJECTS = {'139', '09'}
_LIMBS = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
_DAZ = ('Shldr', 'ForeArm', 'Hand', 'Thigh', 'Shin', 'Foot')

# points of the face in the head's frame [m]: left, up, forward of the named joint
_FACE = {
    'nose': (0.0, 0.0, 0.105),
    'left_eye': (0.032, 0.035, 0.08),
    'right_eye': (-0.032, 0.035, 0.08),
    'left_ear': (0.075, 0.015, 0.0),
    'right_ear': (-0.075, 0.015, 0.0),
    'head': (0.0, 0.135, 0.005),
}


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One person's recorded movement."""

    name: str               # e.g. 'salsa/14'
    subject: str            # CMU subject, '' where unknown
    split: str              # train, validation or test
    body: Floats            # (T, 18, 3) [m], z up: BODY
    fps: float = FPS

    def __len__(self) -> int:
        return len(self.body)

    @property
    def joints_coco(self) -> Floats:
        """(T, 17, 3) [m]."""
        return self.body[:, :len(COCO17.joints)]

    @property
    def joints_h36m(self) -> Floats:
        """(T, 17, 3) [m]."""
        return h36m_of(self.body)


def h36m_of(body: Floats) -> Floats:
    """h36m17 joints of the 18 body points, (..., 18, 3) -> (..., 17, 3)."""
    joints = np.einsum('oi,...id->...od', _H36M_FROM_BODY.astype(body.dtype), body)
    return np.asarray(joints)


def _h36m_weights() -> Floats:
    weights = np.zeros((len(H36M17.joints), len(BODY)))
    weights[:, :len(COCO17.joints)] = conversion(COCO17, H36M17)
    weights[H36M17.index('head'), BODY.index('head')] = 1.0
    return weights


_H36M_FROM_BODY = _h36m_weights()


def load_motions(data: Path, splits: tuple[str, ...] = SPLITS) -> list[Motion]:
    """All clips of some splits below `data` (bvh, deepmimic, expmap), in a fixed order.

    Raises:
        DataError: The folder is missing, or holds no clip.
    """
    if not data.is_dir():
        raise DataError(f'Expected a folder of motion capture, got {data}; '
                        'give the folder that holds bvh, deepmimic and expmap with --data.')
    motions = [motion for motion in _all(data) if motion.split in splits]
    if not motions:
        raise DataError(
            f'Expected clips below {data}/bvh, {data}/deepmimic or {data}/expmap, found none of '
            f'the splits {", ".join(splits)}.'
        )
    logger.info('%d clips, %.1f minutes from %s.', len(motions),
                sum(len(m) for m in motions) / FPS / 60, data)
    return motions


def _all(data: Path) -> Iterator[Motion]:
    for path in sorted(data.glob('bvh/*/*.bvh')):
        yield _from_bvh(path)
    for path in sorted(data.glob('deepmimic/**/*.txt')):
        if path.name != 'humanoid3d.txt':
            yield _from_deepmimic(path, data / 'deepmimic' / 'humanoid3d.txt')
    for path in sorted(data.glob('expmap/*/*.txt')):
        yield _from_expmap(path, data / 'expmap' / 'skeleton.json')


def _from_bvh(path: Path) -> Motion:
    positions, rotations, frame_time = read_bvh(path)
    names = {
        f'{side}_{limb}': f'{side[0]}{daz}'
        for side in ('left', 'right')
        for limb, daz in zip(_LIMBS, _DAZ)
    }
    try:
        points = {ours: positions[theirs] * 0.01 for ours, theirs in names.items()}
        head, turn = positions['head'] * 0.01, rotations['head']
    except KeyError as error:
        raise DataError(f'Expected Daz joint names in {path}, {error} is missing.') from error
    points |= _face(head, turn, origin=(0.0, 0.05, 0.0), axes=np.eye(3))
    _widen_shoulders(points, 0.05)
    name = f'{path.parent.name}/{path.stem}'
    subject = {'salsa': '60/61'}.get(path.parent.name, '')
    return _motion(name, subject, points, np.full(len(head), frame_time))


def _from_deepmimic(path: Path, skeleton: Path) -> Motion:
    positions, rotations, durations = read_deepmimic(path, skeleton)
    points = {
        f'{side}_{limb}': positions[f'{side}_{limb}']
        for side in ('left', 'right')
        for limb in _LIMBS
    }
    # rows: left, up, forward; it faces +X
    axes = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]], float)
    points |= _face(positions['neck'], rotations['neck'], origin=(0.0, 0.2, 0.0), axes=axes)
    extra = path.parent.name == 'extra'
    name = f'extra/{path.stem}' if extra else f'cmu/{path.stem}'
    return _motion(name, '' if extra else path.parent.name, points, durations)


def _from_expmap(path: Path, skeleton: Path) -> Motion:
    positions, rotations = read_expmap(path, skeleton)
    points = {
        f'{side}_{limb}': positions[f'{side}_{limb}']
        for side in ('left', 'right')
        for limb in _LIMBS
    }
    points |= _face(positions['head'], rotations['head'], origin=(0.0, 0.08, 0.0), axes=np.eye(3))
    for side in ('left', 'right'):         # its forearm of 0.189 m would make a child of an adult
        elbow = points[f'{side}_elbow']
        points[f'{side}_wrist'] = elbow + 1.3 * (points[f'{side}_wrist'] - elbow)
    return _motion(
        f'{path.parent.name}/{path.stem}', '', points, np.full(len(positions['head']), 1 / FPS)
    )


def _face(joint: Floats, turn: Floats, *, origin: tuple[float, float, float],
          axes: Floats) -> dict[str, Floats]:
    """Points of the face, (T, 3) each; `axes` rows are left, up, forward of the unturned head."""
    return {
        name: joint + turn @ (axes.T @ (np.array(origin) + offset))
        for name, offset in _FACE.items()
    }


def _widen_shoulders(points: dict[str, Floats], by_m: float) -> None:
    """Move both arms outwards: the Daz figure's shoulders are 0.23 m apart, people's 0.33 m."""
    line = points['left_shoulder'] - points['right_shoulder']
    step = by_m * line / np.linalg.norm(line, axis=-1, keepdims=True)
    for limb in ('shoulder', 'elbow', 'wrist'):
        points[f'left_{limb}'] = points[f'left_{limb}'] + step
        points[f'right_{limb}'] = points[f'right_{limb}'] - step


def _motion(name: str, subject: str, points: dict[str, Floats], durations: Floats) -> Motion:
    body = np.stack([points[joint] for joint in BODY], 1)                  # (T, 18, 3) y up
    body = np.stack([body[..., 0], -body[..., 2], body[..., 1]], -1)       # z up
    if np.abs(durations * FPS - 1).max() > 0.02:
        body = _resample(body, durations)
    ankles = body[:, [BODY.index('left_ankle'), BODY.index('right_ankle')], 2].min(1)
    body[..., 2] += 0.08 - np.percentile(ankles, 5)  # the floor is at 0
    return Motion(
        name=name, subject=subject, split=split_of(name, subject), body=body.astype(np.float32)
    )


def _resample(body: Floats, durations: Floats) -> Floats:
    """The same movement at FPS, linearly interpolated."""
    stamps = np.concatenate([[0.0], np.cumsum(durations[:-1])])
    wanted = np.arange(0, stamps[-1] + 1e-6, 1 / FPS)
    flat = body.reshape(len(body), -1)
    return np.stack([np.interp(wanted, stamps, column) for column in flat.T], 1).reshape(
        -1, *body.shape[1:]
    )


def split_of(name: str, subject: str) -> str:
    """Train, validation or test: whole clips, both dancers of a pair, all of a subject."""
    clip = name.rsplit('/', 1)[-1]
    if name in _TEST_CLIPS or subject in _TEST_SUBJECTS or clip.startswith('test_'):
        return 'test'
    if (
        name in _VALIDATION_CLIPS
        or subject in _VALIDATION_SUBJECTS
        or clip.endswith(('_4', '_28', '_40', '_52'))
    ):
        return 'validation'
    return 'train'
