"""A furnished room: floor, walls, pieces of furniture, lamps and windows, all from a seed.

World axes: z up, metres, the middle of the floor at the origin.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from ..errors import ConfigError
from ..types import Floats
from .furniture import KINDS, draw_piece
from .piece import Piece
from .shell import draw_hangings, draw_surfaces
from .solids import Mesh, Solid, mesh_of
from .textures import Material

SHADOWED_LIGHTS = 3             # at most; each costs a pass over the scene
_TRIES = 60                     # for a place where a piece of furniture fits


@dataclass(frozen=True)
class Light:
    """A lamp, or the light of a window: a cone with a soft edge."""

    position: tuple[float, float, float]        # m
    target: tuple[float, float, float]          # m, what it looks at
    power: tuple[float, float, float]           # RGB, linear: radiance on white at 1 m
    opening_deg: float = 150.0                  # of the whole cone
    size_m: float = 0.3                         # its radius: how soft its shadows are


@dataclass(frozen=True)
class Room:
    """What stands still in a rendered world.

    Raises:
        ConfigError: There is no light, or there are too many.
    """

    size: tuple[float, float]                   # m along x and y
    height: float                               # m
    floor: Material
    walls: Material
    ceiling: Material
    pieces: tuple[Piece, ...]
    hangings: tuple[Solid, ...]                 # pictures, doors, windows, lamps
    lights: tuple[Light, ...]
    ambient: tuple[float, float, float] = (0.3, 0.3, 0.3)   # RGB, linear: light from everywhere

    def __post_init__(self) -> None:
        if not 1 <= len(self.lights) <= SHADOWED_LIGHTS:
            raise ConfigError(f'Expected 1 to {SHADOWED_LIGHTS} lights in a room, got '
                              f'{len(self.lights)}.')

    def meshes(self) -> list[Mesh]:
        """The shell of the room, then each piece, in world axes."""
        shell = [_wall_mesh(self), *(mesh_of(solid) for solid in self.hangings)]
        return [Mesh.joined(shell), *(piece.mesh() for piece in self.pieces)]

    def is_free(self, point: Floats, margin: float = 0.0) -> bool:
        """Whether a point (2,) of the floor is farther than a margin [m] from walls and pieces."""
        inside = (np.abs(point) <= np.array(self.size) / 2 - margin).all()
        return bool(inside) and all(piece.distance(point) > margin for piece in self.pieces)


def draw_room(rng: Generator, *, size: tuple[float, float] | None = None,
              pieces: Sequence[Piece] = (), occluders: int = 6,
              keep_clear: Floats | None = None) -> Room:
    """A room with given pieces and others at random.

    Args:
        rng: Source of randomness.
        size: Of the floor [m]; drawn when None.
        pieces: Pieces that stand where the caller wants them.
        occluders: How many more are tried to be placed; those that find no place are left out.
        keep_clear: Discs of the floor that stay free, (N, 3): x, y, radius [m].

    Raises:
        ConfigError: The number of occluders is negative.
    """
    if occluders < 0:
        raise ConfigError(f'Expected 0 or more occluders, got {occluders}.')
    size = size or (float(rng.uniform(6.0, 10.0)), float(rng.uniform(6.0, 10.0)))
    height = float(rng.uniform(2.5, 3.4))
    clear = np.zeros((0, 3)) if keep_clear is None else np.asarray(keep_clear, float)
    placed = list(pieces)
    for _ in range(occluders):
        piece = _fitting_piece(rng, size, placed, clear)
        if piece is not None:
            placed.append(piece)
    floor, walls, ceiling = draw_surfaces(rng)
    hangings, windows = draw_hangings(rng, size, height, walls)
    return Room(size, height, floor, walls, ceiling, tuple(placed), tuple(hangings),
                tuple(_draw_lights(rng, size, height, windows)), _ambient(rng))


def _fitting_piece(rng: Generator, size: tuple[float, float], placed: list[Piece],
                   clear: Floats) -> Piece | None:
    """A piece at a free place, its back to a wall where it is one for walls; None: no place."""
    for _ in range(_TRIES):
        kind = KINDS[rng.integers(len(KINDS))]
        piece = draw_piece(kind, rng)
        half = np.array(size) / 2
        yaw = float(rng.uniform(-np.pi, np.pi))
        reach = piece.radius
        if (half < reach).any():
            continue
        position: Floats = rng.uniform(-half + reach, half - reach)
        if piece.for_walls and rng.random() < 0.7:
            position, yaw = _at_wall(rng, half, piece)
        piece = piece.placed((float(position[0]), float(position[1])), yaw)
        apart = all(piece.distance(other.footprint) > 0.1 and other.distance(piece.footprint) > 0.1
                    for other in placed)
        free = all(piece.distance(disc[:2]) > disc[2] for disc in clear)
        if apart and free:
            return piece
    return None


def _at_wall(rng: Generator, half: Floats, piece: Piece) -> tuple[Floats, float]:
    """A place (2,) with the back (-y) of a piece at one of the four walls, and its yaw."""
    wall = int(rng.integers(4))
    yaw = wall * np.pi / 2
    inward = np.array([-np.sin(yaw), np.cos(yaw)])
    along = np.array([np.cos(yaw), np.sin(yaw)])
    depth = np.abs(inward) @ half - piece.size[1] / 2 - 0.03
    free = max(np.abs(along) @ half - piece.size[0] / 2, 0.0)
    return -inward * depth + along * rng.uniform(-free, free), float(yaw)


def _draw_lights(rng: Generator, size: tuple[float, float], height: float,
                 windows: list[tuple[Floats, Floats]]) -> list[Light]:
    """One or two lamps under the ceiling, and the light of a window (middle, inward)."""
    warm = rng.uniform(0, 1)
    tint = (1 - warm) * np.array([0.95, 0.98, 1.05]) + warm * np.array([1.12, 0.98, 0.80])
    lamps = int(rng.integers(1, 3))
    strength = rng.uniform(0.6, 1.1) * height ** 2 / lamps
    out = []
    for i in range(lamps):
        x = size[0] * ((i + 0.5) / lamps - 0.5) * rng.uniform(0.7, 1.0)
        y = size[1] * rng.uniform(-0.2, 0.2)
        red, green, blue = (strength * tint).tolist()
        out.append(Light((float(x), float(y), height - 0.1), (float(x), float(y), 0.0),
                         (red, green, blue), 165.0, float(rng.uniform(0.1, 0.5))))
    if windows and rng.random() < 0.7:
        middle, inward = windows[0]
        start = middle - 0.5 * inward
        end = middle + 3 * inward - (0, 0, 1.6)
        red, green, blue = (rng.uniform(3, 9) * np.array([0.92, 0.98, 1.1])).tolist()
        out.append(Light((float(start[0]), float(start[1]), float(start[2])),
                         (float(end[0]), float(end[1]), float(end[2])), (red, green, blue),
                         120.0, 0.6))
    return out


def _ambient(rng: Generator) -> tuple[float, float, float]:
    red, green, blue = (rng.uniform(0.08, 0.2) * rng.uniform(0.94, 1.06, 3)).tolist()
    return red, green, blue


def _wall_mesh(room: Room) -> Mesh:
    """Floor, ceiling and four walls, seen from within."""
    x, y, h = room.size[0] / 2, room.size[1] / 2, room.height
    low = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0]])
    high = low + np.array([0, 0, h])
    faces = [(room.floor, low), (room.ceiling, high)]
    faces += [(room.walls, np.array([low[i], low[(i + 1) % 4], high[(i + 1) % 4], high[i]]))
              for i in range(4)]
    meshes = []
    for material, quad in faces:
        side, up = quad[1] - quad[0], quad[3] - quad[0]
        normal = np.cross(side, up) / (np.linalg.norm(side) * np.linalg.norm(up))
        normal = normal * np.sign((np.array([0, 0, h / 2]) - quad.mean(0)) @ normal)
        uv = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * (np.linalg.norm(side),
                                                          np.linalg.norm(up)) / material.scale_m
        corners = np.stack([quad[[0, 1, 2]], quad[[0, 2, 3]]])
        meshes.append(Mesh(corners, np.broadcast_to(normal, (2, 3, 3)),
                           np.stack([uv[[0, 1, 2]], uv[[0, 2, 3]]]), (material,),
                           np.zeros(2, int)))
    return Mesh.joined(meshes)
