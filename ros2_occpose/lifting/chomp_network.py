"""CHOMP: a prior of occluded motion that lifts 2D motion maps to the parameters of a body.

Huang et al., "Occluded Human Body Capture with Self-Supervised Spatial-Temporal Motion Prior",
2022, sections 3.1 to 3.3, figure 1. A motion map has an entry for each joint and frame, and one
for the frame itself: where the person is in the image, how far, and how it moved there. Joints
that are not seen are entries with a learned token.

What differs from the paper: the temporal transformer has a width of its own and stands beside a
shortcut, with a learned bias for the time between two frames in the place of absolute positions,
so that it runs on streams; and a third head says how sure the joints are.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..body.tree_torch import JOINTS as BODY_JOINTS
from ..body.tree_torch import Tree, matrices_of
from .network_attention import Block, RelativeBias
from .network_config import ChompConfig
from .network_heads import JOINTS_OUT, LEAST_LOG_STD, MOST_LOG_STD
from .normalise import FEATURES, FRESHNESS, JOINTS, SEEN_NOW

BETAS = 10
_PLACES = 2 * JOINTS
_OF_FRAME = FEATURES - FRESHNESS.stop          # middle, log distance, shift of the middle
# Turns of nobody in particular: upright, face to the camera (x to the left, y up, z forward).
_UPRIGHT = ((1.0, 0.0, 0.0, 0.0, -1.0, 0.0), *((1.0, 0.0, 0.0, 0.0, 1.0, 0.0),) * 23)


@dataclass(frozen=True)
class Motion:
    """What the network says of a motion; (..., T) may be missing."""

    six: Tensor            # (B, T, 24, 6) I_3d: turns in the parent's axes, the root's in the view
    betas: Tensor          # (B, T, 10)
    log_std: Tensor        # (B, T, 17) [log m] of h36m17 joints around the hip


class Entries(nn.Module):
    """A motion map: entries of joints (B, T, 17, E), and what the frame itself says."""

    def __init__(self, config: ChompConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(2, config.embedding)
        self.token = (nn.Parameter(0.02 * torch.randn(config.embedding))
                      if config.has('token') else None)

    def forward(self, features: Tensor) -> Tensor:
        """(..., FEATURES) to (..., 17, E)."""
        places = _pairs(features[..., :_PLACES])
        seen = (features[..., FRESHNESS] > SEEN_NOW)[..., None]
        if self.token is None:
            return torch.as_tensor(self.embed(torch.where(seen, places, 0.0)))
        entries = self.embed(places)
        return torch.where(seen, entries, self.token.to(entries.dtype))


def _pairs(x: Tensor) -> Tensor:
    """(..., 34) to (..., 17, 2)."""
    return x.reshape(*x.shape[:-1], JOINTS, 2)


class LocalLayer(nn.Module):
    """The spatial-temporal layer: dilated convolutions over time and joints, side by side."""

    def __init__(self, config: ChompConfig) -> None:
        super().__init__()
        k, self.causal, self.dilations = config.kernel, config.causal, config.dilations
        wide = config.channels // len(self.dilations)
        self.branches = nn.ModuleList(
            nn.Conv2d(config.embedding, wide, k, dilation=d) for d in self.dilations)

    def forward(self, entries: Tensor) -> Tensor:
        """(B, T, 17, E) to (B, T, 17, D); outside the map everything is 0."""
        x = entries.permute(0, 3, 1, 2)
        return self._joined(functional.pad(x, (d, d, *((2 * d, 0) if self.causal else (d, d))))
                            for d in self.dilations)

    def step(self, entries: Tensor, past: Tensor) -> Tensor:
        """The newest frame of N causal maps, (N, 17, D).

        Args:
            entries: (N, 17, E).
            past: Of the frames before, oldest first, (N, 2 * largest dilation, 17, E).
        """
        x = torch.cat([past, entries[:, None]], 1).permute(0, 3, 1, 2)
        last = x.shape[2] - 1
        return self._joined(functional.pad(x[:, :, last - 2 * d:], (d, d))
                            for d in self.dilations)[:, 0]

    def _joined(self, padded: object) -> Tensor:
        """(B, T, 17, D) of maps (B, E, T', 17') with room for each branch."""
        out = [functional.gelu(branch(x)) for branch, x in
               zip(self.branches, padded)]       # type: ignore[call-overload]
        return torch.cat(out, 1).permute(0, 2, 3, 1)


class Joints(nn.Module):
    """A transformer over the joints of each frame, with a learned embedding of each joint."""

    def __init__(self, config: ChompConfig) -> None:
        super().__init__()
        c = config.channels
        self.embedding = nn.Parameter(0.02 * torch.randn(JOINTS + 1, c))
        self.blocks = nn.ModuleList(Block(c, config.spatial_heads) for _ in range(
            config.spatial_layers if config.has('spatial') else 0))

    def forward(self, x: Tensor) -> Tensor:
        """(..., 18, D) to (..., 18 D)."""
        x = x + self.embedding
        for block in self.blocks:
            x = block(x)
        return x.flatten(-2)


class Prior(nn.Module):
    """From occluded 2D motion to features of the full motion, and to the full 2D motion."""

    def __init__(self, config: ChompConfig) -> None:
        super().__init__()
        self.config = config
        c, flat = config.channels, (JOINTS + 1) * config.channels
        self.entries = Entries(config)
        self.frame = nn.Linear(_OF_FRAME, c)
        self.local = LocalLayer(config) if config.has('local') else nn.Linear(
            config.embedding, c)
        self.joints = Joints(config)
        self.into, self.out = nn.Linear(flat, config.width), nn.Linear(config.width, flat)
        self.blocks = nn.ModuleList(Block(config.width, config.heads)
                                    for _ in range(config.temporal_layers))
        self.biases = nn.ModuleList(
            RelativeBias(config.heads, config.reach, causal=config.causal)
            for _ in range(config.temporal_layers))
        decode = nn.Linear(flat, _PLACES)
        nn.init.normal_(decode.weight, std=1e-3)
        self.decoder = nn.Sequential(nn.LayerNorm(flat), decode)

    def forward(self, features: Tensor) -> Tensor:
        """The full 2D motion map (B, T, 17, 2), in the units of the features (section 3.2).

        Args:
            features: (B, T, FEATURES) of `normalise_sequences`.
        """
        _, flat = self.encode(features)
        return _pairs(self.decoder(flat))

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Feature map f (B, T, 18, D) and features of the motion (B, T, 18 D)."""
        f = self.with_frame(self.local(self.entries(features)), features)
        flat = self.joints(f)
        t = self.into(flat)
        for block, bias in zip(self.blocks, self.biases):
            t = block(t, bias(t.shape[1]))
        return f, flat + self.out(t)

    def with_frame(self, f: Tensor, features: Tensor) -> Tensor:
        """The map (..., 17, D) and what the frame itself says, (..., 18, D)."""
        return torch.cat([f, self.frame(features[..., FRESHNESS.stop:])[..., None, :]], -2)


class ChompNetwork(nn.Module):
    """The prior, a second transformer over the joints, and heads for turns, shape and std."""

    def __init__(self, config: ChompConfig) -> None:
        super().__init__()
        self.config = config
        flat = (JOINTS + 1) * config.channels
        self.prior = Prior(config)
        self.joints = Joints(config)
        self.norm = nn.LayerNorm(flat)
        self.turns = nn.Linear(flat, 6 * BODY_JOINTS)
        self.betas = nn.Linear(flat, BETAS)
        self.log_std = nn.Linear(flat, JOINTS_OUT)
        self.tree = Tree(BETAS)
        for head in (self.turns, self.betas, self.log_std):
            nn.init.normal_(head.weight, std=1e-3)
            nn.init.zeros_(head.bias)
        nn.init.constant_(self.log_std.bias, -2.0)
        self.turns.bias.data.copy_(torch.tensor(_UPRIGHT).flatten())

    def forward(self, features: Tensor) -> tuple[Tensor, ...]:
        """Joints around the hip, their log std, rotations and betas.

        Args:
            features: (B, T, FEATURES) of `normalise_sequences`.

        Returns:
            (B, T, 17, 3) [m] in view axes, (B, T, 17) [log m], (B, T, 24, 3, 3) with the root's in
            the view, and (B, T, 10).
        """
        return self.answers(self.motion(features))

    def motion(self, features: Tensor) -> Motion:
        """The 3D motion map, shape and std of a motion (section 3.3)."""
        return self.heads(*self.prior.encode(features))

    def heads(self, f: Tensor, flat: Tensor) -> Motion:
        """From the feature map (..., 18, D) and the features of the motion (..., 18 D)."""
        x = self.norm(flat + self.joints(f))
        with torch.autocast(x.device.type, enabled=False):      # metres need all bits
            x = x.float()
            six = self.turns(x).reshape(*x.shape[:-1], BODY_JOINTS, 6)
            return Motion(six, self.betas(x),
                          self.log_std(x).clamp(LEAST_LOG_STD, MOST_LOG_STD))

    def answers(self, motion: Motion) -> tuple[Tensor, ...]:
        """What `forward` gives."""
        rotations = matrices_of(motion.six)
        joints = self.tree.h36m17(*self.tree(motion.betas, rotations))
        return joints, motion.log_std, rotations, motion.betas
