"""A simple body that walks: h36m17 and coco17 joints from waypoints and a height."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from ros2_occpose.skeleton import COCO17, H36M17
from ros2_occpose.types import Floats

_GRID_HZ = 240.0      # motion is computed on this grid, then read at the frames


@dataclass(frozen=True)
class Walker:
    """A person who is where the waypoints say, and nowhere before or after them."""

    waypoints: Sequence[tuple[float, float, float]]   # (time [s], x, y [m])
    height: float = 1.75                              # [m]
    facing_deg: float = 180.0                         # until the first step; 180: against x
    phase: float = 0.0                                # of the gait [rad]


def walk(walker: Walker, times_s: Floats) -> tuple[Floats, Floats]:
    """Joints in the world of a person at `times_s` (T,): h36m17 and coco17, (T, 17, 3) each [m].

    The legs are pendulums whose stance foot stays on the ground; a step is as long as the speed
    asks for.
    NaN where the person is not there.
    """
    way = np.asarray(walker.waypoints, float)                            # (n, 3)
    grid = np.arange(way[0, 0], way[-1, 0] + 1 / _GRID_HZ, 1 / _GRID_HZ)
    place = PchipInterpolator(way[:, 0], way[:, 1:], extrapolate=True)
    velocity = place.derivative()(np.minimum(grid, way[-1, 0]))          # (n, 2)
    speed = np.linalg.norm(velocity, axis=1)
    leg = 0.491 * walker.height
    step = np.clip(0.2 + 0.25 * speed, 0, 0.75) * np.clip(speed / 0.3, 0, 1)     # [m]
    swing = np.arcsin(step / (2 * leg))
    phase = walker.phase + np.cumsum(np.pi * speed / np.maximum(step, 0.2)) / _GRID_HZ
    tracks = np.stack([_heading(walker, velocity, speed), phase, swing], 1)
    at = np.clip(times_s, grid[0], grid[-1])
    heading, phase, swing = (np.interp(at, grid, column) for column in tracks.T)
    joints = _posture(walker.height, phase, swing)
    cos, sin = np.cos(heading), np.sin(heading)
    ground = place(at)

    def world(names: Sequence[str]) -> Floats:
        body = np.stack([joints[name] for name in names], 1)             # (T, J, 3)
        out = np.stack([cos[:, None] * body[..., 0] - sin[:, None] * body[..., 1] + ground[:, :1],
                        sin[:, None] * body[..., 0] + cos[:, None] * body[..., 1] + ground[:, 1:],
                        body[..., 2]], -1)
        out[(times_s < way[0, 0] - 1e-9) | (times_s > way[-1, 0] + 1e-9)] = np.nan
        return out

    return world(H36M17.joints), world(COCO17.joints)


def _heading(walker: Walker, velocity: Floats, speed: Floats) -> Floats:
    """Where the chest points on the grid, (n,) [rad]; a person who stands keeps it."""
    moving = np.flatnonzero(speed > 0.1)
    if not len(moving):
        return np.full(len(speed), np.radians(walker.facing_deg))
    angle = np.unwrap(np.arctan2(velocity[moving, 1], velocity[moving, 0]))
    last = np.searchsorted(moving, np.arange(len(speed)), side='right') - 1
    return gaussian_filter1d(angle[np.maximum(last, 0)], 0.15 * _GRID_HZ, mode='nearest')


def _posture(height: float, phase: Floats, swing: Floats) -> dict[str, Floats]:
    """Joint name -> (T, 3): forward, left of and above the ground point under the hips.

    Segment lengths after Drillis and Contini, "Body Segment Parameters", 1966.
    """
    thigh, shin, ankle = 0.245 * height, 0.246 * height, 0.039 * height
    wave = np.arcsin(0.93 * np.sin(phase)) / np.arcsin(0.93)      # a rounded triangle: no skating
    up = ankle + (thigh + shin) * np.cos(swing * wave)            # hips above a straight leg

    def point(forward: Floats | float, left: float, up: Floats | float) -> Floats:
        return np.stack(np.broadcast_arrays(forward, left * height, up, phase)[:3], 1)

    def below(joint: Floats, angle: Floats, length: float) -> Floats:
        return joint + length * np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], 1)

    joints = {'hip': point(0.0, 0.0, up)}
    for side, sign in (('left', 1.0), ('right', -1.0)):
        angle = sign * swing * wave
        lift = np.maximum(sign * np.cos(phase), 0.0)
        flexion = 2.2 * swing * lift ** 2                         # the swinging knee bends
        hip = point(0.0, sign * 0.055, up)
        knee = below(hip, angle + 0.3 * flexion, thigh)
        shoulder = point(0.02 * height, sign * 0.105, up + 0.288 * height)
        elbow = below(shoulder, -0.8 * angle, 0.186 * height)
        joints |= {
            f'{side}_hip': hip, f'{side}_knee': knee,
            f'{side}_ankle': below(knee, angle - 0.7 * flexion, shin),
            f'{side}_shoulder': shoulder, f'{side}_elbow': elbow,
            f'{side}_wrist': below(elbow, 0.35 - 0.8 * angle, 0.146 * height),
            f'{side}_eye': point(0.075 * height, sign * 0.018, up + 0.415 * height),
            f'{side}_ear': point(0.03 * height, sign * 0.042, up + 0.405 * height)}
    joints |= {'nose': point(0.085 * height, 0.0, up + 0.400 * height),
               'head': point(0.035 * height, 0.0, up + 0.460 * height)}
    joints['thorax'] = (joints['left_shoulder'] + joints['right_shoulder']) / 2
    joints['spine'] = (joints['thorax'] + joints['hip']) / 2
    return joints
