"""What hides a joint, read from depth and ids of pictures that are drawn by hand here."""
from __future__ import annotations

import numpy as np
import pytest

from ros2_occpose.geometry import Camera
from ros2_occpose.skeleton import H36M17
from ros2_occpose.synth.truth import JOINT_STATE, Sight, boxes_of, sights, sights_h36m
from ros2_occpose.training.mocap.kinematics import BODY
from ros2_occpose.types import Floats, Ints, JointState

CAMERA = Camera.from_hfov(160, 120, 60)
WALL_M, PERSON_M = 8.0, 4.0


def person(x: float = 0.0, z: float = PERSON_M) -> Floats:
    """BODY (18, 3) as a column of points on a flat person, in camera axes."""
    return np.stack([np.full(len(BODY), x), np.linspace(-0.8, 0.8, len(BODY)),
                     np.full(len(BODY), z)], -1)


def picture(*figures: tuple[int, float, float, float]) -> tuple[Floats, Ints]:
    """Depth and ids of upright boards before a wall: id, depth, from x and to x [m]."""
    depth = np.full((CAMERA.height, CAMERA.width), WALL_M, np.float32)
    ids = np.zeros(depth.shape, np.int32)
    for number, far, left, right in sorted(figures, key=lambda figure: -figure[1]):
        edges = CAMERA.project(np.array([[left, 0, far], [right, 0, far]]))[:, 0]
        columns = slice(*np.clip(edges.round(), 0, CAMERA.width).astype(int))
        depth[:, columns], ids[:, columns] = far, number
    return depth, ids


def seen(body: Floats, *figures: tuple[int, float, float, float]) -> Ints:
    return sights(CAMERA, np.eye(4), body, *picture(*figures))[0]


def test_a_person_in_the_open_is_seen() -> None:
    found = seen(person()[None], (1, PERSON_M - 0.02, -0.3, 0.3))
    assert (found == Sight.SEEN).all()
    bare = seen(person()[None])                       # beside its own outline: the wall is farther
    assert (bare == Sight.SEEN).all()


def test_what_stands_in_front_is_told_apart() -> None:
    own = (1, PERSON_M - 0.02, -0.3, 0.3)
    assert (seen(person()[None], own, (-2, 2.0, -0.3, 0.3)) == Sight.BEHIND_OBJECT).all()
    assert (seen(person()[None], own, (0, 2.0, -0.3, 0.3)) == Sight.BEHIND_OBJECT).all()
    two = np.stack([person(), person(z=2.0)])
    found = seen(two, own, (2, 1.98, -0.3, 0.3))
    assert (found[0] == Sight.BEHIND_PERSON).all()
    assert (found[1] == Sight.SEEN).all()
    behind = seen(person()[None], own, (-1, 6.0, -1.0, 1.0))
    assert (behind == Sight.SEEN).all()


def test_a_part_of_the_own_body_hides_what_is_deep_under_it() -> None:
    found = seen(person()[None], (1, PERSON_M - 0.1, -0.3, 0.3))[0]
    deep = [BODY.index(name) for name in ('left_hip', 'right_shoulder', 'head')]
    assert (found[deep] == Sight.SEEN).all()
    assert (found[[BODY.index(name) for name in ('nose', 'left_wrist', 'left_elbow')]]
            == Sight.BEHIND_ONESELF).all()
    assert (seen(person()[None], (1, PERSON_M - 0.3, -0.3, 0.3)) == Sight.BEHIND_ONESELF).all()


def test_out_of_the_image_and_behind_the_camera() -> None:
    bodies = np.stack([person(x=5.0), person(z=-3.0), np.full((len(BODY), 3), np.nan)])
    found, pixels = sights(CAMERA, np.eye(4), bodies, *picture())
    assert (found == Sight.OUT_OF_VIEW).all()
    assert np.isnan(pixels[1:]).all()


def test_the_camera_pose_is_applied() -> None:
    pose = np.eye(4)
    pose[:3, 3] = 10.0, 2.0, -1.0
    found, pixels = sights(CAMERA, pose, person()[None] + pose[:3, 3],
                           *picture((1, PERSON_M - 0.02, -0.3, 0.3)))
    assert (found == Sight.SEEN).all()
    np.testing.assert_allclose(pixels[0], CAMERA.project(person()), atol=1e-9)


def test_boxes_hold_what_is_seen() -> None:
    ids = np.zeros((40, 60), int)
    ids[10:20, 5:9] = 1
    ids[0, 59] = 3
    boxes, count = boxes_of(ids, 3)
    assert boxes[0].tolist() == [5, 10, 9, 20]
    assert np.isnan(boxes[1]).all()
    assert boxes[2].tolist() == [59, 0, 60, 1]
    assert count.tolist() == [40, 0, 1]


@pytest.mark.parametrize(('point', 'joints'), [
    ('left_hip', {'hip', 'left_hip', 'spine'}), ('right_shoulder', {'thorax', 'right_shoulder',
                                                                    'spine'}),
    ('head', {'head'}), ('nose', {'nose'})])
def test_joints_of_h36m_are_hidden_with_their_parts(point: str, joints: set[str]) -> None:
    sight = np.full((1, len(BODY)), int(Sight.SEEN))
    sight[0, BODY.index(point)] = Sight.BEHIND_PERSON
    found = sights_h36m(sight)[0]
    assert {H36M17.joints[i] for i in np.flatnonzero(found != Sight.SEEN)} == joints
    assert (JOINT_STATE[found[found != Sight.SEEN]] == JointState.OCCLUDED).all()
    assert JOINT_STATE[Sight.OUT_OF_VIEW] == JointState.OUT_OF_VIEW
