"""All files of a run: poses.jsonl, poses.mcap, overlay.mp4, scene.png."""
from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from ..body.meshes import Meshes
from ..errors import InputError
from ..types import Frame
from .humans import Humans
from .overlay import draw_large
from .overlay_video import OverlayVideo
from .poses_jsonl import PosesJsonl
from .poses_mcap import PosesMcap
from .scene import SceneLog


class Outputs:
    """Writes frame after frame; what was written stays readable however the run ends.

    Raises:
        InputError: The folder or a file cannot be made.
    """

    def __init__(self, folder: Path, *, video_fps: float | None) -> None:
        self._folder = _made(folder)
        self._scene = SceneLog()
        with ExitStack() as stack:
            self._jsonl = stack.enter_context(PosesJsonl(folder / 'poses.jsonl'))
            self._mcap = stack.enter_context(PosesMcap(folder / 'poses.mcap'))
            self._video = None
            if video_fps is not None:
                self._video = stack.enter_context(
                    OverlayVideo(folder / 'overlay.mp4', video_fps))
            self._open = stack.pop_all()

    def write(self, frame: Frame, humans: Humans, meshes: Meshes | None = None) -> None:
        """One frame and what the pipeline said about it, with bodies or without."""
        self._jsonl.write(humans, meshes)
        overlay = None
        if self._video is not None:
            large = draw_large(frame.image, humans, frame.camera, frame.world_from_camera, meshes)
            self._video.write(large)
            overlay = np.asarray(
                cv2.resize(large, frame.camera.size, interpolation=cv2.INTER_AREA), np.uint8)
        self._mcap.write(humans, frame.camera, frame.world_from_camera, overlay, meshes)
        self._scene.add(humans, frame.camera, frame.world_from_camera)

    def close(self) -> None:
        """Complete the files and draw the scene."""
        self._open.close()
        if self._scene.cameras:
            self._scene.save(self._folder / 'scene.png')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f'Cannot make the folder {folder}: {error.strerror}.') from error
    return folder
