"""Images wait for their camera pose in a short queue: nobody is blocked, nothing is miscounted."""
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from std_msgs.msg import Header

from ros2_occpose.config import NodeConfig
from ros2_occpose.ros import waiting
from ros2_occpose.ros.camera_pose import PoseError, PoseNotYetError
from ros2_occpose.ros.conversions import header
from ros2_occpose.ros.inputs import Question
from ros2_occpose.ros.waiting import PoseQueue

STEP_NS = 33_000_000            # between two images


class Poses:
    """Knows the poses from `first` to `until`."""

    def __init__(self) -> None:
        self.first, self.until, self.cleared = 0, 0, 0
        self.changed: Callable[[], None] = lambda: None

    def listen(self, changed: Callable[[], None]) -> None:
        self.changed = changed

    def at(self, stamp_ns: int, camera_frame: str) -> np.ndarray:
        assert camera_frame == 'camera'
        if stamp_ns > self.until:
            raise PoseNotYetError('later')
        if stamp_ns < self.first:
            raise PoseError('never')
        return np.eye(4) * stamp_ns

    def clear(self) -> None:
        self.cleared += 1

    def reach(self, stamp_ns: int) -> None:
        self.until = stamp_ns
        self.changed()


class Timer:
    running = True

    def cancel(self) -> None:
        self.running = False

    def reset(self) -> None:
        self.running = True

    def is_canceled(self) -> bool:
        return not self.running


class Rig:
    """A queue, what it is asked and what comes out."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **config: object) -> None:
        self.now, self.poses, self.timer = 0.0, Poses(), Timer()
        self.out: list[int] = []
        self.faults: list[tuple[str, str]] = []
        node = SimpleNamespace(create_timer=self._create_timer, destroy_timer=lambda timer: None)
        monkeypatch.setattr(waiting, 'monotonic', lambda: self.now)
        self.queue = PoseQueue(node, NodeConfig(camera_pose='pose', **config), self.poses,
                               self._deliver, lambda *fault: self.faults.append(fault))

    def _create_timer(self, period_s: float, callback: Callable[[], None],
                      clock: object) -> Timer:
        self.tick = callback
        return self.timer

    def _deliver(self, question: Question) -> None:
        assert question.world_from_camera[0, 0] == question.stamp_ns      # its own pose
        self.out.append(question.stamp_ns)

    def add(self, stamp_ns: int) -> None:
        head: Header = header(stamp_ns, 'camera')
        self.queue.add(Question(SimpleNamespace(header=head)))

    @property
    def counts(self) -> tuple[int, int, int, int]:
        queue = self.queue
        return queue.in_time, queue.late, queue.missing, queue.dropped


def test_a_known_pose_costs_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.poses.reach(100)
    rig.add(10)
    assert rig.out == [10]
    assert rig.counts == (1, 0, 0, 0)
    assert not rig.timer.running


def test_an_image_waits_until_its_pose_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, pose_timeout_s=0.1)
    rig.add(10)
    assert rig.out == []
    assert rig.timer.running
    rig.poses.reach(9)
    assert rig.out == []
    rig.poses.reach(10)
    assert rig.out == [10]
    assert rig.counts == (0, 1, 0, 0)
    rig.tick()                                   # the clock ticks once more and stops
    assert not rig.timer.running


def test_nothing_comes_out_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.add(10)
    rig.queue.close()
    rig.poses.reach(10)
    assert rig.out == []


def test_a_pose_that_never_comes_is_counted_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, pose_timeout_s=0.1)
    rig.add(10)
    rig.now = 0.09
    rig.tick()
    assert len(rig.queue) == 1
    rig.now = 0.11
    rig.tick()
    assert (len(rig.queue), rig.faults) == (0, [('camera pose', 'later')])
    rig.poses.first, rig.poses.until = 50, 60
    rig.add(20)                                  # before the first pose: waiting would not help
    assert rig.faults[1:] == [('camera pose', 'never')]
    assert rig.counts == (0, 0, 2, 2)


def test_poses_that_come_together_serve_the_newest_image(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    for stamp in (10, 20, 30, 40):
        rig.add(stamp)
    rig.poses.reach(30)
    assert rig.out == [30]
    rig.poses.reach(40)
    assert rig.out == [30, 40]
    assert rig.counts == (0, 4, 0, 2)


def test_the_freshest_image_stays_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch, pose_queue=3)
    for stamp in (10, 20, 30, 40, 50):
        rig.add(stamp)
    assert len(rig.queue) == 3
    for stamp in (10, 20, 50):
        rig.poses.reach(stamp)
    assert rig.out == [10, 20, 50]
    assert rig.counts == (0, 3, 0, 2)


@pytest.mark.parametrize('queue', [2, 3, 10, 30])
def test_poses_that_always_lag_do_not_starve_the_node(monkeypatch: pytest.MonkeyPatch,
                                                      queue: int) -> None:
    """Half a second late at 30 Hz: fifteen images would wait."""
    rig = Rig(monkeypatch, pose_queue=queue, pose_timeout_s=1.0)
    for i in range(1, 121):
        rig.now += STEP_NS / 1e9
        rig.add(i * STEP_NS)
        rig.poses.reach((i - 15) * STEP_NS)
        assert len(rig.queue) <= queue
    assert len(rig.out) + len(rig.queue) + rig.queue.dropped == 120
    assert rig.out == sorted(rig.out)
    assert len(rig.out) == 105 if queue > 15 else len(rig.out) >= 7 * (queue - 1)


def test_time_that_goes_back_starts_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(monkeypatch)
    rig.add(1000)
    rig.add(10)
    assert rig.poses.cleared == 1
    rig.poses.reach(10)
    assert rig.out == [10]
    assert rig.counts == (0, 1, 0, 1)
