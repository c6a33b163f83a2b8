"""From the best checkpoint to what others use: calibrated ONNX file, model card, curves."""
from __future__ import annotations

from pathlib import Path

import torch

from ..lifting.normalise import FRESHNESS
from .calibration import fit
from .card import draw_curves, write_card
from .export import export_checkpoint
from .task import LiftingTask, Task
from .trainer import BEST, CHECKPOINT, Arrays, load_checkpoint
from .weights import network_of


def publish(name: str, task: Task, output: Path, held_out: Arrays, *,
            command: str) -> list[Path]:
    """Calibrate on held-out people, export, write card and curves; the files written.

    Args:
        name: Of the system, and of the files.
        task: What it has learned.
        output: Folder of the finished run.
        held_out: Arrays of `trainer.held_out`.
        command: What was typed, for the card.
    """
    best, last = load_checkpoint(output / BEST), load_checkpoint(output / CHECKPOINT)
    if isinstance(task, LiftingTask):
        best['calibration'] = _calibration(best, held_out)
        torch.save(best, output / BEST)
    model = output / f'{name}.onnx'
    export_checkpoint(output / BEST, model)
    card, curves = model.with_suffix('.md'), output / 'curves.png'
    write_card(card, name, {**best, 'history': last['history'], 'elapsed_s': last['elapsed_s'],
                            'last_step': last['step']}, command)
    draw_curves(curves, last['history'], last['error'])
    return [model, card, curves]


def _calibration(state: dict[str, object], held_out: Arrays) -> tuple[float, ...]:
    network = network_of(state)
    features, target, counts = (torch.as_tensor(held_out[name]).float()
                                for name in ('features', 'target', 'counts'))
    with torch.no_grad():
        answers = [network(features[b:b + 32])
                   for b in range(0, len(features), 32)]
    joints, log_std = (torch.cat(parts) for parts in zip(*answers))
    return fit(joints, log_std, target, features[..., FRESHNESS], counts).as_tuple()
