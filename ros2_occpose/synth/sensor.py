"""From what falls on a sensor to what a driver publishes: blur, exposure, noise, JPEG.

Every step is an option; the frame's number and a seed fix the noise.
"""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator, default_rng

from ..errors import ConfigError, InputError
from ..types import Floats, Image
from .motion_blur import blurred
from .renderer import Rendered

GAMMA = 2.2                     # of the renderer's pictures
_WHITE_16 = 60000               # linear white in the 16 bits of the mosaic


@dataclass(frozen=True)
class SensorConfig:
    """A camera's sensor and how it is set; the defaults change nothing.

    Raises:
        ConfigError: A value that no camera can have.
    """

    shutter: float = 0.0                # motion blur: share of the time that the flow spans
    defocus_px: float = 0.0             # std of the blur of the lens
    exposure_ev: float = 0.0            # stops brighter
    white_balance: tuple[float, float] = (1.0, 1.0)     # gains of red and blue
    vignette: float = 0.0               # light that corners lack, 0..1
    full_well_e: float = 0.0            # electrons at white; 0: no noise
    read_noise_e: float = 0.0           # std of the electronics' noise [electrons]
    mosaic: bool = False                # colours are seen through a Bayer mosaic
    sharpen: float = 0.0                # strength of the driver's unsharp mask
    contrast: float = 1.0               # about mid grey, after the exposure
    jpeg_quality: int = 0               # 1..100; 0: no JPEG

    def __post_init__(self) -> None:
        if not (0 <= self.shutter <= 1 and 0 <= self.vignette <= 1 and self.full_well_e >= 0
                and self.read_noise_e >= 0 and self.defocus_px >= 0
                and 0 <= self.jpeg_quality <= 100 and min(self.white_balance) > 0):
            raise ConfigError(f'Expected shutter and vignette 0..1, JPEG quality 0..100 and '
                              f'nothing negative, got {self}.')


def draw_sensor(rng: Generator) -> SensorConfig:
    """An ordinary camera of a robot, indoors."""
    red, blue = np.exp(rng.normal(0, 0.06, 2)).tolist()
    return SensorConfig(
        shutter=float(rng.uniform(0.1, 0.6)), defocus_px=float(rng.uniform(0.3, 0.9)),
        exposure_ev=float(rng.normal(0, 0.35)), white_balance=(red, blue),
        vignette=float(rng.uniform(0, 0.35)), full_well_e=float(np.exp(rng.uniform(6, 8.5))),
        read_noise_e=float(rng.uniform(2, 8)), mosaic=True, sharpen=float(rng.uniform(0, 0.8)),
        contrast=float(rng.uniform(0.85, 1.15)), jpeg_quality=int(rng.integers(60, 96)))


class Sensor:
    """Takes rendered pictures as a camera would."""

    def __init__(self, config: SensorConfig, seed: int) -> None:
        self._config = config
        self._seed = seed

    def take(self, rendered: Rendered, index: int) -> Image:
        """The picture that is published of frame `index`.

        Raises:
            InputError: Motion blur is asked for, and the rendered picture has no flow.
        """
        config, rng = self._config, default_rng((self._seed, index))
        light: Floats = (rendered.image.astype(np.float32) / 255) ** GAMMA     # (H, W, 3) BGR
        if config.shutter > 0:
            if rendered.flow is None:
                raise InputError('Expected a picture with flow for motion blur; render it with '
                                 '`since`, or set the shutter to 0.')
            light = blurred(light, rendered.depth, config.shutter * rendered.flow)
        if config.defocus_px > 0:
            light = np.asarray(cv2.GaussianBlur(light, (0, 0), config.defocus_px), np.float32)
        light = light * self._gain(light.shape)
        light = self._noisy(light, rng)
        return self._developed(light)

    def _gain(self, shape: tuple[int, ...]) -> Floats:
        """What the light is multiplied by, (H, W, 3)."""
        config = self._config
        red, blue = config.white_balance
        y, x = np.mgrid[-1:1:shape[0] * 1j, -1:1:shape[1] * 1j]
        falling = 1 - config.vignette * (x * x + y * y) / 2
        gain = 2 ** config.exposure_ev * falling[..., None] * (blue, 1.0, red)
        return np.asarray(gain, np.float32)

    def _noisy(self, light: Floats, rng: Generator) -> Floats:
        config = self._config
        if not config.mosaic:
            return _with_noise(np.minimum(light, 1), config, rng)
        raw = np.empty(light.shape[:2], np.float32)
        for row, column, channel in ((0, 0, 2), (0, 1, 1), (1, 0, 1), (1, 1, 0)):
            raw[row::2, column::2] = light[row::2, column::2, channel]
        raw = _with_noise(np.minimum(raw, 1), config, rng)
        mosaic = np.clip(raw * _WHITE_16, 0, 65535).astype(np.uint16)
        # OpenCV names a mosaic by its second row and column: this one is RGGB.
        return cv2.cvtColor(mosaic, cv2.COLOR_BayerBG2BGR).astype(np.float32) / _WHITE_16

    def _developed(self, light: Floats) -> Image:
        config = self._config
        picture = np.clip(light, 0, 1) ** (1 / GAMMA)
        if config.contrast != 1:
            picture = 0.5 + config.contrast * (picture - 0.5)
        if config.sharpen > 0:
            soft = cv2.GaussianBlur(picture, (0, 0), 1.2)
            picture = picture + config.sharpen * (picture - soft)
        image = np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)
        if config.jpeg_quality == 0:
            return image
        _, packed = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality])
        return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)


def _with_noise(light: Floats, config: SensorConfig, rng: Generator) -> Floats:
    """Shot noise (its variance grows with the light) and read noise."""
    if config.full_well_e == 0:
        return light
    variance = light / config.full_well_e + (config.read_noise_e / config.full_well_e) ** 2
    noise = rng.standard_normal(light.shape, np.float32)
    return np.asarray(light + np.sqrt(variance, dtype=np.float32) * noise)
