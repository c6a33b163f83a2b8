"""Shape of a temporal convolution network, and which systems there are."""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from .sequence import Fill

System = Literal['plain', 'gated', 'trajectory', 'occlusion_aware']


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Travels with the weights."""

    system: System = 'gated'
    causal: bool = True
    fill: Fill = 'hold'
    channels: int = 256
    gates: int = 64                 # of a gated layer at most; each serves as many channels
    kernel: int = 3
    dilations: tuple[int, ...] = (1, 3, 9, 27, 81)

    @property
    def receptive_field(self) -> int:
        """Frames that one answer depends on."""
        return 1 + (self.kernel - 1) * sum(self.dilations)

    def as_dict(self) -> dict[str, object]:
        """For checkpoints."""
        return asdict(self)
