"""The systems that can be trained, by the names of design and command line."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import ConfigError
from ..lifting.network_config import ChompConfig, NetworkConfig, OcclusionConfig
from .chomp_rows import SMOOTH, row
from .chomp_task import ChompTask, PriorTask, Weights
from .corpus import CLIPS, RENDERED_CLIPS
from .occlusion_rows import Parts
from .occlusion_task import OcclusionTask
from .task import LiftingTask, Task, TrajectoryTask

_TASKS: dict[str, Task] = {
    'plain': LiftingTask(
        network=NetworkConfig(system='plain', causal=False, fill='interpolate'), occlusion=0.0),
    'plain_masked': LiftingTask(
        network=NetworkConfig(system='plain', causal=False, fill='interpolate')),
    'gated': LiftingTask(
        network=NetworkConfig(system='gated', causal=False, fill='blend')),
    'gated_causal': LiftingTask(
        network=NetworkConfig(system='gated', causal=True, fill='hold')),
    'occlusion_aware': OcclusionTask(network=OcclusionConfig(causal=False, fill='blend')),
    'occlusion_aware_causal': OcclusionTask(network=OcclusionConfig(causal=True, fill='hold')),
    'chomp_prior': PriorTask(network=ChompConfig(causal=False, fill='blend')),
    'chomp_prior_causal': PriorTask(network=ChompConfig(causal=True, fill='hold')),
    'chomp': ChompTask(network=ChompConfig(causal=False, fill='blend'),
                       weights=Weights(smooth=SMOOTH)),
    'chomp_causal': ChompTask(network=ChompConfig(causal=True, fill='hold'),
                              weights=Weights(smooth=SMOOTH)),
    'learned_trajectory': TrajectoryTask(
        network=NetworkConfig(system='trajectory', causal=False, fill='interpolate')),
}
SYSTEMS = tuple(_TASKS)
_CLIPS = {'real': CLIPS, 'rendered': RENDERED_CLIPS}


def task_named(name: str, *, channels: int | None = None, parts: Parts | None = None,
               noise: str = 'real') -> Task:
    """The task of a system at a width.

    Args:
        name: Of the system.
        channels: Width; by default the system's own.
        parts: Which parts of an occlusion-aware system are there; by default all.
        noise: Of the simulated detector: `real` or `rendered`.

    Raises:
        ConfigError: There is no such system, or it has no such parts or noise.
    """
    if name not in _TASKS:
        raise ConfigError(f'Unknown system {name!r}; expected one of {", ".join(SYSTEMS)}.')
    task = _TASKS[name]
    if parts is not None:
        if not isinstance(task, OcclusionTask):
            raise ConfigError(f'Expected occlusion_aware or occlusion_aware_causal with --row or '
                              f'--without, got {name}.')
        task = task.with_parts(parts)
    if isinstance(task, OcclusionTask | ChompTask | PriorTask):
        if noise != 'real':
            raise ConfigError(f'Expected another system with --noise {noise}, got {name}, which '
                              'learns from the noise of real video only.')
    elif noise not in _CLIPS:
        raise ConfigError(f'Unknown noise {noise!r}; expected {" or ".join(_CLIPS)}.')
    else:
        task = replace(task, source=_CLIPS[noise])  # type: ignore[type-var]
    if channels is None:
        return task
    return replace(task, network=replace(task.network, channels=channels))  # type: ignore[type-var]


def chomp_task(name: str, *, channels: int | None = None, number: int | None = None,
               body: str = 'human', prior: Path | None = None) -> ChompTask | PriorTask:
    """The task of CHOMP or of its prior.

    Args:
        name: Of the system.
        channels: Width of an entry of the motion map; by default the system's own.
        number: A row of the ablation; by default the whole system.
        body: On which body it learns.
        prior: Checkpoint of a prior that was trained before.

    Raises:
        ConfigError: There is no such row, or it has no prior.
    """
    task = task_named(name, channels=channels)
    assert isinstance(task, ChompTask | PriorTask)
    network = replace(task.network, body=body)
    if number is not None:
        network = replace(network, parts=row(number).parts)
    if isinstance(task, PriorTask):
        if prior is not None:
            raise ConfigError(f'Expected chomp or chomp_causal with --prior, got {name}.')
        return replace(task, network=network)
    weights = task.weights
    if number is not None:
        weights = replace(weights, smooth=SMOOTH if row(number).smooth else 0.0)
        if row(number).prior != (prior is not None):
            raise ConfigError(f'Expected {"a" if row(number).prior else "no"} --prior with '
                              f'--row {number}, got {prior}.')
    return replace(task, network=network, weights=weights, prior=prior)
