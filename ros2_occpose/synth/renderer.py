"""Pictures of a room with people in it, with exact depth and ids.

Pixel coordinates follow OpenCV and ROS: the middle of the first pixel is at (0, 0).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


class Renderer:
    """Draws one room, one cast and one camera at many moments.

    Raises:
        CameraError: The camera has a lens; `lens.LensRenderer` bends pinhole pictures.
        ConfigError: moderngl or OpenGL is missing.
    """

    def __init__(self, room: Room, characters: Sequence[Character], camera: Camera,
                 samples: int = 4) -> None:
        if camera.d.any() or camera.distortion_model == 'equidistant':
            raise CameraError('Expected a pinhole camera without distortion; '
                              'use lens.LensRenderer for lenses.')
        self._camera = camera
        self._count = len(characters)
        self._context = open_context()
        self.machine = str(self._context.info['GL_RENDERER'])
        self._lighting = Lighting(self._context, room)
        self._drawing = Drawing(self._context, room, characters)
        self._looks, self._picture = _picture_buffers(self._context, camera.size, samples)
        self._truth = _truth_buffers(self._context, camera.size)

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
        for cast in (people, *((since.people,) if since else ())):
            if len(cast) != self._count:
                raise ShapeError(f'Expected {self._count} people, one for each character, '
                                 f'got {len(cast)}.')
        self._drawing.move(people, since.people if since else people)
        self._lighting.update(self._drawing)
        clip = clip_from_camera(self._camera) @ invert(world_from_camera)
        self._looks.use()
        self._looks.clear(0.0, 0.0, 0.0, 1.0)
        self._drawing.looks(clip, world_from_camera[:3, 3], self._lighting)
        self._context.copy_framebuffer(self._picture, self._looks)
        before = (clip_from_camera(self._camera) @ invert(since.world_from_camera)
                  if since else clip)
        depth, ids, flow = self._render_truth(clip, before, invert(world_from_camera)[2])
        return Rendered(self._read_image(), depth, ids, flow if since else None)

    def _render_truth(self, clip: Floats, before: Floats,
                      depth_row: Floats) -> tuple[Floats, Ints, Floats]:
        wide, high = self._camera.size
        self._truth.use()
        self._truth.clear(0.0, 0.0, 0.0, 0.0, depth=1.0)
        self._drawing.truth(clip, before, depth_row, self._camera.size)
        depth = _read(self._truth, 0, 1, np.float32).reshape(high, wide)
        ids = _read(self._truth, 1, 1, np.int32).reshape(high, wide)
        flow = _read(self._truth, 2, 2, np.float32).reshape(high, wide, 2)
        return np.where(depth > 0, depth, np.float32(np.inf)), ids, flow

    def _read_image(self) -> Image:
        wide, high = self._camera.size
        rgb = np.frombuffer(self._picture.read(components=3, alignment=1), np.uint8)
        return np.ascontiguousarray(rgb.reshape(high, wide, 3)[..., ::-1])

    def close(self) -> None:
        """Give the memory of the card back."""
        self._context.gc_mode = 'context_gc'
        self._context.release()

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


def _read(buffer: Any, attachment: int, components: int, dtype: type) -> Any:
    raw = buffer.read(components=components, attachment=attachment, alignment=1,
                      dtype='i4' if dtype is np.int32 else 'f4')
    return np.frombuffer(raw, dtype)
