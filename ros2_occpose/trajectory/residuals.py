"""What the trajectory must explain: where joints were seen, how people move, how far they can be.

All terms are quadratic around the current root positions. Letters: N people, T frames, J joints;
the unknowns are the roots (N, T, 3) in the frame in which people move ("world").
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..skeleton import COCO17, H36M17, conversion
from ..types import Floats, Poses

NEAR = 0.1                 # m; nothing seen is nearer to the camera
_BOUND = 2.0               # deviations up to which a joint is believed in full
_FOCAL_PX = 500.0          # focal length at which pixels are stated
USUAL_M = 4.0             # distance of a person of whom too little is seen to tell
_USUAL_LOG_STD = 0.8       # of the logarithm of that distance
_AROUND_STD = 0.5          # tangent of the angle between the root and the middle of what is seen

_ROOT, *_HIPS = H36M17.indices('hip', 'left_hip', 'right_hip')
# A joint that is the mean of seen ones says nothing new, but for the root: see `views_of`.
_MEANS = np.count_nonzero(conversion(COCO17, H36M17), axis=1) > 1
TELLING = np.flatnonzero(~_MEANS | (np.arange(len(_MEANS)) == _ROOT))


@dataclass(frozen=True)
class Views:
    """What was seen of N people in T frames, packed for speed."""

    packed: Floats       # (7, N, T, J) joint x y z [m], ray x/z y/z, weight, variance [m^2]

    @property
    def joints(self) -> Floats:
        """Joints relative to the root in camera axes, (3, N, T, J) [m]."""
        return self.packed[:3]

    @property
    def rays(self) -> Floats:
        """x/z, y/z, (2, N, T, J)."""
        return self.packed[3:5]

    @property
    def weight(self) -> Floats:
        """0 where a joint was not seen, (N, T, J)."""
        return self.packed[5]

    @property
    def variance(self) -> Floats:
        """Of each coordinate of the joint relative to the root, (N, T, J) [m^2]."""
        return self.packed[6]


def views_of(joints_root: Floats, rays: Floats, visibility: Floats, std: Floats,
             min_visibility: float) -> Views:
    """The views of one frame or clip, arrays (N, T, 17, ...) as in `Poses`.

    The ray of the root is the mean of the hips' and, unlike theirs, holds no error of the lifter:
    where it is known it stands for both.
    """
    seen = np.where(visibility >= min_visibility, visibility, 0.0)
    hip = seen[..., _ROOT]
    seen[..., _ROOT] = 2 * hip
    seen[..., _HIPS] *= (hip == 0)[..., None]
    known = np.concatenate([joints_root, rays, seen[..., None], np.square(std)[..., None]], -1)
    known[..., _ROOT, -1] = 0.0
    return Views(np.ascontiguousarray(np.moveaxis(known[..., TELLING, :], -1, 0)))


def views_of_poses(poses: Poses, min_visibility: float) -> Views:
    """The views of one frame, T = 1."""
    return views_of(poses.joints_root[:, None], poses.rays[:, None], poses.visibility[:, None],
                    poses.std[:, None], min_visibility)


def freshness(elapsed_s: Floats, memory_s: float) -> Floats:
    """Part of a look that is new, 0..1, when the last one was `elapsed_s` ago.

    Errors that persist as exp(-t / memory) carry tanh(t / 2 memory) of the information that
    independent ones would.
    """
    return np.tanh(elapsed_s / max(2 * memory_s, 1e-9))


@dataclass(frozen=True)
class Quadratic:
    """A cost around the current estimate: gradient . step + step . information . step / 2."""

    information: Floats     # (..., 3, 3)
    gradient: Floats        # (..., 3)
    nearest: Floats         # (...) depth of the nearest joint that was seen [m]; inf if none was
    fit: Floats             # (...) part of what was seen that is explained, 0..1; 1 if none was


def reprojection(roots_camera: Floats, views: Views, pixel_std: float) -> Quadratic:
    """How well roots (N, T, 3) in the camera explain rays: eq. 7 of the gated convolution paper.

    A residual is x/z, y/z of a joint minus its ray. Its variance is that of the keypoint plus that
    of the joint as seen from the camera. Beyond _BOUND deviations the pull of a joint fades, as
    that of Student's t distribution does: outliers are let go.
    """
    at = views.joints + roots_camera.transpose(2, 0, 1)[..., None]           # (3, N, T, J)
    per_z = 1.0 / np.maximum(at[2], NEAR)
    ray = at[:2] * per_z
    off = ray - views.rays
    aside = ray[0] * ray[0] + ray[1] * ray[1]
    variance = (views.variance * per_z * per_z * (1.0 + 0.5 * aside)
                + (pixel_std / _FOCAL_PX) ** 2)
    distance2 = (off[0] * off[0] + off[1] * off[1]) / variance
    tame = views.weight * (_BOUND ** 2 / np.maximum(distance2, _BOUND ** 2)) * (at[2] > NEAR)
    pull = tame * per_z / variance

    terms = np.empty((9, *pull.shape))
    np.multiply(pull, per_z, out=terms[0])
    np.multiply(terms[0], ray, out=terms[1:3])
    np.multiply(terms[0], aside, out=terms[3])
    np.multiply(pull, off, out=terms[4:6])
    np.multiply(pull, ray[0] * off[0] + ray[1] * off[1], out=terms[6])
    terms[7], terms[8] = tame, views.weight
    hold, hold_x, hold_y, hold_aside, pull_x, pull_y, pull_z, kept, seen = terms.sum(-1)

    information = np.zeros((*roots_camera.shape, 3))
    information[..., 0, 0] = information[..., 1, 1] = hold
    information[..., 0, 2] = information[..., 2, 0] = -hold_x
    information[..., 1, 2] = information[..., 2, 1] = -hold_y
    information[..., 2, 2] = hold_aside
    gradient = np.empty(roots_camera.shape)
    gradient[..., 0], gradient[..., 1], gradient[..., 2] = pull_x, pull_y, -pull_z
    nearest = np.where(views.weight > 0, at[2], np.inf).min(-1)
    return Quadratic(information, gradient, nearest,
                     np.where(seen > 0, kept / np.maximum(seen, 1e-9), 1.0))


def distance_prior(roots_camera: Floats, views: Views) -> Quadratic:
    """What is known before anything is measured, for views of T = 1 and roots (N, 1, 3).

    The root of a person lies at about 4 m, near the middle of what is seen of the person.
    """
    weight = np.where(views.weight.any(-1, keepdims=True), views.weight, 1.0)
    middle = (views.rays * weight).sum(-1) / weight.sum(-1)                  # (2, N, 1)
    x, y, z = np.moveaxis(roots_camera, -1, 0)
    per_z = 1.0 / np.maximum(z, NEAR)
    off_x, off_y = x * per_z - middle[0], y * per_z - middle[1]
    log_off = np.log(np.maximum(z, NEAR) / USUAL_M) / _USUAL_LOG_STD
    nothing = np.zeros_like(z)
    jacobian = np.stack([                                                    # (N, 1, 3, 3)
        np.stack([per_z, nothing, -x * per_z * per_z], -1) / _AROUND_STD,
        np.stack([nothing, per_z, -y * per_z * per_z], -1) / _AROUND_STD,
        np.stack([nothing, nothing, per_z / _USUAL_LOG_STD], -1)], -2)
    residual = np.stack([off_x / _AROUND_STD, off_y / _AROUND_STD, log_off], -1)
    return Quadratic(
        information=np.swapaxes(jacobian, -1, -2) @ jacobian,
        gradient=np.einsum('...ri,...r->...i', jacobian, residual), nearest=z, fit=np.ones_like(z))
