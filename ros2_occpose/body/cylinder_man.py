"""Cylinder Man: which joints a body of ten cylinders hides, its own or another person's.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019,
section 4: parts and radii as given there. A cylinder hides a point that lies behind its axial
section, the rectangle ABCD turned to the viewer (eq. 7). The paper projects orthogonally; here
the section faces the ray from the camera to the point, so that perspective is right at any
distance, and the point on the ray that is nearest to the axis decides.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import ShapeError
from ..skeleton import COCO17
from ..types import Bools, Floats, Ints

HEAD_RADIUS_M = 0.10
LIMB_RADIUS_M = 0.05                   # the torso's is the distance from neck to shoulder
THRESHOLD = 0.5                        # of the visibility: below, a joint counts as hidden
JOINTS = len(COCO17.joints)

# Each part: the joints at its two ends, whose middle counts. 'top' is the top of the head.
_PARTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ('head', ('left_shoulder', 'right_shoulder'), ('top',)),
    ('torso', ('left_shoulder', 'right_shoulder'), ('left_hip', 'right_hip')),
    *(
        (f'{side}_{part}', (f'{side}_{upper}',), (f'{side}_{lower}',))
        for part, upper, lower in (
            ('upper_arm', 'shoulder', 'elbow'),
            ('lower_arm', 'elbow', 'wrist'),
            ('thigh', 'hip', 'knee'),
            ('lower_leg', 'knee', 'ankle'),
        )
        for side in ('left', 'right')
    ),
)
PARTS = tuple(name for name, *_ in _PARTS)
PART_ENDS = tuple((first, last) for _, first, last in _PARTS)

# Nothing of the face is an end of the head's cylinder: its points lie near the surface, and an ear
# seen from the front just about in the section. So far must one be behind it to be hidden [m].
_FACE_MARGIN_M = 0.03
TOP_FROM_EARS = 1.6                   # neck to top of the head, over neck to ears
_CHUNK = 1024                          # frames worked on at once, so that they stay in the cache


def _margins() -> Floats:
    """How far behind each part's section a joint of the same body must lie, (10, 17) [m].

    Infinite where a joint belongs to the part.
    """
    margins = np.zeros((len(_PARTS), JOINTS), np.float32)
    for row, (name, *ends) in enumerate(_PARTS):
        own = [joint for end in ends for joint in end if joint != 'top']
        margins[row, COCO17.indices(*own)] = np.inf
        if name == 'head':
            face = COCO17.indices('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
            margins[row, face] = _FACE_MARGIN_M
    return margins


OWN_MARGINS = _margins()
_STRANGERS_MARGINS = np.zeros_like(OWN_MARGINS)


@dataclass(frozen=True)
class _Cylinders:
    """Ten cylinders in N frames; frames last, so that arithmetic runs along them."""

    start: Floats      # (10, 3, N) [m]
    axis: Floats       # (10, 3, N) [m] from the start to the end
    radius: Floats     # (10, N) [m]


def visibility(points_camera: Floats, softness_m: float = 0.0) -> Floats:
    """How visible the joints of a person are behind the own body: V of eq. 7.

    Args:
        points_camera: coco17 joints, with the top of the head as 18th where it is known, in
            camera coordinates, (..., 17 or 18, 3) [m].
        softness_m: 0 for the brackets of eq. 7; otherwise the width of the sigmoid in their place.

    Returns:
        Of the coco17 joints, (..., 17): 1 visible, 0 hidden. Compare with `THRESHOLD`.

    Raises:
        ShapeError: Not 17 or 18 points of 3 coordinates.
    """
    points = _frames_last(points_camera)                                       # (J, 3, N)
    out = _seen_past(points, points, OWN_MARGINS, softness_m)
    return out.T.reshape(*points_camera.shape[:-2], JOINTS)


def visibility_behind(points_camera: Floats, other_camera: Floats,
                      softness_m: float = 0.0) -> Floats:
    """How visible the joints of a person are behind another body, (..., 17).

    Args:
        points_camera: The person, (..., 17 or 18, 3) [m].
        other_camera: Who may stand before, of the same shape.
        softness_m: As in `visibility`.

    Raises:
        ShapeError: The shapes differ, or are not 17 or 18 points of 3 coordinates.
    """
    if points_camera.shape != other_camera.shape:
        raise ShapeError(f'Expected two people of one shape, got {points_camera.shape} and '
                         f'{other_camera.shape}.')
    out = np.ones((JOINTS, int(np.prod(points_camera.shape[:-2]))), np.float32)
    points, other = _frames_last(points_camera), _frames_last(other_camera)
    near = np.flatnonzero(_may_hide(points, other))
    if near.size:
        out[:, near] = _seen_past(points[..., near], other[..., near], _STRANGERS_MARGINS,
                                  softness_m)
    return out.T.reshape(*points_camera.shape[:-2], JOINTS)


def visibility_among(people_camera: Floats, softness_m: float = 0.0) -> Floats:
    """How visible the joints of each person are behind all others, own body apart.

    Args:
        people_camera: P people, (P, ..., 17 or 18, 3) [m].
        softness_m: As in `visibility`.

    Returns:
        (P, ..., 17).
    """
    out = np.ones((*people_camera.shape[:-2], JOINTS), np.float32)
    for person, points in enumerate(people_camera):
        for other, blocker in enumerate(people_camera):
            if other != person:
                out[person] *= visibility_behind(points, blocker, softness_m)
    return out


def hidden(visible: Floats) -> Bools:
    """Which joints count as hidden at some visibility."""
    return np.asarray(visible < THRESHOLD)


def _frames_last(points: Floats) -> Floats:
    """(..., J, 3) as contiguous float32 (J, 3, N)."""
    if points.ndim < 2 or points.shape[-1] != 3 or points.shape[-2] not in (JOINTS, JOINTS + 1):
        raise ShapeError(f'Expected {JOINTS} or {JOINTS + 1} points in 3D, (..., {JOINTS}, 3), '
                         f'got {points.shape}; convert to coco17 first.')
    flat = points.reshape(-1, *points.shape[-2:])
    return np.ascontiguousarray(np.moveaxis(flat, 0, -1), np.float32)


def _cylinders(body: Floats) -> _Cylinders:
    """The parts of a body (J, 3, N)."""
    neck = body[COCO17.indices('left_shoulder', 'right_shoulder')].mean(0)     # (3, N)
    ears = body[COCO17.indices('left_ear', 'right_ear')].mean(0)
    top = body[JOINTS] if len(body) > JOINTS else neck + TOP_FROM_EARS * (ears - neck)

    def middle(joints: tuple[str, ...]) -> Floats:
        return top if joints == ('top',) else np.asarray(body[COCO17.indices(*joints)].mean(0))

    start = np.stack([middle(first) for _, first, _ in _PARTS])
    axis = np.stack([middle(last) for _, _, last in _PARTS]) - start
    radius = np.full((len(_PARTS), body.shape[-1]), LIMB_RADIUS_M, np.float32)
    radius[PARTS.index('head')] = HEAD_RADIUS_M
    shoulder = body[COCO17.index('left_shoulder')]
    radius[PARTS.index('torso')] = np.linalg.norm(shoulder - neck, axis=0)
    return _Cylinders(start, axis, radius)


def _may_hide(points: Floats, other: Floats) -> Bools:
    """Frames in which a part of the other may lie before a point, (N,): nearer, and overlapping.

    Directions are compared on the unit sphere, so that who is beside the camera does no harm.
    """
    (centre, reach), (centre_other, reach_other) = _ball(points), _ball(other)
    length, length_other = (np.linalg.norm(c, axis=0) for c in (centre, centre_other))
    inside = (reach >= length) | (reach_other >= length_other)
    between = (centre * centre_other).sum(0) / np.maximum(length * length_other, 1e-6)
    spread = (np.arcsin(np.minimum(reach / np.maximum(length, 1e-6), 1))
              + np.arcsin(np.minimum(reach_other / np.maximum(length_other, 1e-6), 1)))
    overlap = np.arccos(np.clip(between, -1, 1)) < spread
    nearer = length_other - reach_other < length + reach
    return np.asarray(inside | (overlap & nearer))


def _ball(points: Floats) -> tuple[Floats, Floats]:
    """Centre (3, N) and radius (N,) of a ball around a body."""
    centre = (points.max(0) + points.min(0)) / 2
    reach = np.sqrt(((points - centre) ** 2).sum(1).max(0))
    return centre, reach + 0.25            # a torso is wider than its joints


def _seen_past(points: Floats, body: Floats, margins: Floats, softness_m: float) -> Floats:
    """Eq. 7: visibility (17, N) of points (J, 3, N) behind the parts of a body (J, 3, N)."""
    out = np.ones((JOINTS, points.shape[-1]), np.float32)
    for start in range(0, points.shape[-1], _CHUNK):
        part = slice(start, start + _CHUNK)
        man = _cylinders(body[..., part])
        for joints, behind in _behind(points[:JOINTS, :, part], man, margins):
            if softness_m > 0:
                with np.errstate(over='ignore'):
                    seen = 1 / (1 + np.exp(behind / np.float32(softness_m)))
            else:
                seen = behind <= 0
            out[joints, part] *= seen
    return out


def _behind(points: Floats, man: _Cylinders, margins: Floats) -> Iterator[tuple[Ints, Floats]]:
    """For each part: the joints it may hide, and how far these lie behind its section (K, N) [m].

    Minus infinity where the ray to the joint does not cross the section.
    """
    for start, axis, radius, margin in zip(man.start, man.axis, man.radius, margins):
        joints = np.flatnonzero(np.isfinite(margin))
        yield joints, _behind_one(points[joints], start, axis, radius, margin[joints])


def _behind_one(points: Floats, start: Floats, axis: Floats, radius: Floats,
                margin: Floats) -> Floats:
    """The same for one cylinder and points (K, 3, N).

    With the ray t p and the axis c + s a, both are nearest at the s and t below.
    """
    def dot(a: Floats, b: Floats) -> Floats:
        return np.asarray(a[..., 0, :] * b[..., 0, :] + a[..., 1, :] * b[..., 1, :]
                          + a[..., 2, :] * b[..., 2, :])

    aa, ac, cc = dot(axis, axis), dot(axis, start), dot(start, start)          # (N,)
    pp, ap, pc = dot(points, points), dot(points, axis), dot(points, start)    # (K, N)
    across = np.maximum(aa * pp - ap * ap, 1e-9)           # |a x p|^2
    s = (ap * pc - pp * ac) / across
    t = (aa * pc - ap * ac) / across
    apart = cc + s * ac - t * pc                           # squared distance of ray and axis
    crosses = (apart < radius * radius) & (s >= 0) & (s <= 1) & (t > 0)
    behind = (1 - t) * np.sqrt(across / np.maximum(aa, 1e-9)) - margin[:, None]
    return np.where(crosses, behind, np.float32(-np.inf))
