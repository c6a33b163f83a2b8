"""Images of every encoding come out as the same BGR picture, and bad ones say what is wrong."""
import cv2
import numpy as np
import pytest

from ros2_occpose.errors import InputError
from ros2_occpose.images import decode_compressed, decode_image
from ros2_occpose.types import Image

W, H = 48, 32


def colour_chart() -> Image:
    """A smooth picture with a red left, a blue right and a green lower half, (H, W, 3) BGR."""
    x, y = np.meshgrid(np.linspace(0, 1, W), np.linspace(0, 1, H))
    return (np.stack([x, y, 1 - x], -1) * 200 + 20).astype(np.uint8)


def bayer(image: Image, pattern: str) -> Image:
    """A mosaic of `image` whose 2x2 blocks are `pattern`, e.g. 'rggb'."""
    mosaic = np.zeros(image.shape[:2], np.uint8)
    for i, letter in enumerate(pattern):
        rows, columns = slice(i // 2, None, 2), slice(i % 2, None, 2)
        mosaic[rows, columns] = image[rows, columns, 'bgr'.index(letter)]
    return mosaic


def packed_yuv(image: Image, *, luma_first: bool) -> Image:
    """4:2:2 with BT.601 studio range, two bytes a pixel."""
    yuv = cv2.cvtColor(image, cv2.COLOR_BGR2YUV).astype(float)
    y = 16 + yuv[..., 0] * 219 / 255
    b, g, r = np.moveaxis(image.astype(float), -1, 0)
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    chroma = np.where(np.arange(W) % 2, v, u)
    pair = (y, chroma) if luma_first else (chroma, y)
    return np.stack(pair, -1).round().astype(np.uint8)


def half_chroma(image: Image, *, u_first: bool) -> Image:
    """4:2:0: rows of luma, below them half as many rows of pairs of chroma."""
    yuv = packed_yuv(image, luma_first=True)
    u, v = yuv[::2, ::2, 1], yuv[::2, 1::2, 1]
    pairs = np.stack((u, v) if u_first else (v, u), -1).reshape(H // 2, W)
    return np.concatenate([yuv[..., 0], pairs])


IMAGE = colour_chart()
GREY = cv2.cvtColor(IMAGE, cv2.COLOR_BGR2GRAY)
EXACT = {
    'bgr8': IMAGE, 'rgb8': IMAGE[..., ::-1], '8UC3': IMAGE,
    'bgra8': cv2.cvtColor(IMAGE, cv2.COLOR_BGR2BGRA),
    '8UC4': cv2.cvtColor(IMAGE, cv2.COLOR_BGR2BGRA),
    'rgba8': cv2.cvtColor(IMAGE, cv2.COLOR_BGR2RGBA)}
LOSSY = {
    **{f'bayer_{p}8': bayer(IMAGE, p) for p in ('rggb', 'bggr', 'gbrg', 'grbg')},
    'yuv422': packed_yuv(IMAGE, luma_first=False), 'uyvy': packed_yuv(IMAGE, luma_first=False),
    'yuv422_yuy2': packed_yuv(IMAGE, luma_first=True), 'yuyv': packed_yuv(IMAGE, luma_first=True),
    'nv12': half_chroma(IMAGE, u_first=True), 'nv21': half_chroma(IMAGE, u_first=False)}
DEEP = {'bgr16': EXACT['bgr8'], 'rgb16': EXACT['rgb8'], 'bgra16': EXACT['bgra8'],
        'rgba16': EXACT['rgba8'], '16UC3': EXACT['8UC3'], '16UC4': EXACT['8UC4'],
        **{f'{name}16': LOSSY[f'{name}8'] for name in (
            'bayer_rggb', 'bayer_bggr', 'bayer_gbrg', 'bayer_grbg')}}


def rows(array: np.ndarray, padding: int = 0) -> tuple[int, bytes]:
    """(step, bytes) of an image, each row padded by some bytes."""
    flat = np.ascontiguousarray(array).view(np.uint8).reshape(len(array), -1)
    flat = np.pad(flat, ((0, 0), (0, padding)), constant_values=255)
    return flat.shape[1], flat.tobytes()


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


def deepened(image: Image, bigendian: bool) -> np.ndarray:
    """The same in 16 bits, with noise in the lower byte."""
    low = np.random.default_rng(0).integers(0, 256, image.shape)
    return (image.astype(int) * 256 + low).astype('>u2' if bigendian else '<u2')


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
