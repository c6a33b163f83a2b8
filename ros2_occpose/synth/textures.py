"""Surfaces painted by code: wood, tiles, carpet, plaster, cloth, pictures; all from a seed."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from ..errors import ConfigError
from ..types import Floats, Image

SIZE = 512                      # px of a texture's side


@dataclass(frozen=True)
class Material:
    """What a surface looks like."""

    pattern: str                                # a key of PATTERNS
    colour: tuple[float, float, float]          # RGB as on a screen, 0..1
    second: tuple[float, float, float] = (0.5, 0.5, 0.5)   # of joints, spots, the second tone
    seed: int = 0
    scale_m: float = 1.0                        # side of one copy of the texture
    gloss: float = 0.0                          # 0 dull .. 1 lacquer
    glow: float = 0.0                           # of its own light, in units of a white wall's

    def __post_init__(self) -> None:
        if self.pattern not in PATTERNS:
            raise ConfigError(f'Unknown pattern {self.pattern!r}; expected one of '
                              f'{", ".join(PATTERNS)}.')


def paint(material: Material) -> Image:
    """The texture of a material, (SIZE, SIZE, 3) RGB; left and right, top and bottom fit."""
    rng = np.random.default_rng((material.seed, *material.pattern.encode()))
    picture = PATTERNS[material.pattern](rng, np.array(material.colour),
                                         np.array(material.second))
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)


def clouds(rng: Generator, cells: int = 4, octaves: int = 5, stretch: int = 1) -> Floats:
    """Smooth noise that tiles, (SIZE, SIZE), mean about 0, std about 1.

    Args:
        rng: Source of randomness.
        cells: Of the coarsest octave along the side.
        octaves: Each twice as fine and half as strong.
        stretch: How many times longer than wide its features are, along x.
    """
    out = np.zeros((SIZE, SIZE))
    for octave in range(octaves):
        rows = min(cells * 2 ** octave * stretch, SIZE)
        columns = min(cells * 2 ** octave, SIZE)
        grid = np.pad(rng.normal(size=(rows, columns)), 2, mode='wrap')
        fx, fy = SIZE / columns, SIZE / rows
        x, y = np.meshgrid((np.arange(SIZE) + 0.5) / fx + 1.5, (np.arange(SIZE) + 0.5) / fy + 1.5)
        out += 0.5 ** octave * cv2.remap(grid.astype(np.float32), x.astype(np.float32),
                                         y.astype(np.float32), cv2.INTER_CUBIC)
    return np.asarray((out - out.mean()) / (out.std() + 1e-9))


def _mixed(share: Floats, first: Floats, second: Floats) -> Floats:
    share = np.clip(share, 0, 1)[..., None]
    return np.asarray(first * (1 - share) + second * share)


def _plain(rng: Generator, colour: Floats, second: Floats) -> Floats:
    return np.asarray(colour * (1 + 0.015 * clouds(rng, 4, 3))[..., None])


def _plaster(rng: Generator, colour: Floats, second: Floats) -> Floats:
    stains = 0.008 * clouds(rng, 2, 3) + 0.012 * clouds(rng, 64, 3)
    return np.asarray(colour * (1 + stains)[..., None])


def _planks(rng: Generator, colour: Floats, second: Floats) -> Floats:
    """Boards along x, each of its own tone, butted at its own place."""
    boards = 6
    row = np.arange(SIZE) * boards // SIZE
    shift = rng.integers(0, SIZE, boards)[row]
    along = (np.arange(SIZE)[None] + shift[:, None]) % SIZE                    # (SIZE, SIZE)
    tone = rng.normal(0, 1, (boards, 2))[row[:, None], along * 2 // SIZE]
    grain = np.take_along_axis(clouds(rng, 3, 5, stretch=8), along, 1)
    share = 0.35 + 0.16 * tone + 0.13 * grain
    picture = _mixed(share, colour, second)
    edge = np.minimum(np.arange(SIZE) % (SIZE / boards), 4)[:, None] < 1.5
    butt = np.minimum(along % (SIZE // 2), 4) < 1.5
    return np.asarray(picture * np.where(edge | butt, 0.55, 1.0)[..., None])


def _wood(rng: Generator, colour: Floats, second: Floats) -> Floats:
    bent = clouds(rng, 2, 4, stretch=6) + 0.5 * clouds(rng, 8, 3, stretch=16)
    return _mixed(0.4 + 0.22 * bent, colour, second)


def _tiles(rng: Generator, colour: Floats, second: Floats) -> Floats:
    """Four by four tiles; `second` is the joint."""
    count, pitch = 4, SIZE // 4
    cell = np.arange(SIZE) // pitch
    tone = rng.normal(0, 0.03, (count, count))[cell[:, None], cell[None]]
    picture = colour * (1 + tone + 0.03 * clouds(rng, 6, 4))[..., None]
    inside = np.minimum(np.arange(SIZE) % pitch, pitch - 1 - np.arange(SIZE) % pitch)
    joint = np.minimum(inside[:, None], inside[None]) < 2
    return np.where(joint[..., None], second, picture)


def _checker(rng: Generator, colour: Floats, second: Floats) -> Floats:
    cell = np.arange(SIZE) * 4 // SIZE
    odd = ((cell[:, None] + cell[None]) % 2).astype(float)
    return np.asarray(_mixed(odd, colour, second) * (1 + 0.04 * clouds(rng, 4, 5))[..., None])


def _carpet(rng: Generator, colour: Floats, second: Floats) -> Floats:
    fibres = rng.normal(0, 1, (SIZE, SIZE))
    matted = cv2.GaussianBlur(fibres, (0, 0), 0.8, borderType=cv2.BORDER_REFLECT)
    return _mixed(0.3 + 0.35 * matted + 0.06 * clouds(rng, 3, 4), colour, second)


def _concrete(rng: Generator, colour: Floats, second: Floats) -> Floats:
    return _mixed(0.35 + 0.14 * clouds(rng, 2, 6) + 0.05 * clouds(rng, 64, 3), colour, second)


def _bricks(rng: Generator, colour: Floats, second: Floats) -> Floats:
    rows, columns = 8, 4
    row = np.arange(SIZE) * rows // SIZE
    along = (np.arange(SIZE)[None] + (row % 2 * SIZE // columns // 2)[:, None]) % SIZE
    tone = rng.normal(0, 0.1, (rows, columns))[row[:, None], along * columns // SIZE]
    picture = colour * (1 + tone + 0.07 * clouds(rng, 16, 4))[..., None]
    joint = ((np.arange(SIZE) % (SIZE // rows) < 5)[:, None]
             | (along % (SIZE // columns) < 5))
    return np.where(joint[..., None], second, picture)


def _stripes(rng: Generator, colour: Floats, second: Floats) -> Floats:
    wave = np.sin(2 * np.pi * np.arange(SIZE) / SIZE * rng.integers(4, 12))
    share = np.broadcast_to(0.5 + 4 * wave, (SIZE, SIZE))
    return np.asarray(_mixed(share, colour, second) * (1 + 0.03 * clouds(rng, 8, 4))[..., None])


def _cloth(rng: Generator, colour: Floats, second: Floats) -> Floats:
    weave = np.sin(np.arange(SIZE) * np.pi / 2)
    threads = 0.04 * (weave[:, None] + weave[None]) + 0.05 * clouds(rng, 3, 5)
    return np.asarray(colour * (1 + threads)[..., None])


def _spines(rng: Generator, colour: Floats, second: Floats) -> Floats:
    """The backs of books, or of boxes, side by side."""
    picture = np.zeros((SIZE, SIZE, 3))
    left = 0
    while left < SIZE:
        right = min(left + int(rng.integers(14, 42)), SIZE)
        tone = _mixed(rng.uniform(0, 1, (1, 1)), colour, second)[0, 0]
        tone = np.clip(tone + rng.normal(0, 0.18, 3), 0.03, 0.95)
        picture[:, left:right] = tone
        for band in rng.integers(20, SIZE - 60, rng.integers(1, 4)):
            picture[band:band + rng.integers(4, 40), left + 2:right - 2] = rng.uniform(0, 1, 3)
        picture[:, left:left + 2] *= 0.35
        picture[:rng.integers(0, 90), left:right] = 0.04
        left = right
    return picture


def _picture(rng: Generator, colour: Floats, second: Floats) -> Floats:
    """A poster or painting: a ground, and shapes on it, in a frame."""
    share = np.linspace(0, 1, SIZE)[:, None] + 0.15 * clouds(rng, 2, 4)
    canvas = np.ascontiguousarray(_mixed(share, colour, second))
    for _ in range(rng.integers(3, 12)):
        tone = tuple(float(x) for x in rng.uniform(0.05, 0.95, 3))
        x, y = (int(v) for v in rng.integers(40, SIZE - 40, 2))
        wide, high = (int(v) for v in rng.integers(12, 160, 2))
        if rng.random() < 0.5:
            cv2.rectangle(canvas, (x - wide, y - high // 3), (x + wide, y + high // 3), tone, -1)
        else:
            cv2.ellipse(canvas, (x, y), (wide, high), float(rng.uniform(0, 180)), 0, 360, tone,
                        -1, cv2.LINE_AA)
    canvas *= (1 + 0.08 * clouds(rng, 8, 5))[..., None]
    border = int(rng.integers(8, 34))
    framed = np.tile(second * 0.4, (SIZE, SIZE, 1))
    framed[border:-border, border:-border] = canvas[border:-border, border:-border]
    return framed


def _view(rng: Generator, colour: Floats, second: Floats) -> Floats:
    """What a window shows: bright sky, something darker below, bars."""
    horizon = SIZE * rng.uniform(0.45, 0.75)
    line = horizon + 18 * clouds(rng, 4, 4)[0]
    y = np.arange(SIZE)[:, None]
    sky = _mixed(0.3 + 0.2 * clouds(rng, 2, 4), np.array([1.0, 1.0, 1.0]), colour)
    ground = _mixed(0.5 + 0.25 * clouds(rng, 8, 5), second, second * 0.5)
    picture = np.where((y < line[None])[..., None], sky, ground)
    bar = np.minimum(np.arange(SIZE) % (SIZE // 2), SIZE // 2 - np.arange(SIZE) % (SIZE // 2)) < 9
    return np.where((bar[:, None] | bar[None])[..., None], 0.75, picture)


def _leaf(rng: Generator, colour: Floats, second: Floats) -> Floats:
    veins = np.abs(np.sin(np.linspace(0, 9 * np.pi, SIZE)))[:, None] ** 6
    return _mixed(0.4 * veins + 0.2 + 0.15 * clouds(rng, 4, 4), colour, second)


PATTERNS: dict[str, Callable[[Generator, Floats, Floats], Floats]] = {
    'plain': _plain, 'plaster': _plaster, 'planks': _planks, 'wood': _wood, 'tiles': _tiles,
    'checker': _checker, 'carpet': _carpet, 'concrete': _concrete, 'bricks': _bricks,
    'stripes': _stripes, 'cloth': _cloth, 'spines': _spines, 'picture': _picture, 'view': _view,
    'leaf': _leaf,
}
