"""Small networks with random weights that use every part, and what tests feed to them.

Needs torch: a test module says `pytest.importorskip('torch', ...)` before it imports this one.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ros2_occpose.inference import Session
from ros2_occpose.lifting.gated_network import GatedNetwork
from ros2_occpose.lifting.network_config import PARTS, NetworkConfig, OcclusionConfig
from ros2_occpose.lifting.normalise import FEATURES, FRESHNESS
from ros2_occpose.lifting.occlusion_network import OcclusionNetwork
from ros2_occpose.lifting.streaming import StepNetwork

J = 17


@dataclass(frozen=True)
class Causal:
    """A system for robots: its network, and what runs its file frame by frame."""

    build: Callable[[], nn.Module]
    stream: Callable[[Session], Any]       # has choose, step and sequence


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
        joints, log_std = net(torch.as_tensor(features))
    return joints.numpy(), torch.exp(log_std).numpy()


CAUSAL = {'gated_causal': Causal(gated, StepNetwork),
          'occlusion_aware_causal': Causal(occlusion_aware, StepNetwork)}
