"""Shadows: a map of depths from each light, and one of what is near the floor, from below it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..types import Floats
from .room import Light, Room

if TYPE_CHECKING:
    from .drawing import Drawing

_SHADOW_PX = 1024
_UNDERSIDE_PX = 256
_MAP_DEG = 140.0                # opening of a shadow map at most; beyond it there is no shadow
_NEAR_M, _FAR_M = 0.3, 30.0
_BLUR = 0.2                     # radius of the half-shadow on the floor, over the light's radius
_BOUNCE = 2.0                   # of the power of all lamps over the floor's area
_FIRST_UNIT = 1                 # of the textures that hold the maps; 0 is the paint
_GREY = 0.9                     # linear radiance that a white sheet gives in the middle of a room


class Lighting:
    """The lights of a room and their maps."""

    def __init__(self, context: Any, room: Room) -> None:
        self._context = context
        self._room = room
        self._maps = [context.depth_texture((_SHADOW_PX, _SHADOW_PX)) for _ in room.lights]
        for texture in self._maps:
            texture.compare_func = '<='
            texture.repeat_x = texture.repeat_y = False
        self._buffers = [context.framebuffer(depth_attachment=texture) for texture in self._maps]
        self._clips = [light_clip(light) for light in room.lights]
        self._underside = context.texture((_UNDERSIDE_PX, _UNDERSIDE_PX), 1, dtype='f2')
        self._underside.repeat_x = self._underside.repeat_y = False
        self._below = context.framebuffer(
            [self._underside], context.depth_renderbuffer((_UNDERSIDE_PX, _UNDERSIDE_PX)))

    def update(self, drawing: Drawing) -> None:
        """Draw the maps of what is there now."""
        for buffer, clip in zip(self._buffers, self._clips):
            buffer.use()
            buffer.clear(depth=1.0)
            drawing.shadow(clip)
        self._below.use()
        self._below.clear(0.0, depth=1.0)
        drawing.underside(_clip_from_below(self._room))
        self._underside.build_mipmaps(max_level=5)

    def bind(self, program: Any, eye: Floats) -> None:
        """Tell a program of the lights, and from where (3,) it is looked at."""
        lights = self._room.lights
        forward = [np.subtract(light.target, light.position) for light in lights]
        self._underside.use(_FIRST_UNIT)
        units = [_FIRST_UNIT + 1 + index for index in range(len(lights))]
        for unit, texture in zip(units, self._maps):
            texture.use(unit)
        values: dict[str, Any] = {
            'underside': _FIRST_UNIT,
            'shadow': np.array(units, 'i4').tobytes(),
            'ambient': self._room.ambient,
            'bounce': _bounce(self._room),
            'room': (self._room.size[0] / 2, self._room.size[1] / 2, self._room.height),
            'eye': tuple(eye),
            'exposure': exposure(self._room)}
        per_light: dict[str, list[Any]] = {
            'light_clip': [clip.T.ravel() for clip in self._clips],
            'light_at': [light.position for light in lights],
            'light_towards': [way / np.linalg.norm(way) for way in forward],
            'light_power': [light.power for light in lights],
            'light_cone': [(np.cos(np.radians(light.opening_deg / 2)), _softness(light),
                            light.size_m) for light in lights]}
        for name, rows in per_light.items():
            values[name] = np.array(rows, 'f4').tobytes()
        for name, value in values.items():
            if name not in program:
                continue
            if isinstance(value, bytes):
                program[name].write(value)
            else:
                program[name].value = value


def exposure(room: Room) -> float:
    """Factor that brings a room to the brightness of a well-exposed picture."""
    middle = np.array([0, 0, 1.0])
    light = np.array(room.ambient)
    for lamp in room.lights:
        square = ((middle - lamp.position) ** 2).sum()
        light = light + 0.6 * np.array(lamp.power) / (square + lamp.size_m ** 2 + 0.3)
    return float(_GREY / light.mean())


def _bounce(room: Room) -> tuple[float, float, float]:
    """Light that the floor throws back up: its colour, under all lamps on average."""
    area = room.size[0] * room.size[1]
    light = sum((np.array(lamp.power) for lamp in room.lights), np.zeros(3)) * _BOUNCE / area
    red, green, blue = (light * (0.3 + 0.7 * np.array(room.floor.colour) ** 2)).tolist()
    return red, green, blue


def light_clip(light: Light) -> Floats:
    """Projection (4, 4) of a light's map from the world."""
    forward = np.subtract(light.target, light.position)
    forward = forward / np.linalg.norm(forward)
    aside = np.array([1.0, 0, 0]) if abs(forward[2]) > 0.9 else np.array([0, 0, 1.0])
    right = np.cross(forward, aside)
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    view = np.eye(4)
    view[:3, :3] = (right, down, forward)
    view[:3, 3] = -view[:3, :3] @ light.position
    scale = 1 / np.tan(_half_map(light))
    a = (_FAR_M + _NEAR_M) / (_FAR_M - _NEAR_M)
    b = -2 * _FAR_M * _NEAR_M / (_FAR_M - _NEAR_M)
    clip = np.array([[scale, 0, 0, 0], [0, scale, 0, 0], [0, 0, a, b], [0, 0, 1, 0]])
    return np.asarray(clip @ view)


def _half_map(light: Light) -> float:
    return float(np.radians(min(light.opening_deg, _MAP_DEG) / 2))


def _softness(light: Light) -> float:
    """Radius of the half-shadow in the coordinates 0..1 of the map."""
    distance = np.linalg.norm(np.subtract(light.target, light.position))
    return float(_BLUR * light.size_m / (2 * np.tan(_half_map(light)) * distance))


def _clip_from_below(room: Room) -> Floats:
    """Orthographic (4, 4): the whole floor, seen from below it, up to the ceiling."""
    return np.array([[2 / room.size[0], 0, 0, 0], [0, 2 / room.size[1], 0, 0],
                     [0, 0, 2 / room.height, -1 + 1e-3], [0, 0, 0, 1]])
