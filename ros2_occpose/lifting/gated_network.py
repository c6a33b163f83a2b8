"""Temporal gated convolution, after Gu et al. 2020.

The gates are those of eq. 1: each layer's come from its own input, which starts with the joints
and how fresh the sight of each is. The two-stream gates that the paper prefers (eq. 2) did worse
here, docs/training.md has the figures. Other differences: the gates start open and carry no batch
norm, one gate serves a few channels, every frame of a sequence is answered in one pass, a straight
path carries the frame to the answer, and a second head says how sure it is.
"""
from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network_config import NetworkConfig
from .network_heads import Heads
from .normalise import FEATURES

OPEN = 3.0                      # initial bias of the gates: sigmoid(3) = 0.95


class GatedConvolution(nn.Module):
    """One layer of eq. 1: convolution, batch norm, ReLU, times the gates."""

    def __init__(self, inputs: int, config: NetworkConfig, *, kernel: int, dilation: int) -> None:
        super().__init__()
        span = (kernel - 1) * dilation
        self.padding = (span, 0) if config.causal else (span // 2, span // 2)
        gates = math.gcd(config.channels, config.gates)
        self.shared = config.channels // gates                # channels that share a gate
        self.feature = nn.Conv1d(inputs, config.channels, kernel, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(config.channels, momentum=0.05)
        self.gate = nn.Conv1d(inputs, gates, kernel, dilation=dilation)
        nn.init.constant_(self.gate.bias, OPEN)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, T) to (B, C, T); outside the sequence everything is 0."""
        x = functional.pad(x, self.padding)
        gates = torch.sigmoid(self.gate(x)).repeat_interleave(self.shared, dim=1)
        return functional.relu(self.norm(self.feature(x))) * gates


class GatedNetwork(nn.Module):
    """2D joints over time, some of them hidden, to 3D joints and their uncertainty."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        first, *rest = config.dilations
        self.first = GatedConvolution(FEATURES, config, kernel=config.kernel, dilation=first)
        self.wide = nn.ModuleList(GatedConvolution(c, config, kernel=config.kernel, dilation=d)
                                  for d in rest)
        self.deep = nn.ModuleList(GatedConvolution(c, config, kernel=1, dilation=1) for _ in rest)
        self.heads = Heads(c)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (B, T, 17, 3) [m] around the hip in view axes, log std (B, T, 17) [log m].

        Args:
            features: (B, T, FEATURES) of `normalise_sequences`.
        """
        features = features.transpose(1, 2)
        x = self.first(features)  # (B, C, T)
        for wide, deep in zip(self.wide, self.deep):
            x = x + deep(wide(x))
        return self.heads(x, features)
