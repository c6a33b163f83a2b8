"""Several people before one moving camera: what it sees of each, and what hides the rest."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...body.cylinder_man import hidden, visibility, visibility_among
from ...body.kinematics import BODY
from ...errors import DataError
from ...skeleton import COCO17
from ...types import Bools, Floats
from ..mocap.motion import Motion
from ..people.bodies import draw_bodies
from .cameras import CameraPaths, draw_cameras
from .detections import DEFAULT_NOISE
from .occluders import Boxes, draw_boxes
from .placing import place
from .sequences import observe

TEST_FRAMES = 320
MOST_PEOPLE = 4
_FURNITURE = 2             # pieces in a room at most
_NEAREST_M = 0.3           # what is nearer to the camera is out of view
_SALSA_PARTNER = 15        # salsa/NN dances with salsa/NN+15
# what hides joints here stands in the scene, and what a detector says of them does not matter
_NOISE = replace(DEFAULT_NOISE, hidden_rows=0.0)
_J = len(COCO17.joints)


@dataclass(frozen=True)
class Scenes:
    """S scenes of up to P people over T frames; where nobody is, `valid` is False and all is 0."""

    cameras: CameraPaths                  # S of them
    body_camera: Floats                   # (S, P, T, 18, 3) [m] BODY
    rays: Floats                          # (S, P, T, 17, 2) coco17 as detected, hidden ones too
    detected: Bools                       # (S, P, T, 17) inside the image, not lost
    hidden_by_self: Bools                 # (S, P, T, 17)
    hidden_by_person: Bools               # (S, P, T, 17)
    hidden_by_object: Bools               # (S, P, T, 17)
    out_of_view: Bools                    # (S, P, T, 17)
    valid: Bools                          # (S, P, T) frames that are not padding
    boxes: Boxes                          # the furniture
    names: tuple[tuple[str, ...], ...]    # the clips, S x P; '' where unknown or nobody

    def __len__(self) -> int:
        return len(self.body_camera)


@dataclass(frozen=True)
class _Window:
    """Some frames of one clip."""

    name: str
    body: Floats       # (T, 18, 3) [m]


def draw_scenes(rng: Generator, motions: Sequence[Motion], weights: Floats, scenes: int,
                people: int, frames: int) -> Scenes:
    """Random people whose paths cross before a moving camera."""
    bodies = draw_bodies(rng, motions, weights, scenes * people, frames)
    bodies = bodies.reshape(scenes, people, frames, len(BODY), 3)
    azimuth = rng.uniform(-np.pi, np.pi, scenes)
    rooms = np.stack([
        np.concatenate(place(rng, list(room[:, None]), float(a), frames))
        for room, a in zip(bodies, azimuth)])
    return film(rng, rooms, azimuth)


def film(rng: Generator, bodies: Floats, azimuth: Floats) -> Scenes:
    """What one camera a room sees of all who are in it.

    Args:
        rng: Source of randomness.
        bodies: (S, P, T, 18, 3) [m] in the world, z up.
        azimuth: Direction in which each camera stands, seen from the people, (S,).
    """
    scenes, people, frames = bodies.shape[:3]
    centres = bodies.mean(3, dtype=float)                                      # (S, P, T, 3)
    cameras = draw_cameras(rng, centres.mean(1), azimuth, centres)
    body_camera = _to_cameras(cameras, bodies)
    rays, detected = observe(rng, body_camera.reshape(-1, frames, len(BODY), 3),
                             np.repeat(cameras.half_view, people, 0), _NOISE)
    boxes = draw_boxes(rng, cameras.position, bodies, _FURNITURE)
    joints = (scenes, people, frames, _J)
    return Scenes(
        cameras=cameras,
        body_camera=body_camera,
        rays=rays.reshape(*joints, 2).astype(np.float32),
        detected=detected.reshape(joints),
        hidden_by_self=hidden(visibility(body_camera)),
        hidden_by_person=hidden(np.moveaxis(visibility_among(np.moveaxis(body_camera, 1, 0)),
                                            0, 1)),
        hidden_by_object=boxes.hide(cameras.position, bodies[:, :, :, :_J]),
        out_of_view=_outside(body_camera[..., :_J, :], cameras.half_view),
        valid=np.ones(joints[:3], bool),
        boxes=boxes,
        names=(('',) * people,) * scenes,
    )


def _to_cameras(cameras: CameraPaths, bodies: Floats) -> Floats:
    """(S, P, T, 18, 3) in the axes of each scene's camera, float32."""
    away = bodies - cameras.position[:, None, :, None].astype(np.float32)
    return np.asarray(away @ cameras.rotation[:, None].astype(np.float32))


def _outside(points: Floats, half_view: Floats) -> Bools:
    """Which points (S, P, T, J, 3) in camera axes are not in the image."""
    depth = points[..., 2]
    limit = half_view[:, None, None, None].astype(points.dtype) * np.maximum(depth, 0)[..., None]
    return np.asarray((depth < _NEAREST_M) | (np.abs(points[..., :2]) >= limit).any(-1))


def recorded_scenes(motions: Sequence[Motion], seed: int = 0, cameras: int = 2,
                    frames: int = TEST_FRAMES, splits: tuple[str, ...] = ('test',)) -> Scenes:
    """Every clip of some splits as it was recorded, only turned and shifted, before cameras.

    Clips are cut into windows of equal length, at most `frames`; what is shorter runs on to and
    fro, not `valid`. Scenes hold 1 to 4 people; partners in a dance stay together.

    Raises:
        DataError: There is no clip of these splits.
    """
    clips = [motion for motion in motions if motion.split in splits]
    if not clips:
        raise DataError(f'Expected clips of the {", ".join(splits)} split, got none; '
                        'load the motions of this split.')
    groups = _groups(clips, frames)
    rng = np.random.default_rng(seed)
    scenes = []
    for _ in range(cameras):
        order = [groups[k] for k in rng.permutation(len(groups))]
        for scene in _companies(order):
            azimuth = float(rng.uniform(-np.pi, np.pi))
            shortest = min(len(window.body) for group in scene for window in group)
            placed = place(rng, [np.stack([_padded(w.body, frames) for w in group])
                                 for group in scene], azimuth, shortest)
            filmed = film(rng, np.concatenate(placed)[None], np.array([azimuth]))
            windows = [window for group in scene for window in group]
            scenes.append(_named(filmed, windows))
    return join(scenes, MOST_PEOPLE)


def _groups(motions: Sequence[Motion], frames: int) -> list[list[_Window]]:
    """Windows of all clips; those of dance partners at the same time together."""
    by_name = {motion.name: motion for motion in motions}
    groups = []
    for motion in motions:
        partner, leads = _partner(motion.name)
        other = by_name.get(partner)
        if other is None or len(other) != len(motion):      # a recording cut into pieces
            groups += [[window] for window in _windows(motion, frames)]
        elif leads:
            both = zip(_windows(motion, frames), _windows(other, frames))
            groups += [list(pair) for pair in both]
    return groups


def _partner(name: str) -> tuple[str, bool]:
    """Name of the clip of the dance partner ('' without one), and whether this one comes first."""
    kind, _, number = name.rpartition('/')
    if kind != 'salsa' or not number.isdigit():
        return '', True
    leads = int(number) <= _SALSA_PARTNER
    other = int(number) + (_SALSA_PARTNER if leads else -_SALSA_PARTNER)
    return f'{kind}/{other:02d}', leads


def _windows(motion: Motion, frames: int) -> Iterator[_Window]:
    count = -(-len(motion) // frames)
    edges = np.linspace(0, len(motion), count + 1).round().astype(int)
    for start, end in pairwise(edges):
        yield _Window(motion.name, motion.body[start:end].astype(np.float32))


def _padded(body: Floats, frames: int) -> Floats:
    """The movement, and on to and fro, so that nobody freezes in the way of others."""
    last = max(len(body) - 1, 1)
    there = last - np.abs(np.arange(frames) % (2 * last) - last)
    return body[np.minimum(there, len(body) - 1)]


def _companies(groups: Sequence[list[_Window]]) -> Iterator[list[list[_Window]]]:
    """The groups in scenes of 1, 2, 3, 4, 1, ... people; a pair never stands for one."""
    scene: list[list[_Window]] = []
    size = 1
    for group in groups:
        have = sum(map(len, scene))
        if scene and have + len(group) > size:
            yield scene
            scene, have, size = [], 0, size % MOST_PEOPLE + 1
        while have + len(group) > size:
            size = size % MOST_PEOPLE + 1
        scene.append(group)
        if have + len(group) == size:
            yield scene
            scene, size = [], size % MOST_PEOPLE + 1
    if scene:
        yield scene


def _named(filmed: Scenes, windows: Sequence[_Window]) -> Scenes:
    """The one scene, with what is padding, and with the names of the clips."""
    frames = filmed.valid.shape[-1]
    valid = np.stack([np.arange(frames) < len(window.body) for window in windows])
    return replace(filmed, valid=valid[None], names=(tuple(w.name for w in windows),))


def join(scenes: Sequence[Scenes], people: int) -> Scenes:
    """Scenes one after the other, with room for so many people in each."""
    def padded(array: NDArray[Any]) -> NDArray[Any]:
        missing = people - array.shape[1]
        return np.pad(array, [(0, 0), (0, missing), *[(0, 0)] * (array.ndim - 2)])

    arrays: dict[str, Any] = {
        name: np.concatenate([padded(getattr(scene, name)) for scene in scenes])
        for name in ('body_camera', 'rays', 'detected', 'hidden_by_self', 'hidden_by_person',
                     'hidden_by_object', 'out_of_view', 'valid')}
    return Scenes(
        **arrays,
        cameras=CameraPaths(*(np.concatenate([getattr(s.cameras, name) for s in scenes])
                              for name in ('rotation', 'position', 'half_view', 'kind'))),
        boxes=Boxes(*(np.concatenate([getattr(s.boxes, name) for s in scenes])
                      for name in ('centre', 'half', 'yaw'))),
        names=tuple((*row, *('',) * (people - len(row))) for s in scenes for row in s.names),
    )
