"""A camera for measurements: real people put together to VGA images, published over DDS.

    node_camera.py FOOTAGE.npy RATE [now]

It waits for a listener (with `now` it does not) and publishes until SIGTERM; then it prints how
many images it has sent.
"""
from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from ros2_occpose.config import PipelineConfig  # noqa: E402
from ros2_occpose.geometry import Camera  # noqa: E402
from ros2_occpose.recording.mosaic import GREY, HFOV_DEG, SIZE, Cutouts, mosaic  # noqa: E402
from ros2_occpose.recording.source import SourceOptions, open_source  # noqa: E402

GATHER = 150                    # images of the video, out of which people are cut
KEPT = 240                      # images that are played to and fro
ROUNDS, EMPTY = 3, 60           # rounds, then images without anybody: ids end
LEAVE_S = 0.5                   # after discovery, until the first image


def save_footage(video: Path, people: int, folder: Path) -> Path:
    """Images (T, 480, 640, 3) with so many people of a video, in a file."""
    from ros2_occpose.pipeline import Pipeline

    pipeline, cutouts = Pipeline(PipelineConfig()), Cutouts()
    for frame in itertools.islice(open_source(video, SourceOptions(hfov_deg=60.0)), GATHER):
        cutouts.add(frame, pipeline(frame))
    path = folder / f'footage_{people}.npy'
    np.save(path, np.stack([f.image for f in mosaic(cutouts.best(people), KEPT)]))
    return path


def played(images: np.ndarray) -> Iterator[np.ndarray]:
    """To and fro, now and then with nobody, for ever."""
    grey = np.full(images.shape[1:], GREY, np.uint8)
    order = [*range(len(images)), *range(len(images) - 2, 0, -1)]
    while True:
        for i in order * ROUNDS:
            yield images[i]
        yield from itertools.repeat(grey, EMPTY)


def main(footage: str, rate: str, begin: str = '') -> int:
    """Publish until told to stop; each second and at the end say how many images were sent."""
    import rclpy
    from rclpy.impl.implementation_singleton import rclpy_implementation
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import CameraInfo, Image

    from ros2_occpose.recording.messages import camera_info
    from ros2_occpose.ros.conversions import image_message, make
    from ros2_occpose.ros.running import use_dds_profile

    use_dds_profile()
    rclpy.init()
    node = rclpy.create_node('camera')
    images = node.create_publisher(Image, 'image', qos_profile_sensor_data)
    infos = node.create_publisher(CameraInfo, 'camera_info', qos_profile_sensor_data)
    print('publishing', flush=True)
    camera, sent = Camera.from_hfov(*SIZE, HFOV_DEG), 0
    if begin != 'now':
        while rclpy.ok() and not (images.get_subscription_count()
                                  and infos.get_subscription_count()):
            time.sleep(0.02)
        time.sleep(LEAVE_S)
    step_s = 1 / float(rate)
    due_s = time.monotonic()
    for image in played(np.load(footage, mmap_mode='r')):
        due_s = max(due_s + step_s, time.monotonic() - step_s)
        message = image_message(image, 0, 'camera')
        time.sleep(max(0.0, due_s - time.monotonic()))
        now_ns = node.get_clock().now().nanoseconds
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(now_ns, 1_000_000_000)
        if not rclpy.ok():
            break
        try:
            infos.publish(camera_info(make, camera, now_ns, 'camera'))
            images.publish(message)
        except rclpy_implementation.RCLError:        # told to stop just now
            break
        sent += 1
        if not sent % round(float(rate)):
            print(f'sent {sent}', flush=True)
    print(f'sent {sent} in all', flush=True)
    time.sleep(LEAVE_S)                              # until the last one has arrived
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
