"""The nodes as processes of their own: they start, stop within two seconds and leave with 0."""
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from ros2_occpose.ros.running import PROFILES, use_dds_profile

STOP_S = 2.0
START_S = 20.0
CAMERA = """
import time, rclpy, numpy as np
from ros2_occpose.geometry import Camera
from ros2_occpose.recording.messages import camera_info
from ros2_occpose.ros.conversions import image_message, make
from sensor_msgs.msg import CameraInfo, Image

rclpy.init()
node = rclpy.create_node('camera')
images, infos = node.create_publisher(Image, 'image', 10), node.create_publisher(
    CameraInfo, 'camera_info', 10)
while not images.get_subscription_count():
    time.sleep(0.05)
print('subscribed', flush=True)
camera, black = Camera.from_hfov(640, 480, 60), np.zeros((480, 640, 3), np.uint8)
while True:
    now_ns = node.get_clock().now().nanoseconds
    infos.publish(camera_info(make, camera, now_ns, 'camera'))
    images.publish(image_message(black, now_ns, 'camera'))
    time.sleep(0.03)
"""
BUSY = """
import sys
from pathlib import Path
sys.path[:0] = ['test', 'test/ros']
from ros2_occpose.inference import load_session
from bench import ScriptedPipeline
from scene import crowd
from ros2_occpose.ros.pose_node import PoseNode
from ros2_occpose.ros.running import run_node

def load(config):
    return ScriptedPipeline(crowd(2, seconds=4, fps=2), seconds=0.3)

def make():
    node = PoseNode(load)
    node.start()
    return node

sys.exit(run_node(make))
"""
ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A process whose output goes to a file, so that nothing blocks."""

    def __init__(self, log: Path, *arguments: str) -> None:
        self._log = log
        with log.open('w') as out:
            self._process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stdout=out,
                                             stderr=subprocess.STDOUT)

    def wait_for(self, text: str) -> None:
        deadline = time.monotonic() + START_S
        while text not in self.said:
            assert self._process.poll() is None, f'ended too early: {self.said}'
            assert time.monotonic() < deadline, f'{text!r} was not said, but: {self.said}'
            time.sleep(0.05)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Exit code after a signal; fails if it takes longer than two seconds."""
        self._process.send_signal(how)
        return self._process.wait(STOP_S)

    def end(self) -> int:
        return self._process.wait(START_S)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


Run: TypeAlias = Callable[..., Process]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    processes: list[Process] = []

    def start(*arguments: str) -> Process:
        processes.append(Process(tmp_path / f'log_{len(processes)}', *arguments))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


def test_a_node_at_work_stops_cleanly(run: Run) -> None:
    camera, node = run('-c', CAMERA), run('-c', BUSY)
    node.wait_for('Listening to /image')
    camera.wait_for('subscribed')
    time.sleep(0.5)                              # it is busy most of the time now
    assert node.stop(signal.SIGINT) == 0, node.said
    assert 'terminate called' not in node.said


def test_a_node_that_could_not_be_configured_stays_and_stops_cleanly(run: Run) -> None:
    node = run('-c', BUSY.replace('return Scripted', 'load_session(Path("lifter.onnx"))  #'))
    node.wait_for('configure failed: ')
    time.sleep(0.5)
    assert node.stop(signal.SIGTERM) == 0, node.said


@pytest.mark.parametrize(('module', 'argument', 'text'), [
    ('pose_node', 'device:=abacus', 'error: PipelineConfig.device expects one of auto, cpu'),
    ('pose_node', 'tracking.min_hits:=many', 'error: Parameter tracking.min_hits: expected int'),
    ('record_node', 'output:=""', 'error: Expected a folder for the recording, got none; add'),
])
def test_wrong_parameters_are_one_line_and_exit_code_2(run: Run, module: str, argument: str,
                                                       text: str) -> None:
    node = run('-m', f'ros2_occpose.ros.{module}', '--ros-args', '-p', argument)
    assert node.end() == 2, node.said
    assert text in node.said
    assert 'Traceback' not in node.said


def test_the_dds_profile_is_used_unless_another_one_is_set(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROFILES[0], raising=False)
    monkeypatch.setenv(PROFILES[1], 'mine.xml')
    use_dds_profile()
    assert Path(os.environ[PROFILES[0]]).name == 'fastdds.xml'
    assert os.environ[PROFILES[1]] == 'mine.xml'
