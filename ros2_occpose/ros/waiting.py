"""Images wait here for the pose of the camera, so that neither DDS nor the networks have to."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from ..config import NodeConfig
from .camera_pose import CameraPose, PoseError, PoseNotYetError
from .health import Faults
from .inputs import Question

CHECK_S = 0.02          # how often it is checked whether an image has waited for too long


@dataclass(frozen=True)
class _Waiting:
    question: Question
    until_s: float              # on the steady clock


class PoseQueue:
    """Gives each image the pose of its camera and hands it over, in the order of the stamps.

    At most `pose_queue` images wait. One more takes the place of the newest: so the freshest image
    is always among them, and with poses that always come late the oldest still get theirs. Of
    images that get their poses together the newest is handed over. All methods are called on the
    executor's thread.
    """

    def __init__(self, node: Node, config: NodeConfig, pose: CameraPose,
                 deliver: Callable[[Question], None], faults: Faults) -> None:
        self.in_time = self.late = self.missing = 0      # poses
        self.dropped = 0                                 # images, those without a pose among them
        self._pose, self._deliver, self._faults = pose, deliver, faults
        self._timeout_s, self._depth = config.pose_timeout_s, config.pose_queue
        self._waiting: deque[_Waiting] = deque()
        self._newest_ns: int | None = None
        self._node = node
        self._timer = node.create_timer(CHECK_S, self._tick,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._timer.cancel()
        pose.listen(self.advance)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, question: Question) -> None:
        """Hand an image over at once if the pose is known; else it waits."""
        if self._newest_ns is not None and question.stamp_ns < self._newest_ns:
            self._forget()
        self._newest_ns = question.stamp_ns
        self._waiting.append(_Waiting(question, monotonic() + self._timeout_s))
        self._hand_over(fresh=question)
        if len(self._waiting) > self._depth:
            del self._waiting[-2]
            self.dropped += 1
        if self._waiting and self._timer.is_canceled():
            self._timer.reset()

    def advance(self) -> None:
        """Something new is known, or time has passed."""
        if self._waiting:
            self._hand_over()

    def close(self) -> None:
        """Forget the images and stop the clock."""
        self._pose.listen(lambda: None)
        self._waiting.clear()
        self._node.destroy_timer(self._timer)

    def _tick(self) -> None:
        self.advance()
        if not self._waiting:
            self._timer.cancel()

    def _hand_over(self, fresh: Question | None = None) -> None:
        """Deliver the newest image whose pose is known; `fresh` has not waited."""
        ready: Question | None = None
        still: deque[_Waiting] = deque()
        for waiting in self._waiting:
            question = waiting.question
            try:
                pose = self._pose.at(question.stamp_ns, question.frame_id)
            except PoseError as error:
                if isinstance(error, PoseNotYetError) and monotonic() < waiting.until_s:
                    still.append(waiting)
                else:
                    self.missing += 1
                    self.dropped += 1
                    self._faults('camera pose', str(error))
                continue
            if question is fresh:
                self.in_time += 1
            else:
                self.late += 1
            self.dropped += len(still) + (ready is not None)     # older ones: too late for them
            still.clear()
            ready = replace(question, world_from_camera=pose)
        self._waiting = still
        if ready is not None:
            self._deliver(ready)

    def _forget(self) -> None:
        """Time went back: what waits, and the poses known so far, belong to another time."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._pose.clear()
