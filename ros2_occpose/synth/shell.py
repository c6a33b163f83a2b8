"""What a room is clad with, and what hangs on its walls: doors, windows, pictures, lamps."""
from __future__ import annotations

import numpy as np
from numpy.random import Generator

from ..types import Floats
from .furniture import WOODS, Colour, draw_colour
from .solids import Solid
from .textures import Material

_FLOORS: tuple[tuple[str, Colour, Colour, float, float], ...] = (
    ('planks', (0.66, 0.48, 0.31), (0.42, 0.27, 0.15), 1.2, 0.35),
    ('planks', (0.80, 0.70, 0.55), (0.62, 0.50, 0.36), 1.2, 0.25),
    ('planks', (0.38, 0.26, 0.18), (0.22, 0.14, 0.09), 1.2, 0.35),
    ('tiles', (0.80, 0.78, 0.74), (0.50, 0.48, 0.46), 1.6, 0.45),
    ('tiles', (0.42, 0.42, 0.44), (0.25, 0.25, 0.26), 2.4, 0.45),
    ('checker', (0.85, 0.84, 0.80), (0.25, 0.25, 0.27), 2.0, 0.45),
    ('carpet', (0.42, 0.44, 0.50), (0.25, 0.27, 0.33), 0.8, 0.0),
    ('carpet', (0.58, 0.50, 0.42), (0.38, 0.30, 0.24), 0.8, 0.0),
    ('concrete', (0.62, 0.61, 0.59), (0.45, 0.44, 0.42), 3.0, 0.15))
_WALLS: tuple[tuple[str, Colour], ...] = (
    ('plaster', (0.90, 0.88, 0.83)), ('plaster', (0.84, 0.86, 0.88)),
    ('plaster', (0.87, 0.80, 0.66)), ('plaster', (0.68, 0.76, 0.72)),
    ('plaster', (0.62, 0.68, 0.78)), ('plaster', (0.78, 0.62, 0.55)),
    ('stripes', (0.84, 0.80, 0.70)), ('bricks', (0.62, 0.36, 0.28)),
    ('concrete', (0.72, 0.72, 0.71)))
_GAP_M = 0.25                   # between what hangs on a wall


def draw_surfaces(rng: Generator) -> tuple[Material, Material, Material]:
    """Floor, walls and ceiling."""
    pattern, first, second, scale_m, gloss = _FLOORS[rng.integers(len(_FLOORS))]
    floor = Material(pattern, first, second, int(rng.integers(2 ** 31)), scale_m, gloss)
    pattern, colour = _WALLS[rng.integers(len(_WALLS))]
    red, green, blue = (0.93 * np.array(colour)).tolist()
    walls = Material(pattern, colour, (red, green, blue), int(rng.integers(2 ** 31)),
                     1.6 if pattern == 'bricks' else 2.5)
    return floor, walls, Material('plaster', (0.93, 0.93, 0.92), scale_m=3.0)


def draw_hangings(rng: Generator, size: tuple[float, float], height: float,
                  walls: Material) -> tuple[list[Solid], list[tuple[Floats, Floats]]]:
    """What is fixed to the walls; and of each window its middle and its direction inward (3,)."""
    out: list[Solid] = []
    windows: list[tuple[Floats, Floats]] = []
    skirting = Material('plain', draw_colour(rng, 0.3, 0.95), gloss=0.3)
    for wall in range(4):
        yaw = wall * np.pi / 2
        inward = np.array([-np.sin(yaw), np.cos(yaw), 0.0])
        along = np.array([np.cos(yaw), np.sin(yaw), 0.0])
        foot = -inward * float(np.abs(inward[:2]) @ np.array(size) / 2)
        length = float(np.abs(along[:2]) @ np.array(size))
        out.append(_fixed(foot, inward, yaw, (length, 0.02, 0.09), 0.045, skirting))
        at = -length / 2 + float(rng.uniform(0.3, 1.0))
        while at < length / 2 - 0.8:
            kind = ('door', 'window', 'picture', 'picture', 'nothing')[rng.integers(5)]
            wide = float(rng.uniform(*{'door': (0.85, 1.0), 'window': (0.9, 2.0)}.get(
                kind, (0.4, 1.1))))
            if at + wide > length / 2 - 0.3:
                break
            middle = foot + along * (at + wide / 2)
            out += _hanging(rng, kind, middle, inward, yaw, wide, height)
            if kind == 'window':
                windows.append((middle + np.array([0, 0, 1.6]), inward))
            at += wide + _GAP_M + float(rng.uniform(0, 1.0))
    return [*out, *_lamps(rng, size, height)], windows


def _hanging(rng: Generator, kind: str, middle: Floats, inward: Floats, yaw: float, wide: float,
             height: float) -> list[Solid]:
    seed = int(rng.integers(2 ** 31))
    frame = Material('plain', draw_colour(rng, 0.3, 0.95), seed=seed, gloss=0.3)
    if kind == 'door':
        wood = Material('wood', *WOODS[rng.integers(len(WOODS))], seed, 2.0)
        if rng.random() < 0.5:
            wood = Material('plain', draw_colour(rng, 0.55, 0.95), seed=seed, gloss=0.3)
        tall = min(2.05, height - 0.2)
        return [_fixed(middle, inward, yaw, (wide + 0.14, 0.05, tall + 0.07), tall / 2 + 0.03,
                       frame),
                _fixed(middle, inward, yaw, (wide, 0.07, tall), tall / 2, wood, whole=True),
                _fixed(middle + 0.38 * wide * np.array([np.cos(yaw), np.sin(yaw), 0]), inward,
                       yaw, (0.12, 0.2, 0.03), 1.05, Material('plain', (0.6, 0.6, 0.6), gloss=1))]
    if kind == 'window':
        tall = min(float(rng.uniform(1.1, 1.5)), height - 1.1)
        level = 0.85 + tall / 2
        view = Material('view', (0.75, 0.87, 1.0), draw_colour(rng, 0.2, 0.5), seed,
                        glow=float(rng.uniform(0.8, 1.8)))
        return [_fixed(middle, inward, yaw, (wide + 0.16, 0.06, tall + 0.16), level, frame),
                _fixed(middle, inward, yaw, (wide, 0.08, tall), level, view, whole=True),
                _fixed(middle, inward, yaw, (wide + 0.2, 0.4, 0.04), 0.8, frame)]
    if kind == 'picture':
        tall = float(rng.uniform(0.35, 1.0))
        sheet = Material('picture', draw_colour(rng), draw_colour(rng), seed, gloss=0.2)
        return [_fixed(middle, inward, yaw, (wide, 0.05, tall), float(rng.uniform(1.4, 1.7)),
                       sheet, whole=True)]
    return []


def _lamps(rng: Generator, size: tuple[float, float], height: float) -> list[Solid]:
    """Bright panels in the ceiling; they only look like where the light comes from."""
    glow = Material('plain', (1.0, 1.0, 0.97), glow=2.5)
    count = int(rng.integers(1, 4))
    wide, deep = float(rng.uniform(0.3, 0.6)), float(rng.uniform(0.3, 1.3))
    return [Solid('box', (wide, deep, 0.04),
                  (float(size[0] * ((i + 0.5) / count - 0.5)), 0.0, height - 0.02), glow)
            for i in range(count)]


def _fixed(middle: Floats, inward: Floats, yaw: float, size: tuple[float, float, float],
           level: float, material: Material, *, whole: bool = False) -> Solid:
    """A box half sunk into a wall, its middle at some level over the floor."""
    return Solid('box', size, (float(middle[0]), float(middle[1]), level), material,
                 (yaw, 0.0, 0.0), whole)
