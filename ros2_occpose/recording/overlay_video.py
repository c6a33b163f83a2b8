"""`overlay.mp4`: H.264 through ffmpeg where it is installed, else MPEG-4 through OpenCV."""
from __future__ import annotations

import logging
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from ..errors import InputError
from ..types import Image

logger = logging.getLogger(__name__)


class OverlayVideo:
    """Writes images of one size; the file is opened with the first of them.

    Raises:
        InputError: The file cannot be written.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps = path, fps
        self._ffmpeg: subprocess.Popen[bytes] | None = None
        self._writer: cv2.VideoWriter | None = None
        self._size: tuple[int, int] | None = None

    def write(self, image: Image) -> None:
        """One image; those of another size than the first are fitted to it."""
        if self._size is None:
            self._size = (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2)   # codecs want even
            self._start(*self._size)
        if (image.shape[1], image.shape[0]) != self._size:
            image = np.asarray(cv2.resize(image, self._size), np.uint8)
        if self._writer is not None:
            self._writer.write(image)
        elif self._ffmpeg is not None and self._ffmpeg.stdin is not None:
            try:
                self._ffmpeg.stdin.write(image.tobytes())
            except BrokenPipeError as error:
                raise InputError(f'ffmpeg stopped writing {self._path}; is the disk full?'
                                 ) from error

    def _start(self, width: int, height: int) -> None:
        program = shutil.which('ffmpeg')
        if program is not None and _has_h264(program):
            self._ffmpeg = subprocess.Popen(
                [program, '-loglevel', 'error', '-y', '-f', 'rawvideo', '-pix_fmt', 'bgr24',
                 '-s', f'{width}x{height}', '-r', f'{self._fps}', '-i', '-', '-an', '-c:v',
                 'libx264', '-preset', 'veryfast', '-crf', '23', '-pix_fmt', 'yuv420p',
                 '-movflags', '+faststart', str(self._path)],
                stdin=subprocess.PIPE, start_new_session=True)     # ctrl-c ends it through close()
            return
        self._writer = cv2.VideoWriter(
            str(self._path), cv2.VideoWriter.fourcc(*'mp4v'), self._fps, (width, height))
        if not self._writer.isOpened():
            raise InputError(f'Cannot write the video {self._path}; does its folder exist, and '
                             'can OpenCV encode here? --no-video does without it.')

    def close(self) -> None:
        """Complete the file; closing twice does nothing."""
        if self._writer is not None:
            self._writer.release()
        if self._ffmpeg is not None and self._ffmpeg.stdin is not None:
            self._ffmpeg.stdin.close()
            if self._ffmpeg.wait() != 0:
                logger.warning('ffmpeg could not complete %s.', self._path)
        self._writer = self._ffmpeg = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _has_h264(program: str) -> bool:
    listed = subprocess.run([program, '-hide_banner', '-encoders'], capture_output=True, text=True,
                            check=False)
    return 'libx264' in listed.stdout
