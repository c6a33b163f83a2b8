"""What passes between the stages has the promised shapes, or says what is wrong."""
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from ros2_occpose.errors import InputError, OccposeError, ShapeError
from ros2_occpose.geometry import Camera
from ros2_occpose.skeleton import BLAZEPOSE33
from ros2_occpose.types import (
    CameraPoseSource,
    Detections,
    Frame,
    JointState,
    People,
    PoseBodies,
    Poses,
    Tracks,
    TrackState,
    require_shape,
)

CAMERA = Camera.from_hfov(64, 48, 70)
IMAGE = np.zeros((48, 64, 3), np.uint8)


def tracks(n=2):
    return Tracks(ids=np.arange(1, n + 1), states=np.ones(n, int), boxes_px=np.zeros((n, 4)),
                  keypoints_px=np.zeros((n, 17, 2)), visibility=np.zeros((n, 17)),
                  confidence=np.ones(n), unseen_s=np.zeros(n))


def poses(n=2):
    return Poses(tracks=tracks(n), joints_root=np.zeros((n, 17, 3)), std=np.ones((n, 17)),
                 rays=np.zeros((n, 17, 2)), visibility=np.zeros((n, 17)))


def people(n=2):
    return People(
        stamp_ns=5, camera_pose=CameraPoseSource.TF, poses=poses(n), root=np.zeros((n, 3)),
        root_covariance=np.zeros((n, 3, 3)), root_quat_wxyz=np.zeros((n, 4)),
        velocity=np.zeros((n, 3)), velocity_covariance=np.zeros((n, 3, 3)),
        joints=np.zeros((n, 17, 3)), joint_covariance=np.zeros((n, 17, 3, 3)),
        joint_states=np.zeros((n, 17), int))


def detections(n=2):
    return Detections(boxes_px=np.zeros((n, 4)), keypoints_px=np.zeros((n, 17, 2)),
                      scores=np.ones((n, 17)), score=np.ones(n))


@pytest.mark.parametrize('make', [tracks, poses, people, detections])
@pytest.mark.parametrize('n', [0, 1, 3])
def test_right_shapes_pass_also_for_nobody(make, n):
    assert len(make(n)) == n


@pytest.mark.parametrize('make', [tracks, poses, people, detections])
def test_each_array_is_checked_by_name(make):
    whole = make(2)
    values = {f.name: getattr(whole, f.name) for f in fields(whole)}
    arrays = [name for name, value in values.items() if isinstance(value, np.ndarray)]
    counted = {tracks: 'ids', detections: 'boxes_px'}.get(make)   # says how many people there are
    assert len(arrays) >= 4
    for name in arrays:
        if name == counted:
            continue
        with pytest.raises(ShapeError, match=rf'^{name} must have shape \(2, '
                           if values[name].ndim > 1 else rf'^{name} must have shape \(2\)'):
            type(whole)(**{**values, name: values[name][:1]})


def test_values_do_not_change_once_made():
    with pytest.raises(FrozenInstanceError):
        tracks().ids = np.zeros(2)


def test_people_know_their_tracks_and_tracks_take_another_visibility():
    everybody = people(3)
    assert everybody.tracks is everybody.poses.tracks
    old = tracks(3)
    new = old.with_visibility(np.full((3, 17), 0.5))
    assert new.visibility[0, 0] == 0.5
    assert old.visibility[0, 0] == 0
    assert new.ids is old.ids


def bodies(n=2):
    return PoseBodies(model='human', betas=np.zeros((n, 10)),
                      rotations=np.tile(np.eye(3), (n, 24, 1, 1)))


def test_bodies_belong_to_the_poses_and_turn_with_the_camera():
    assert people().bodies is None
    level = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])      # it looks along the world's x
    seen = replace(poses(), bodies=bodies())
    everybody = replace(people(), poses=seen, camera_axes=level)
    np.testing.assert_array_equal(everybody.bodies.rotations[:, 0], [level, level])
    np.testing.assert_array_equal(everybody.bodies.rotations[:, 1:], seen.bodies.rotations[:, 1:])
    np.testing.assert_array_equal(seen.bodies.rotations, bodies().rotations)
    assert replace(everybody, camera_axes=None).bodies is seen.bodies
    with pytest.raises(ShapeError, match='betas of bodies'):
        replace(poses(3), bodies=bodies(2))
    with pytest.raises(ShapeError, match=r'rotations must have shape \(2, 24, 3, 3\)'):
        PoseBodies(model='human', betas=np.zeros((2, 10)), rotations=np.zeros((2, 23, 3, 3)))
    with pytest.raises(ShapeError, match='camera_axes'):
        replace(people(), camera_axes=np.eye(4))


def test_no_detections_of_any_skeleton():
    assert len(Detections.none()) == 0
    assert Detections.none(BLAZEPOSE33).keypoints_px.shape == (0, 33, 2)


def test_states_are_those_of_the_messages():
    assert [(s.name, int(s)) for s in TrackState] == [
        ('TENTATIVE', 0), ('TRACKED', 1), ('OCCLUDED', 2), ('LOST', 3)]
    assert [(s.name, int(s)) for s in JointState] == [
        ('OBSERVED', 0), ('OCCLUDED', 1), ('OUT_OF_VIEW', 2), ('PREDICTED', 3)]
    assert [(s.name, int(s)) for s in CameraPoseSource] == [
        ('NONE', 0), ('STATIC', 1), ('TF', 2), ('ODOMETRY', 3), ('POSE', 4)]


def test_require_shape_lets_none_be_any_length():
    require_shape('x', np.zeros((4, 7)), None, 7)
    with pytest.raises(ShapeError, match=r'x must have shape \(\*, 7\), got \(4, 6\)\.'):
        require_shape('x', np.zeros((4, 6)), None, 7)
    with pytest.raises(ShapeError, match=r'got \(7,\)'):
        require_shape('x', np.zeros(7), None, 7)


@pytest.mark.parametrize('image', [
    np.zeros((0, 64, 3), np.uint8), np.zeros((48, 64), np.uint8), np.zeros((48, 64, 4), np.uint8),
    np.zeros((48, 64, 3), np.float32)], ids=['empty', 'grey', 'four channels', 'float'])
def test_images_that_are_not_images(image):
    with pytest.raises(InputError, match=r'non-empty \(H, W, 3\) uint8 BGR image, got'):
        Frame(stamp_ns=1, image=image, camera=CAMERA)


def test_image_of_another_size_than_the_camera():
    with pytest.raises(InputError, match='64x48 as the camera model says, got 32x24'):
        Frame(stamp_ns=1, image=IMAGE[::2, ::2], camera=CAMERA)


def test_camera_pose_must_be_a_transform():
    with pytest.raises(ShapeError, match=r'world_from_camera must have shape \(4, 4\)'):
        Frame(stamp_ns=1, image=IMAGE, camera=CAMERA, world_from_camera=np.eye(3))
    frame = Frame(stamp_ns=1, image=IMAGE, camera=CAMERA)
    assert frame.world_from_camera is None
    assert frame.camera_pose is CameraPoseSource.NONE


def test_all_errors_share_one_base():
    for error in (InputError, ShapeError):
        assert issubclass(error, OccposeError)
