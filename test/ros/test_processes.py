"""The nodes as processes of their own: they stop within two seconds and leave with 0."""
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from node_processes import SHARED_MEMORY, abandoned, remove_abandoned, shared_memory_of
from node_watch import Watch
from processes import SCRIPTED_NODE, Process

from ros2_occpose.ros.deadline import SAID
from ros2_occpose.ros.running import PROFILES, use_dds_profile

Run = Callable[..., Process]
CAMERA = str(Path(__file__).with_name('latency.py'))


def test_a_node_at_work_stops_cleanly(run: Run) -> None:
    before = set(SHARED_MEMORY.iterdir())
    camera = run(CAMERA, 'camera')
    node = run(SCRIPTED_NODE, '2', '5')          # its network takes five seconds
    node.wait_for('Listening to /image')
    time.sleep(1.0)                              # it is busy now
    used = shared_memory_of(node.pid) - before
    assert node.stop(signal.SIGINT) == 0, node.said
    assert 'terminate called' not in node.said
    assert 'Traceback' not in node.said
    assert camera.stop(signal.SIGTERM) == 0
    assert abandoned(used) == set()


def test_a_node_that_could_not_be_configured_stays_and_stops_cleanly(run: Run) -> None:
    node = run(SCRIPTED_NODE, 'broken')
    node.wait_for('configure failed: ')
    time.sleep(0.5)
    assert node.stop(signal.SIGTERM) == 0, node.said


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('load', ['slow', 'deaf'])
def test_a_node_that_loads_its_models_stops_cleanly(run: Run, load: str,
                                                    how: signal.Signals) -> None:
    before = set(SHARED_MEMORY.iterdir())
    node = run(SCRIPTED_NODE, load)
    node.wait_for('Loading for')
    time.sleep(0.2)
    used = shared_memory_of(node.pid) - before
    assert node.stop(how) == 0, node.said
    assert load != 'deaf' or 'Closed' in node.said
    assert abandoned(used) == set()
    assert 'terminate called' not in node.said
    assert 'Traceback' not in node.said


@pytest.mark.parametrize(('kind', 'sign'), [('stuck', 'Listening to /image'),
                                            ('deaf-stuck', 'Loading for ever')])
def test_a_node_over_which_dds_hangs_stops_cleanly(run: Run, kind: str, sign: str) -> None:
    """It keeps the global lock of Python; the node leaves from either of two threads."""
    before = set(SHARED_MEMORY.iterdir())
    node = run(SCRIPTED_NODE, kind)
    node.wait_for(sign)
    time.sleep(0.2)
    used = shared_memory_of(node.pid) - before
    assert node.stop(signal.SIGINT) == 0, node.said
    assert 'Destroying for ever' in node.said
    assert 'DDS does not end in time' in node.said
    assert used
    assert abandoned(used) == set()


def test_a_node_that_cannot_be_made_and_over_which_dds_hangs_ends(run: Run) -> None:
    node = run(SCRIPTED_NODE, 'unmade')
    assert node.end() == 2, node.said
    assert 'error: Expected another parameter.' in node.said
    assert 'Destroying for ever' in node.said
    assert 'DDS does not end in time' in node.said


STATES = {
    'unconfigured': (), 'inactive': ('configure',), 'active': ('configure', 'activate'),
    'deactivated': ('configure', 'activate', 'deactivate'), 'finalized': ('shutdown',)}


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_a_node_stops_cleanly_in_every_state(run: Run, how: signal.Signals) -> None:
    before = set(SHARED_MEMORY.iterdir())
    nodes = {state: run(SCRIPTED_NODE, '2', '0.05', '--ros-args', '-p', 'autostart:=false', '-r',
                        f'__node:={state}') for state in STATES}
    with Watch() as watch:
        for state, transitions in STATES.items():
            for transition in transitions:
                watch.change_state(transition, state)
        used = set().union(*(shared_memory_of(node.pid) for node in nodes.values())) - before
        for node in nodes.values():
            node.send(how)
        for state, node in nodes.items():
            assert node.end() == 0, f'{state}: {node.said}'
            assert 'Traceback' not in node.said, node.said
            assert 'terminate called' not in node.said, node.said
    left = abandoned(used)
    if any(SAID.decode() in node.said for node in nodes.values()):
        # Fast DDS hung: then nobody tells the ports of the others that one has gone.
        remove_abandoned(used)
        left = {path for path in left if '_port' not in path.name}
    assert left == set()


def test_a_node_that_loads_its_models_for_a_service_stops_cleanly(run: Run) -> None:
    before = set(SHARED_MEMORY.iterdir())
    node = run(SCRIPTED_NODE, 'slow', '--ros-args', '-p', 'autostart:=false')
    with Watch() as watch:
        watch.ask_for('configure')
        node.wait_for('Loading for')
        used = shared_memory_of(node.pid) - before
        assert node.stop(signal.SIGTERM) == 0, node.said
        assert 'Traceback' not in node.said
    assert abandoned(used) == set()


def test_who_presses_ctrl_c_twice_is_heard_once(run: Run) -> None:
    run(CAMERA, 'camera')
    node = run(SCRIPTED_NODE, '2', '5')
    node.wait_for('Listening to /image')
    time.sleep(1.0)
    for _ in range(3):
        node.send(signal.SIGINT)
        time.sleep(0.1)
    assert node.stop(signal.SIGINT) == 0, node.said
    assert 'Traceback' not in node.said


@pytest.mark.parametrize(('module', 'argument', 'text'), [
    ('pose_node', 'device:=abacus', 'error: device expects one of auto, cpu'),
    ('pose_node', 'tracking.min_hits:=many', 'error: Parameter tracking.min_hits: expected int'),
    ('record_node', 'output:=""', 'error: Expected a folder for the recording, got none; add'),
    ('play_node', 'rate:=2', 'error: Expected something to play, got nothing; add'),
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
