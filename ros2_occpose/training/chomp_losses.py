"""What CHOMP is taught by: eq. 1 for the prior, eq. 2 to 5 for the lifting."""
from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..body.model import BodyModel
from ..body.tree_torch import Tree

VERTICES = 128             # of the skin that eq. 3 compares


class Skin(nn.Module):
    """Some vertices of a body, spread over its skin, moved as the whole skin would be."""

    template: Tensor
    shapes: Tensor
    weights: Tensor

    def __init__(self, model: BodyModel, count: int = VERTICES) -> None:
        super().__init__()
        rows = spread(model.template, count)
        for name in ('template', 'shapes', 'weights'):
            self.register_buffer(name, torch.as_tensor(getattr(model, name)[rows]))

    def forward(self, tree: Tree, betas: Tensor, joints: Tensor, turns: Tensor) -> Tensor:
        """Vertices (..., V, 3) [m] around the pelvis.

        Args:
            tree: Of the same body.
            betas: (..., S).
            joints: As `Tree` gives them, (..., 24, 3) [m].
            turns: The same, (..., 24, 3, 3).
        """
        shaped = self.template + (betas @ self.shapes.flatten(0, 1).T).reshape(
            *betas.shape[:-1], -1, 3)
        shifts = joints - (turns @ tree.rest_joints(betas)[..., None])[..., 0]
        moves = self.weights @ torch.cat([turns.flatten(-2), shifts], -1)      # (..., V, 12)
        turned = moves[..., :9].reshape(*moves.shape[:-1], 3, 3) @ shaped[..., None]
        return torch.as_tensor(turned[..., 0] + moves[..., 9:])


def spread(points: np.ndarray, count: int) -> np.ndarray:
    """Rows of `count` points (V, 3) that are far from each other: each next one the farthest."""
    rows = [int(points[:, 1].argmax())]
    away = np.full(len(points), np.inf)
    while len(rows) < count:
        away = np.minimum(away, np.linalg.norm(points - points[rows[-1]], axis=1))
        rows.append(int(away.argmax()))
    return np.sort(rows)


def masked_l1(predicted: Tensor, target: Tensor, masked: Tensor) -> Tensor:
    """Eq. 1: |I - I_gt| of the entries that were masked, their mean.

    Args:
        predicted: Motion maps (B, T, 17, 2).
        target: The same.
        masked: 1 where an entry was hidden that the detector had, (B, T, 17).
    """
    error = (predicted - target).abs().sum(-1) * masked
    return error.sum() / masked.sum().clamp(min=1)


def jitter(joints: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """How much joints move from frame to frame that should not [m], in the place of eq. 4.

    The paper punishes every change of the 3D motion map, true motion too. Here true motion is
    taken off before: jitter goes, and fast movements stay (docs/chomp.md).

    Args:
        joints: (B, T, J, 3) [m].
        target: The truth, of the same shape.
        counts: Frames that count, (B, T).
    """
    off = joints - target
    change = (off[:, 1:] - off[:, :-1]).norm(dim=-1).mean(-1)
    return mean_of(change, counts[:, 1:] * counts[:, :-1])


def misshapen(betas: Tensor, target: Tensor, counts: Tensor, plain: float) -> Tensor:
    """Eq. 5: shape parameters (B, T, S) off the truth (B, S), and off the mean shape.

    The paper gives both the same weight; with true shapes at hand the second is a regulariser.
    """
    off = ((betas - target[:, None]) ** 2).sum(-1) + plain * (betas ** 2).sum(-1)
    return mean_of(off, counts)


def mean_of(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of values (B, T) over the frames that count (B, T)."""
    return (values * counts).sum() / counts.sum().clamp(min=1)
