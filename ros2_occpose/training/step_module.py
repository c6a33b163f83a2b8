"""A causal gated network frame by frame: what its layers must remember goes in and comes out."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..lifting.gated_network import GatedConvolution, GatedNetwork
from ..lifting.normalise import FEATURES, JOINTS
from .calibration import Calibrated


class StepLayer(nn.Module):
    """A gated convolution on the taps of one frame, batch norm folded into the weights."""

    def __init__(self, layer: GatedConvolution) -> None:
        super().__init__()
        norm = layer.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
        weight = layer.feature.weight.double() * scale[:, None, None]
        bias = norm.bias.double() - norm.running_mean.double() * scale
        self.feature = _linear(weight, bias)
        self.mask = _linear(layer.mask.weight, layer.mask.bias)
        self.gate = _linear(layer.gate.weight, layer.gate.bias)

    def forward(self, x: Tensor, mask: Tensor, last_mask: Tensor) -> tuple[Tensor, Tensor]:
        """X^l and M^l (N, C) of the taps (N, K C) of both, and the newest M^(l-1)."""
        new = functional.relu(self.mask(mask))
        mask = new + last_mask if last_mask.shape[1] == new.shape[1] else new
        return functional.relu(self.feature(x)) * torch.sigmoid(self.gate(mask)), mask


class StepModule(nn.Module):
    """One frame of N people.

    Inputs: features (N, FEATURES), seen (N, 17), then for each layer with a past what its older
    taps saw, `past_features_i` and `past_masks_i`, oldest first. Outputs: joints (N, 17, 3) [m]
    in view axes, std (N, 17) [m], and `now_features_i`, `now_masks_i` of layers 1 and up, which
    are to be remembered.
    """

    def __init__(self, calibrated: Calibrated) -> None:
        super().__init__()
        network = calibrated.network
        assert isinstance(network, GatedNetwork)
        assert network.config.causal
        self.calibrated, self.config = calibrated, network.config
        self.first = StepLayer(network.first)
        self.wide = nn.ModuleList(StepLayer(layer) for layer in network.wide)
        self.deep = nn.ModuleList(StepLayer(layer) for layer in network.deep)
        self.heads = network.heads

    def pasts(self) -> dict[str, int]:
        """Name -> width of what is remembered, in the order of the inputs."""
        c, older = self.config, self.config.kernel - 1
        widths = [(FEATURES, JOINTS)] + [(c.channels, c.masks)] * (len(c.dilations) - 1)
        return {f'past_{kind}_{i}': older * width for i, pair in enumerate(widths)
                for kind, width in zip(('features', 'masks'), pair)}

    def outputs(self) -> list[str]:
        """Names of the outputs."""
        layers = range(1, len(self.config.dilations))
        return ['joints', 'std', *(f'now_{kind}_{i}' for i in layers
                                   for kind in ('features', 'masks'))]

    def forward(self, features: Tensor, seen: Tensor, *pasts: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        x, mask = self.first(torch.cat([pasts[0], features], 1), torch.cat([pasts[1], seen], 1),
                             seen)
        now = []
        for i, (wide, deep) in enumerate(zip(self.wide, self.deep), start=1):
            now += [x, mask]
            y, mask = wide(torch.cat([pasts[2 * i], x], 1), torch.cat([pasts[2 * i + 1], mask], 1),
                           mask)
            y, mask = deep(y, mask, mask)
            x = x + y
        joints, log_std = self.heads(x[..., None], features[..., None])
        std = self.calibrated.std(log_std[:, 0], seen)
        return joints[:, 0], std, *now


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """A convolution (C, C_in, K) as a matrix product on K taps, one after the other."""
    matrix = weight.detach().float().transpose(1, 2).flatten(1)
    linear = nn.Linear(matrix.shape[1], matrix.shape[0])
    linear.weight.data, linear.bias.data = matrix, torch.zeros(len(matrix))
    if bias is not None:
        linear.bias.data = bias.detach().float()
    return linear
