"""What comes with trained weights: a model card and the curves of the training."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..recording.machine import machine

ACKNOWLEDGEMENT = (
    'The data used in this project was obtained from mocap.cs.cmu.edu. The database was created '
    'with funding from NSF EIA-0196217.'
)
_SYSTEMS = {
    'gated': 'Temporal gated convolution (R. Gu, G. Wang, J.-N. Hwang, "Exploring Severe '
             'Occlusion:\nMulti-Person 3D Pose Estimation with Gated Convolution", 2020, eq. 1)',
    'plain': 'Dilated temporal convolution without gates (D. Pavllo et al., "3D human pose '
             'estimation in\nvideo with temporal convolutions and semi-supervised training", '
             '2019), the baseline',
    'occlusion_aware': 'Occlusion-aware networks (Y. Cheng et al., "Occlusion-Aware Networks for '
                       '3D Human Pose\nEstimation in Video", 2019): a 2D TCN that denoises and a '
                       '3D TCN that completes',
    'chomp': 'CHOMP (B. Huang et al., "Occluded Human Body Capture with Self-Supervised '
             'Spatial-Temporal\nMotion Prior", 2022): a prior of occluded 2D motion that lifts to '
             'SMPL parameters',
    'trajectory': 'Trajectory model of VideoPose3D (D. Pavllo et al., "3D human pose estimation '
                  'in\nvideo with temporal convolutions and semi-supervised training", 2019, '
                  'section 3.3),\nthe baseline of back-projection',
}
_ANSWERS = {
    'trajectory': """- In: coco17 rays in the image, gaps filled with straight lines, 30 Hz.
- Out: the root in camera axes [m].""",
}
_BODIES = """- Also out: rotations of the 24 joints of smpl24 in their parents' axes (the root's in
  the view), and 10 shape parameters of the body `{body}`.
"""
_LIFTERS = """- In: coco17 rays and which of them were seen, normalised by
  `lifting/sequence.py` ({normalisation}, gaps: {fill}), 30 Hz.
- Out: h36m17 joints around the hip [m] in view axes, and the std [m] of an isotropic Gaussian for
  each joint, scaled to fit held-out people (factors for seen and hidden joints: {calibration})."""


def write_card(path: Path, name: str, state: Mapping[str, Any], command: str) -> None:
    """Write a page about weights: data, command, seed, machine, results, licence."""
    config, network, history = state['config'], state['network'], state['history']
    look = ('causal: an answer depends on this and earlier frames' if network['causal'] else
            'looks both ways: for whole clips')
    calibration = ', '.join(f'{number:.2f}' for number in state.get('calibration', ()))
    answers = _ANSWERS.get(network['system'], _LIFTERS).format(
        normalisation=state['normalisation'], fill=network['fill'], calibration=calibration)
    at_best = next(row for row in history if row['step'] == state['step'])
    found = ', '.join(f'{key.removeprefix("held_out_")} {value:.1f}'
                      for key, value in at_best.items() if key.startswith('held_out_'))
    here = machine()
    also = _BODIES.format(**network) if 'body' in network else ''
    path.write_text(f"""# {name}

{_SYSTEMS[network['system']]},
trained here from nothing; {look}.

{answers}
{also}- {network['channels']} channels, kernel {network['kernel']}, dilations {
    ', '.join(map(str, network['dilations']))}.
- Trained by `{command}`
  at commit {state['commit']}: {state['last_step']} steps of {config['batch']} sequences of {
    config['frames']} frames in {state['elapsed_s'] / 60:.0f} minutes
  on {here['cpu']}, {here['cores']} cores.
- Kept: step {state['step']}; on clips of held-out people, drawn as in training: {found}.
- Data: CMU motion capture (walking, running, sport, dances, martial arts, acrobatics), multiplied
  as docs/training.md says.
- CMU: "{ACKNOWLEDGEMENT}"
- Results on the test split: docs/benchmark.md.
- Weights: Apache-2.0.
""")


def draw_curves(path: Path, history: Sequence[Mapping[str, float]], error: str) -> None:
    """The error [mm] over the steps, in training and on held-out people, as a picture."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    for kind, label in (('train', 'training'), ('held_out', 'held-out people')):
        rows = [row for row in history if f'{kind}_{error}' in row]
        axes.plot([row['step'] for row in rows], [row[f'{kind}_{error}'] for row in rows],
                  label=label)
    axes.set(xlabel='step', ylabel=f'{error.removesuffix("_mm")}, drawn as in training [mm]',
             yscale='log')
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
