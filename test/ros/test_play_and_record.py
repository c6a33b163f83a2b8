"""A video through DDS into a bag: nothing is lost, and a killed recorder leaves readable files."""
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from processes import SCRIPTED_NODE, Process
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CameraInfo, Image

from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.recording.poses_jsonl import read_jsonl
from ros2_occpose.recording.typestore import typestore

FRAMES, FPS = 20, 10
Run = Callable[..., Process]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / 'video.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), FPS, (320, 240))
    for i in range(FRAMES):
        writer.write(np.full((240, 320, 3), 10 * i, np.uint8))
    writer.release()
    return path


def play(run: Run, video: Path, *more: str) -> Process:
    return run('-m', 'ros2_occpose.ros.play_node', '--ros-args', '-p', f'input:={video}',
               '-p', 'hfov_deg:=60', *more)


def read(bag: Path) -> dict[str, list]:
    """Messages by topic."""
    found: dict[str, list] = {}
    with AnyReader([bag], default_typestore=typestore()) as reader:
        for connection, _, data in reader.messages():
            found.setdefault(connection.topic, []).append(
                reader.deserialize(data, connection.msgtype))
    return found


def test_a_video_goes_through_the_node_into_files(run: Run, video: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    recorder = run('-m', 'ros2_occpose.ros.record_node', '--ros-args', '-p', f'output:={out}')
    recorder.wait_for('Recording into')
    node = run(SCRIPTED_NODE)
    node.wait_for('Listening to /image')
    recorder.wait_for('Receiving skeleton_model')       # the two have found each other
    player = play(run, video, '-p', 'listeners:=2')
    assert player.end() == 0, player.said
    assert f'Played {FRAMES} images' in player.said
    assert recorder.stop(signal.SIGINT) == 0, recorder.said
    assert node.stop(signal.SIGINT) == 0, node.said

    lines = list(read_jsonl(out / 'poses.jsonl'))
    found = read(out / 'poses.mcap')
    stamps = [humans_from(m).stamp_ns for m in found['/humans']]
    dropped = found['/stats'][-1].dropped_frames
    assert FRAMES / 2 <= len(stamps) + dropped <= FRAMES     # best effort, on a busy machine
    assert stamps == [line['stamp_ns'] for line in lines]
    assert stamps == sorted(set(stamps))
    np.testing.assert_allclose(np.diff(stamps) % (1e9 / FPS), 0, atol=1)    # some left out
    assert len(found['/skeleton_model']) == 1    # latched: it came although we were late
    assert len(found['/camera_info']) == FRAMES
    assert found['/stats'][-1].backend == 'detection: script'
    assert found['/tf'][0].transforms[0].child_frame_id.startswith('human_')
    assert np.allclose(lines[-1]['humans'][0]['root'], humans_from(found['/humans'][-1]).root[0],
                       atol=1e-4)


def test_what_was_recorded_before_a_kill_can_be_read(run: Run, video: Path,
                                                     tmp_path: Path) -> None:
    out = tmp_path / 'out'
    recorder = run('-m', 'ros2_occpose.ros.record_node', '--ros-args', '-p', f'output:={out}')
    recorder.wait_for('Recording into')
    node = run(SCRIPTED_NODE)
    node.wait_for('Listening to /image')
    play(run, video, '-p', 'loop:=true', '-p', 'rate:=3.0', '-p', 'listeners:=2')
    jsonl = out / 'poses.jsonl'
    deadline = time.monotonic() + 60
    while len(jsonl.read_text().splitlines()) < 40 and time.monotonic() < deadline:
        time.sleep(0.1)
    recorder.kill()
    lines = jsonl.read_text().splitlines()
    for line in lines:
        json.loads(line)
    humans = read(out / 'poses.mcap')['/humans']
    assert len(humans) >= len(lines) - 25        # at most about a second is lost
    assert len(lines) >= 40


@pytest.mark.parametrize(('content', 'text'), [
    (None, 'which does not exist'), (b'not a video', 'without a single readable frame')])
def test_an_unreadable_video_is_one_line_and_exit_code_2(
        run: Run, tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / 'film.avi'
    if content is not None:
        path.write_bytes(content)
    player = play(run, path)
    assert player.end() == 2, player.said
    assert text in player.said
    assert 'Traceback' not in player.said


def test_a_player_without_listeners_can_be_stopped(run: Run, video: Path) -> None:
    player = play(run, video)
    player.wait_for('Playing')
    assert player.stop(signal.SIGINT) == 0, player.said


class Answering(Node):
    """Answers every image, is its own recorder, and says how many hear it as it is told to."""

    def __init__(self, context: Context) -> None:
        super().__init__('answering', context=context)
        self.heard_by, self.images = 1, 0
        self._answers = self.create_publisher(HumanArray, 'humans', 10)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)
        for kind, topic, listen in ((Image, 'image', self._answer),
                                    (CameraInfo, 'camera_info', lambda _: None)):
            self.create_subscription(kind, topic, listen, 10)
        self.create_subscription(HumanArray, 'humans', lambda _: None, 10)
        self.create_timer(0.1, self._say)

    def _answer(self, image: Image) -> None:
        self.images += 1
        self._answers.publish(HumanArray(header=image.header))

    def _say(self) -> None:
        fact = KeyValue(key='listeners to /humans', value=str(self.heard_by))
        self._diagnostics.publish(DiagnosticArray(status=[DiagnosticStatus(values=[fact])]))


@contextmanager
def answering() -> Iterator[Answering]:
    context = Context()
    context.init()
    node, executor = Answering(context), SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        executor.shutdown()
        context.try_shutdown()
        thread.join(5)
        node.destroy_node()


def test_a_lossless_player_waits_until_the_node_knows_the_recorder(run: Run, video: Path) -> None:
    with answering() as node:
        player = play(run, video, '-p', 'sim_time:=true', '-p', 'lossless:=true',
                      '-p', 'recorders:=1', '-p', 'rate:=10')
        player.wait_for('Playing')
        deadline = time.monotonic() + 20
        while node.count_subscribers('humans') < 2 or not node.count_publishers('image'):
            assert time.monotonic() < deadline, player.said
            time.sleep(0.05)
        time.sleep(2.0)              # all see each other; only the node's word is missing
        assert player.runs, player.said
        assert node.images == 0
        node.heard_by = 2
        assert player.end() == 0, player.said
        assert f'Played {FRAMES} images' in player.said
        assert '0 were not answered' in player.said
        assert node.images == FRAMES
