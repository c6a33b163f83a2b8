"""The trials of scripts/measure_node.py; the tests run short ones of them with a fake pipeline."""
from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any, TypeAlias

import node_processes as processes
import numpy as np
from node_processes import Process
from node_watch import Answer, Watch

Json: TypeAlias = Any

NODE = ('-m', 'ros2_occpose.ros.pose_node')
CAMERA = str(Path(__file__).with_name('node_camera.py'))
QUIET_S = 2.0                   # until everything that was sent has been answered
WARM = 30                       # answers before anything is measured
WARM_UP_SHARE, WARM_UP_S = 0.2, 60.0        # of a long run, before memory is measured
SAMPLE_S = 0.5


class Trials:
    """Runs camera, node and listener, each in a process of its own."""

    def __init__(self, folder: Path, footage: Path, node: Sequence[str] = NODE) -> None:
        self._folder, self._footage, self._command = folder, footage, tuple(node)
        self._numbers = itertools.count()

    # --- trials ---------------------------------------------------------------------------

    def latency(self, rate: float, seconds: float) -> Json:
        """Image in to humans out, less the time that the pipeline itself says it took [ms]."""
        with self._node(), Watch() as watch, self._camera(rate):
            watch.wait(lambda: len(watch.answers) >= WARM, 'first answers', 40)
            time.sleep(seconds)
            answers = [a for a in list(watch.answers)[WARM:] if a.stamp_ns in watch.pipeline_s]
        own = np.array([watch.pipeline_s[a.stamp_ns] for a in answers])
        return {'rate_hz': rate, 'frames': len(answers), 'people': _crowd(answers),
                'pipeline_ms': _quantiles(own),
                'until_published_ms': _quantiles(np.array([a.published_s for a in answers]) - own),
                'until_arrived_ms': _quantiles(np.array([a.arrived_s for a in answers]) - own)}

    def endure(self, seconds: float, rate: float) -> Json:
        """Every image is answered or counted, and memory stays flat."""
        with self._node() as node, Watch() as watch:
            watch.wait_to_hear()
            with self._camera(rate) as camera:
                watch.wait(lambda: watch.answers, 'first answer', 40)
                samples = _sampled(node.pid, seconds)
                camera.stop(SIGTERM)
                time.sleep(QUIET_S)
            facts = watch.fresh_facts()
            memory = _memory(samples, min(WARM_UP_S, WARM_UP_SHARE * seconds))
            answers = list(watch.answers)
            ended_s, used = self._end(node)
        sent = int(camera.said.split('sent ')[-1].split()[0])
        counted = {name: int(facts[name]) for name in (
            'images received', 'images missed', 'images dropped', 'frames answered')}
        return {'seconds': seconds, 'rate_hz': rate, 'people': _crowd(answers), 'sent': sent,
                **counted, 'answers heard': len(answers),
                'unaccounted': sent - counted['frames answered'] - counted['images dropped']
                - counted['images missed'],
                'answers_per_s': round(len(answers) / seconds, 2), 'last_id': _last_id(answers),
                'latency_ms': _quantiles(np.array([a.published_s for a in answers])),
                **memory, 'stopped_after_s': ended_s, 'shared_memory_left': _left(used)}

    def lost_camera(self) -> Json:
        """The camera is killed, and comes back: the node says so, survives and goes on."""
        with self._node() as node, Watch() as watch:
            watch.look()
            with self._camera(30.0) as camera:
                watch.wait(lambda: watch.shown and sum(bool(a.ids) for a in list(watch.answers))
                           >= WARM, 'people', 40)
                watch.wait(lambda: 'frames per second' in watch.verdict, 'a healthy node')
                before = list(watch.answers)
                camera.kill()
                killed_s = time.monotonic()
            watch.wait(lambda: 'got none' in watch.verdict, 'no images in the diagnostics')
            said_s, said = time.monotonic() - killed_s, watch.verdict
            watch.wait(lambda: watch.shown == 0, 'an empty screen')
            silent = watch.answers[-1]
            time.sleep(1.0)
            assert watch.answers[-1] == silent, 'answers without images'
            start_s = time.monotonic()
            with self._camera(30.0):
                back = watch.wait(lambda: next((
                    a for a in list(watch.answers) if a.heard_s > start_s and a.ids), None),
                    'people again', 40)
                watch.wait(lambda: 'frames per second' in watch.verdict and watch.shown,
                           'a healthy node')
            ended_s, used = self._end(node)
        processes.remove_abandoned(used)     # a killed camera keeps a count on ports
        return {'node': 'survived', 'said_after_s': round(said_s, 1), 'said': said,
                'ids_before': sorted({i for a in before for i in a.ids}),
                'ids_of_the_first_people_again': sorted(back.ids),
                'people_again_after_s': round(back.heard_s - start_s, 2),
                'of_that_the_camera_started_in_s': round(self._camera_start_s, 2),
                'stopped_after_s': ended_s}

    def cycles(self, count: int) -> Json:
        """Deactivate and activate again and again while the camera runs."""
        rows, spent_s = [], []
        with self._node() as node, Watch() as watch, self._camera(30.0, 'now'):
            for _ in range(count):
                watch.wait(lambda: watch.answers and watch.answers[-1].ids, 'people', 40)
                spent_s.append([watch.change_state('deactivate')])
                heard = len(watch.answers)
                rows.append([*processes.memory_mb(node.pid), processes.threads(node.pid),
                             processes.files(node.pid), _subscriptions(watch),
                             len(processes.shared_memory_of(node.pid)), _last_id(watch.answers)])
                spent_s[-1].append(watch.change_state('activate'))
                watch.wait(lambda heard=heard: len(watch.answers) > heard, 'an answer')
            ended_s, used = self._end(node)
        table = np.array(rows, float)
        settled = table[len(table) // 2:]      # memory has found its size by then
        names = ('rss_mb', 'own_mb', 'threads', 'files', 'subscriptions', 'shared_memory_files',
                 'last_id')
        return {'cycles': count, **{
            f'{name}_{when}': round(float(row[i]), 1)
            for i, name in enumerate(names) for when, row in (('first', settled[0]),
                                                              ('last', settled[-1]))},
            'own_mb_a_cycle': round(_slope(np.arange(len(settled)), settled[:, 1]), 4),
            'ids_never_went_back': bool((np.diff(table[:, -1]) >= 0).all()),
            'deactivate_s': _seconds([s for s, _ in spent_s]),
            'activate_s': _seconds([s for _, s in spent_s]),
            'stopped_after_s': ended_s, 'shared_memory_left': _left(used)}

    def first_skeleton(self) -> Json:
        """From the start of the process to the first answer, and to the first person in one."""
        with Watch() as watch, self._camera(30.0, 'now'):
            time.sleep(2.0)
            start_s = time.monotonic()
            with self._node():
                first = watch.wait(lambda: watch.answers and watch.answers[0], 'an answer', 40)
                person = watch.wait(lambda: next((a for a in list(watch.answers) if a.ids), None),
                                    'a person', 40)
        return {'first_answer_s': round(first.heard_s - start_s, 2),
                'first_skeleton_s': round(person.heard_s - start_s, 2)}

    # --- processes ------------------------------------------------------------------------

    @contextmanager
    def _node(self) -> Iterator[Process]:
        self._before = set(processes.SHARED_MEMORY.iterdir())
        node = self._start(*self._command)
        try:
            yield node
        except Exception as error:
            raise AssertionError(f'{error}; the node said: {node.said}') from error
        finally:
            node.finish()

    @contextmanager
    def _camera(self, rate: float, begin: str = '') -> Iterator[Process]:
        start_s = time.monotonic()
        camera = self._start(CAMERA, str(self._footage), str(rate), begin)
        try:
            camera.wait_for('publishing')
            self._camera_start_s = time.monotonic() - start_s
            yield camera
        finally:
            camera.finish()

    def _start(self, *arguments: str) -> Process:
        return Process(self._folder / f'log_{next(self._numbers)}', *arguments)

    def _end(self, node: Process) -> tuple[float, set[Path]]:
        """Seconds until the node has ended with 0, and what it brought into shared memory."""
        used = processes.shared_memory_of(node.pid) - self._before
        start = time.monotonic()
        code = node.stop(SIGINT)
        spent_s = time.monotonic() - start
        assert code == 0, f'exit code {code}: {node.said}'
        assert 'Traceback' not in node.said, node.said
        return round(spent_s, 2), used


def _left(used: set[Path]) -> list[str]:
    """What is still there of the shared memory, once the others have ended too."""
    return sorted(path.name for path in processes.abandoned(used))


def _sampled(pid: int, seconds: float) -> np.ndarray:
    """Rows of time [s], memory, own memory [MB], threads, processor time [s]."""
    rows, start = [], time.monotonic()
    while time.monotonic() - start < seconds:
        rows.append([time.monotonic() - start, *processes.memory_mb(pid), processes.threads(pid),
                     processes.cpu_s(pid)])
        time.sleep(SAMPLE_S)
    return np.array(rows)


def _memory(samples: np.ndarray, warm_up_s: float) -> Json:
    settled = samples[samples[:, 0] >= warm_up_s]
    minutes = settled[:, 0] / 60
    busy = (samples[-1, 4] - samples[0, 4]) / (samples[-1, 0] - samples[0, 0])
    return {'rss_mb_max': round(float(samples[:, 1].max()), 1),
            'rss_mb_after_warm_up': round(float(settled[0, 1]), 1),
            'rss_mb_at_the_end': round(float(settled[-1, 1]), 1),
            'rss_mb_per_minute': round(_slope(minutes, settled[:, 1]), 3),
            'own_mb_per_minute': round(_slope(minutes, settled[:, 2]), 3),
            'threads': [int(settled[:, 3].min()), int(settled[:, 3].max())],
            'processor_cores_used': round(float(busy), 2)}


def _slope(x: np.ndarray, y: np.ndarray) -> float:
    """Of the line through the points, by least squares."""
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else 0.0


def _subscriptions(watch: Watch) -> int:
    return len(watch.node.get_subscriber_names_and_types_by_node('occpose', '/'))


def _last_id(answers: Sequence[Answer]) -> int:
    return max((i for a in list(answers) for i in a.ids), default=0)


def _crowd(answers: Sequence[Answer]) -> float:
    return round(statistics.fmean(len(a.ids) for a in answers), 1)


def _quantiles(seconds: np.ndarray) -> Json:
    """Milliseconds."""
    p50, p95, most = np.percentile(1e3 * seconds, (50, 95, 100))
    return {'p50': round(float(p50), 2), 'p95': round(float(p95), 2), 'max': round(float(most), 2)}


def _seconds(spent: list[float]) -> Json:
    return {'p50': round(float(np.median(spent)), 3), 'max': round(max(spent), 3)}
