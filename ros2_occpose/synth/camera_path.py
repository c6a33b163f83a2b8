"""How a robot, a hand or a tripod carries the camera through the room, and what odometry says.

Cameras are optical frames (x right, y down, z forward), the base is a body frame (x forward,
z up). Letters: P people, T frames.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from scipy.spatial.transform import Rotation

from ..errors import ConfigError, DataError
from ..geometry import Camera, se3
from ..types import Floats
from .floor import STEP_M, Floor, smooth_way
from .gait import along

KINDS = ('robot', 'handheld', 'static', 'pan')
_TRIES = 160
_FREE_M = 0.4               # from the camera to furniture and walls
_PEOPLE_M = 1.3             # and to the middle of people
_SEEN = 0.6                 # least share of people and frames in the image, if it can be had
_HEIGHT_M = {'robot': (0.3, 1.3), 'handheld': (1.35, 1.7), 'static': (0.9, 2.1),
             'pan': (0.9, 1.9)}
_SPEED_M_S = {'robot': (0.3, 0.7), 'handheld': (0.4, 0.9)}
_TURN_RAD_S = {'robot': 0.7, 'handheld': 1.2}
_LAG_S = 0.8                # with which a carrier follows people
_LEVEL = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])   # body_from_optical of a level camera


@dataclass(frozen=True, kw_only=True)
class CameraWay:
    """Where a camera is in each frame."""

    kind: str                   # one of KINDS
    world_from_camera: Floats   # (T, 4, 4)
    base_from_camera: Floats    # (4, 4) how it is fixed to what odometry speaks of

    @property
    def world_from_base(self) -> Floats:
        """(T, 4, 4)."""
        return np.asarray(self.world_from_camera @ np.linalg.inv(self.base_from_camera))


def draw_camera_way(rng: Generator, kind: str, people: Floats, floor: Floor, area: Floats,
                    fps: float, camera: Camera) -> CameraWay:
    """A way on which the camera touches nothing and has people in its image most of the time.

    Args:
        rng: Source of chance.
        kind: One of KINDS.
        people: Their pelvises, (P, T, 3) [m].
        floor: The room.
        area: Corners of the part of it where the camera is, (2, 2) [m].
        fps: Frames a second.
        camera: Its lens.

    Raises:
        ConfigError: The kind is unknown.
        DataError: There is no such way.
    """
    if kind not in KINDS:
        raise ConfigError(f'Expected a camera of {", ".join(KINDS)}, got {kind!r}.')
    best, most = None, -1.0
    for _ in range(_TRIES):
        way = _draw(rng, kind, people, area, fps, camera)
        eye = way.world_from_camera[:, :3, 3]
        if floor.clearance(eye[:, :2]).min() < _FREE_M:
            continue
        if np.linalg.norm(people[..., :2] - eye[:, :2], axis=-1).min() < _PEOPLE_M:
            continue
        seen = in_view(way, people, camera)
        if seen > most:
            best, most = way, seen
        if most >= _SEEN:
            break
    if best is None:
        raise DataError(f'Expected a way for a {kind} camera past furniture and people, found '
                        f'none in {_TRIES} tries; ask for fewer occluders or people.')
    return best


def in_view(way: CameraWay, people: Floats, camera: Camera) -> float:
    """Share of people and frames in which a pelvis (P, T, 3) is in the image, hidden or not."""
    away = people - way.world_from_camera[:, :3, 3]
    points = np.einsum('ptd,tde->pte', away, way.world_from_camera[:, :3, :3])
    return float(camera.contains(camera.project(points)).mean())


def _draw(rng: Generator, kind: str, people: Floats, area: Floats, fps: float,
          camera: Camera) -> CameraWay:
    frames = people.shape[1]
    now = np.arange(frames) / fps
    height = float(rng.uniform(*_HEIGHT_M[kind]))
    middle = people.mean(0)                                                     # (T, 3)
    place = _places(rng, kind, area, now)                                       # (T, 2)
    aim = _lagging(middle, round(_LAG_S * fps)) if kind in _SPEED_M_S else middle.mean(0)[None]
    yaw = _yaws(rng, kind, place, aim, now, camera)
    pitch = _pitch(rng, height, place, middle)
    shake = {'robot': (0.004, 0.006), 'handheld': (0.02, 0.03)}.get(kind, (0.0, 0.0))
    speed = np.linalg.norm(np.gradient(place, axis=0), axis=-1) * fps
    moving = np.minimum(speed / 0.3, 1)[:, None]
    tilt = (wobble(rng, now, 2, (0.15, 0.8), shake[0]) * moving
            + wobble(rng, now, 2, (1.0, 4.0), shake[1]))
    turns = Rotation.from_euler('ZYX', np.stack([yaw, tilt[:, 0], tilt[:, 1]], -1)).as_matrix()
    mounted = Rotation.from_euler('Y', pitch).as_matrix() @ _LEVEL
    if kind == 'robot':                             # odometry speaks of a base on the floor
        bounce = wobble(rng, now, 1, (0.1, 0.5), 0.002) * moving
        base = np.concatenate([place, bounce], -1)
        base_from_camera = se3(mounted, np.array([0.12, 0.0, height]))
    else:
        step = 0.02 if kind == 'handheld' else 0.0
        sway = (wobble(rng, now, 3, (0.45, 0.6), step) * moving
                + wobble(rng, now, 3, (1.5, 5.0), 1.5 * step))
        base = np.concatenate([place, np.full((frames, 1), height)], -1) + sway
        base_from_camera = se3(mounted, np.zeros(3))
    world_from_base = np.tile(np.eye(4), (frames, 1, 1))
    world_from_base[:, :3, :3], world_from_base[:, :3, 3] = turns, base
    return CameraWay(kind=kind, world_from_camera=world_from_base @ base_from_camera,
                     base_from_camera=base_from_camera)


def _places(rng: Generator, kind: str, area: Floats, now: Floats) -> Floats:
    """Where the camera is on the floor, (T, 2) [m]."""
    if kind not in _SPEED_M_S:
        return np.tile(_somewhere(rng, area), (len(now), 1))
    speed = rng.uniform(*_SPEED_M_S[kind])
    course = 0.7 + 0.5 * np.sin(2 * np.pi * (now / rng.uniform(5, 9) + rng.random()))
    gone = speed * np.concatenate([[0.0], np.cumsum(course[1:] * np.diff(now))])
    corners: list[Floats] = [_somewhere(rng, area)]
    for _ in range(40):
        corner = _somewhere(rng, area)
        if 0.8 < np.linalg.norm(corner - corners[-1]) < 4.0:
            corners.append(corner)
        if len(corners) > 2 and len(smooth_way(np.stack(corners))) * STEP_M > gone[-1] + 0.1:
            break
    if len(corners) < 2:
        corners.append(corners[0] + np.array([0.0, 0.9]))
    return along(smooth_way(np.stack(corners)), gone)[0]


def _somewhere(rng: Generator, area: Floats) -> Floats:
    """A point of an area, (2,)."""
    return np.asarray(rng.uniform(area[0], area[1]))


def _yaws(rng: Generator, kind: str, place: Floats, aim: Floats, now: Floats,
          camera: Camera) -> Floats:
    """Where the camera looks, (T,) [rad]: at people, beside them, or to and fro."""
    to = aim[:, :2] - place
    wanted = np.unwrap(np.arctan2(to[:, 1], to[:, 0]))
    half = np.arctan(camera.width / 2 / camera.focal_px)
    wanted = np.asarray(wanted + rng.uniform(-0.25, 0.25) * half)
    if kind == 'static':
        return np.full(len(now), float(wanted[0]))
    if kind == 'pan':
        swing, period = rng.uniform(0.3, 0.6) * half, rng.uniform(6.0, 10.0)
        return np.array(wanted[0] + swing * np.sin(2 * np.pi * (now / period + rng.random())))
    wanted = wanted + wobble(rng, now, 1, (4.0, 12.0), 0.15 * half)[:, 0]
    step = _TURN_RAD_S[kind] * (now[1] - now[0] if len(now) > 1 else 0.0)
    yaw = np.zeros(len(wanted))
    yaw[0] = wanted[0]
    for t in range(1, len(wanted)):
        yaw[t] = yaw[t - 1] + np.clip(wanted[t] - yaw[t - 1], -step, step)
    return yaw


def _pitch(rng: Generator, height: float, place: Floats, people: Floats) -> float:
    """How far the camera looks down [rad], so that people at their mean distance are whole."""
    far = float(np.linalg.norm(people[:, :2] - place, axis=-1).mean())
    return float(np.arctan2(height - 0.9, far) + rng.normal(0, 0.02))


def _lagging(path: Floats, frames: int) -> Floats:
    """The mean of the last frames of a path (T, D)."""
    frames = max(frames, 1)
    padded = np.concatenate([np.repeat(path[:1], frames, 0), path]).cumsum(0)
    return np.asarray((padded[frames:] - padded[:-frames]) / frames)


def wobble(rng: Generator, now: Floats, width: int, seconds: tuple[float, float],
           size: float) -> Floats:
    """Smooth movement around 0 with periods between two times, (T, width), of std `size`."""
    period = seconds[0] * (seconds[1] / seconds[0]) ** rng.random((5, 1, width))
    phase = rng.uniform(0, 2 * np.pi, period.shape)
    height = rng.normal(0, size * np.sqrt(2 / 5), period.shape)
    return np.asarray((height * np.sin(2 * np.pi * now[:, None] / period + phase)).sum(0))


@dataclass(frozen=True, kw_only=True)
class Disturbance:
    """How wrong a known camera pose is."""

    turn_deg: float = 0.0       # std of the turn, about an axis of any direction
    shift_m: float = 0.0        # std of the shift, its length
    memory_s: float = 0.0       # time over which errors stay alike; 0: anew in each frame
    late_s: float = 0.0         # poses carry a stamp that is so much too late

    def __str__(self) -> str:
        parts = [f'{self.turn_deg:g} deg, {100 * self.shift_m:g} cm'] if self.turn_deg else []
        if self.turn_deg and self.memory_s:
            parts[0] += f' that change within {self.memory_s:g} s'
        parts += [f'stamps {1e3 * self.late_s:g} ms late'] if self.late_s else []
        return ' and '.join(parts) or 'the true pose'


def disturb(rng: Generator, world_from_camera: Floats, stamps_ns: Floats,
            how: Disturbance) -> Floats:
    """Camera poses (T, 4, 4) as a robot would know them."""
    frames = len(world_from_camera)
    noise = rng.normal(0, 1 / np.sqrt(3), (frames, 6))
    if how.memory_s:
        step_s = np.diff(stamps_ns) / 1e9
        keep = np.exp(-step_s / how.memory_s)
        for t in range(1, frames):                  # Ornstein and Uhlenbeck
            noise[t] = keep[t - 1] * noise[t - 1] + np.sqrt(1 - keep[t - 1] ** 2) * noise[t]
    poses = _earlier(world_from_camera, stamps_ns, how.late_s)
    turned = Rotation.from_rotvec(np.radians(how.turn_deg) * noise[:, :3]).as_matrix()
    out = poses.copy()
    out[:, :3, :3] = poses[:, :3, :3] @ turned
    out[:, :3, 3] = poses[:, :3, 3] + how.shift_m * noise[:, 3:]
    return out


def _earlier(poses: Floats, stamps_ns: Floats, late_s: float) -> Floats:
    """The pose of `late_s` before each stamp; of before the first, the first."""
    if not late_s:
        return poses
    at = np.clip(stamps_ns - late_s * 1e9, stamps_ns[0], stamps_ns[-1])
    turns = Rotation.from_matrix(poses[:, :3, :3])
    out = poses.copy()
    after = np.clip(np.searchsorted(stamps_ns, at), 1, len(stamps_ns) - 1)
    share = (at - stamps_ns[after - 1]) / (stamps_ns[after] - stamps_ns[after - 1])
    way = (turns[after - 1].inv() * turns[after]).as_rotvec()
    out[:, :3, :3] = (turns[after - 1] * Rotation.from_rotvec(share[:, None] * way)).as_matrix()
    out[:, :3, 3] = ((1 - share)[:, None] * poses[after - 1, :3, 3]
                     + share[:, None] * poses[after, :3, 3])
    return out
