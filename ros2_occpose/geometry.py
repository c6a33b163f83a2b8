"""SE(3), lenses, rays and alignment. Quaternions are wxyz, lengths metres, angles radians."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import CameraError, InputError

Floats = NDArray[np.floating]

# distortion model of sensor_msgs/CameraInfo -> numbers of coefficients it may have
_LENSES = {'plumb_bob': (4, 5), 'rational_polynomial': (8, 12, 14), 'equidistant': (4,)}

RADIUS_68, RADIUS_95 = 1.88, 2.80      # hold 68 and 95 % of an isotropic 3D Gaussian [std]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with a lens, as sensor_msgs/CameraInfo describes it.

    Raises:
        CameraError: K is not usable or the distortion model is unknown.
    """

    width: int
    height: int
    k: Floats                                   # (3, 3)
    distortion_model: str = 'plumb_bob'
    d: Floats = field(default_factory=lambda: np.zeros(5))   # lens coefficients of the model
    widest: float = field(init=False, repr=False)            # |x/z, y/z| that the lens can image
    straight: bool = field(init=False, repr=False)           # the lens does not distort

    def __post_init__(self) -> None:
        k, d = np.asarray(self.k, float), np.asarray(self.d, float).ravel()
        if k.shape != (3, 3) or not np.isfinite(k).all() or k[0, 0] <= 0 or k[1, 1] <= 0:
            raise CameraError(
                f'Expected a camera matrix K with positive focal lengths, got {k.tolist()}; '
                'calibrate the camera, or give a horizontal field of view instead.')
        if self.width <= 0 or self.height <= 0:
            raise CameraError(f'Expected a positive image size, got {self.width}x{self.height}.')
        if self.distortion_model not in _LENSES:
            raise CameraError(
                f'Unknown distortion model {self.distortion_model!r}; expected one of '
                f'{", ".join(_LENSES)}; publish rectified images with an empty D otherwise.')
        # An equidistant lens bends also with zeros; no numbers at all mean a rectified image.
        straight = not d.any() and (d.size == 0 or self.distortion_model != 'equidistant')
        if d.size == 0:
            d = np.zeros(_LENSES[self.distortion_model][0])
        if d.size not in _LENSES[self.distortion_model] or not np.isfinite(d).all():
            wanted = ' or '.join(map(str, _LENSES[self.distortion_model]))
            raise CameraError(
                f'Expected {wanted} finite coefficients D for {self.distortion_model}, '
                f'got {d.tolist()}.')
        object.__setattr__(self, 'k', k)
        object.__setattr__(self, 'd', d)
        object.__setattr__(self, 'widest', np.inf if straight else _widest(
            self.distortion_model, d))
        object.__setattr__(self, 'straight', straight)

    @staticmethod
    def from_hfov(width: int, height: int, hfov_deg: float) -> Camera:
        """A lens without distortion that sees `hfov_deg` from left to right."""
        if not 1.0 <= hfov_deg < 179.0:
            raise CameraError(
                f'Expected a horizontal field of view of 1 to 179 degrees, got {hfov_deg}.')
        f = 0.5 * width / np.tan(np.radians(hfov_deg) / 2)
        return Camera(width, height, np.array([[f, 0, width / 2], [0, f, height / 2], [0, 0, 1]]))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) [px]."""
        return self.width, self.height

    @property
    def focal_px(self) -> float:
        """Mean focal length [px]."""
        return float(self.k[0, 0] + self.k[1, 1]) / 2

    def rays(self, points_px: Floats) -> Floats:
        """Undistorted x/z, y/z of pixels, (..., 2) -> (..., 2)."""
        flat = np.ascontiguousarray(points_px, float).reshape(-1, 1, 2)
        if not len(flat):
            return np.zeros(np.shape(points_px))
        if self.straight:
            (fx, _, cx), (_, fy, cy) = self.k[0], self.k[1]
            rays = (flat - (cx, cy)) / (fx, fy)
        elif self.distortion_model == 'equidistant':
            rays = cv2.fisheye.undistortPoints(flat, self.k, self.d)
        else:
            until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-9)
            rays = cv2.undistortPointsIter(
                flat, self.k, self.d, np.eye(3), np.eye(3), until)
        return rays.reshape(np.shape(points_px))

    def project(self, points_camera: Floats) -> Floats:
        """Pixels of points, (..., 3) -> (..., 2); NaN behind the camera.

        NaN also for points so far aside that the lens polynomial folds them back into the image.
        """
        flat = np.ascontiguousarray(points_camera, float).reshape(-1, 1, 3)
        if not len(flat):
            return np.zeros((*np.shape(points_camera)[:-1], 2))
        none = np.zeros(3)
        with np.errstate(divide='ignore', invalid='ignore'):
            rays = flat[..., :2] / flat[..., 2:]
        if self.straight:
            (fx, _, cx), (_, fy, cy) = self.k[0], self.k[1]
            pixels = rays * (fx, fy) + (cx, cy)
        elif self.distortion_model == 'equidistant':
            pixels, _ = cv2.fisheye.projectPoints(flat, none, none, self.k, self.d)
        else:
            pixels, _ = cv2.projectPoints(flat, none, none, self.k, self.d)
        imaged = flat[..., 2] > 0
        if np.isfinite(self.widest):
            imaged &= np.hypot(rays[..., 0], rays[..., 1]) < self.widest
        pixels = np.where(imaged[..., None], pixels, np.nan)
        return pixels.reshape(*np.shape(points_camera)[:-1], 2)

    def contains(self, points_px: Floats) -> NDArray[np.bool_]:
        """Which points lie inside the image, (..., 2) -> (...); False for NaN."""
        x, y = points_px[..., 0], points_px[..., 1]
        return (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)


def _widest(model: str, d: Floats) -> float:
    """Tangent of the angle from the optical axis up to which a lens images further out; or inf."""
    angle = np.radians(np.linspace(0, 89.5, 900))
    r = np.tan(angle)
    if model == 'equidistant':
        bent = angle * (1 + np.polyval([*d[::-1], 0], angle ** 2))
    else:
        k1, k2, _, _, k3, k4, k5, k6 = np.concatenate([d, np.zeros(8)])[:8]
        r2 = r * r
        bent = r * (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) / (1 + r2 * (k4 + r2 * (k5 + r2 * k6)))
    folded = np.flatnonzero(~(np.diff(bent) > 0))
    return float(r[folded[0]]) if len(folded) else np.inf


def se3(rotation: Floats, translation: Floats) -> Floats:
    """(4, 4) of a rotation (3, 3) and a translation (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation
    matrix[:3, 3] = translation
    return matrix


def invert(a_from_b: Floats) -> Floats:
    """b_from_a of rigid transforms (..., 4, 4)."""
    rotation_t = np.swapaxes(a_from_b[..., :3, :3], -1, -2)
    out = np.zeros_like(a_from_b)
    out[..., :3, :3] = rotation_t
    out[..., :3, 3] = -np.einsum('...ij,...j->...i', rotation_t, a_from_b[..., :3, 3])
    out[..., 3, 3] = 1
    return out


def transform(a_from_b: Floats, points_b: Floats) -> Floats:
    """Points (..., 3) of frame b in frame a, by one (4, 4)."""
    return points_b @ a_from_b[:3, :3].T + a_from_b[:3, 3]


def quat_wxyz_from_matrix(rotation: Floats) -> Floats:
    """Unit quaternions of rotations, (..., 3, 3) -> (..., 4), w >= 0.

    Markley, "Unit quaternion from rotation matrix", 2008: the column of largest norm, which is
    stable everywhere.
    """
    r = rotation
    rt = np.swapaxes(r, -1, -2)
    odd, even = r - rt, r + rt
    xx, yy, zz = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    columns = np.empty((*r.shape[:-2], 4, 4))                 # each a multiple of the quaternion
    columns[..., 0, 0] = 1 + xx + yy + zz
    columns[..., 1, 1] = 1 + xx - yy - zz
    columns[..., 2, 2] = 1 - xx + yy - zz
    columns[..., 3, 3] = 1 - xx - yy + zz
    columns[..., 0, 1] = columns[..., 1, 0] = odd[..., 2, 1]
    columns[..., 0, 2] = columns[..., 2, 0] = odd[..., 0, 2]
    columns[..., 0, 3] = columns[..., 3, 0] = odd[..., 1, 0]
    columns[..., 1, 2] = columns[..., 2, 1] = even[..., 0, 1]
    columns[..., 1, 3] = columns[..., 3, 1] = even[..., 0, 2]
    columns[..., 2, 3] = columns[..., 3, 2] = even[..., 1, 2]
    best = (columns * columns).sum(-1).argmax(-1)
    quat = np.take_along_axis(columns, best[..., None, None], -2)[..., 0, :]
    quat = quat / np.sqrt((quat * quat).sum(-1, keepdims=True))
    return quat * np.where(quat[..., :1] < 0, -1.0, 1.0)


def matrix_from_quat_wxyz(quat_wxyz: Floats) -> Floats:
    """Rotations of quaternions of any non-zero length, (..., 4) -> (..., 3, 3)."""
    w, x, y, z = np.moveaxis(quat_wxyz / np.linalg.norm(quat_wxyz, axis=-1, keepdims=True), -1, 0)
    return np.stack([
        np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], -1),
        np.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], -1),
        np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], -1)], -2)


def se3_from_numbers(numbers: Sequence[float]) -> Floats:
    """(4, 4) of x y z qx qy qz qw.

    Raises:
        InputError: A number is not finite or the quaternion is not of length one.
    """
    x, y, z, qx, qy, qz, qw = numbers
    length = float(np.linalg.norm((qx, qy, qz, qw)))
    if not np.isfinite(numbers).all() or abs(length - 1) > 0.01:
        raise InputError(
            f'Expected a pose with a unit quaternion, got position ({x}, {y}, {z}) and '
            f'quaternion xyzw ({qx}, {qy}, {qz}, {qw}); check who publishes or sets it.')
    return se3(matrix_from_quat_wxyz(np.array([qw, qx, qy, qz])), np.array([x, y, z]))


def interpolate(start: Floats, end: Floats, fraction: float) -> Floats:
    """The rigid transform (4, 4) a fraction of the way from one to another, at constant speed.

    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985: spherical interpolation.
    """
    first, last = quat_wxyz_from_matrix(start[:3, :3]), quat_wxyz_from_matrix(end[:3, :3])
    cosine = float(first @ last)
    if cosine < 0:
        last, cosine = -last, -cosine               # the shorter way round
    angle = np.arccos(min(cosine, 1.0))
    weights = np.array([1 - fraction, fraction])
    if angle > 1e-6:
        weights = np.sin(weights * angle) / np.sin(angle)
    rotation = matrix_from_quat_wxyz(weights[0] * first + weights[1] * last)
    return se3(rotation, (1 - fraction) * start[:3, 3] + fraction * end[:3, 3])


def camera_from_view(rays: Floats) -> Floats:
    """Rotations that turn a camera to look along given rays without rolling it.

    Args:
        rays: x/z, y/z of the view directions in the camera, (..., 2).

    Returns:
        camera_from_view, (..., 3, 3): column z is the ray, column x lies in the camera's xz plane.
    """
    z = np.concatenate([rays, np.ones((*rays.shape[:-1], 1))], -1)
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    x = np.stack([z[..., 2], np.zeros_like(z[..., 0]), -z[..., 0]], -1)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], -1)


def rotation_6d(matrix: Floats) -> Floats:
    """Rotations (..., 3, 3) as six numbers without jumps, (..., 6).

    The first column of the matrix, then the second one: x of the first, y of the first, ...
    Zhou et al., "On the continuity of rotation representations in neural networks", CVPR 2019.
    """
    return np.asarray(np.swapaxes(matrix[..., :2], -1, -2).reshape(*matrix.shape[:-2], 6))


def matrix_from_6d(six: Floats) -> Floats:
    """The rotation (..., 3, 3) that six numbers (..., 6) come nearest to, as in `rotation_6d`.

    Gram and Schmidt: the first column keeps its direction, the second one its side. Columns that
    have no direction, or both the same, leave rotations to choose from; one of these comes out.
    """
    first, second = six[..., :3], six[..., 3:]
    length = np.linalg.norm(first, axis=-1, keepdims=True)
    x = np.where(length > 1e-12, first / np.maximum(length, 1e-12), (1.0, 0.0, 0.0))
    y = second - (x * second).sum(-1, keepdims=True) * x
    length = np.linalg.norm(y, axis=-1, keepdims=True)
    lost = length <= 1e-9 * np.linalg.norm(second, axis=-1, keepdims=True)
    if lost.any():
        aside = np.eye(3)[np.abs(x).argmin(-1)]                # the axis farthest from x
        y = np.where(lost, aside - (x * aside).sum(-1, keepdims=True) * x, y)
        length = np.linalg.norm(y, axis=-1, keepdims=True)
    y = y / length
    return np.stack([x, y, np.cross(x, y)], -1)


def align_similarity(source: Floats, target: Floats) -> tuple[Floats, Floats, Floats]:
    """Scale, rotation and translation that bring `source` closest to `target`, both (..., J, 3).

    Returns scale (...), rotation (..., 3, 3), translation (..., 3) with
    target ~ scale * source @ rotation.T + translation.
    Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991, eq. 38-42.
    """
    mean_s, mean_t = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    s, t = source - mean_s, target - mean_t
    u, d, vt = np.linalg.svd(np.swapaxes(t, -1, -2) @ s)
    sign = np.ones_like(d)
    sign[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[..., None, :]) @ vt
    scale = (d * sign).sum(-1) / np.maximum((s * s).sum((-1, -2)), 1e-12)
    moved = scale[..., None] * np.einsum('...ij,...j->...i', rotation, mean_s[..., 0, :])
    return scale, rotation, mean_t[..., 0, :] - moved


def rotation_since_last(rotation: Floats) -> Floats:
    """Turn of a camera from the frame before, (..., T, 3, 3): now_from_last; none in the first.

    Args:
        rotation: world_from_camera of each frame, (..., T, 3, 3).
    """
    turn = np.broadcast_to(np.eye(3), rotation.shape).copy()
    turn[..., 1:, :, :] = (np.swapaxes(rotation[..., 1:, :, :], -1, -2)
                           @ rotation[..., :-1, :, :])
    return turn
