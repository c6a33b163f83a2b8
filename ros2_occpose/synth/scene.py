"""A whole scene from a seed: room, people, camera; and what the camera takes of it."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from ..body.character import Character, Posed
from ..errors import ConfigError, DataError
from ..geometry import Camera
from ..training.mocap.kinematics import BODY
from ..training.mocap.motion import load_motions
from ..types import Floats, Image, Ints
from .camera_path import KINDS, CameraWay, draw_camera_way
from .characters import characters
from .floor import Floor
from .furniture import draw_piece
from .lens import open_renderer
from .piece import Piece
from .renderer import Moment, Rendered
from .room import Room, draw_room
from .sensor import Sensor, SensorConfig, draw_sensor
from .staging import Cast, Repertoire, grounded, repertoire, stage
from .truth import Truth, boxes_of, sights

START_NS = 1_000_000_000_000        # stamp of the first picture: never 0, which means "unknown"
LENSES = ('pinhole', 'plumb_bob', 'fisheye')
_HFOV_DEG = {'pinhole': 72.0, 'plumb_bob': 72.0, 'fisheye': 118.0}
_PLUMB_BOB = (-0.27, 0.09, 0.0006, -0.0004, -0.012)
_EQUIDISTANT = (-0.012, 0.006, -0.004, 0.0006)
_ROOM_M = ((7.0, 8.2), (6.5, 8.0))
_CAMERA_DEEP = 0.28                 # share of the room's length that is the camera's
_GAP_M = 1.0                        # between the part of the camera and that of the people
_WALL_M = 0.6
_KINDS = ('shelf', 'pillar', 'screen', 'boxes', 'table', 'sofa', 'cupboard', 'plant')
_BETWEEN_M = 0.5                    # between pieces, at least
_LOOKS = 6                          # stagings that are drawn; the one hidden as wanted is taken
_TRIES = 200
_PER_PIECE = 0.07                   # share of hidden points that is aimed at for each occluder
_MOST = 0.35
_DECOR = 5                          # pieces at the walls, where they hide little
_CLEAR_M = 0.5                      # that they leave around people and camera


@dataclass(frozen=True, kw_only=True)
class SceneOptions:
    """What a scene is drawn from.

    Raises:
        ConfigError: A number or a name cannot work.
    """

    people: int = 3
    seconds: float = 20.0
    seed: int = 0
    camera: str = 'robot'
    occluders: int = 4
    size: tuple[int, int] = (640, 480)
    fps: float = 30.0
    lens: str = 'pinhole'
    hfov_deg: float | None = None           # None: the usual one of the lens
    roles: tuple[str, ...] = ()             # (): drawn
    splits: tuple[str, ...] = ('train', 'validation')
    noise: float = 1.0                      # of the sensor, of the drawn one; 0: none
    blur: float = 1.0                       # of the time of exposure; 0: no motion blur
    jpeg_quality: int | None = None         # 0: none; None: drawn

    def __post_init__(self) -> None:
        if self.camera not in KINDS or self.lens not in LENSES:
            raise ConfigError(f'Expected a camera of {", ".join(KINDS)} and a lens of '
                              f'{", ".join(LENSES)}, got {self.camera} and {self.lens}.')
        if not 1 <= self.people <= 8 or not 0 <= self.occluders <= 12:
            raise ConfigError(f'Expected 1 to 8 people and 0 to 12 occluders, got {self.people} '
                              f'and {self.occluders}.')
        if not 0 < self.seconds <= 600 or not 1 <= self.fps <= 120:
            raise ConfigError(f'Expected up to 600 seconds and 1 to 120 frames a second, got '
                              f'{self.seconds:g} and {self.fps:g}.')
        if not 0 <= self.noise <= 10 or not 0 <= self.blur <= 10:
            raise ConfigError(f'Expected factors of noise and blur from 0 to 10, got '
                              f'{self.noise:g} and {self.blur:g}.')
        if self.roles and len(self.roles) != self.people:
            raise ConfigError(f'Expected a role for each of {self.people} people, got '
                              f'{len(self.roles)}.')


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is needed to film."""

    options: SceneOptions
    camera: Camera
    sensor: SensorConfig
    room: Room
    characters: tuple[Character, ...]
    cast: Cast
    way: CameraWay
    stamps_ns: Ints             # (T,)
    hidden: float               # share of the people's points inside the image behind furniture

    def __len__(self) -> int:
        return len(self.stamps_ns)

    def posed(self, frame: int) -> list[Posed | None]:
        """Everybody at a frame; None: not there."""
        return [one.pose(self.cast.rotations[i, frame], self.cast.root[i, frame])
                if self.cast.present[i, frame] else None
                for i, one in enumerate(self.characters)]


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One picture and what is true of it."""

    image: Image                # (H, W, 3) BGR
    truth: Truth


def draw_camera(options: SceneOptions) -> Camera:
    """The camera of a scene."""
    width, height = options.size
    hfov_deg = options.hfov_deg or _HFOV_DEG[options.lens]
    if options.lens == 'fisheye':
        half = np.radians(hfov_deg) / 2
        bent = half * (1 + sum(k * half ** (2 * i + 2) for i, k in enumerate(_EQUIDISTANT)))
        focal = width / 2 / bent
        k = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
        return Camera(width, height, k, 'equidistant', np.array(_EQUIDISTANT))
    ideal = Camera.from_hfov(width, height, hfov_deg)
    if options.lens == 'pinhole':
        return ideal
    return Camera(width, height, ideal.k, 'plumb_bob', np.array(_PLUMB_BOB))


def draw_scene(options: SceneOptions, mocap: Path,
               people: Sequence[Character] | None = None) -> Scene:
    """The scene of a seed; the same options give the same scene.

    Of several stagings the one is taken in which furniture hides about as much as the number of
    occluders lets one expect.

    Args:
        options: See there.
        mocap: Folder of motion capture.
        people: Who they are; None: drawn from the seed too.

    Raises:
        DataError: The recordings are missing, or nobody finds a place.
    """
    camera = draw_camera(options)
    plays = repertoire(load_motions(mocap, options.splits))
    if people is None:
        people = characters(options.people, options.seed)
    wanted = min(_PER_PIECE * options.occluders, _MOST)
    best: Scene | None = None
    problem: DataError | None = None
    for look in range(_LOOKS):
        rng = np.random.default_rng([options.seed, look])
        try:
            scene = _drawn(rng, options, camera, plays, people)
        except DataError as error:
            problem = error
            continue
        if best is None or abs(scene.hidden - wanted) < abs(best.hidden - wanted):
            best = scene
        if abs(best.hidden - wanted) < 0.2 * wanted + 0.01:
            break
    if best is None:
        raise problem or DataError('Expected a scene, got none.')
    return best


def _drawn(rng: Generator, options: SceneOptions, camera: Camera, plays: Repertoire,
           people: Sequence[Character]) -> Scene:
    """One staging."""
    size = (float(rng.uniform(*_ROOM_M[0])), float(rng.uniform(*_ROOM_M[1])))
    half = np.array(size) / 2
    edge = -half[0] + _CAMERA_DEEP * size[0]
    filming = np.array([-half + _WALL_M, [edge, half[1] - 1.2 * _WALL_M]])
    acting = np.array([[edge + _GAP_M, -half[1] + _WALL_M], half - _WALL_M])
    pieces = _occluders(rng, options.occluders, edge, half)
    floor = floor_of(size, pieces)
    roles = options.roles or _roles(rng, options.people, plays)
    cast = stage(rng, plays, [one.offsets for one in people], roles, floor, acting,
                 options.seconds, options.fps)
    cast = grounded(cast, people)
    way = draw_camera_way(rng, options.camera, cast.root, floor, filming, options.fps, camera)
    room = draw_room(rng, size=size, pieces=pieces, occluders=_DECOR, keep_clear=_clear(cast, way))
    stamps = START_NS + np.round(np.arange(cast.root.shape[1]) * 1e9 / options.fps).astype(int)
    return Scene(options=options, camera=camera, sensor=sensor_of(options), room=room,
                 characters=tuple(people), cast=cast, way=way, stamps_ns=stamps,
                 hidden=hidden_share(camera, way, people, cast, floor_of(size, room.pieces)))


def _clear(cast: Cast, way: CameraWay) -> Floats:
    """Discs that stay free for people and camera, (N, 3) [m]."""
    places = np.concatenate([cast.root[:, ::5, :2].reshape(-1, 2),
                             way.world_from_camera[::5, :2, 3]])
    return np.concatenate([places, np.full((len(places), 1), _CLEAR_M)], 1)


def _roles(rng: Generator, people: int, plays: Repertoire) -> tuple[str, ...]:
    """Mostly walkers; from three people on somebody may stand, from four on a couple may dance."""
    roles = ['walk'] * people
    if people >= 4 and plays.pairs and rng.random() < 0.5:
        roles[:2] = ['dance', 'dance']
    if people >= 2 and rng.random() < 0.7:
        roles[-1] = 'stand'
    return tuple(roles)


def sensor_of(options: SceneOptions) -> SensorConfig:
    """An ordinary sensor of this seed, as noisy and as slow as the options want it."""
    drawn = draw_sensor(np.random.default_rng([options.seed, 1 << 16]))
    quality = drawn.jpeg_quality if options.jpeg_quality is None else options.jpeg_quality
    noise = options.noise
    return replace(
        drawn, shutter=min(drawn.shutter * options.blur, 1.0), jpeg_quality=quality,
        mosaic=drawn.mosaic and noise > 0,
        full_well_e=drawn.full_well_e / noise ** 2 if noise else 0.0,
        read_noise_e=drawn.read_noise_e / noise if noise else 0.0)


def _occluders(rng: Generator, count: int, edge: float, half: Floats) -> list[Piece]:
    """Furniture where it stands between the camera and people."""
    pieces: list[Piece] = []
    for _ in range(_TRIES):
        if len(pieces) == count:
            break
        piece = draw_piece(str(rng.choice(_KINDS)), rng)
        x = rng.uniform(edge + 0.4, half[0] - 2.2)
        y = rng.uniform(-half[1] + 1.4, half[1] - 1.4)
        piece = piece.placed((float(x), float(y)), float(np.pi / 2 + rng.normal(0, 0.6)))
        gaps = [np.hypot(x - p.position[0], y - p.position[1]) - piece.radius - p.radius
                for p in pieces]
        if all(gap > _BETWEEN_M for gap in gaps):
            pieces.append(piece)
    return pieces


def floor_of(size: tuple[float, float], pieces: Sequence[Piece]) -> Floor:
    """What stands on the floor of a room."""
    return Floor(half_m=(size[0] / 2, size[1] / 2),
                 centre=np.array([p.position for p in pieces], float).reshape(-1, 2),
                 half=np.array([p.size[:2] for p in pieces], float).reshape(-1, 2) / 2,
                 yaw=np.array([p.yaw for p in pieces], float),
                 height=np.array([p.height for p in pieces], float))


def hidden_share(camera: Camera, way: CameraWay, people: Sequence[Character], cast: Cast,
                 floor: Floor) -> float:
    """Share of the people's points inside the image that furniture hides, roughly."""
    step = slice(None, None, 5)
    body = np.stack([one.skeleton(cast.rotations[i, step], cast.root[i, step])[1]
                     for i, one in enumerate(people)], 1)                      # (T, P, 18, 3)
    poses = way.world_from_camera[step]
    away = body - poses[:, None, None, :3, 3]
    inside = camera.contains(camera.project(np.einsum('tpjd,tde->tpje', away, poses[:, :3, :3])))
    behind = floor.hides(poses[:, :3, 3], body)
    return float((inside & behind).sum() / max(int(inside.sum()), 1))


def film(scene: Scene) -> Iterator[Shot]:
    """Picture after picture, in the order of time.

    Raises:
        ConfigError: The renderer or its driver is missing.
    """
    sensor = Sensor(scene.sensor, scene.options.seed)
    before: Moment | None = None
    with open_renderer(scene.room, scene.characters, scene.camera) as renderer:
        for frame, stamp_ns in enumerate(scene.stamps_ns):
            now = Moment(scene.way.world_from_camera[frame], scene.posed(frame))
            drawn = renderer.render(now.world_from_camera, now.people, since=before or now)
            yield Shot(image=sensor.take(drawn, frame),
                       truth=truth_of(scene, now, drawn, int(stamp_ns)))
            before = now


def truth_of(scene: Scene, now: Moment, drawn: Rendered, stamp_ns: int) -> Truth:
    """What is true of one picture."""
    body = np.stack([np.full((len(BODY), 3), np.nan) if one is None else one.body
                     for one in now.people])
    sight, pixels = sights(scene.camera, now.world_from_camera, body, drawn.depth, drawn.ids)
    boxes_px, seen_px = boxes_of(drawn.ids, len(body))
    return Truth(stamp_ns=stamp_ns, world_from_camera=now.world_from_camera, body=body,
                 pixels=pixels, sight=sight, boxes_px=boxes_px, seen_px=seen_px)
