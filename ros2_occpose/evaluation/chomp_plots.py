"""Pictures of the ablation of CHOMP: its rows, and figure 7 of the paper."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .chomp import CURVE, LEVELS, PROTOCOLS, TITLES, Outcome
from .chomp_report import PAPER, mean_curve, row_scores
from .plots import COLOURS

_DPI = 130


def draw_all(outcome: Outcome, folder: Path) -> list[Path]:
    """Write the pictures that the outcome has figures for."""
    pictures = {'rows.png': _rows(outcome)}
    if outcome.curves:
        pictures['occlusion.png'] = _curves(outcome)
    for name, figure in pictures.items():
        FigureCanvasAgg(figure)
        figure.savefig(folder / name)
    return [folder / name for name in pictures]


def _rows(outcome: Outcome) -> Figure:
    """Error of each row over the first one's, in both protocols and in the paper."""
    scores = row_scores(outcome)
    at = np.arange(len(scores))
    figure = Figure(figsize=(11, 4.6), dpi=_DPI, layout='constrained')
    for axes, metric, column, title in zip(
            figure.subplots(1, 2), ('mpjpe_mm', 'accel_mm'), (0, 3),
            ('MPJPE', 'error of the acceleration')):
        bars = {protocol: [getattr(score.errors[protocol], metric) for score in scores]
                for protocol in PROTOCOLS}
        bars['the paper'] = [PAPER[score.title][column] for score in scores]
        for k, (name, values) in enumerate(bars.items()):
            colour = '0.75' if name == 'the paper' else COLOURS[k]
            axes.bar(at + 0.27 * (k - 1), np.array(values) / values[0], 0.27, label=name,
                     color=colour)
        axes.set_xticks(at, [score.title for score in scores], rotation=30, ha='right',
                        fontsize=8)
        axes.set(title=title, ylabel=f'over that of {scores[0].title}')
        axes.spines[['top', 'right']].set_visible(False)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), fontsize=8, frameon=False,
                  ncols=len(PROTOCOLS) + 1, loc='outside upper center')
    return figure


def _curves(outcome: Outcome) -> Figure:
    """MPJPE against the share of the joints that things hide, and its rise."""
    figure = Figure(figsize=(9, 4.2), dpi=_DPI, layout='constrained')
    errors, rise = figure.subplots(1, 2)
    for row, colour in zip(CURVE, COLOURS):
        curve = mean_curve(outcome, row)
        if curve is None:
            continue
        for axes, values in ((errors, curve), (rise, curve - curve[0])):
            axes.plot(LEVELS, values, color=colour, marker='o', ms=4, label=TITLES[row])
    errors.set(ylabel='MPJPE [mm]')
    rise.set(ylabel='MPJPE over that with nothing hidden [mm]')
    for axes in (errors, rise):
        axes.set(xlabel='joints hidden by things [%]')
        axes.grid(alpha=0.25)
        axes.spines[['top', 'right']].set_visible(False)
    errors.legend(fontsize=8, frameon=False)
    return figure
