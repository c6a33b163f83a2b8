"""`camera_pose: tf` over DDS, with the real tf2_ros where it is installed, and with our double."""
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
import tf_double
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import Transform, TransformStamped
from parts import part
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from scene import Moment, driving, make_scene
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage
from walker import Walker

from ros2_occpose.geometry import invert, se3
from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import header, pose_message
from ros2_occpose.types import CameraPoseSource, Floats

# Two people who stand still while the camera drives and turns past them.
PATH = driving(velocity=(0.3, 0.6))
SCENE = make_scene([Walker([(0, 5, -1), (9, 5, -1)]), Walker([(0, 4, 1), (9, 4, 1)])],
                   camera_path=PATH, seconds=3.0, fps=5)
MOUNT = se3(Rotation.from_euler('xyz', [-95, 0, -90], degrees=True).as_matrix(),
            np.array([0.2, 0.05, 0.4]))
AROUND_NS = (-20_000_000, 20_000_000)       # TF knows the time before and after an image
DISCOVERED = 'discovery'


@pytest.fixture(params=['tf2_ros', 'double'], autouse=True)
def tf2(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == 'double':
        monkeypatch.setitem(sys.modules, 'tf2_ros', tf_double.module())
    else:
        part('tf2_ros')
    return request.param


class TfBench(Bench):
    """A node that asks TF, and what publishes TF."""

    def __init__(self, **parameters: object) -> None:
        super().__init__(lambda config: ScriptedPipeline(SCENE), camera_pose='tf', **parameters)
        self.listen(HumanArray, 'humans')
        self.listen(DiagnosticArray, '/diagnostics')
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.static = self.peer.create_publisher(TFMessage, '/tf_static', latched)
        self.moving = self.peer.create_publisher(TFMessage, '/tf', 100)

    def connect(self) -> None:
        super().connect()
        for publisher in (self.static, self.moving):
            self.wait(publisher.get_subscription_count, DISCOVERED)

    def tell(self, stamp_ns: int, pose: Floats, parent: str = 'odom', child: str = CAMERA_FRAME,
             to: Publisher | None = None) -> None:
        """Publish one edge of the tree."""
        message = pose_message(pose)
        transform = Transform(rotation=message.orientation)
        for axis in 'xyz':
            setattr(transform.translation, axis, getattr(message.position, axis))
        (to or self.moving).publish(TFMessage(transforms=[TransformStamped(
            header=header(stamp_ns, parent), child_frame_id=child, transform=transform)]))

    def tell_around(self, moment: Moment) -> None:
        """What TF has to know of an image."""
        for offset_ns in AROUND_NS:
            self.tell(moment.frame.stamp_ns + offset_ns, moment.world_from_camera)

    def poses(self) -> tuple[str | None, ...]:
        """In time, late, missing: as diagnostics count them."""
        return tuple(self.fact(f'camera poses {kind}') for kind in ('in time', 'late', 'missing'))

    def expect(self, *poses: int) -> None:
        wanted = tuple(map(str, poses))
        self.wait(lambda: self.poses() == wanted, f'{wanted} camera poses in time, late, missing')


@pytest.fixture
def bench() -> Iterator[TfBench]:
    with TfBench(pose_timeout_s=2.0) as bench:
        bench.connect()
        yield bench


def in_the_world(answer: HumanArray, moment: Moment, atol: float = 1e-6) -> None:
    humans = humans_from(answer)
    assert (humans.frame_id, humans.camera_pose) == ('odom', CameraPoseSource.TF)
    np.testing.assert_allclose(humans.joints, moment.joints_world, atol=atol)


def test_at_the_stamp_of_the_image_also_when_the_bag_starts_again(bench: TfBench) -> None:
    bench.tell(0, MOUNT, 'base_link', CAMERA_FRAME, bench.static)
    camera_from_body = invert(MOUNT)
    moments = list(SCENE)[:8]
    for moment in [*moments, *moments[:4]]:
        stamp_s = moment.frame.stamp_ns / 1e9
        bench.received['humans'].clear()
        bench.send(moment)
        for t in (stamp_s - 0.05, stamp_s + 0.05):       # tf comes after the image
            bench.pause(0.05)
            body = PATH(np.array([t - 1.0]))[0] @ camera_from_body
            bench.tell(round(t * 1e9), body, 'odom', 'base_link')
        in_the_world(bench.answer_to(moment.frame.stamp_ns), moment, atol=2e-3)
    assert bench.fact('camera pose') == 'tf2_ros'


def test_the_latest_transform_is_never_taken(bench: TfBench) -> None:
    """Images that come late are placed where the camera was, not where it is."""
    for moment in SCENE:
        bench.tell_around(moment)
    bench.pause(0.3)
    for moment in list(SCENE)[2:6]:
        in_the_world(bench.ask(moment), moment)
    bench.expect(4, 0, 0)


def test_an_image_waits_for_its_transform_and_not_for_any(bench: TfBench) -> None:
    first, moment, last = SCENE.moment(2), SCENE.moment(5), SCENE.moment(8)
    bench.tell_around(first)
    bench.pause(0.2)
    bench.ask(first)
    bench.send(moment)
    bench.pause(0.3)
    assert len(bench.received['humans']) == 1            # the one before says nothing about it
    bench.tell(last.frame.stamp_ns, last.world_from_camera, 'odom', 'another_camera')
    bench.pause(0.2)
    assert len(bench.received['humans']) == 1
    bench.tell_around(moment)
    in_the_world(bench.answer_to(moment.frame.stamp_ns), moment)
    bench.expect(1, 1, 0)


def test_waiting_ends() -> None:
    with TfBench(pose_timeout_s=0.5) as bench:
        bench.connect()
        moment = SCENE.moment(3)
        bench.tell(moment.frame.stamp_ns - 1, moment.world_from_camera)
        bench.pause(0.1)
        start = time.monotonic()
        bench.send(moment)
        said = bench.wait_for_log('Expected the transform')
        assert time.monotonic() - start > 0.45           # and not for ever
        assert f"from '{CAMERA_FRAME}' to 'odom' at the stamp of the image, got:" in said
        bench.tell_around(moment)                        # too late for it
        bench.expect(0, 0, 1)
        assert bench.fact('images dropped') == '1'
        assert not bench.received['humans']


def test_transforms_that_stop_and_come_back() -> None:
    """Nothing is answered from an old transform; each image without one is counted."""
    with TfBench(pose_timeout_s=0.2) as bench:
        bench.connect()
        first, *silent, last = list(SCENE)[:5]
        bench.tell_around(first)
        bench.pause(0.2)
        bench.ask(first)
        for moment in silent:
            bench.send(moment)
            bench.pause(0.3)
        bench.expect(1, 0, 3)
        assert len(bench.received['humans']) == 1
        bench.tell_around(last)
        bench.pause(0.2)
        in_the_world(bench.ask(last), last)
        bench.expect(2, 0, 3)


def test_a_camera_that_is_bolted_to_the_world(bench: TfBench) -> None:
    """All static: known at every stamp, and an image that was first is told of it."""
    moment = SCENE.moment(3)
    bench.send(moment)
    bench.pause(0.2)
    bench.tell(0, moment.world_from_camera @ invert(MOUNT), 'odom', 'pole', bench.static)
    bench.pause(0.2)
    assert not bench.received['humans']
    bench.tell(0, MOUNT, 'pole', CAMERA_FRAME, bench.static)
    in_the_world(bench.answer_to(moment.frame.stamp_ns), moment)
    later = SCENE.moment(9)
    assert humans_from(bench.ask(later)).camera_pose == CameraPoseSource.TF
    bench.expect(1, 1, 0)


@pytest.mark.parametrize('clock', ['paused', 'silent'])
def test_a_clock_that_stands_still_holds_nothing_up(clock: str) -> None:
    """A bag that is paused: what came is answered, what lacks its transform is given up."""
    with TfBench(pose_timeout_s=0.3, use_sim_time=True) as bench:
        clocks = bench.peer.create_publisher(Clock, '/clock', 10)
        bench.connect()
        moment, lost, last = (SCENE.moment(i) for i in (3, 4, 5))
        if clock == 'paused':
            bench.wait(clocks.get_subscription_count, DISCOVERED)
            for _ in range(3):
                clocks.publish(Clock(clock=header(moment.frame.stamp_ns, '').stamp))
            bench.wait(lambda: bench.node.get_clock().now().nanoseconds == moment.frame.stamp_ns,
                       'time from /clock')
        bench.send(moment)
        bench.pause(0.1)
        bench.tell_around(moment)
        in_the_world(bench.answer_to(moment.frame.stamp_ns), moment)
        bench.send(lost)
        bench.expect(0, 1, 1)
        bench.tell_around(last)
        bench.pause(0.2)
        in_the_world(bench.ask(last), last)
        bench.expect(1, 1, 1)


def test_without_tf2_it_says_what_to_do(tf2: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'tf2_ros', None)        # importing it fails
    with TfBench() as bench:
        bench.wait_for_log('activate failed: camera_pose is tf, but tf2_ros is not installed')
        assert bench.state() == 'inactive'
