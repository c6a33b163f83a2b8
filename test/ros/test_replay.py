"""A bag through the live node gives what `occpose run` gives, number for number, byte for byte."""
from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from bench import Bench
from recorded import SECOND, Run, assert_same, moving_bag, play, said_by_run
from rosbags.rosbag2 import StoragePlugin
from test_cli_evaluate_bag import SCENE, Imagined, painted, record
from test_recording_sources import BagMaker

from ros2_occpose import pipeline
from ros2_occpose.config import PipelineConfig
from ros2_occpose.errors import ModelError
from ros2_occpose.msg import HumanArray
from ros2_occpose.pipeline import Pipeline
from ros2_occpose.recording.messages import header, humans_from
from ros2_occpose.recording.typestore import make
from ros2_occpose.types import TrackState


@pytest.fixture(autouse=True)
def _imagined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, 'load_detector', lambda *_: Imagined())
    try:
        Pipeline(PipelineConfig(threads=1))
    except ModelError as error:
        pytest.skip(f'needs the default lifter: {error}')


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
