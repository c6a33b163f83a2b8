"""The floor of a room seen from above: where one can stand, walk and drive."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Bools, Floats

STEP_M = 0.02              # between the points of a way
_CUTS = 5                   # how often corners are cut
_SOFT = 20                  # points over which what remains of them is spread


@dataclass(frozen=True, kw_only=True)
class Floor:
    """A rectangle around the origin with K pieces of furniture on it."""

    half_m: tuple[float, float]     # of its size along x and y
    centre: Floats                  # (K, 2) [m]
    half: Floats                    # (K, 2) [m] half of width and depth
    yaw: Floats                     # (K,) turn about z [rad]
    height: Floats                  # (K,) [m]

    def clearance(self, points: Floats) -> Floats:
        """Distance of points (..., 2) to furniture and walls, (...) [m]; below 0: inside."""
        walls = (np.asarray(self.half_m) - np.abs(points)).min(-1)
        if not len(self.yaw):
            return np.asarray(walls)
        away = points[..., None, :] - self.centre                              # (..., K, 2)
        cosine, sine = np.cos(self.yaw), np.sin(self.yaw)
        local = np.abs(np.stack([cosine * away[..., 0] + sine * away[..., 1],
                                 cosine * away[..., 1] - sine * away[..., 0]], -1)) - self.half
        outside = np.linalg.norm(np.maximum(local, 0), axis=-1)
        apart = outside + np.minimum(local.max(-1), 0)
        return np.asarray(np.minimum(walls, apart.min(-1)))

    def hides(self, eye: Floats, points: Floats) -> Bools:
        """Which points cannot be seen past the furniture.

        Args:
            eye: The camera, (T, 3) [m].
            points: (T, P, J, 3) [m].

        Returns:
            (T, P, J).
        """
        out = np.zeros(points.shape[:-1], bool)
        for centre, half, yaw, height in zip(self.centre, self.half, self.yaw, self.height):
            cosine, sine = np.cos(yaw), np.sin(yaw)
            turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
            middle = np.array([*centre, height / 2])
            start = ((eye - middle) @ turn)[:, None, None]
            way = (points - middle) @ turn - start
            way = np.where(np.abs(way) < 1e-9, 1e-9, way)
            size = np.array([*half, height / 2])
            enter, leave = (-size - start) / way, (size - start) / way
            first = np.minimum(enter, leave).max(-1)
            last = np.maximum(enter, leave).min(-1)
            out |= (first < last) & (first < 1) & (last > 0)
        return out


def smooth_way(corners: Sequence[tuple[float, float]] | Floats) -> Floats:
    """A way along corners, which are rounded off, as points 2 cm apart, (S, 2).

    Chaikin, "An algorithm for high-speed curve generation", 1974: in the limit a quadratic
    B-spline.
    """
    points = np.asarray(corners, float)
    for _ in range(_CUTS):
        first, second = points[:-1], points[1:]
        cut = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], 1)
        points = np.concatenate([points[:1], cut.reshape(-1, 2), points[-1:]])
    length = along_m(points)
    way = _even(points, length)
    padded = np.pad(way, ((_SOFT, _SOFT), (0, 0)), mode='reflect', reflect_type='odd')
    kernel = np.hanning(2 * _SOFT + 3)[1:-1]
    soft = np.stack([np.convolve(padded[:, i], kernel / kernel.sum(), 'valid')
                     for i in range(2)], -1)
    return _even(soft, along_m(soft))


def along_m(points: Floats) -> Floats:
    """How far each point of a way (S, 2) is from its beginning, (S,) [m]."""
    return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=-1))])


def _even(points: Floats, length: Floats) -> Floats:
    at = np.arange(0.0, length[-1], STEP_M)
    return np.stack([np.interp(at, length, points[:, i]) for i in range(2)], -1)
