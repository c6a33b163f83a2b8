"""What the occlusion-aware networks learn, and from what: both TCNs together, semi-supervised.

Cheng et al., "Occlusion-Aware Networks for 3D Human Pose Estimation in Video", ICCV 2019, sections
3 and 4. A part of the film has no 3D truth: it teaches by its visible 2D joints (eq. 5), and by
which joints the detector was unsure of (eq. 8).
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..lifting.network_config import OcclusionConfig
from ..lifting.normalise import JOINTS, LOG_DISTANCE, USUAL_LOG_DISTANCE
from ..lifting.occlusion_network import OcclusionNetwork, is_seen
from ..lifting.sequence import Normalised, normalise_sequences
from ..skeleton import COCO17, H36M17, conversion
from ..types import Bools, Floats
from .corpus import FILM, Source
from .losses import position_errors
from .mocap.motion import h36m_of
from .occlusion_losses import (
    Discriminator,
    asymmetry,
    fooling,
    mean_over,
    squared,
    telling_apart,
    unexplained,
)
from .occlusion_rows import THRESHOLD, Parts
from .task import LEARNING_RATE, Batch
from .task import Parts as LossParts
from .views.film import Film, masks, virtual_views, watch
from .views.raw import DEFAULT_CONFIDENCE, Confidence, Raw
from .views.sequences import Clips, to_sequences, worth_learning

T = TypeVar('T', Film, Raw)
_SOURCES = conversion(COCO17, H36M17) > 0          # of which coco17 joints h36m17 is made
_HIP = H36M17.index('hip')
_BESIDE_HIP = [j for j in range(len(H36M17.joints)) if j != _HIP]
_WITHOUT_3D = 4            # every fourth clip of film is 2D only
_EVERY = 8                 # frames from one to the next that the Cylinder Man looks at


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of eq. 6 and 9, as in the paper, but for the last."""

    symmetry: float = 0.2          # alpha
    adversary: float = 0.1         # beta
    in_space: float = 1.0          # w1
    regularise: float = 0.1        # w2
    likelihood: float = 0.3        # of the std, which the paper does not have


class Scaffold(nn.Module):
    """What is needed while the network learns; not part of its weights."""

    steps: Tensor

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.discriminator = Discriminator() if parts.adversary else None
        self.register_buffer('steps', torch.zeros(()))


class Learner(OcclusionNetwork):
    """The network with its scaffold; one call for all that the loss needs."""

    def __init__(self, config: OcclusionConfig, parts: Parts, alone: int) -> None:
        super().__init__(config)
        self.scaffold, self.alone = Scaffold(parts), alone

    def forward(  # type: ignore[override]
        self, features: Tensor, real: Tensor
    ) -> tuple[Tensor, ...]:
        """Joints, log std, what the 2D TCN says, and the losses of network and discriminator.

        At first each TCN learns for itself: what the second wants does not reach the first.

        Args:
            features: (B, T, FEATURES).
            real: True poses, (any, T, 17, 3) [m].
        """
        flat = self.denoised(features)
        if self.training:
            self.scaffold.steps += 1
        together = bool(self.scaffold.steps > self.alone)
        joints, log_std = self.complete(flat if together else flat.detach())
        fooled = apart = joints.new_zeros(())
        if self.scaffold.discriminator is not None:
            fooled = fooling(self.scaffold.discriminator, joints)
            apart = telling_apart(self.scaffold.discriminator, real, joints)
        return joints, log_std, flat.float(), fooled, apart


@dataclass(frozen=True, kw_only=True)
class OcclusionTask:
    """2D joints over time with their scores to 3D joints and their std."""

    network: OcclusionConfig
    weights: Weights = Weights()
    threshold: float = THRESHOLD
    confidence: Confidence = DEFAULT_CONFIDENCE
    alone: int = 200               # steps before the TCNs are tuned end to end
    virtual: int = 6               # views of each clip: the film and virtual ones
    error: str = 'mpjpe_mm'
    frames: int = 128

    @property
    def source(self) -> Source:
        """What it learns from."""
        return FILM

    @property
    def parts(self) -> Parts:
        """What of the system is there."""
        return Parts.named(self.network.parts)

    @property
    def learning_rate(self) -> float:
        """That of the other temporal convolutions."""
        return LEARNING_RATE

    @property
    def views(self) -> int:
        """How many ways a clip is looked at, one after the other."""
        return self.virtual if self.parts.augment else 1

    def with_parts(self, parts: Parts) -> OcclusionTask:
        """The same system with other parts."""
        return replace(self, network=self.network.with_parts(parts.names()))

    def build(self) -> nn.Module:
        """The network of the system, with what teaches it."""
        return Learner(self.network, self.parts, self.alone)

    def prepare(self, clips: Film, view: int = 0) -> Mapping[str, NDArray[Any]]:
        """Film as it is (view 0) or from a virtual view; clips without 3D truth cannot be turned.

        Virtual views of the same clips under another number are others.
        """
        labelled = np.arange(len(clips)) % _WITHOUT_3D != _WITHOUT_3D - 1
        film, raw = clips, watch(clips, self.confidence)
        if view:
            turned = virtual_views(np.random.default_rng([view, *clips.number.tolist()]), clips)
            film = _mixed(labelled, turned, clips)
            raw = _mixed(labelled, watch(turned, self.confidence), raw)
        return self._arrays(film, raw, labelled)

    def prepare_held_out(self, clips: Film) -> Mapping[str, NDArray[Any]]:
        """Film of held-out people for choosing: half of it with random masks, all with truth."""
        rng = np.random.default_rng([0, *clips.number.tolist()])
        covered = clips.covered | masks(rng, len(clips), clips.covered.shape[1], 0.5)
        film = replace(clips, covered=covered)
        return self._arrays(film, watch(film, self.confidence), np.ones(len(clips), bool))

    def judged(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """Clips as the benchmark gives them: which joints are seen is known."""
        sequences = to_sequences(clips, self.network.fill)
        return {'features': sequences.features, 'target': sequences.target,
                'counts': sequences.counts.astype(np.float32)}

    def _arrays(self, film: Film, raw: Raw, labelled: Bools) -> Mapping[str, NDArray[Any]]:
        """What the network is fed, and truth in space and in the plane of the view."""
        seen = raw.seen(self.threshold if self.parts.aware else None)
        inputs = normalise_sequences(raw.rays, seen, film.now_from_last, fill=self.network.fill)
        joints = h36m_of(film.body_camera)
        around = inputs.to_view(joints - joints[:, :, _HIP:_HIP + 1])
        plane = _in_plane(inputs, joints)
        arrays = {
            'features': inputs.features, 'target': around,
            'counts': worth_learning(seen), 'labelled': labelled,
            'clean': _in_plane(inputs, film.body_camera[:, :, :JOINTS]),
            'plane': plane - plane[:, :, _HIP:_HIP + 1],
            'visible': ~(film.hidden().astype(np.float32) @ _SOURCES.T > 0),
        }
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, LossParts]:
        """Eq. 9, the loss of the discriminator, and the likelihood of the std."""
        w, parts, counts = self.weights, self.parts, batch['counts']
        labelled = batch['labelled'][:, None]
        real = batch['target'][batch['labelled'] > 0]
        with torch.autocast(counts.device.type, torch.bfloat16):
            joints, log_std, flat, fooled, apart = network(batch['features'], real)
        space = (labelled * squared(joints, batch['target']) + (1 - labelled)
                 * squared(joints[..., :2], batch['plane'], batch['visible']))       # eq. 6
        if parts.symmetry:
            space = space + w.symmetry * asymmetry(joints)
        loss = w.in_space * (mean_over(space, counts) + w.adversary * fooled) + apart
        if parts.denoise:
            loss = loss + mean_over(self._in_the_image(flat, batch), counts)
        if parts.regularise:
            loss = loss + w.regularise * _regularised(joints, flat, batch)
        error = position_errors(joints, batch['target'])[..., _BESIDE_HIP]
        log = log_std[..., _BESIDE_HIP]
        surprise = (3 * log + 0.5 * error.detach() ** 2 * torch.exp(-2 * log)).mean(-1)
        nll = mean_over(surprise, counts * labelled)
        return loss + w.likelihood * nll, {
            'mpjpe_mm': 1e3 * mean_over(error.mean(-1), counts * labelled).item(),
            'nll': nll.item()}

    def _in_the_image(self, flat: Tensor, batch: Batch) -> Tensor:
        """Eq. 3: the joints that the 2D TCN was given, against the truth, (B, T)."""
        moved = flat[..., :2 * JOINTS].reshape(*flat.shape[:2], JOINTS, 2)
        return squared(moved, batch['clean'], is_seen(flat) if self.parts.aware else None)


def _regularised(joints: Tensor, flat: Tensor, batch: Batch) -> Tensor:
    """Eq. 8, over some frames of the clips without 3D truth."""
    rows = batch['labelled'] == 0
    some = flat[rows, ::_EVERY]
    if not len(some):
        return joints.new_zeros(())
    distance = torch.exp(some[..., LOG_DISTANCE] + USUAL_LOG_DISTANCE)
    return mean_over(unexplained(joints[rows, ::_EVERY], distance, is_seen(some)),
                     batch['counts'][rows, ::_EVERY])


def _in_plane(inputs: Normalised, points_camera: Floats) -> Floats:
    """Points (B, T, J, 3) [m] as the network sees joints: in the view, times the distance."""
    view = inputs.to_view(points_camera)
    distance = np.exp(inputs.features[..., LOG_DISTANCE] + USUAL_LOG_DISTANCE)[..., None, None]
    return np.asarray(np.clip(view[..., :2] / np.maximum(view[..., 2:], 0.05) * distance, -3, 3))


def _mixed(rows: Bools, first: T, second: T) -> T:
    """Some rows of one dataclass of arrays (B, ...) and the others of another."""
    def chosen(name: str) -> NDArray[Any]:
        array = getattr(first, name)
        return np.where(rows.reshape(-1, *[1] * (array.ndim - 1)), array, getattr(second, name))

    return type(first)(**{name: chosen(name) for name in first.__dataclass_fields__})
