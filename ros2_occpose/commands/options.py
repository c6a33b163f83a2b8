"""Options that several commands share, and what they mean."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config import PipelineConfig
    from ..recording.source import SourceOptions


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """How to read a video, an image folder or a bag."""
    group = parser.add_argument_group('camera and recording')
    group.add_argument('--camera', type=Path, metavar='FILE',
                       help='calibration, a ROS camera_info YAML file')
    group.add_argument('--hfov', type=float, metavar='DEG',
                       help='horizontal field of view of a camera without calibration '
                       '(default: 60, with a warning)')
    group.add_argument('--camera-height', type=float, metavar='M',
                       help='height above ground of a camera that does not move: results are in '
                       'a world frame with z up instead of the camera frame')
    group.add_argument('--camera-pitch', type=float, default=0.0, metavar='DEG',
                       help='its downward tilt (default: 0)')
    group.add_argument('--fps', type=float, metavar='HZ',
                       help='frame rate of an image folder, or to override that of a video')
    group.add_argument('--start', type=float, default=0.0, metavar='S',
                       help='skip so much at the beginning (default: 0)')
    group.add_argument('--seconds', type=float, metavar='S',
                       help='process only so much (default: all)')
    group.add_argument('--image-topic', metavar='TOPIC', help='image topic, for bags with several')
    group.add_argument('--pose-topic', metavar='TOPIC',
                       help='camera pose in a bag: a topic of PoseStamped or Odometry, or /tf')
    group.add_argument('--camera-mount', type=float, nargs=7,
                       metavar=('X', 'Y', 'Z', 'QX', 'QY', 'QZ', 'QW'),
                       help='pose of the optical frame in the body whose PoseStamped or Odometry '
                       'is used (default: it is the optical frame itself)')
    group.add_argument('--world-frame', metavar='FRAME',
                       help='frame of the results (default: that of the poses; odom for /tf)')
    group.add_argument('--rectified', action='store_true',
                       help='the images of a bag are rectified: use P of CameraInfo')


def source_options(args: argparse.Namespace) -> SourceOptions:
    """What the user said about the recording.

    Raises:
        ConfigError: A number is out of range.
    """
    from ..errors import ConfigError
    from ..recording.source import SourceOptions

    for name in ('fps', 'seconds', 'camera_height'):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise ConfigError(f'Expected a positive number for --{name.replace("_", "-")}, '
                              f'got {value:g}.')
    if not args.start >= 0:
        raise ConfigError(f'Expected 0 or more seconds for --start, got {args.start:g}.')
    return SourceOptions(
        start_s=args.start, world_frame=args.world_frame, rectified=args.rectified,
        camera_mount=None if args.camera_mount is None else tuple(args.camera_mount),
        camera_file=args.camera, hfov_deg=args.hfov, camera_height_m=args.camera_height,
        camera_pitch_deg=args.camera_pitch, fps=args.fps, seconds=args.seconds,
        image_topic=args.image_topic, pose_topic=args.pose_topic)


def add_pipeline_options(parser: argparse.ArgumentParser) -> None:
    """Which parts do the work, and where."""
    group = parser.add_argument_group('pipeline')
    group.add_argument('--detector', metavar='NAME', help='detector, see: occpose models list')
    group.add_argument('--lifter', metavar='NAME',
                       help='lifter, see: occpose models list')
    group.add_argument('--device', choices=('auto', 'cpu', 'cuda', 'tensorrt'),
                       help='where networks run (default: auto)')
    group.add_argument('--threads', type=int, metavar='N', help='CPU threads per network')
    group.add_argument('--config', type=Path, metavar='FILE',
                       help='parameter file of the node; node-only parameters are ignored')
    group.add_argument('--node', metavar='NAME',
                       help='node whose section of that file is used, e.g. /front/occpose '
                       '(default: /occpose/occpose, as launched)')


def pipeline_config(args: argparse.Namespace) -> PipelineConfig:
    """The defaults, the parameter file over them, the options over both.

    Raises:
        ConfigError: The file cannot be used, or a name or value in it is wrong.
    """
    from dataclasses import fields

    from ..config import NodeConfig, PipelineConfig, override
    from ..parameter_file import load_overrides

    config = PipelineConfig()
    if args.config is not None:
        ignored = {f.name for f in fields(NodeConfig)} | {'use_sim_time', 'qos_overrides'}
        values = {name: value for name, value in load_overrides(args.config, args.node).items()
                  if name.partition('.')[0] not in ignored}
        config = override(config, values)
    options = {'detection.detector': args.detector, 'lifting.lifter': args.lifter,
               'device': args.device, 'threads': args.threads}
    return override(config, {name: value for name, value in options.items() if value is not None})
