"""Occlusion-aware networks: a 2D TCN that denoises and a 3D TCN that completes.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019,
sections 3.1 and 3.2, figure 6. Both TCNs are hourglasses over time: two convolution blocks of
stride 2, two transposed convolution blocks, kernel 5, shortcuts between layers of one time scale.
Joints that are removed as unreliable are not filled by the first TCN; the second gives all.

The paper sets removed joints to 0. Here they enter where the normalisation keeps them in the body
(`lifting/sequence.py`), with a number that says how long they have been missing: nothing of what
the detector said of them is left either way, and it does better (docs/occlusion-aware.md).

The causal form has the same layers at full rate: what a stride does to the layers after it, a
dilation does here, and every kernel, that of a transposed convolution too, is shifted until it
ends at the present. Layer by layer both forms reach over as many frames.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .network_config import HOURGLASS, NetworkConfig, OcclusionConfig
from .network_heads import Heads
from .normalise import FEATURES, FRESHNESS, JOINTS, SEEN_NOW

_RATES = (1, 1, 2, 2, 4, 4, 2, 2, 1)        # frames from one input of a layer to the next
_DOWN, _UP = (1, 3), (5, 7)                 # layers that halve the rate, and that double it
_OFFSETS = 2 * JOINTS


class Layer(nn.Module):
    """Convolution over time, batch norm, ReLU; of any stride, up or down, or causal."""

    def __init__(self, inputs: int, config: NetworkConfig, number: int) -> None:
        super().__init__()
        k, c, self.causal = config.kernel, config.channels, config.causal
        self.dilation = HOURGLASS[number]
        self.up = not config.causal and number in _UP
        if config.causal:
            self.padding = ((k - 1) * self.dilation, 0)
            self.feature: nn.Module = nn.Conv1d(inputs, c, k, dilation=self.dilation, bias=False)
        elif self.up:
            self.feature = nn.ConvTranspose1d(inputs, c, k, stride=2, padding=k // 2,
                                              output_padding=1, bias=False)
        else:
            dilation = self.dilation // _RATES[number]
            self.padding = (k // 2 * dilation, k // 2 * dilation)
            self.feature = nn.Conv1d(inputs, c, k, dilation=dilation, bias=False,
                                     stride=2 if number in _DOWN else 1)
        self.norm = nn.BatchNorm1d(c, momentum=0.05)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, T) to (B, C, T) of this layer's rate; outside the sequence everything is 0."""
        if not self.up:
            x = functional.pad(x, self.padding)
        return functional.relu(self.norm(self.feature(x)))


def hourglass(layers: Sequence[Callable[[Tensor], Tensor]], x: Tensor) -> Tensor:
    """The shortcuts between nine layers; on sequences (B, C, T) as on single frames (N, C)."""
    first, down, deep, down_more, deepest, up, deep_up, up_more, last = layers
    whole = first(x)
    half = down(whole)
    half = half + deep(half)
    quarter = down_more(half)
    quarter = quarter + deepest(quarter)
    x = up(quarter)[..., :half.shape[-1]] + half
    x = x + deep_up(x)
    x = up_more(x)[..., :whole.shape[-1]] + whole
    return x + last(x)


class Tcn(nn.Module):
    """One hourglass over time."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        c = config.channels
        self.layers = nn.ModuleList(
            Layer(c if number else FEATURES, config, number) for number in range(len(HOURGLASS)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, FEATURES, T) to (B, C, T)."""
        return hourglass(list(self.layers), x)


class OcclusionNetwork(nn.Module):
    """2D joints over time, some of them removed, to 3D joints and their uncertainty."""

    def __init__(self, config: OcclusionConfig) -> None:
        super().__init__()
        self.config = config
        if config.denoise:
            self.first = Tcn(config)
            self.places = nn.Conv1d(config.channels, _OFFSETS, 1)
            nn.init.normal_(self.places.weight, std=1e-3)
        self.second = Tcn(config)
        self.heads = Heads(config.channels)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Joints (B, T, 17, 3) [m] around the hip in view axes, log std (B, T, 17) [log m].

        Args:
            features: (B, T, FEATURES) of `normalise_sequences`.
        """
        return self.complete(self.denoised(features))

    def denoised(self, features: Tensor) -> Tensor:
        """What the 3D TCN is fed, (B, T, FEATURES): the output of the 2D TCN in place (eq. 3)."""
        given = told(features, aware=self.config.aware)
        if not self.config.denoise:
            return given
        return self.smoothed(given, self.first(given.transpose(1, 2)))

    def smoothed(self, given: Tensor, x: Tensor) -> Tensor:
        """Features (..., FEATURES) with the joints that the last layer of the 2D TCN moves.

        Args:
            given: Of `told`, (B, T, FEATURES).
            x: Last layer, (B, C, T).
        """
        with torch.autocast(x.device.type, enabled=False):
            step = self.places(x.float()).transpose(1, 2)
        if self.config.aware:
            step = step * is_seen(given).repeat_interleave(2, dim=-1)
        return torch.cat([given[..., :_OFFSETS] + step, given[..., _OFFSETS:]], -1)

    def complete(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Joints and log std from what `denoised` gives."""
        given = given.transpose(1, 2)
        joints, log_std = self.heads(self.second(given), given)
        return joints, log_std


def told(features: Tensor, *, aware: bool) -> Tensor:
    """Features (..., FEATURES); a network that is not aware is not told which joints are seen."""
    if aware:
        return features
    freshness = torch.zeros_like(features[..., FRESHNESS])
    return torch.cat([features[..., :FRESHNESS.start], freshness,
                      features[..., FRESHNESS.stop:]], -1)


def is_seen(features: Tensor) -> Tensor:
    """Which joints of features (..., FEATURES) are seen now, 1 or 0, (..., 17)."""
    return (features[..., FRESHNESS] > SEEN_NOW).to(features.dtype)
