"""The smpl24 tree of a body in torch: shape and turns to joints, without the skin; batched."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..skeleton import H36M17, SMPL24
from .kinematics import BODY, h36m_of, marks
from .model import BodyModel

JOINTS = len(SMPL24.joints)
_HIP = H36M17.index('hip')


class Tree(nn.Module):
    """Rest joints that are linear in the shape, and forward kinematics level by level.

    Its buffers travel with the weights of a network that ends in it: who runs the network needs
    no body.
    """

    rest: Tensor
    shapes: Tensor
    marks: Tensor
    h36m: Tensor

    def __init__(self, parameters: int) -> None:
        """A tree without a body; `of` gives it one.

        Args:
            parameters: How many shape parameters, S.
        """
        super().__init__()
        self.register_buffer('rest', torch.zeros(JOINTS, 3))               # [m] arms out
        self.register_buffer('shapes', torch.zeros(JOINTS, 3, parameters))
        self.register_buffer('marks', torch.as_tensor(marks()))            # (18, 24, 4)
        self.register_buffer('h36m', torch.as_tensor(
            h36m_of(np.eye(len(BODY), dtype=np.float32))))                 # (17, 18)

    @classmethod
    def of(cls, model: BodyModel) -> Tree:
        """The tree of a body."""
        tree = cls(model.shapes.shape[2])
        tree.rest.copy_(torch.as_tensor(model.regressor @ model.template))
        tree.shapes.copy_(torch.as_tensor(
            np.einsum('jv,vis->jis', model.regressor, model.shapes)))
        return tree

    def forward(self, betas: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (..., 24, 3) [m] around the pelvis, and turns (..., 24, 3, 3) of their axes.

        Args:
            betas: Shape parameters, (..., S).
            rotations: Of each joint in its parent's axes, (..., 24, 3, 3).
        """
        rest = self.rest_joints(betas)
        bones = rest - rest[..., [0, *SMPL24.parents[1:]], :]
        joints, turns = [torch.zeros_like(rest[..., :1, :])], [rotations[..., :1, :, :]]
        for children, parents in LEVELS:
            carriers = turns[-1][..., parents, :, :]
            away = (carriers @ bones[..., children, :, None])[..., 0]
            joints.append(joints[-1][..., parents, :] + away)
            turns.append(carriers @ rotations[..., children, :, :])
        return (torch.cat(joints, -2)[..., _BY_LEVEL, :],
                torch.cat(turns, -3)[..., _BY_LEVEL, :, :])

    def rest_joints(self, betas: Tensor) -> Tensor:
        """Joints (..., 24, 3) [m] of a shape (..., S), arms out."""
        moved = betas @ self.shapes.flatten(0, 1).T
        return self.rest + moved.reshape(*betas.shape[:-1], JOINTS, 3)

    def h36m17(self, joints: Tensor, turns: Tensor) -> Tensor:
        """Joints (..., 17, 3) [m] around the hip, as `kinematics.body_points` marks them."""
        carriers = torch.cat([turns, joints[..., None]], -1)               # (..., 24, 3, 4)
        points = torch.einsum('pjk,...jik->...pi', self.marks, carriers)
        out = self.h36m @ points
        return out - out[..., _HIP:_HIP + 1, :]


def _levels() -> tuple[tuple[list[int], list[int]], ...]:
    """Joints by their distance from the pelvis, and where their parents are in the level before.

    The first level are the children of the pelvis, which is alone before them.
    """
    out, before = [], [0]
    while children := [j for j, parent in enumerate(SMPL24.parents) if j and parent in before]:
        out.append((children, [before.index(SMPL24.parents[child]) for child in children]))
        before = children
    return tuple(out)


LEVELS = _levels()
_IN_ORDER = [0, *(child for children, _ in LEVELS for child in children)]
_BY_LEVEL = [_IN_ORDER.index(joint) for joint in range(JOINTS)]


def matrices_of(six: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of their first two columns (..., 6), made orthonormal.

    Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019.
    """
    first = functional.normalize(six[..., :3], dim=-1)
    second = six[..., 3:] - (first * six[..., 3:]).sum(-1, keepdim=True) * first
    second = functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second, dim=-1)], -1)
