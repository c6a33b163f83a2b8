"""How long the node takes beside the pipeline: image in to humans out, over DDS, at VGA.

    source scripts/env.sh && python test/ros/latency.py [PEOPLE] [SECONDS]

Camera, node and listener are three processes. The pipeline is a script that takes no time, so what
is measured is DDS, decoding, pairing, conversion and publishing.
"""
from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1])]

RATE_HZ = 30
WARM_UP = 15                # frames


def camera() -> None:
    """Publish black VGA images as fast as a camera does."""
    import numpy as np
    import rclpy
    from rclpy.impl.implementation_singleton import rclpy_implementation
    from sensor_msgs.msg import CameraInfo, Image

    from ros2_occpose.geometry import Camera
    from ros2_occpose.recording.messages import camera_info
    from ros2_occpose.ros.conversions import image_message, make
    from ros2_occpose.ros.running import use_dds_profile

    use_dds_profile()
    rclpy.init()
    node = rclpy.create_node('camera')
    images = node.create_publisher(Image, 'image', 10)
    infos = node.create_publisher(CameraInfo, 'camera_info', 10)
    model, black = Camera.from_hfov(640, 480, 70), np.zeros((480, 640, 3), np.uint8)
    while rclpy.ok():
        due = time.monotonic() + 1 / RATE_HZ
        message = image_message(black, 0, 'camera')
        now_ns = node.get_clock().now().nanoseconds
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now_ns, 1_000_000_000)
        with suppress(rclpy_implementation.RCLError):        # told to stop just now
            images.publish(message)
            infos.publish(camera_info(make, model, now_ns, 'camera'))
        time.sleep(max(0.0, due - time.monotonic()))


def measure(people: int, seconds: float) -> dict[str, float]:
    """Milliseconds from image stamp to publishing and arrival of `humans`, less the pipeline."""
    import numpy as np
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    from ros2_occpose.msg import HumanArray, PipelineStats

    processes = [subprocess.Popen([sys.executable, *arguments]) for arguments in (
        (str(HERE / 'scripted_node.py'), str(people)), (__file__, 'camera'))]
    context = rclpy.Context()
    rclpy.init(context=context)
    listener = rclpy.create_node('listener', context=context)
    rows: list[tuple[float, float]] = []
    pipeline_ms: list[float] = []

    def on_humans(message: HumanArray) -> None:
        stamp = message.header.stamp
        passed_s = time.time() - stamp.sec - stamp.nanosec / 1e9
        rows.append((1e3 * message.latency, 1e3 * passed_s))

    listener.create_subscription(HumanArray, 'humans', on_humans, 10)
    listener.create_subscription(
        PipelineStats, 'stats', lambda m: pipeline_ms.append(sum(m.stage_ms)), 10)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(listener)
    deadline = time.monotonic() + 60
    while len(rows) < WARM_UP + seconds * RATE_HZ and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.5)
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(5)
    executor.shutdown()
    rclpy.try_shutdown(context=context)
    listener.destroy_node()
    published, arrived = np.array(rows[WARM_UP:]).T - np.median(pipeline_ms[WARM_UP:])
    return {'people': people, 'frames': len(published),
            **{f'{what}_p{q}_ms': round(float(np.percentile(values, q)), 2)
               for what, values in (('published', published), ('arrived', arrived))
               for q in (5, 50, 95)}}


if __name__ == '__main__':
    role, *rest = sys.argv[1:] or ['1']
    if role == 'camera':
        camera()
    else:
        print(json.dumps(measure(int(role), float(rest[0]) if rest else 5.0)))
