"""Turn what the live node said about a video or a bag into pictures and numbers.

Reads poses.mcap of the recorder; writes overlay.mp4, scene.png and summary.json beside it, and
prints the numbers. Ends with 1 if nobody was seen.
"""
from __future__ import annotations

import argparse
import sys
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rosbags.highlevel import AnyReader
from tqdm import tqdm

from ros2_occpose.errors import OccposeError
from ros2_occpose.recording.humans import Humans
from ros2_occpose.recording.machine import machine, versions
from ros2_occpose.recording.messages import humans_from
from ros2_occpose.recording.overlay import draw_large
from ros2_occpose.recording.overlay_video import OverlayVideo
from ros2_occpose.recording.scene import SceneLog
from ros2_occpose.recording.source import SourceOptions, open_source
from ros2_occpose.recording.summary import Tally, table, write_summary

SHOWN_S = 0.3               # an answer stays on the picture for so long, as on a screen
LEAST_PEOPLE = 0.5          # people a frame, on average, for the demo to count as a success


@dataclass
class Recording:
    """The messages of one demo."""

    humans: list[Humans] = field(default_factory=list)
    images_ns: list[int] = field(default_factory=list)          # stamps of what was played
    stages: list[dict[str, float]] = field(default_factory=list)
    backend: str = ''


def read(path: Path) -> Recording:
    """The messages in poses.mcap."""
    found = Recording()
    with AnyReader([path]) as reader:
        for connection, _, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            match connection.msgtype.rpartition('/')[2]:
                case 'HumanArray':
                    found.humans.append(humans_from(message))
                case 'CameraInfo':
                    stamp = message.header.stamp
                    found.images_ns.append(stamp.sec * 1_000_000_000 + stamp.nanosec)
                case 'PipelineStats':
                    found.stages.append(dict(zip(message.stages, message.stage_ms, strict=True)))
                    found.backend = message.backend
    return found


def draw(found: Recording, video: Path, options: SourceOptions, folder: Path) -> None:
    """Draw overlay.mp4 and scene.png: each frame of the video with the newest answer by then."""
    source = open_source(video, options)
    stamps = [humans.stamp_ns for humans in found.humans]
    start_ns, scene, pose, poses = None, SceneLog(), None, []
    nobody = found.humans[0].select(np.zeros(0, int))
    with OverlayVideo(folder / 'overlay.mp4', source.fps) as out:
        for frame in tqdm(source, total=source.length, unit='frame', disable=None,
                          desc='overlay.mp4'):
            pose = frame.world_from_camera
            if start_ns is None:            # of the clock of the answers
                start_ns = found.images_ns[0] - frame.stamp_ns
            poses.append((start_ns + frame.stamp_ns, pose))
            now_ns = start_ns + frame.stamp_ns + round(0.5e9 / source.fps)
            newest = bisect_right(stamps, now_ns) - 1
            fresh = newest >= 0 and now_ns - stamps[newest] < SHOWN_S * 1e9
            humans = found.humans[newest] if fresh else nobody
            out.write(draw_large(frame.image, humans, frame.camera, pose))
    for humans in found.humans:
        at = max(bisect_right(poses, humans.stamp_ns, key=lambda one: one[0]) - 1, 0)
        scene.add(humans, frame.camera, poses[at][1])
    scene.save(folder / 'scene.png')


def summarise(found: Recording, args: argparse.Namespace) -> dict:
    """What summary.json says."""
    tally = Tally(frames_in=len(found.images_ns))
    for humans in found.humans:
        tally.add(humans, humans.latency_s * 1e3)
    for stages in found.stages:
        for stage, spent_ms in stages.items():
            tally.stage_ms.setdefault(stage, []).append(spent_ms)
    numbers = tally.summary()
    seconds = max(numbers['seconds'], 1e-3)
    return {
        'video': args.video.name, **numbers,
        'rate_hz': round((len(found.humans) - 1) / seconds, 2),
        'latency_from': 'image stamp to publishing the people',
        'node_peak_memory_mb': args.node_peak_mb, 'backends': found.backend,
        'frame': found.humans[-1].frame_id, 'camera': args.camera_note,
        'machine': machine(), 'versions': versions()}


def main() -> int:
    """Read, draw, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('video', type=Path)
    parser.add_argument('folder', type=Path)
    parser.add_argument('--seconds', type=float)
    parser.add_argument('--hfov', type=float)
    parser.add_argument('--pose-topic', help='of a bag: where the camera was')
    parser.add_argument('--camera-height', type=float)
    parser.add_argument('--camera-pitch', type=float, default=0.0)
    parser.add_argument('--camera-note', default='')
    parser.add_argument('--node-peak-mb', type=float)
    args = parser.parse_args()
    options = SourceOptions(hfov_deg=args.hfov, camera_height_m=args.camera_height,
                            camera_pitch_deg=args.camera_pitch, seconds=args.seconds,
                            pose_topic=args.pose_topic)
    try:
        found = read(args.folder / 'poses.mcap')
        if args.pose_topic is not None:         # of a replay, which answers every image
            found.images_ns = [humans.stamp_ns for humans in found.humans]
        if not found.humans or not found.images_ns:
            print(f'error: {len(found.images_ns)} images were played, {len(found.humans)} '
                  'answered; see the log of the node.', file=sys.stderr)
            return 1
        draw(found, args.video, options, args.folder)
    except OccposeError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    summary = summarise(found, args)
    write_summary(args.folder / 'summary.json', summary)
    print(table(summary))
    if summary['people_per_frame']['mean'] < LEAST_PEOPLE:
        print('error: nobody was seen in most frames.', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
