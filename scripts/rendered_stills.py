"""Rendered pictures like the labelled real ones: people of given heights in furnished rooms."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from labelled_people import FACE, Person
from numpy.random import Generator, default_rng

from ros2_occpose.body.character import Character, Posed
from ros2_occpose.geometry import Camera, se3
from ros2_occpose.skeleton import COCO17
from ros2_occpose.synth.renderer import Moment, Rendered, Renderer
from ros2_occpose.synth.room import draw_room
from ros2_occpose.synth.sensor import Sensor, draw_sensor
from ros2_occpose.synth.solids import turned
from ros2_occpose.synth.truth import Sight, boxes_of, sights
from ros2_occpose.training.mocap.motion import Motion
from ros2_occpose.types import Floats, Image

SIZE = (640, 480)
_SHARES = (0.3, 0.25, 0.2, 0.15, 0.1)       # of pictures with 1, 2, ... people
_APART_M = 0.5
_TALL_M = 1.55                              # from the ankles to the eyes
_CLEAR_M, _CAMERA_CLEAR_M = 0.45, 0.8
_BUMP_RAD, _BUMP_M = 0.006, 0.01            # how far a camera that is carried moves in a frame
_TRIES = 50


@dataclass(frozen=True)
class Still:
    """A picture, and who is in it."""

    image: Image
    people: list[Person]


def rendered_still(number: int, seed: int, cast: Sequence[Character], motions: Sequence[Motion],
                   heights_px: Floats, *, clean: bool = False) -> Still:
    """One of any number of pictures.

    Args:
        number: Of the picture; it has its own random numbers, from this and the seed.
        seed: Of all pictures.
        cast: Who may appear.
        motions: What they do.
        heights_px: Of real people; the picture is taken for a person of one of these heights.
        clean: Without what a sensor does.
    """
    rng = default_rng([seed, number])
    height_px = float(rng.choice(heights_px))
    camera = Camera.from_hfov(*SIZE, float(rng.uniform(55, 80)))
    away = max(camera.focal_px * _TALL_M / height_px * float(rng.uniform(0.85, 1.2)), 1.0)
    room_m = (max(away + float(rng.uniform(1.8, 4.5)), 4.5), float(rng.uniform(5.0, 8.5)))
    eye = np.array([-room_m[0] / 2 + 0.4, float(rng.uniform(-0.5, 0.5)),
                    float(rng.uniform(0.5, 1.9))])
    people = int(rng.choice(len(_SHARES), p=_SHARES)) + 1
    spots = _spots(rng, people, np.array([eye[0] + away, eye[1]]), eye, room_m)
    chosen = [cast[i] for i in rng.choice(len(cast), len(spots), replace=False)]
    now, before = zip(*(_posed(rng, who, motions, spot) for who, spot in zip(chosen, spots)))
    clear = np.array([[*spot, _CLEAR_M] for spot in spots] + [[*eye[:2], _CAMERA_CLEAR_M]])
    room = draw_room(rng, size=room_m, occluders=int(rng.integers(3, 10)), keep_clear=clear)
    pose = _aimed(rng, eye, now[0].body.mean(0))
    bump = se3(turned(tuple(rng.normal(0, _BUMP_RAD, 3))), rng.normal(0, _BUMP_M, 3))
    with Renderer(room, chosen, camera) as renderer:
        seen = renderer.render(pose, now, since=Moment(pose @ bump, before))
    image = seen.image if clean else Sensor(draw_sensor(rng), seed).take(seen, number)
    return Still(image, _people(camera, pose, now, seen))


def _spots(rng: Generator, people: int, first: Floats, eye: Floats,
           room_m: tuple[float, float]) -> list[Floats]:
    """Places on the floor, (2,) each: the first as given, the others near and apart."""
    spots = [first]
    for _ in range(_TRIES):
        if len(spots) == people:
            break
        spot = first + rng.normal(0, (1.2, 0.9))
        inside = (np.abs(spot) < np.array(room_m) / 2 - 0.4).all() and spot[0] > eye[0] + 1.2
        if inside and min(np.linalg.norm(spot - other) for other in spots) > _APART_M:
            spots.append(spot)
    return spots


def _posed(rng: Generator, who: Character, motions: Sequence[Motion],
           spot: Floats) -> tuple[Posed, Posed]:
    """A person in a recorded posture on a spot, and a frame earlier."""
    motion = motions[rng.integers(len(motions))]
    frame = int(rng.integers(1, len(motion)))
    turn = turned((float(rng.uniform(-np.pi, np.pi)), 0.0, 0.0))
    poses = []
    for index in (frame, frame - 1):
        rotations = motion.rotations[index].copy()
        rotations[0] = turn @ rotations[0]
        step = turn @ (motion.root[index] - motion.root[frame])
        root = np.array([spot[0] + step[0], spot[1] + step[1], 0.0])
        poses.append((rotations, root))
    lift = -float(who.lowest(*poses[0]))
    up = np.array([0, 0, lift])
    now, before = (who.pose(rotations, root + up) for rotations, root in poses)
    return now, before


def _aimed(rng: Generator, eye: Floats, target: Floats) -> Floats:
    """world_from_camera (4, 4) of a camera that has somebody somewhere in its picture."""
    z = target + rng.normal(0, (0.0, 0.12, 0.06)) * np.linalg.norm(target - eye) - eye
    z /= np.linalg.norm(z)
    x = np.cross(z, (0, 0, 1.0))
    x /= np.linalg.norm(x)
    roll = turned((float(rng.normal(0, 0.03)), 0.0, 0.0))
    return se3(np.stack([x, np.cross(z, x), z], 1) @ roll, eye)


def _people(camera: Camera, pose: Floats, posed: Sequence[Posed],
            seen: Rendered) -> list[Person]:
    body = np.stack([person.body for person in posed])
    sight, pixels = sights(camera, pose, body, seen.depth, seen.ids)
    boxes, areas = boxes_of(seen.ids, len(posed))
    joints = len(COCO17.joints)
    people = []
    for row in range(len(posed)):
        how, points = sight[row, :joints], np.nan_to_num(pixels[row, :joints], nan=-1.0)
        visible = how == Sight.SEEN
        hidden = (how != Sight.SEEN) & (how != Sight.OUT_OF_VIEW)
        told = how == Sight.BEHIND_ONESELF          # annotators mark these, but not in faces
        told[FACE] = False
        people.append(Person(points, visible | told, visible, hidden, boxes[row],
                             float(areas[row])))
    return [person for person in people if person.seen.any() and np.isfinite(person.box_px).all()]
