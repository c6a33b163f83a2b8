"""Bytes of image messages -> BGR, by the encoding names of sensor_msgs; without ROS."""
from __future__ import annotations

from array import array
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import InputError

Buffer: TypeAlias = 'bytes | bytearray | memoryview | array[int] | NDArray[Any]'

# sensor_msgs encoding -> (channels in memory, bytes a channel, conversion to BGR or None)
_ENCODINGS: dict[str, tuple[int, int, int | None]] = {
    'bgr8': (3, 1, None),
    'rgb8': (3, 1, cv2.COLOR_RGB2BGR),
    'bgra8': (4, 1, cv2.COLOR_BGRA2BGR),
    'rgba8': (4, 1, cv2.COLOR_RGBA2BGR),
    'mono8': (1, 1, cv2.COLOR_GRAY2BGR),
    '8UC1': (1, 1, cv2.COLOR_GRAY2BGR),
    '8UC3': (3, 1, None),
    '8UC4': (4, 1, cv2.COLOR_BGRA2BGR),
    'bgr16': (3, 2, None),
    'rgb16': (3, 2, cv2.COLOR_RGB2BGR),
    'bgra16': (4, 2, cv2.COLOR_BGRA2BGR),
    'rgba16': (4, 2, cv2.COLOR_RGBA2BGR),
    'mono16': (1, 2, cv2.COLOR_GRAY2BGR),
    '16UC1': (1, 2, cv2.COLOR_GRAY2BGR),
    '16UC3': (3, 2, None),
    '16UC4': (4, 2, cv2.COLOR_BGRA2BGR),
    'yuv422': (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    'uyvy': (2, 1, cv2.COLOR_YUV2BGR_UYVY),
    'yuv422_yuy2': (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    'yuyv': (2, 1, cv2.COLOR_YUV2BGR_YUY2),
    'nv12': (1, 1, cv2.COLOR_YUV2BGR_NV12),
    'nv21': (1, 1, cv2.COLOR_YUV2BGR_NV21),
    'bayer_rggb8': (1, 1, cv2.COLOR_BayerRGGB2BGR),
    'bayer_bggr8': (1, 1, cv2.COLOR_BayerBGGR2BGR),
    'bayer_gbrg8': (1, 1, cv2.COLOR_BayerGBRG2BGR),
    'bayer_grbg8': (1, 1, cv2.COLOR_BayerGRBG2BGR),
    'bayer_rggb16': (1, 2, cv2.COLOR_BayerRGGB2BGR),
    'bayer_bggr16': (1, 2, cv2.COLOR_BayerBGGR2BGR),
    'bayer_gbrg16': (1, 2, cv2.COLOR_BayerGBRG2BGR),
    'bayer_grbg16': (1, 2, cv2.COLOR_BayerGRBG2BGR),
}
_HALF_CHROMA = ('nv12', 'nv21')     # under the rows of luma half as many of chroma


def decode_image(encoding: str, width: int, height: int, step: int, data: Buffer, *,
                 bigendian: bool = False) -> NDArray[np.uint8]:
    """The pixels of a sensor_msgs/Image as BGR.

    Args:
        encoding: One of the names of sensor_msgs/image_encodings.hpp.
        width: Pixels in a row.
        height: Rows.
        step: Bytes from one row to the next; rows may be padded.
        data: At least `height * step` bytes, half as many more for nv12 and nv21.
        bigendian: Byte order, for encodings of two bytes a channel.

    Returns:
        (height, width, 3); a read-only view of `data` where nothing had to be converted.

    Raises:
        InputError: The encoding is unknown, the image is empty, or sizes do not fit each other.
    """
    if encoding not in _ENCODINGS:
        raise InputError(f'Unknown image encoding {encoding!r}; expected one of '
                         f'{", ".join(_ENCODINGS)}; convert the images at their source.')
    if width <= 0 or height <= 0:
        raise InputError(f'Expected a non-empty image, got {width}x{height}; '
                         'check the camera driver.')
    channels, size, conversion = _ENCODINGS[encoding]
    row = width * channels * size
    if step < row:
        raise InputError(f'Expected rows of at least {row} bytes for {width} pixels of '
                         f'{encoding}, got step {step}; check the camera driver.')
    lines = height * 3 // 2 if encoding in _HALF_CHROMA else height
    flat = np.frombuffer(data, np.uint8)
    if flat.size < lines * step - (step - row):         # the last row's padding may be missing
        raise InputError(f'Expected {lines * step} bytes for {width}x{height} {encoding} with '
                         f'step {step}, got {flat.size}; the image is cut short.')
    rows = np.lib.stride_tricks.as_strided(flat, (lines, row), (step, 1), writeable=False)
    if size == 2:
        rows = _high_bytes(rows, bigendian)
    pixels = rows.reshape(lines, width, channels) if channels > 1 else rows
    return pixels if conversion is None else _convert(pixels, conversion, encoding)


def packed_row(encoding: str, width: int) -> int:
    """Bytes of a row of `width` pixels without padding; 0 if the encoding is not known."""
    channels, size, _ = _ENCODINGS.get(encoding, (0, 0, None))
    return width * channels * size


def decode_compressed(data: Buffer) -> NDArray[np.uint8]:
    """The pixels of a sensor_msgs/CompressedImage (JPEG, PNG, ...) as BGR, (H, W, 3).

    They lie as they are stored: CameraInfo knows nothing of an orientation written in the file.

    Raises:
        InputError: The data is empty or not an image that OpenCV can read.
    """
    flat = np.frombuffer(data, np.uint8)
    as_stored = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(flat, as_stored) if flat.size else None
    if image is None:
        raise InputError(f'Expected a JPEG or PNG image, got {flat.size} bytes that cannot be '
                         'decoded; check the compressed image topic.')
    return np.asarray(image, np.uint8)


def _high_bytes(rows: NDArray[np.uint8], bigendian: bool) -> NDArray[np.uint8]:
    """The upper 8 bits of 16-bit channels, (H, 2W) -> (H, W)."""
    return np.ascontiguousarray(rows[:, 0 if bigendian else 1::2])


def _convert(pixels: NDArray[np.uint8], conversion: int, encoding: str) -> NDArray[np.uint8]:
    try:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), np.uint8)
    except cv2.error as error:
        height, width = pixels.shape[:2]
        raise InputError(f'Cannot convert a {width}x{height} image from {encoding}: its size '
                         'does not fit the encoding (2x2 or 2x1 blocks); check the camera driver.'
                         ) from error
