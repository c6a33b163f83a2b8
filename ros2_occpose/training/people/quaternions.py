"""Unit quaternions for whole batches of bodies, component first: a turn is (4, ...) = w, x, y, z.

Vectors are (3, ...). With the component first every operation runs over contiguous memory, which
makes it several times faster than stacks of matrices; that is why motion is multiplied in this
form. Everywhere else rotations are matrices.
"""
from __future__ import annotations

import numpy as np

from ...geometry import quat_wxyz_from_matrix
from ...types import Floats

_TINY = 1e-12


def product(first: Floats, second: Floats) -> Floats:
    """The turn `first @ second`: second is done first, in the axes that first then turns."""
    aw, ax, ay, az = first
    bw, bx, by, bz = second
    return np.stack([
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ])


def inverse(turn: Floats) -> Floats:
    """The turn back."""
    return np.stack([turn[0], -turn[1], -turn[2], -turn[3]])


def rotate(turn: Floats, vector: Floats) -> Floats:
    """Vectors (3, ...) turned."""
    w, x, y, z = turn
    a, b, c = vector
    d, e, f = 2 * (y * c - z * b), 2 * (z * a - x * c), 2 * (x * b - y * a)
    return np.stack([
        a + w * d + y * f - z * e,
        b + w * e + z * d - x * f,
        c + w * f + x * e - y * d,
    ])


def unit(array: Floats) -> Floats:
    """Quaternions or vectors of length 1."""
    return np.asarray(array / np.sqrt(np.maximum((array * array).sum(0), _TINY)))


def about(axis: int, angle: Floats) -> Floats:
    """Turns by angles [rad] about x (0), y (1) or z (2)."""
    out = np.zeros((4, *np.shape(angle)), np.float32)
    out[0], out[1 + axis] = np.cos(angle / 2), np.sin(angle / 2)
    return out


def of_vector(vector: Floats) -> Floats:
    """Turns by a small rotation vector (3, ...) [rad]: exact to third order in the angle."""
    return unit(np.concatenate([np.full_like(vector[:1], 2.0), vector]))


def part(turn: Floats, share: Floats) -> Floats:
    """A share of the way into a turn, the shorter way round, nearly at constant speed."""
    sign = np.where(turn[0] < 0, np.float32(-1), np.float32(1))
    out = turn * (sign * share)
    out[0] += 1 - share
    return unit(out)


def steady(turn: Floats) -> Floats:
    """The same turns (4, ..., T), without jumps of sign over time."""
    flips = np.where((turn[..., 1:] * turn[..., :-1]).sum(0) < 0, -1.0, 1.0).astype(turn.dtype)
    return np.concatenate([turn[..., :1], turn[..., 1:] * np.cumprod(flips, -1)], -1)


def between(start: Floats, end: Floats) -> Floats:
    """The smallest turns that bring unit vectors `start` to `end` (opposite ones: somehow)."""
    start, end = np.broadcast_arrays(start, end)
    cosine = (start * end).sum(0)
    return unit(np.concatenate([np.maximum(1 + cosine, 1e-6)[None], cross(start, end)]))


def cross(first: Floats, second: Floats) -> Floats:
    """The cross product of vectors (3, ...)."""
    a, b, c = first
    d, e, f = second
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d])


def to_matrices(turn: Floats) -> Floats:
    """(4, J, B, T) to rotation matrices (B, T, J, 3, 3)."""
    w, x, y, z = turn
    out = np.empty((*turn.shape[2:], turn.shape[1], 3, 3), turn.dtype)
    at = np.moveaxis(out, 2, 0)                                        # (J, B, T, 3, 3)
    x2, y2, z2 = 2 * x, 2 * y, 2 * z
    xx, yy, zz, wx, wy, wz = x * x2, y * y2, z * z2, w * x2, w * y2, w * z2
    xy, xz, yz = x * y2, x * z2, y * z2
    at[..., 0, 0], at[..., 1, 1], at[..., 2, 2] = 1 - yy - zz, 1 - xx - zz, 1 - xx - yy
    at[..., 0, 1], at[..., 1, 0] = xy - wz, xy + wz
    at[..., 0, 2], at[..., 2, 0] = xz + wy, xz - wy
    at[..., 1, 2], at[..., 2, 1] = yz - wx, yz + wx
    return out


def from_matrices(rotations: Floats) -> Floats:
    """Rotation matrices (T, J, 3, 3) to (4, J, T), without jumps of sign over time."""
    quat = np.moveaxis(quat_wxyz_from_matrix(rotations), (2, 1), (0, 1))          # (4, J, T)
    return steady(quat.astype(np.float32))
