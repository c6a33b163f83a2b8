"""What the occlusion-aware networks are taught by: eq. 3 to 9 of Cheng et al., ICCV 2019.

Every loss is a sum over joints and coordinates, as in the paper, and a mean over the frames that
count. The paper gives its weights without the unit of its lengths; they are decimetres here, which
leaves the position of the joints the greatest part of the sum.
"""
from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from ..body.cylinder_torch import visibility
from ..skeleton import COCO17, H36M17

UNIT = 10.0                # of the losses in a metre
_JOINTS = len(H36M17.joints)
_SOFTNESS_M = 0.05         # of the sigmoid of eq. 7: the radius of a limb
# bones of one side and the same of the other: (B, 2) each
_LEFT = [(a, b) for a, b in H36M17.bones if H36M17.mirror[b] > b]
_RIGHT = [(H36M17.mirror[a], H36M17.mirror[b]) for a, b in _LEFT]
_LIMBS = tuple(name for name in COCO17.joints if name in H36M17.joints and name != 'nose')
_LIMBS_2D, _LIMBS_3D = list(COCO17.indices(*_LIMBS)), list(H36M17.indices(*_LIMBS))
_TORSO = list(H36M17.indices('left_shoulder', 'right_shoulder', 'left_hip', 'right_hip'))
_NOSE, _HEAD = H36M17.index('nose'), H36M17.index('head')


def mean_over(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of values (B, T) over the frames that count (B, T)."""
    return (values * counts).sum() / counts.sum().clamp(min=1)


def squared(predicted: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Squared distances (..., J, D), summed over joints and coordinates, weights (..., J) [dm^2].

    Eq. 4; with weights that say which keypoints are visible and in the plane, eq. 3 and 5.
    """
    distance = ((UNIT * (predicted - target)) ** 2).sum(-1)
    return (distance if weights is None else distance * weights).sum(-1)


def asymmetry(joints: Tensor) -> Tensor:
    """L_Sym: squared differences of the bones of both sides of bodies (..., 17, 3), summed."""
    lengths = [_lengths(joints, bones) for bones in (_LEFT, _RIGHT)]
    return ((UNIT * (lengths[0] - lengths[1])) ** 2).sum(-1)


def _lengths(joints: Tensor, bones: list[tuple[int, int]]) -> Tensor:
    first, last = ([bone[end] for bone in bones] for end in (0, 1))
    return torch.sqrt(((joints[..., first, :] - joints[..., last, :]) ** 2).sum(-1) + 1e-8)


class Discriminator(nn.Module):
    """Whether poses over time are real: three convolutions over time and a linear layer."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        widths = (3 * _JOINTS, channels, channels, channels)
        self.layers = nn.ModuleList(nn.Conv1d(inputs, outputs, 5, stride=2, padding=2)
                                    for inputs, outputs in pairwise(widths))
        self.score = nn.Linear(channels, 1)

    def forward(self, joints: Tensor) -> Tensor:
        """Logits (B, S) of q, one for every eight frames, of joints (B, T, 17, 3) [m]."""
        x = UNIT * joints.flatten(2).transpose(1, 2)
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), 0.2)
        return torch.squeeze(self.score(x.transpose(1, 2)), -1)


def fooling(discriminator: Discriminator, joints: Tensor) -> Tensor:
    """What generated poses lose while they are found out; teaches the poses only."""
    fixed = {name: weights.detach() for name, weights in discriminator.named_parameters()}
    return functional.softplus(-functional_call(discriminator, fixed, (joints,))).mean()


def telling_apart(discriminator: Discriminator, real: Tensor, generated: Tensor) -> Tensor:
    """L_dis: the cross-entropy of real poses (1) and generated ones (0)."""
    loss = functional.softplus(discriminator(generated.detach())).mean()
    if len(real):
        loss = loss + functional.softplus(-discriminator(real)).mean()
    return loss


def unexplained(joints: Tensor, distance: Tensor, reliable: Tensor) -> Tensor:
    """L_reg, eq. 8: how many unreliable keypoints the pose itself would leave visible, (...).

    Over the limbs; what hides a face is not known from 17 joints.

    Args:
        joints: h36m17 around the hip in view axes, (..., 17, 3) [m].
        distance: Of the middle of the body from the camera, (...) [m].
        reliable: Which coco17 joints were given, (..., 17), 1 or 0.
    """
    ahead = torch.zeros_like(joints[..., 0, :])
    ahead[..., 2] = distance
    place = joints + (ahead - joints[..., _TORSO, :].mean(-2))[..., None, :]
    visible = visibility(_as_coco(place), _SOFTNESS_M)
    return (visible * (1 - reliable))[..., _LIMBS_2D].sum(-1)


def _as_coco(joints: Tensor) -> Tensor:
    """h36m17 joints as coco17 and the top of the head, (..., 18, 3); the face lies at the nose."""
    source = [_NOSE] * (len(COCO17.joints) + 1)
    for flat, deep in zip(_LIMBS_2D, _LIMBS_3D):
        source[flat] = deep
    source[-1] = _HEAD
    return joints[..., source, :]
