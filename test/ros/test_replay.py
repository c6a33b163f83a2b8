"""A bag through the live node gives what `occpose run` gives, number for number, byte for byte."""
from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest
from bench import Bench
from parts import part, without
from processes import Process
from rosbags.rosbag2 import StoragePlugin
from test_cli_evaluate_bag import SCENE, Imagined, painted, record
from test_recording_bags import MOUNT, transforms
from test_recording_sources import BagMaker, pose_message

from ros2_occpose import cli, pipeline
from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import ConfigError, InputError, ModelError
from ros2_occpose.geometry import invert
from ros2_occpose.msg import HumanArray
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.bag import open_bag
from ros2_occpose.recording.humans import Humans
from ros2_occpose.recording.messages import camera_info, header, humans_from
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.recording.typestore import make
from ros2_occpose.ros.replay import ARGUMENTS, plan
from ros2_occpose.types import TrackState

ROOT = Path(__file__).resolve().parents[2]
SECOND = 1_000_000_000
EXACT = 1e-6
Run = Callable[..., Process]


@pytest.fixture(autouse=True)
def _imagined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, 'load_detector', lambda *_: Imagined())
    try:
        Pipeline(PipelineConfig(threads=1))
    except ModelError as error:
        pytest.skip(f'needs the default lifter: {error}')


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
    from scipy.spatial.transform import Rotation
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


@pytest.fixture
def live() -> Iterator[Callable[..., Bench]]:
    """The node with the real pipeline, but for the imagined detector."""
    benches: list[Bench] = []

    def start(**parameters: object) -> Bench:
        bench = Bench(lambda config: Pipeline(config), use_sim_time=True, threads=1,
                      pose_timeout_s=5.0, **parameters)
        bench.listen(HumanArray, 'humans')
        benches.append(bench.__enter__())
        return bench

    yield start
    for bench in benches:
        bench.__exit__(None, None, None)


# --- the same people ----------------------------------------------------------------------------

@pytest.mark.parametrize('kind', ['pose', 'odometry', 'tf'])
def test_a_moving_camera(kind: str, live: Callable[..., Bench], run: Run, tmp_path: Path,
                         monkeypatch: pytest.MonkeyPatch) -> None:
    """Poses that come late and slower than images, CameraInfo that comes behind its image."""
    if kind == 'tf':
        with_transforms(monkeypatch)
    bag, mount = moving_bag(tmp_path / 'bag', kind)
    topic = '/tf' if kind == 'tf' else '/where'
    given = ['--pose-topic', topic]
    node = {'camera_pose': kind, 'world_frame': 'odom'}
    if mount is not None:
        given += ['--camera-mount', *map(str, mount)]
        node['camera_mount'] = list(mount)
    expected = said_by_run(bag, tmp_path / 'run', *given)
    assert len(expected) >= 23                      # behind the last pose there is nothing
    bench = live(**node)
    player = play(run, bag, 'lossless:=true', f'pose_topic:={topic}', 'rate:=5.0')
    assert player.end() == 0, player.said
    assert '0 were not answered' in player.said
    assert f'Played {len(expected)} images' in player.said
    assert_same([humans_from(m) for m in bench.received['humans']], expected)


def with_transforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real tf2_ros where it is installed, else the double."""
    pytest.importorskip('tf2_msgs.msg', reason='needs tf2_msgs')
    try:
        import tf2_ros  # noqa: F401
    except ImportError:
        import tf_double
        monkeypatch.setitem(sys.modules, 'tf2_ros', tf_double.module())


def test_transforms_that_jump_back(live: Callable[..., Bench], run: Run, tmp_path: Path,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """They jump before the images do; none of the new round may be forgotten with the old."""
    with_transforms(monkeypatch)
    bag, _ = moving_bag(tmp_path / 'bag', 'tf')
    expected = said_by_run(bag, tmp_path / 'run', '--pose-topic', '/tf')
    bench = live(camera_pose='tf', world_frame='odom')
    player = play(run, bag, 'lossless:=true', 'pose_topic:=/tf', 'rate:=5.0', 'loop:=true')
    bench.wait(lambda: len(bench.received['humans']) >= 3 * len(expected), 'three rounds', 40)
    assert player.stop(signal.SIGINT) == 0, player.said
    humans = [humans_from(m) for m in bench.received['humans']]
    for number in range(3):
        part_ = humans[number * len(expected):(number + 1) * len(expected)]
        new = min(int(i) for h in part_ for i in h.ids)
        assert_same(part_, expected, new - min(int(i) for h in expected for i in h.ids))


def test_a_compressed_bag_that_loops_in_time(live: Callable[..., Bench], run: Run,
                                             tmp_path: Path) -> None:
    """Time jumps back at each round: everybody is new, and nothing else differs."""
    bag = record(tmp_path / 'bag')
    expected = said_by_run(bag, tmp_path / 'run', '--pose-topic', '/pose', '--seconds', '2')
    bench = live(camera_pose='pose', world_frame='map', image_transport='compressed')
    player = play(run, bag, 'lossless:=true', 'pose_topic:=/pose', 'rate:=5.0', 'loop:=true',
                  'seconds:=2.0')
    rounds = 3
    bench.wait(lambda: len(bench.received['humans']) >= rounds * len(expected), 'three rounds', 40)
    assert player.stop(signal.SIGINT) == 0, player.said
    humans = [humans_from(m) for m in bench.received['humans']]
    first_id, used = 0, set[int]()
    for number in range(rounds):
        part = humans[number * len(expected):(number + 1) * len(expected)]
        ids = {int(i) for h in part for i in h.ids}
        assert not ids & used
        assert_same(part, expected, min(ids) - min(i for h in expected for i in h.ids))
        used |= ids
        first_id = max(used)
    assert first_id >= 2 * rounds


@pytest.mark.parametrize('rate', [0.2, 5.0])
def test_as_on_the_robot_at_another_rate(rate: float, live: Callable[..., Bench], run: Run,
                                         tmp_path: Path) -> None:
    """Not lossless: images may be dropped, but what is said is said of the right time."""
    bag, mount = moving_bag(tmp_path / 'bag', 'odometry', frames=12 if rate < 1 else 25)
    bench = live(camera_pose='odometry', camera_mount=list(mount or ()))
    player = play(run, bag, f'rate:={rate}', 'pose_topic:=/where')
    assert player.end() == 0, player.said
    stamps = {SCENE.moment(t).frame.stamp_ns + SECOND for t in range(25)}
    humans = [humans_from(m) for m in bench.received['humans']]
    assert len(humans) > 3
    assert {h.stamp_ns for h in humans} <= stamps
    assert [h.stamp_ns for h in humans] == sorted(h.stamp_ns for h in humans)
    # The latency is that of the recording's clock.
    late = np.array([h.latency_s for h in humans])
    assert ((late > -0.05) & (late < 0.1 + 1.5 * rate)).all(), late


def test_bad_images_do_not_stop_a_lossless_replay(live: Callable[..., Bench], run: Run,
                                                  tmp_path: Path) -> None:
    bag = BagMaker(tmp_path / 'bag', StoragePlugin.MCAP)
    for number in range(10):
        stamp_ns = SCENE.moment(number).frame.stamp_ns + SECOND
        data = cv2.imencode('.png', painted(number))[1]
        bag.add('/image/compressed', stamp_ns, make(
            'sensor_msgs/CompressedImage', header=header(make, stamp_ns, ''), format='png',
            data=data if number not in (5, 7) else data[:20]))
    path = bag.write()
    expected = said_by_run(path, tmp_path / 'run', '--hfov', '60')
    bench = live(image_transport='compressed')
    player = play(run, path, 'lossless:=true', 'hfov_deg:=60.0', 'rate:=10.0',
                  'answer_timeout_s:=1.0')
    assert player.end() == 0, player.said
    assert '2 were not answered' in player.said
    assert len(expected) == 8
    assert_same([humans_from(m) for m in bench.received['humans']], expected)


# --- pauses and seeks ---------------------------------------------------------------------------

def test_pauses_and_seeks(live: Callable[..., Bench]) -> None:
    """The clock stands still, jumps on and jumps back while the node is at work."""
    from rosgraph_msgs.msg import Clock

    from ros2_occpose.ros.conversions import header as live_header

    bench = live()
    clock = bench.peer.create_publisher(Clock, '/clock', 10)
    bench.connect()
    bench.wait(clock.get_subscription_count, 'discovery of the clock')
    seen: set[int] = set()
    for jump_s in (100, 160, 130, 100, 190):        # on by a minute, back by half of it, ...
        ids: set[int] = set()
        for number in range(12):
            moment = SCENE.moment(number)
            stamp_ns = moment.frame.stamp_ns + jump_s * SECOND
            clock.publish(Clock(clock=live_header(stamp_ns, '').stamp))
            bench.send_info(SCENE.camera, stamp_ns)
            bench.send_image(stamp_ns, painted(number))
            here = bench.wait(lambda s=stamp_ns: next(
                (m for m in reversed(bench.received['humans'])
                 if humans_from(m).stamp_ns == s), None), f'an answer at {jump_s} s')
            humans = humans_from(here)
            assert np.isfinite(humans.joints).all()
            assert np.isfinite(humans.velocity).all()
            ids |= {int(i) for i in humans.ids[humans.states == TrackState.TRACKED]}
            if number == 6:
                bench.pause(0.6)                    # nothing comes, and time stands still
        bench.received['humans'].clear()
        assert len(ids) == 2
        assert not ids & seen                       # after a minute or a jump back: new ones
        seen |= ids
    assert bench.state() == 'active'


# --- what is started ----------------------------------------------------------------------------

def test_the_plan_follows_from_the_bag(tmp_path: Path) -> None:
    bag, mount = moving_bag(tmp_path / 'bag', 'odometry', frames=5)
    node, recorder, player = plan(bag, {
        'pose_topic': '/where', 'output': str(tmp_path / 'out'), 'rate': '2',
        'camera_mount': ' '.join(map(str, mount or ())), 'params_file': 'mine.yaml'})
    topics = {'image': '/cam/image_raw', 'camera_info': '/cam/camera_info', 'odometry': '/where'}
    assert node.remappings == player.remappings == recorder.remappings == topics
    assert node.files == ['mine.yaml']
    assert node.parameters['camera_pose'] == 'odometry'
    assert node.parameters['world_frame'] == 'odom'
    assert node.parameters['camera_mount'] == pytest.approx(list(mount or ()))
    reliable = {name for name, value in node.parameters.items() if value == 'reliable'}
    assert reliable == {f'qos_overrides.{topic}.subscription.reliability'
                        for topic in topics.values()}
    assert recorder.parameters['reproducible'] is True
    assert (player.parameters['rate'], player.parameters['recorders']) == (2.0, 1)
    assert all(p.parameters.get('use_sim_time', True) for p in (node, recorder, player))


def test_the_plan_of_a_compressed_bag_as_on_the_robot(tmp_path: Path) -> None:
    bag = record(tmp_path / 'bag')
    node, player = plan(bag, {'lossless': 'false'})
    assert node.parameters['image_transport'] == 'compressed'
    assert node.parameters['camera_pose'] == 'none'
    assert node.remappings['image'] == '/cam/image'
    assert player.remappings['image/compressed'] == '/cam/image/compressed'
    assert not [name for name in node.parameters if name.startswith('qos')]
    assert player.parameters['lossless'] is False


def test_mistakes_are_said_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='which does not exist'):
        plan(tmp_path / 'nothing', {})
    bag, _ = moving_bag(tmp_path / 'bag', 'pose', frames=3)
    with pytest.raises(ConfigError, match='Expected seven numbers'):
        plan(bag, {'camera_mount': '1 2 3'})
    with pytest.raises(ConfigError, match="Expected a number for rate, got 'fast'"):
        plan(bag, {'rate': 'fast'})
    with pytest.raises(InputError, match='Expected /up among the topics'):
        plan(bag, {'pose_topic': '/up'})


def test_the_start_without_launch_is_one_line_where_it_cannot_work(run: Run,
                                                                   tmp_path: Path) -> None:
    started = run('-m', 'ros2_occpose.ros.replay', str(tmp_path / 'nothing'))
    assert started.end() == 2
    assert started.said.startswith('error: Expected a video')
    shown = subprocess.run([sys.executable, '-m', 'ros2_occpose.ros.replay', '--help'], cwd=ROOT,
                           capture_output=True, text=True, check=True).stdout
    assert all(f'--{name.replace("_", "-")}' in shown for name in ARGUMENTS)


def test_the_end_of_the_node_is_the_end(run: Run, tmp_path: Path) -> None:
    """A parameter that cannot work: nobody waits for answers for ever."""
    bag, _ = moving_bag(tmp_path / 'bag', 'pose', frames=3)
    started = run('-m', 'ros2_occpose.ros.replay', str(bag), '--device', 'abacus')
    assert started.end() == 2
    assert 'device expects one of auto, cpu' in started.said
    assert 'Traceback' not in started.said


def test_a_lossless_player_needs_somebody_who_answers(run: Run, tmp_path: Path) -> None:
    bag, _ = moving_bag(tmp_path / 'bag', 'pose', frames=3)
    player = play(run, bag, 'lossless:=true', 'wait_s:=0.5')
    assert player.end() == 1
    assert 'or nobody who answers' in player.said


# --- real pixels, all processes -----------------------------------------------------------------

def test_a_street_twice_through_all_processes(run: Run, shared_data: Path, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user starts it: identical bytes, and those of `occpose run`."""
    monkeypatch.undo()                              # the real detector
    bag = street(shared_data, tmp_path / 'bag', seconds=4)
    command = [sys.executable, '-m', 'ros2_occpose.cli', 'run', str(bag), '--output',
               str(tmp_path / 'run'), '--no-video', '--pose-topic', '/where']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if 'occpose models fetch' in done.stderr:
        pytest.skip(f'needs the models: {done.stderr.strip()}')
    assert done.returncode == 0, done.stderr
    for name in ('first', 'again'):
        replay = run('-m', 'ros2_occpose.ros.replay', str(bag), '--pose-topic', '/where',
                     '--output', str(tmp_path / name), '--rate', '10')
        assert replay.end() == 0, replay.said
        assert '0 were not answered' in replay.said
    lines = (tmp_path / 'run' / 'poses.jsonl').read_bytes()
    assert lines.count(b'\n') == 40
    for name in ('first', 'again'):
        assert (tmp_path / name / 'poses.jsonl').read_bytes() == lines
    bags = [(tmp_path / name / 'poses.mcap').read_bytes() for name in ('first', 'again')]
    assert bags[0] == bags[1]
    assert_same(humans_in(tmp_path / 'first' / 'poses.mcap'),
                humans_in(tmp_path / 'run' / 'poses.mcap'))


def test_ros2_launch_starts_the_same_and_ends_by_itself(run: Run, tmp_path: Path,
                                                         shared_data: Path) -> None:
    """The line of the documentation, where launch is installed."""
    part('ros2launch')
    program = shutil.which('ros2')
    if program is None:
        without('needs the command ros2 of a ROS installation')
    bag = street(shared_data, tmp_path / 'bag', seconds=2)
    launched = run(program, 'launch', 'ros2_occpose', 'replay.launch.py', f'bag:={bag}',
                   'pose_topic:=/where', f'output:={tmp_path / "launched"}', 'rate:=5')
    assert launched.end() == 0, launched.said
    assert 'Played 20 images' in launched.said
    assert '0 were not answered' in launched.said
    assert 'Traceback' not in launched.said
    assert launched.said.count('process has finished cleanly') == 3
    direct = run('-m', 'ros2_occpose.ros.replay', str(bag), '--pose-topic', '/where',
                 '--output', str(tmp_path / 'direct'), '--rate', '5')
    assert direct.end() == 0, direct.said
    for name in ('poses.jsonl', 'poses.mcap'):
        launched_bytes = (tmp_path / 'launched' / name).read_bytes()
        assert launched_bytes == (tmp_path / 'direct' / name).read_bytes(), name
    assert (tmp_path / 'direct' / 'poses.jsonl').read_bytes().count(b'\n') == 20


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
