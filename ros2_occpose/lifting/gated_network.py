"""Temporal gated convolution in two streams, after Gu et al. 2020, eq. 2.

Differences from the paper: the features also see which joints are seen, the gates start open and
carry no batch norm, every frame of a sequence is answered in one pass, a straight path carries the
last frame to the answer (where a joint is seen, two of its three coordinates are all but given),
and a second head says how sure it is.
"""
from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..skeleton import COCO17, H36M17
from .normalise import FEATURES

_IN, _OUT = len(COCO17.joints), len(H36M17.joints)
OPEN = 3.0                      # initial bias of the gates: sigmoid(3) = 0.95
LEAST_LOG_STD = -5.3            # 5 mm


@dataclass(frozen=True)
class GatedConfig:
    """Shape of the network; travels with its weights."""

    causal: bool = True
    channels: int = 256
    kernel: int = 3
    dilations: tuple[int, ...] = (1, 3, 9, 27, 81)

    @property
    def receptive_field(self) -> int:
        """Frames that one answer depends on."""
        return 1 + (self.kernel - 1) * sum(self.dilations)

    def as_dict(self) -> dict[str, object]:
        """For checkpoints."""
        return asdict(self)


class GatedConvolution(nn.Module):
    """One layer of eq. 2: features and mask are convolved apart, then multiplied."""

    def __init__(
        self, features: int, masks: int, channels: int, kernel: int, dilation: int, causal: bool
    ) -> None:
        super().__init__()
        span = (kernel - 1) * dilation
        self.padding = (span, 0) if causal else (span // 2, span // 2)
        self.feature = nn.Conv1d(features, channels, kernel, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels, momentum=0.05)
        self.gate = nn.Conv1d(masks, channels, kernel, dilation=dilation)
        nn.init.constant_(self.gate.bias, OPEN)  # type: ignore[arg-type]

    def forward(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """X^l and M^l of X^(l-1) and M^(l-1), all (B, C, T); outside the sequence they are 0."""
        y = functional.relu(self.norm(self.feature(functional.pad(x, self.padding))))
        mask = torch.sigmoid(self.gate(functional.pad(mask, self.padding)))
        return y * mask, mask


class GatedNetwork(nn.Module):
    """Seen and hidden 2D joints over time to 3D joints and their uncertainty."""

    def __init__(self, config: GatedConfig | None = None) -> None:
        super().__init__()
        self.config = config or GatedConfig()
        c, kernel, causal = self.config.channels, self.config.kernel, self.config.causal
        first, *rest = self.config.dilations
        self.first = GatedConvolution(FEATURES, _IN, c, kernel, first, causal)
        self.wide = nn.ModuleList(GatedConvolution(c, c, c, kernel, d, causal) for d in rest)
        self.deep = nn.ModuleList(GatedConvolution(c, c, c, 1, 1, causal) for _ in rest)
        self.joints = nn.Conv1d(c, 3 * _OUT, 1)
        self.direct = nn.Conv1d(FEATURES, 3 * _OUT, 1, bias=False)
        self.log_std = nn.Conv1d(c, _OUT, 1)
        nn.init.normal_(self.joints.weight, std=1e-3)
        nn.init.normal_(self.direct.weight, std=1e-3)
        nn.init.normal_(self.log_std.weight, std=1e-3)
        nn.init.constant_(self.log_std.bias, -2.0)  # type: ignore[arg-type]

    def forward(self, features: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Joints and log std of every frame.

        Args:
            features: (B, T, FEATURES) of `normalise`.
            seen: (B, T, 17) 1 where a coco17 joint was seen, else 0.

        Returns:
            Joints (B, T, 17, 3) [m] around the hip in view axes, log of std (B, T, 17) [log m].
        """
        features, seen = features.transpose(1, 2), seen.transpose(1, 2)
        x, mask = self.first(features, seen)  # (B, C, T) twice
        for wide, deep in zip(self.wide, self.deep):
            y, mask = wide(x, mask)
            y, mask = deep(y, mask)
            x = x + y
        with torch.autocast(x.device.type, enabled=False):  # metres need all bits
            joints = self.joints(x.float()) + self.direct(features.float())
            joints = joints.transpose(1, 2).unflatten(2, (_OUT, 3))  # (B, T, J, 3)
            log_std = self.log_std(x.float()).transpose(1, 2)
        return centred(joints), log_std.clamp(LEAST_LOG_STD, 1.0)


def centred(joints: Tensor) -> Tensor:
    """The same joints around the hip, (..., J, 3)."""
    hip = H36M17.index('hip')
    return joints - joints[..., hip:hip + 1, :]
