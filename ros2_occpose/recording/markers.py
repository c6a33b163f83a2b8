"""What RViz and Foxglove show of people, as plain shapes: bones, joints, label, uncertainty."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from ..body.coarse import coarse
from ..body.meshes import Meshes
from ..config import ShapesConfig
from ..geometry import quat_wxyz_from_matrix
from ..skeleton import H36M17
from ..types import Bools, Floats, Ints, TrackState
from .humans import UPPER, Humans, inferred
from .palette import colour

BONE_M, HIDDEN_BONE_M, JOINT_M, TEXT_M = 0.035, 0.018, 0.06, 0.16      # widths, text height [m]
HIDDEN_ALPHA, ROOT_ALPHA, JOINT_ALPHA = 0.35, 0.18, 0.1
SEEN_SKIN_ALPHA, HIDDEN_SKIN_ALPHA = 0.9, 0.3
SKIN_VERTICES = 700         # of a body in markers: each triangle is three points of 24 bytes
LABEL_ABOVE_HEAD_M = 0.3
VELOCITY_SHOWN_S = 0.5      # the arrow ends where the person will be after this time


class Shape(IntEnum):
    """The values of visualization_msgs/Marker.type that are used."""

    ARROW = 0
    SPHERE = 2
    LINE_STRIP = 4
    LINE_LIST = 5
    SPHERE_LIST = 7
    TEXT = 9
    TRIANGLE_LIST = 11


@dataclass(frozen=True, kw_only=True)
class Marker:
    """One visualization_msgs/Marker."""

    namespace: str
    id: int
    shape: Shape
    scale: tuple[float, float, float]
    rgba: tuple[float, float, float, float]
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    quat_wxyz: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    points: Floats = field(default_factory=lambda: np.zeros((0, 3)))     # (P, 3) [m]
    faces: Ints = field(default_factory=lambda: np.zeros((0, 3), int))   # (F, 3) rows of points
    text: str = ''


def markers_of(humans: Humans, wanted: ShapesConfig | None = None,
               meshes: Meshes | None = None) -> list[Marker]:
    """Everything to be shown of one frame; people just lost are not shown.

    Args:
        humans: Everybody.
        wanted: Which shapes.
        meshes: Of the same people, to be shown where `wanted` says so.
    """
    wanted, hidden = wanted or ShapesConfig(), inferred(humans)
    shown = [i for i in range(len(humans)) if humans.states[i] != TrackState.LOST]
    found = [marker for i in shown for marker in _person(humans, i, hidden[i], wanted)]
    if meshes is not None and wanted.meshes:
        found += [_skin(humans, i, hidden[i], meshes) for i in shown]
    return found


def _skin(humans: Humans, i: int, hidden: Bools, meshes: Meshes) -> Marker:
    """The body of a person: the less of it is seen, the paler."""
    stay, faces = coarse(meshes.body, SKIN_VERTICES)
    alpha = SEEN_SKIN_ALPHA + (HIDDEN_SKIN_ALPHA - SEEN_SKIN_ALPHA) * float(hidden.mean())
    person, skin = int(humans.ids[i]), meshes.vertices[i, stay]
    return Marker(namespace='mesh', id=person, shape=Shape.TRIANGLE_LIST, scale=(1.0, 1.0, 1.0),
                  rgba=(*colour(person), alpha), points=skin, faces=faces)


def _person(humans: Humans, i: int, hidden: Bools, wanted: ShapesConfig) -> Iterator[Marker]:
    person, rgb = int(humans.ids[i]), colour(int(humans.ids[i]))
    if wanted.skeletons:
        yield from _skeleton(person, rgb, humans.joints[i], hidden)
    if wanted.labels:
        state = TrackState(humans.states[i])
        yield Marker(
            namespace='label', id=person, shape=Shape.TEXT, scale=(0.0, 0.0, TEXT_M),
            rgba=(1.0, 1.0, 1.0, 1.0), position=_above(humans, i),
            text=f'{person}' if state is TrackState.TRACKED else f'{person} {state.name.lower()}')
    if wanted.ellipsoids:
        yield from _ellipsoid('uncertainty', person, (*rgb, ROOT_ALPHA), humans.root[i],
                              humans.root_covariance[i])
    if wanted.joint_ellipsoids:
        yield from _joint_ellipsoids(humans, i, rgb)
    if wanted.velocities and np.isfinite(humans.velocity[i]).all():
        tip = humans.root[i] + VELOCITY_SHOWN_S * humans.velocity[i]
        yield Marker(namespace='velocity', id=person, shape=Shape.ARROW, scale=(0.03, 0.07, 0.1),
                     rgba=(*rgb, 0.9), points=np.stack([humans.root[i], tip]))


def _skeleton(person: int, rgb: tuple[float, float, float], joints: Floats,
              hidden: Bools) -> Iterator[Marker]:
    known: Bools = np.asarray(np.isfinite(joints).all(-1))
    bones = [bone for bone in H36M17.bones if known[list(bone)].all()]
    for name, width, alpha, wanted in (('seen', BONE_M, 1.0, False),
                                       ('hidden', HIDDEN_BONE_M, HIDDEN_ALPHA, True)):
        pairs = [bone for bone in bones if hidden[list(bone)].any() == wanted]
        if pairs:
            yield Marker(namespace=f'{name}_bones', id=person, shape=Shape.LINE_LIST,
                         scale=(width, 0.0, 0.0), rgba=(*rgb, alpha),
                         points=joints[np.array(pairs).ravel()])
        chosen = known & (hidden == wanted)
        if chosen.any():
            yield Marker(namespace=f'{name}_joints', id=person, shape=Shape.SPHERE_LIST,
                         scale=(JOINT_M,) * 3, rgba=(*rgb, alpha), points=joints[chosen])


def _joint_ellipsoids(humans: Humans, i: int,
                      rgb: tuple[float, float, float]) -> Iterator[Marker]:
    first = int(humans.ids[i]) * len(H36M17.joints)
    for j, numbers in enumerate(humans.joint_covariance[i]):
        covariance = np.zeros((3, 3))
        covariance[UPPER] = covariance.T[UPPER] = numbers
        yield from _ellipsoid('joint_uncertainty', first + j, (*rgb, JOINT_ALPHA),
                              humans.joints[i, j], covariance)


def _ellipsoid(namespace: str, number: int, rgba: tuple[float, float, float, float],
               centre: Floats, covariance: Floats) -> Iterator[Marker]:
    """One standard deviation around a place, if both are known."""
    if not (np.isfinite(covariance).all() and np.isfinite(centre).all()):
        return
    variances, axes = np.linalg.eigh(covariance)
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    width = 2 * np.sqrt(np.maximum(variances, 1e-6))
    w, x, y, z = quat_wxyz_from_matrix(axes).tolist()
    yield Marker(namespace=namespace, id=number, shape=Shape.SPHERE,
                 scale=(float(width[0]), float(width[1]), float(width[2])), rgba=rgba,
                 position=_xyz(centre), quat_wxyz=(w, x, y, z))


def _above(humans: Humans, i: int) -> tuple[float, float, float]:
    """A place above the head: up is against y in an optical frame, along z in the world."""
    up = np.array((0.0, -1.0, 0.0) if humans.frame_id == humans.camera_frame else (0.0, 0.0, 1.0))
    head = humans.joints[i, H36M17.index('head')]
    return _xyz(head + LABEL_ABOVE_HEAD_M * up)


def _xyz(point: Floats) -> tuple[float, float, float]:
    x, y, z = point.tolist()
    return x, y, z
