"""Frames of a video file or of a folder of images."""
from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from ..errors import InputError
from ..types import CameraPoseSource, Frame, Image
from .source import CAMERA_FRAME, WORLD_FRAME, SourceOptions, camera_for, static_pose

DEFAULT_FPS = 30.0          # of image folders
MAX_FPS = 1000.0

logger = logging.getLogger(__name__)


class _Pictures:
    """What a video and an image folder have in common: stamps from the frame rate, one camera."""

    def __init__(self, name: str, first: Image, fps: float, options: SourceOptions,
                 notes: list[str]) -> None:
        height, width = first.shape[:2]
        self.notes, self.fps, self._name = notes, fps, name
        self.camera = camera_for(width, height, options, notes)
        self._pose = static_pose(options)
        self.camera_frame = CAMERA_FRAME
        self.frame_id = CAMERA_FRAME if self._pose is None else WORLD_FRAME

    def _frame(self, index: int, image: Image) -> Frame:
        if image.shape[:2] != (self.camera.height, self.camera.width):
            raise InputError(
                f'Expected images of {self.camera.width}x{self.camera.height} throughout '
                f'{self._name}, got {image.shape[1]}x{image.shape[0]} at number {index}.')
        source = CameraPoseSource.NONE if self._pose is None else CameraPoseSource.STATIC
        return Frame(stamp_ns=round(index / self.fps * 1e9), image=image, camera=self.camera,
                     world_from_camera=self._pose, camera_pose=source)


class VideoSource(_Pictures):
    """A video file that OpenCV can read.

    Raises:
        InputError: It has no readable frame or no frame rate.
    """

    def __init__(self, path: Path, options: SourceOptions) -> None:
        self._path = path
        capture = cv2.VideoCapture(str(path))
        try:
            good, first = capture.read()
            fps = options.fps or float(capture.get(cv2.CAP_PROP_FPS))
            count = int(max(capture.get(cv2.CAP_PROP_FRAME_COUNT), 0))
        finally:
            capture.release()
        if not good:
            raise InputError(f'Expected a video that OpenCV can read, got {path} without a single '
                             'readable frame; is it damaged, or of a format without a codec here?')
        if not 0 < fps <= MAX_FPS:
            raise InputError(f'Expected a frame rate in {path}, got {fps:g} Hz; give it with '
                             '--fps.')
        super().__init__(path.name, np.asarray(first, np.uint8), fps, options, notes=[])
        self._begin = round(options.start_s * fps)
        self._end = None if options.seconds is None else (
            self._begin + round(options.seconds * fps))
        self.length = max((count if self._end is None else min(count, self._end)) - self._begin, 0)

    def __iter__(self) -> Iterator[Frame]:
        """Read from the beginning; says so when the video ends early."""
        capture = cv2.VideoCapture(str(self._path))
        index = 0
        try:
            while index < self._begin and capture.grab():
                index += 1
            while self._end is None or index < self._end:
                good, image = capture.read()
                if not good:
                    break
                yield self._frame(index, np.asarray(image, np.uint8))
                index += 1
        finally:
            capture.release()
        if index < self._begin + self.length:
            logger.warning('%s ended after %d of %d frames: the rest cannot be read.',
                           self._path.name, index, self._begin + self.length)


class ImagesSource(_Pictures):
    """A folder of images in the order of their names; numbers in names count as numbers.

    Raises:
        InputError: The first image cannot be read.
    """

    def __init__(self, path: Path, files: Sequence[Path], options: SourceOptions) -> None:
        self._files = sorted(files, key=_natural)
        notes, fps = [], options.fps or DEFAULT_FPS
        if options.fps is None:
            notes.append(f'No frame rate given: assuming {DEFAULT_FPS:g} images a second. Speeds '
                         'scale with it: give --fps HZ.')
        super().__init__(path.name, _read(self._files[0]), fps, options, notes)
        end = None if options.seconds is None else round((options.start_s + options.seconds) * fps)
        self._begin = round(options.start_s * fps)
        self._files = self._files[self._begin:end]
        self.length = len(self._files)

    def __iter__(self) -> Iterator[Frame]:
        """Read from the beginning."""
        return (self._frame(i, _read(path)) for i, path in enumerate(self._files, self._begin))


def _read(path: Path) -> Image:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(f'Expected an image that OpenCV can read, got {path}; is it damaged?')
    return np.asarray(image, np.uint8)


def _natural(path: Path) -> list[tuple[int, str]]:
    """A key that sorts frame2 before frame10."""
    return [(int(part), '') if part.isdigit() else (-1, part)
            for part in re.split(r'(\d+)', path.name) if part]
