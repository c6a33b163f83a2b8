"""Things that stand in the way: furniture in the room, and people who pass before the camera."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...body.cylinder_man import hidden, visibility, visibility_behind
from ...skeleton import COCO17
from ...types import Bools, Floats
from ..mocap.bvh import axis_rotations
from .cameras import CameraPaths

# Furniture on the floor: how often, and its width, depth and height, from and to [m].
_KINDS = (
    ('box', 0.25, ((0.3, 0.9), (0.3, 0.9), (0.3, 1.2))),
    ('pillar', 0.2, ((0.2, 0.6), (0.2, 0.6), (2.4, 3.0))),
    ('table', 0.25, ((1.0, 2.0), (0.6, 0.9), (0.7, 0.8))),
    ('shelf', 0.2, ((0.7, 1.6), (0.3, 0.45), (1.1, 2.0))),
    ('screen', 0.1, ((0.8, 2.0), (0.05, 0.12), (1.2, 2.2))),
)
_SHARES = tuple(share for _, share, _ in _KINDS)
_SIZES = np.array([size for *_, size in _KINDS])      # (kinds, 3, 2)
_PRESENT = 0.6                         # share of the pieces that are there
_TRIES = 6                             # places that are tried for each piece
_PERSON_M, _CAMERA_M = 0.12, 0.3       # room that it leaves
_EVERY = 4                             # frames between looks at whether it is in the way
_BESIDE_M = 0.35                       # how far beside the line of sight it stands
_PIECES = 2                            # of furniture in the room of a training sequence, at most
_TOO_MUCH = 0.8                        # hidden joints: furniture that hides more is taken away
_PASSING_M = 0.7                       # nearest to the person that somebody passes


@dataclass(frozen=True)
class Boxes:
    """K upright boxes in each of S rooms; one of size 0 is not there."""

    centre: Floats     # (S, K, 3) [m]
    half: Floats       # (S, K, 3) half of width, depth and height [m]
    yaw: Floats        # (S, K) turn about z

    def hide(self, position: Floats, points_world: Floats) -> Bools:
        """Which points a camera cannot see, (S, P, T, J).

        Args:
            position: The cameras, (S, T, 3) [m].
            points_world: (S, P, T, J, 3) [m].
        """
        out = np.zeros(points_world.shape[:-1], bool)
        for room, box in zip(*np.nonzero(self.half[..., 0] > 0)):
            origin = self._local(room, box, position[room])[:, None]            # (T, 1, 3)
            out[room] |= _crossed(origin, self._local(room, box, points_world[room]),
                                  self.half[room, box].astype(np.float32))
        return out

    def contain(self, points_world: Floats, margin_m: float) -> Bools:
        """Which of the boxes come nearer than the margin to some point (S, M, 3), (S, K)."""
        out = np.zeros(self.yaw.shape, bool)
        for room, box in zip(*np.nonzero(self.half[..., 0] > 0)):
            local = self._local(room, box, points_world[room])
            out[room, box] = (np.abs(local) < self.half[room, box] + margin_m).all(-1).any()
        return out

    def _local(self, room: int, box: int, points: Floats) -> Floats:
        """Points of the world in the axes of a box, around its centre."""
        turn = axis_rotations(self.yaw[room, box], 2).astype(np.float32)
        return np.asarray((points - self.centre[room, box]).astype(np.float32) @ turn)


def _crossed(origin: Floats, points: Floats, half: Floats) -> Bools:
    """Whether the way from the origin to points (..., 3) enters the box of this half size."""
    way = points - origin
    way = np.where(np.abs(way) < 1e-9, np.float32(1e-9), way)
    first, second = (-half - origin) / way, (half - origin) / way
    enters = np.minimum(first, second).max(-1)
    leaves = np.maximum(first, second).min(-1)
    return np.asarray((enters < leaves) & (enters < 1) & (leaves > 0))


def draw_boxes(rng: Generator, position: Floats, bodies: Floats, count: int) -> Boxes:
    """Furniture between cameras and people, where neither bumps into it.

    Args:
        rng: Source of randomness.
        position: The cameras, (S, T, 3) [m].
        bodies: The people in the world, (S, P, T, 18, 3) [m].
        count: Pieces a room at most: for which there is no place are left out.
    """
    rooms = len(position)
    walked = bodies[:, :, ::_EVERY].reshape(rooms, -1, 3)
    none = np.zeros((rooms, count, 3))
    kept = Boxes(none, none, none[..., 0])
    wanted = rng.random((rooms, count)) < _PRESENT
    for _ in range(_TRIES):
        tried = _draw_some(rng, position, bodies, count)
        tried = replace(tried, half=tried.half * wanted[..., None])
        good = wanted & ~tried.contain(walked, _PERSON_M) & ~tried.contain(position, _CAMERA_M)
        kept = Boxes(np.where(good[..., None], tried.centre, kept.centre),
                     np.where(good[..., None], tried.half, kept.half),
                     np.where(good, tried.yaw, kept.yaw))
        wanted &= ~good
        if not wanted.any():
            break
    return kept


def _draw_some(rng: Generator, position: Floats, bodies: Floats, count: int) -> Boxes:
    """Furniture of random kinds, each beside a line of sight at some time."""
    rooms, people, frames = bodies.shape[:3]
    row = np.arange(rooms)[:, None]
    person, frame = rng.integers(people, size=(rooms, count)), rng.integers(
        frames, size=(rooms, count))
    size = _SIZES[rng.choice(len(_KINDS), (rooms, count), p=_SHARES)]           # (S, K, 3, 2)
    size = size[..., 0] + rng.random(size.shape[:-1]) * (size[..., 1] - size[..., 0])
    camera = position[row, frame, :2]                                          # (S, K, 2)
    seen = bodies[row, person, frame, :, :2].mean(2)
    share = rng.uniform(0.3, 0.95, (rooms, count, 1))
    way = seen - camera
    across = np.stack([-way[..., 1], way[..., 0]], -1)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
    middle = camera + share * way + rng.normal(0, _BESIDE_M, (rooms, count, 1)) * across
    turned = np.arctan2(across[..., 1], across[..., 0]) + rng.normal(0, 0.5, (rooms, count))
    return Boxes(np.concatenate([middle, size[..., 2:] / 2], -1), size / 2, turned)


def passers(rng: Generator, cameras: CameraPaths, bodies: Floats, others: Floats) -> Floats:
    """Others placed so that they cross the line of sight to the bodies, in the world.

    Args:
        rng: Source of randomness.
        cameras: B cameras.
        bodies: Whom they watch, (B, T, 18, 3) [m].
        others: Who will pass, anywhere in the room, (B, T, 18, 3) [m].
    """
    batch, frames = bodies.shape[:2]
    row = np.arange(batch)
    when = rng.integers(frames // 8, frames - frames // 8, batch)
    camera = cameras.position[row, when, :2]
    way = bodies[row, when, :, :2].mean(1) - camera                            # (B, 2)
    length = np.linalg.norm(way, axis=-1)
    farthest = np.maximum(1 - _PASSING_M / np.maximum(length, 1e-6), 0.3)
    share = rng.uniform(0.3, farthest)
    step = camera + share[:, None] * way - others[row, when, :, :2].mean(1)
    out = others.copy()
    out[..., :2] += step[:, None, None].astype(out.dtype)
    return out


def obstruct(rng: Generator, kinds: NDArray[np.str_], cameras: CameraPaths, bodies: Floats,
             body_camera: Floats) -> Bools:
    """Joints hidden in the room, (B, T, 17): by the body itself, by a passer-by, by furniture.

    Args:
        rng: Source of randomness.
        kinds: What hides each sequence, (B,), keys of `occlusion.SHARES`.
        cameras: B cameras.
        bodies: Whom they watch, in the world, (B, T, 18, 3) [m]; they pass each other, too.
        body_camera: The same in camera axes.
    """
    joints = len(COCO17.joints)
    out = np.zeros((*bodies.shape[:2], joints), bool)
    own = np.isin(kinds, ('self', 'person', 'object'))
    out[own] = hidden(visibility(body_camera[own]))
    rows = np.flatnonzero(kinds == 'person')
    if rows.size:
        some, others = cameras.take(rows), bodies[(rows + 1) % len(bodies)]
        passing = some.to_camera(passers(rng, some, bodies[rows], others))
        out[rows] |= hidden(visibility_behind(body_camera[rows], passing))
    rows = np.flatnonzero(kinds == 'object')
    if rows.size:
        position, people = cameras.position[rows], bodies[rows][:, None]
        boxes = draw_boxes(rng, position, people, _PIECES)
        behind = boxes.hide(position, people[..., :joints, :])[:, 0]
        out[rows] |= behind & (behind.mean((1, 2), keepdims=True) < _TOO_MUCH)
    return out
