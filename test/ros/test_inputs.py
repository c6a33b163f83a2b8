"""Whatever a driver sends, the pipeline gets the same picture and the camera that took it."""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from bench import CAMERA_FRAME, Bench, ScriptedPipeline
from rclpy.node import Node
from scene import crowd, static
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from test_images import DEEP, EXACT, GREY, IMAGE, LOSSY, H, W, deepened, rows

from ros2_occpose.geometry import Camera
from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.messages import camera_info
from ros2_occpose.ros.conversions import make
from ros2_occpose.types import Frame

SCENE = crowd(1, seconds=4.0, camera_path=static(), fps=5)
SMALL = Camera.from_hfov(W, H, 70)
# encoding -> (array of the message, big-endian, most that the picture may be off)
ENCODINGS = {
    **{name: (array, False, 0) for name, array in EXACT.items()},
    **{name: (array, False, 14) for name, array in LOSSY.items()},
    **dict.fromkeys(('mono8', '8UC1'), (GREY, False, 0)),
    **{name: (deepened(GREY, False), False, 0) for name in ('mono16', '16UC1')},
    **{name: (deepened(array, True), True, 14 if 'bayer' in name else 0)
       for name, array in DEEP.items()}}
# What the issue and the documents name.
NAMED = {'rgb8', 'bgr8', 'mono8', 'bgra8', 'rgba8', 'yuv422', 'yuv422_yuy2', 'nv12', 'mono16',
         'rgb16', 'bayer_rggb8', 'bayer_bggr8', 'bayer_gbrg8', 'bayer_grbg8', 'bayer_rggb16'}
LENSES = {
    'plumb_bob': [-0.3, 0.1, 0.001, -0.002, 0.0],
    'rational_polynomial': [0.5, -0.1, 0.001, -0.001, 0.02, 0.8, -0.05, 0.03],
    'equidistant': [-0.01, 0.02, -0.005, 0.001]}


def start(**parameters: object) -> tuple[Bench, ScriptedPipeline]:
    pipeline = ScriptedPipeline(SCENE)
    bench = Bench(lambda config: pipeline, **parameters)
    bench.listen(HumanArray, 'humans')
    return bench, pipeline


def frame_of(bench: Bench, pipeline: ScriptedPipeline, stamp_ns: int) -> Frame:
    bench.answer_to(stamp_ns)
    return pipeline.frames[-1]


def test_every_encoding_gives_the_same_picture() -> None:
    assert set(ENCODINGS) >= NAMED
    bench, pipeline = start()
    with bench:
        bench.connect()
        for number, (encoding, (array, bigendian, most)) in enumerate(ENCODINGS.items(), start=1):
            step, data = rows(array, padding=6)
            bench.send_info(SMALL, number)
            bench.send_image(number, IMAGE, encoding=encoding, step=step, data=data,
                             is_bigendian=int(bigendian))
            image = frame_of(bench, pipeline, number).image
            grey = encoding in ('mono8', '8UC1', 'mono16', '16UC1')
            expected = np.repeat(GREY[..., None], 3, -1) if grey else IMAGE
            error = np.abs(image.astype(int) - expected)[2:-2, 2:-2]
            assert image.shape == (H, W, 3), encoding
            assert error.max() <= most, encoding


@pytest.mark.parametrize('lens', LENSES)
def test_every_lens_sees_the_rays_of_opencv(lens: str) -> None:
    camera = Camera(640, 480, SCENE.moment(0).frame.camera.k, lens, np.array(LENSES[lens]))
    points = np.array([[0.3, -0.2, 1.0], [-0.5, 0.4, 1.0], [0.0, 0.0, 2.0]])
    project = cv2.fisheye.projectPoints if lens == 'equidistant' else cv2.projectPoints
    still = np.zeros(3)
    pixels, _ = project(points[:, None], still, still, camera.k, np.array(LENSES[lens]))
    bench, pipeline = start()
    with bench:
        bench.connect()
        bench.send_info(camera, 1)
        bench.send_image(1)
        found = frame_of(bench, pipeline, 1).camera
        np.testing.assert_allclose(found.project(points), pixels[:, 0], atol=1e-3)

        # The sensor reads out a part of it, two pixels as one: the same rays, other pixels.
        info = camera_info(make, camera, 2, CAMERA_FRAME)
        info.roi = RegionOfInterest(x_offset=100, y_offset=60, width=400, height=300)
        info.binning_x, info.binning_y = 2, 2
        bench.infos.publish(info)
        bench.send_image(2, np.zeros((150, 200, 3), np.uint8))
        found = frame_of(bench, pipeline, 2).camera
        assert found.size == (200, 150)
        np.testing.assert_allclose(found.project(points), (pixels[:, 0] - (100, 60)) / 2,
                                   atol=1e-3)


def test_rectified_images_use_p_and_no_distortion() -> None:
    camera = Camera(640, 480, SCENE.moment(0).frame.camera.k, 'plumb_bob',
                    np.array(LENSES['plumb_bob']))
    bench, pipeline = start(rectified=True)
    with bench:
        bench.connect()
        info: CameraInfo = camera_info(make, camera, 1, CAMERA_FRAME)
        info.p = [300.0, 0, 310, 0, 0, 305, 250, 0, 0, 0, 1, 0]
        bench.infos.publish(info)
        bench.send_image(1)
        found = frame_of(bench, pipeline, 1).camera
        np.testing.assert_allclose(found.k, [[300, 0, 310], [0, 305, 250], [0, 0, 1]])
        assert not found.d.any()


def test_qos_of_inputs_is_that_of_sensor_drivers_and_can_be_overridden() -> None:
    with Bench(lambda config: ScriptedPipeline(SCENE), **{
            'qos_overrides./image.subscription.depth': 7}) as bench:
        node: Node = bench.node
        qos = {s.topic_name: s.qos_profile for s in node.subscriptions}
        assert qos['/image'].depth == 7
        assert qos['/image'].reliability.name == 'RELIABLE', 'the bench asks for it'
        assert qos['/camera_info'].durability.name == 'VOLATILE'
    with Bench(lambda config: ScriptedPipeline(SCENE), **{
            f'qos_overrides./{topic}.subscription.reliability': 'best_effort'
            for topic in ('image', 'camera_info')}) as bench:
        qos = {s.topic_name: s.qos_profile for s in bench.node.subscriptions}
        assert qos['/image'].depth == 1
        assert qos['/image'].reliability.name == 'BEST_EFFORT'
