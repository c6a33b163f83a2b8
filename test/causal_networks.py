"""Small networks with random weights that use every part, and what tests feed to them.

Needs torch: a test module says `pytest.importorskip('torch', ...)` before it imports this one.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from ros2_occpose.body.load import load_body
from ros2_occpose.body.tree_torch import Tree
from ros2_occpose.lifting.chomp_network import ChompNetwork
from ros2_occpose.lifting.gated_network import GatedNetwork
from ros2_occpose.lifting.network_config import (
    CHOMP_PARTS,
    PARTS,
    ChompConfig,
    NetworkConfig,
    OcclusionConfig,
)
from ros2_occpose.lifting.normalise import FEATURES, FRESHNESS
from ros2_occpose.lifting.occlusion_network import OcclusionNetwork

J = 17


def gated(causal: bool = True, channels: int = 16) -> GatedNetwork:
    """The gated network."""
    torch.manual_seed(3)
    net = GatedNetwork(NetworkConfig(causal=causal, fill='hold' if causal else 'interpolate',
                                     channels=channels, gates=8))
    return randomised(net, [net.heads.joints, net.heads.direct, net.heads.log_std], (0.5, 2))


def occlusion_aware(causal: bool = True, parts: tuple[str, ...] = PARTS) -> OcclusionNetwork:
    """The two TCNs, or what of them the parts ask for."""
    torch.manual_seed(3)
    config = OcclusionConfig(causal=causal, fill='hold' if causal else 'blend',
                             channels=12).with_parts(parts)
    net = OcclusionNetwork(config)
    heads = [net.heads.joints, net.heads.direct, net.heads.log_std]
    return randomised(net, heads + ([net.places] if config.denoise else []), (0.3, 0.8))


def chomp(causal: bool = True, parts: tuple[str, ...] = CHOMP_PARTS) -> ChompNetwork:
    """CHOMP on the Cylinder Man, or what of it the parts ask for."""
    torch.manual_seed(2)
    net = ChompNetwork(ChompConfig(
        causal=causal, fill='hold' if causal else 'blend', channels=12, embedding=6, width=24,
        heads=2, spatial_layers=1, reach=5, body='cylinder', parts=parts))
    net.tree.load_state_dict(Tree.of(load_body('cylinder')).state_dict())
    for bias in net.prior.biases:
        nn.init.normal_(bias.table)
    return randomised(net, [net.turns, net.betas, net.log_std], (0.5, 2))


def randomised(net: Any, heads: Iterable[nn.Module], variance: tuple[float, float]) -> Any:
    """The network in use, with statistics and heads that are not those of a start."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(*variance)
            nn.init.normal_(module.weight, 1, 0.2)
            nn.init.normal_(module.bias, 0, 0.2)
    for head in heads:
        nn.init.normal_(head.weight, std=0.1)
    return net.eval()


def random_input(rng: np.random.Generator, people: int, frames: int) -> np.ndarray:
    """Features (N, T, FEATURES) of people who are hidden for a while, and in part at all times."""
    features = rng.normal(0, 0.5, (people, frames, FEATURES)).astype(np.float32)
    features[..., FRESHNESS] = rng.random((people, frames, J)) < 0.7
    features[:, frames // 3:frames // 2, FRESHNESS] *= 0.3
    return features


def window(net: nn.Module, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints (N, T, 17, 3) and std (N, T, 17) of whole sequences by torch."""
    with torch.no_grad():
        joints, log_std, *_ = net(torch.as_tensor(features))
    return joints.numpy(), torch.exp(log_std).numpy()


CAUSAL: dict[str, Callable[[], nn.Module]] = {
    'gated_causal': gated, 'occlusion_aware_causal': occlusion_aware, 'chomp_causal': chomp}
