"""What the lifters are taught by; every loss is averaged over the joints and frames that count."""
from __future__ import annotations

import torch
from torch import Tensor

from ..skeleton import H36M17

_ROOT = H36M17.index('hip')


def position_errors(predicted: Tensor, target: Tensor) -> Tensor:
    """Distance of each joint (..., J, 3) [m] to its truth, (..., J)."""
    return torch.sqrt(((predicted - target) ** 2).sum(-1) + 1e-8)


def lifting_loss(
    predicted: Tensor,
    log_std: Tensor,
    target: Tensor,
    counts: Tensor,
    *,
    velocity: float = 2.0,
    likelihood: float = 0.03,
) -> tuple[Tensor, dict[str, float]]:
    """Position error, velocity error and the negative log likelihood of an isotropic 3D Gaussian.

    The likelihood teaches the uncertainty only: the error enters it as a number.

    Args:
        predicted: Joints, (B, T, J, 3) [m].
        log_std: (B, T, J) [log m].
        target: (B, T, J, 3) [m].
        counts: Frames that count, (B, T).
    """
    others = [j for j in range(target.shape[2]) if j != _ROOT]
    error = position_errors(predicted, target)[..., others]
    weight = counts.to(error.dtype)[..., None]
    total = weight.sum().clamp(min=1) * len(others)
    position = (error * weight).sum() / total
    moved = position_errors(predicted[:, 1:] - predicted[:, :-1], target[:, 1:] - target[:, :-1])[
        ..., others
    ]
    speed = (moved * weight[:, 1:]).sum() / total
    log = log_std[..., others]
    surprise = 3 * log + 0.5 * error.detach() ** 2 * torch.exp(-2 * log)
    nll = (surprise * weight).sum() / total
    loss = position + velocity * speed + likelihood * nll
    return loss, {
        'mpjpe_mm': 1e3 * position.item(),
        'velocity_mm': 1e3 * speed.item(),
        'nll': nll.item(),
    }


def trajectory_loss(predicted: Tensor, target: Tensor,
                    counts: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Weighted distance of roots (B, T, 3) [m]: VideoPose3D, section 3.3, weight 1 / depth."""
    error = position_errors(predicted, target)
    total = counts.sum().clamp(min=1)
    weight = counts / target[..., 2].clamp(min=0.5)
    distance = (error * counts).sum() / total
    return (error * weight).sum() / total, {'root_mm': 1e3 * distance.item()}
