#!/usr/bin/env python3
"""Several cameras in one process that share their networks: cameras_node NAMESPACE ..."""
from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import partial

from rclpy.node import Node
from rclpy.utilities import remove_ros_args

from ros2_occpose.inference import Models
from ros2_occpose.ros.pose_node import PoseNode, load_pipeline
from ros2_occpose.ros.running import run_nodes

USAGE = ('usage: cameras_node NAMESPACE NAMESPACE ... [--ros-args ...], e.g. cameras_node front '
         'rear: nodes /front/occpose and /rear/occpose with their topics and parameters')


def make_nodes(namespaces: Sequence[str]) -> Iterator[Node]:
    """One node for each camera."""
    models = Models()
    for namespace in namespaces:
        node = PoseNode(partial(load_pipeline, models=models), namespace=namespace)
        yield node
        node.start()


def main() -> int:
    """Run the nodes until they are told to stop."""
    namespaces = remove_ros_args(sys.argv)[1:]
    if not namespaces or len(set(namespaces)) < len(namespaces) or namespaces[0].startswith('-'):
        print(USAGE, file=sys.stderr)
        return 2
    return run_nodes(partial(make_nodes, namespaces))


if __name__ == '__main__':
    sys.exit(main())
