"""The standard parts of a ROS installation behind the same calls: here played by small doubles.

That the real ones are used where they import, the last test sees in the log of the node; that they
agree with the fallbacks is the matter of test_parts_agree.py.
"""
import importlib.util
import sys
from array import array
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from bench import Bench
from geometry_msgs.msg import Transform, TransformStamped
from sensor_msgs.msg import CompressedImage, Image

from ros2_occpose.config import NodeConfig
from ros2_occpose.errors import InputError
from ros2_occpose.geometry import se3
from ros2_occpose.ros import camera_pose
from ros2_occpose.ros.conversions import image_message, pose_message
from ros2_occpose.ros.decoding import load_decoder
from ros2_occpose.types import CameraPoseSource

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
WORLD_FROM_CAMERA = se3(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]), np.array([1.0, 2, 3]))


# --- tf2_ros ----------------------------------------------------------------------------------

class UnknownError(Exception):
    """tf2_ros.TransformException."""


class Buffer:
    """Knows one transform once it has been set; remembers what it was asked."""

    def __init__(self) -> None:
        self.known = False
        self.asked: list[tuple[str, str, int]] = []
        Buffer.last = self

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        self.known = True

    def lookup_transform(self, target: str, source: str, stamp: Any) -> TransformStamped:
        self.asked.append((target, source, stamp.nanoseconds))
        if not self.known:
            raise UnknownError('Lookup would require extrapolation into the future.')
        pose = pose_message(WORLD_FROM_CAMERA)
        transform = Transform(rotation=pose.orientation)
        for axis in 'xyz':
            setattr(transform.translation, axis, getattr(pose.position, axis))
        return TransformStamped(transform=transform)


@pytest.fixture
def tf(monkeypatch: pytest.MonkeyPatch) -> camera_pose.CameraPose:
    module = ModuleType('tf2_ros')
    module.Buffer, module.TransformException = Buffer, UnknownError
    module.TransformListener = lambda buffer, node: SimpleNamespace(unregister=lambda: None)
    monkeypatch.setitem(sys.modules, 'tf2_ros', module)
    config = NodeConfig(camera_pose='tf', world_frame='map', pose_timeout_s=0.3)
    return camera_pose.load_camera_pose(None, config)


def test_tf_is_asked_for_the_stamp_of_the_image_and_tells_of_news(
        tf: camera_pose.CameraPose) -> None:
    with pytest.raises(camera_pose.PoseNotYetError, match=(
            "from 'camera' to 'map' at the stamp of the image, got: Lookup would require")):
        tf.at(123456789, 'camera')
    told = []
    tf.listen(lambda: told.append(tf.at(123456789, 'camera')))
    Buffer.last.set_transform(TransformStamped(), 'somebody')
    np.testing.assert_allclose(told, [WORLD_FROM_CAMERA], atol=1e-12)
    assert tf.source == CameraPoseSource.TF
    assert Buffer.last.asked == [('map', 'camera', 123456789)] * 2


# --- cv_bridge --------------------------------------------------------------------------------

class BridgeError(TypeError):
    """cv_bridge.CvBridgeError."""


def bridge(monkeypatch: pytest.MonkeyPatch, convert: Any) -> None:
    module = ModuleType('cv_bridge')
    module.CvBridgeError = BridgeError
    module.CvBridge = lambda: SimpleNamespace(imgmsg_to_cv2=convert)
    monkeypatch.setitem(sys.modules, 'cv_bridge', module)


def rows(message: Image, encoding: str) -> np.ndarray:
    """What cv_bridge makes of bgr8."""
    if (message.encoding, encoding) != ('bgr8', 'bgr8'):
        raise BridgeError(message.encoding)
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)


def test_cv_bridge_is_used_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    bridge(monkeypatch, lambda m, e: asked.append(m) or rows(m, e))
    name, decode = load_decoder()
    assert name == 'cv_bridge'
    message = image_message(PIXELS, 1, 'camera')
    np.testing.assert_array_equal(decode(message), PIXELS)
    assert asked[-1] is message


def test_what_cv_bridge_cannot_decode_is_decoded_by_us(monkeypatch: pytest.MonkeyPatch) -> None:
    bridge(monkeypatch, rows)
    _, decode = load_decoder()
    message = image_message(PIXELS, 1, 'camera')
    message.encoding = 'rgb8'
    np.testing.assert_array_equal(decode(message), PIXELS[..., ::-1])
    with pytest.raises(InputError, match='non-empty image'):
        decode(Image(encoding='bgr8'))
    with pytest.raises(InputError, match='got 0 bytes that cannot be decoded'):
        decode(CompressedImage())


@pytest.mark.parametrize('error', [AttributeError, RuntimeError, SystemError, ValueError])
def test_whatever_cv_bridge_dies_of_the_image_is_decoded(monkeypatch: pytest.MonkeyPatch,
                                                         error: type[Exception]) -> None:
    """Under NumPy 2 it dies of 16 bits in the other byte order: ndarray has no newbyteorder."""
    def convert(message: Image, encoding: str) -> np.ndarray:
        if message.is_bigendian:
            raise error('newbyteorder')
        return rows(message, encoding)

    bridge(monkeypatch, convert)
    _, decode = load_decoder()
    message = image_message(PIXELS, 1, 'camera')
    message.is_bigendian = 1
    np.testing.assert_array_equal(decode(message), PIXELS)


def test_rows_with_padding_are_not_left_to_cv_bridge(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes them for packed, unless the padding is a whole number of pixels."""
    asked = []
    bridge(monkeypatch, lambda m, e: asked.append(m) or rows(m, e))
    _, decode = load_decoder()
    asked.clear()
    message = image_message(PIXELS, 1, 'camera')
    message.step += 2
    message.data = array('B', np.pad(PIXELS.reshape(4, -1), ((0, 0), (0, 2))).tobytes())
    np.testing.assert_array_equal(decode(message), PIXELS)
    assert not asked


@pytest.mark.parametrize('breaks', [
    lambda m, e: np.zeros((2, 2, 3), np.uint8),          # wrong pixels
    lambda m, e: (_ for _ in ()).throw(AttributeError('_ARRAY_API not found'))])   # NumPy 2
def test_a_broken_cv_bridge_is_noticed(monkeypatch: pytest.MonkeyPatch, breaks: Any) -> None:
    bridge(monkeypatch, breaks)
    name, decode = load_decoder()
    assert name.startswith('OpenCV (cv_bridge cannot be used: ')
    np.testing.assert_array_equal(decode(image_message(PIXELS, 1, 'camera')), PIXELS)


def test_the_node_uses_what_is_installed_and_says_so() -> None:
    """With a ROS installation the real parts, else the fallbacks."""
    with Bench(lambda config: SimpleNamespace(backends={}, reset=lambda: None)) as bench:
        said = bench.wait_for_log('Listening to ')
    filters = 'message_filters' if importlib.util.find_spec('message_filters') else 'built-in'
    assert f'pairing: {filters}' in said
    name, _ = load_decoder()
    assert f'images: {name}; ' in said
    if importlib.util.find_spec('cv_bridge') is None:
        assert name.startswith('OpenCV (')
