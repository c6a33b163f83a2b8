"""Short versions of scripts/measure_node.py, with a script for a pipeline.

Nothing is lost without being counted, nothing is left behind, and a camera may die.
"""
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import numpy as np
import pytest
from bench import Bench, ScriptedPipeline
from diagnostic_msgs.msg import DiagnosticArray
from node_processes import SHARED_MEMORY, Process, abandoned, remove_abandoned, shared_memory_of
from node_trials import CAMERA, Trials
from node_watch import Watch
from processes import SCRIPTED_NODE
from scene import crowd, static

from ros2_occpose.ros.missed import Missed

Run = Callable[..., Process]
PIPELINE_S = '0.05'             # longer than the time between two images


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    np.save(tmp_path / 'black.npy', np.zeros((4, 480, 640, 3), np.uint8))
    return tmp_path / 'black.npy'


@pytest.fixture
def trials(tmp_path: Path, footage: Path) -> Trials:
    return Trials(tmp_path, footage, (SCRIPTED_NODE, '4', PIPELINE_S))


def test_every_image_is_answered_or_counted(trials: Trials) -> None:
    found = trials.endure(4.0, 30.0)
    print(found)
    assert found['sent'] > 100
    assert found['images dropped'] > 20, 'the pipeline is slower than the camera'
    assert found['unaccounted'] == 0
    assert found['frames answered'] == found['answers heard']
    assert found['threads'][0] == found['threads'][1]
    assert found['shared_memory_left'] == []


def test_a_camera_that_is_killed_and_comes_back(trials: Trials) -> None:
    found = trials.lost_camera()
    print(found)
    assert found['node'] == 'survived'
    assert found['said'].startswith('Expected images on /image, got none for')


def test_activating_again_and_again_leaves_nothing_behind(trials: Trials) -> None:
    found = trials.cycles(8)
    print(found)
    for what in ('threads', 'files', 'subscriptions', 'shared_memory_files'):
        assert found[f'{what}_first'] == found[f'{what}_last'], what
    assert found['subscriptions_last'] == 0
    assert found['shared_memory_left'] == []


def test_latency_is_measured(trials: Trials) -> None:
    found = trials.latency(10.0, 1.0)
    print(found)
    assert 50 <= found['pipeline_ms']['p50'] < 100
    assert 0 < found['until_published_ms']['p50'] <= found['until_arrived_ms']['p50'] < 50


def test_images_overtaken_in_the_queue_of_dds_are_counted() -> None:
    """The queue holds one image: whoever is busy for longer misses some."""
    scene = crowd(1, seconds=4.0, camera_path=static(), fps=10)
    with Bench(lambda config: ScriptedPipeline(scene)) as bench:
        bench.listen(DiagnosticArray, '/diagnostics')
        bench.connect()
        busy = bench.node.create_timer(0.05, lambda: time.sleep(0.2))
        for moment in scene:
            bench.send(moment)
            bench.pause(0.03)
        bench.node.destroy_timer(busy)

        def accounts() -> bool:
            facts = [int(bench.fact(f'images {what}') or 0) for what in ('received', 'missed')]
            return facts[1] > 0 and sum(facts) == len(scene)

        bench.wait(accounts, f'{len(scene)} images received or missed')


class Graph:
    """A node that sees these publishers."""

    def __init__(self, *gids: int) -> None:
        self.gids = gids

    def get_publishers_info_by_topic(self, topic: str) -> list:
        return [type('Info', (), {'endpoint_gid': [gid]}) for gid in self.gids]


def test_only_gaps_of_one_publisher_are_missed_images() -> None:
    graph = Graph(1)
    missed = Missed(graph)
    for number in (7, 8, 11, 12):            # what was sent before 7 was not for us
        missed.numbered(number, 'image')
    assert int(missed) == 2
    graph.gids = (2,)                        # the camera has been started again
    for number in (40, 41, 43):
        missed.numbered(number, 'image')
    assert int(missed) == 3
    graph.gids = (2, 3)                      # two cameras on one topic, each with its numbers
    for number in (500, 44, 501, 45):
        missed.numbered(number, 'image')
    assert int(missed) == 3
    missed.on_lost(type('Event', (), {'total_count': 9}))
    assert int(missed) == 9
    for number in (None, 5, 6):              # a middleware without numbers
        missed.numbered(number, 'image')
    assert int(missed) == 9


def answers_in(seconds: float, watch: Watch) -> int:
    before = len(watch.answers)
    time.sleep(seconds)
    return len(watch.answers) - before


def test_a_subscriber_that_hangs_does_not_slow_the_node_down(run: Run, footage: Path,
                                                             tmp_path: Path) -> None:
    node = run(SCRIPTED_NODE, '4', '0.005')
    node.wait_for('Listening to /image')
    recorder = run('-m', 'ros2_occpose.ros.record_node', '--ros-args', '-p',
                   f'output:={tmp_path / "out"}')
    with Watch() as watch:
        run(CAMERA, str(footage), '30')
        watch.wait(lambda: len(watch.answers) >= 30, 'answers')
        usual = answers_in(2.0, watch)
        recorder.send(SIGSTOP)
        time.sleep(1.0)
        answered = answers_in(2.0, watch)
        recorder.send(SIGCONT)
    assert answered >= 0.5 * usual, f'{answered} of 60 images, {usual} before'


def test_what_a_killed_process_leaves_in_shared_memory_is_removed(run: Run,
                                                                  footage: Path) -> None:
    before = set(SHARED_MEMORY.iterdir())
    camera = run(CAMERA, str(footage), '30', 'now')
    camera.wait_for('sent')
    used = shared_memory_of(camera.pid) - before
    assert len(used) >= 2
    assert abandoned(used) == set(), 'it is alive'
    camera.kill()
    assert abandoned(used) == set()
    assert not [path for path in used if path.exists() and 'port' not in path.name]
    remove_abandoned(used)                   # nothing is there any more
