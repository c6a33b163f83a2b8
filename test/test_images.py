"""Images of every encoding come out as the same BGR picture, and bad ones say what is wrong."""
import cv2
import numpy as np
import pytest
from pictures import DEEP, EXACT, GREY, IMAGE, LOSSY, H, W, deepened, rows

from ros2_occpose.errors import InputError
from ros2_occpose.images import decode_compressed, decode_image


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('encoding', EXACT)
def test_colours_keep_their_values(encoding: str, padding: int) -> None:
    step, data = rows(EXACT[encoding], padding)
    np.testing.assert_array_equal(decode_image(encoding, W, H, step, data), IMAGE)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', LOSSY)
def test_mosaics_and_chroma_come_out_in_the_right_colours(encoding: str, padding: int) -> None:
    step, data = rows(LOSSY[encoding], padding)
    decoded = decode_image(encoding, W, H, step, data).astype(int)
    inner = np.abs(decoded - IMAGE.astype(int))[2:-2, 2:-2]
    assert inner.max() <= 14, inner.max()          # swapped channels err by up to 200


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_has_three_equal_channels(encoding: str) -> None:
    step, data = rows(GREY, padding=3)
    decoded = decode_image(encoding, W, H, step, data)
    np.testing.assert_array_equal(decoded, np.repeat(GREY[..., None], 3, -1))


@pytest.mark.parametrize('bigendian', [False, True])
@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
def test_sixteen_bit_grey_keeps_the_upper_byte(encoding: str, bigendian: bool) -> None:
    step, data = rows(deepened(GREY, bigendian))
    decoded = decode_image(encoding, W, H, step, data, bigendian=bigendian)
    np.testing.assert_array_equal(decoded, np.repeat(GREY[..., None], 3, -1))


@pytest.mark.parametrize('bigendian', [False, True])
@pytest.mark.parametrize('encoding', DEEP)
def test_sixteen_bit_colours_are_those_of_eight_bits(encoding: str, bigendian: bool) -> None:
    step, data = rows(deepened(DEEP[encoding], bigendian), padding=4)
    decoded = decode_image(encoding, W, H, step, data, bigendian=bigendian).astype(int)
    assert np.abs(decoded - IMAGE)[2:-2, 2:-2].max() <= (14 if 'bayer' in encoding else 0)


def test_bgr_is_not_copied() -> None:
    data = np.ascontiguousarray(IMAGE)
    assert np.shares_memory(decode_image('bgr8', W, H, W * 3, data), data)


@pytest.mark.parametrize(('arguments', 'message'), [
    (('32FC1', W, H, W * 4, bytes(W * H * 4)), "Unknown image encoding '32FC1'; expected one of"),
    (('bgr8', 0, H, 0, b''), 'non-empty image, got 0x32'),
    (('bgr8', W, H, W, bytes(W * H * 3)), 'at least 144 bytes for 48 pixels of bgr8, got step 48'),
    (('bgr8', W, H, W * 3, bytes(100)), 'Expected 4608 bytes .* got 100; the image is cut short'),
    (('nv12', W, H, W, bytes(W * H)), 'Expected 2304 bytes .* got 1536; the image is cut short'),
    (('nv12', W, 5, W, bytes(W * 9)), 'Cannot convert a 48x.* image from nv12'),
    (('yuyv', 7, 4, 14, bytes(56)), 'Cannot convert a 7x4 image from yuyv'),
])
def test_bad_images_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_image(*arguments)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_compressed(suffix: str) -> None:
    data = cv2.imencode(suffix, IMAGE)[1].tobytes()
    error = np.abs(decode_compressed(data).astype(int) - IMAGE).mean()
    assert error < (0.1 if suffix == '.png' else 4)


def test_an_orientation_in_the_file_is_not_followed() -> None:
    """Otherwise the image would not fit its CameraInfo."""
    jpeg = cv2.imencode('.jpg', IMAGE)[1].tobytes()
    exif = (b'Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0'
            b'\0\0\0\0')                       # orientation 6: turn by 90 degrees
    tagged = jpeg[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + jpeg[2:]
    assert cv2.imdecode(np.frombuffer(tagged, np.uint8), cv2.IMREAD_COLOR).shape == (W, H, 3)
    np.testing.assert_array_equal(decode_compressed(tagged), decode_compressed(jpeg))


def test_deep_and_grey_files_become_eight_bit_colours() -> None:
    for image in (deepened(GREY, False).astype(np.uint16), GREY):
        decoded = decode_compressed(cv2.imencode('.png', image)[1].tobytes())
        np.testing.assert_allclose(decoded, np.repeat(GREY[..., None], 3, -1), atol=1)


@pytest.mark.parametrize('data', [b'', b'not an image'])
def test_bad_compressed_images_are_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=f'got {len(data)} bytes that cannot be decoded'):
        decode_compressed(data)
