"""Shape of a temporal convolution network, and which systems there are."""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal

from ..errors import ConfigError
from .sequence import Fill

System = Literal['plain', 'gated', 'trajectory', 'occlusion_aware', 'chomp']

# What the paper adds to a 3D TCN, one row of its Table 2 each: the 2D TCN, the removal of joints
# that are not seen, and what only matters while the network learns.
PARTS = ('denoise', 'aware', 'symmetry', 'adversary', 'regularise', 'augment')
# What CHOMP adds to a temporal transformer, one row of its Table 4 each: the dilated convolutions
# of the spatial-temporal layer, transformers over the joints, the learned occlusion token.
CHOMP_PARTS = ('local', 'spatial', 'token')
# Dilations of one TCN of `occlusion_network`, in frames of the full rate: first layer; convolution
# blocks of (stride 2, dilated); transposed blocks of (transposed, dilated).
HOURGLASS: tuple[int, ...] = (1, 1, 4, 2, 16, 2, 4, 1, 1)


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


@dataclass(frozen=True, kw_only=True)
class OcclusionConfig(NetworkConfig):
    """Of the occlusion-aware networks."""

    system: System = 'occlusion_aware'
    kernel: int = 5
    dilations: tuple[int, ...] = (*HOURGLASS, *HOURGLASS)
    parts: tuple[str, ...] = PARTS

    @property
    def denoise(self) -> bool:
        """Whether there is a 2D TCN."""
        return 'denoise' in self.parts

    @property
    def aware(self) -> bool:
        """Whether joints that are not seen are removed."""
        return 'aware' in self.parts

    def with_parts(self, parts: tuple[str, ...]) -> OcclusionConfig:
        """The same system with other parts."""
        tcns = 2 if 'denoise' in parts else 1
        return replace(self, parts=parts, dilations=HOURGLASS * tcns)


@dataclass(frozen=True, kw_only=True)
class ChompConfig(NetworkConfig):
    """Of CHOMP; `channels` is the width D of an entry of the motion map."""

    system: System = 'chomp'
    channels: int = 36
    dilations: tuple[int, ...] = (1, 2, 5)    # of the spatial-temporal layer
    embedding: int = 12             # width of an entry before that layer
    width: int = 192                # of the temporal transformer
    heads: int = 6                  # of the temporal transformer
    spatial_heads: int = 3
    spatial_layers: int = 2         # of each transformer over the joints
    temporal_layers: int = 2
    reach: int = 32                 # frames that a temporal layer looks back, and ahead
    body: str = 'human'             # whose shape parameters it answers with
    parts: tuple[str, ...] = CHOMP_PARTS

    def __post_init__(self) -> None:
        for name, parts in (('dilations', len(self.dilations)), ('heads', self.spatial_heads)):
            if self.channels % parts:
                raise ConfigError(f'Expected channels of chomp that {parts} {name} can share, got '
                                  f'{self.channels}.')

    @property
    def ring(self) -> int:
        """Frames before the present that the convolutions look at."""
        return (self.kernel - 1) * max(self.dilations) if 'local' in self.parts else 0

    @property
    def receptive_field(self) -> int:
        """Frames that one answer depends on."""
        past = self.temporal_layers * self.reach + (
            self.ring if self.causal else self.ring // 2)
        return 1 + past * (1 if self.causal else 2)

    def has(self, part: str) -> bool:
        """Whether a part of `CHOMP_PARTS` is there."""
        return part in self.parts
