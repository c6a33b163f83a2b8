"""Virtual cameras that move as robots and hands move them, with their exact pose."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...geometry import rotation_since_last
from ...types import Floats, Ints
from ..mocap.bvh import axis_rotations
from ..mocap.motion import FPS

KINDS = ('static', 'robot', 'handheld')
_SHARES = (0.3, 0.4, 0.3)
_DISTANCE_M = (1.5, 12.0)
_NEAREST_M = 1.2
_STEPS, _STEP_M = 20, 0.3
_BACKS_OFF = 0.8         # share of the cameras that stand far enough from several people
# camera axes of a level camera that looks along world x: x right, y down, z forward
_LEVEL = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]], float)


@dataclass(frozen=True)
class CameraPaths:
    """B cameras over T frames."""

    rotation: Floats                 # (B, T, 3, 3) world_from_camera
    position: Floats                 # (B, T, 3) [m], z up
    half_view: Floats  # (B, 2) tangent of half the field of view, horizontal and vertical
    kind: NDArray[np.integer]        # (B,) index into KINDS

    def take(self, rows: Ints) -> CameraPaths:
        """Some of the cameras."""
        return CameraPaths(self.rotation[rows], self.position[rows], self.half_view[rows],
                           self.kind[rows])

    def to_camera(self, points_world: Floats) -> Floats:
        """(B, T, J, 3) in camera axes."""
        return (points_world - self.position[:, :, None]) @ self.rotation

    def now_from_last(self) -> Floats:
        """Rotation of the camera from the frame before, (B, T, 3, 3); none in the first."""
        return rotation_since_last(self.rotation)


def wobble(rng: Generator, batch: int, frames: int, width: int, seconds: tuple[float, float],
           size: Floats) -> Floats:
    """Smooth random movement around 0, (B, T, width), of standard deviation `size` (B, 1, 1)."""
    shortest, longest = seconds
    period = shortest * (longest / shortest) ** rng.random((4, batch, 1, width))
    phase = rng.uniform(0, 2 * np.pi, period.shape).astype(np.float32)
    height = rng.normal(0, 1 / np.sqrt(2.0), period.shape).astype(np.float32)
    t = np.arange(frames, dtype=np.float32)[:, None] / np.float32(FPS)         # (T, 1)
    out = np.zeros((batch, frames, width), np.float32)
    for turns, start, high in zip((2 * np.pi / period).astype(np.float32), phase, height):
        out += high * np.sin(turns * t + start)
    return np.asarray(out * size)


def draw_cameras(rng: Generator, target: Floats, azimuth: Floats | None = None,
                 people: Floats | None = None) -> CameraPaths:
    """Cameras that have the target (B, T, 3) [m] in or near their image most of the time.

    Height 0.3 to 2.2 m, distance 1.5 to 12 m, horizontal field of view 45 to 100 degrees. A camera
    that somebody would walk into gives way.

    Args:
        rng: Source of randomness.
        target: What they look at.
        azimuth: Direction in which they stand, seen from the target, (B,); anywhere by default.
        people: Whom they must not touch, (B, P, T, 3) [m]; the target by default.
    """
    batch = len(target)
    kind = rng.choice(len(KINDS), batch, p=_SHARES)
    half_x = np.tan(np.radians(rng.uniform(45, 100, batch)) / 2)
    aspect = rng.choice([4 / 3, 16 / 9, 3 / 4], batch, p=[0.5, 0.4, 0.1])
    if azimuth is None:
        azimuth = rng.uniform(-np.pi, np.pi, batch)
    distance = np.exp(rng.uniform(np.log(_DISTANCE_M[0]), np.log(_DISTANCE_M[1]), batch))
    if people is None:
        people = target[:, None]
    else:
        distance = np.maximum(distance, _back_off(rng, target, people, half_x))
    away = np.stack([np.cos(azimuth), np.sin(azimuth)], 1)                     # (B, 2)
    position = _positions(rng, target, kind, distance[:, None] * away)
    position = _give_way(_further_away(position, people, away), people)
    rotation = _rotations(rng, target, position, kind, half_x)
    return CameraPaths(rotation, position, np.stack([half_x, half_x / aspect], 1), kind)


def _positions(rng: Generator, target: Floats, kind: NDArray[np.integer],
               away: Floats) -> Floats:
    batch, frames, _ = target.shape
    robot, handheld = kind == KINDS.index('robot'), kind == KINDS.index('handheld')
    around = target.mean(1)[:, :2] + away
    speed = rng.uniform(0, 1.2, batch) * (robot | handheld) * (rng.random(batch) < 0.8)
    heading = rng.uniform(-np.pi, np.pi, (batch, 1))
    heading = heading + wobble(rng, batch, frames, 1, (4, 15), np.full((batch, 1, 1), 0.6))[..., 0]
    step = speed[:, None, None] / FPS * np.stack([np.cos(heading), np.sin(heading)], -1)
    path = np.cumsum(step, 1)
    path -= path[np.arange(batch), rng.integers(0, frames, batch)][:, None]
    sway = wobble(rng, batch, frames, 3, (1, 6), (handheld * 0.05)[:, None, None])
    bob = wobble(
        rng,
        batch,
        frames,
        3,
        (0.4, 0.7),
        ((handheld * 0.012 + robot * 0.002) * (speed > 0.2))[:, None, None],
    )
    height = np.where(handheld, rng.uniform(1.1, 2.0, batch), rng.uniform(0.3, 1.5, batch))
    height = np.where(kind == KINDS.index('static'), rng.uniform(0.4, 2.2, batch), height)
    flat = np.concatenate(
        [around[:, None] + path, np.broadcast_to(height[:, None, None], (batch, frames, 1))], -1
    )
    return np.asarray(flat + sway + bob)


def _back_off(rng: Generator, target: Floats, people: Floats, half_x: Floats) -> Floats:
    """From how far most cameras have most people in their image, (B,) [m]; 0 for the others."""
    off = np.linalg.norm(people[..., :2] - target.mean(1)[:, None, None, :2], axis=-1)
    wide = np.percentile(off.reshape(len(off), -1), 80, axis=1)                # (B,)
    distance = np.minimum(wide / half_x, _DISTANCE_M[1])
    return np.asarray(distance * (rng.random(len(off)) < _BACKS_OFF))


def _further_away(position: Floats, people: Floats, away: Floats) -> Floats:
    """Paths (B, T, 3) shifted as a whole until nobody (B, P, T, 3) walks into the camera."""
    out = position.copy()
    rows = np.arange(len(out))
    for _ in range(_STEPS):
        apart = np.linalg.norm(out[rows, None, :, :2] - people[rows][..., :2], axis=-1)
        rows = rows[apart.min((1, 2)) < _NEAREST_M]
        out[rows, :, :2] += _STEP_M * away[rows, None]
    return out


def _give_way(position: Floats, people: Floats) -> Floats:
    """Positions (B, T, 3) where those who are still too near to people (B, P, T, 3) step aside."""
    out = position.copy()
    for person in np.moveaxis(people, 1, 0):
        away = out[..., :2] - person[..., :2]
        length = np.linalg.norm(away, axis=-1, keepdims=True)
        out[..., :2] += away / np.maximum(length, 1e-6) * np.maximum(_NEAREST_M - length, 0)
    return out


def _rotations(rng: Generator, target: Floats, position: Floats, kind: NDArray[np.integer],
               half_x: Floats) -> Floats:
    """Cameras turned to the target, to where it is on average, or level, with their vibrations."""
    batch, frames, _ = target.shape
    robot, handheld = kind == KINDS.index('robot'), kind == KINDS.index('handheld')
    follows = (robot | handheld) & (rng.random(batch) < 0.7)
    static = kind == KINDS.index('static')
    aim = np.where(follows[:, None, None], _smooth(target, 30), target.mean(1, keepdims=True))
    to = aim - position
    yaw = np.unwrap(np.arctan2(to[..., 1], to[..., 0]), axis=1)
    pitch = np.arctan2(to[..., 2], np.linalg.norm(to[..., :2], axis=-1))
    pitch = np.where(follows[:, None], pitch, pitch.mean(1, keepdims=True))
    level = (rng.random(batch) < np.where(robot, 0.6, 0.15))[:, None]
    pitch = np.where(level, 0.0, pitch) + rng.normal(0, 0.06, (batch, 1))
    yaw = np.where((static | ~follows)[:, None], yaw.mean(1, keepdims=True), yaw)
    yaw = yaw + (rng.uniform(-0.5, 0.5, batch) * np.arctan(half_x))[:, None]
    pan = wobble(
        rng, batch, frames, 1, (2, 12), (~static * rng.uniform(0, 0.12, batch))[:, None, None]
    )
    shake = wobble(
        rng, batch, frames, 3, (0.3, 3), (handheld * 0.012 + robot * 0.003)[:, None, None]
    )
    yaw = yaw + pan[..., 0] + shake[..., 0]
    pitch = pitch + shake[..., 1]
    roll = (rng.normal(0, 1, batch) * np.where(handheld, 0.04, 0.012))[:, None] + shake[..., 2]
    turn = axis_rotations(yaw, 2) @ axis_rotations(-pitch, 1) @ axis_rotations(roll, 0)
    return np.asarray(turn @ _LEVEL)


def _smooth(path: Floats, frames: int) -> Floats:
    """Mean of the last `frames` frames of a path (B, T, D), as a camera that follows would lag."""
    padded = np.concatenate([np.repeat(path[:, :1], frames, 1), path], 1).cumsum(1)
    return np.asarray((padded[:, frames:] - padded[:, :-frames]) / frames)
