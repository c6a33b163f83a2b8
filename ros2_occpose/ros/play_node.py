#!/usr/bin/env python3
"""Plays a video, an image folder or the images of a bag over DDS, as a camera would send them."""
from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from ros2_occpose.config import Validated, param
from ros2_occpose.errors import ConfigError, OccposeError
from ros2_occpose.recording.messages import camera_info
from ros2_occpose.recording.source import Source, SourceOptions, open_source
from ros2_occpose.ros.conversions import NS_PER_S, image_message, make
from ros2_occpose.ros.parameters import declare
from ros2_occpose.ros.running import run_node
from ros2_occpose.types import Frame

DEPTH = 10
POLL_S = 0.05
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
    seconds: float = param(0.0, 'Only the beginning [s]; 0: all.', ge=0)
    loop: bool = param(False, 'Start again at the end; the stamps go on.')
    frame_id: str = param('camera', 'Optical frame of the camera.')
    listeners: int = param(1, 'How many must listen to camera_info before it begins.', ge=0)
    wait_s: float = param(60.0, 'Longest wait for them, and for one of image [s].', ge=0)
    linger_s: float = param(1.0, 'Wait at the end, for the last answers [s].', ge=0)


class PlayNode(Node):
    """Node `play`: publishes `image` and `camera_info`, then ends the process.

    Stamps are the times at which a camera would have taken the images.

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
            seconds=config.seconds or None))
        qos = QoSProfile(depth=DEPTH, reliability=ReliabilityPolicy.RELIABLE)
        self._images = self.create_publisher(Image, 'image', qos)
        self._infos = self.create_publisher(CameraInfo, 'camera_info', qos)
        self._stopping = threading.Event()
        self.sent = self.late = self.refused = 0
        self._thread = threading.Thread(target=self._play, name='play')
        self._thread.start()

    def close(self) -> None:
        """Stop playing."""
        self._stopping.set()
        self._thread.join()

    def _play(self) -> None:
        try:
            self._announce(self._source)
            if self._wait_for_listeners():
                self._play_all()
                self._stopping.wait(self._config.linger_s)
                self.get_logger().info(
                    f'Played {self.sent} images; {self.late} left late, {self.refused} were '
                    'refused by DDS.')
        except OccposeError as error:
            self.get_logger().error(str(error))
        finally:
            self.context.try_shutdown()      # ends the process

    def _announce(self, source: Source) -> None:
        for note in source.notes:
            self.get_logger().warning(note)
        self.get_logger().info(f'Playing {self._config.input}: {source.length or "some"} images '
                               f'at {source.fps:g} Hz, {self._config.rate:g} times as fast.')

    def _wait_for_listeners(self) -> bool:
        deadline = time.monotonic() + self._config.wait_s
        wanted = self._config.listeners
        while True:
            images = self._images.get_subscription_count()
            infos = self._infos.get_subscription_count()
            if images >= min(wanted, 1) and infos >= wanted:
                return True
            if self._stopping.wait(POLL_S):
                return False
            if time.monotonic() >= deadline:
                self.get_logger().warning(
                    f'Expected listeners to {self._images.topic_name} and {wanted} to '
                    f'{self._infos.topic_name}, got {images} and {infos} after '
                    f'{self._config.wait_s:g} s; playing nevertheless.')
                return True

    def _play_all(self) -> None:
        step_ns = round(NS_PER_S / self._source.fps / self._config.rate)
        due_ns = self.get_clock().now().nanoseconds + step_ns
        while not self._stopping.is_set():
            first_ns: int | None = None
            start_ns = due_ns
            for frame in self._source:
                first_ns = frame.stamp_ns if first_ns is None else first_ns
                due_ns = start_ns + round((frame.stamp_ns - first_ns) / self._config.rate)
                self._send(frame, due_ns)
                if self._stopping.is_set():
                    return
            due_ns += step_ns
            if not self._config.loop:
                return

    def _send(self, frame: Frame, due_ns: int) -> None:
        """Publish one frame when it is due."""
        image = image_message(frame.image, due_ns, self._config.frame_id)
        info = camera_info(make, frame.camera, due_ns, self._config.frame_id)
        early_ns = due_ns - self.get_clock().now().nanoseconds
        if early_ns > 0 and self._stopping.wait(early_ns / NS_PER_S):
            return
        self.late += -early_ns > LATE_NS
        try:
            self._infos.publish(info)
            self._images.publish(image)
            self.sent += 1
        except rclpy_implementation.RCLError as error:     # a listener is too slow
            self.refused += 1
            if self.context.ok():
                self.get_logger().warning(f'DDS refused an image: {error}',
                                          throttle_duration_sec=5.0)


def main() -> int:
    """Play until the end, or until told to stop."""
    return run_node(PlayNode)


if __name__ == '__main__':
    sys.exit(main())
