"""Errors of 3D poses, frame by frame: arrays in, arrays out, means are taken elsewhere.

Letters: T frames, J joints; "..." any leading axes. Positions are in metres, errors in the unit
that a function states. Nothing is left out: the hip counts as a joint, as it does in the papers,
also where the alignment makes its error 0.
"""
from __future__ import annotations

import numpy as np

from ..geometry import align_similarity
from ..skeleton import H36M17
from ..types import Bools, Floats

MM = 1e3
_ROOT = H36M17.index('hip')


def root_aligned_mm(predicted: Floats, target: Floats) -> Floats:
    """Distance of each joint once the hips lie on each other, (..., J) [mm].

    Its mean is MPJPE. Ionescu et al., "Human3.6M", PAMI 2014; Pavllo et al., "3D human pose
    estimation in video with temporal convolutions...", CVPR 2019 (protocol 1).

    Args:
        predicted: h36m17 joints in camera axes, (..., J, 3) [m].
        target: The truth, alike.
    """
    around = predicted - predicted[..., _ROOT, None, :]
    return _distance_mm(around, target - target[..., _ROOT, None, :])


def similarity_aligned_mm(predicted: Floats, target: Floats) -> Floats:
    """Distance of each joint after the best shift, turn and scale of each frame, (..., J) [mm].

    Its mean is PA-MPJPE, protocol 1 of the gated convolution paper (Gu et al. 2020). Mirroring is
    not allowed: a left arm never becomes a right one.
    """
    scale, turn, shift = align_similarity(predicted, target)
    aligned = scale[..., None, None] * predicted @ np.swapaxes(turn, -1, -2)
    return _distance_mm(aligned + shift[..., None, :], target)


def scale_aligned_mm(predicted_camera: Floats, target_camera: Floats, counts: Bools) -> Floats:
    """Distance of each joint in the camera frame after one scale a sequence, (..., T, J) [mm].

    Protocol 2 of the gated convolution paper (Gu et al. 2020): poses with their global trajectory
    in camera coordinates, aligned in scale only. One camera cannot tell a tall person far off from
    a small one near by; everything else counts. The scale is that of least squares over the frames
    that count.

    Args:
        predicted_camera: (..., T, J, 3) [m], absolute.
        target_camera: The truth, alike.
        counts: Frames to judge, (..., T).
    """
    weight = counts[..., None, None]
    product = (predicted_camera * target_camera * weight).sum((-3, -2, -1), keepdims=True)
    square = (predicted_camera ** 2 * weight).sum((-3, -2, -1), keepdims=True)
    return _distance_mm(product / np.maximum(square, 1e-12) * predicted_camera, target_camera)


def acceleration_mm(predicted: Floats, target: Floats) -> Floats:
    """Error of the acceleration of each joint around the hip, (..., T, J) [mm/frame^2].

    The second difference of the frame before, this one and the next, as Kanazawa et al. ("Learning
    3D human dynamics from video", CVPR 2019) compute it; at 30 Hz, 1 mm/frame^2 is 0.9 m/s^2. The
    first and the last frame have no such difference: NaN.

    Args:
        predicted: (..., T, J, 3) [m].
        target: The truth, alike.
    """
    off = predicted - target
    off = off - off[..., _ROOT, None, :]
    bend = np.linalg.norm(np.diff(off, n=2, axis=-3), axis=-1) * MM
    error = np.full(off.shape[:-1], np.nan)
    error[..., 1:-1, :] = bend
    return error


def root_m(predicted: Floats, target: Floats) -> Floats:
    """Distance of the root from where it truly is, (..., T) [m].

    No alignment: the metres that a robot would be wrong by. With the camera pose known it is the
    same in the world and in the camera.

    Args:
        predicted: Hip, (..., T, 3) [m].
        target: The truth, alike.
    """
    return np.asarray(np.linalg.norm(predicted - target, axis=-1))


def _distance_mm(predicted: Floats, target: Floats) -> Floats:
    return np.asarray(np.linalg.norm(predicted - target, axis=-1) * MM)
