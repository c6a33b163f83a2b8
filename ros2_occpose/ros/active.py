"""What runs while the node is active, and what it has counted since."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..recording.humans import Humans
from ..types import Frame, People
from .camera_pose import CameraPose
from .frames import FrameMaker
from .inputs import Inputs, Question
from .waiting import PoseQueue
from .worker import Worker


@dataclass(frozen=True)
class Picture:
    """What is to be shown of one image."""

    humans: Humans          # what was published
    people: People          # what it was made of
    frame: Frame


@dataclass
class Active:
    """Three threads share the work, and none waits for another.

    The executor's thread takes what DDS brings and serves services, parameters and timers;
    `worker` runs the networks and says who is where; `pictures` draws, and publishes what people
    look at.
    """

    pose: CameraPose
    queue: PoseQueue
    inputs: Inputs
    frames: FrameMaker
    worker: Worker[Question]
    pictures: Worker[Picture]
    answered: int = 0               # images
    failed: int = 0                 # images that could not be answered

    @property
    def dropped(self) -> int:
        """Images received but not answered, less those that may still be."""
        return self.inputs.dropped + self.queue.dropped + self.worker.dropped + self.failed

    def facts(self) -> dict[str, Any]:
        """What diagnostics say of it."""
        return {'images received': self.inputs.received, 'frames answered': self.answered,
                'images dropped': self.dropped, 'images missed': self.inputs.missed,
                'pictures skipped': self.pictures.dropped,
                'image topic': self.inputs.image_topic, 'camera pose': self.pose.name,
                'camera poses in time': self.queue.in_time,
                'camera poses late': self.queue.late,
                'camera poses missing': self.queue.missing}

    def close(self, timeout_s: float | None = None) -> None:
        """Unsubscribe and end both threads, or give up on each after `timeout_s`."""
        self.inputs.close()
        self.queue.close()
        self.worker.stop(timeout_s)
        self.pictures.stop(timeout_s)
        self.pose.close()
