"""Bodies in the format of SMPL in torch: batched and differentiable."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from ..skeleton import SMPL24
from .kinematics import marks
from .model import BodyModel


class BodyNetwork(nn.Module):
    """Shape and turns to vertices, joints and BODY points; equals `BodyModel` to rounding."""

    template: Tensor
    shapes: Tensor
    corrections: Tensor
    regressor: Tensor
    weights: Tensor
    points: Tensor
    marks: Tensor

    def __init__(self, model: BodyModel) -> None:
        super().__init__()
        for name in ('template', 'shapes', 'corrections', 'regressor', 'weights', 'points'):
            values = torch.as_tensor(getattr(model, name), dtype=torch.float32)
            self.register_buffer(name, values, persistent=False)
        self.register_buffer('marks', torch.as_tensor(marks()), persistent=False)
        self.by_skin = bool(model.points.any())

    def forward(self, betas: Tensor, rotations: Tensor, root: Tensor
                ) -> tuple[Tensor, Tensor, Tensor]:
        """Vertices (B, V, 3), joints (B, 24, 3) and BODY points (B, 18, 3) [m].

        Args:
            betas: Shape parameters, (B, S).
            rotations: Of each joint in its parent's axes, (B, 24, 3, 3).
            root: Position of the pelvis, (B, 3) [m].
        """
        vertices = self.template + torch.einsum('vis,bs->bvi', self.shapes, betas)
        rest = self.regressor @ vertices                                   # (B, 24, 3)
        if self.corrections.shape[2]:
            change = rotations[:, 1:] - torch.eye(3, device=betas.device)
            vertices = vertices + torch.einsum('vip,bp->bvi', self.corrections, change.flatten(1))
        joints, turns = _forward(rotations, root, rest)
        shifts = joints - (turns @ rest[..., None])[..., 0]
        moves = torch.cat([turns.flatten(2), shifts], -1)                  # (B, 24, 12)
        moved = self.weights @ moves                                       # (B, V, 12)
        turned = moved[..., :9].reshape(*vertices.shape[:2], 3, 3) @ vertices[..., None]
        skin = turned[..., 0] + moved[..., 9:]                             # (B, V, 3)
        if self.by_skin:
            return skin, joints, self.points @ skin
        carriers = torch.cat([turns, joints[..., None]], -1)               # (B, 24, 3, 4)
        return skin, joints, torch.einsum('pjk,bjik->bpi', self.marks, carriers)


def _forward(rotations: Tensor, root: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
    """Joints (B, 24, 3) [m] and their turns (B, 24, 3, 3) in the world."""
    joints, turns = [root], [rotations[:, 0]]
    for joint, parent in enumerate(SMPL24.parents[1:], start=1):
        bone = (rest[:, joint] - rest[:, parent])[..., None]
        joints.append(joints[parent] + (turns[parent] @ bone)[..., 0])
        turns.append(turns[parent] @ rotations[:, joint])
    return torch.stack(joints, 1), torch.stack(turns, 1)


def body_network(model: BodyModel) -> BodyNetwork:
    """The network of a body, without gradients of its own."""
    return BodyNetwork(model).requires_grad_(False)
