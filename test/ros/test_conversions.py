"""Our types survive the messages of rclpy, through the bytes that DDS carries."""
from dataclasses import fields
from typing import Any

import cv2
import numpy as np
import pytest
from geometry_msgs.msg import Point, Quaternion
from rclpy.serialization import deserialize_message, serialize_message
from scene import behind_pillar, crowd, driving
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CompressedImage
from truth import humans_of_moment

from ros2_occpose.camera_info import camera_from_info
from ros2_occpose.errors import ConfigError, InputError
from ros2_occpose.geometry import Camera, se3
from ros2_occpose.msg import Person2DArray
from ros2_occpose.recording import typestore
from ros2_occpose.recording.humans import Humans
from ros2_occpose.recording.markers import markers_of
from ros2_occpose.recording.messages import (
    camera_info,
    human_array,
    humans_from,
    marker_array,
    skeleton_model,
)
from ros2_occpose.ros.conversions import (
    detections_from,
    human_transforms,
    image_message,
    make,
    person_2d_array,
    pixels_of,
    pose_message,
    se3_from,
    se3_from_numbers,
    stamp_of,
)
from ros2_occpose.skeleton import H36M17, SKELETONS
from ros2_occpose.types import Detections, TrackState

SCENE = crowd(4, seconds=3.0, camera_path=driving(), fps=5)
HIDDEN = behind_pillar(fps=10)


def through_bytes(message: Any) -> Any:
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize('moment', [SCENE.moment(0), SCENE.moment(9), HIDDEN.moment(20)])
def test_humans(moment: Any) -> None:
    humans = humans_of_moment(moment)
    back = humans_from(through_bytes(human_array(make, humans)))
    for f in fields(Humans):
        sent, received = getattr(humans, f.name), getattr(back, f.name)
        if f.name == 'boxes_px':      # whole pixels in a RegionOfInterest, inside the image
            np.testing.assert_allclose(received, np.clip(sent, 0, None), atol=1.01)
        elif isinstance(sent, np.ndarray):
            exact = f.name in ('root', 'joints', 'velocity', 'ids', 'states')
            np.testing.assert_allclose(received, sent, rtol=0 if exact else 1e-6,
                                       atol=0 if exact else 1e-4, err_msg=f.name)
        elif isinstance(sent, float):
            assert received == pytest.approx(sent, rel=1e-6)
        else:
            assert received == sent, f.name


def test_files_and_dds_carry_the_same_messages() -> None:
    """A bag that was written without ROS is what the node would have said, NaN included."""
    humans, info = humans_of_moment(SCENE.moment(9)), (SCENE.camera, 5, 'camera')

    def markers(library: Any) -> Any:
        message = marker_array(library, markers_of(humans), 5, 'map')
        del message.markers[0]       # deletes the others; rosbags leaves its quaternion at zero
        return message

    for build in (lambda m: human_array(m, humans), skeleton_model,
                  lambda m: camera_info(m, *info), markers):
        message = build(make)
        from_file = typestore.serialise(build(typestore.make))     # padding may differ
        assert repr(deserialize_message(from_file, type(message))) == repr(through_bytes(message))


@pytest.mark.parametrize('camera', [
    Camera.from_hfov(640, 480, 60),
    Camera(1280, 720, np.array([[800.0, 0, 640], [0, 810, 350], [0, 0, 1]]), 'plumb_bob',
           np.array([0.1, -0.2, 0.001, 0.002, 0.05])),
    Camera(640, 480, np.eye(3) * (400, 400, 1), 'rational_polynomial', np.arange(8) / 100),
    Camera(640, 480, np.eye(3) * (300, 300, 1), 'equidistant', np.arange(4) / 100)])
def test_cameras(camera: Camera) -> None:
    back = camera_from_info(through_bytes(camera_info(make, camera, 5, 'camera')))
    assert (back.size, back.distortion_model) == (camera.size, camera.distortion_model)
    np.testing.assert_array_equal(back.k, camera.k)
    np.testing.assert_array_equal(back.d, camera.d)


@pytest.mark.parametrize('skeleton', SKELETONS.values(), ids=lambda s: s.name)
def test_detections(skeleton: Any, rng: np.random.Generator) -> None:
    n, j = 3, len(skeleton.joints)
    points = rng.uniform(100, 400, (n, j, 2)).astype(np.float32)
    sent = Detections(
        boxes_px=np.round(np.concatenate([points.min(1), points.max(1)], 1)), keypoints_px=points,
        scores=np.where(rng.random((n, j)) < 0.3, 0, rng.random((n, j))).astype(np.float32),
        score=np.array([0.9, 0.8, 0.7], np.float32), skeleton=skeleton)
    message = through_bytes(person_2d_array(sent, 123, 'camera'))
    back, repaired = detections_from(message)
    assert (repaired, back.skeleton, stamp_of(message)) == (0, skeleton, 123)
    for f in ('boxes_px', 'keypoints_px', 'scores', 'score'):
        np.testing.assert_array_equal(getattr(back, f), getattr(sent, f), err_msg=f)


def test_nobody_is_detected() -> None:
    back, _ = detections_from(through_bytes(person_2d_array(Detections.none(), 1, 'camera')))
    assert len(back) == 0


def test_detections_come_best_first_and_boxes_can_be_left_out() -> None:
    detections = SCENE.moment(9).detections
    message = person_2d_array(detections, 1, 'camera')
    message.people.reverse()
    for person in message.people:
        person.roi.width = 0
        person.score = float('nan') if person is message.people[0] else person.score
    back, _ = detections_from(message)
    assert (np.diff(back.score) <= 0).all()
    seen = np.where(back.scores[..., None] > 0, back.keypoints_px, np.nan)
    np.testing.assert_allclose(back.boxes_px[:, :2], np.nanmin(seen, 1))
    np.testing.assert_allclose(back.boxes_px[:, 2:], np.nanmax(seen, 1))


def test_an_unknown_skeleton_is_refused() -> None:
    with pytest.raises(ConfigError, match="Unknown skeleton 'octopus8'"):
        detections_from(Person2DArray(skeleton='octopus8'))


def test_poses(rng: np.random.Generator) -> None:
    for rotation in Rotation.random(20, random_state=1).as_matrix():
        pose = se3(rotation, rng.normal(size=3))
        message = through_bytes(pose_message(pose))
        np.testing.assert_allclose(se3_from(message.position, message.orientation), pose,
                                   atol=1e-12)


def test_quaternions_are_xyzw_in_messages() -> None:
    quarter = se3_from(Point(x=1.0), Quaternion(z=np.sqrt(0.5), w=np.sqrt(0.5)))
    np.testing.assert_allclose(quarter[:3, 0], [0, 1, 0], atol=1e-12)      # x turns to y
    np.testing.assert_allclose(quarter, se3_from_numbers((1, 0, 0, 0, 0, 0.5 ** 0.5, 0.5 ** 0.5)))


@pytest.mark.parametrize('quaternion', [Quaternion(w=0.0), Quaternion(w=float('nan'))])
def test_unusable_poses_are_refused(quaternion: Quaternion) -> None:
    with pytest.raises(InputError, match='Expected a pose with a unit quaternion, got position'):
        se3_from(Point(), quaternion)


@pytest.mark.parametrize('shape', [(480, 640), (1, 1), (7, 13)])
def test_images(shape: tuple[int, int], rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (*shape, 3), dtype=np.uint8)
    message = through_bytes(image_message(image, 7, 'camera'))
    assert (stamp_of(message), message.header.frame_id) == (7, 'camera')
    np.testing.assert_array_equal(pixels_of(message), image)


def test_compressed_images() -> None:
    image = np.full((8, 8, 3), (10, 20, 30), np.uint8)
    data = cv2.imencode('.png', image)[1].tobytes()
    message = through_bytes(CompressedImage(format='png', data=data))
    np.testing.assert_array_equal(pixels_of(message), image)


def test_frames_of_people() -> None:
    humans = humans_of_moment(SCENE.moment(9))
    states = humans.states.copy()
    states[0] = TrackState.LOST
    lost = Humans(**{**{f.name: getattr(humans, f.name) for f in fields(Humans)},
                     'states': states})
    frames = human_transforms(lost)
    assert [f.child_frame_id for f in frames] == [f'human_{i}' for i in humans.ids[1:]]
    assert human_transforms(lost, 'rear_')[0].child_frame_id == f'rear_{humans.ids[1]}'
    assert frames[0].header.frame_id == humans.frame_id
    hip = humans.joints[1, H36M17.index('hip')]
    translation = frames[0].transform.translation
    np.testing.assert_allclose([translation.x, translation.y, translation.z], hip)

    limbs = {f.child_frame_id: f.transform for f in human_transforms(lost, joints=True)}
    assert len(limbs) == len(frames) * (1 + len(H36M17.joints))
    wrist = limbs[f'human_{humans.ids[1]}_right_wrist']
    place = [wrist.translation.x, wrist.translation.y, wrist.translation.z]
    np.testing.assert_allclose(place, humans.joints[1, H36M17.index('right_wrist')])
    assert wrist.rotation == frames[0].transform.rotation
