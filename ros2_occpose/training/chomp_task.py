"""What CHOMP learns, and from what: first a prior of 2D motion, then bodies on top of it.

Huang et al., "Occluded Human Body Capture with Self-Supervised Spatial-Temporal Motion Prior",
2022, sections 3.2 and 3.3.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..body.load import load_body
from ..body.tree_torch import Tree, matrices_of
from ..errors import ConfigError
from ..lifting.chomp_network import ChompNetwork, Prior
from ..lifting.network_config import ChompConfig
from ..lifting.normalise import LOG_DISTANCE, USUAL_LOG_DISTANCE
from ..lifting.sequence import Normalised, normalise_sequences
from ..skeleton import H36M17
from ..types import Bools, Floats
from .chomp_losses import Skin, jitter, masked_l1, mean_of, misshapen
from .corpus import Source
from .losses import position_errors
from .mocap.motion import h36m_of
from .task import Batch, Parts
from .views.posed import PosedFilm, posed_source
from .views.sequences import Clips, to_sequences, worth_learning

_HIP = H36M17.index('hip')
_BESIDE_HIP = [j for j in range(len(H36M17.joints)) if j != _HIP]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Of eq. 2; lengths are metres. The paper does not give its own."""

    turns: float = 0.15            # of I_3d, squared
    vertices: float = 1.0
    joints: float = 1.0
    shape: float = 0.002
    plain: float = 0.05            # within the shape, of the second term of eq. 5
    smooth: float = 0.0            # of the jitter, in the place of eq. 4
    likelihood: float = 0.03       # of the std, which the paper does not have


class _OfPosedFilm:
    """Looks at posed film in one way."""

    network: ChompConfig
    views, frames, learning_rate = 1, 64, 5e-4

    @property
    def source(self) -> Source:
        """What it learns from."""
        return posed_source(self.network.body)

    def _normalised(self, film: PosedFilm, hidden: Bools) -> tuple[Normalised, Bools]:
        seen = film.detected & ~hidden
        return normalise_sequences(film.rays, seen, film.now_from_last,
                                   fill=self.network.fill), seen


@dataclass(frozen=True, kw_only=True)
class PriorTask(_OfPosedFilm):
    """Occluded 2D motion to full 2D motion; nothing of it is 3D."""

    network: ChompConfig
    error: str = 'masked_mm'

    def build(self) -> nn.Module:
        """The untrained prior."""
        return Prior(self.network)

    def prepare(self, film: PosedFilm, view: int = 0) -> Mapping[str, NDArray[Any]]:
        """Maps with what an occluder hides masked, and the same maps as the detector had them."""
        inputs, _ = self._normalised(film, film.covered)
        return {'features': inputs.features, 'target': full_map(inputs, film.rays),
                'masked': (film.detected & film.covered).astype(np.float32)}

    def prepare_held_out(self, film: PosedFilm) -> Mapping[str, NDArray[Any]]:
        """The same."""
        return self.prepare(film)

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """Eq. 1."""
        with torch.autocast(batch['features'].device.type, torch.bfloat16):
            full = network(batch['features'])
        loss = masked_l1(full.float(), batch['target'], batch['masked'])
        return loss, {'masked_mm': 1e3 * loss.item()}


class Learner(ChompNetwork):
    """The network with the skin that teaches it."""

    def __init__(self, config: ChompConfig) -> None:
        super().__init__(config)
        model = load_body(config.body)
        self.tree.load_state_dict(Tree.of(model).state_dict())
        self.scaffold = Skin(model)

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """3D motion map, shape, and log std, as `motion` gives them."""
        found = self.motion(features)
        return found.six, found.betas, found.log_std

    def posed(self, six: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        """Joints h36m17 around the hip and vertices around the pelvis [m]."""
        joints, turns = self.tree(betas, matrices_of(six))
        return self.tree.h36m17(joints, turns), self.scaffold(self.tree, betas, joints, turns)


@dataclass(frozen=True, kw_only=True)
class ChompTask(_OfPosedFilm):
    """Occluded 2D motion to turns and shape of bodies, with the prior tuned along."""

    network: ChompConfig
    weights: Weights = Weights()
    prior: Path | None = None      # checkpoint of a `PriorTask`
    error: str = 'mpjpe_mm'

    def build(self) -> nn.Module:
        """The network, with the weights of the prior if there is one.

        Raises:
            ConfigError: The checkpoint is of another prior.
        """
        from .trainer import load_checkpoint  # which knows every task

        learner = Learner(self.network)
        if self.prior is not None:
            state = load_checkpoint(self.prior)
            if state['network'] != self.network.as_dict():
                raise ConfigError(f'Expected a prior of the same network in {self.prior}, got '
                                  f'{state["network"]} for {self.network.as_dict()}; train it '
                                  'with the same options.')
            learner.prior.load_state_dict(state['weights'])
        return learner

    def prepare(self, film: PosedFilm, view: int = 0) -> Mapping[str, NDArray[Any]]:
        """Maps with all that is hidden masked, turns in the view, joints, and shapes."""
        inputs, seen = self._normalised(film, film.covered | film.masked)
        joints = h36m_of(film.body_camera)
        six = film.turns.astype(np.float32)
        root = inputs.to_view(six[:, :, 0].reshape(*six.shape[:2], 2, 3))      # two columns
        six[:, :, 0] = root.reshape(*six.shape[:2], 6)
        around = inputs.to_view(joints - joints[:, :, _HIP:_HIP + 1])
        arrays = {'features': inputs.features, 'six': six, 'betas': film.betas, 'target': around,
                  'counts': worth_learning(seen)}
        return {name: array.astype(np.float32) for name, array in arrays.items()}

    def prepare_held_out(self, film: PosedFilm) -> Mapping[str, NDArray[Any]]:
        """The same."""
        return self.prepare(film)

    def judged(self, clips: Clips) -> Mapping[str, NDArray[Any]]:
        """Clips as the benchmark gives them."""
        sequences = to_sequences(clips, self.network.fill)
        return {'features': sequences.features, 'target': sequences.target,
                'counts': sequences.counts.astype(np.float32)}

    def loss(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Parts]:
        """Eq. 2, and the likelihood of the std."""
        w, counts = self.weights, batch['counts']
        with torch.autocast(counts.device.type, torch.bfloat16):
            six, betas, log_std = network(batch['features'])
        whole = getattr(network, 'module', network)            # several processes share one
        assert isinstance(whole, Learner)
        joints, skin = whole.posed(six, betas)
        with torch.no_grad():
            true_betas = batch['betas'][:, None].expand_as(betas)
            _, true_skin = whole.posed(batch['six'], true_betas)
        error = position_errors(joints, batch['target'])[..., _BESIDE_HIP]     # (B, T, 16)
        off = mean_of(((six - batch['six']) ** 2).sum(-1).mean(-1), counts)
        around = mean_of(position_errors(skin, true_skin).mean(-1), counts)
        mpjpe = mean_of(error.mean(-1), counts)
        log = log_std[..., _BESIDE_HIP]
        surprise = 3 * log + 0.5 * error.detach() ** 2 * torch.exp(-2 * log)
        nll = mean_of(surprise.mean(-1), counts)
        loss = (w.turns * off + w.vertices * around + w.joints * mpjpe
                + w.shape * misshapen(betas, batch['betas'], counts, w.plain)
                + w.likelihood * nll)
        if w.smooth:
            loss = loss + w.smooth * jitter(joints, batch['target'], counts)
        return loss, {'mpjpe_mm': 1e3 * mpjpe.item(), 'pve_mm': 1e3 * around.item(),
                      'turns': off.item(), 'nll': nll.item()}


def full_map(inputs: Normalised, rays: Floats) -> Floats:
    """Rays (B, T, 17, 2) as entries of the motion map, hidden ones too, (B, T, 17, 2)."""
    points = np.concatenate([rays, np.ones((*rays.shape[:-1], 1), rays.dtype)], -1)
    view = inputs.to_view(points)
    distance = np.exp(inputs.features[..., LOG_DISTANCE] + USUAL_LOG_DISTANCE)[..., None, None]
    return np.asarray(np.clip(view[..., :2] / np.maximum(view[..., 2:], 0.05) * distance, -3, 3),
                      np.float32)
