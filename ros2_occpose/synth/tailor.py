"""A dressed surface of a human: head and hands of the skin, the rest cut from tights around it.

Where on the body something is, is asked of the base mesh before any shape (`neutral`), so that
cuts and paint follow all shapes. MakeHuman's helper meshes (tights, skirt, hair) are the cloth.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..body.character import Part
from ..body.human import Rigged
from ..body.human_assets import HumanAssets
from ..body.mesh import vertex_normals
from ..skeleton import SMPL24
from ..types import Bools, Floats, Ints
from .looks import Look
from .noise import Noise

# Pieces of the surface, and where in the texture they are painted: x0, y0, width, height.
PIECES: dict[str, tuple[float, float, float, float]] = {
    'tights': (0.005, 0.005, 0.59, 0.99), 'head': (0.605, 0.005, 0.39, 0.67),
    'hands': (0.605, 0.685, 0.23, 0.11), 'neck': (0.845, 0.685, 0.15, 0.11),
    'skirt': (0.605, 0.805, 0.29, 0.19), 'hair': (0.905, 0.805, 0.09, 0.1),
    'left_eye': (0.905, 0.915, 0.04, 0.08), 'right_eye': (0.955, 0.915, 0.04, 0.08),
}
SOLE = -0.8                           # neutral height of the edge of soles [m]

_NAMES = tuple(PIECES)
_HAND = SMPL24.indices('left_wrist', 'right_wrist', 'left_hand', 'right_hand')
_ARM = [*SMPL24.indices('left_shoulder', 'right_shoulder', 'left_elbow', 'right_elbow'), *_HAND]
_SHOULDER, _ELBOW, _WRIST = np.array([[0.168, 0.525, 0.015], [0.313, 0.349, 0.013],
                                      [0.431, 0.245, 0.176]])              # neutral, left
_HIP, _KNEE, _ANKLE = 0.049, -0.369, -0.745                                # neutral heights
_SCALP_M = 0.02                       # over which hair rises from its edge


@dataclass(frozen=True, kw_only=True, eq=False)
class Surface:
    """Vertices, doubled along the seams of the texture."""

    base: Ints            # (V,) vertex of the base mesh
    vertices: Floats      # (V, 3) [m] with the thickness of cloth and hair
    normals: Floats       # (V, 3) unit
    faces: Ints           # (F, 3)
    uv: Floats            # (V, 2) of the texture, v up
    piece: Ints           # (V,) index of PIECES
    neutral: Floats       # (V, 3) [m] on the base mesh
    arm: Floats           # (V,) 1 where it belongs to an arm


def tailored(assets: HumanAssets, rigged: Rigged, weights: Floats, look: Look) -> Surface:
    """The surface of a person in their clothes."""
    neutral = assets.vertices
    arm = weights[:, _ARM].sum(1)
    places = _with_thickness(assets, rigged.vertices, arm, look)
    quads = {name: rows for name, rows in _quads(assets, weights, look).items() if len(rows)}
    corner_base = np.concatenate([assets.faces[rows] for rows in quads.values()])     # (Q, 4)
    corner_uv = np.concatenate([assets.uv_faces[rows] for rows in quads.values()])
    corner_piece = np.repeat([_NAMES.index(name) for name in quads],
                             [len(rows) for rows in quads.values()])
    keys = np.stack([corner_base, corner_uv, np.repeat(corner_piece[:, None], 4, 1)], -1)
    unique, corners = np.unique(keys.reshape(-1, 3), axis=0, return_inverse=True)
    corners = corners.reshape(-1, 4)
    base, piece = unique[:, 0], unique[:, 2]
    faces = np.concatenate([corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]).astype(np.int32)
    vertices = places[base]
    first = np.unique(base, return_index=True, return_inverse=True)
    return Surface(base=base, vertices=vertices, faces=faces, piece=piece,
                   normals=vertex_normals(vertices, faces, first[1][first[2].reshape(-1)]),
                   uv=_placed(assets.uv[unique[:, 1]], piece), neutral=neutral[base],
                   arm=arm[base])


def parts_of(surface: Surface, look: Look) -> NDArray[np.uint8]:
    """Part of each vertex, (V,)."""
    out = np.full(len(surface.base), Part.SKIN, np.uint8)
    tights = surface.piece == _NAMES.index('tights')
    out[tights] = covered(surface.neutral[tights], surface.arm[tights], look)
    for name, part in (('skirt', Part.BOTTOM), ('hair', Part.HAIR), ('left_eye', Part.EYES),
                       ('right_eye', Part.EYES)):
        out[surface.piece == _NAMES.index(name)] = part
    head = surface.piece == _NAMES.index('head')
    out[head & (scalp(surface.neutral, look) > 0)] = Part.HAIR
    return out


def covered(neutral: Floats, arm: Floats, look: Look) -> Ints:
    """What covers places of the tights (N, 3): a Part; SKIN where nothing does, (N,)."""
    x, y, z = neutral.T
    out = np.full(len(neutral), Part.SKIN, np.uint8)
    on_arm = arm > 0.5
    leg = along_leg(y)
    out[~on_arm & (y < 0.16) & (leg < look.leg)] = Part.BOTTOM
    out[~on_arm & (y > look.hem) & ~_bare_neck(x, y, z, look.neckline)] = Part.TOP
    out[on_arm & (along_arm(neutral) < look.sleeve)] = Part.TOP
    out[y < _ANKLE + 0.03 + look.shoe_height] = Part.SHOES
    return out


def _bare_neck(x: Floats, y: Floats, z: Floats, neckline: str) -> Bools:
    wide, level, slope = {'high': (0.2, 0.605, 0.0), 'crew': (0.068, 0.565, 0.45),
                          'deep': (0.075, 0.555, 0.45)}[neckline]
    low = level - slope * z
    if neckline == 'deep':
        low = low - 1.6 * np.maximum(0.06 - np.abs(x), 0) * (z > 0.02)
    low = low + 0.8 * np.maximum(np.abs(x) - 0.04, 0) * (neckline != 'high')
    return np.asarray((y > low) & (np.abs(x) < wide))


def along_leg(height: Floats) -> Floats:
    """Where on a leg a height is: 0 hip, 1 knee, 2 ankle."""
    return np.asarray(np.interp(-height, [-0.3, -_HIP, -_KNEE, -_ANKLE, 0.9],
                                [-0.8, 0, 1, 2, 2.4]))


def along_arm(neutral: Floats) -> Floats:
    """Where on an arm places (N, 3) are: 0 shoulder, 1 elbow, 2 wrist."""
    places = neutral * [1, 1, 1]
    places[:, 0] = np.abs(places[:, 0])

    def share(start: Floats, end: Floats) -> Floats:
        bone = end - start
        return np.asarray((places - start) @ bone / (bone @ bone))

    upper = share(_SHOULDER, _ELBOW)
    return np.asarray(np.where(upper < 1, upper, 1 + np.maximum(share(_ELBOW, _WRIST), 0)))


def scalp(neutral: Floats, look: Look) -> Floats:
    """How far inside the hair places of the head (N, 3) are [m]; 0 and less outside."""
    if look.hair_m == 0:
        return np.full(len(neutral), -1.0)
    x, y, z = np.abs(neutral[:, 0]), neutral[:, 1], neutral[:, 2]
    temple = 0.012 * look.hairline * np.clip((x - 0.02) / 0.03, 0, 1)
    front = y - (0.785 + 0.02 * look.hairline + temple + 0.1 * np.maximum(0.05 - z, 0))
    side = np.minimum(0.085 - z + 0.35 * (y - 0.75), y - (0.742 - 0.1 * np.maximum(0.05 - z, 0)))
    back = np.minimum(0.035 - z, y - 0.665)
    return np.asarray(np.maximum(np.maximum(front, side), back))


def _quads(assets: HumanAssets, weights: Floats, look: Look) -> dict[str, Ints]:
    """Rows of the base mesh's quads, by piece."""
    body = assets.faces_of('body')
    middle = assets.uv[assets.uv_faces[body]].mean(1)                      # (Q, 2)
    height = assets.vertices[assets.faces[body]][..., 1].mean(1)
    hands = weights[:, _HAND].sum(1)[assets.faces[body]].mean(1) > 0.5
    u, v = middle.T
    head = (u > 0.63) & (v > 0.14) & (v < 0.84)
    skirt = assets.faces_of('helper-skirt')
    top = along_leg(assets.vertices[assets.faces[skirt]][..., 1].max(1))
    hair = assets.faces_of('helper-hair')
    lowest = assets.vertices[assets.faces[hair]][..., 1].min(1)
    x, y, z = assets.vertices[assets.faces[hair]].mean(1).T
    curtain = (z > 0.085) & (np.abs(x) < 0.062) & (y < 0.79)              # before the face
    return {
        'tights': assets.faces_of('helper-tights'), 'head': body[head],
        'hands': body[hands & ~head], 'neck': body[~head & ~hands & (height > 0.56)
                                                   & (height < 0.7) & (v > 0.2) & (u > 0.2)],
        'skirt': skirt[top < look.skirt] if look.skirt else skirt[:0],
        'hair': (hair[~curtain & (lowest > 0.69 - 0.5 * look.long_hair)] if look.long_hair
                 else hair[:0]),
        'left_eye': assets.faces_of('helper-l-eye'), 'right_eye': assets.faces_of('helper-r-eye')}


def _placed(uv: Floats, piece: Ints) -> Floats:
    """Texture coordinates (V, 2) with each piece in its place, its proportions kept."""
    out = np.zeros_like(uv)
    for index, (x0, y0, width, height) in enumerate(PIECES.values()):
        rows = piece == index
        if rows.any():
            low, high = uv[rows].min(0), uv[rows].max(0)
            scale = min(width / (high[0] - low[0]), height / (high[1] - low[1]))
            out[rows] = (uv[rows] - low) * scale + [x0, y0]
    return out.astype(np.float32)


def _with_thickness(assets: HumanAssets, vertices: Floats, arm: Floats, look: Look) -> Floats:
    """The vertices (V, 3) [m], moved out by cloth, shoes and hair."""
    out = vertices.copy()
    noise = Noise(look.folds_seed)
    tights = np.unique(assets.faces[assets.faces_of('helper-tights')])
    normals = _normals(assets, vertices, 'helper-tights')[tights]
    neutral = assets.vertices[tights]
    part = covered(neutral, arm[tights], look)
    folds = noise(neutral * [1, 0.5, 1], 0.06, 3)
    thick = np.full(len(tights), -0.001)
    for kind, loose in ((Part.TOP, look.loose_top_m), (Part.BOTTOM, look.loose_bottom_m)):
        thick[part == kind] = (0.003 + loose * (1 + 0.7 * folds))[part == kind]
    thick[part == Part.TOP] += 0.003                      # hangs over trousers and hands
    thick[part == Part.SHOES] = 0.008
    hollow = _smoothed(assets, vertices, tights) - vertices[tights]
    hangs = np.isin(part, [Part.TOP, Part.BOTTOM]) * np.clip((0.47 - neutral[:, 1]) / 0.06, 0, 1)
    thick += hangs * (arm[tights] < 0.3) * np.clip((hollow * normals).sum(1), 0, 0.03)
    thick *= 1 - 0.6 * np.clip((neutral[:, 1] - 0.46) / 0.06, 0, 1)        # rests on shoulders
    out[tights] += thick[:, None] * normals
    soles = tights[neutral[:, 1] < SOLE]
    out[soles] += normals[neutral[:, 1] < SOLE] * [0.006, 0, 0.006] - [0, 0.008, 0]
    skirt = np.unique(assets.faces[assets.faces_of('helper-skirt')])
    out[skirt] += 0.012 * _normals(assets, vertices, 'helper-skirt')[skirt]
    if look.skirt:                                        # an even hem
        hem = float(np.interp(look.skirt, [0, 1, 2], [_HIP, _KNEE, _ANKLE]))
        out[skirt, 1] += np.maximum(hem - assets.vertices[skirt, 1], 0)
    skin = np.unique(assets.faces[assets.faces_of('body')])
    inside = scalp(assets.vertices[skin], look)
    rise = look.hair_m * np.clip(inside / _SCALP_M, 0, 1) * (
        1 + 0.35 * noise(assets.vertices[skin], 0.03, 2))
    ears = (np.abs(assets.vertices[skin, 0]) > 0.068) & (assets.vertices[skin, 1] < 0.75)
    rise[(assets.vertices[skin, 1] < 0.62) | ears] = 0
    out[skin] += rise[:, None] * _normals(assets, vertices, 'body')[skin]
    hair = np.unique(assets.faces[assets.faces_of('helper-hair')])
    out[hair] += 0.004 * noise(assets.vertices[hair], 0.05, 2)[:, None]
    hangs = np.clip((0.64 - assets.vertices[hair, 1]) / 0.1, 0, 1)         # over the clothes
    away = assets.vertices[hair] * [1, 0, 1]
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    out[hair] += ((0.02 + look.loose_top_m) * hangs)[:, None] * away
    return out


def _normals(assets: HumanAssets, vertices: Floats, group: str) -> Floats:
    quads = assets.faces[assets.faces_of(group)]
    return vertex_normals(vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]))


def _smoothed(assets: HumanAssets, vertices: Floats, rows: Ints) -> Floats:
    """Where cloth that is stretched over hollows lies, (N, 3): means of neighbours, repeated."""
    quads = assets.faces[assets.faces_of('helper-tights')]
    edges = np.concatenate([quads[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 3), (3, 0))])
    place = np.full(len(vertices), -1)
    place[rows] = np.arange(len(rows))
    a, b = place[edges].T
    count = np.bincount(np.concatenate([a, b]), minlength=len(rows))
    out = vertices[rows]
    for _ in range(25):
        total = np.stack([np.bincount(a, out[b, axis], len(rows))
                          + np.bincount(b, out[a, axis], len(rows)) for axis in range(3)], -1)
        out = 0.5 * out + 0.5 * total / count[:, None]
    return out

