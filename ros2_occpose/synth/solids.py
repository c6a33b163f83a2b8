"""Boxes, cylinders and balls: what furniture is made of, as triangles with texture coordinates."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..geometry import transform
from ..types import Floats, Ints
from .textures import Material

SHAPES = ('box', 'cylinder', 'ball')
_ROUND = 24                     # facets around a cylinder
_RINGS = 12                     # facets of a ball from pole to pole


@dataclass(frozen=True)
class Solid:
    """One convex part of a piece of furniture.

    The shape fills its `size`: a cylinder stands along z, a ball is an ellipsoid.
    """

    shape: str                                  # one of SHAPES
    size: tuple[float, float, float]            # m along its own axes
    centre: tuple[float, float, float]          # m, in the axes of the piece
    material: Material
    turn: tuple[float, float, float] = (0.0, 0.0, 0.0)   # rad about z, then its y, then its x
    whole_texture: bool = False                 # one copy on each side of a box, else by metres


@dataclass(frozen=True)
class Mesh:
    """Triangles of several materials; every triangle has its own three corners."""

    corners: Floats         # (F, 3, 3) m
    normals: Floats         # (F, 3, 3) unit
    uv: Floats              # (F, 3, 2) in copies of the texture
    materials: tuple[Material, ...]
    material: Ints          # (F,) index into the materials

    def __len__(self) -> int:
        return len(self.corners)

    @staticmethod
    def joined(meshes: list[Mesh]) -> Mesh:
        """All of them as one."""
        materials = tuple(dict.fromkeys(m for mesh in meshes for m in mesh.materials))
        index = {material: i for i, material in enumerate(materials)}
        return Mesh(np.concatenate([m.corners for m in meshes]),
                    np.concatenate([m.normals for m in meshes]),
                    np.concatenate([m.uv for m in meshes]), materials,
                    np.concatenate([np.array([index[x] for x in m.materials], int)[m.material]
                                    for m in meshes]))

    def moved(self, a_from_b: Floats) -> Mesh:
        """The mesh of frame b in frame a, by a rigid (4, 4)."""
        return Mesh(transform(a_from_b, self.corners), self.normals @ a_from_b[:3, :3].T,
                    self.uv, self.materials, self.material)


def mesh_of(solid: Solid) -> Mesh:
    """The surface of a solid, in the axes of the piece that it belongs to."""
    size = np.array(solid.size)
    corners, normals, uv = _unit(solid.shape)
    normals = normals / size
    normals = normals / np.linalg.norm(normals, axis=-1, keepdims=True)
    if not solid.whole_texture:
        uv = uv * _spans(solid.shape, size, normals)[:, None] / solid.material.scale_m
    mesh = Mesh(corners * size, normals, uv, (solid.material,), np.zeros(len(corners), int))
    return mesh.moved(piece_from_solid(solid))


def piece_from_solid(solid: Solid) -> Floats:
    """Where a solid is in its piece, (4, 4)."""
    out = np.eye(4)
    out[:3, :3] = turned(solid.turn)
    out[:3, 3] = solid.centre
    return out


def turned(turn: tuple[float, float, float]) -> Floats:
    """Rotation (3, 3) about z, then the new y, then the new x [rad]."""
    (cz, cy, cx), (sz, sy, sx) = np.cos(turn), np.sin(turn)
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    return np.asarray(about_z @ about_y @ about_x)


def _spans(shape: str, size: Floats, normals: Floats) -> Floats:
    """Metres that the texture coordinates 0..1 of each triangle span, (F, 2)."""
    if shape == 'box':
        across = np.abs(normals[:, 0]).argmax(-1)               # (F,)
        return np.stack([size[[1, 0, 0]][across], size[[2, 2, 1]][across]], -1)
    round_m = np.pi * (size[0] + size[1]) / 2
    return np.broadcast_to((round_m, size[2]), (len(normals), 2))


@cache
def _unit(shape: str) -> tuple[Floats, Floats, Floats]:
    """Corners, normals (F, 3, 3) and texture coordinates (F, 3, 2) of a shape of size 1."""
    return {'box': _box, 'cylinder': _cylinder, 'ball': _ball}[shape]()


def _box() -> tuple[Floats, Floats, Floats]:
    corners, normals, uv = [], [], []
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    for axis, sign in ((axis, sign) for axis in range(3) for sign in (-1.0, 1.0)):
        quad = np.full((4, 3), sign / 2)
        quad[:, [i for i in range(3) if i != axis]] = square - 0.5
        normal = np.zeros(3)
        normal[axis] = sign
        corners += [quad[[0, 1, 2]], quad[[0, 2, 3]]]
        uv += [square[[0, 1, 2]], square[[0, 2, 3]]]
        normals += [np.tile(normal, (3, 1))] * 2
    return np.array(corners), np.array(normals), np.array(uv)


def _cylinder() -> tuple[Floats, Floats, Floats]:
    share = np.arange(_ROUND + 1) / _ROUND
    rim = 0.5 * np.stack([np.cos(2 * np.pi * share), np.sin(2 * np.pi * share)], -1)   # (R+1, 2)
    low, high = np.insert(rim, 2, -0.5, -1), np.insert(rim, 2, 0.5, -1)
    out = np.insert(2 * rim, 2, 0.0, -1)
    grid = np.stack([low, high], 0), np.stack([out, out], 0)
    uv = np.stack([np.stack([share, np.zeros_like(share)], -1),
                   np.stack([share, np.ones_like(share)], -1)], 0)
    corners, normals, coordinates = _quads(*grid, uv)
    lids = [(np.stack([np.array([np.array([0, 0, z])] * _ROUND), ring[:-1], ring[1:]], 1),
             np.broadcast_to((0, 0, 2 * z), (_ROUND, 3, 3)),
             np.stack([np.zeros((_ROUND, 2)), rim[:-1], rim[1:]], 1) + 0.5)
            for z, ring in ((-0.5, low), (0.5, high))]
    return (np.concatenate([corners, *(lid[0] for lid in lids)]),
            np.concatenate([normals, *(lid[1] for lid in lids)]),
            np.concatenate([coordinates, *(lid[2] for lid in lids)]))


def _ball() -> tuple[Floats, Floats, Floats]:
    share = np.arange(_ROUND + 1) / _ROUND
    rise = np.linspace(-np.pi / 2, np.pi / 2, _RINGS + 1)[:, None]
    points = np.stack([np.cos(rise) * np.cos(2 * np.pi * share),
                       np.cos(rise) * np.sin(2 * np.pi * share),
                       np.sin(rise) * np.ones_like(share)], -1)                # (rings, R, 3)
    uv = np.stack([np.ones_like(rise) * share, (rise / np.pi + 0.5) * np.ones_like(share)], -1)
    return _quads(points / 2, points, uv)


def _quads(points: Floats, normals: Floats, uv: Floats) -> tuple[Floats, Floats, Floats]:
    """Triangles between neighbours of a grid (A, B, ...)."""
    def triangles(grid: Floats) -> Floats:
        a, b, c, d = grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:], grid[1:, :-1]
        both = np.stack([np.stack([a, b, c], 2), np.stack([a, c, d], 2)], 2)   # (A, B, 2, 3, .)
        return np.asarray(both.reshape(-1, 3, grid.shape[-1]))
    return triangles(points), triangles(normals), triangles(uv)
