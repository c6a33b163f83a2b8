"""Bags to be replayed, and what `occpose run` says of them."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
from processes import Process
from rosbags.rosbag2 import StoragePlugin
from scipy.spatial.transform import Rotation
from test_cli_evaluate_bag import SCENE, painted
from test_recording_bags import MOUNT, transforms
from test_recording_sources import BagMaker, pose_message

from ros2_occpose import cli
from ros2_occpose.geometry import invert
from ros2_occpose.recording.bag import open_bag
from ros2_occpose.recording.humans import Humans
from ros2_occpose.recording.messages import camera_info, header, humans_from
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.recording.typestore import make

SECOND = 1_000_000_000
EXACT = 1e-6
Run = Callable[..., Process]


def moving_bag(path: Path, kind: str, frames: int = 25) -> tuple[Path, tuple[float, ...] | None]:
    """Images, CameraInfo behind them, and poses of a robot that carries the camera, at 12 Hz."""
    bag = BagMaker(path, StoragePlugin.MCAP)
    moments = [SCENE.moment(t) for t in range(frames)]
    for number, moment in enumerate(moments):
        stamp_ns = moment.frame.stamp_ns + SECOND
        image = painted(number)
        height, width = image.shape[:2]
        bag.add('/cam/image_raw', stamp_ns, make(
            'sensor_msgs/Image', header=header(make, stamp_ns, 'optical'), width=width,
            height=height, encoding='bgr8', step=3 * width, data=image.reshape(-1)))
        bag.add('/cam/camera_info', stamp_ns + 2_000_000,
                camera_info(make, SCENE.camera, stamp_ns, 'optical'))
    for moment in moments[::2]:                     # slower than the images: they wait for it
        stamp_ns = moment.frame.stamp_ns + SECOND - 7_000_000
        body = moment.world_from_camera @ invert(MOUNT)
        if kind == 'tf':
            bag.add('/tf', stamp_ns + 9_000_000, transforms([(stamp_ns, 'odom', 'base', body)]))
        else:
            bag.add('/where', stamp_ns + 9_000_000, pose_message(kind, stamp_ns, body))
    if kind == 'tf':
        bag.add('/tf_static', SECOND // 2, transforms([(0, 'base', 'optical', MOUNT)]))
        return bag.write(), None
    turn = Rotation.from_matrix(MOUNT[:3, :3]).as_quat().tolist()
    return bag.write(), (*MOUNT[:3, 3].tolist(), *turn)


def said_by_run(bag: Path, output: Path, *options: str) -> list[Humans]:
    """What `occpose run` writes into poses.mcap."""
    assert cli.main(['run', str(bag), '--output', str(output), '--no-video', '--threads', '1',
                     *options]) == 0
    return humans_in(output / 'poses.mcap')


def humans_in(path: Path) -> list[Humans]:
    with open_bag(path) as reader:
        wanted = [c for c in reader.connections if c.topic.endswith('/humans')]
        return [humans_from(reader.deserialize(data, c.msgtype))
                for c, _, data in reader.messages(wanted)]


def assert_same(live: list[Humans], run: list[Humans], first_id: int = 0) -> None:
    """Everything but the latency, to a millionth."""
    assert [h.stamp_ns for h in live] == [h.stamp_ns for h in run]
    assert max(len(h) for h in run) >= 2
    for one, other in zip(live, run, strict=True):
        for f in fields(Humans):
            if f.name in ('latency_s', 'ids'):
                continue
            mine, theirs = getattr(one, f.name), getattr(other, f.name)
            if isinstance(mine, np.ndarray):
                np.testing.assert_allclose(mine, theirs, rtol=0, atol=EXACT, err_msg=f.name)
            else:
                assert mine == theirs, f.name
        np.testing.assert_array_equal(one.ids - first_id, other.ids)


def play(run: Run, bag: Path, *parameters: str, topics: dict[str, str] | None = None) -> Process:
    rules = [word for old, new in (topics or {}).items() for word in ('-r', f'{old}:={new}')]
    return run('-m', 'ros2_occpose.ros.play_node', '--ros-args', '-p', f'input:={bag}',
               '-p', 'sim_time:=true', *(word for p in parameters for word in ('-p', p)), *rules)


def street(shared_data: Path, path: Path, seconds: float) -> Path:
    """The pedestrians as a bag, with the pose of their camera."""
    source = open_source(shared_data / 'video' / 'pedestrians.avi', SourceOptions(
        hfov_deg=38, camera_height_m=7.0, camera_pitch_deg=18.0, seconds=seconds))
    bag = BagMaker(path, StoragePlugin.MCAP)
    for frame in source:
        stamp_ns = frame.stamp_ns + 1000 * SECOND
        height, width = frame.image.shape[:2]
        bag.add('/cam/image_raw', stamp_ns, make(
            'sensor_msgs/Image', header=header(make, stamp_ns, 'cam'), width=width, height=height,
            encoding='bgr8', step=3 * width, data=frame.image.reshape(-1)))
        bag.add('/cam/camera_info', stamp_ns, camera_info(make, frame.camera, stamp_ns, 'cam'))
    assert frame.world_from_camera is not None
    for tick in range(-1, round(seconds * 20) + 5):
        stamp_ns = 1000 * SECOND + tick * SECOND // 20
        bag.add('/where', stamp_ns, pose_message('pose', stamp_ns, frame.world_from_camera))
    return bag.write()
