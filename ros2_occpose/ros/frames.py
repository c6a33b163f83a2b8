"""Messages -> Frame: pixels, camera, camera pose, people found by others."""
from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from sensor_msgs.msg import CameraInfo

from ..camera_info import camera_from_info, info_size
from ..config import NodeConfig
from ..errors import CameraError, InputError, OccposeError
from ..geometry import Camera
from ..types import CameraPoseSource, Detections, Frame, Image
from .conversions import detections_from
from .decoding import load_decoder
from .health import Faults
from .inputs import Question


class PeopleError(InputError):
    """What somebody else found in an image cannot be used."""


class CameraInfos(Protocol):
    """Knows the CameraInfo of each image size."""

    info_topic: str
    info_sizes: list[tuple[int, int]]
    newest_info: CameraInfo | None

    def info_for(self, size: tuple[int, int]) -> CameraInfo | None:
        """The latest for images of (width, height)."""


class FrameMaker:
    """Makes a Frame of what arrived; the same Camera object as long as the camera is the same."""

    def __init__(self, config: NodeConfig, infos: CameraInfos, source: CameraPoseSource,
                 faults: Faults, tell: Callable[[str], None]) -> None:
        self._config, self._infos, self._source = config, infos, source
        self._faults, self._tell = faults, tell
        self.decoder, self._decode = load_decoder()
        self._nothing = np.zeros((0, 0, 3), np.uint8)
        self._camera: Camera | None = None
        self._made_of: object = None             # what `_camera` was made of

    def __call__(self, question: Question) -> Frame:
        """The frame of one image.

        Raises:
            OccposeError: Image, camera or people cannot be used.
        """
        if question.image is None:
            camera = self._camera_of(question, None)
            image = self._black(camera.size)
        else:
            image = self._decode(question.image)
            camera = self._camera_of(question, (image.shape[1], image.shape[0]))
        return Frame(stamp_ns=question.stamp_ns, image=image, camera=camera,
                     world_from_camera=question.world_from_camera, camera_pose=self._source,
                     detections=self._people_of(question))

    def _black(self, size: tuple[int, int]) -> Image:
        """What stands in for an image that nobody sends, (H, W, 3)."""
        if self._nothing.shape[1::-1] != size:
            self._nothing = np.zeros((size[1], size[0], 3), np.uint8)
        return self._nothing

    def _camera_of(self, question: Question, size: tuple[int, int] | None) -> Camera:
        info = question.info
        if size is None:
            info = info or self._infos.newest_info
        elif info is None or info_size(info) != size:
            info = self._infos.info_for(size)
        if info is None:
            return self._without_info(size)
        size = info_size(info)
        key = (size, info.distortion_model, tuple(info.d), tuple(info.k), tuple(info.p),
               info.roi.x_offset, info.roi.y_offset, info.binning_x, info.binning_y)
        if self._camera is None or key != self._made_of:
            try:
                self._camera = camera_from_info(info, rectified=self._config.rectified)
            except CameraError:
                if not self._config.fallback_hfov_deg:
                    raise
                self._camera = self._from_hfov(size, 'its CameraInfo cannot be used')
            self._made_of = key
        return self._camera

    def _without_info(self, size: tuple[int, int] | None) -> Camera:
        if size is None:
            raise CameraError(f'Expected a CameraInfo on {self._infos.info_topic} for the people '
                              'on people_2d, got none; publish it there, or remap camera_info.')
        width, height = size
        if not self._config.fallback_hfov_deg:
            sizes = ', '.join(f'{w}x{h}' for w, h in self._infos.info_sizes) or 'none'
            raise CameraError(
                f'Expected a CameraInfo for images of {width}x{height} on '
                f'{self._infos.info_topic}, got {sizes}; publish it there, remap camera_info, or '
                'set fallback_hfov_deg to the horizontal field of view in degrees.')
        if self._camera is None or self._made_of != size:
            self._camera = self._from_hfov(size, 'there is no CameraInfo')
            self._made_of = size
        return self._camera

    def _from_hfov(self, size: tuple[int, int], why: str) -> Camera:
        hfov_deg = self._config.fallback_hfov_deg
        self._tell(f'The camera is taken to see {hfov_deg:g} degrees from left to right '
                   f'(fallback_hfov_deg), because {why}; distances are as good as this number.')
        return Camera.from_hfov(*size, hfov_deg)

    def _people_of(self, question: Question) -> Detections | None:
        if question.people is None:
            return None
        try:
            detections, repaired = detections_from(question.people)
        except OccposeError as error:
            raise PeopleError(f'people_2d: {error}') from error
        if repaired:
            self._faults('people_2d', (
                f'Expected finite keypoints in people_2d, got {repaired} visible ones that are '
                'not finite; they count as not seen. Set visible to false for joints that your '
                'detector does not know.'))
        return detections
