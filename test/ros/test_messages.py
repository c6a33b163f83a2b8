"""The messages have the promised fields and constants and survive serialisation."""
import array
import math

import numpy as np
import pytest
from geometry_msgs.msg import Point, Quaternion
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import RegionOfInterest
from tf2_msgs.msg import TFMessage

from ros2_occpose import msg

HEADER = ('header', 'std_msgs/Header')
KEYPOINTS = ('keypoints', 'sequence<ros2_occpose/Keypoint2D>')
ROI = ('roi', 'sensor_msgs/RegionOfInterest')

FIELDS = {
    'Joint': [('position', 'geometry_msgs/Point'), ('covariance', 'float[6]'),
              ('confidence', 'float'), ('state', 'uint8')],
    'Keypoint2D': [('x', 'float'), ('y', 'float'), ('score', 'float'), ('visible', 'boolean')],
    'Human': [('id', 'uint32'), ('state', 'uint8'), ('confidence', 'float'),
              ('root', 'geometry_msgs/PoseWithCovariance'),
              ('velocity', 'geometry_msgs/TwistWithCovariance'),
              ('joints', 'sequence<ros2_occpose/Joint>'), KEYPOINTS, ROI],
    'HumanArray': [HEADER, ('skeleton', 'string'), ('camera_frame', 'string'),
                   ('camera_pose', 'uint8'), ('latency', 'float'),
                   ('humans', 'sequence<ros2_occpose/Human>')],
    'SkeletonModel': [('name', 'string'), ('joint_names', 'sequence<string>'),
                      ('parents', 'sequence<int16>')],
    'HumanMesh': [('id', 'uint32'), ('state', 'uint8'), ('betas', 'sequence<float>'),
                  ('joint_rotations', 'sequence<geometry_msgs/Quaternion>'),
                  ('root', 'geometry_msgs/Point'), ('vertices', 'sequence<float>')],
    'HumanMeshArray': [HEADER, ('body_model', 'string'),
                       ('meshes', 'sequence<ros2_occpose/HumanMesh>')],
    'MeshModel': [('name', 'string'), ('num_vertices', 'uint32'),
                  ('triangles', 'sequence<uint32>')],
    'Person2D': [('id', 'uint32'), ('score', 'float'), ROI, KEYPOINTS],
    'Person2DArray': [HEADER, ('skeleton', 'string'),
                      ('people', 'sequence<ros2_occpose/Person2D>')],
    'PipelineStats': [HEADER, ('people', 'uint32'), ('received_frames', 'uint32'),
                      ('dropped_frames', 'uint32'),
                      ('backend', 'string'), ('stages', 'sequence<string>'),
                      ('stage_ms', 'sequence<float>'), ('stage_p50_ms', 'sequence<float>'),
                      ('stage_p95_ms', 'sequence<float>')],
}
CONSTANTS = {
    'Joint': {'OBSERVED': 0, 'OCCLUDED': 1, 'OUT_OF_VIEW': 2, 'PREDICTED': 3},
    'Human': {'TENTATIVE': 0, 'TRACKED': 1, 'OCCLUDED': 2, 'LOST': 3},
    'HumanArray': {'NONE': 0, 'STATIC': 1, 'TF': 2, 'ODOMETRY': 3, 'POSE': 4},
}


def survives(message):
    """What comes out after a message went through the wire format."""
    return deserialize_message(serialize_message(message), type(message))


def some_joint():
    return msg.Joint(position=Point(x=1.0, y=-2.0, z=math.nan), confidence=0.5,
                     covariance=np.array([1, 2, 3, 4, 5, math.nan], np.float32),
                     state=msg.Joint.PREDICTED)


def some_human(number):
    human = msg.Human(id=number, state=msg.Human.OCCLUDED, confidence=0.25,
                      joints=[some_joint() for _ in range(17)],
                      keypoints=[msg.Keypoint2D(x=1.5, y=math.nan, score=0.5, visible=True)],
                      roi=RegionOfInterest(x_offset=1, y_offset=2, height=3, width=4))
    human.root.pose.orientation = Quaternion(x=0.0, y=0.0, z=1.0, w=0.0)
    human.root.covariance = np.arange(36.0)
    human.velocity.twist.linear.x = -1.0
    return human


@pytest.mark.parametrize('name', FIELDS)
def test_message_has_the_promised_fields_in_order(name):
    assert list(getattr(msg, name).get_fields_and_field_types().items()) == FIELDS[name]


def test_no_other_message_exists():
    generated = {name for name in dir(msg) if name[0].isupper()}
    assert generated - {'Metaclass'} == set(FIELDS)


@pytest.mark.parametrize('name', CONSTANTS)
def test_message_has_the_promised_constants(name):
    for constant, value in CONSTANTS[name].items():
        assert getattr(getattr(msg, name), constant) == value


@pytest.mark.parametrize('name', FIELDS)
def test_empty_message_survives(name):
    message = getattr(msg, name)()
    assert survives(message) == message


def test_people_survive_with_every_number():
    people = msg.HumanArray(skeleton='h36m17', camera_frame='camera', latency=0.25,
                            camera_pose=msg.HumanArray.ODOMETRY,
                            humans=[some_human(1), some_human(2)])
    people.header.frame_id = 'map'
    people.header.stamp.nanosec = 7
    back = survives(people)
    # NaN differs from itself, hence the text; repr() of a float is exact.
    assert repr(back) == repr(people)
    assert back.humans[1].id == 2
    assert math.isnan(back.humans[0].joints[16].position.z)
    assert math.isnan(back.humans[0].joints[16].covariance[5])


def test_meshes_survive_with_every_number():
    vertices = array.array('f', [0.5, -1.5, math.nan] * 100)
    mesh = msg.HumanMesh(id=3, state=msg.Human.TRACKED, betas=[0.5] * 10, vertices=vertices,
                         joint_rotations=[Quaternion()] * 24, root=Point(z=2.0))
    back = survives(msg.HumanMeshArray(body_model='smpl', meshes=[mesh])).meshes[0]
    np.testing.assert_array_equal(back.vertices, vertices)
    assert (back.root.z, len(back.joint_rotations), list(back.betas)) == (2.0, 24, [0.5] * 10)


def test_models_and_inputs_survive():
    for message in (
        msg.SkeletonModel(name='h36m17', joint_names=['pelvis', 'hip'], parents=[-1, 0]),
        msg.MeshModel(name='smpl', num_vertices=3, triangles=[0, 1, 2]),
        msg.Person2DArray(skeleton='coco17', people=[msg.Person2D(id=4, score=0.5, keypoints=[
            msg.Keypoint2D(x=1.0, y=2.0, score=0.5, visible=True)])]),
        msg.PipelineStats(people=2, received_frames=9, dropped_frames=1,
                          backend='onnxruntime cpu', stages=['detection', 'lifting'],
                          stage_ms=[8.0, 1.5], stage_p50_ms=[7.0, 1.0], stage_p95_ms=[9.0, 2.0]),
    ):
        assert survives(message) == message
        assert survives(message) != type(message)()


def test_transforms_can_be_published():
    assert TFMessage.get_fields_and_field_types() == {
        'transforms': 'sequence<geometry_msgs/TransformStamped>'}
