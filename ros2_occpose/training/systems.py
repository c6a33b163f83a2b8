"""The systems that can be trained, by the names of design and command line."""
from __future__ import annotations

from dataclasses import replace

from ..errors import ConfigError
from ..lifting.network_config import NetworkConfig, OcclusionConfig
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


def task_named(name: str, *, channels: int, parts: Parts | None = None) -> Task:
    """The task of a system at a width.

    Args:
        name: Of the system.
        channels: Width.
        parts: Which parts of an occlusion-aware system are there; by default all.

    Raises:
        ConfigError: There is no such system, or it has no such parts.
    """
    if name not in _TASKS:
        raise ConfigError(f'Unknown system {name!r}; expected one of {", ".join(SYSTEMS)}.')
    task = _TASKS[name]
    if parts is not None:
        if not isinstance(task, OcclusionTask):
            raise ConfigError(f'Expected occlusion_aware or occlusion_aware_causal with --row or '
                              f'--without, got {name}.')
        task = task.with_parts(parts)
    return replace(task, network=replace(task.network, channels=channels))  # type: ignore[type-var]
