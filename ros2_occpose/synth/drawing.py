"""What the card holds of a room and its people, and how it is drawn for each purpose."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..body.character import Character, Posed
from ..errors import ShapeError
from ..types import Floats
from . import shaders
from .room import Room
from .textures import SIZE, paint

if TYPE_CHECKING:
    from .lighting import Lighting

_PAINT_UNIT = 0


class Drawing:
    """The meshes of a room and of its cast, and their programs."""

    def __init__(self, context: Any, room: Room, characters: Sequence[Character]) -> None:
        context.enable(context.DEPTH_TEST)
        room_looks, person_looks = shaders.looks_fragments(len(room.lights))
        self._programs = {
            name: context.program(vertex_shader=vertex, fragment_shader=fragment)
            for name, (vertex, fragment) in {
                'shadow': (shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT),
                'underside': (shaders.UNDERSIDE_VERTEX, shaders.UNDERSIDE_FRAGMENT),
                'truth': (shaders.TRUTH_VERTEX, shaders.TRUTH_FRAGMENT),
                'room': (shaders.LOOKS_VERTEX, room_looks),
                'person': (shaders.LOOKS_VERTEX, person_looks)}.items()}
        self._room = _RoomMesh(context, room, self._programs)
        self._people = [_PersonMesh(context, character, self._programs)
                        for character in characters]

    def move(self, people: Sequence[Posed | None], before: Sequence[Posed | None]) -> None:
        """Put the people where they are; who was not there before did not move."""
        for mesh, now, then in zip(self._people, people, before, strict=True):
            mesh.move(now, then or now)

    def shadow(self, clip: Floats) -> None:
        """Depths only."""
        self._plain('shadow', clip)

    def underside(self, clip: Floats) -> None:
        """How near the floor the lowest things over it are, as seen from below the floor."""
        self._plain('underside', clip)

    def looks(self, clip: Floats, eye: Floats, lighting: Lighting) -> None:
        """Colours, as seen from a point (3,)."""
        # Nearest first, as a rule: what is hidden is not shaded.
        casts: dict[str, Sequence[_RoomMesh | _PersonMesh]] = {
            'person': self._people, 'room': [self._room]}
        for name, cast in casts.items():
            program = self._programs[name]
            _write(program, 'clip_from_world', clip)
            lighting.bind(program, eye)
            for mesh in cast:
                mesh.draw(name)

    def truth(self, clip: Floats, before: Floats, depth_row: Floats,
              size: tuple[int, int]) -> None:
        """Depth by a row (4,) of camera_from_world, ids, and the way since before [px]."""
        program = self._programs['truth']
        _write(program, 'clip_from_world', clip)
        _write(program, 'clip_from_world_before', before)
        program['depth_from_world'].value = tuple(depth_row)
        program['half_size'].value = (size[0] / 2, size[1] / 2)
        program['person'].value = 0
        self._room.draw('truth')
        for number, mesh in enumerate(self._people, start=1):
            program['person'].value = number
            mesh.draw('truth')

    def _plain(self, name: str, clip: Floats) -> None:
        _write(self._programs[name], 'clip_from_world', clip)
        self._room.draw(name)
        for mesh in self._people:
            mesh.draw(name)


class _RoomMesh:
    """Everything that stands still, in one buffer, with all its textures in one array."""

    def __init__(self, context: Any, room: Room, programs: dict[str, Any]) -> None:
        meshes = room.meshes()
        materials = tuple(dict.fromkeys(m for mesh in meshes for m in mesh.materials))
        layers = {material: layer for layer, material in enumerate(materials)}
        rows = {material: (layers[material], material.gloss, material.glow)
                for material in materials}
        columns: dict[str, Any] = {
            'position': np.concatenate([mesh.corners.reshape(-1, 3) for mesh in meshes]),
            'normal': np.concatenate([mesh.normals.reshape(-1, 3) for mesh in meshes]),
            'uv': np.concatenate([mesh.uv.reshape(-1, 2) for mesh in meshes]),
            'surface': np.concatenate([
                np.repeat(np.array([rows[m] for m in mesh.materials])[mesh.material], 3, 0)
                for mesh in meshes])}
        ids = np.concatenate([np.full(3 * len(mesh), -index) for index, mesh in enumerate(meshes)])
        buffers = {name: context.buffer(values.astype('f4').tobytes())
                   for name, values in columns.items()}
        buffers['before'] = buffers['position']
        buffers['id'] = context.buffer(ids.astype('i4').tobytes())
        self._arrays = {name: _array(context, program, buffers)
                        for name, program in programs.items() if name != 'person'}
        # Floor, walls and ceiling come first; they throw no shadow, and have no underside.
        self._shell = len(meshes[0]) * 3
        self._paints = context.texture_array(
            (SIZE, SIZE, len(materials)), 3,
            np.stack([paint(material)[::-1] for material in materials]).tobytes(), alignment=1)
        _smooth(context, self._paints)

    def draw(self, name: str) -> None:
        if name == 'room':
            self._paints.use(_PAINT_UNIT)
        array = self._arrays[name]
        if array.vertices > self._shell:
            array.render(vertices=array.vertices - self._shell, first=self._shell)
        if name not in ('shadow', 'underside'):
            array.render(vertices=self._shell)


class _PersonMesh:
    """One person, of whom the positions and normals change."""

    def __init__(self, context: Any, character: Character, programs: dict[str, Any]) -> None:
        count = len(character.rest_vertices)
        self._count, self._name, self._there = count, character.name, False
        self._positions, self._normals, self._before = (
            context.buffer(reserve=count * 12, dynamic=True) for _ in range(3))
        buffers = {'position': self._positions, 'normal': self._normals, 'before': self._before,
                   'uv': context.buffer(character.uv.astype('f4').tobytes())}
        faces = context.buffer(character.faces.astype('i4').tobytes())
        self._arrays = {name: _array(context, program, buffers, faces)
                        for name, program in programs.items() if name != 'room'}
        high, wide = character.texture.shape[:2]
        self._skin = context.texture((wide, high), 3,
                                     np.ascontiguousarray(character.texture[::-1]).tobytes(),
                                     alignment=1)
        _smooth(context, self._skin)

    def move(self, now: Posed | None, then: Posed | None) -> None:
        self._there = now is not None
        if now is None or then is None:
            return
        for posed in (now, then):
            if posed.vertices.shape != (self._count, 3):
                raise ShapeError(f'Expected {self._count} vertices of {self._name}, got '
                                 f'{posed.vertices.shape}; people come in the order of the '
                                 'characters.')
        for buffer, values in ((self._positions, now.vertices), (self._normals, now.normals),
                               (self._before, then.vertices)):
            buffer.write(np.ascontiguousarray(values, np.float32))

    def draw(self, name: str) -> None:
        if not self._there:
            return
        if name == 'person':
            self._skin.use(_PAINT_UNIT)
        self._arrays[name].render()


def _array(context: Any, program: Any, buffers: dict[str, Any], faces: Any = None) -> Any:
    """The vertex array with what a program asks for."""
    formats = {'uv': '2f', 'id': '1i'}
    content = [(buffer, formats.get(name, '3f'), name) for name, buffer in buffers.items()
               if name in program]
    return context.vertex_array(program, content, index_buffer=faces)


def _smooth(context: Any, texture: Any) -> None:
    texture.build_mipmaps()
    texture.filter = (context.LINEAR_MIPMAP_LINEAR, context.LINEAR)


def _write(program: Any, name: str, matrix: Floats) -> None:
    """OpenGL reads matrices by columns."""
    program[name].write(np.ascontiguousarray(matrix.T, np.float32))
