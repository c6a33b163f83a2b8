"""Image messages -> pixels: cv_bridge where it is installed and works, else our own decoder."""
from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from sensor_msgs.msg import CompressedImage, Image

from ..images import packed_row
from ..types import Image as Pixels
from .conversions import image_message, pixels_of

Decode: TypeAlias = Callable[[Image | CompressedImage], Pixels]


def load_decoder() -> tuple[str, Decode]:
    """(name, function) that makes (H, W, 3) BGR of a message; raises `InputError` if it cannot."""
    try:
        from cv_bridge import CvBridge

        bridge = CvBridge()
        sample = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
        back = bridge.imgmsg_to_cv2(image_message(sample, 0, ''), 'bgr8')
        if not np.array_equal(back, sample):
            raise ImportError('cv_bridge does not give back what it was given')
    except (ImportError, AttributeError, TypeError, SystemError) as error:
        return f'OpenCV (cv_bridge cannot be used: {error})', pixels_of

    def decode(message: Image | CompressedImage) -> Pixels:
        if _suits_cv_bridge(message):
            try:
                return np.asarray(bridge.imgmsg_to_cv2(message, 'bgr8'), np.uint8)
            except Exception:      # of any kind; ours knows more, and says what is wrong
                pass
        return pixels_of(message)

    return 'cv_bridge', decode


def _suits_cv_bridge(message: Image | CompressedImage) -> bool:
    """Whether cv_bridge reads it right: rows with padding come out of it sheared."""
    return (isinstance(message, Image) and message.height > 0
            and message.step == packed_row(message.encoding, message.width))
