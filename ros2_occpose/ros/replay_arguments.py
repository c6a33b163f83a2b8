"""What a replay can be told; needs Python alone, so that a bare clone can show it."""
from __future__ import annotations

import argparse
from pathlib import Path

NODE = 'occpose'

# name -> (default, meaning); empty: the node's own default, or what the recording says
ARGUMENTS = {
    'image_topic': ('', 'Image topic, for bags with several.'),
    'pose_topic': ('', 'Camera pose in the bag: a topic of PoseStamped or Odometry, or /tf; '
                   'without it, results are in the camera frame.'),
    'world_frame': ('', 'Frame of the results (default: that of the poses; odom for /tf).'),
    'camera_mount': ('', 'Pose x y z qx qy qz qw of the optical frame in the body of '
                     'pose_topic; without pose_topic, of a static camera in the world.'),
    'camera': ('', 'Calibration (camera_info YAML) instead of the CameraInfo in the bag.'),
    'hfov': ('', 'Horizontal field of view of a recording without calibration [deg].'),
    'rate': ('1.0', 'Playback speed relative to the recording, at most.'),
    'start': ('0.0', 'Skip so much at the beginning [s].'),
    'seconds': ('0.0', 'Play only so much [s]; 0: all.'),
    'loop': ('false', 'true: repeat forever; time jumps back, ids are not reused.'),
    'lossless': ('true', 'true: process every image, however long it takes; false: as on the '
                 'robot, the newest image wins.'),
    'output': ('', 'Folder for poses.mcap and poses.jsonl; empty: nothing is recorded.'),
    'params_file': ('', 'ROS parameter file of the node.'),
    'meshes': ('', 'true: body meshes in the markers.'),
    'device': ('', 'Where networks run: auto, cpu, cuda or tensorrt.'),
    'lifter': ('', 'Lifter, see: occpose models list.'),
    'namespace': (NODE, 'Namespace of the nodes and of their topics.'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
}


def parser() -> argparse.ArgumentParser:
    """The command line of `scripts/replay.sh`."""
    line = argparse.ArgumentParser(prog='replay.sh', description=(
        'Play a bag (or a video) through the live node, with the clock of the recording.'))
    line.add_argument('recording', type=Path, metavar='BAG')
    for name, (default, meaning) in ARGUMENTS.items():
        about = f'{meaning} (default: {default})' if default else meaning
        line.add_argument(f'--{name.replace("_", "-")}', default=default, help=about,
                          metavar=name.upper())
    return line


if __name__ == '__main__':
    parser().print_help()
