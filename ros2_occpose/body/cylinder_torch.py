"""Cylinder Man in torch: the visibility of eq. 7 with a gradient, for the pose regularisation.

The same sums as `cylinder_man.visibility`, on tensors; that page says what they mean. The sigmoid
stands for the brackets of eq. 7, so a joint learns how far behind a part it is; whether the way to
it crosses the part at all is yes or no, in the paper as here, and has no gradient.
"""
from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ShapeError
from ..skeleton import COCO17
from .cylinder_man import (
    HEAD_RADIUS_M,
    JOINTS,
    LIMB_RADIUS_M,
    OWN_MARGINS,
    PART_ENDS,
    PARTS,
    TOP_FROM_EARS,
)

_SHOULDERS = COCO17.indices('left_shoulder', 'right_shoulder')


def visibility(points_camera: Tensor, softness_m: float) -> Tensor:
    """How visible the joints of a person are behind the own body, (..., 17): 1 visible, 0 hidden.

    Args:
        points_camera: coco17 joints, with the top of the head as 18th where it is known, in
            camera coordinates, (..., 17 or 18, 3) [m].
        softness_m: Width of the sigmoid, more than 0.

    Raises:
        ShapeError: Not 17 or 18 points of 3 coordinates.
    """
    if points_camera.ndim < 2 or points_camera.shape[-2:] not in ((JOINTS, 3), (JOINTS + 1, 3)):
        raise ShapeError(f'Expected {JOINTS} or {JOINTS + 1} points in 3D, (..., {JOINTS}, 3), '
                         f'got {tuple(points_camera.shape)}; convert to coco17 first.')
    start, axis, radius = _cylinders(points_camera)        # (..., 10, 3) twice, (..., 10)
    margins = torch.as_tensor(OWN_MARGINS, dtype=points_camera.dtype, device=points_camera.device)
    points = points_camera[..., None, :JOINTS, :]                              # (..., 1, 17, 3)
    start, axis = start[..., None, :], axis[..., None, :]                      # (..., 10, 1, 3)
    aa, ac, cc = _dot(axis, axis), _dot(axis, start), _dot(start, start)       # (..., 10, 1)
    pp, ap, pc = _dot(points, points), _dot(points, axis), _dot(points, start)
    across = (aa * pp - ap * ap).clamp(min=1e-9)                               # (..., 10, 17)
    s = (ap * pc - pp * ac) / across
    t = (aa * pc - ap * ac) / across
    apart = cc + s * ac - t * pc
    crosses = (apart < radius[..., None] ** 2) & (s >= 0) & (s <= 1) & (t > 0)
    crosses = crosses & torch.isfinite(margins)
    behind = (1 - t) * torch.sqrt(across / aa.clamp(min=1e-9)) - margins.nan_to_num(posinf=0.0)
    seen = torch.where(crosses, torch.sigmoid(-behind / softness_m), torch.ones_like(behind))
    return seen.prod(-2)


def _cylinders(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Start, axis and radius of the ten parts of bodies (..., J, 3) [m]."""
    neck = points[..., _SHOULDERS, :].mean(-2)
    ears = points[..., COCO17.indices('left_ear', 'right_ear'), :].mean(-2)
    has_top = points.shape[-2] > JOINTS
    top = points[..., JOINTS, :] if has_top else neck + TOP_FROM_EARS * (ears - neck)

    def middle(joints: tuple[str, ...]) -> Tensor:
        return top if joints == ('top',) else points[..., COCO17.indices(*joints), :].mean(-2)

    start = torch.stack([middle(first) for first, _ in PART_ENDS], -2)
    axis = torch.stack([middle(last) for _, last in PART_ENDS], -2) - start
    torso = torch.linalg.vector_norm(points[..., _SHOULDERS[0], :] - neck, dim=-1)
    limb = torch.full_like(torso, LIMB_RADIUS_M)
    radii = {'head': torch.full_like(torso, HEAD_RADIUS_M), 'torso': torso}
    return start, axis, torch.stack([radii.get(name, limb) for name in PARTS], -1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)
