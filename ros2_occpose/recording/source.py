"""Where frames come from: a video file, a folder of images, or a bag."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ..errors import CameraError, InputError
from ..geometry import Camera, Floats, se3
from ..types import Frame
from .camera_file import load_camera

DEFAULT_HFOV_DEG = 60.0
CAMERA_FRAME, WORLD_FRAME = 'camera', 'world'      # of recordings that name none
IMAGE_SUFFIXES = {'.png', '.jpg', '.jpeg', '.bmp', '.tif', '.tiff', '.webp', '.ppm', '.pgm'}
BAG_SUFFIXES = {'.mcap', '.db3'}


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What the user says about a recording; None: what the recording says, or the default."""

    camera_file: Path | None = None         # calibration
    hfov_deg: float | None = None           # instead of it
    camera_height_m: float | None = None    # of a camera that does not move, over the ground
    camera_pitch_deg: float = 0.0           # how far it looks down
    fps: float | None = None                # of images, or instead of the video's own
    start_s: float = 0.0                    # where to begin
    seconds: float | None = None            # only so much of it
    image_topic: str | None = None          # of a bag
    pose_topic: str | None = None           # of a bag: PoseStamped, Odometry, or /tf
    world_frame: str | None = None          # of the poses; None: theirs, for /tf the node's
    camera_mount: tuple[float, ...] | None = None      # x y z qx qy qz qw of the optical frame
    rectified: bool = False                 # the images of a bag have no distortion, P holds


class Source(Protocol):
    """Frames in the order of time, read one by one."""

    length: int                 # how many frames to expect, 0: unknown
    fps: float                  # of the recording, on average
    frame_id: str               # frame of the results
    camera_frame: str
    notes: list[str]            # what had to be assumed, for the user to know

    def __iter__(self) -> Iterator[Frame]:
        """Read from the beginning."""


def open_source(path: Path, options: SourceOptions) -> Source:
    """The frames in a video file, an image folder or a bag, by what is there.

    Raises:
        InputError: Nothing is there, or it is nothing of these.
        CameraError: The calibration cannot be used.
    """
    from .bag import BagSource
    from .video import ImagesSource, VideoSource

    if not path.exists():
        raise InputError(f'Expected a video, an image folder or a bag, got {path}, which does not '
                         'exist.')
    if is_bag(path):
        return BagSource(path, options)
    if not path.is_dir():
        return _noting(VideoSource(path, options), options)
    files = [p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES]
    if not files:
        raise InputError(
            f'Expected images ({", ".join(sorted(IMAGE_SUFFIXES))}) or a bag with metadata.yaml '
            f'in {path}, got neither.')
    return _noting(ImagesSource(path, files, options), options)


def _noting(source: Source, options: SourceOptions) -> Source:
    """The source of pictures, with a note about options that only bags understand."""
    given = {'--image-topic': options.image_topic, '--pose-topic': options.pose_topic,
             '--camera-mount': options.camera_mount,
             '--rectified': options.rectified or None}
    if ignored := [name for name, value in given.items() if value is not None]:
        source.notes.append(f'{", ".join(ignored)}: only for bags, ignored here; a camera that '
                            'stands still: --camera-height and --camera-pitch.')
    return source


def is_bag(path: Path) -> bool:
    """Whether it looks like a rosbag2, or like what a recorder that was killed leaves of it."""
    if not path.is_dir():
        return path.suffix in BAG_SUFFIXES
    return any(p.name == 'metadata.yaml' or p.suffix in BAG_SUFFIXES for p in path.iterdir())


def camera_for(width: int, height: int, options: SourceOptions, notes: list[str]) -> Camera:
    """The camera of images that bring none; says in `notes` what is assumed.

    Raises:
        CameraError: The calibration is unusable or belongs to another image size.
    """
    if options.camera_file is not None:
        camera = load_camera(options.camera_file)
        if camera.size != (width, height):
            raise CameraError(
                f'Expected a calibration for {width}x{height} images, got '
                f'{camera.width}x{camera.height} in {options.camera_file}; calibrate at the size '
                'of the recording.')
        return camera
    if options.hfov_deg is None:
        notes.append(
            f'No calibration given: assuming a horizontal field of view of {DEFAULT_HFOV_DEG:g} '
            'degrees and no lens distortion. Distances scale with it: give --camera FILE or '
            '--hfov DEGREES.')
    return Camera.from_hfov(width, height, options.hfov_deg or DEFAULT_HFOV_DEG)


def static_pose(options: SourceOptions) -> Floats | None:
    """world_from_camera (4, 4) of a camera that stands still, None if its height is not known.

    The camera stands over the origin, looks along x of the world, and down by its pitch.
    """
    if options.camera_height_m is None:
        return None
    return level_pose(options.camera_height_m, options.camera_pitch_deg)


def level_pose(height_m: float, pitch_deg: float) -> Floats:
    """world_from_camera (4, 4) at a height over the origin, looking along x and down [deg]."""
    down = np.radians(pitch_deg)
    right = np.array([0.0, -1.0, 0.0])
    forward = np.array([np.cos(down), 0.0, -np.sin(down)])
    axes = np.stack([right, np.cross(forward, right), forward], axis=1)
    return se3(axes, np.array([0.0, 0.0, height_m]))
