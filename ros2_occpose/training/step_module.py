"""A causal gated network frame by frame: what its layers must remember goes in and comes out."""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..lifting.gated_network import GatedConvolution, GatedNetwork
from ..lifting.normalise import FEATURES
from .calibration import Calibrated


class StepLayer(nn.Module):
    """A gated convolution on the taps of one frame, batch norm folded into the weights."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        assert isinstance(layer, GatedConvolution)
        assert layer.gate.bias is not None
        self.feature = fold_norm(layer.feature, layer.norm)
        self.gate = _linear(layer.gate.weight.repeat_interleave(layer.shared, 0),
                            layer.gate.bias.repeat_interleave(layer.shared, 0))

    def forward(self, x: Tensor) -> Tensor:
        """(N, K C_in), taps oldest first, to (N, C)."""
        return functional.relu(self.feature(x)) * torch.sigmoid(self.gate(x))


class StepModule(nn.Module):
    """One frame of N people.

    Inputs: features (N, FEATURES), then for each layer with a past what its older taps saw,
    `past_i`, oldest first. Outputs: joints (N, 17, 3) [m] in view axes, std (N, 17) [m], and
    `now_i` of layers 1 and up, which are to be remembered.
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
        widths = [FEATURES] + [c.channels] * (len(c.dilations) - 1)
        return {f'past_{i}': older * width for i, width in enumerate(widths)}

    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return ['joints', 'std', *(f'now_{i}' for i in range(1, len(self.config.dilations)))]

    def forward(self, features: Tensor, *pasts: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        x, now = self.first(torch.cat([pasts[0], features], 1)), []
        for past, wide, deep in zip(pasts[1:], self.wide, self.deep):
            now.append(x)
            x = x + deep(wide(torch.cat([past, x], 1)))
        joints, log_std = self.heads(x[..., None], features[..., None])
        return joints[:, 0], self.calibrated.std(log_std[:, 0], features), *now


def fold_norm(convolution: nn.Conv1d, norm: nn.BatchNorm1d) -> nn.Linear:
    """A convolution without bias and the batch norm behind it, as one product on K taps."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
    return _linear(convolution.weight.double() * scale[:, None, None],
                   norm.bias.double() - norm.running_mean.double() * scale)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """A convolution (C, C_in, K) as a matrix product on K taps, one after the other."""
    matrix = weight.detach().float().transpose(1, 2).flatten(1)
    linear = nn.Linear(matrix.shape[1], matrix.shape[0])
    linear.weight.data, linear.bias.data = matrix, bias.detach().float()
    return linear
