"""Joint sets, parents, mirror pairs and conversions: no joint index stands anywhere else."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .errors import ConfigError


@dataclass(frozen=True)
class Skeleton:
    """A named set of joints in a fixed order."""

    name: str
    joints: tuple[str, ...]
    parent_of: tuple[tuple[str, str], ...]   # (child, parent); joints not listed are roots

    def index(self, joint: str) -> int:
        """Position of a joint in the arrays of this skeleton."""
        return self.joints.index(joint)

    def indices(self, *joints: str) -> list[int]:
        """Positions of several joints."""
        return [self.joints.index(joint) for joint in joints]

    @cached_property
    def parents(self) -> tuple[int, ...]:
        """Index of each joint's parent, -1 for a root."""
        parents = dict(self.parent_of)
        return tuple(self.index(parents[j]) if j in parents else -1 for j in self.joints)

    @cached_property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(parent, child) index pairs."""
        return tuple((p, child) for child, p in enumerate(self.parents) if p >= 0)

    @cached_property
    def mirror(self) -> NDArray[np.intp]:
        """Index of each joint's left-right partner, itself on the midline, (J,)."""
        swap = {'left': 'right', 'right': 'left'}
        partner = []
        for joint in self.joints:
            side, _, rest = joint.partition('_')
            partner.append(self.index(f'{swap[side]}_{rest}' if side in swap else joint))
        return np.array(partner)

    def __hash__(self) -> int:
        return hash(self.name)


def _limbs(*chains: str) -> tuple[tuple[str, str], ...]:
    """(child, parent) pairs of chains 'parent > child > grandchild'; '*' means both sides."""
    pairs: list[tuple[str, str]] = []
    for chain in chains:
        for side in ('left', 'right') if '*' in chain else ('',):
            names = [name.strip().replace('*', side) for name in chain.split('>')]
            pairs += [(child, parent) for parent, child in pairwise(names)
                      if (child, parent) not in pairs]
    return tuple(pairs)


COCO17 = Skeleton(
    'coco17',
    ('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear', 'left_shoulder', 'right_shoulder',
     'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_hip', 'right_hip',
     'left_knee', 'right_knee', 'left_ankle', 'right_ankle'),
    _limbs('nose > *_eye > *_ear', 'nose > *_shoulder > *_elbow > *_wrist',
           '*_shoulder > *_hip > *_knee > *_ankle'))

H36M17 = Skeleton(
    'h36m17',
    ('hip', 'right_hip', 'right_knee', 'right_ankle', 'left_hip', 'left_knee', 'left_ankle',
     'spine', 'thorax', 'nose', 'head', 'left_shoulder', 'left_elbow', 'left_wrist',
     'right_shoulder', 'right_elbow', 'right_wrist'),
    _limbs('hip > *_hip > *_knee > *_ankle', 'hip > spine > thorax > nose > head',
           'thorax > *_shoulder > *_elbow > *_wrist'))

LSP14 = Skeleton(
    'lsp14',
    ('right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle',
     'right_wrist', 'right_elbow', 'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist',
     'neck', 'head'),
    _limbs('neck > head', 'neck > *_shoulder > *_elbow > *_wrist',
           'neck > *_hip > *_knee > *_ankle'))

SMPL24 = Skeleton(
    'smpl24',
    ('pelvis', 'left_hip', 'right_hip', 'spine1', 'left_knee', 'right_knee', 'spine2',
     'left_ankle', 'right_ankle', 'spine3', 'left_foot', 'right_foot', 'neck', 'left_collar',
     'right_collar', 'head', 'left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow',
     'left_wrist', 'right_wrist', 'left_hand', 'right_hand'),
    _limbs('pelvis > *_hip > *_knee > *_ankle > *_foot',
           'pelvis > spine1 > spine2 > spine3 > neck > head',
           'spine3 > *_collar > *_shoulder > *_elbow > *_wrist > *_hand'))

BLAZEPOSE33 = Skeleton(
    'blazepose33',
    ('nose', 'left_eye_inner', 'left_eye', 'left_eye_outer', 'right_eye_inner', 'right_eye',
     'right_eye_outer', 'left_ear', 'right_ear', 'left_mouth', 'right_mouth', 'left_shoulder',
     'right_shoulder', 'left_elbow', 'right_elbow', 'left_wrist', 'right_wrist', 'left_pinky',
     'right_pinky', 'left_index', 'right_index', 'left_thumb', 'right_thumb', 'left_hip',
     'right_hip', 'left_knee', 'right_knee', 'left_ankle', 'right_ankle', 'left_heel',
     'right_heel', 'left_foot_index', 'right_foot_index'),
    _limbs('nose > *_eye_inner > *_eye > *_eye_outer > *_ear', 'nose > *_mouth',
           'nose > *_shoulder > *_elbow > *_wrist > *_pinky', '*_wrist > *_index',
           '*_wrist > *_thumb', '*_shoulder > *_hip > *_knee > *_ankle > *_heel',
           '*_ankle > *_foot_index'))

HALPE26 = Skeleton(
    'halpe26',
    (*COCO17.joints, 'head', 'neck', 'hip', 'left_big_toe', 'right_big_toe', 'left_small_toe',
     'right_small_toe', 'left_heel', 'right_heel'),
    _limbs('hip > neck > nose > head', 'nose > *_eye > *_ear',
           'neck > *_shoulder > *_elbow > *_wrist', 'hip > *_hip > *_knee > *_ankle > *_heel',
           '*_ankle > *_big_toe > *_small_toe'))

OPENPOSE25 = Skeleton(
    'openpose25',
    ('nose', 'neck', 'right_shoulder', 'right_elbow', 'right_wrist', 'left_shoulder',
     'left_elbow', 'left_wrist', 'hip', 'right_hip', 'right_knee', 'right_ankle', 'left_hip',
     'left_knee', 'left_ankle', 'right_eye', 'left_eye', 'right_ear', 'left_ear', 'left_big_toe',
     'left_small_toe', 'left_heel', 'right_big_toe', 'right_small_toe', 'right_heel'),
    _limbs('hip > neck > nose > *_eye > *_ear', 'neck > *_shoulder > *_elbow > *_wrist',
           'hip > *_hip > *_knee > *_ankle > *_heel', '*_ankle > *_big_toe > *_small_toe'))

SKELETONS = {s.name: s for s in (COCO17, H36M17, SMPL24, LSP14, BLAZEPOSE33, HALPE26, OPENPOSE25)}

# A joint that a skeleton lacks is the mean of others, where it has them all.
_RECIPES = {
    'hip': (('pelvis',), ('left_hip', 'right_hip')),
    'pelvis': (('hip',), ('left_hip', 'right_hip')),
    'thorax': (('neck',), ('left_shoulder', 'right_shoulder')),
    'neck': (('thorax',), ('left_shoulder', 'right_shoulder')),
    'spine': (('spine2',), ('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip')),
}


def skeleton_named(name: str) -> Skeleton:
    """The joint set called `name`; raises `ConfigError` with the known names."""
    if name not in SKELETONS:
        raise ConfigError(f'Unknown skeleton {name!r}; expected one of {", ".join(SKELETONS)}.')
    return SKELETONS[name]


@cache
def conversion(source: Skeleton, target: Skeleton) -> NDArray[np.floating]:
    """Weights (J_out, J_in) that make `target` joints of `source` joints.

    Rows sum to 1, or to 0 where the source cannot give the joint.
    """
    weights = np.zeros((len(target.joints), len(source.joints)))
    for row, joint in enumerate(target.joints):
        for parts in ((joint,), *_RECIPES.get(joint, ())):
            if all(part in source.joints for part in parts):
                weights[row, source.indices(*parts)] = 1.0 / len(parts)
                break
    return weights


def convert(points: NDArray[np.floating], scores: NDArray[np.floating], source: Skeleton,
            target: Skeleton) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Points (..., J_in, D) and scores (..., J_in) in another joint set.

    A joint made of several is as sure as the least sure of them. A joint that cannot be given
    has score 0 and lies at the mean of those that can.
    """
    if source is target:
        return points, scores
    weights = conversion(source, target)
    given = weights.any(axis=1)
    out = np.einsum('oi,...id->...od', weights, points)
    worst = np.where(weights > 0, scores[..., None, :], np.inf).min(axis=-1)
    if not given.all():
        out[..., ~given, :] = out[..., given, :].mean(axis=-2, keepdims=True)
    return out, np.where(given, worst, 0.0)
