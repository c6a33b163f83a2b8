"""What a replay starts, and that it gives the bytes of `occpose run`, with launch and without."""
from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from parts import part, without
from recorded import Run, assert_same, humans_in, moving_bag, play, street
from test_cli_evaluate_bag import record

from ros2_occpose.errors import ConfigError, InputError, ModelError
from ros2_occpose.ros.replay import plan
from ros2_occpose.ros.replay_arguments import ARGUMENTS

ROOT = Path(__file__).resolve().parents[2]


def test_the_plan_follows_from_the_bag(tmp_path: Path) -> None:
    bag, mount = moving_bag(tmp_path / 'bag', 'odometry', frames=5)
    mine = tmp_path / 'mine.yaml'
    mine.write_text('/**:\n  ros__parameters:\n    device: cpu\n')
    node, recorder, player = plan(bag, {
        'pose_topic': '/where', 'output': str(tmp_path / 'out'), 'rate': '2',
        'camera_mount': ' '.join(map(str, mount or ())), 'params_file': str(mine)})
    topics = {'image': '/cam/image_raw', 'camera_info': '/cam/camera_info', 'odometry': '/where'}
    assert node.remappings == player.remappings == recorder.remappings == topics
    assert node.files == [str(mine)]
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
    with pytest.raises(ModelError, match=r"Unknown model 'gatd_causal'.* is gated_causal meant"):
        plan(bag, {'lifter': 'gatd_causal'})
    with pytest.raises(ModelError, match='looks both ways'):
        plan(bag, {'lifter': 'gated'})
    with pytest.raises(ConfigError, match='Cannot read the configuration'):
        plan(bag, {'params_file': 'no_such.yaml'})


@pytest.mark.parametrize(('section', 'namespace'), [
    ('/**', 'occpose'), ('/occpose/occpose', 'occpose'), ('/occpose', ''),
    ('/a/b/occpose', '/a/b')])
def test_a_lifter_in_a_file_that_cannot_run_is_refused(tmp_path: Path, section: str,
                                                       namespace: str) -> None:
    bag, _ = moving_bag(tmp_path / 'bag', 'pose', frames=3)
    mine = tmp_path / 'mine.yaml'
    mine.write_text(f'{section}:\n  ros__parameters:\n    lifting:\n      lifter: gatd_causal\n')
    given = {'params_file': str(mine), 'namespace': namespace}
    with pytest.raises(ModelError, match=r"Unknown model 'gatd_causal'"):
        plan(bag, given)
    with pytest.raises(ModelError, match='looks both ways'):     # what is said beside it holds
        plan(bag, {**given, 'lifter': 'gated'})


def test_the_help_needs_no_workspace(tmp_path: Path) -> None:
    """From a clone that has nothing but its files, with a Python that has no packages."""
    for path in ('scripts/replay.sh', 'ros2_occpose/__init__.py', 'ros2_occpose/ros/__init__.py',
                 'ros2_occpose/ros/replay_arguments.py'):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    said = subprocess.run(['bash', tmp_path / 'scripts/replay.sh', '--help'], text=True,
                          capture_output=True, check=True, timeout=10,
                          env={'PATH': '/usr/bin:/bin'}).stdout
    assert all(f'--{name.replace("_", "-")}' in said for name in ARGUMENTS)


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

def test_a_street_twice_through_all_processes(run: Run, shared_data: Path,
                                              tmp_path: Path) -> None:
    """As a user starts it: identical bytes, and those of `occpose run`."""
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
