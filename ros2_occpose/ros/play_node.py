#!/usr/bin/env python3
"""Plays a video, an image folder or the images of a bag over DDS, as a camera would send them."""
from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from ros2_occpose.config import Validated, param
from ros2_occpose.errors import ConfigError, InputError, OccposeError
from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.bag import BagSource
from ros2_occpose.recording.messages import camera_info
from ros2_occpose.recording.source import Source, SourceOptions, open_source
from ros2_occpose.ros.conversions import NS_PER_S, image_message, make, stamp_of
from ros2_occpose.ros.health import listeners_fact
from ros2_occpose.ros.parameters import declare
from ros2_occpose.ros.running import run_node
from ros2_occpose.ros.sending import BagParcels, FrameParcels, RecordedClock, publishers_of
from ros2_occpose.types import Frame

DEPTH = 10
POLL_S, SETTLE_S = 0.05, 0.5
LATE_NS = 20_000_000        # a frame that leaves later than this is counted


@dataclass(frozen=True, kw_only=True)
class PlayConfig(Validated):
    """What the player needs to know."""

    input: str = param('', 'Video, image folder or bag.')
    camera: str = param('', 'Calibration (camera_info YAML); empty: see hfov_deg.')
    hfov_deg: float = param(
        0.0, 'Horizontal field of view without calibration [deg]; 0: a usual one.', ge=0, le=170)
    fps: float = param(
        0.0, 'Images per second of the recording; 0: what it says.', ge=0, le=1000)
    rate: float = param(1.0, 'How much faster than real time.', ge=0.01, le=100)
    start: float = param(0.0, 'Where to begin [s].', ge=0)
    seconds: float = param(0.0, 'Only so much of it [s]; 0: all.', ge=0)
    loop: bool = param(
        False, 'Start again at the end; the stamps go on, with sim_time they jump back.')
    sim_time: bool = param(
        False, 'Keep the recorded stamps and publish /clock; else stamps are the time of day.')
    lossless: bool = param(
        False, 'Send an image only after the one before has been answered on `humans`; of a bag '
        'with sim_time, each image leaves behind its CameraInfo and its camera pose.')
    answer_timeout_s: float = param(10.0, 'Longest wait for an answer [s].', ge=0.1, le=600)
    image_topic: str = param('', 'Images of a bag with several topics of them.')
    pose_topic: str = param('', 'Pose of the camera in a bag: PoseStamped, Odometry, or /tf.')
    world_frame: str = param('', 'Frame of those poses; empty: what they say, odom for /tf.')
    frame_id: str = param('camera', 'Optical frame of the camera; a bag in sim_time has its own.')
    listeners: int = param(1, 'How many must listen to camera_info before it begins.', ge=0)
    recorders: int = param(0, 'How many must listen to `humans` before it begins.', ge=0)
    wait_s: float = param(60.0, 'Longest wait for them, and for one of image [s].', ge=0)
    linger_s: float = param(1.0, 'Wait at the end, for the last answers [s].', ge=0)


class PlayNode(Node):
    """Node `play`: publishes `image` and `camera_info`, then ends the process.

    Stamps are the times at which a camera would have taken the images; with `sim_time` those of
    the recording, whose camera poses and transforms are then published too.

    Raises:
        ConfigError, InputError, CameraError: There is nothing that can be played.
    """

    def __init__(self, **options: object) -> None:
        super().__init__('play', **options)
        self._config = config = declare(self, PlayConfig())
        if not config.input:
            raise ConfigError('Expected something to play, got nothing; '
                              'add --ros-args -p input:=VIDEO.')
        self._source = open_source(Path(config.input), SourceOptions(
            camera_file=Path(config.camera) if config.camera else None,
            hfov_deg=config.hfov_deg or None, fps=config.fps or None,
            start_s=config.start, seconds=config.seconds or None,
            image_topic=config.image_topic or None, pose_topic=config.pose_topic or None,
            world_frame=config.world_frame or None))
        self._parcels: BagParcels | FrameParcels = FrameParcels(self._source, config.frame_id)
        if config.sim_time and isinstance(self._source, BagSource):
            self._parcels = BagParcels(self._source, in_order=config.lossless)
        self._senders = publishers_of(self, self._parcels.types())
        self._stopping = threading.Event()
        self._recorded = None if not config.sim_time else RecordedClock(
            self, config.rate, self._stopping)
        self._answered: set[int] = set()            # stamps
        self._changed = threading.Condition()
        self._heard_by = 0              # how many the node knows that hear its answers
        if config.lossless:
            self.create_subscription(HumanArray, 'humans', self._on_humans, DEPTH)
            self.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, DEPTH)
        self.sent = self.late = self.refused = self.unanswered = 0
        self.failed = False
        self._thread = threading.Thread(target=self._play, name='play')
        self._thread.start()

    def close(self) -> None:
        """Stop playing."""
        self._stopping.set()
        with self._changed:
            self._changed.notify()
        self._thread.join()

    def _on_humans(self, humans: HumanArray) -> None:
        with self._changed:
            self._answered.add(stamp_of(humans))
            self._changed.notify()

    def _on_diagnostics(self, diagnostics: DiagnosticArray) -> None:
        wanted = listeners_fact(self.resolve_topic_name('humans'))
        for status in diagnostics.status:
            for pair in status.values:
                if pair.key == wanted:
                    self._heard_by = int(pair.value)

    def _play(self) -> None:
        try:
            self._announce(self._source)
            if self._wait_for_listeners():
                self._replay_all(self._recorded) if self._recorded else self._play_all()
                self._stopping.wait(self._config.linger_s)
                self._conclude()
        except OccposeError as error:
            self.failed = True
            self.get_logger().error(str(error))
        except rclpy_implementation.RCLError:
            if self.context.ok():            # else told to stop while it asked something
                raise
        finally:
            self.context.try_shutdown()      # ends the process

    def _announce(self, source: Source) -> None:
        for note in source.notes:
            self.get_logger().warning(note)
        self.get_logger().info(f'Playing {self._config.input}: {source.length or "some"} images '
                               f'at {source.fps:g} Hz, speed {self._config.rate:g}.')

    def _conclude(self) -> None:
        more = {'left late': self.late, 'were refused by DDS': self.refused}
        if self._config.lossless:
            more['were not answered'] = self.unanswered
            more['had no camera pose and stayed behind'] = self._parcels.left_out
        counts = ', '.join(f'{number} {what}' for what, number in more.items())
        self.get_logger().info(f'Played {self.sent} images; {counts}.')

    def _wait_for_listeners(self) -> bool:
        deadline = time.monotonic() + self._config.wait_s
        wanted = self._config.listeners
        needed = dict.fromkeys(self._parcels.needed(), min(wanted, 1)) | {'camera_info': wanted}
        while True:
            heard = {topic: self._senders[topic].get_subscription_count()
                     for topic in needed if topic in self._senders}
            if self._answers_will_come() and all(
                    number >= needed[topic] for topic, number in heard.items()):
                # They know us too only a moment later, and the first message must not get lost.
                settle_s = SETTLE_S if wanted and self._recorded else 0.0
                return not self._stopping.wait(settle_s)
            if self._stopping.wait(POLL_S):
                return False
            if time.monotonic() >= deadline:
                found = ', '.join(f'{number} to {self.resolve_topic_name(topic)}'
                                  for topic, number in heard.items())
                problem = (f'Expected listeners to all topics, and {wanted} to CameraInfo, got '
                           f'{found} after {self._config.wait_s:g} s')
                if self._config.lossless:
                    raise InputError(f'{problem}, or nobody who answers; see what the node says.')
                self.get_logger().warning(f'{problem}; playing nevertheless.')
                return True

    def _answers_will_come(self) -> bool:
        """Whether somebody answers, and all who have to hear it do.

        Whom this node sees listening, the one that answers may not have found yet. A recording
        without loss can wait until that one says so.
        """
        recorders, lossless = self._config.recorders, self._config.lossless
        if lossless and not self.count_publishers('humans'):
            return False
        wanted = recorders + int(lossless)
        return self.count_subscribers('humans') >= wanted and not (
            lossless and recorders and self._heard_by < wanted)

    # --- as it was recorded ----------------------------------------------------------------

    def _replay_all(self, clock: RecordedClock) -> None:
        """With the stamps of the recording, and its clock."""
        while True:
            last_ns = begun_ns = None
            for parcel in self._parcels:
                if begun_ns is None:
                    begun_ns = parcel.due_ns
                    clock.begin(begun_ns)
                if parcel.image_ns is not None and parcel.image_ns == last_ns:
                    continue                            # the same image twice
                late_ns = clock.wait_until(parcel.due_ns)
                if late_ns is None:
                    return
                self._send(parcel.messages, late_ns, parcel.image_ns)
                last_ns = last_ns if parcel.image_ns is None else parcel.image_ns
            if not self._config.loop or begun_ns is None:
                return

    # --- as a camera would send it now ------------------------------------------------------

    def _play_all(self) -> None:
        step_ns = round(NS_PER_S / self._source.fps / self._config.rate)
        due_ns = self.get_clock().now().nanoseconds + step_ns
        while not self._stopping.is_set():
            first_ns: int | None = None
            start_ns = due_ns
            for frame in self._source:
                first_ns = frame.stamp_ns if first_ns is None else first_ns
                due_ns = start_ns + round((frame.stamp_ns - first_ns) / self._config.rate)
                self._send_frame(frame, due_ns)
                if self._stopping.is_set():
                    return
            due_ns += step_ns
            if not self._config.loop:
                return

    def _send_frame(self, frame: Frame, due_ns: int) -> None:
        """Publish one frame when it is due."""
        image = image_message(frame.image, due_ns, self._config.frame_id)
        info = camera_info(make, frame.camera, due_ns, self._config.frame_id)
        early_ns = due_ns - self.get_clock().now().nanoseconds
        if early_ns > 0 and self._stopping.wait(early_ns / NS_PER_S):
            return
        self._send([('camera_info', info), ('image', image)], -early_ns, due_ns)

    # --- both -------------------------------------------------------------------------------

    def _send(self, messages: list[tuple[str, Any]], late_ns: int, image_ns: int | None) -> None:
        """Publish, and wait for the answer if wanted."""
        if image_ns is not None:
            self.late += late_ns > LATE_NS
            self._answered.clear()
        try:
            for topic, message in messages:
                if topic in self._senders:
                    self._senders[topic].publish(message)
        except rclpy_implementation.RCLError as error:     # a listener is too slow
            self.refused += image_ns is not None
            if self.context.ok():
                self.get_logger().warning(f'DDS refused an image: {error}',
                                          throttle_duration_sec=5.0)
            return
        if image_ns is not None:
            self.sent += 1
            self._wait_for_answer(image_ns)

    def _wait_for_answer(self, image_ns: int) -> None:
        if not self._config.lossless:
            return
        with self._changed:
            known = self._changed.wait_for(
                lambda: image_ns in self._answered or self._stopping.is_set(),
                self._config.answer_timeout_s)
        if not known and not self.count_publishers('humans'):
            raise InputError('Expected an answer to each image, got none, and nobody is there any '
                             'more to give one; see why the node ended.')
        if not known:
            self.unanswered += 1
            self.get_logger().warning(
                f'Expected an answer to the image of stamp {image_ns}, got none within '
                f'{self._config.answer_timeout_s:g} s; see what the node says of it.')


def main() -> int:
    """Play until the end, or until told to stop; 1 where it could not go on."""
    return run_node(PlayNode)


if __name__ == '__main__':
    sys.exit(main())
