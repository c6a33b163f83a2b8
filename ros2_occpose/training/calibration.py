"""From the std that a network states to one that errors of held-out people agree with."""
from __future__ import annotations

from dataclasses import astuple, dataclass

import torch
from torch import Tensor, nn

from ..geometry import RADIUS_68, RADIUS_95
from ..lifting.network_config import NetworkConfig
from ..lifting.normalise import FRESHNESS
from ..skeleton import COCO17, H36M17, conversion
from .losses import position_errors

_ROOT = H36M17.index('hip')
_SHARES = torch.tensor([0.68, 0.95])
_LEAST, _MOST = 100, 200_000   # errors that a fit needs, and that it looks at


@dataclass(frozen=True)
class Calibration:
    """What std is multiplied with, for joints that are seen and for those that are not."""

    seen: float = 1.0
    hidden: float = 1.0

    def as_tuple(self) -> tuple[float, ...]:
        """For checkpoints."""
        return astuple(self)


class Calibrated(nn.Module):
    """A lifting network that answers with std in metres."""

    sources: Tensor

    def __init__(self, network: nn.Module, calibration: Calibration) -> None:
        super().__init__()
        self.network, self.calibration = network, calibration
        self.config: NetworkConfig = network.config     # type: ignore[assignment]
        self.register_buffer('sources', joint_sources())

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Joints (B, T, 17, 3) [m], std (B, T, 17) [m], and what else the network answers."""
        joints, log_std, *more = self.network(features)
        return joints, self.std(log_std, features), *more

    def std(self, log_std: Tensor, features: Tensor) -> Tensor:
        """Calibrated std (..., 17) [m] of h36m17 joints, from features (..., FEATURES)."""
        seen = is_seen(features[..., FRESHNESS], self.sources)
        return torch.exp(log_std) * torch.where(seen, self.calibration.seen,
                                                self.calibration.hidden)


def joint_sources() -> Tensor:
    """Weights (17, 17) that make h36m17 of coco17; the head counts as seen where the nose is."""
    sources = conversion(COCO17, H36M17).copy()
    sources[H36M17.index('head'), COCO17.index('nose')] = 1.0
    return torch.as_tensor(sources, dtype=torch.float32)


def is_seen(freshness: Tensor, sources: Tensor) -> Tensor:
    """Which h36m17 joints come from coco17 joints that are all seen now, (..., 17) bool."""
    return freshness.float() @ sources.T > 0.999


def fit(predicted: Tensor, log_std: Tensor, target: Tensor, freshness: Tensor,
        counts: Tensor) -> Calibration:
    """What makes 68 and 95 % of the errors lie within their radii, hidden joints apart.

    Args:
        predicted: (B, T, 17, 3) [m] of people that the network has not learned from.
        log_std: (B, T, 17) [log m].
        target: (B, T, 17, 3) [m].
        freshness: Of coco17 joints, (B, T, 17).
        counts: Frames that count, (B, T).
    """
    others = [j for j in range(target.shape[2]) if j != _ROOT]
    error = position_errors(predicted, target)[..., others][counts > 0]
    log = log_std[..., others][counts > 0]
    visible = is_seen(freshness, joint_sources())[..., others][counts > 0]
    ratio = error / torch.exp(log)
    return Calibration(_scale(ratio[visible]), _scale(ratio[~visible]))


def _scale(ratio: Tensor) -> float:
    """The factor that brings both radii nearest to their shares, of errors in stated std.

    Errors have heavier tails than a Gaussian: what is missing is shared between the two.
    """
    if len(ratio) < _LEAST:
        return 1.0
    ratio = ratio[::max(len(ratio) // _MOST, 1)]
    first, last = torch.quantile(ratio, _SHARES).tolist()
    scales = torch.linspace(first / RADIUS_68, last / RADIUS_95, 41)
    within = [(ratio < radius * scales[:, None]).float().mean(1)
              for radius in (RADIUS_68, RADIUS_95)]
    miss = (within[0] - 0.68) ** 2 + (within[1] - 0.95) ** 2
    return float(scales[miss.argmin()])
