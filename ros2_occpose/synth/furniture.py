"""Tables, shelves, pillars, boxes, chairs, plants: each kind a few solids, from a seed."""
from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.random import Generator

from ..errors import ConfigError
from .piece import Piece
from .solids import Solid
from .textures import Material

Colour = tuple[float, float, float]

WOODS: tuple[tuple[Colour, Colour], ...] = (
    ((0.72, 0.55, 0.36), (0.50, 0.34, 0.18)), ((0.45, 0.28, 0.15), (0.25, 0.14, 0.07)),
    ((0.85, 0.75, 0.58), (0.68, 0.55, 0.38)), ((0.30, 0.20, 0.14), (0.14, 0.09, 0.06)))
_PAINTS: tuple[Colour, ...] = ((0.90, 0.90, 0.88), (0.20, 0.22, 0.24), (0.35, 0.45, 0.50),
                               (0.65, 0.25, 0.20), (0.25, 0.40, 0.30), (0.80, 0.72, 0.55))


def draw_piece(kind: str, rng: Generator, size: tuple[float, float, float] | None = None,
               position: tuple[float, float] = (0.0, 0.0), yaw: float = 0.0) -> Piece:
    """A piece of furniture.

    Args:
        kind: One of KINDS.
        rng: Source of randomness.
        size: Width, depth, height [m]; drawn when None.
        position: Of its middle on the floor [m].
        yaw: Its turn about the vertical [rad].

    Raises:
        ConfigError: The kind is unknown.
    """
    if kind not in _MAKERS:
        raise ConfigError(f'Unknown furniture {kind!r}; expected one of {", ".join(KINDS)}.')
    low, high, maker, for_walls = _MAKERS[kind]
    wide, deep, tall = (float(x) for x in (size or rng.uniform(low, high)))
    if kind in _ROUND and size is None:
        deep = wide
    return Piece(kind, (wide, deep, tall), tuple(maker(rng, wide, deep, tall)), position, yaw,
                 for_walls)


def draw_colour(rng: Generator, low: float = 0.1, high: float = 0.9) -> Colour:
    """Any colour, most of them muted."""
    grey, hue = rng.uniform(low, high), rng.normal(0, 0.12, 3)
    red, green, blue = np.clip(grey + hue, 0.02, 0.98).tolist()
    return red, green, blue


def _wood(rng: Generator, scale_m: float = 1.0) -> Material:
    if rng.random() < 0.3:
        return Material('plain', _PAINTS[rng.integers(len(_PAINTS))], seed=_seed(rng), gloss=0.3,
                        scale_m=scale_m)
    first, second = WOODS[rng.integers(len(WOODS))]
    return Material('wood', first, second, _seed(rng), scale_m, gloss=float(rng.uniform(0, 0.5)))


def _seed(rng: Generator) -> int:
    return int(rng.integers(2 ** 31))


def _table(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    wood, top = _wood(rng), 0.04
    leg = float(rng.uniform(0.05, 0.08))
    shape = 'cylinder' if rng.random() < 0.4 else 'box'
    x, y = wide / 2 - leg, deep / 2 - leg
    legs = [Solid(shape, (leg, leg, tall - top), (sx * x, sy * y, (tall - top) / 2), wood)
            for sx in (-1, 1) for sy in (-1, 1)]
    board = Solid('box', (wide, deep, top), (0, 0, tall - top / 2), wood)
    return [*legs, board, *_things(rng, wide, deep, tall, int(rng.integers(0, 5)))]


def _things(rng: Generator, wide: float, deep: float, level: float, count: int,
            tallest: float = 0.35) -> list[Solid]:
    """Things that stand on a board at some level, within its extents and height."""
    out = []
    for _ in range(count):
        shape = ('box', 'box', 'cylinder', 'ball')[rng.integers(4)]
        side = float(rng.uniform(0.06, max(min(0.3, 0.6 * deep), 0.07)))
        rise = float(rng.uniform(0.05, tallest)) if shape != 'ball' else min(side, tallest)
        x = float(rng.uniform(-1, 1)) * max(wide / 2 - side, 0)
        y = float(rng.uniform(-1, 1)) * max(deep / 2 - side, 0)
        pattern = ('plain', 'stripes', 'picture', 'cloth')[rng.integers(4)]
        material = Material(pattern, draw_colour(rng), draw_colour(rng), _seed(rng), 0.3,
                            gloss=float(rng.uniform(0, 0.6)))
        out.append(Solid(shape, (side, side, rise), (x, y, level + rise / 2), material,
                         (float(rng.uniform(0, 3)), 0.0, 0.0), pattern == 'picture'))
    return out


def _shelf(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    """Sides, boards, sometimes a back; books and things on the boards."""
    wood, thick = _wood(rng), 0.025
    sides = [Solid('box', (thick, deep, tall), (s * (wide - thick) / 2, 0, tall / 2), wood)
             for s in (-1, 1)]
    count = max(round(tall / 0.38), 2)
    levels = np.linspace(0.08, tall - thick / 2, count)
    boards = [Solid('box', (wide - 2 * thick, deep, thick), (0, 0, float(z)), wood)
              for z in levels]
    out = sides + boards
    if rng.random() < 0.6:
        out.append(Solid('box', (wide, 0.012, tall), (0, -deep / 2 + 0.006, tall / 2), wood))
    for z, above in pairwise(levels):
        room = float(above - z) - 2 * thick
        if rng.random() < 0.65:
            part = float(rng.uniform(0.4, 0.95)) * (wide - 2 * thick)
            rise, back = room * float(rng.uniform(0.65, 0.95)), deep * 0.75
            x = float(rng.uniform(-1, 1)) * (wide - 2 * thick - part) / 2
            books = Material('spines', draw_colour(rng), draw_colour(rng), _seed(rng), 0.8)
            out.append(Solid('box', (part, back, rise),
                             (x, -deep / 2 + 0.02 + back / 2, float(z) + thick / 2 + rise / 2),
                             books, whole_texture=True))
        else:
            out += _things(rng, wide - 0.1, deep, float(z) + thick / 2, int(rng.integers(1, 5)),
                           max(0.8 * room, 0.06))
    return out


def _cupboard(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    wood, dark = _wood(rng), Material('plain', (0.15, 0.15, 0.15), gloss=0.6)
    out = [Solid('box', (wide, deep - 0.02, tall), (0, -0.01, tall / 2), wood)]
    doors = max(round(wide / 0.5), 1)
    for i in range(doors):
        door = wide / doors - 0.008
        x = (i + 0.5) * wide / doors - wide / 2
        out.append(Solid('box', (door, 0.018, tall - 0.06), (x, deep / 2 - 0.009, tall / 2), wood))
        out.append(Solid('cylinder', (0.02, 0.02, 0.12), (x + 0.35 * door * (-1) ** i,
                                                          deep / 2, 0.55 * tall), dark))
    return [*out, *_things(rng, wide, deep, tall, int(rng.integers(0, 3)), 0.3)]


def _pillar(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    pattern = ('plaster', 'concrete', 'bricks', 'tiles')[rng.integers(4)]
    grey = draw_colour(rng, 0.45, 0.9)
    stone = Material(pattern, grey, (0.6, 0.58, 0.55), _seed(rng), 1.5)
    shape = 'cylinder' if rng.random() < 0.4 else 'box'
    foot = Solid('box', (wide, deep, 0.1), (0, 0, 0.05), stone)
    return [foot, Solid(shape, (0.94 * wide, 0.94 * deep, tall), (0, 0, tall / 2), stone)]


def _boxes(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    """Cardboard boxes in a pile."""
    out, level = [], 0.0
    while tall - level > 0.08:
        rise = min(float(rng.uniform(0.25, 0.5)), tall - level)
        if tall - level - rise < 0.15:
            rise = tall - level
        tone = float(rng.uniform(0.8, 1.1))
        card = Material('cloth', (0.68 * tone, 0.52 * tone, 0.36 * tone), seed=_seed(rng),
                        scale_m=0.6)
        if rng.random() < 0.25:
            card = Material('stripes', draw_colour(rng), draw_colour(rng), _seed(rng), 0.5)
        shrink = float(rng.uniform(0.8, 0.97))
        out.append(Solid('box', (wide * shrink, deep * shrink, rise), (0, 0, level + rise / 2),
                         card, (float(rng.uniform(-0.04, 0.04)), 0.0, 0.0)))
        level += rise
    return out


def _chair(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    wood, leg, seat = _wood(rng), 0.035, 0.45
    cloth = Material('cloth', draw_colour(rng), seed=_seed(rng), scale_m=0.4)
    x, y = wide / 2 - leg, deep / 2 - leg
    out = [Solid('box', (leg, leg, seat), (sx * x, sy * y, seat / 2), wood)
           for sx in (-1, 1) for sy in (-1, 1)]
    out += [Solid('box', (leg, leg, tall - seat), (sx * x, -y, (tall + seat) / 2), wood)
            for sx in (-1, 1)]
    return [*out, Solid('box', (wide, deep, 0.05), (0, 0, seat), cloth),
            Solid('box', (wide - leg, 0.03, 0.3), (0, -y, tall - 0.15), cloth)]


def _sofa(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    cloth = Material('cloth', draw_colour(rng), seed=_seed(rng), scale_m=0.5)
    arm = 0.18
    out = [Solid('box', (wide, deep, 0.38), (0, 0, 0.22), cloth),
           Solid('box', (wide, 0.22, tall - 0.1), (0, -deep / 2 + 0.11, tall / 2 + 0.05), cloth)]
    out += [Solid('box', (arm, deep, 0.6), (s * (wide - arm) / 2, 0, 0.32), cloth)
            for s in (-1, 1)]
    cushion = Material('cloth', draw_colour(rng), seed=_seed(rng), scale_m=0.4)
    return [*out, *(Solid('ball', (0.5, 0.2, 0.4), (x * wide / 4, -deep / 2 + 0.35, 0.58), cushion,
                          (0.0, 0.0, 0.35)) for x in (-1, 1))]


def _plant(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    """A pot, a stem and leaves."""
    pot_m = min(0.35, 0.3 * tall)
    pot = Material('plain', draw_colour(rng), seed=_seed(rng), gloss=0.4)
    earth = Material('carpet', (0.2, 0.14, 0.1), (0.1, 0.07, 0.05), _seed(rng))
    out = [Solid('cylinder', (0.6 * wide, 0.6 * deep, pot_m), (0, 0, pot_m / 2), pot),
           Solid('cylinder', (0.55 * wide, 0.55 * deep, 0.02), (0, 0, pot_m), earth),
           Solid('cylinder', (0.03, 0.03, 0.6 * tall), (0, 0, 0.35 * tall), earth)]
    green = (0.14 + 0.1 * float(rng.random()), 0.36 + 0.15 * float(rng.random()), 0.12)
    leaf = Material('leaf', green, (0.45, 0.60, 0.25), _seed(rng), 0.3, gloss=0.3)
    for _ in range(int(rng.integers(14, 26))):
        around, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 0.86)
        out_m = rng.uniform(0.25, 0.55) * wide / 2
        length = rng.uniform(0.5, 0.85) * wide / 2
        out.append(Solid('ball', (2 * float(length), 0.4 * float(length), 0.015),
                         (float(out_m * np.cos(around)), float(out_m * np.sin(around)),
                          float(rise * tall)), leaf,
                         (float(around), float(rng.uniform(-0.9, 0.2)), 0.0)))
    return out


def _screen(rng: Generator, wide: float, deep: float, tall: float) -> list[Solid]:
    """A folding screen or partition, or a notice board on feet."""
    pattern = ('cloth', 'picture', 'stripes', 'plain')[rng.integers(4)]
    sheet = Material(pattern, draw_colour(rng), draw_colour(rng), _seed(rng), 0.8)
    wood, gap = _wood(rng), float(rng.uniform(0.05, 0.25))
    out = [Solid('box', (wide - 0.08, 0.03, tall - gap), (0, 0, gap + (tall - gap) / 2), sheet,
                 whole_texture=pattern == 'picture')]
    out += [Solid('box', (0.04, 0.04, tall), (s * (wide - 0.04) / 2, 0, tall / 2), wood)
            for s in (-1, 1)]
    return [*out, *(Solid('box', (0.05, deep, 0.04), (s * (wide - 0.05) / 2, 0, 0.02), wood)
                    for s in (-1, 1))]


# kind -> least and greatest width, depth, height [m], how it is made, whether it is for walls
_MAKERS = {
    'table': ((0.9, 0.6, 0.70), (1.9, 1.0, 0.80), _table, False),
    'shelf': ((0.7, 0.28, 1.2), (1.6, 0.42, 2.1), _shelf, True),
    'pillar': ((0.3, 0.3, 2.4), (0.55, 0.55, 2.5), _pillar, False),
    'boxes': ((0.4, 0.4, 0.5), (0.9, 0.8, 1.5), _boxes, False),
    'cupboard': ((0.6, 0.4, 0.8), (1.5, 0.6, 2.0), _cupboard, True),
    'chair': ((0.42, 0.42, 0.8), (0.5, 0.5, 1.0), _chair, False),
    'sofa': ((1.5, 0.8, 0.75), (2.2, 1.0, 0.9), _sofa, True),
    'plant': ((0.6, 0.6, 0.9), (1.1, 1.1, 1.8), _plant, False),
    'screen': ((0.9, 0.4, 1.3), (1.7, 0.5, 1.9), _screen, False),
}
_ROUND = ('plant', 'pillar')
KINDS = tuple(_MAKERS)
