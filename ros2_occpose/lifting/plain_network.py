"""Dilated temporal convolution without gates, after Pavllo et al. 2019 (VideoPose3D), figure 2.

The baseline of the papers. It is not told which joints are seen; every frame of a sequence is
answered in one pass, and heads and straight path are those of all our lifters.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network_config import NetworkConfig
from .network_heads import Heads
from .normalise import FEATURES, FRESHNESS, JOINTS

RAYS = 2 * JOINTS


class Convolution(nn.Module):
    """Convolution over time, batch norm, ReLU."""

    def __init__(self, inputs: int, channels: int, kernel: int, dilation: int,
                 causal: bool) -> None:
        super().__init__()
        span = (kernel - 1) * dilation
        self.padding = (span, 0) if causal else (span // 2, span // 2)
        self.feature = nn.Conv1d(inputs, channels, kernel, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels, momentum=0.05)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, T) to (B, C, T); outside the sequence everything is 0."""
        return functional.relu(self.norm(self.feature(functional.pad(x, self.padding))))


class Trunk(nn.Module):
    """First layer and skip blocks of a dilated convolution and one of kernel 1 each."""

    def __init__(self, inputs: int, config: NetworkConfig) -> None:
        super().__init__()
        c, kernel, causal = config.channels, config.kernel, config.causal
        first, *rest = config.dilations
        self.first = Convolution(inputs, c, kernel, first, causal)
        self.wide = nn.ModuleList(Convolution(c, c, kernel, d, causal) for d in rest)
        self.deep = nn.ModuleList(Convolution(c, c, 1, 1, causal) for _ in rest)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T) to (B, C, T)."""
        x = self.first(x)
        for wide, deep in zip(self.wide, self.deep):
            x = x + deep(wide(x))
        return x


class PlainNetwork(nn.Module):
    """2D joints over time, gaps filled, to 3D joints and their uncertainty."""

    visible: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(FEATURES, config)
        self.heads = Heads(config.channels)
        visible = torch.ones(FEATURES, 1)
        visible[FRESHNESS] = 0
        self.register_buffer('visible', visible)           # all but which joints are seen

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (B, T, 17, 3) [m] around the hip in view axes, log std (B, T, 17) [log m].

        Args:
            features: (B, T, FEATURES) of `normalise_sequences`.
        """
        features = features.transpose(1, 2) * self.visible
        return self.heads(self.trunk(features), features)


class TrajectoryNetwork(nn.Module):
    """2D joints over time to the root in the camera: section 3.3 of VideoPose3D."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(RAYS, config)
        self.root = nn.Conv1d(config.channels, 3, 1)

    def forward(self, rays: Tensor) -> Tensor:
        """Root (B, T, 3) [m] in camera axes of coco17 rays (B, T, 34), gaps filled."""
        x = self.trunk(rays.transpose(1, 2))
        with torch.autocast(x.device.type, enabled=False):
            return self.root(x.float()).transpose(1, 2)
