"""Temporal gated convolution in two streams, after Gu et al. 2020, eq. 2.

Differences from the paper: the mask stream carries features of its own from layer to layer (a
chain of sigmoids forgets which joints were hidden) and is narrower; the features also see which
joints are seen; the gates start open and carry no batch norm; every frame of a sequence is
answered in one pass, a straight path carries the frame to the answer, and a second head says how
sure it is.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network_config import NetworkConfig
from .network_heads import Heads
from .normalise import FEATURES, JOINTS

OPEN = 2.0                      # initial bias of the gates: sigmoid(2) = 0.88


class GatedConvolution(nn.Module):
    """One layer of eq. 2: features and mask are convolved apart, then multiplied."""

    def __init__(self, inputs: int, mask_inputs: int, config: NetworkConfig, *, kernel: int,
                 dilation: int) -> None:
        super().__init__()
        span = (kernel - 1) * dilation
        self.padding = (span, 0) if config.causal else (span // 2, span // 2)
        self.feature = nn.Conv1d(inputs, config.channels, kernel, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(config.channels, momentum=0.05)
        self.mask = nn.Conv1d(mask_inputs, config.masks, kernel, dilation=dilation)
        self.gate = nn.Conv1d(config.masks, config.channels, 1)
        nn.init.constant_(self.gate.bias, OPEN)  # type: ignore[arg-type]

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """X^l and M^l of X^(l-1) and M^(l-1), all (B, C, T); outside the sequence they are 0."""
        y = functional.relu(self.norm(self.feature(functional.pad(x, self.padding))))
        new = functional.relu(self.mask(functional.pad(mask, self.padding)))
        mask = new + mask if mask.shape[1] == new.shape[1] else new
        return y * torch.sigmoid(self.gate(mask)), mask


class GatedNetwork(nn.Module):
    """Seen and hidden 2D joints over time to 3D joints and their uncertainty."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        c, m = config.channels, config.masks
        first, *rest = config.dilations
        self.first = GatedConvolution(FEATURES, JOINTS, config, kernel=config.kernel,
                                      dilation=first)
        self.wide = nn.ModuleList(GatedConvolution(c, m, config, kernel=config.kernel, dilation=d)
                                  for d in rest)
        self.deep = nn.ModuleList(GatedConvolution(c, m, config, kernel=1, dilation=1)
                                  for _ in rest)
        self.heads = Heads(c)

    def forward(self, features: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Joints and log std of every frame.

        Args:
            features: (B, T, FEATURES) of `normalise_sequences`.
            seen: (B, T, 17) 1 where a coco17 joint was seen, else 0.

        Returns:
            Joints (B, T, 17, 3) [m] around the hip in view axes, log of std (B, T, 17) [log m].
        """
        features = features.transpose(1, 2)
        x, mask = self.first(features, seen.transpose(1, 2))  # (B, C, T), (B, M, T)
        for wide, deep in zip(self.wide, self.deep):
            y, mask = wide(x, mask)
            y, mask = deep(y, mask)
            x = x + y
        return self.heads(x, features)
