"""Pictures of a room with people in it, with exact depth and ids.

Pixel coordinates follow OpenCV and ROS: the middle of the first pixel is at (0, 0).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import numpy as np

from ..body.character import Character, Posed
from ..errors import CameraError, ShapeError
from ..geometry import Camera, invert
from ..types import Floats, Image, Ints, require_shape
from .drawing import Drawing
from .gl import open_context
from .lighting import Lighting
from .room import Room

NEAR_M, FAR_M = 0.05, 60.0
SAMPLES = 4                     # of a pixel's colour, for smooth edges
_TRUTH_CHANNELS = (1, 1, 2)     # depth, id, flow


@dataclass(frozen=True)
class Rendered:
    """What the camera sees at one moment, and what is true of each pixel's middle."""

    image: Image                    # (H, W, 3) BGR
    depth: Floats                   # (H, W) float32, m along the optical axis; inf: nothing
    ids: Ints                       # (H, W) int32: 0 the shell, k person k - 1, -1 - j piece j
    flow: Floats | None = None      # (H, W, 2) float32 px, since the moment asked for


@dataclass(frozen=True)
class Moment:
    """Where the camera and the people are."""

    world_from_camera: Floats               # (4, 4)
    people: Sequence[Posed | None]          # None: not there


class World:
    """A room and a cast on the card, for any number of views.

    Raises:
        ConfigError: moderngl or OpenGL is missing.
    """

    def __init__(self, room: Room, characters: Sequence[Character]) -> None:
        self._count = len(characters)
        self.context = open_context()
        self.machine = str(self.context.info['GL_RENDERER'])
        self.lighting = Lighting(self.context, room)
        self.drawing = Drawing(self.context, room, characters)

    def move(self, people: Sequence[Posed | None], before: Sequence[Posed | None]) -> None:
        """Put the people where they are, and say where they were.

        Raises:
            ShapeError: Not as many people as characters, or of another mesh.
        """
        for cast in (people, before):
            if len(cast) != self._count:
                raise ShapeError(f'Expected {self._count} people, one for each character, '
                                 f'got {len(cast)}.')
        self.drawing.move(people, before)
        self.lighting.update(self.drawing)

    def close(self) -> None:
        """Give the memory of the card back."""
        self.context.gc_mode = 'context_gc'
        self.context.release()


class View:
    """A pinhole camera in a world.

    Raises:
        CameraError: The camera has a lens; `lens.LensRenderer` bends pinhole pictures.
    """

    def __init__(self, world: World, camera: Camera, samples: int) -> None:
        if not camera.straight:
            raise CameraError('Expected a pinhole camera without distortion; '
                              'use lens.LensRenderer for lenses.')
        self._world = world
        self._camera = camera
        self._looks, self._picture = _picture_buffers(world.context, camera.size, samples)
        self._truth = _truth_buffers(world.context, camera.size)

    def look(self, world_from_camera: Floats, before: Floats) -> Rendered:
        """The world from here; flow since the camera was at `before`, (4, 4)."""
        camera_from_world = invert(world_from_camera)
        clip = clip_from_camera(self._camera) @ camera_from_world
        self._looks.use()
        self._looks.clear(0.0, 0.0, 0.0, 1.0)
        self._world.drawing.looks(clip, world_from_camera[:3, 3], self._world.lighting)
        self._world.context.copy_framebuffer(self._picture, self._looks)
        self._truth.use()
        self._truth.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._world.drawing.truth(clip, clip_from_camera(self._camera) @ invert(before),
                                  camera_from_world[2], self._camera.size)
        depth, ids, flow = (self._read(attachment, dtype)
                            for attachment, dtype in enumerate(('f4', 'i4', 'f4')))
        return Rendered(self._read_image(), np.where(depth > 0, depth, np.float32(np.inf)), ids,
                        flow)

    def _read(self, attachment: int, dtype: str) -> Any:
        wide, high = self._camera.size
        count = _TRUTH_CHANNELS[attachment]
        raw = self._truth.read(components=count, attachment=attachment, alignment=1, dtype=dtype)
        return np.frombuffer(raw, dtype).reshape((high, wide, count)[:3 if count > 1 else 2])

    def _read_image(self) -> Image:
        wide, high = self._camera.size
        rgb = np.frombuffer(self._picture.read(components=3, alignment=1), np.uint8)
        return np.ascontiguousarray(rgb.reshape(high, wide, 3)[..., ::-1])


class Renderer:
    """Draws one room, one cast and one camera at many moments.

    Raises:
        CameraError: The camera has a lens; `lens.LensRenderer` bends pinhole pictures.
        ConfigError: moderngl or OpenGL is missing.
    """

    def __init__(self, room: Room, characters: Sequence[Character], camera: Camera,
                 samples: int = SAMPLES) -> None:
        self._world = World(room, characters)
        self.machine = self._world.machine
        self._view = View(self._world, camera, samples)

    def render(self, world_from_camera: Floats, people: Sequence[Posed | None],
               since: Moment | None = None) -> Rendered:
        """The room at one moment.

        Args:
            world_from_camera: Pose of the camera, (4, 4).
            people: One for each character; None where a person is not there.
            since: An earlier moment, from which `flow` is wanted.

        Raises:
            ShapeError: Not as many people as characters, or of another mesh.
        """
        require_shape('world_from_camera', world_from_camera, 4, 4)
        self._world.move(people, since.people if since else people)
        seen = self._view.look(world_from_camera,
                               since.world_from_camera if since else world_from_camera)
        return seen if since else replace(seen, flow=None)

    def close(self) -> None:
        """Give the memory of the card back."""
        self._world.close()

    def __enter__(self) -> Renderer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def clip_from_camera(camera: Camera) -> Floats:
    """Projection (4, 4) of OpenGL from optical axes; the first row of pixels is y = -1."""
    (fx, skew, cx), (_, fy, cy) = camera.k[0], camera.k[1]
    wide, high = camera.size
    a, b = (FAR_M + NEAR_M) / (FAR_M - NEAR_M), -2 * FAR_M * NEAR_M / (FAR_M - NEAR_M)
    return np.array([[2 * fx / wide, 2 * skew / wide, (2 * cx + 1) / wide - 1, 0],
                     [0, 2 * fy / high, (2 * cy + 1) / high - 1, 0],
                     [0, 0, a, b],
                     [0, 0, 1, 0]])


def _picture_buffers(context: Any, size: tuple[int, int], samples: int) -> tuple[Any, Any]:
    """Where the picture is drawn, smooth at its edges, and where it is read from."""
    samples = min(samples, context.max_samples)
    drawn = context.framebuffer([context.renderbuffer(size, 4, samples=samples)],
                                context.depth_renderbuffer(size, samples=samples))
    return drawn, context.framebuffer([context.renderbuffer(size, 4)])


def _truth_buffers(context: Any, size: tuple[int, int]) -> Any:
    return context.framebuffer(
        [context.texture(size, 1, dtype='f4'), context.texture(size, 1, dtype='i4'),
         context.texture(size, 2, dtype='f4')], context.depth_renderbuffer(size))
