"""Cylinder Man: hides what stands behind its parts, by hand-made scenes and by brute force."""
from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

from ros2_occpose.body.cylinder_man import (
    HEAD_RADIUS_M,
    LIMB_RADIUS_M,
    PARTS,
    hidden,
    visibility,
    visibility_among,
    visibility_behind,
)
from ros2_occpose.errors import ShapeError
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import Bools, Floats

POINTS = (*COCO17.joints, 'head')
LIMBS = ('shoulder', 'elbow', 'wrist', 'hip', 'knee', 'ankle')
FACE = COCO17.indices('nose', 'left_eye', 'right_eye', 'left_ear', 'right_ear')
# Upright, facing the camera: x to its right (the person's left), y down, z away from it.
STANDING = {'nose': (0, -1.6, -0.105), 'eye': (0.03, -1.63, -0.08), 'ear': (0.075, -1.61, 0.0),
            'shoulder': (0.17, -1.4, 0), 'elbow': (0.25, -1.12, 0), 'wrist': (0.28, -0.87, 0),
            'hip': (0.1, -0.9, 0), 'knee': (0.11, -0.5, 0), 'ankle': (0.11, -0.08, 0),
            'head': (0, -1.72, 0)}


def person(yaw_deg: float = 0.0, at: tuple[float, float, float] = (0.0, 1.2, 4.0),
           **moved: tuple[float, float, float]) -> Floats:
    """Somebody (18, 3) before the camera, turned to the left; `moved` joints in body axes."""
    points = []
    for joint in POINTS:
        side, _, part = joint.rpartition('_')
        x, y, z = moved.get(joint) or STANDING[part]
        points.append((-x if side == 'right' and joint not in moved else x, y, z))
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    return np.array(points) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T + at


def names(visible: Floats) -> set[str]:
    """The hidden joints by name."""
    return {COCO17.joints[j] for j in np.flatnonzero(hidden(visible))}


def random_people(rng: np.random.Generator, count: int) -> Floats:
    """Bodies with limbs in all directions, in view of a camera, (N, 18, 3)."""
    out = []
    for _ in range(count):
        body = person(rng.uniform(-180, 180), at=(0, 0, 0))
        for side in ('left', 'right'):
            for chain in (LIMBS[:3], LIMBS[3:]):
                for parent, child in pairwise(chain):
                    a, b = (POINTS.index(f'{side}_{joint}') for joint in (parent, child))
                    step = rng.normal((0, 0.7, 0), 1)
                    body[b] = body[a] + 0.3 * step / np.linalg.norm(step)
        out.append(body + rng.uniform((-1, -1, 2), (1.5, 1.5, 6)))
    return np.array(out)


def solid_parts(body: Floats) -> list[tuple[Floats, Floats, float, list[str]]]:
    """Ends, radius and joints of each part, straight from the paper's figure 4."""
    at = dict(zip(POINTS, body))
    neck = (at['left_shoulder'] + at['right_shoulder']) / 2
    hips = (at['left_hip'] + at['right_hip']) / 2
    parts = [(neck, at['head'], 0.10, ['left_shoulder', 'right_shoulder']),
             (neck, hips, float(np.linalg.norm(neck - at['right_shoulder'])),
              ['left_shoulder', 'right_shoulder', 'left_hip', 'right_hip'])]
    for side in ('left', 'right'):
        for a, b in (('shoulder', 'elbow'), ('elbow', 'wrist'), ('hip', 'knee'),
                     ('knee', 'ankle')):
            ends = [f'{side}_{a}', f'{side}_{b}']
            parts.append((at[ends[0]], at[ends[1]], 0.05, ends))
    return parts


def ray_meets(point: Floats, start: Floats, end: Floats, radius: float, slack: float) -> bool:
    """Whether one of many points on the way to `point` lies inside a solid cylinder."""
    length = np.linalg.norm(point)
    way = np.arange(length - 5e-3, 0, -5e-3)[:, None] * point / length          # (K, 3)
    axis = (end - start) / np.linalg.norm(end - start)
    along = (way - start) @ axis
    off = np.linalg.norm(way - start - along[:, None] * axis, axis=1)
    length = np.linalg.norm(end - start)
    return bool(((off < radius + slack) & (along > -slack) & (along < length + slack)).any())


def brute_force(body: Floats, own: bool, blocker: Floats, slack: float) -> Bools:
    """Joints (17,) whose ray meets a solid part that they do not belong to."""
    out = np.zeros(17, bool)
    for start, end, radius, joints in solid_parts(blocker):
        for j, joint in enumerate(COCO17.joints):
            if not (own and joint in joints):
                out[j] |= ray_meets(body[j], start, end, radius, slack)
    return out


def test_the_parts_are_the_papers_ten() -> None:
    assert len(PARTS) == len(set(PARTS)) == 10
    assert (HEAD_RADIUS_M, LIMB_RADIUS_M) == (0.10, 0.05)


def test_nobody_hides_anything_who_stands_upright_and_faces_the_camera() -> None:
    assert names(visibility(person())) == set()


def test_from_behind_only_the_face_is_hidden() -> None:
    seen = visibility(person(yaw_deg=180))
    assert {'nose', 'left_eye', 'right_eye'} <= names(seen) <= {COCO17.joints[j] for j in FACE}


def test_the_side_view_hides_the_far_arm() -> None:
    near, far = names(visibility(person(yaw_deg=90))), names(visibility(person(yaw_deg=-90)))
    assert {'left_elbow', 'left_wrist'} <= far or {'left_elbow', 'left_wrist'} <= near
    assert {joint.replace('left', 'x').replace('right', 'left').replace('x', 'right')
            for joint in near} == far
    for joints in (near, far):
        assert not {'left_elbow', 'right_elbow'} <= joints
        assert not {'left_wrist', 'right_wrist'} <= joints


def test_an_arm_behind_the_back_is_hidden_and_before_the_belly_it_is_not() -> None:
    behind = person(left_wrist=(0.0, -1.1, 0.25))
    before = person(left_wrist=(0.0, -1.1, -0.25))
    assert names(visibility(behind)) == {'left_wrist'}
    assert names(visibility(before)) == set()
    from_the_other_side = visibility(behind * (1, 1, -1) + (0, 0, 8))
    assert 'left_wrist' not in names(from_the_other_side)


def test_a_person_hides_whom_they_stand_before() -> None:
    front, back = person(at=(0, 1.2, 2.5)), person(at=(0.05, 1.2, 5.0))
    among = visibility_among(np.stack([front, back]))
    assert names(among[0]) == set()
    assert {'left_hip', 'right_hip'} <= names(among[1])
    beside = visibility_among(np.stack([front, person(at=(2.0, 1.2, 5.0))]))
    assert names(beside[0]) == names(beside[1]) == set()


def test_nobody_behind_the_camera_hides_anybody() -> None:
    assert names(visibility_behind(person(), person(at=(0, 1.2, -1.0)))) == set()


def test_hidden_joints_lie_behind_the_solid_body(rng: np.random.Generator) -> None:
    """Sections lie inside the solids: all that they hide is hidden, and little else is."""
    people = random_people(rng, 80)
    middle = people.mean(1, keepdims=True)
    others = np.roll(people - middle, 1, axis=0) + 0.6 * middle + (0.25, 0, 0)
    limbs = np.setdiff1d(np.arange(17), FACE)
    for own, blockers, visible in ((True, people, visibility(people)),
                                   (False, others, visibility_behind(people, others))):
        verdict = hidden(visible)[:, limbs]
        wide, narrow = (np.array([brute_force(p, own, b, slack)
                                  for p, b in zip(people, blockers)])[:, limbs]
                        for slack in (0.005, -0.02))
        assert 0.03 < verdict.mean() < 0.7
        assert not (verdict & ~wide).any()
        assert (narrow & ~verdict).mean() < 0.04       # joints inside a part, and round ends


def test_with_sections_instead_of_solids_brute_force_agrees(rng: np.random.Generator) -> None:
    """The rectangle ABCD itself, found by intersecting the ray with its plane."""
    people = random_people(rng, 300)
    found = hidden(visibility(people))
    differ = 0
    for body, verdict in zip(people, found):
        expected = np.zeros(17, bool)
        for start, end, radius, joints in solid_parts(body):
            for j, joint in enumerate(COCO17.joints):
                if joint in joints:
                    continue
                axis = (end - start) / np.linalg.norm(end - start)
                wide = np.cross(axis, body[j])
                wide /= np.linalg.norm(wide)
                normal = np.cross(axis, wide)
                share = (start @ normal) / (body[j] @ normal)
                crossing = share * body[j] - start
                face_of_own_head = radius == HEAD_RADIUS_M and j in FACE
                behind = np.abs((body[j] - start) @ normal)
                expected[j] |= (0 < share < 1 and abs(crossing @ wide) < radius
                                and 0 <= crossing @ axis <= np.linalg.norm(end - start)
                                and (behind > 0.03 or not face_of_own_head))
        differ += (expected != verdict).sum()
    assert differ <= 3                                 # of 5100: rounding at an edge


def test_the_sigmoid_tends_to_the_brackets(rng: np.random.Generator) -> None:
    people = random_people(rng, 100)
    hard, soft = visibility(people), visibility(people, softness_m=0.02)
    assert set(np.unique(hard)) == {0.0, 1.0}
    assert 0 <= soft.min() <= soft.max() <= 1
    assert ((soft > 0.05) & (soft < 0.95)).any()
    assert (hidden(hard) == hidden(soft)).mean() > 0.995
    np.testing.assert_allclose(visibility(people, softness_m=1e-7), hard, atol=0.01)


def test_shapes_stay_and_wrong_ones_are_refused(rng: np.random.Generator) -> None:
    people = random_people(rng, 6)
    deep = visibility(people.reshape(2, 3, 18, 3))
    np.testing.assert_array_equal(deep.reshape(6, 17), visibility(people))
    assert visibility(people[0]).shape == (17,)
    assert visibility(people[:0]).shape == (0, 17)
    with pytest.raises(ShapeError, match='17 or 18 points'):
        visibility(people[:, :16])
    with pytest.raises(ShapeError, match='one shape'):
        visibility_behind(people[:2], people)


def test_without_the_top_of_the_head_it_is_guessed(rng: np.random.Generator) -> None:
    people = random_people(rng, 200)
    agree = hidden(visibility(people)) == hidden(visibility(people[:, :17]))
    assert agree.mean() > 0.99


def test_twenty_thousand_frames_a_second_and_more(rng: np.random.Generator) -> None:
    people = np.tile(random_people(rng, 40), (50, 1, 1)).astype(np.float32)
    visibility(people[:100])
    start = time.process_time()
    visibility(people)
    assert len(people) / (time.process_time() - start) > 20_000        # measured: 400,000
