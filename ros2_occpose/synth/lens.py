"""Pictures through a lens: pinhole pictures of all directions it sees, bent by its model.

A lens of a moderate angle takes one wider pinhole picture, a fisheye up to five faces of a cube.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..body.character import Character, Posed
from ..geometry import Camera, Floats
from ..types import Bools, require_shape
from .renderer import SAMPLES, Moment, Rendered, Renderer, View, World
from .room import Room

_WIDEST_DEG = 88.0              # from the axis: what is imaged beyond stays black
_ONE_PICTURE_DEG = 60.0         # from the axis: a lens that sees less needs one pinhole picture
_MARGIN_PX = 2                  # around what is needed of a pinhole picture
_ROUND_TRIP_PX = 0.5            # pixels whose ray does not come back to them are outside the lens
_SAME_SURFACE = 0.02            # of the inverse depth: neighbours that differ less are one surface

_CUBE = tuple(np.array(rows, float) for rows in (     # camera_from_facet
    [[1, 0, 0], [0, 1, 0], [0, 0, 1]],                # ahead
    [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],               # right
    [[0, 0, -1], [0, 1, 0], [1, 0, 0]],               # left
    [[1, 0, 0], [0, 0, 1], [0, -1, 0]],               # below
    [[1, 0, 0], [0, 0, -1], [0, 1, 0]]))              # above


@dataclass(frozen=True)
class Facet:
    """A pinhole picture, and which pixels of the bent one come from where in it."""

    camera: Camera
    camera_from_facet: Floats   # (3, 3)
    sees: Bools                 # (H, W) pixels that are taken from this picture
    map_px: Floats              # (H, W, 2) float32: where in it
    depth_scale: Floats         # (H, W) float32: depth of the bent picture, over that of this one


class LensRenderer:
    """As `Renderer`, for cameras with any lens that `Camera` knows.

    Raises:
        ConfigError: moderngl or OpenGL is missing.
    """

    def __init__(self, room: Room, characters: Sequence[Character], camera: Camera,
                 samples: int = SAMPLES) -> None:
        self._camera = camera
        self._world = World(room, characters)
        self.machine = self._world.machine
        self._facets = facets(camera)
        self._views = [View(self._world, facet.camera, samples) for facet in self._facets]

    def render(self, world_from_camera: Floats, people: Sequence[Posed | None],
               since: Moment | None = None) -> Rendered:
        """The room at one moment, as `Renderer.render`.

        Depth is interpolated within a surface and taken from the nearest pixel at its edges, as
        ids are. What the lens does not see is black, of depth inf and id 0.
        """
        require_shape('world_from_camera', world_from_camera, 4, 4)
        self._world.move(people, since.people if since else people)
        wide, high = self._camera.size
        out = Rendered(np.zeros((high, wide, 3), np.uint8),
                       np.full((high, wide), np.inf, np.float32), np.zeros((high, wide), np.int32),
                       np.zeros((high, wide, 2), np.float32) if since else None)
        for facet, view in zip(self._facets, self._views):
            turn = np.eye(4)
            turn[:3, :3] = facet.camera_from_facet
            before = since.world_from_camera if since else world_from_camera
            self._bend(facet, view.look(world_from_camera @ turn, before @ turn), out)
        return out

    def _bend(self, facet: Facet, flat: Rendered, out: Rendered) -> None:
        """Put what comes from one pinhole picture into the bent one."""
        sees = facet.sees
        out.image[sees] = _sample(flat.image, facet, cv2.INTER_LINEAR)[sees]
        out.ids[sees] = _sample(flat.ids.astype(np.float32), facet, cv2.INTER_NEAREST)[sees]
        inverse = (1 / flat.depth).astype(np.float32)
        near, smooth = (_sample(inverse, facet, how)[sees]
                        for how in (cv2.INTER_NEAREST, cv2.INTER_LINEAR))
        chosen = np.where(np.abs(smooth - near) < _SAME_SURFACE * near, smooth, near)
        with np.errstate(divide='ignore'):
            out.depth[sees] = facet.depth_scale[sees] / chosen
        if out.flow is not None and flat.flow is not None:
            flow = _sample(flat.flow, facet, cv2.INTER_NEAREST)[sees]           # (K, 2)
            out.flow[sees] = self._bent_flow(facet, flow)

    def _bent_flow(self, facet: Facet, flow: Floats) -> Floats:
        """Flow (K, 2) of the pinhole picture, at the pixels it is taken for, in the bent one."""
        rays = facet.camera.rays(facet.map_px[facet.sees].astype(float) - flow)
        directions = np.concatenate([rays, np.ones((len(rays), 1))], -1)
        came_from = self._camera.project(directions @ facet.camera_from_facet.T)
        here = np.argwhere(facet.sees)[:, ::-1]
        return np.nan_to_num(here - came_from)

    def close(self) -> None:
        """Give the memory of the card back."""
        self._world.close()

    def __enter__(self) -> LensRenderer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def open_renderer(room: Room, characters: Sequence[Character], camera: Camera,
                  samples: int = SAMPLES) -> Renderer | LensRenderer:
    """The renderer that a camera needs.

    Raises:
        ConfigError: moderngl or OpenGL is missing.
    """
    kind = Renderer if camera.straight else LensRenderer
    return kind(room, characters, camera, samples)


def facets(camera: Camera) -> list[Facet]:
    """The pinhole pictures that a lens needs."""
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([x, y], -1).astype(float)                                # (H, W, 2)
    rays = np.nan_to_num(camera.rays(pixels), nan=np.inf)
    tangent = np.linalg.norm(rays, axis=-1)
    seen = tangent < min(np.tan(np.radians(_WIDEST_DEG)), camera.widest)
    directions = np.concatenate([np.where(seen[..., None], rays, 0), np.ones((*x.shape, 1))], -1)
    off = np.linalg.norm(camera.project(directions) - pixels, axis=-1)
    seen &= off < _ROUND_TRIP_PX
    if tangent[seen].max() < np.tan(np.radians(_ONE_PICTURE_DEG)):
        return [_facet(camera, np.eye(3), seen, directions)]
    face = np.argmax([directions @ turn[:, 2] for turn in _CUBE], axis=0)
    return [_facet(camera, turn, seen & (face == i), directions) for i, turn in enumerate(_CUBE)
            if (seen & (face == i)).any()]


def _facet(camera: Camera, turn: Floats, sees: Bools, directions: Floats) -> Facet:
    local = directions @ turn                                                  # facet axes
    rays = local[..., :2] / np.where(sees, local[..., 2], 1)[..., None]
    low, high = rays[sees].min(0), rays[sees].max(0)
    focal = camera.focal_px
    wide, tall = (int(v) for v in np.ceil((high - low) * focal) + 2 * _MARGIN_PX + 1)
    (cx, cy) = _MARGIN_PX - low * focal
    pinhole = Camera(wide, tall, np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]]))
    scale = np.where(sees, 1 / np.where(sees, local[..., 2], 1), 0)   # z of the camera is 1
    return Facet(pinhole, turn, sees, (rays * focal + (cx, cy)).astype(np.float32),
                 np.asarray(scale, np.float32))


def _sample(picture: NDArray[Any], facet: Facet, how: int) -> NDArray[Any]:
    return np.asarray(cv2.remap(picture, facet.map_px[..., 0], facet.map_px[..., 1], how))
