"""Bodies drawn into the image: shaded, translucent, the nearer ones in front.

Faces are painted from far to near into a layer that is laid over the image; all pixels of all
faces are found at once, so that NumPy is fast enough for several people a frame.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..body.mesh import vertex_normals
from ..body.meshes import Meshes
from ..geometry import Camera, invert, transform
from ..types import Floats, Image, Ints
from .palette import colour_bgr

LAYER_PX = 640 * 480            # larger images get a layer of so many pixels, enlarged
NEAREST_M = 0.1                 # what is nearer is not drawn
AMBIENT = 0.45                  # brightness where no light falls
_LIGHT = np.array([-0.35, -0.6, -0.72])     # where it comes from, in camera axes
_AT_ONCE = 1_000_000            # pixels of boxes around faces that are looked at together


@dataclass(frozen=True)
class _Faces:
    """Triangles as they appear in the layer, from far to near."""

    corners_px: Floats      # (F, 3, 2)
    person: Ints            # (F,)
    shade: Floats           # (F,) brightness


def draw_skins(image: Image, meshes: Meshes, camera: Camera, world_from_camera: Floats | None,
               opacity: Floats) -> None:
    """Draw everybody, in place.

    Args:
        image: (H, W, 3) BGR.
        meshes: Positions in the world if `world_from_camera` is given, else in the camera.
        camera: Of this image.
        world_from_camera: (4, 4).
        opacity: Of each person, (N,) 0..1; who has 0 is left out.
    """
    small = _smaller(camera)
    faces = _visible(meshes, small, world_from_camera, np.flatnonzero(opacity > 0))
    painted = np.full(small.height * small.width, -1, np.int64)
    for pixels, of in _pixels(faces.corners_px, small):
        painted[pixels] = of                    # of those that share a pixel the nearest is last
    there = np.flatnonzero(painted >= 0)
    if not len(there):
        return
    person, shade = faces.person[painted[there]], faces.shade[painted[there]]
    layer = np.zeros((small.height * small.width, 4), np.float32)
    colours = np.array([colour_bgr(int(number)) for number in meshes.ids], np.float32)
    layer[there, :3] = colours[person] * shade[:, None]
    layer[there, 3] = 1
    layer[there] *= opacity[person, None].astype(np.float32)
    _lay_over(image, layer.reshape(small.height, small.width, 4))


def _smaller(camera: Camera) -> Camera:
    """The camera of the layer: the same view with fewer pixels, where there are many."""
    share = np.sqrt(LAYER_PX / (camera.width * camera.height))
    if share >= 1:
        return camera
    size = np.maximum(np.round(share * np.array(camera.size)), 1).astype(int)
    stretch = np.diag([*(size / camera.size), 1.0])
    return replace(camera, width=int(size[0]), height=int(size[1]), k=stretch @ camera.k)


def _visible(meshes: Meshes, camera: Camera, world_from_camera: Floats | None,
             rows: Ints) -> _Faces:
    """Faces that are turned to the camera."""
    corners, depths, people, shades = [], [], [], []
    triangles, light = meshes.body.faces, _LIGHT / np.linalg.norm(_LIGHT)
    for row in rows:
        vertices = meshes.vertices[row].astype(float)
        if world_from_camera is not None:
            vertices = transform(invert(world_from_camera), vertices)
        normals = vertex_normals(vertices, triangles) @ light
        pixels = camera.project(vertices)
        pixels[vertices[:, 2] < NEAREST_M] = np.nan
        (ax, ay), (bx, by), (cx, cy) = (pixels[triangles[:, n]].T for n in range(3))
        # y is down, so that what is counter-clockwise from outside turns the other way here.
        front = np.flatnonzero((bx - ax) * (cy - ay) < (by - ay) * (cx - ax))    # not where NaN
        kept = triangles[front]
        corners.append(pixels[kept])
        depths.append(vertices[kept, 2].mean(1))
        people.append(np.full(len(kept), row))
        shades.append(AMBIENT + (1 - AMBIENT) * np.maximum(normals[kept].mean(1), 0))
    if not corners:
        return _Faces(np.zeros((0, 3, 2)), np.zeros(0, int), np.zeros(0))
    order = np.argsort(-np.concatenate(depths))
    return _Faces(np.concatenate(corners)[order], np.concatenate(people)[order],
                  np.concatenate(shades)[order])


def _pixels(corners_px: Floats, camera: Camera) -> Iterator[tuple[Ints, Ints]]:
    """Pixels whose middle lies in a face, and the faces, some faces at a time, in their order."""
    limit = np.array(camera.size) - 1
    low = np.maximum(np.ceil(corners_px.min(1)), 0).astype(np.int32)       # (F, 2)
    high = np.minimum(np.floor(corners_px.max(1)), limit).astype(np.int32)
    width, height = np.maximum(high - low + 1, 0).T
    counts = width * height
    edges, corner = _edges(corners_px - low[:, None]), low[:, 1] * camera.width + low[:, 0]
    until = np.cumsum(counts, dtype=np.int64)
    start = 0
    while start < len(counts):
        before = until[start - 1] if start else 0
        end = max(int(np.searchsorted(until, before + _AT_ONCE, 'right')), start + 1)
        some = slice(start, end)
        of = np.repeat(np.arange(start, end), counts[some])
        first = np.repeat(until[some] - counts[some] - before, counts[some])
        y, x = np.divmod(np.arange(len(of)) - first, width[of])
        inside = np.ones(len(of), bool)
        for a, b, c in edges:
            inside &= a[of] * y <= b[of] * x + c[of]
        kept = np.flatnonzero(inside)
        yield corner[of[kept]] + y[kept] * camera.width + x[kept], of[kept]
        start = end


def _edges(corners_px: Floats) -> list[tuple[Floats, Floats, Floats]]:
    """Numbers a, b, c (F,) of each side of faces: a point x, y is inside where a y <= b x + c."""
    found = []
    for start, end in ((0, 1), (1, 2), (2, 0)):
        px, py = corners_px[:, start].T
        qx, qy = corners_px[:, end].T
        a, b = qx - px, qy - py
        found.append((a, b, a * py - b * px))
    return found


def _lay_over(image: Image, layer: Floats) -> None:
    """Blend a layer (h, w, 4) of colours times opacity into an image of the same shape."""
    if layer.shape[:2] != image.shape[:2]:
        layer = np.asarray(cv2.resize(layer, image.shape[1::-1], interpolation=cv2.INTER_LINEAR),
                           np.float32)
    rows, columns = (np.flatnonzero(layer[..., 3].any(axis)) for axis in (1, 0))
    box = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    part = layer[box]
    image[box] = image[box] * (1 - part[..., 3:]) + part[..., :3]
