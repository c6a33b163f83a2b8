"""The systems that can be trained, by the names of design and command line."""
from __future__ import annotations

from dataclasses import replace

from ..errors import ConfigError
from ..lifting.network_config import NetworkConfig
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
    'learned_trajectory': TrajectoryTask(
        network=NetworkConfig(system='trajectory', causal=False, fill='interpolate')),
}
SYSTEMS = tuple(_TASKS)


def task_named(name: str, *, channels: int) -> Task:
    """The task of a system at a width.

    Raises:
        ConfigError: There is no such system.
    """
    if name not in _TASKS:
        raise ConfigError(f'Unknown system {name!r}; expected one of {", ".join(SYSTEMS)}.')
    task = _TASKS[name]
    return replace(task, network=replace(task.network, channels=channels))  # type: ignore[type-var]
