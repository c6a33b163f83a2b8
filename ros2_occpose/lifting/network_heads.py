"""What every lifting network ends with: joints around the hip, and how sure it is of each."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from ..skeleton import H36M17
from .normalise import FEATURES

JOINTS_OUT = len(H36M17.joints)
LEAST_LOG_STD, MOST_LOG_STD = -5.3, 1.0        # 5 mm, 2.7 m
_HIP = H36M17.index('hip')


class Heads(nn.Module):
    """Joints and log std of each frame, from the last layer of a network.

    A straight path carries the features of the frame to the answer: where a joint is seen, two of
    its three coordinates are all but given.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.joints = nn.Conv1d(channels, 3 * JOINTS_OUT, 1)
        self.direct = nn.Conv1d(FEATURES, 3 * JOINTS_OUT, 1, bias=False)
        self.log_std = nn.Conv1d(channels, JOINTS_OUT, 1)
        for head in (self.joints, self.direct, self.log_std):
            nn.init.normal_(head.weight, std=1e-3)
        nn.init.constant_(self.log_std.bias, -2.0)  # type: ignore[arg-type]

    def forward(self, x: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (B, T, 17, 3) [m] around the hip in view axes, log std (B, T, 17) [log m].

        Args:
            x: Last layer, (B, C, T).
            features: Of the same frames, (B, FEATURES, T).
        """
        with torch.autocast(x.device.type, enabled=False):  # metres need all bits
            joints = self.joints(x.float()) + self.direct(features.float())
            joints = joints.transpose(1, 2).unflatten(2, (JOINTS_OUT, 3))
            log_std = self.log_std(x.float()).transpose(1, 2)
        return centred(joints), log_std.clamp(LEAST_LOG_STD, MOST_LOG_STD)


def centred(joints: Tensor) -> Tensor:
    """The same joints around the hip, (..., J, 3)."""
    return joints - joints[..., _HIP:_HIP + 1, :]
