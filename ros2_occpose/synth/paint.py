"""Textures of people, painted by code: skin and face, hair, cloth with patterns and folds.

Each texel knows its place on the base mesh, so that what is painted follows the body, not the
layout of the texture. Nothing is copied from photographs.
"""
from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

from ..body.character import Part
from ..types import Bools, Floats, Image, Ints
from .looks import Fabric, Look
from .noise import Noise
from .tailor import PIECES, SOLE, Surface, along_arm, covered, scalp

_SIZE_PX = 768
# Of the face of the base mesh [m]: centre of the left eye, of the brow, of the lips.
_EYE = np.array([0.031, 0.729, 0.125])
_BROW, _LIPS = np.array([0.034, 0.7535]), np.array([0.0, 0.661])
_IRIS_M, _PUPIL_M = 0.0072, 0.0032


def painted(surface: Surface, look: Look, size: int = _SIZE_PX) -> Image:
    """The texture of a person, (size, size, 3) RGB, first row on top (v = 1)."""
    values = np.concatenate([surface.neutral, surface.arm[:, None]], 1).astype(np.float32)
    texels, filled = rasterised(surface.uv, surface.faces, values, size)
    neutral, arm = texels[filled, :3], texels[filled, 3]
    rows, columns = np.nonzero(filled)
    piece = _piece_at((columns + 0.5) / size, 1 - (rows + 0.5) / size)
    colours = np.zeros((len(rows), 3), np.float32)
    noise = Noise(look.folds_seed + 1)
    for index, name in enumerate(PIECES):
        here = piece == index
        if here.any():
            colours[here] = _paint(name, neutral[here], arm[here], look, noise)
    out = np.zeros((size, size, 3), np.float32)
    out[filled] = colours
    nearest = distance_transform_edt(~filled, return_distances=False, return_indices=True)
    out = out[tuple(nearest)]                          # so that seams show no border
    return np.asarray(np.clip(out * 255 + 0.5, 0, 255), np.uint8)


def _piece_at(u: Floats, v: Floats) -> Ints:
    out = np.zeros(len(u), np.int32)
    for index, (x0, y0, width, height) in enumerate(PIECES.values()):
        margin = 0.004
        out[(u > x0 - margin) & (u < x0 + width + margin)
            & (v > y0 - margin) & (v < y0 + height + margin)] = index
    return out


def rasterised(uv: Floats, faces: Ints, values: Floats, size: int) -> tuple[Floats, Bools]:
    """Values of vertices (V, C) on the texture (size, size, C), and where there are some."""
    corners = uv[faces] * size - 0.5                                       # (F, 3, 2)
    longest = np.ceil(np.abs(corners - np.roll(corners, 1, 1)).max((1, 2))).astype(int) + 1
    out = np.zeros((size, size, values.shape[1]), np.float32)
    filled = np.zeros((size, size), bool)
    for steps in np.unique(longest):
        rows = faces[longest == steps]
        a, b = np.meshgrid(*[np.arange(steps + 1) / steps] * 2)
        inside = a + b <= 1 + 1e-6
        weights = np.stack([1 - a - b, a, b], -1)[inside].astype(np.float32)   # (S, 3)
        at = np.rint(np.einsum('sk,fki->fsi', weights, corners[longest == steps]))
        x, y = np.clip(at, 0, size - 1).astype(int).reshape(-1, 2).T
        out[size - 1 - y, x] = np.einsum('sk,fkc->fsc', weights, values[rows]
                                         ).reshape(-1, values.shape[1])
        filled[size - 1 - y, x] = True
    return out, filled


def _paint(piece: str, neutral: Floats, arm: Floats, look: Look, noise: Noise) -> Floats:
    """Colours (N, 3) of places of a piece."""
    if piece.endswith('eye'):
        return _eye(neutral, look)
    if piece == 'hair':
        return _hair(neutral, look, noise)
    if piece == 'skirt':
        return _cloth(look.bottom, neutral, neutral[:, 1], noise)
    colours = _skin(neutral, look, noise)
    if piece == 'head':
        _face(colours, neutral, look, noise)
    if piece == 'tights':
        _clothes(colours, neutral, arm, look, noise)
    return colours


def _clothes(colours: Floats, neutral: Floats, arm: Floats, look: Look, noise: Noise) -> None:
    part = covered(neutral, arm, look)
    along = np.where(arm > 0.5, 0.3 * along_arm(neutral), neutral[:, 1])
    shade = _contact(neutral, arm, look)
    for kind, fabric in ((Part.TOP, look.top), (Part.BOTTOM, look.bottom)):
        here = part == kind
        colours[here] = _cloth(fabric, neutral[here], along[here], noise)
    top = part == Part.TOP
    if look.open_front:
        x, z = np.abs(neutral[:, 0]), neutral[:, 2]
        opening = top & (arm < 0.5) & (z > 0) & (x < 0.02 + 0.05 * (neutral[:, 1] > 0.3)
                                                 * (neutral[:, 1] - 0.2))
        colours[opening] = look.top.second
    belt = (part == Part.BOTTOM) & (neutral[:, 1] > 0.115)
    colours[belt] *= 0.55
    shoes = part == Part.SHOES
    colours[shoes] = np.asarray(look.shoes) * (1 + 0.1 * noise(neutral[shoes], 0.03, 2))[:, None]
    colours[shoes & (neutral[:, 1] < SOLE)] = look.sole
    colours *= shade[:, None]


def _contact(neutral: Floats, arm: Floats, look: Look) -> Floats:
    """Darker where cloth lies on cloth: under arms, between legs, at hems."""
    x, y, z = np.abs(neutral[:, 0]), neutral[:, 1], neutral[:, 2]
    out = np.ones(len(neutral), np.float32)
    out -= 0.15 * np.exp(-((x - 0.15) ** 2 + (y - 0.44) ** 2) / 0.001) * (arm < 0.6)
    out -= 0.3 * np.exp(-(x ** 2 / 0.002 + (y + 0.03) ** 2 / 0.004 + z ** 2 / 0.02))
    below = look.hem - y
    out -= 0.35 * np.exp(-((below - 0.006) / 0.007) ** 2) * (arm < 0.5) * (below > 0)
    return out


def _cloth(fabric: Fabric, neutral: Floats, along: Floats, noise: Noise) -> Floats:
    """Colours of a fabric at places (N, 3); `along` counts along body and sleeves [m]."""
    x, y, z = neutral.T
    period = 2 * np.pi / (2 * fabric.size_m)
    rings, upright = np.sin(along * period), np.sin(np.arctan2(x, z + 1e-6) * 0.12 * period)
    match fabric.pattern:
        case 'stripes':
            second = rings > 0.1
        case 'upright':
            second = upright > 0.5
        case 'checks':
            second = 0.5 * (rings > 0) + 0.5 * (upright > 0)
        case 'dots':
            second = (rings * np.sin(x * period) * np.sin(z * period + 1)) > 0.35
        case 'mottled':
            second = 0.5 * (noise(neutral, 1.5 * fabric.size_m, 2) > 0.15)
        case 'print':
            second = ((np.abs(x) < 0.075) & (np.abs(y - 0.36) < 0.07) & (z > 0)
                      & (noise(neutral, 0.02) > -0.25))
        case _:
            second = np.zeros(len(neutral))
    share = np.asarray(second, np.float32)[:, None]
    colours = (1 - share) * np.asarray(fabric.colour) + share * np.asarray(fabric.second)
    folds = noise(neutral * [1.6, 0.7, 1.6], 0.09, 3)
    weave = noise(neutral, 0.006)
    light = 1 + 0.17 * fabric.folds * folds + 0.05 * weave
    return np.asarray(colours * np.clip(light, 0.4, 1.5)[:, None], np.float32)


def _skin(neutral: Floats, look: Look, noise: Noise) -> Floats:
    light = 1 + 0.05 * noise(neutral, 0.05, 3) + 0.02 * noise(neutral, 0.004)
    red = 0.03 * noise(neutral + 1, 0.07, 2)
    colours = np.asarray(look.skin) * light[:, None]
    return np.asarray(colours * (1 + red[:, None] * [1, -0.5, -0.6]), np.float32)


def _face(colours: Floats, neutral: Floats, look: Look, noise: Noise) -> None:
    """Lips, cheeks, brows, shadows, beard and the hair on the head, over the skin."""
    x, y, z = np.abs(neutral[:, 0]), neutral[:, 1], neutral[:, 2]
    ahead = z > 0.09

    def spot(centre: Floats, wide: float, high: float) -> Floats:
        away = ((x - centre[0]) / wide) ** 2 + ((y - centre[1]) / high) ** 2
        return np.asarray(np.exp(-away) * ahead)

    def blend(share: Floats, colour: Floats) -> None:
        colours[:] = (1 - share[:, None]) * colours + share[:, None] * colour

    skin, hair = np.asarray(look.skin), np.asarray(look.hair)
    blend(0.35 * spot(np.array([0.045, 0.69]), 0.02, 0.018), skin * [1.05, 0.78, 0.75])
    blend(0.75 * (spot(_LIPS, 0.021, 0.0075) > 0.4), skin * [0.92, 0.58, 0.56])
    blend(0.5 * (spot(_LIPS, 0.022, 0.0016) > 0.4), skin * 0.35)
    blend(0.45 * spot(_EYE[:2], 0.018, 0.011), skin * [0.6, 0.5, 0.5])      # sockets
    blend(0.5 * spot(np.array([0.0075, 0.687]), 0.005, 0.004), skin * 0.35)        # nostrils
    arch = y - _BROW[1] + 6 * (x - _BROW[0]) ** 2 + 0.1 * (x - _BROW[0])
    brow = ahead & (np.abs(arch) < 0.0042) & (x > 0.014) & (x < 0.053)
    blend(0.75 * brow * (1 + 0.3 * noise(neutral, 0.003)), 0.6 * hair)
    if look.glasses:
        away = np.hypot((x - _EYE[0]) / 1.25, y - _EYE[1] + 0.002)
        frame = ahead & ((np.abs(away - 0.0185) < 0.0022) | ((x < 0.011) & (np.abs(
            y - _EYE[1] - 0.004) < 0.0022)))
        blend(0.9 * frame, np.full(3, 0.06))
    if look.beard:
        jaw = np.clip((0.675 - y + 0.3 * np.maximum(x - 0.03, 0)) / 0.012, 0, 1) * (z > 0.03)
        around = (y < 0.683) & (spot(_LIPS, 0.02, 0.008) < 0.35)
        rough = np.clip(0.75 + 0.5 * noise(neutral, 0.006, 2), 0, 1)
        blend(look.beard * jaw * around * rough * (y > 0.612), 0.8 * hair)
    grown = np.clip(scalp(neutral, look) / 0.006 + 0.5 * noise(neutral, 0.01, 2), 0, 1)
    blend(grown, _hair(neutral, look, noise))


def _hair(neutral: Floats, look: Look, noise: Noise) -> Floats:
    strands = noise(neutral * [1, 0.15, 1], 0.006, 2) + 0.5 * noise(neutral, 0.05, 2)
    return np.asarray(np.asarray(look.hair) * (1 + 0.35 * strands)[:, None], np.float32)


def _eye(neutral: Floats, look: Look) -> Floats:
    away = np.hypot(np.abs(neutral[:, 0]) - _EYE[0], neutral[:, 1] - _EYE[1])
    colours = np.tile(np.array([0.66, 0.63, 0.6], np.float32), (len(away), 1))
    front = neutral[:, 2] > _EYE[2]
    colours[front & (away < _IRIS_M)] = look.eyes
    colours[front & (away < _PUPIL_M)] = 0.03
    return colours


