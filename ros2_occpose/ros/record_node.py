#!/usr/bin/env python3
"""Records what the live node says: poses.mcap (a bag) and poses.jsonl, complete at any time."""
from __future__ import annotations

import math
import sys
import threading
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from ros2_occpose.config import Validated, param
from ros2_occpose.errors import ConfigError, InputError
from ros2_occpose.msg import HumanArray
from ros2_occpose.recording.mcap import McapWriter
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.recording.poses_jsonl import PosesJsonl
from ros2_occpose.recording.poses_mcap import PosesMcap
from ros2_occpose.recording.typestore import full_name, typestore
from ros2_occpose.ros.conversions import message_class
from ros2_occpose.ros.parameters import declare
from ros2_occpose.ros.running import run_node

DEPTH = 100
# topic -> (type, latched)
TOPICS = {
    'humans': ('ros2_occpose/HumanArray', False),
    'markers': ('visualization_msgs/MarkerArray', False),
    'stats': ('ros2_occpose/PipelineStats', False),
    'skeleton_model': ('ros2_occpose/SkeletonModel', True),
    'camera_info': ('sensor_msgs/CameraInfo', False),
    '/tf': ('tf2_msgs/TFMessage', False),
    '/tf_static': ('tf2_msgs/TFMessage', True),
}


@dataclass(frozen=True, kw_only=True)
class RecordConfig(Validated):
    """What the recorder needs to know."""

    output: str = param('', 'Folder for poses.mcap and poses.jsonl; it is made if need be.')
    reproducible: bool = param(
        False, 'Only people and markers, at the stamps of their images and without latency: the '
        'same bytes for every lossless replay of a bag.')


class RecordNode(Node):
    """Node `record`: raw messages go into the bag as they came.

    Raises:
        ConfigError: No output folder is given.
        InputError: The files cannot be created.
    """

    def __init__(self, **options: object) -> None:
        super().__init__('record', **options)
        config = declare(self, RecordConfig())
        output = config.output
        if not output:
            raise ConfigError('Expected a folder for the recording, got none; '
                              'add --ros-args -p output:=FOLDER.')
        folder = Path(output)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f'Cannot make the folder {folder}: {error.strerror}.') from error
        self.frames = 0
        self._writing = threading.Lock()        # `close` may come from another thread
        self._silent: dict[int, str] = {}       # channel -> topic, until its first message
        self._lines = PosesJsonl(folder / 'poses.jsonl')
        self._bag: McapWriter | PosesMcap
        if config.reproducible:
            self._bag = poses = PosesMcap(folder / 'poses.mcap')
            self.create_subscription(HumanArray, 'humans', partial(self._store_people, poses),
                                     QoSProfile(depth=DEPTH))
        else:
            self._bag = bag = McapWriter(folder / 'poses.mcap')
            for topic, (message_type, latched) in TOPICS.items():
                self._record(bag, topic, message_type, latched)
        self.get_logger().info(f'Recording into {folder}.')

    def close(self) -> None:
        """Complete both files."""
        with self._writing:
            self._bag.close()
            self._lines.close()

    def _record(self, bag: McapWriter, topic: str, message_type: str, latched: bool) -> None:
        try:
            kind = message_class(message_type)
        except ImportError:
            self.get_logger().warning(f'{message_type} is not installed: {topic} is left out.')
            return
        schema = full_name(message_type)
        definition, _ = typestore().generate_msgdef(schema, ros_version=2)
        channel = bag.add_channel(self.resolve_topic_name(topic), schema, definition,
                                  latched=latched)
        durability = DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
        reliability = (ReliabilityPolicy.BEST_EFFORT if topic == 'camera_info'
                       else ReliabilityPolicy.RELIABLE)
        qos = QoSProfile(depth=DEPTH, durability=durability, reliability=reliability)
        store = self._store_humans if topic == 'humans' else self._store
        self._silent[channel] = topic
        self.create_subscription(kind, topic, partial(store, bag, channel), qos, raw=True)

    def _store(self, bag: McapWriter, channel: int, data: bytes) -> None:
        with self._writing:
            self._write(bag, channel, data)

    def _write(self, bag: McapWriter, channel: int, data: bytes) -> None:
        if topic := self._silent.pop(channel, None):
            self.get_logger().info(f'Receiving {topic}.')
        bag.write(channel, self.get_clock().now().nanoseconds, data)

    def _store_humans(self, bag: McapWriter, channel: int, data: bytes) -> None:
        humans = humans_from(deserialize_message(data, HumanArray))
        with self._writing:
            self._write(bag, channel, data)
            self._lines.write(humans)
            self.frames += 1

    def _store_people(self, bag: PosesMcap, message: HumanArray) -> None:
        humans = replace(humans_from(message), latency_s=math.nan)
        with self._writing:
            bag.write(humans)
            self._lines.write(humans)
            self.frames += 1


def main() -> int:
    """Record until told to stop."""
    return run_node(RecordNode)


if __name__ == '__main__':
    sys.exit(main())
