"""The systems that can be trained, by the names of design and command line."""
from __future__ import annotations

from dataclasses import replace

from ..errors import ConfigError
from ..lifting.network_config import NetworkConfig, OcclusionConfig
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
    'learned_trajectory': TrajectoryTask(
        network=NetworkConfig(system='trajectory', causal=False, fill='interpolate')),
}
SYSTEMS = tuple(_TASKS)
_CLIPS = {'real': CLIPS, 'rendered': RENDERED_CLIPS}


def task_named(name: str, *, channels: int, parts: Parts | None = None,
               noise: str = 'real') -> Task:
    """The task of a system at a width.

    Args:
        name: Of the system.
        channels: Width.
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
    if isinstance(task, OcclusionTask):
        if noise != 'real':
            raise ConfigError(f'Expected another system with --noise {noise}, got {name}, which '
                              'learns from the noise of real video only.')
    elif noise not in _CLIPS:
        raise ConfigError(f'Unknown noise {noise!r}; expected {" or ".join(_CLIPS)}.')
    else:
        task = replace(task, source=_CLIPS[noise])  # type: ignore[type-var]
    return replace(task, network=replace(task.network, channels=channels))  # type: ignore[type-var]
