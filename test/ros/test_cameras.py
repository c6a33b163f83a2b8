"""Two cameras in one process: each has its topics, and both have the same networks."""
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from node_processes import SHARED_MEMORY, abandoned, shared_memory_of
from processes import Process
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import ModelError
from ros2_occpose.inference import Models
from ros2_occpose.msg import HumanArray
from ros2_occpose.ros import cameras_node

Run = Callable[..., Process]
CAMERA = str(Path(__file__).with_name('latency.py'))
NODE = ('-m', 'ros2_occpose.ros.cameras_node')


@pytest.fixture
def with_models() -> None:
    try:
        Models().on('cpu', 1)(PipelineConfig().lifting.lifter)
    except ModelError as error:
        pytest.skip(f'needs the models: {error}')


@pytest.mark.usefixtures('with_models')
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_they_stop_while_the_second_one_loads(run: Run, how: signal.Signals) -> None:
    before = set(SHARED_MEMORY.iterdir())
    node = run(*NODE, 'front', 'rear', '--ros-args', '-p', 'threads:=1')
    node.wait_for('Listening to /front/image')
    used = shared_memory_of(node.pid) - before
    assert node.stop(how) == 0, node.said
    assert 'Traceback' not in node.said
    assert abandoned(used) == set()


@pytest.mark.usefixtures('with_models')
def test_two_cameras(run: Run) -> None:
    before = set(SHARED_MEMORY.iterdir())
    node = run(*NODE, 'front', 'rear', '--ros-args', '-p', 'threads:=1')
    cameras = []
    for name in ('front', 'rear'):
        node.wait_for(f'Listening to /{name}/image and /{name}/camera_info')
        cameras.append(run(CAMERA, 'camera', '--ros-args', '-r', f'__ns:=/{name}'))
    context = Context()
    context.init()
    listener = Node('listener', context=context)
    heard = dict.fromkeys(('front', 'rear'), 0)

    def hear(name: str) -> None:
        heard[name] += 1

    for name in heard:
        listener.create_subscription(HumanArray, f'/{name}/humans',
                                     lambda message, name=name: hear(name), 10)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)
    deadline = time.monotonic() + 60
    while min(heard.values()) < 5 and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.2)
    executor.shutdown()
    context.try_shutdown()
    listener.destroy_node()
    assert min(heard.values()) >= 5, f'{heard}: {node.said}'
    used = shared_memory_of(node.pid) - before
    assert node.stop(signal.SIGINT) == 0, node.said
    assert 'Traceback' not in node.said
    for camera in cameras:
        assert camera.stop(signal.SIGTERM) == 0
    assert abandoned(used) == set()


def test_both_get_the_same_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    class FakeNode:
        def __init__(self, load: Callable[[PipelineConfig], object], namespace: str) -> None:
            self.load, self.namespace = load, namespace

        def start(self) -> None:
            got[self.namespace] = self.load(PipelineConfig())

    got: dict[str, object] = {}
    monkeypatch.setattr(cameras_node, 'PoseNode', FakeNode)
    monkeypatch.setattr(cameras_node, 'load_pipeline', lambda config, models: models)
    assert len(list(cameras_node.make_nodes(['front', 'rear']))) == 2
    assert isinstance(got['front'], Models)
    assert got['front'] is got['rear']


@pytest.mark.parametrize('names', [(), ('front', 'front'), ('--help',)])
def test_names_are_needed_once_each(run: Run, names: tuple[str, ...]) -> None:
    node = run(*NODE, *names)
    assert node.end() == 2
    assert node.said.startswith('usage: cameras_node NAMESPACE NAMESPACE')
