"""The causal occlusion-aware network frame by frame, as `step_module` does for the gated one."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..lifting.network_config import HOURGLASS
from ..lifting.normalise import FEATURES
from ..lifting.occlusion_network import Layer, OcclusionNetwork, Tcn, hourglass, told
from .calibration import Calibrated
from .step_module import fold_norm


class _StepLayer(nn.Module):
    """A causal layer on the taps of one frame, batch norm folded into the weights."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        assert isinstance(layer.feature, nn.Conv1d)
        self.feature = fold_norm(layer.feature, layer.norm)

    def forward(self, x: Tensor) -> Tensor:
        """(N, K C_in), taps oldest first, to (N, C)."""
        return functional.relu(self.feature(x))


class OcclusionStepModule(nn.Module):
    """One frame of N people.

    Inputs: features (N, FEATURES), then for each layer what its older taps saw, `past_i`, oldest
    first. Outputs: joints (N, 17, 3) [m] in view axes, std (N, 17) [m], and `now_i` of all layers,
    which are to be remembered.
    """

    def __init__(self, calibrated: Calibrated) -> None:
        super().__init__()
        network = calibrated.network
        assert isinstance(network, OcclusionNetwork)
        assert network.config.causal
        self.calibrated, self.config, self.whole = calibrated, network.config, network
        self.layers = nn.ModuleList(_StepLayer(layer) for tcn in _tcns(network)
                                    for layer in tcn.layers if isinstance(layer, Layer))

    def pasts(self) -> dict[str, int]:
        """Name -> width of what is remembered, in the order of the inputs."""
        older, c = self.config.kernel - 1, self.config.channels
        return {f'past_{i}': older * (c if i % len(HOURGLASS) else FEATURES)
                for i in range(len(self.layers))}

    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return ['joints', 'std', *(f'now_{i}' for i in range(len(self.pasts())))]

    def forward(self, features: Tensor, *pasts: Tensor) -> tuple[Tensor, ...]:
        """See the class."""
        now: list[Tensor] = []

        def step(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
            past = pasts[len(now)]
            now.append(x)
            return layer(torch.cat([past, x], 1))

        layers = [partial(step, layer) for layer in self.layers]
        given = told(features, aware=self.config.aware)
        if self.config.denoise:
            x = hourglass(layers[:len(HOURGLASS)], given)[..., None]
            given = self.whole.smoothed(given[:, None], x)[:, 0]
        x = hourglass(layers[-len(HOURGLASS):], given)[..., None]
        joints, log_std = self.whole.heads(x, given[..., None])
        return joints[:, 0], self.calibrated.std(log_std[:, 0], features), *now


def _tcns(network: OcclusionNetwork) -> list[Tcn]:
    return [network.first, network.second] if network.config.denoise else [network.second]
