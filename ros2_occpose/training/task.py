"""What a system learns: its network, what it is fed, and what it is taught by."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..lifting.network_config import NetworkConfig
from ..lifting.sequence import interpolate
from .corpus import CLIPS, Source
from .losses import lifting_loss, trajectory_loss
from .views.sequences import Clips, to_sequences, worth_learning
from .weights import build

LEARNING_RATE = 2e-3       # of temporal convolutions
Batch = Mapping[str, Tensor]
Parts = dict[str, float]


class Task(Protocol):
    """One system for the trainer; everything else about training is the same for all."""

    @property
    def network(self) -> NetworkConfig:
        """Shape of its network."""

    @property
    def error(self) -> str:
        """Which of the parts of the loss tells how good it is."""

    @property
    def frames(self) -> int:
        """Of a sequence, where nobody asks for another length."""

    @property
    def source(self) -> Source:
        """The kind of clips that it learns from."""

    @property
    def views(self) -> int:
        """How many ways it looks at a clip, one an epoch, again and again."""

    @property
    def learning_rate(self) -> float:
        """At its highest, where nobody asks for another."""

    def build(self) -> nn.Module:
        """The untrained network."""

    def prepare(self, clips: Any, view: int = 0) -> Mapping[str, NDArray[Any]]:
        """What the network is fed and asked, arrays of (B, ...)."""

    def prepare_held_out(self, clips: Any) -> Mapping[str, NDArray[Any]]:
        """The same of people by whom checkpoints are chosen."""

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """The loss of a batch and its parts, those in millimetres for people to read."""


class _OfClips(ABC):
    """Looks at clips in one way, and at held-out people as at others."""

    views = 1
    learning_rate = LEARNING_RATE

    @abstractmethod
    def prepare(self, clips: Clips, view: int = 0) -> Mapping[str, NDArray[Any]]:
        """What the network is fed and asked, arrays of (B, ...)."""

    def prepare_held_out(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """The same."""
        return self.prepare(clips)


@dataclass(frozen=True, kw_only=True)
class LiftingTask(_OfClips):
    """2D joints over time to 3D joints and their std."""

    network: NetworkConfig
    occlusion: float = 0.5          # share of the clips in which joints are hidden
    error: str = 'mpjpe_mm'
    frames: int = 243               # as many as the network remembers
    source: Source = CLIPS

    def build(self) -> nn.Module:
        """The network of the system."""
        return build(self.network)

    def judged(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """As `prepare`, with hidden joints also for a system that has never met any."""
        return replace(self, occlusion=1.0).prepare(clips)

    def prepare(self, clips: Clips, view: int = 0) -> Mapping[str, NDArray[Any]]:
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
class TrajectoryTask(_OfClips):
    """2D joints in the image to the root in the camera: VideoPose3D's trajectory model."""

    network: NetworkConfig
    error: str = 'root_mm'
    frames: int = 243
    source: Source = CLIPS

    def build(self) -> nn.Module:
        """The network of the system."""
        return build(self.network)

    def prepare(self, clips: Clips, view: int = 0) -> Mapping[str, NDArray[Any]]:
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
