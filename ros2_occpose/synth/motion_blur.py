"""Motion blur from one picture, its depth and its flow.

McGuire et al., "A reconstruction filter for plausible motion blur", I3D 2012: each pixel gathers
along the fastest motion nearby; depth and speed decide whose colour smears over whose.
"""
from __future__ import annotations

import cv2
import numpy as np

from ..types import Floats

_TILE_PX = 16
_SAMPLES = 9
_STILL_PX = 0.7                 # shorter blur is not worth it
_SOFT_DEPTH_M = 0.1             # over which one surface counts as before another


def blurred(light: Floats, depth: Floats, smear_px: Floats) -> Floats:
    """A picture as an open shutter sees it.

    Args:
        light: Linear picture, (H, W, 3) float32.
        depth: (H, W) m; inf where nothing is.
        smear_px: How far each pixel moves while the shutter is open, (H, W, 2), middle = now.
    """
    speed = np.linalg.norm(smear_px, axis=-1).astype(np.float32)               # (H, W)
    if speed.max() < _STILL_PX:
        return light
    main = _fastest_nearby(smear_px, speed)                                    # (H, W, 2)
    near = np.minimum(depth, 100).astype(np.float32)
    stack = np.dstack([near, speed / 2])
    height, width = speed.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    length = np.linalg.norm(main, axis=-1)
    own = 1 / np.maximum(speed, 1)
    total, sum_light = own, light * own[..., None]
    for share in np.linspace(-0.5, 0.5, _SAMPLES, dtype=np.float32):
        if share == 0:
            continue
        map_x, map_y = x + share * main[..., 0], y + share * main[..., 1]
        there = cv2.remap(stack, map_x, map_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        z, reach = np.asarray(there[..., 0]), np.asarray(there[..., 1], np.float32)
        away = abs(share) * length
        before = np.clip(1 - (z - near) / _SOFT_DEPTH_M, 0, 1)
        behind = np.clip(1 - (near - z) / _SOFT_DEPTH_M, 0, 1)
        weight = (before * _cone(away, reach) + behind * _cone(away, speed / 2)
                  + 2 * _disc(away, reach) * _disc(away, speed / 2)) / _SAMPLES
        colour = cv2.remap(light, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        total = total + weight
        sum_light = sum_light + weight[..., None] * colour
    return np.asarray(sum_light / total[..., None], np.float32)


def _fastest_nearby(smear_px: Floats, speed: Floats) -> Floats:
    """The longest smear within about a tile, at each pixel, (H, W, 2)."""
    height, width = speed.shape
    rows, columns = -(-height // _TILE_PX), -(-width // _TILE_PX)
    padding = ((0, rows * _TILE_PX - height), (0, columns * _TILE_PX - width))
    split = np.pad(speed, padding).reshape(rows, _TILE_PX, columns, _TILE_PX)
    tiles = split.transpose(0, 2, 1, 3).reshape(rows, columns, -1)
    inside = tiles.argmax(-1)
    row = np.minimum(np.arange(rows)[:, None] * _TILE_PX + inside // _TILE_PX, height - 1)
    column = np.minimum(np.arange(columns) * _TILE_PX + inside % _TILE_PX, width - 1)
    best, fastest = smear_px[row, column], tiles.max(-1)                       # (r, c, 2), (r, c)
    around = np.pad(fastest, 1)
    shifts = [(i, j) for i in range(3) for j in range(3)]
    choice = np.argmax([around[i:i + rows, j:j + columns] for i, j in shifts], axis=0)
    row, column = np.mgrid[:rows, :columns]
    offsets = np.array(shifts)[choice] - 1
    spread = best[np.clip(row + offsets[..., 0], 0, rows - 1),
                  np.clip(column + offsets[..., 1], 0, columns - 1)]
    out = np.repeat(np.repeat(spread, _TILE_PX, 0), _TILE_PX, 1)[:height, :width]
    return np.asarray(out, np.float32)


def _cone(distance: Floats, reach: Floats) -> Floats:
    return np.asarray(np.clip(1 - distance / np.maximum(reach, 0.5), 0, 1))


def _disc(distance: Floats, reach: Floats) -> Floats:
    return np.asarray(np.clip((1.05 * reach - distance) / np.maximum(0.1 * reach, 0.05), 0, 1))
