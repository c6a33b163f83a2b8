"""Humans survive a ROS message; unknown stays unknown; markers show what is hidden."""
from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from scene import behind_pillar, crowd, static
from scipy.spatial.transform import Rotation
from truth import humans_of_moment, people_of

from ros2_occpose.config import ShapesConfig
from ros2_occpose.errors import ShapeError
from ros2_occpose.recording.humans import Humans, humans_of, inferred, record
from ros2_occpose.recording.markers import Shape, markers_of
from ros2_occpose.recording.messages import (
    camera_info,
    human_array,
    humans_from,
    marker_array,
    skeleton_model,
)
from ros2_occpose.recording.typestore import make, serialise, typestore
from ros2_occpose.skeleton import H36M17
from ros2_occpose.types import CameraPoseSource, JointState, TrackState

SCENE = crowd(4, seconds=3.0, camera_path=static(), fps=5)
HIDDEN = behind_pillar(fps=10)


def there_and_back(message: object) -> object:
    """Through the bytes that DDS and bags carry."""
    return typestore().deserialize_cdr(serialise(message), message.__msgtype__)


@pytest.mark.parametrize('moment', [SCENE.moment(0), SCENE.moment(9), HIDDEN.moment(20)])
def test_humans_survive_a_message(moment: object) -> None:
    humans = humans_of_moment(moment)
    back = humans_from(there_and_back(human_array(make, humans)))
    for f in fields(Humans):
        sent, received = getattr(humans, f.name), getattr(back, f.name)
        if f.name == 'boxes_px':      # whole pixels in a RegionOfInterest, inside the image
            np.testing.assert_allclose(received, np.maximum(sent, 0), atol=1.01)
        elif isinstance(sent, np.ndarray):
            np.testing.assert_allclose(received, sent, rtol=1e-6, atol=1e-4, err_msg=f.name)
        elif isinstance(sent, float):
            assert received == pytest.approx(sent, rel=1e-6)
        else:
            assert received == sent, f.name


def test_nobody_is_a_message_too() -> None:
    nobody = humans_of_moment(SCENE.moment(0)).select(np.zeros(0, int))
    assert len(humans_from(there_and_back(human_array(make, nobody)))) == 0
    assert record(nobody)['humans'] == []
    assert markers_of(nobody) == []


def test_people_are_in_the_order_of_their_ids() -> None:
    humans = humans_of_moment(SCENE.moment(0))
    shuffled = humans.select(np.arange(len(humans))[::-1])
    assert shuffled.ids[0] > shuffled.ids[-1]
    message = human_array(make, humans)
    assert [h.id for h in message.humans] == sorted(h.id for h in message.humans)


def test_unseen_people_have_unknown_keypoints_and_known_joints() -> None:
    moment = next(m for m in HIDDEN if not m.visible.any())
    message = human_array(make, humans_of_moment(moment))
    human, = message.humans
    assert human.state == TrackState.OCCLUDED
    assert human.keypoints == []
    assert human.roi.width == 0
    assert all(joint.state == JointState.PREDICTED for joint in human.joints)
    assert all(np.isfinite(joint.position.x) for joint in human.joints)
    assert np.isnan(human.velocity.twist.angular.x)
    covariance = human.root.covariance.reshape(6, 6)
    np.testing.assert_allclose(np.diag(covariance)[:3], [0.04, 0.01, 0.0025])
    assert np.isnan(covariance[3:]).all()


def test_quaternions_turn_around_for_ros() -> None:
    humans = humans_of_moment(HIDDEN.moment(0))
    humans.root_quat_wxyz[:] = 0.1, 0.2, 0.3, 0.9
    q = human_array(make, humans).humans[0].root.pose.orientation
    assert (q.w, q.x, q.y, q.z) == (0.1, 0.2, 0.3, 0.9)


def test_a_record_is_strict_json_with_the_promised_names() -> None:
    moment = next(m for m in HIDDEN if not m.visible.any())
    line = json.loads(json.dumps(record(humans_of_moment(moment)), allow_nan=False))
    assert line['stamp_ns'] == moment.frame.stamp_ns
    assert (line['frame_id'], line['camera_pose']) == ('map', 'STATIC')
    human, = line['humans']
    assert set(human) == {'id', 'state', 'confidence', 'root', 'velocity', 'joints', 'joint_std',
                          'joint_state', 'keypoints'}
    assert human['state'] == 'OCCLUDED'
    assert human['joint_state'] == ['PREDICTED'] * 17
    assert human['keypoints'] == [[None] * 3] * 17
    np.testing.assert_allclose(human['joints'], moment.joints_world[0], atol=1e-4)
    wanted = np.sqrt((0.2 ** 2 + 0.1 ** 2 + 0.05 ** 2) / 3 + 0.03 ** 2)
    np.testing.assert_allclose(human['joint_std'], wanted, atol=1e-4)


def test_wrong_shapes_are_refused() -> None:
    humans = humans_of_moment(SCENE.moment(0))
    with pytest.raises(ShapeError, match='joints must have shape'):
        Humans(**{**{f.name: getattr(humans, f.name) for f in fields(Humans)},
                  'joints': humans.joints[:, :5]})


def test_hidden_bones_are_thinner_and_paler() -> None:
    moment = next(m for m in HIDDEN if 4 < m.visible_h36m.sum() < 14)
    humans = humans_of_moment(moment)
    shown = {m.namespace: m for m in markers_of(humans)}
    seen, hidden = shown['seen_bones'], shown['hidden_bones']
    assert len(seen.points) + len(hidden.points) == 2 * len(H36M17.bones)
    assert hidden.scale[0] < seen.scale[0]
    assert hidden.rgba[3] < seen.rgba[3]
    assert seen.rgba[:3] == hidden.rgba[:3]
    marked = inferred(humans)[0]
    assert {tuple(p) for p in shown['hidden_joints'].points} == {
        tuple(p) for p in humans.joints[0][marked]}


def test_the_ellipsoid_is_one_standard_deviation() -> None:
    marker = next(m for m in markers_of(humans_of_moment(HIDDEN.moment(0)))
                  if m.namespace == 'uncertainty')
    assert sorted(marker.scale) == pytest.approx([0.1, 0.2, 0.4])
    assert marker.shape is Shape.SPHERE
    assert np.linalg.norm(marker.quat_wxyz) == pytest.approx(1)


GROUPS = {'skeletons': {'seen_bones', 'seen_joints', 'hidden_bones', 'hidden_joints'},
          'labels': {'label'}, 'ellipsoids': {'uncertainty'},
          'joint_ellipsoids': {'joint_uncertainty'}, 'velocities': {'velocity'}}


@pytest.mark.parametrize('group', GROUPS)
def test_each_group_of_shapes_can_be_switched(group: str) -> None:
    humans = humans_of_moment(next(m for m in HIDDEN if 4 < m.visible_h36m.sum() < 14))
    shown = {m.namespace for m in markers_of(humans)}
    assert shown == set().union(*GROUPS.values()) - {'joint_uncertainty'}
    nothing = dict.fromkeys(GROUPS, False)
    only = {m.namespace for m in markers_of(humans, ShapesConfig(**{**nothing, group: True}))}
    assert only == GROUPS[group]
    assert markers_of(humans, ShapesConfig(**nothing)) == []


def test_ellipsoids_of_joints_have_axes_and_widths_of_their_covariance() -> None:
    humans = humans_of_moment(SCENE.moment(0))
    turn = Rotation.from_rotvec([0.3, -0.5, 0.7]).as_matrix()
    wanted = turn @ np.diag([0.01, 0.04, 0.09]) @ turn.T
    humans.joint_covariance[:] = wanted[np.triu_indices(3)]
    markers = [m for m in markers_of(humans, ShapesConfig(joint_ellipsoids=True))
               if m.namespace == 'joint_uncertainty']
    assert len({m.id for m in markers}) == len(markers) == 17 * len(humans)
    for marker in markers:
        w, x, y, z = marker.quat_wxyz
        axes = Rotation.from_quat([x, y, z, w]).as_matrix()
        found = axes @ np.diag(np.square(marker.scale) / 4) @ axes.T
        np.testing.assert_allclose(found, wanted, atol=1e-9)
    np.testing.assert_allclose([m.position for m in markers], humans.joints.reshape(-1, 3))


def test_shapes_end_after_their_lifetime() -> None:
    humans = humans_of_moment(SCENE.moment(0))
    message = there_and_back(marker_array(make, markers_of(humans), 5, 'map', 2.5))
    lifetimes = {(m.lifetime.sec, m.lifetime.nanosec) for m in message.markers[1:]}
    assert lifetimes == {(2, 500_000_000)}


def test_lost_people_and_unknown_numbers_are_not_drawn() -> None:
    humans = humans_of_moment(SCENE.moment(0))
    humans.states[0] = TrackState.LOST
    humans.root_covariance[1] = np.nan
    humans.joints[1, H36M17.index('left_wrist')] = np.nan
    markers = markers_of(humans)
    assert humans.ids[0] not in {m.id for m in markers}
    of_second = [m for m in markers if m.id == humans.ids[1]]
    assert 'uncertainty' not in {m.namespace for m in of_second}
    assert all(np.isfinite(m.points).all() for m in of_second)


def test_markers_replace_those_before() -> None:
    humans = humans_of_moment(SCENE.moment(0))
    message = there_and_back(
        marker_array(make, markers_of(humans), humans.stamp_ns, humans.frame_id))
    clear, *rest = message.markers
    assert clear.action == 3
    assert all(m.action == 0 and m.header.frame_id == 'map' for m in rest)
    labels = {m.id: m for m in rest if m.ns == 'label'}
    assert set(labels) == set(humans.ids.tolist())
    for row, person in enumerate(humans.ids.tolist()):
        head = humans.joints[row, H36M17.index('head')]
        assert labels[person].pose.position.z == pytest.approx(head[2] + 0.3)


def test_labels_are_above_the_head_in_a_camera_frame() -> None:
    moment = behind_pillar(fps=10, camera_known=False).moment(0)
    humans = humans_of_moment(moment)
    label = next(m for m in markers_of(humans) if m.namespace == 'label')
    assert humans.camera_pose is CameraPoseSource.NONE
    assert label.position[1] == pytest.approx(humans.joints[0, H36M17.index('head'), 1] - 0.3)


def test_skeleton_and_camera_messages() -> None:
    model = there_and_back(skeleton_model(make))
    assert (model.name, tuple(model.joint_names)) == ('h36m17', H36M17.joints)
    assert tuple(model.parents) == H36M17.parents
    info = there_and_back(camera_info(make, SCENE.camera, 1_500_000_001, 'camera'))
    assert (info.header.stamp.sec, info.header.stamp.nanosec) == (1, 500_000_001)
    assert (info.width, info.height, info.distortion_model) == (640, 480, 'plumb_bob')
    np.testing.assert_array_equal(info.k.reshape(3, 3), SCENE.camera.k)
    np.testing.assert_array_equal(info.p.reshape(3, 4)[:, :3], SCENE.camera.k)


def test_visible_keypoints_follow_the_threshold() -> None:
    people = people_of(SCENE.moment(0))
    people.tracks.visibility[0, :3] = 0.2, 0.3, 0.4
    humans = humans_of(people, frame_id='map', camera_frame='camera', min_visibility=0.3)
    row = int(np.flatnonzero(humans.ids == people.tracks.ids[0])[0])
    assert humans.keypoint_visible[row, :3].tolist() == [False, True, True]
