"""What a system learns: its network, what it is fed, and what it is taught by."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..lifting.network_config import NetworkConfig
from ..lifting.sequence import interpolate
from .losses import lifting_loss, trajectory_loss
from .views.sequences import Clips, to_sequences, worth_learning
from .weights import build

Batch = Mapping[str, Tensor]
Parts = dict[str, float]


class Task(Protocol):
    """One system for the trainer; everything else about training is the same for all."""

    network: NetworkConfig
    error: str          # which of the parts of the loss tells how good it is

    def build(self) -> nn.Module:
        """The untrained network."""

    def prepare(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """What the network is fed and asked, arrays of (B, ...)."""

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """The loss of a batch and its parts, those in millimetres for people to read."""


@dataclass(frozen=True, kw_only=True)
class LiftingTask:
    """2D joints over time to 3D joints and their std."""

    network: NetworkConfig
    occlusion: float = 0.5          # share of the clips in which joints are hidden
    error: str = 'mpjpe_mm'

    def build(self) -> nn.Module:
        """The network of the system."""
        return build(self.network)

    def with_occlusion(self) -> LiftingTask:
        """The same with hidden joints, for judging a system that has never met any."""
        return replace(self, occlusion=1.0)

    def prepare(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """Normalised as the network will see people live."""
        sequences = to_sequences(clips, self.network.fill, occlusion=self.occlusion)
        return {'features': sequences.features, 'target': sequences.target,
                'counts': sequences.counts.astype(np.float32)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """Position, velocity and likelihood."""
        with torch.autocast(batch['features'].device.type, torch.bfloat16):
            joints, log_std = network(batch['features'])
        return lifting_loss(joints, log_std, batch['target'], batch['counts'])


@dataclass(frozen=True, kw_only=True)
class TrajectoryTask:
    """2D joints in the image to the root in the camera: VideoPose3D's trajectory model."""

    network: NetworkConfig
    error: str = 'root_mm'

    def build(self) -> nn.Module:
        """The network of the system."""
        return build(self.network)

    def prepare(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """Rays with straight lines over the gaps, and where the root truly is."""
        rays, _ = interpolate(clips.rays, clips.seen)
        return {'rays': rays.reshape(*rays.shape[:2], -1).astype(np.float32),
                'root': clips.joints_camera[:, :, 0].astype(np.float32),
                'counts': worth_learning(clips.seen).astype(np.float32)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """Distance, counted less for people far away."""
        with torch.autocast(batch['rays'].device.type, torch.bfloat16):
            root = network(batch['rays'])
        return trajectory_loss(root, batch['root'], batch['counts'])
