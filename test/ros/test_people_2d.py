"""People found by somebody else, with images and without, in any joint set that converts."""
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rclpy
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from scene import PERFECT, driving, make_scene
from sensor_msgs.msg import Image
from walker import Walker

from ros2_occpose.config import PipelineConfig
from ros2_occpose.msg import HumanArray, Person2DArray
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.ros.conversions import person_2d_array, pixels_of, stamp_of

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'people_2d.md'

SCENE = make_scene([Walker([(0, 5, -1), (9, 5, -1)]), Walker([(0, 4, 1), (9, 4, 1)])],
                   camera_path=driving(velocity=(0.3, 0.6)), seconds=3.0, fps=5, noise=PERFECT)


def test_without_images() -> None:
    asked: list[PipelineConfig] = []
    pipeline = ScriptedPipeline(SCENE)

    def load(config: PipelineConfig) -> ScriptedPipeline:
        asked.append(config)
        return pipeline

    with Bench(load, without_images=True, no_image_after_s=0.5) as bench:
        bench.listen(HumanArray, 'humans')
        bench.listen(DiagnosticArray, '/diagnostics')
        overlay = bench.listen(Image, 'overlay')
        people = bench.peer.create_publisher(Person2DArray, 'people_2d', 10)
        bench.wait(people.get_subscription_count, 'discovery')
        bench.wait(bench.infos.get_subscription_count, 'discovery')
        bench.wait(lambda: bench.outputs()[2].get_subscription_count(), 'discovery')
        assert not bench.images.get_subscription_count()
        assert not asked[0].detection.flow                 # there is no image to flow
        bench.wait_for_log('Expected people_2d on /people_2d, got none for')

        first, *moments = SCENE
        for i in range(3):                                 # no CameraInfo yet
            people.publish(person_2d_array(first.detections, first.frame.stamp_ns + i,
                                           CAMERA_FRAME))
        bench.wait_for_log('Expected a CameraInfo on /camera_info for the people on people_2d')
        for moment in moments:
            stamp_ns = moment.frame.stamp_ns
            bench.send_info(moment.frame.camera, stamp_ns)
            people.publish(person_2d_array(moment.detections, stamp_ns, CAMERA_FRAME))
            humans = humans_from(bench.answer_to(stamp_ns))
            np.testing.assert_allclose(humans.joints, moment.joints_camera, atol=1e-9)
            frame = pipeline.frames[-1]
            np.testing.assert_allclose(frame.camera.k, moment.frame.camera.k)
            np.testing.assert_allclose(frame.detections.keypoints_px,
                                       moment.detections.keypoints_px, rtol=1e-6)
        assert pixels_of(overlay[-1]).shape == (480, 640, 3)
        assert pixels_of(overlay[-1]).any()                # people on black
        bench.wait(lambda: bench.fact('images received') == str(2 + len(SCENE)), 'the count')


def test_the_detector_in_the_docs_works() -> None:
    """The one of docs/people_2d.md, with a `detect` that knows the truth."""
    block = re.search(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)[1]
    page: dict[str, Any] = {'__name__': 'page'}
    exec(block, page)
    moments = {moment.frame.stamp_ns: moment.detections for moment in SCENE}

    class Detector(page['MyDetector']):
        def detect(self, image: Image) -> list[tuple[float, list[tuple[float, float, float]]]]:
            found = moments[stamp_of(image)]
            points = np.dstack([found.keypoints_px, found.scores]).tolist()
            return list(zip(found.score.tolist(), points, strict=True))

    pipeline = ScriptedPipeline(SCENE)
    with Bench(lambda config: pipeline, use_people_2d=True) as bench:
        bench.listen(HumanArray, 'humans')
        rclpy.init()
        detector = Detector()
        thread = threading.Thread(target=rclpy.spin, args=(detector,), daemon=True)
        thread.start()
        try:
            bench.wait(lambda: bench.images.get_subscription_count() == 2, 'discovery')
            bench.wait(detector.publisher.get_subscription_count, 'discovery')
            bench.connect()
            moment = SCENE.moment(3)
            bench.ask(moment)
            got = pipeline.frames[-1].detections
            np.testing.assert_allclose(got.keypoints_px, moment.detections.keypoints_px, rtol=1e-6)
        finally:
            rclpy.shutdown()
            thread.join(5)
            detector.destroy_node()


@pytest.mark.parametrize('every', [1, 5])
def test_camera_info_may_come_seldom(every: int) -> None:
    with Bench(lambda config: ScriptedPipeline(SCENE), without_images=True) as bench:
        bench.listen(HumanArray, 'humans')
        people = bench.peer.create_publisher(Person2DArray, 'people_2d', 10)
        bench.wait(people.get_subscription_count, 'discovery')
        bench.wait(bench.infos.get_subscription_count, 'discovery')
        for i, moment in enumerate(SCENE):
            if i % every == 0:
                bench.send_info(moment.frame.camera, moment.frame.stamp_ns - 7)
                bench.pause(0.05)
            people.publish(person_2d_array(moment.detections, moment.frame.stamp_ns,
                                           CAMERA_FRAME))
            bench.pause(0.02)
        bench.answer_to(SCENE.moment(len(SCENE) - 1).frame.stamp_ns)
