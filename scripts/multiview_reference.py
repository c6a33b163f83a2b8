#!/usr/bin/env python3
r"""Triangulated skeletons and a calibration as reference for `occpose evaluate bag`.

For recordings of several calibrated cameras, such as those of Pose2Sim: takes one camera and
writes what its video is compared with.

    scripts/multiview_reference.py --calibration Calib.toml --skeletons triangulated.npz \
        --video cam01.mp4 --camera cam_01 --output out/cam_01
    occpose evaluate bag cam01.mp4 --camera out/cam_01/camera.yaml \
        --reference out/cam_01/reference.npz --output out/cam_01/camera_frame
    occpose evaluate bag out/cam_01/recording.mcap --pose-topic /camera/pose \
        --reference truth --output out/cam_01/world_frame

The first comparison is in the frame of the camera, the second in that of the calibration, whose z
is up. Joints whose 2D detection in this very view is weak are called occluded: nobody labelled
what was hidden. Where the view has no detection at all, nothing says that a joint was hidden.
"""
from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ros2_occpose.errors import DataError
from ros2_occpose.geometry import Camera, Floats, invert, quat_wxyz_from_matrix, se3, transform
from ros2_occpose.recording.camera_file import save_camera
from ros2_occpose.recording.mcap import McapWriter
from ros2_occpose.recording.messages import Message, camera_info, header
from ros2_occpose.recording.typestore import full_name, make, serialise, typestore
from ros2_occpose.skeleton import COCO17
from ros2_occpose.types import Image, Ints, JointState, TrackState

WEAK = 0.4                  # score of a 2D detection below which a joint is called occluded
JPEG_QUALITY = 95
CAMERA_FRAME, WORLD_FRAME = 'camera', 'world'       # the first is what a video's results are in
TOPICS = {'/camera/image/compressed': 'sensor_msgs/CompressedImage',
          '/camera/camera_info': 'sensor_msgs/CameraInfo',
          '/camera/pose': 'geometry_msgs/PoseStamped', '/truth': 'ros2_occpose/HumanArray'}


@dataclass(frozen=True, kw_only=True)
class View:
    """One camera and what it was shown; T frames, P people, 17 joints (coco17)."""

    camera: Camera
    camera_from_world: Floats       # (4, 4)
    joints_world: Floats            # (T, P, 17, 3) [m]
    states: Ints                    # (T, P, 17) JointState
    stamps_ns: Ints                 # (T,)


def read_calibration(path: Path, name: str) -> tuple[Camera, Floats]:
    """The camera called `name` and camera_from_world (4, 4), of a Pose2Sim calibration.

    Raises:
        DataError: It is not there, or has no such camera.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise DataError(f'Cannot read the calibration {path}: {error}.') from error
    if name not in content:
        raise DataError(f'Expected the camera {name} in {path}, got {", ".join(content)}.')
    entry = content[name]
    width, height = (round(x) for x in entry['size'])
    rotation = cv2.Rodrigues(np.array(entry['rotation'], float))[0]
    model = 'equidistant' if entry.get('fisheye') else 'plumb_bob'
    k, d = np.array(entry['matrix'], float), np.array(entry['distortions'], float)
    camera_from_world = se3(rotation, np.array(entry['translation'], float))
    return Camera(width, height, k, model, d), camera_from_world


def view_of(calibration: Path, skeletons: Path, name: str, fps: float) -> View:
    """All about one camera.

    Args:
        calibration: See `read_calibration`.
        skeletons: `xyz_world_m` (T, P, 17, 3), `cams` (C,) and `kp2d` (T, C, P, 17, 3).
        name: Of the camera.
        fps: Frame rate.
    """
    camera, camera_from_world = read_calibration(calibration, name)
    with np.load(skeletons, allow_pickle=False) as arrays:
        joints = np.asarray(arrays['xyz_world_m'], float)
        scores = arrays['kp2d'][:, arrays['cams'].tolist().index(name), ..., 2]     # (T, P, 17)
    states = np.where(scores < WEAK, JointState.OCCLUDED, JointState.OBSERVED)      # NaN: observed
    inside = camera.contains(camera.project(transform(camera_from_world, joints)))
    states[~inside] = JointState.OUT_OF_VIEW
    return View(camera=camera, camera_from_world=camera_from_world, joints_world=joints,
                states=states, stamps_ns=np.round(np.arange(len(joints)) / fps * 1e9).astype(int))


def write_reference(view: View, folder: Path) -> None:
    """`camera.yaml`, and `reference.npz` in the frame of the camera."""
    save_camera(folder / 'camera.yaml', view.camera)
    np.savez(folder / 'reference.npz', stamps_ns=view.stamps_ns, skeleton=COCO17.name,
             joints=transform(view.camera_from_world, view.joints_world),
             joint_states=view.states, frame_id=CAMERA_FRAME)


def write_bag(view: View, video: Path, path: Path) -> None:
    """Images, calibration, pose of the camera and truth, in the frame of the calibration."""
    writer, channels = McapWriter(path), {}
    for topic, kind in TOPICS.items():
        definition, _ = typestore().generate_msgdef(full_name(kind), ros_version=2)
        channels[topic] = writer.add_channel(topic, full_name(kind), definition)
    with writer:
        for t, image in enumerate(images_of(video, len(view.stamps_ns))):
            stamp_ns = int(view.stamps_ns[t])
            data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
            messages = (
                make('sensor_msgs/CompressedImage', header=header(make, stamp_ns, CAMERA_FRAME),
                     format='jpeg', data=np.asarray(data, np.uint8)),
                camera_info(make, view.camera, stamp_ns, CAMERA_FRAME),
                pose_of(view, stamp_ns), truth_of(view, t))
            for channel, message in zip(channels.values(), messages):
                writer.write(channel, stamp_ns, serialise(message))


def images_of(video: Path, count: int) -> Iterator[Image]:
    """The first `count` images.

    Raises:
        DataError: There are fewer.
    """
    capture = cv2.VideoCapture(str(video))
    for t in range(count):
        good, image = capture.read()
        if not good:
            raise DataError(f'Expected {count} images in {video}, got {t}.')
        yield np.asarray(image, np.uint8)
    capture.release()


def pose_of(view: View, stamp_ns: int) -> Message:
    """PoseStamped of the optical frame."""
    world_from_camera = invert(view.camera_from_world)
    w, x, y, z = quat_wxyz_from_matrix(world_from_camera[:3, :3]).tolist()
    px, py, pz = world_from_camera[:3, 3].tolist()
    return make('geometry_msgs/PoseStamped', header=header(make, stamp_ns, WORLD_FRAME),
                pose=make('geometry_msgs/Pose',
                          position=make('geometry_msgs/Point', x=px, y=py, z=pz),
                          orientation=make('geometry_msgs/Quaternion', x=x, y=y, z=z, w=w)))


def truth_of(view: View, t: int) -> Message:
    """HumanArray of one frame; only ids, states and joints are filled in."""
    humans = []
    for person, (joints, states) in enumerate(zip(view.joints_world[t], view.states[t])):
        rows = zip(joints.tolist(), states.tolist())
        humans.append(make(
            'ros2_occpose/Human', id=person + 1, state=int(TrackState.TRACKED), confidence=1.0,
            joints=[make('ros2_occpose/Joint', state=state,
                         position=make('geometry_msgs/Point', x=x, y=y, z=z))
                    for (x, y, z), state in rows]))
    return make('ros2_occpose/HumanArray', humans=humans, skeleton=COCO17.name,
                header=header(make, int(view.stamps_ns[t]), WORLD_FRAME),
                camera_frame=CAMERA_FRAME)


def main() -> None:
    """Write all files."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--calibration', type=Path, required=True, help='Pose2Sim TOML')
    parser.add_argument('--skeletons', type=Path, required=True,
                        help='NPZ with xyz_world_m, cams, kp2d')
    parser.add_argument('--video', type=Path, required=True, help='of the camera')
    parser.add_argument('--camera', required=True, help='its name in the calibration')
    parser.add_argument('--fps', type=float, default=60.0, help='of the video (default: 60)')
    parser.add_argument('--output', type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    view = view_of(args.calibration, args.skeletons, args.camera, args.fps)
    write_reference(view, args.output)
    write_bag(view, args.video, args.output / 'recording.mcap')
    hidden = (view.states != JointState.OBSERVED).mean()
    print(f'{len(view.stamps_ns)} frames of {view.joints_world.shape[1]} people, '
          f'{100 * hidden:.1f} % of the joints called hidden: camera.yaml, reference.npz and '
          f'recording.mcap are in {args.output}.')


if __name__ == '__main__':
    main()
