"""Trained weights as ONNX files that run without torch, written only when both agree.

A causal network becomes one step: what its layers must remember goes in and comes out. A network
that looks both ways becomes one pass over clips.
"""
from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from ..errors import ModelError
from ..inference import load_session
from ..lifting.chomp_network import ChompNetwork
from ..lifting.load import open_stepper
from ..lifting.metadata import NetworkMeta
from ..lifting.network_config import ChompConfig, NetworkConfig, OcclusionConfig
from ..lifting.normalise import FEATURES, FRESHNESS, JOINTS
from ..lifting.occlusion_network import OcclusionNetwork
from ..lifting.plain_network import RAYS, TrajectoryNetwork
from ..lifting.stepper import Lifted
from .calibration import Calibrated, Calibration
from .chomp_step import ChompStepModule
from .occlusion_step import OcclusionStepModule
from .step_module import StepModule
from .trainer import load_checkpoint
from .weights import network_of

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
    export(network_of(state), path, about=about, calibration=Calibration(
        *state.get('calibration', ())))


def export(network: nn.Module, path: Path, *, about: Mapping[str, str] | None = None,
           calibration: Calibration | None = None) -> None:
    """Write the network; `about` says where it comes from (commit, seed, steps ...).

    Raises:
        ModelError: The file does not do what the network does; nothing is written.
    """
    module = _module(network.eval(), calibration or Calibration()).eval()
    config: NetworkConfig = network.config      # type: ignore[assignment]
    said = dict(about or {})
    if calibration is not None:
        said['calibration'] = ','.join(f'{number:.4f}' for number in calibration.as_tuple())
    if isinstance(config, OcclusionConfig | ChompConfig):
        said['parts'] = ','.join(config.parts)
    meta = NetworkMeta(
        system=config.system, causal=config.causal, fill=config.fill,
        receptive_field=config.receptive_field, dilations=config.dilations,
        kernel=config.kernel, body=config.body if isinstance(config, ChompConfig) else '',
        about={**said, 'channels': str(config.channels), 'gates': str(config.gates)})
    part = path.with_suffix('.part')
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(module, meta.as_properties()), str(part))
    try:
        worst = disagreement(module, part)
        if not worst < TOLERANCE_M:
            raise ModelError(
                f'Expected {path.name} to agree with torch within {TOLERANCE_M} m, got '
                f'{worst:.2g} m; nothing was written.')
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    logger.info('%s agrees with torch within %.2g m.', path, worst)


def _module(network: nn.Module, calibration: Calibration) -> nn.Module:
    if isinstance(network, TrajectoryNetwork):
        return network
    calibrated = Calibrated(network, calibration)
    if not calibrated.config.causal:
        return calibrated
    if isinstance(network, ChompNetwork):
        return ChompStepModule(calibrated)
    return (OcclusionStepModule if isinstance(network, OcclusionNetwork) else StepModule)(
        calibrated)


def _graph(module: nn.Module, properties: dict[str, str]) -> Any:
    """The module as an ONNX model for any number of people (and frames)."""
    batch, frames = torch.export.Dim('batch'), torch.export.Dim('frames')
    if isinstance(module, StepModule | OcclusionStepModule):
        widths = {'features': FEATURES, **module.pasts()}
        inputs = tuple(torch.zeros(3, width) for width in widths.values())
        first, *rest = [{0: batch}] * len(widths)
        shapes: Any = (first, tuple(rest))
        names, outputs = list(widths), module.outputs()
    elif isinstance(module, ChompStepModule):
        given = module.inputs()
        inputs = tuple(torch.zeros(shape) for shape in given.values())
        of_now, pasts = {0: batch}, tuple({1: batch} for _ in module.pasts())
        shapes, names, outputs = (of_now, of_now, pasts), list(given), module.outputs()
    elif isinstance(module, TrajectoryNetwork):
        inputs, shapes = (torch.zeros(3, 7, RAYS),), ({0: batch, 1: frames},)
        names, outputs = ['rays'], ['root']
    else:
        inputs, shapes = (torch.zeros(3, 7, FEATURES),), ({0: batch, 1: frames},)
        names, outputs = ['features'], ['joints', 'std']
        if isinstance(getattr(module, 'network', None), ChompNetwork):
            outputs += ['rotations', 'betas']
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter('ignore')     # the exporter on its own workings
        program = torch.onnx.export(module, inputs, dynamo=True, verbose=False, opset_version=18,
                                    input_names=names, output_names=outputs,
                                    dynamic_shapes=shapes)
    assert program is not None
    model = program.model_proto
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, properties)
    for node in model.graph.node:
        del node.metadata_props[:]      # paths of the machine that exports
        node.doc_string = ''
    onnx.checker.check_model(model)
    return model


def disagreement(module: nn.Module, path: Path) -> float:
    """Largest difference [m] between torch and a file over random sequences of two people."""
    rng = np.random.default_rng(0)
    features = rng.normal(0, 0.5, (2, _FRAMES, FEATURES)).astype(np.float32)
    features[..., FRESHNESS] = rng.random((2, _FRAMES, JOINTS)) < 0.7
    session = load_session(path, device='cpu')
    got: tuple[Any, ...]
    if isinstance(module, TrajectoryNetwork):
        features = features[..., :RAYS]
        got = session({'rays': features})['root'],
    elif isinstance(module, StepModule | OcclusionStepModule | ChompStepModule):
        got, module = open_stepper(session).sequence(features), module.calibrated
    else:
        got = Lifted.of(session({'features': features}))
    with torch.no_grad():
        expected = module(torch.as_tensor(features))
    expected = expected if isinstance(expected, tuple) else (expected,)
    return max(float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, got))
