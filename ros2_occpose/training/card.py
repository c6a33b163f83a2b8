"""What comes with trained weights: a model card and a picture of the loss."""
from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .report import CAMERAS, KERNEL, Score, table

ACKNOWLEDGEMENT = (
    'The data used in this project was obtained from mocap.cs.cmu.edu. The database was created '
    'with funding from NSF EIA-0196217.'
)


def write_card(path: Path, name: str, state: Mapping[str, Any], command: str,
               scores: Mapping[str, Score]) -> None:
    """Write a page about weights: data, command, machine, results, limits, licence."""
    config, network, history = state['config'], state['network'], state['history']
    look = ('causal: an answer depends on this and earlier frames' if network['causal'] else
            'looks both ways: for whole clips')
    dilations = ', '.join(map(str, network['dilations']))
    path.write_text(f"""# {name}

Temporal gated convolution (R. Gu, G. Wang, J.-N. Hwang, "Exploring Severe Occlusion:
Multi-Person 3D Pose Estimation with Gated Convolution", 2020, eq. 2), trained here from nothing;
{look}.

- In: coco17 rays and which of them were seen, normalised by `lifting/normalise.py`
  ({state['normalisation']}), 30 Hz.
- Out: h36m17 joints around the hip [m] in view axes, and the std [m] of an isotropic Gaussian for
  each joint.
- {network['channels']} channels, kernel {network['kernel']}, dilations {dilations}.
- Trained by `{command}`
  at commit {state['commit']}: {history[-1]['step']} steps of
  {config['batch'] * config['frames']} frames in {state['elapsed_s'] / 60:.0f} minutes
  on {machine()}. Kept: step {best_step(history)}, {state['best_mm']:.1f} mm on
  held-out clips with all occlusions mixed.
- Data: CMU motion capture (walking, running, sport, dances, martial arts, acrobatics; three
  skeletons). Sitting, picking up and carrying are missing.
- CMU: "{ACKNOWLEDGEMENT}"
- Weights: Apache-2.0.

## Test split

Never trained or tuned on. {CAMERAS} virtual moving cameras a window, detector-like noise, masks of
eq. 10-11 with K = {KERNEL}, everything hidden for 1.6 s of every 3.2 s (`blackout`); mm; MPJPE
over 17 joints around the hip. The 2D is simulated: real detectors err in other ways.

{table(dict(scores))}
""")


def best_step(history: Sequence[Mapping[str, float]]) -> int:
    """The step whose weights were kept."""
    return int(min(history, key=lambda row: row['held_out_mpjpe_mm'])['step'])


def machine() -> str:
    """Processor and cores, in words."""
    try:
        lines = Path('/proc/cpuinfo').read_text().splitlines()
        model = next(line.split(':')[1].strip() for line in lines if line.startswith('model name'))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f'{model}, {os.cpu_count()} cores'


def draw_loss(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """The errors over the steps, as a picture."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    for name, label in (('train_mpjpe_mm', 'training'), ('held_out_mpjpe_mm', 'held-out clips')):
        rows = [row for row in history if name in row]
        axes.plot([row['step'] for row in rows], [row[name] for row in rows], label=label)
    axes.set(xlabel='step', ylabel='MPJPE, all occlusions mixed [mm]', yscale='log')
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
