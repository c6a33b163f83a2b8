"""The camera pose of an image from topics and parameters, over DDS: people stay where they are.

From TF: see test_tf.py.
"""
import numpy as np
import pytest
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from rclpy.publisher import Publisher
from scene import driving, make_scene
from scipy.spatial.transform import Rotation
from walker import Walker

from ros2_occpose.geometry import invert, se3
from ros2_occpose.msg import HumanArray, PipelineStats
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import header, pose_message
from ros2_occpose.types import CameraPoseSource, Floats

# Two people who stand still while the camera drives and turns past them.
SCENE = make_scene([Walker([(0, 5, -1), (9, 5, -1)]), Walker([(0, 4, 1), (9, 4, 1)])],
                   camera_path=driving(velocity=(0.3, 0.6)), seconds=3.0, fps=5)
MOUNT = se3(Rotation.from_euler('xyz', [-95, 0, -90], degrees=True).as_matrix(),
            np.array([0.2, 0.05, 0.4]))


def numbers(pose: Floats) -> list[float]:
    """The parameter camera_mount: x y z qx qy qz qw."""
    return [*pose[:3, 3].tolist(), *Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()]


def publish(publisher: Publisher, stamp_ns: int, pose: Floats, frame: str = 'odom') -> None:
    if publisher.msg_type is Odometry:
        message = Odometry(header=header(stamp_ns, frame), child_frame_id='base_link')
        message.pose.pose = pose_message(pose)
    else:
        message = PoseStamped(header=header(stamp_ns, frame), pose=pose_message(pose))
    publisher.publish(message)


def start(**parameters: object) -> Bench:
    bench = Bench(lambda config: ScriptedPipeline(SCENE), **parameters)
    bench.listen(HumanArray, 'humans')
    bench.listen(DiagnosticArray, '/diagnostics')
    return bench


@pytest.mark.parametrize(('source', 'kind'), [('odometry', Odometry), ('pose', PoseStamped)])
def test_poses_are_interpolated_and_the_mount_counts(source: str, kind: type) -> None:
    with start(camera_pose=source, camera_mount=numbers(MOUNT)) as bench:
        poses = bench.peer.create_publisher(kind, source, 10)
        bench.connect()
        bench.wait(poses.get_subscription_count, 'discovery')
        path, camera_from_body = driving(velocity=(0.3, 0.6)), invert(MOUNT)
        for moment in list(SCENE)[:8]:
            stamp_s = moment.frame.stamp_ns / 1e9
            for t in (stamp_s - 0.05, stamp_s + 0.05):       # never at the stamp of an image
                body = path(np.array([t - 1.0]))[0] @ camera_from_body
                publish(poses, round(t * 1e9), body)
            message = bench.ask(moment)
            humans = humans_from(message)
            assert (humans.frame_id, humans.camera_frame) == ('odom', CAMERA_FRAME)
            assert humans.camera_pose == CameraPoseSource[source.upper()]
            np.testing.assert_allclose(humans.joints, moment.joints_world, atol=2e-3)


def test_static() -> None:
    moment = SCENE.moment(3)
    with start(camera_pose='static', world_frame='map',
               camera_mount=numbers(moment.world_from_camera)) as bench:
        bench.connect()
        humans = humans_from(bench.ask(moment))
        assert (humans.frame_id, humans.camera_pose) == ('map', CameraPoseSource.STATIC)
        np.testing.assert_allclose(humans.joints, moment.joints_world, atol=1e-9)


def test_an_image_waits_for_a_late_pose() -> None:
    moment = SCENE.moment(3)
    stamp_ns = moment.frame.stamp_ns
    with start(camera_pose='pose', pose_timeout_s=2.0) as bench:
        poses = bench.peer.create_publisher(PoseStamped, 'pose', 10)
        bench.connect()
        bench.wait(poses.get_subscription_count, 'discovery')
        publish(poses, stamp_ns - 100_000_000, moment.world_from_camera)
        bench.send(moment)
        bench.pause(0.3)
        assert not bench.received['humans']
        publish(poses, stamp_ns + 100_000_000, moment.world_from_camera)
        humans = humans_from(bench.answer_to(stamp_ns))
        np.testing.assert_allclose(humans.joints, moment.joints_world, atol=1e-9)
        bench.wait(lambda: bench.fact('camera poses late') == '1', 'a late pose in diagnostics')
        assert bench.fact('camera pose') == 'topic /pose'
        assert (bench.fact('camera poses in time'), bench.fact('camera poses missing')) == (
            '0', '0')


def test_an_image_without_pose_is_left_out_and_counted() -> None:
    """Never an answer in another frame than the one before."""
    with start(camera_pose='odometry', pose_timeout_s=0.05) as bench:
        poses = bench.peer.create_publisher(Odometry, 'odometry', 10)
        stats = bench.listen(PipelineStats, 'stats')
        bench.connect()
        bench.wait(poses.get_subscription_count, 'discovery')
        bench.wait(lambda: bench.outputs()[3].get_subscription_count(), 'discovery')
        bench.send(SCENE.moment(2))
        bench.wait_for_log('topic /odometry: Expected a camera pose at the stamp of the image, '
                           'got no pose at all')
        bench.wait(lambda: bench.errors('camera pose'), 'an error in the diagnostics')
        assert not bench.received['humans']
        assert bench.fact('camera poses missing') == bench.fact('images dropped') == '1'

        moment = SCENE.moment(3)
        publish(poses, moment.frame.stamp_ns, moment.world_from_camera)
        bench.pause(0.5)
        bench.ask(moment)
        assert bench.wait(lambda: stats, 'stats')[0].dropped_frames == 1


@pytest.mark.parametrize(('frame', 'pose', 'text'), [
    ('map', np.eye(4), "expected poses in the frame 'odom' (world_frame), got 'map'; set"),
    ('odom', np.full((4, 4), np.nan), 'Expected a pose with a unit quaternion'),
])
def test_unusable_poses(frame: str, pose: Floats, text: str) -> None:
    with start(camera_pose='pose', pose_timeout_s=0.5) as bench:
        poses = bench.peer.create_publisher(PoseStamped, 'pose', 10)
        bench.connect()
        bench.wait(poses.get_subscription_count, 'discovery')
        moment = SCENE.moment(2)
        publish(poses, moment.frame.stamp_ns, pose, frame)
        bench.pause(0.3)
        bench.send(moment)
        bench.wait_for_log(text)
        publish(poses, moment.frame.stamp_ns + 1, moment.world_from_camera)
        bench.send_image(moment.frame.stamp_ns + 1)
        bench.send_info(moment.frame.camera, moment.frame.stamp_ns + 1)
        bench.answer_to(moment.frame.stamp_ns + 1)


def test_a_mount_that_is_no_pose_is_refused() -> None:
    with start(camera_pose='static', camera_mount=[0.0] * 7) as bench:
        bench.wait_for_log('activate failed: camera_mount: Expected a pose with a unit quaternion')
