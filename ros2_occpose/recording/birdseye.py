"""A map of the ground in the corner of an image: where people are around the camera, how sure."""
from __future__ import annotations

import cv2
import numpy as np

from ..geometry import Camera
from ..types import Floats, TrackState
from .canvas import Canvas
from .humans import Humans
from .palette import colour_bgr

WIDTH = 0.24                            # of the image
RANGES_M = (4.0, 8.0, 16.0, 32.0, 64.0)
VELOCITY_SHOWN_S = 1.0


def draw_birdseye(canvas: Canvas, humans: Humans, camera: Camera,
                  world_from_camera: Floats | None) -> None:
    """Draw the map: the camera below looks up; rings are metres."""
    axes = ground_axes(world_from_camera)                          # (2, 3) right, forward
    origin = np.zeros(3) if world_from_camera is None else world_from_camera[:3, 3]
    places = (humans.root - origin) @ axes.T                       # (N, 2) [m]
    shown = (humans.states != TrackState.LOST) & np.isfinite(places).all(-1)
    reach = _reach(places[shown & (humans.states != TrackState.TENTATIVE)])
    side = WIDTH * canvas.columns
    margin = 0.015 * canvas.columns
    x0, y0 = canvas.columns - side - margin, canvas.lines - side - margin
    canvas.shade((x0, y0, x0 + side, y0 + side), 0.7)
    eye = np.array([x0 + side / 2, y0 + 0.94 * side])
    scale = 0.88 * side / reach * np.array([1.0, -1.0])            # [px/m]
    panel = (x0, y0, x0 + side, y0 + side)
    _rings(canvas, eye, scale, reach, camera, panel)
    for row in np.flatnonzero(shown):
        place = eye + places[row] * scale
        if x0 < place[0] < x0 + side and y0 < place[1] < y0 + side:
            _person(canvas, humans, int(row), place, axes, scale)


def ground_axes(world_from_camera: Floats | None) -> Floats:
    """Unit vectors to the right and forward of the camera on the ground, (2, 3).

    In the frame of the results; without a camera pose the camera is taken to be level.
    """
    if world_from_camera is None:
        return np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    forward = world_from_camera[:3, 2] * (1, 1, 0)
    if np.linalg.norm(forward) < 1e-3:                             # looks straight down or up
        forward = -world_from_camera[:3, 1] * (1, 1, 0)
    forward = forward / np.linalg.norm(forward)
    return np.stack([np.cross(forward, (0.0, 0.0, 1.0)), forward])


def _reach(places: Floats) -> float:
    """A range that holds nearly everybody [m]; steps are coarse so that it rarely changes."""
    far = float(np.percentile(places[:, 1], 85)) if len(places) else 0.0
    return next((r for r in RANGES_M if r > 1.05 * far), RANGES_M[-1])


def _rings(canvas: Canvas, eye: Floats, scale: Floats, reach: float, camera: Camera,
           panel: tuple[float, float, float, float]) -> None:
    """Quarter ranges and the horizontal field of view, inside the panel only."""
    x0, y0, x1, y1 = (round(v) for v in panel)
    part = Canvas(canvas.image[y0:y1, x0:x1])
    part.text_scale = canvas.text_scale
    centre = eye - (x0, y0)
    grey = (150, 150, 150)
    edges = camera.rays(np.array([[0.0, camera.height / 2], [camera.width, camera.height / 2]]))
    rays = np.stack([edges[:, 0], np.ones(2)], -1)                 # left, right edge of the image
    rays = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
    for ray in rays:
        part.line(centre, centre + 2 * reach * ray * scale, grey, 1)
    for ring in np.linspace(reach / 4, reach, 4):
        cv2.circle(part.image, (round(centre[0]), round(centre[1])), round(ring * scale[0]),
                   (90, 90, 90), 1, cv2.LINE_AA)
        text, at = f'{ring:g} m', centre + ring * rays[1] * scale
        width, height = part.text_size(text, 0.7)
        beside = np.array([min(at[0] + 4, x1 - x0 - width - 3), max(at[1], height + 3)])
        part.text(text, _pair(beside), grey, 0.7)
    part.dot(centre, 3.0 * canvas.unit, (240, 240, 240))


def _person(canvas: Canvas, humans: Humans, row: int, place: Floats, axes: Floats,
            scale: Floats) -> None:
    colour, unit = colour_bgr(int(humans.ids[row])), canvas.unit
    covariance = axes @ humans.root_covariance[row] @ axes.T * np.outer(scale, scale)   # [px^2]
    if np.isfinite(covariance).all():
        variances, directions = np.linalg.eigh(covariance)
        angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1]))
        half = np.sqrt(np.maximum(variances[::-1], 0.25))
        cv2.ellipse(canvas.image, (_pair(place), _pair(2 * half), float(angle)), colour, 1,
                    cv2.LINE_AA)
    step = axes @ humans.velocity[row] * VELOCITY_SHOWN_S * scale
    if np.isfinite(step).all():
        canvas.line(place, place + step, colour, 1.5 * unit)
    seen = humans.states[row] == TrackState.TRACKED
    canvas.dot(place, 4.5 * unit, colour, hollow=not seen)
    canvas.text(str(humans.ids[row]), _pair(place + unit * np.array([6, -5])), colour, 0.8)


def _pair(values: Floats) -> tuple[float, float]:
    x, y = values.tolist()
    return x, y
