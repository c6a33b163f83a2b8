"""How much memory reading takes: bags of several sizes, made here, read and removed again.

    python scripts/measure_bag_memory.py --sizes 0.2 2 --folder /tmp

Prints a row a bag: its size, the most memory that the reading process held, and the time to the
first and to the last frame.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from ros2_occpose.geometry import Camera, quat_wxyz_from_matrix
from ros2_occpose.recording.messages import camera_info, header
from ros2_occpose.recording.source import SourceOptions, level_pose, open_source
from ros2_occpose.recording.summary import peak_memory_mb
from ros2_occpose.recording.typestore import make, serialise, typestore

WIDTH, HEIGHT, FPS = 640, 480, 30
SECOND = 1_000_000_000


def write(path: Path, storage: StoragePlugin, gigabytes: float) -> int:
    """A bag of so many gigabytes of VGA images with CameraInfo and poses; how many images."""
    camera, count = Camera.from_hfov(WIDTH, HEIGHT, 60.0), round(gigabytes * 1e9 / 921_600)
    noise = np.random.default_rng(0).integers(0, 255, 3 * WIDTH * HEIGHT, np.uint8)
    w, x, y, z = quat_wxyz_from_matrix(level_pose(1.0, 0.0)[:3, :3]).tolist()
    types = {'/camera/image_raw': 'sensor_msgs/msg/Image',
             '/pose': 'geometry_msgs/msg/PoseStamped',
             '/camera/camera_info': 'sensor_msgs/msg/CameraInfo'}
    with Writer(path, version=9, storage_plugin=storage) as writer:
        topics = {topic: writer.add_connection(topic, kind, typestore=typestore())
                  for topic, kind in types.items()}
        for number in range(count):
            stamp_ns = SECOND + number * SECOND // FPS
            head = header(make, stamp_ns, 'camera')
            pose = make('geometry_msgs/Pose', orientation=make(
                'geometry_msgs/Quaternion', x=x, y=y, z=z, w=w))
            for topic, message in (
                    ('/camera/image_raw', make(
                        'sensor_msgs/Image', header=head, width=WIDTH, height=HEIGHT,
                        encoding='bgr8', step=3 * WIDTH, data=np.roll(noise, number))),
                    ('/camera/camera_info', camera_info(make, camera, stamp_ns, 'camera')),
                    ('/pose', make('geometry_msgs/PoseStamped', header=header(
                        make, stamp_ns, 'odom'), pose=pose))):
                writer.write(topics[topic], stamp_ns, serialise(message))
    return count


def read(path: Path) -> str:
    """Seconds to the first frame and to the last, how many frames, and the most memory [MB]."""
    start, first_s, frames = time.perf_counter(), 0.0, 0
    for _ in open_source(path, SourceOptions(pose_topic='/pose')):
        frames += 1
        first_s = first_s or time.perf_counter() - start
    return f'{first_s:.2f} {time.perf_counter() - start:.1f} {frames} {peak_memory_mb()}'


def main() -> None:
    """Write, read in a process of its own, remove."""
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--sizes', type=float, nargs='+', default=[0.2, 2.0], metavar='GB')
    parser.add_argument('--storage', choices=[s.name.lower() for s in StoragePlugin], nargs='+',
                        default=[s.name.lower() for s in StoragePlugin])
    parser.add_argument('--folder', type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument('--cut', action='store_true', help='cut the last tenth off')
    parser.add_argument('--read', type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.read:
        print(read(args.read))
        return
    print('storage  GB   first [s]  all [s]  frames  memory [MB]')
    for storage in (StoragePlugin[name.upper()] for name in args.storage):
        for size in args.sizes:
            folder = Path(tempfile.mkdtemp(prefix='occpose_bag_', dir=args.folder))
            try:
                write(folder / 'bag', storage, size)
                if args.cut:
                    file, = (p for p in (folder / 'bag').iterdir() if p.suffix != '.yaml')
                    with file.open('r+b') as data:
                        data.truncate(round(file.stat().st_size * 0.9))
                done = subprocess.run([sys.executable, __file__, '--read', str(folder / 'bag')],
                                      capture_output=True, text=True, check=True)
            finally:
                shutil.rmtree(folder)
            first, whole, frames, memory = done.stdout.split()
            print(f'{storage.name.lower():8} {size:<4g} {first:>9} {whole:>8} {frames:>7} '
                  f'{memory:>12}', flush=True)


if __name__ == '__main__':
    main()
