"""The Cylinder Man with a skin: rounded tubes on the smpl24 tree, made by code alone.

It stands in wherever no human body was fetched, and is what tests are made of.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng

from ..skeleton import SMPL24
from ..types import Floats, Image, Ints
from .character import Character, Part
from .kinematics import TYPICAL_OFFSETS, forward, marks
from .mesh import vertex_normals, welded
from .model import BodyModel
from .shaping import regressor_of, stretched

_AROUND, _ALONG, _CAP = 16, 7, 4           # vertices around a tube, rings along it and in a cap
_CELL_PX, _COLUMNS = 64, 5                 # of the texture: one cell a tube
_ANKLE_M = 0.08                            # height of the ankle above the sole
_FORWARD = 0.5 * np.pi                     # of the turn around a tube that stands upright
_UP, _AHEAD = np.eye(3)[[1, 2]]


@dataclass(frozen=True)
class _Tube:
    """A rounded tube along a bone: ends from joints [m], radii at them [m]."""

    start: tuple[str, tuple[float, float, float]]
    end: tuple[str, tuple[float, float, float]]
    radii: tuple[float, float]
    part: Part
    carriers: tuple[str, ...]              # joints along it, in order
    flat: float = 1.0                      # depth over width


def _tubes() -> list[_Tube]:
    none = (0.0, 0.0, 0.0)
    out = [
        _Tube(('pelvis', (0.0, -0.03, 0.0)), ('spine1', (0.0, 0.03, 0.01)), (0.155, 0.14),
              Part.BOTTOM, ('pelvis', 'spine1'), 0.75),
        _Tube(('spine1', (0.0, 0.0, 0.01)), ('spine3', (0.0, 0.1, 0.02)), (0.145, 0.165), Part.TOP,
              ('spine1', 'spine2', 'spine3'), 0.68),
        _Tube(('neck', (0.0, -0.05, 0.01)), ('head', (0.0, 0.05, 0.0)), (0.06, 0.055), Part.SKIN,
              ('spine3', 'neck', 'head')),
        _Tube(('head', (0.0, 0.065, 0.01)), ('head', (0.0, 0.125, 0.0)), (0.078, 0.09), Part.SKIN,
              ('head',), 1.2),
    ]
    for side, sign in (('left', 1.0), ('right', -1.0)):
        for first, last, radii, part, flat, start, end in (
                ('collar', 'shoulder', (0.07, 0.062), Part.TOP, 1.0, none, none),
                ('shoulder', 'elbow', (0.058, 0.045), Part.TOP, 1.0, none, none),
                ('elbow', 'wrist', (0.043, 0.03), Part.SKIN, 1.0, none, none),
                ('wrist', 'hand', (0.034, 0.034), Part.SKIN, 0.55, none, (sign * 0.05, 0.0, 0.0)),
                ('hip', 'knee', (0.088, 0.06), Part.BOTTOM, 1.0, none, none),
                ('knee', 'ankle', (0.058, 0.042), Part.BOTTOM, 1.0, none, none),
                ('ankle', 'foot', (0.04, 0.036), Part.SHOES, 1.2, (0.0, 0.04 - _ANKLE_M, -0.03),
                 (0.0, 0.0, 0.05))):
            out.append(_Tube((f'{side}_{first}', start), (f'{side}_{last}', end), radii, part,
                             (f'{side}_{first}',), flat))
    return out


_TUBES = tuple(_tubes())
_TRUNK = SMPL24.indices('pelvis', 'spine1', 'left_collar', 'right_collar')     # begin its tubes
_LIMBS = SMPL24.indices(*(f'{side}_{joint}' for side in ('left', 'right') for joint in (
    'hip', 'knee', 'ankle', 'foot', 'shoulder', 'elbow', 'wrist', 'hand')))
_BONES = {'legs': 0.03, 'arms': 0.03, 'shoulders': 0.06, 'trunk': 0.03, 'feet': 0.05, 'neck': 0.1}
MEANING = ('stature', 'girth of the trunk', 'girth of the limbs', 'head', *_BONES)


def cylinder_character(seed: int = 0, offsets: Floats = TYPICAL_OFFSETS) -> Character:
    """A Cylinder Man in colours by seed, with the bones (24, 3) [m] given."""
    offsets = np.array(offsets, np.float64)
    offsets[0] = 0
    turns = np.tile(np.eye(3), (len(offsets), 1, 1))
    joints, _ = forward(turns, np.zeros(3), offsets)
    soles = joints[SMPL24.indices('left_ankle', 'right_ankle'), 1].mean() - _ANKLE_M
    pieces = [_piece(tube, joints, soles) for tube in _TUBES]
    rest = np.concatenate([piece[0] for piece in pieces]).astype(np.float32)
    first = np.cumsum([0, *(len(piece[0]) for piece in pieces)])
    faces = np.concatenate([_FACES + start for start in first[:-1]]).astype(np.int32)
    bones, weights = (np.concatenate([piece[index] for piece in pieces]) for index in (1, 2))
    return Character(
        name=f'cylinder_man/{seed}', offsets=offsets, rest_turns=turns, rest_vertices=rest,
        rest_normals=vertex_normals(rest, faces, welded(rest)), bones=bones,
        bone_weights=weights.astype(np.float32), faces=faces,
        uv=np.concatenate([_UV + _cell(number) for number in range(len(_TUBES))]),
        texture=_texture(default_rng(seed)), body_points=marks(),
        part=np.repeat([np.uint8(tube.part) for tube in _TUBES], np.diff(first)))


def cylinder_model() -> BodyModel:
    """The Cylinder Man in the format of SMPL."""
    man = cylinder_character()
    skin, joints, weights = man.rest_vertices, man.rest_joints, man.weights
    trunk, limbs, head = (np.isin(man.bones[:, 0], joints)[:, None] for joints in (
        _TRUNK, _LIMBS, SMPL24.index('head')))
    centre = joints[SMPL24.index('head')]
    still = np.zeros_like(joints)
    changes = [(0.04 * skin, 0.04 * joints), (0.015 * man.rest_normals * trunk, still),
               (0.006 * man.rest_normals * limbs, still), (0.05 * (skin - centre) * head, still)]
    changes += [stretched(skin, joints, weights, name, share) for name, share in _BONES.items()]
    vertices, places = (np.stack([rest, *moved], -1) for rest, moved in
                        zip((skin, joints), zip(*changes)))
    return BodyModel(
        name='cylinder', template=skin, shapes=vertices[..., 1:].astype(np.float32),
        corrections=np.zeros((len(skin), 3, 0), np.float32), weights=weights, faces=man.faces,
        regressor=regressor_of(places, vertices).astype(np.float32),
        points=np.zeros((len(man.body_points), len(skin)), np.float32), meaning=MEANING)


def _piece(tube: _Tube, joints: Floats, soles: float) -> tuple[Floats, Ints, Floats]:
    """Vertices (N, 3) [m], carriers (N, 4) and their weights (N, 4) of a tube."""
    start, end = (joints[SMPL24.index(joint)] + away for joint, away in (tube.start, tube.end))
    if tube.part is Part.SHOES:                # lies on the floor
        start[1], end[1] = soles + tube.radii[0], soles + tube.radii[1]
    length = np.linalg.norm(end - start)
    along = (end - start) / length
    wide = np.cross(_UP, along) if abs(along[1]) < 0.7 else np.cross(along, _AHEAD)
    if tube.part is Part.SKIN and tube.flat < 1:
        wide = _AHEAD                          # a hand: thin from back to palm
    wide = wide - (wide @ along) * along
    wide /= np.linalg.norm(wide)
    share, profile, bulge = _PROFILE
    radius = profile * (tube.radii[0] + np.clip(share, 0, 1) * (tube.radii[1] - tube.radii[0]))
    height = share * length + bulge * np.where(share < 0.5, *tube.radii)
    turn = 2 * np.pi * np.arange(_AROUND + 1) / _AROUND
    circle = (np.cos(turn)[:, None] * wide
              + tube.flat * np.sin(turn)[:, None] * np.cross(wide, along))   # (A+1, 3)
    rings = start + height[:, None, None] * along + radius[:, None, None] * circle
    carriers = SMPL24.indices(*tube.carriers)
    towards = (joints[carriers] - start) @ along / length
    weights = np.zeros((len(share), 4))
    for ring, at in enumerate(share):
        weights[ring, :len(carriers)] = _between(float(at), towards)
    bones = np.zeros((len(share), 4), np.uint8)
    bones[:, :len(carriers)] = carriers
    return (rings.reshape(-1, 3), np.repeat(bones, _AROUND + 1, 0),
            np.repeat(weights, _AROUND + 1, 0))


def _between(at: float, places: Floats) -> Floats:
    """Weights of ordered places by linear interpolation at one of them or between two."""
    return np.array([np.interp(at, places, row) for row in np.eye(len(places))])


def _profile() -> tuple[Floats, Floats, Floats]:
    """Of each ring: share of the length, share of the radius, bulge beyond the end in radii."""
    cap = np.linspace(0, np.pi / 2, _CAP + 1)
    share = np.concatenate([np.zeros(_CAP), np.linspace(0, 1, _ALONG), np.ones(_CAP)])
    radius = np.concatenate([np.sin(cap[:-1]), np.ones(_ALONG), np.cos(cap[1:])])
    bulge = np.concatenate([-np.cos(cap[:-1]), np.zeros(_ALONG), np.sin(cap[1:])])
    return share, radius, bulge


_PROFILE = _profile()


def _grid() -> tuple[Ints, Floats]:
    """Faces of the rings of one tube (F, 3), and their places in a cell of the texture."""
    rings = len(_PROFILE[0])
    ring, step = np.mgrid[:rings - 1, :_AROUND]
    a = (ring * (_AROUND + 1) + step).ravel()
    b, c, d = a + 1, a + _AROUND + 1, a + _AROUND + 2
    faces = np.concatenate([np.stack([a, c, b], -1), np.stack([b, c, d], -1)])
    v, u = np.meshgrid(np.linspace(0.06, 0.94, rings), np.linspace(0.06, 0.94, _AROUND + 1),
                       indexing='ij')
    return faces, (np.stack([u, v], -1).reshape(-1, 2) / _COLUMNS).astype(np.float32)


_FACES, _UV = _grid()


def _cell(number: int) -> Floats:
    """Lower left corner of a tube's cell in the texture, (2,)."""
    row, column = divmod(number, _COLUMNS)
    return np.array([column, row], np.float32) / _COLUMNS


def _texture(rng: Generator) -> Image:
    """Plain colours with stripes and noise; the lowest row of cells is the last of the image."""
    size = _CELL_PX * _COLUMNS
    out = np.zeros((size, size, 3))
    colours = {part: rng.uniform(30, 220, 3) for part in Part}
    colours[Part.SKIN] = np.array([224, 172, 140]) * rng.uniform(0.35, 1.05)
    stripes = {part: rng.uniform(0.75, 1.3) for part in (Part.TOP, Part.BOTTOM)}
    for number, tube in enumerate(_TUBES):
        row, column = divmod(number, _COLUMNS)
        cell = np.tile(colours[tube.part], (_CELL_PX, _CELL_PX, 1))
        cell[(np.arange(_CELL_PX) // 8) % 2 == 0] *= stripes.get(tube.part, 1.0)
        if tube.carriers == ('head',):
            _draw_face(cell, colours[Part.HAIR])
        top = size - (row + 1) * _CELL_PX
        out[top: top + _CELL_PX, column * _CELL_PX: (column + 1) * _CELL_PX] = cell[::-1]
    out += rng.normal(0, 6, out.shape[:2])[..., None]
    return np.clip(out, 0, 255).astype(np.uint8)


def _draw_face(cell: Floats, hair: Floats) -> None:
    """Hair above and behind, eyes and mouth in front, where the tube of the head is forward."""
    up, around = np.mgrid[:_CELL_PX, :_CELL_PX] / _CELL_PX
    aside = (around - 0.06) / 0.88 * 2 * np.pi - _FORWARD
    aside = (aside + np.pi) % (2 * np.pi) - np.pi              # 0: forward
    cell[(up > 0.72) | ((np.cos(aside) < 0.1) & (up > 0.35))] = hair
    for side in (-0.35, 0.35):
        cell[np.hypot(aside - side, (up - 0.55) * 6) < 0.14] = 25
    cell[(np.abs(aside) < 0.3) & (np.abs(up - 0.36) < 0.02)] *= 0.6
