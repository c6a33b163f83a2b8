"""Whatever arrives, the node says what is wrong, counts it, and answers the next good image."""
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from processes import Process
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from scene import crowd, static
from sensor_msgs.msg import CompressedImage, Image

from ros2_occpose.geometry import Camera
from ros2_occpose.inference import load_session
from ros2_occpose.msg import HumanArray, Keypoint2D, Person2D, Person2DArray
from ros2_occpose.ros.conversions import header, person_2d_array
from ros2_occpose.ros.running import PROFILES

SCENE = crowd(2, seconds=4.0, camera_path=static(), fps=5)
GOOD, NEXT = SCENE.moment(5), SCENE.moment(6)
CAMERA_PROCESS = str(Path(__file__).with_name('losing_camera.py'))
CAMERA, STAMP = GOOD.frame.camera, GOOD.frame.stamp_ns


def start(**parameters: object) -> tuple[Bench, ScriptedPipeline]:
    pipeline = ScriptedPipeline(SCENE)
    bench = Bench(lambda config: pipeline, **parameters)
    bench.listen(HumanArray, 'humans')
    bench.listen(DiagnosticArray, '/diagnostics')
    return bench, pipeline


def expect(bench: Bench, kind: str, text: str) -> None:
    """The node complains in these words and counts it in its diagnostics."""
    bench.wait_for_log(text)
    bench.wait(lambda: bench.errors(kind), f'an error of kind {kind!r} in the diagnostics')


def test_no_image() -> None:
    bench, _ = start(no_image_after_s=0.3)
    with bench:
        bench.connect()
        expect(bench, 'no image', 'Expected images on /image, got none for')
        assert 'publishers there: 1' in bench.wait_for_log('images get lost on the way')
        bench.ask(GOOD)


def test_images_that_stop() -> None:
    bench, _ = start(no_image_after_s=0.3)
    with bench:
        bench.connect()
        bench.ask(GOOD)
        expect(bench, 'no image', 'some came before: the publisher has stopped, or has died')


def test_images_that_cannot_be_heard() -> None:
    """The bench asks for reliable images; a sensor driver offers best effort."""
    bench, _ = start(no_image_after_s=0.3)
    with bench:
        bench.peer.destroy_publisher(bench.images)
        bench.images = bench.peer.create_publisher(
            Image, 'image', QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
        bench.wait_for_log('/peer offers BEST_EFFORT reliability where RELIABLE is asked for: set '
                           'qos_overrides./image.subscription.reliability to best_effort.')


def test_images_of_another_type() -> None:
    bench, _ = start(no_image_after_s=0.3)
    context = Context()
    context.init()                # one process may not give a topic two types in one context
    driver = Node('driver', context=context)
    with bench:
        bench.peer.destroy_publisher(bench.images)
        driver.create_publisher(CompressedImage, 'image', 1)
        bench.wait_for_log('/driver publishes sensor_msgs/msg/CompressedImage there instead of '
                           'sensor_msgs/msg/Image: compare the parameter image_transport')
    driver.destroy_node()
    context.try_shutdown()


def test_nobody_publishes_images() -> None:
    bench, _ = start(no_image_after_s=0.3)
    with bench:
        bench.peer.destroy_publisher(bench.images)
        bench.wait_for_log('nobody publishes there: start the camera, or remap `image`')


def test_images_that_get_lost() -> None:
    """CameraInfo is small and arrives; images need the DDS profile."""
    bench, _ = start(no_image_after_s=60.0)
    with bench:
        bench.connect()
        for i in range(30):
            bench.send_info(CAMERA, STAMP + i)
            bench.pause(0.02)
        bench.wait_for_log('Far fewer images on /image than CameraInfo on /camera_info: unless')


def test_images_lost_in_transport_are_counted(run: Callable[..., Process],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera without the DDS profile: its images are too large for the shared memory."""
    bench, _ = start(**{'qos_overrides./image.subscription.reliability': 'best_effort'})
    with bench:
        for variable in PROFILES:
            monkeypatch.setenv(variable, '')
        run(CAMERA_PROCESS)
        bench.wait(lambda: int(bench.fact('images missed') or 0) >= 5, 'lost images', seconds=30)


def test_no_camera_info() -> None:
    bench, _ = start()
    with bench:
        bench.connect()
        for i in range(5):
            bench.send_image(STAMP - 10 + i)
            bench.pause(0.05)
        expect(bench, 'camera', 'Expected a CameraInfo for images of 640x480 on /camera_info, '
                                'got none')
        bench.ask(GOOD)


def test_camera_info_of_another_size() -> None:
    bench, _ = start()
    with bench:
        bench.connect()
        for i in range(5):
            bench.send_info(Camera.from_hfov(1280, 720, 60), STAMP - 10 + i)
            bench.send_image(STAMP - 10 + i)
            bench.pause(0.05)
        expect(bench, 'camera', 'for images of 640x480 on /camera_info, got 1280x720')
        bench.ask(GOOD)


@pytest.mark.parametrize(('fields', 'text'), [
    ({'k': np.zeros(9)}, 'K is zero; calibrate the camera, or set fallback_hfov_deg'),
    ({'distortion_model': 'thin_prism', 'd': [0.1] * 12}, "Unknown distortion model 'thin_prism'"),
])
def test_unusable_camera_info(fields: dict, text: str) -> None:
    bench, _ = start()
    with bench:
        bench.connect()
        bench.send_info(CAMERA, STAMP - 10, **fields)
        bench.send_image(STAMP - 10)
        expect(bench, 'camera', text)
        bench.ask(GOOD)


def test_a_field_of_view_stands_in_for_a_calibration() -> None:
    bench, pipeline = start(fallback_hfov_deg=70)       # an integer, as people write it
    with bench:
        bench.connect()
        bench.send_info(CAMERA, STAMP, k=np.zeros(9))
        bench.send_image(STAMP)
        bench.answer_to(STAMP)
        bench.wait_for_log('The camera is taken to see 70 degrees from left to right')
        np.testing.assert_allclose(pipeline.frames[-1].camera.k, CAMERA.k)


@pytest.mark.parametrize(('fields', 'text'), [
    ({'encoding': '32FC1'}, "Unknown image encoding '32FC1'; expected one of"),
    ({'encoding': 'mono16', 'is_bigendian': 1}, 'rows of at least 1280 bytes'),
    ({'width': 0, 'height': 0, 'step': 0, 'data': []}, 'Expected a non-empty image, got 0x0'),
    ({'data': [1, 2, 3]}, 'got 3; the image is cut short'),
])
def test_unusable_image(fields: dict, text: str) -> None:
    fields = {'step': 100, **fields} if fields.get('encoding') == 'mono16' else fields
    bench, _ = start()
    with bench:
        bench.connect()
        bench.send_info(CAMERA, STAMP - 10)
        bench.send_image(STAMP - 10, **fields)
        expect(bench, 'image', text)
        bench.ask(GOOD)


def test_size_change() -> None:
    small = Camera.from_hfov(320, 240, 70)
    bench, pipeline = start()
    with bench:
        bench.connect()
        bench.ask(GOOD)
        bench.send_info(small, STAMP + 10)
        bench.send_image(STAMP + 10, np.zeros((240, 320, 3), np.uint8))
        bench.answer_to(STAMP + 10)
        assert pipeline.frames[-1].camera.size == (320, 240)
        assert pipeline.resets == 1
        expect(bench, 'size', 'Expected images of 640x480 as before, got 320x240')


def test_stamps_that_go_backwards() -> None:
    bench, pipeline = start()
    with bench:
        bench.connect()
        bench.ask(NEXT)
        bench.ask(GOOD)
        assert pipeline.resets == 1
        expect(bench, 'time', 'got an image 0.200 s before the last one: starting afresh')
        for moment in list(SCENE)[7:12]:                # it works on, with exact pairs
            bench.ask(moment)
        assert pipeline.resets == 1


def test_unusable_keypoints_from_somebody_else() -> None:
    bench, pipeline = start(use_people_2d=True)
    with bench:
        people = bench.peer.create_publisher(Person2DArray, 'people_2d', 10)
        bench.connect()
        bench.wait(people.get_subscription_count, 'discovery')
        message = person_2d_array(GOOD.detections, STAMP, CAMERA_FRAME)
        message.people[0].keypoints[3].x = float('nan')
        message.people[0].keypoints[5].y = float('inf')
        broken = [Keypoint2D(x=float('nan'), y=float('nan'), score=1.0, visible=True)] * 17
        message.people.append(Person2D(score=0.9, keypoints=broken))
        bench.send_info(CAMERA, STAMP)
        bench.send_image(STAMP)
        people.publish(message)
        bench.answer_to(STAMP)
        expect(bench, 'people_2d', 'Expected finite keypoints in people_2d, got 19 visible ones')
        got = pipeline.frames[-1].detections
        assert len(got) == len(GOOD.detections)          # who has no usable keypoint is left out
        assert np.isfinite(got.keypoints_px).all()
        assert got.scores[0, [3, 5]].tolist() == [0, 0]

        few = Person2D(score=0.9, keypoints=broken[:3])
        bench.send_image(STAMP + 1)
        people.publish(Person2DArray(header=header(STAMP + 1, ''), skeleton='coco17',
                                     people=[few]))
        bench.wait_for_log('people_2d: Expected 17 keypoints for skeleton coco17, got 3')
        bench.send_image(STAMP + 2)
        people.publish(Person2DArray(header=header(STAMP + 2, ''), skeleton='octopus8'))
        bench.wait_for_log("Unknown skeleton 'octopus8'; expected one of")
        bench.send_image(NEXT.frame.stamp_ns)
        people.publish(person_2d_array(NEXT.detections, NEXT.frame.stamp_ns, CAMERA_FRAME))
        bench.answer_to(NEXT.frame.stamp_ns)


@pytest.mark.parametrize(('content', 'text'), [
    (None, 'configure failed: '), (b'not a network', 'configure failed: ')])
def test_unusable_model(tmp_path: Path, content: bytes | None, text: str) -> None:
    """The node stays alive and unconfigured; a second attempt with a good model works."""
    path = tmp_path / 'lifter.onnx'
    if content is not None:
        path.write_bytes(content)
    good = ScriptedPipeline(SCENE)
    answers = iter([lambda: load_session(path, device='cpu'), lambda: good])
    bench = Bench(lambda config: next(answers)())
    bench.listen(HumanArray, 'humans')
    bench.listen(DiagnosticArray, '/diagnostics')
    with bench:
        expect(bench, 'model', text)
        assert str(path) in bench.wait_for_log(text)
        assert bench.state() == 'unconfigured'
        bench.change_state('configure')
        bench.change_state('activate')
        bench.connect()
        bench.ask(GOOD)


def test_a_bug_does_not_end_the_node() -> None:
    bench, pipeline = start()
    with bench:
        bench.connect()
        pipeline.broken_at = STAMP - 10
        bench.send_info(CAMERA, STAMP - 10)
        bench.send_image(STAMP - 10)
        expect(bench, 'internal', 'ZeroDivisionError')
        bench.ask(GOOD)
