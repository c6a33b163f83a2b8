"""Who is followed, upright boxes, and the body in the image, as other packages want them."""
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scene import PERFECT, Scene, make_scene, static
from scipy.spatial.transform import Rotation
from truth import humans_of_moment
from walker import Walker

from ros2_occpose.geometry import Camera
from ros2_occpose.recording.humans import Humans
from ros2_occpose.ros.bridges.hri.image import SKELETON_2D, crop, regions, skeleton_2d
from ros2_occpose.ros.bridges.selection import Selection, believed
from ros2_occpose.ros.bridges.upright import FLESH_M, upright_boxes, upright_rotations
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import TrackState

UP = np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope='module')
def scene() -> Scene:
    """Two people who stand at 4 m and 6 m and look at the camera."""
    return make_scene([Walker([(0, 6, 1), (2, 6, 1)]), Walker([(0, 4, -1), (2, 4, -1)])],
                      camera_path=static(), fps=10, noise=PERFECT)


def people(scene: Scene, t: int = 0, **changes: object) -> Humans:
    return replace(humans_of_moment(scene.moment(t)), **changes)


def states(*values: TrackState) -> np.ndarray:
    return np.array(values)


SEEN, HIDDEN, LOST, NEW = (TrackState.TRACKED, TrackState.OCCLUDED, TrackState.LOST,
                           TrackState.TENTATIVE)


# --- selection --------------------------------------------------------------------------------

def test_the_nearest_is_kept_although_somebody_else_comes_nearer(scene: Scene) -> None:
    choose, eye = Selection(), np.zeros(3)
    assert choose(people(scene, 0), eye, 'nearest') == 1
    swapped = people(scene, 1).root[::-1]
    assert choose(people(scene, 1, root=swapped), eye, 'nearest') == 1, 'the same id'
    assert choose(people(scene, 2, states=states(SEEN, HIDDEN)), eye, 'nearest') == 1, 'hidden'
    assert choose(people(scene, 3, states=states(SEEN, LOST)), eye, 'nearest') == 0, 'lost'
    assert choose(people(scene, 4), eye, 'nearest') == 0, 'kept now'


def test_near_means_near_to_the_camera(scene: Scene) -> None:
    eye = people(scene).root[0] + (0.5, 0, 0)
    assert Selection()(people(scene), eye, 'nearest') == 0


@pytest.mark.parametrize('state', [NEW, HIDDEN, LOST])
def test_only_people_in_sight_are_chosen(scene: Scene, state: TrackState) -> None:
    everybody = people(scene, states=states(state, state))
    assert Selection()(everybody, np.zeros(3), 'nearest') is None


def test_who_was_seen_longest_is_chosen(scene: Scene) -> None:
    choose, eye = Selection(), np.zeros(3)
    for t in range(5):        # the nearer one is hidden; nobody may be chosen yet
        everybody = people(scene, t, states=states(SEEN, HIDDEN))
        choose(everybody, eye, 'id', 99)
    assert choose(people(scene, 5), eye, 'longest') == 0
    choose.clear()
    assert choose(people(scene, 6), eye, 'nearest') == 1, 'all forgotten'


def test_an_id_is_followed_and_nobody_else(scene: Scene) -> None:
    choose, eye = Selection(), np.zeros(3)
    assert choose(people(scene, 0), eye, 'id', 2) == 1
    assert choose(people(scene, 1, states=states(SEEN, LOST)), eye, 'id', 2) is None
    assert choose(people(scene, 2).select(np.array([0])), eye, 'id', 2) is None
    assert choose(people(scene, 3), eye, 'id', 1) == 0, 'another one is asked for'


def test_people_without_a_place_are_not_believed(scene: Scene) -> None:
    everybody = people(scene)
    root = everybody.root.copy()
    root[0, 2] = np.nan
    assert believed(replace(everybody, root=root)).tolist() == [False, True]


# --- boxes ------------------------------------------------------------------------------------

def test_boxes_hold_all_joints_and_stand(scene: Scene) -> None:
    everybody = people(scene)
    quat = np.tile([0.0, 0, 0, 1], (2, 1))             # towards the camera, against x
    centres, rotations, sizes = upright_boxes(replace(everybody, root_quat_wxyz=quat))
    np.testing.assert_allclose(rotations[0], np.diag([-1.0, -1, 1]), atol=1e-9)
    tall = np.ptp(everybody.joints[..., 2], axis=1) + 2 * FLESH_M
    np.testing.assert_allclose(sizes[:, 2], tall)
    assert (np.abs(tall - 1.75) < 0.2).all(), 'about as tall as the people'
    assert (sizes[:, 1] > 0.5).all()
    assert (sizes[:, 1] < 0.9).all()
    inside = np.einsum('nji,nkj->nki', rotations, everybody.joints - centres[:, None])
    assert (np.abs(inside) <= sizes[:, None] / 2 - FLESH_M + 1e-9).all()


def test_boxes_turn_with_people(scene: Scene) -> None:
    everybody = people(scene).select(np.array([0]))
    turn = Rotation.from_euler('z', 50, degrees=True)
    spread = everybody.joints.copy()
    spread[0] = everybody.root[0] + turn.apply(spread[0] - everybody.root[0])
    x, y, z, w = (Rotation.from_euler('z', 180, degrees=True) * turn).as_quat()
    first = upright_boxes(replace(everybody, root_quat_wxyz=np.array([[0.0, 0, 0, 1]])))
    second = upright_boxes(replace(everybody, joints=spread,
                                   root_quat_wxyz=np.array([[w, x, y, z]])))
    np.testing.assert_allclose(first[2], second[2], atol=1e-9)


@pytest.mark.parametrize(('axis', 'degrees', 'front'), [
    ('y', 0, (1, 0, 0)), ('y', 89, (1, 0, 0)), ('y', -100, (1, 0, 0)), ('x', 40, (1, 0, 0)),
    ('x', 90, (1, 0, 0)), ('z', 90, (0, 1, 0))])
def test_upright_axes(axis: str, degrees: float, front: tuple[float, ...]) -> None:
    """However somebody bends or lies: z is up and x to the front."""
    x, y, z, w = Rotation.from_euler(axis, degrees, degrees=True).as_quat()
    [rotation] = upright_rotations(np.array([[w, x, y, z]]), UP)
    np.testing.assert_allclose(rotation[:, 2], UP, atol=1e-12)
    np.testing.assert_allclose(rotation[:, 0], front, atol=1e-9)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_nobody_has_no_boxes(scene: Scene) -> None:
    assert [len(part) for part in upright_boxes(people(scene).select(np.arange(0)))] == [0, 0, 0]


# --- the body in the image --------------------------------------------------------------------

def test_eyes_and_ears_are_left_first(scene: Scene) -> None:
    """The order of Skeleton2D.msg, and coordinates in parts of the image."""
    everybody = people(scene)
    camera = scene.camera
    points = skeleton_2d(everybody, camera)
    for number, name in ((0, 'nose'), (2, 'right_shoulder'), (5, 'left_shoulder'),
                         (14, 'left_eye'), (15, 'right_eye'), (16, 'left_ear'), (17, 'right_ear')):
        pixel = everybody.keypoints_px[:, COCO17.index(name)]
        np.testing.assert_allclose(points[:, number, :2] * (640, 480), pixel, atol=1e-9)
    neck = everybody.keypoints_px[:, COCO17.indices('left_shoulder', 'right_shoulder')].mean(1)
    np.testing.assert_allclose(points[:, SKELETON_2D.index('neck'), :2] * (640, 480), neck)


def test_points_and_regions_stay_inside_the_image(scene: Scene) -> None:
    everybody = people(scene)
    small = Camera.from_hfov(330, 240, 70.0)       # cuts people off
    points = skeleton_2d(everybody, small)
    assert points.min() >= 0
    assert points.max() <= 1
    outside = ~small.contains(everybody.keypoints_px)[:, COCO17.index('left_ankle')]
    assert outside.any()
    assert (points[outside, SKELETON_2D.index('left_ankle'), 2] == 0).all(), 'not seen'
    boxes = regions(everybody, small)
    assert boxes.min() >= 0
    assert boxes.max() <= 1
    np.testing.assert_allclose(regions(everybody, scene.camera) * ((640, 480) * 2),
                               everybody.boxes_px)


def test_crops_have_at_least_one_pixel() -> None:
    image = np.arange(48 * 64 * 3, dtype=np.uint8).reshape(48, 64, 3)
    part = crop(image, np.array([0.25, 0.5, 0.5, 1.0]))
    np.testing.assert_array_equal(part, image[24:48, 16:32])
    assert crop(image, np.array([1.0, 1, 1, 1])).shape == (1, 1, 3)
