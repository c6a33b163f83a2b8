"""People drawn into the image: what is seen solid, what is hidden dashed, a map in a corner."""
from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from ..body.meshes import Meshes
from ..geometry import Camera, invert, transform
from ..skeleton import H36M17
from ..types import Bools, Floats, Image, TrackState
from .birdseye import draw_birdseye
from .canvas import DARK, Box, Canvas, Colour
from .humans import Humans, inferred
from .palette import colour_bgr
from .skins import draw_skins

BONE_WIDTH = 0.016          # of the person's height in the image
WIDTH_PX = (1.2, 6.0)       # bones are never thinner or thicker, at 960x720
OUTLINE = 0.7               # of the width, on both sides together
RIGHT_SIDE = 0.66           # brightness of the right arm and leg
SKIN, HIDDEN_SKIN = 0.8, 0.35   # opacity of bodies in full view, and of hidden ones
LEAST_LINES = 1080          # smaller images are enlarged for `draw_large`
STATE_TEXT = {TrackState.TENTATIVE: 'new', TrackState.OCCLUDED: 'hidden', TrackState.LOST: 'lost'}


@dataclass(frozen=True)
class _View:
    """One person as it appears in the image."""

    row: int
    joints_px: Floats       # (17, 2), NaN behind the camera
    hidden: Bools           # (17,)
    distance_m: float
    height_px: float


def draw_people(image: Image, humans: Humans, camera: Camera,
                world_from_camera: Floats | None = None, *, birdseye: bool = True,
                meshes: Meshes | None = None) -> Image:
    """A copy of the image with everybody in it.

    Args:
        image: (H, W, 3) BGR.
        humans: Positions in the world if `world_from_camera` is given, else in the camera.
        camera: Of this image.
        world_from_camera: (4, 4).
        birdseye: Whether a map of the ground is drawn into the lower right corner.
        meshes: Bodies of the same people, which are drawn instead of bones.
    """
    canvas = Canvas(image.copy())
    views = _views(humans, camera, world_from_camera)
    if meshes is not None:
        _draw_bodies(canvas, humans, views, meshes, camera, world_from_camera)
    else:
        _draw_bones(canvas, humans, views)
    taken: list[Box] = []
    for view in sorted(views, key=lambda v: v.distance_m):
        _draw_label(canvas, humans, view, taken)
    if birdseye:
        draw_birdseye(canvas, humans, camera, world_from_camera)
    return canvas.image


def draw_large(image: Image, humans: Humans, camera: Camera,
               world_from_camera: Floats | None = None, meshes: Meshes | None = None) -> Image:
    """The same, enlarged to at least 1080 lines: thin lines and text stay readable."""
    factor = max(1.0, LEAST_LINES / camera.height)
    if factor == 1.0:
        return draw_people(image, humans, camera, world_from_camera, meshes=meshes)
    size = (2 * round(camera.width * factor / 2), 2 * round(camera.height * factor / 2))
    stretch = np.array(size, float) / camera.size
    k = np.diag([*stretch, 1.0]) @ camera.k
    large = replace(camera, width=size[0], height=size[1], k=k)
    boxes = humans.boxes_px * np.tile(stretch, 2)
    scaled = replace(humans, boxes_px=boxes, keypoints_px=humans.keypoints_px * stretch)
    pixels = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    return draw_people(pixels, scaled, large, world_from_camera, meshes=meshes)


def _views(humans: Humans, camera: Camera, world_from_camera: Floats | None) -> list[_View]:
    joints = humans.joints
    if world_from_camera is not None:
        joints = transform(invert(world_from_camera), joints)
    pixels, hidden = camera.project(joints), inferred(humans)
    views = []
    for row in range(len(humans)):
        inside = pixels[row][np.isfinite(pixels[row]).all(-1)]
        if humans.states[row] == TrackState.LOST or len(inside) < 2:
            continue
        views.append(_View(
            row=row, joints_px=pixels[row], hidden=hidden[row],
            distance_m=float(np.linalg.norm(joints[row, H36M17.index('hip')])),
            height_px=float(np.ptp(inside[:, 1]))))
    return views


def _draw_bodies(canvas: Canvas, humans: Humans, views: list[_View], meshes: Meshes,
                 camera: Camera, world_from_camera: Floats | None) -> None:
    """Bodies, the paler the less of them is seen, and the corners of the boxes."""
    opacity = np.zeros(len(humans))
    for view in views:
        opacity[view.row] = SKIN + (HIDDEN_SKIN - SKIN) * float(view.hidden.mean())
    draw_skins(canvas.image, meshes, camera, world_from_camera, opacity)
    for view in views:
        _draw_box(canvas, humans, view, 2.0 * canvas.unit)


def _draw_bones(canvas: Canvas, humans: Humans, views: list[_View]) -> None:
    for view in sorted(views, key=lambda v: -v.distance_m):     # the nearest on top
        _draw_seen(canvas, humans, view)
    for view in views:
        _draw_hidden(canvas, humans, view)


def _draw_seen(canvas: Canvas, humans: Humans, view: _View) -> None:
    """Bones and joints that the camera sees, and the corners of the box."""
    width, bones = _width(canvas, view), _bones(view, hidden=False)
    for a, b in bones:      # all outlines first: they never cross a colour
        canvas.line(view.joints_px[a], view.joints_px[b], DARK, (1 + OUTLINE) * width)
    colour = colour_bgr(int(humans.ids[view.row]))
    for a, b in bones:
        canvas.line(view.joints_px[a], view.joints_px[b], _side(colour, b), width)
    for joint in np.flatnonzero(~view.hidden & np.isfinite(view.joints_px).all(-1)):
        canvas.dot(view.joints_px[joint], 1.15 * width, _side(colour, int(joint)))
    _draw_box(canvas, humans, view, min(width, 2.0 * canvas.unit))


def _draw_box(canvas: Canvas, humans: Humans, view: _View, width: float) -> None:
    box = humans.boxes_px[view.row]
    if np.isfinite(box).all():
        canvas.corners(box, colour_bgr(int(humans.ids[view.row])), width)


def _draw_hidden(canvas: Canvas, humans: Humans, view: _View) -> None:
    """Bones and joints that are inferred; drawn over everything that hides them."""
    width, colour = 0.7 * _width(canvas, view), colour_bgr(int(humans.ids[view.row]))
    for a, b in _bones(view, hidden=True):
        canvas.dashes(view.joints_px[a], view.joints_px[b], _side(colour, b), width)
    for joint in np.flatnonzero(view.hidden & np.isfinite(view.joints_px).all(-1)):
        canvas.dot(view.joints_px[joint], 1.8 * width, _side(colour, int(joint)), hollow=True)


def _width(canvas: Canvas, view: _View) -> float:
    low, high = (width * canvas.unit for width in WIDTH_PX)
    return float(np.clip(BONE_WIDTH * view.height_px, low, high))


def _bones(view: _View, *, hidden: bool) -> list[tuple[int, int]]:
    return [(a, b) for a, b in H36M17.bones if np.isfinite(view.joints_px[[a, b]]).all()
            and bool(view.hidden[a] or view.hidden[b]) == hidden]


def _side(colour: Colour, joint: int) -> Colour:
    """The person's colour, darker on the right side: swapped sides are seen at once."""
    dim = RIGHT_SIDE if H36M17.joints[joint].startswith('right') else 1.0
    b, g, r = (round(dim * value) for value in colour)
    return b, g, r


def _draw_label(canvas: Canvas, humans: Humans, view: _View,
                taken: list[Box]) -> None:
    """A tag above the head, moved up where another one stands."""
    row = view.row
    state = STATE_TEXT.get(TrackState(humans.states[row]), '')
    text = f'{humans.ids[row]}  {view.distance_m:.1f} m' + (f'  {state}' if state else '')
    known = view.joints_px[np.isfinite(view.joints_px).all(-1)]
    top = known[known[:, 1].argmin()]
    if not (0 <= top[0] < canvas.columns and -canvas.lines < top[1] < canvas.lines):
        return
    colour = colour_bgr(int(humans.ids[row]))
    taken.append(canvas.tag(text, (top[0], top[1] - 0.08 * view.height_px), colour,
                            filled=not state, avoid=taken))
