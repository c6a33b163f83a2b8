"""From the best checkpoint to what others use: calibrated ONNX file, model card, curves."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..lifting.normalise import FRESHNESS
from .calibration import fit
from .card import draw_curves, write_card
from .chomp_task import ChompTask, PriorTask
from .export import export_checkpoint
from .mocap.motion import load_motions
from .occlusion_task import OcclusionTask
from .task import LiftingTask, Task
from .trainer import BEST, CHECKPOINT, load_checkpoint, save_checkpoint
from .views.recorded import recorded_clips
from .weights import network_of


def publish(name: str, task: Task, data: Path, output: Path, *, command: str) -> list[Path]:
    """Calibrate on held-out people, export, write card and curves; the files written.

    Args:
        name: Of the system, and of the files.
        task: What it has learned.
        data: Motion capture.
        output: Folder of the finished run.
        command: What was typed, for the card.
    """
    best, last = load_checkpoint(output / BEST), load_checkpoint(output / CHECKPOINT)
    curves = output / 'curves.png'
    draw_curves(curves, last['history'], last['error'])
    if isinstance(task, PriorTask):                        # only a part of a network
        return [output / BEST, curves]
    if isinstance(task, LiftingTask | OcclusionTask | ChompTask):
        best['calibration'] = _calibration(task, best, data)
        save_checkpoint(output / BEST, best)
    model = output / f'{name}.onnx'
    export_checkpoint(output / BEST, model)
    card = model.with_suffix('.md')
    write_card(card, name, {**best, 'history': last['history'], 'elapsed_s': last['elapsed_s'],
                            'last_step': last['step']}, command)
    return [model, card, curves]


def _calibration(task: LiftingTask | OcclusionTask | ChompTask, state: dict[str, Any],
                 data: Path) -> tuple[float, ...]:
    """Fitted on held-out people as they were recorded, with and without occlusion."""
    clips = recorded_clips(load_motions(data, ('validation',)), state['config']['seed'])
    arrays = task.judged(clips)
    features, target, counts = (torch.as_tensor(arrays[name]).float()
                                for name in ('features', 'target', 'counts'))
    network = network_of(state)
    with torch.no_grad():
        answers = [network(features[b:b + 32])[:2] for b in range(0, len(features), 32)]
    joints, log_std = (torch.cat(parts) for parts in zip(*answers))
    return fit(joints, log_std, target, features[..., FRESHNESS], counts).as_tuple()
