"""Trained weights as ONNX files that run without torch, written only when both agree.

A causal network becomes one step: what its layers must remember goes in and comes out. A network
that looks both ways becomes one pass over a clip.
"""
from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnx
import torch

from ..errors import ModelError
from ..inference import load_session
from ..lifting.gated_network import GatedNetwork
from ..lifting.normalise import FEATURES
from ..lifting.streaming import GatedMeta, StepNetwork
from ..skeleton import COCO17
from .gated import load_checkpoint, network_of
from .gated_graph import clip_graph, step_graph

logger = logging.getLogger(__name__)

TOLERANCE_M = 1e-4
_FRAMES = 300       # of the comparison: more than the network remembers


def export_checkpoint(checkpoint: Path, path: Path) -> None:
    """Write the network of a checkpoint, with its origin in the metadata.

    Raises:
        DataError: The checkpoint cannot be used.
        ModelError: The file does not do what the network does; nothing is written.
    """
    state = load_checkpoint(checkpoint)
    about = {'commit': state['commit'], 'seed': str(state['config']['seed']),
             'steps': str(state['step']), 'data': state['data'], 'licence': 'Apache-2.0'}
    export(network_of(state), path, about=about, std_factor=state['std_factor'])


def export(network: GatedNetwork, path: Path, *, about: dict[str, str] | None = None,
           std_factor: float = 1.0) -> None:
    """Write the network; `about` says where it comes from (commit, seed, steps ...).

    Args:
        std_factor: What the network's std is multiplied with, fitted on held-out clips.

    Raises:
        ModelError: The file does not do what the network does; nothing is written.
    """
    network = network.eval()
    config = network.config
    meta = GatedMeta(
        causal=config.causal, channels=config.channels, dilations=config.dilations,
        receptive_field=config.receptive_field,
        about={**(about or {}), 'std_factor': f'{std_factor:.4f}'})
    build = step_graph if config.causal else clip_graph
    part = path.with_suffix('.part')
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(network, std_factor, meta.as_properties()), str(part))
    try:
        worst = disagreement(network, part, std_factor)
        if not worst < TOLERANCE_M:
            raise ModelError(
                f'Expected {path.name} to agree with torch within {TOLERANCE_M} m, got '
                f'{worst:.2g} m; nothing was written.')
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    logger.info('%s agrees with torch within %.2g m.', path, worst)


def disagreement(network: GatedNetwork, path: Path, std_factor: float = 1.0) -> float:
    """Largest difference [m] between torch and a file over random sequences of two people."""
    rng = np.random.default_rng(0)
    features = rng.normal(0, 0.5, (2, _FRAMES, FEATURES)).astype(np.float32)
    seen = (rng.random((2, _FRAMES, len(COCO17.joints))) < 0.7).astype(np.float32)
    with torch.no_grad():
        joints, log_std = network(torch.as_tensor(features), torch.as_tensor(seen))
    expected = joints.numpy(), np.exp(log_std.numpy()) * std_factor
    session = load_session(path)
    if network.config.causal:
        got = StepNetwork(session).sequence(features, seen)
    else:
        out = session({'features': features, 'seen': seen})
        got = out['joints'], out['std']
    return max(float(np.abs(a - b).max()) for a, b in zip(expected, got))
