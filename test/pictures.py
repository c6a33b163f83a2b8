"""One picture in every encoding of sensor_msgs/Image."""
import cv2
import numpy as np

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


def deepened(image: Image, bigendian: bool) -> np.ndarray:
    """The same in 16 bits, with noise in the lower byte."""
    low = np.random.default_rng(0).integers(0, 256, image.shape)
    return (image.astype(int) * 256 + low).astype('>u2' if bigendian else '<u2')
