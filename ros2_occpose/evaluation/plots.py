"""Pictures of a benchmark: one colour a system, the same in all of them."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..types import Bools, Floats
from .benchmark import Outcome, Paths
from .calibration import STATED
from .scoring import Score

Axes: TypeAlias = Any              # of matplotlib

# Okabe and Ito, "Color universal design", 2008: told apart by everybody
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442')
_TRUTH = '#999999'
_MEAN_OF_STD = np.sqrt(8 / np.pi)      # mean length of an error of std 1 an axis, in 3D
_DPI = 130
_MOST_PANELS = 4
_LEAST_JOINTS = 500      # a mean over fewer says little


def draw_all(outcome: Outcome, folder: Path) -> list[Path]:
    """Write the pictures that the outcome has figures for."""
    pictures = {'by_occlusion.png': by_occlusion(outcome), 'calibration.png': calibration(outcome),
                'trajectories.png': trajectories(outcome.paths)}
    gaps = by_gap(outcome)
    if gaps is not None:
        pictures['by_gap.png'] = gaps
    for name, figure in pictures.items():
        FigureCanvasAgg(figure)
        figure.savefig(folder / name)
    return [folder / name for name in pictures]


def by_occlusion(outcome: Outcome) -> Figure:
    """PA-MPJPE against the share of joints that random masks hide, all and hidden joints."""
    figure, [panels] = _panels(2, share='row')
    for column, (axes, title) in enumerate(zip(panels, ('all joints', 'hidden joints'))):
        for system, colour in _coloured(outcome):
            levels = outcome.curve[system]
            values = [pair[column] for pair in levels.values()]
            axes.plot(list(levels), values, color=colour, marker='o', ms=4)
        axes.set(title=title, xlabel='joints hidden by random masks, K = 21 [%]')
    panels[0].set(ylabel='PA-MPJPE [mm]', ylim=(0, None))
    _legend(figure, outcome)
    return figure


def by_gap(outcome: Outcome) -> Figure | None:
    """Error of a joint against the time since it was seen, found and as stated; None: no gaps."""
    first = next(iter(outcome.scores.values()))
    protocols = [name for name, score in first.items() if len(score.by_gap) > 1][-_MOST_PANELS:]
    if not protocols:
        return None
    figure, [panels] = _panels(len(protocols), share='all')
    for axes, protocol in zip(panels, protocols):
        for system, colour in _coloured(outcome):
            gaps = [gap for gap in outcome.scores[system][protocol].by_gap
                    if gap.joints >= _LEAST_JOINTS]
            seconds = [gap.unseen_s for gap in gaps]
            axes.plot(seconds, [gap.error_mm for gap in gaps], color=colour, marker='o', ms=4)
            axes.plot(seconds, [gap.std_mm * _MEAN_OF_STD for gap in gaps], color=colour, ls='--')
        axes.set(title=protocol, xlabel='since the joint was seen [s]')
    panels[0].set(ylabel='mean error around the hip [mm]', xlim=(0, None), ylim=(0, None))
    _legend(figure, outcome, Line2D([], [], color='k', marker='o', ms=4, label='found'),
            Line2D([], [], color='k', ls='--', label='expected from the stated std'))
    return figure


def calibration(outcome: Outcome) -> Figure:
    """Share of errors found within the radius of a stated share; mean over the protocols."""
    figure, [panels] = _panels(2)
    for axes, title in zip(panels, ('visible joints', 'hidden joints')):
        axes.plot([0, 1], [0, 1], color=_TRUTH, lw=1)
        for share, either_way in ((0.68, 0.04), (0.95, 0.03)):
            axes.errorbar(share, share, either_way, color=_TRUTH, capsize=5, lw=3)
        for system, colour in _coloured(outcome):
            found = np.array([_found(score, title) for score in outcome.scores[system].values()])
            found = found[np.isfinite(found).all(1)]
            if len(found):
                axes.plot(STATED, found.mean(0), color=colour, marker='.')
        axes.set(title=title, xlabel='share that the std says is within', xlim=(0, 1),
                 ylim=(0, 1), aspect='equal')
    panels[0].set_ylabel('share found within')
    _legend(figure, outcome, Line2D([], [], color=_TRUTH, lw=3, label='goal'))
    return figure


def _found(score: Score, joints: str) -> Floats:
    return score.found if joints == 'visible joints' else score.found_hidden


def trajectories(paths: Paths) -> Figure:
    """The two scenes in which people go farthest, mostly unseen, from above; a panel a system."""
    way = np.linalg.norm(np.diff(paths.truth, axis=2), axis=-1) * paths.counts[:, :, 1:]
    interest = (way * np.where(paths.seen[:, :, 1:], 1, 4)).sum((1, 2))
    scenes = np.argsort(-interest, kind='stable')[:2]
    rows = -(-len(paths.said) // _MOST_PANELS)                 # of a scene
    columns = -(-len(paths.said) // rows)
    figure, panels = _panels(columns, rows=rows * len(scenes))
    for i, scene in enumerate(scenes):
        middle, half = _frame_of(paths, int(scene))
        block = panels[i * rows:(i + 1) * rows]
        for row in block:
            row[0].set_ylabel('y [m]')
        places = [axes for row in block for axes in row]
        for axes, (system, said) in zip(places, paths.said.items()):
            _draw_scene(axes, paths, said, int(scene))
            axes.set(title=system, aspect='equal', xlim=(middle[0] - half, middle[0] + half),
                     ylim=(middle[1] - half, middle[1] + half))
        for axes in places[len(paths.said):]:
            axes.set_axis_off()
    for axes in panels[-1]:
        axes.set_xlabel('x [m]')
    figure.legend(handles=[
        Line2D([], [], color=_TRUTH, lw=5, alpha=0.5, label='truth'),
        Line2D([], [], color='k', lw=1.6, label='estimate'),
        Line2D([], [], color='k', lw=1.6, ls=':', label='estimate, nothing seen'),
        Line2D([], [], color='k', marker='$\\rightarrow$', ls='', ms=10, label='to the camera')],
        frameon=False, fontsize=8, ncols=2, loc='outside lower center')
    figure.suptitle(f'Hips from above, protocol {paths.protocol}')
    return figure


def _frame_of(paths: Paths, scene: int) -> tuple[Floats, float]:
    """Middle (2,) and half width [m] of the square that shows what all systems say."""
    counted = paths.counts[scene]
    points = np.concatenate([path[scene][counted][:, :2]
                             for path in (paths.truth, *paths.said.values())])
    low, high = np.percentile(points, (0.5, 99.5), axis=0)
    return (low + high) / 2, float(0.6 * (high - low).max())


def _draw_scene(axes: Axes, paths: Paths, said: Floats, scene: int) -> None:
    counted = paths.counts[scene]
    for person in np.flatnonzero(counted.any(1)):
        there, seen = counted[person], paths.seen[scene, person]
        colour = COLOURS[person % len(COLOURS)]
        _draw_path(axes, paths.truth[scene, person], there, _TRUTH, lw=5, alpha=0.5)
        _draw_path(axes, said[scene, person], there & seen, colour, lw=1.6)
        _draw_path(axes, said[scene, person], there & ~seen, colour, lw=1.6, ls=':')
    away = (paths.camera[scene][counted.any(0)].mean(0) - paths.truth[scene][counted].mean(0))[:2]
    way = 0.06 * away / max(np.linalg.norm(away), 1e-9)
    axes.annotate('', xy=0.92 + way, xytext=0.92 - way, xycoords='axes fraction',
                  arrowprops={'arrowstyle': '->', 'color': 'k', 'lw': 1.5})


def _draw_path(axes: Axes, path: Floats, there: Bools, colour: str, **style: Any) -> None:
    """The parts of a path (T, 3) that are `there` (T,)."""
    shown = np.where(there[:, None], path, np.nan)
    axes.plot(shown[:, 0], shown[:, 1], color=colour, solid_capstyle='round', **style)


def _panels(columns: int, *, rows: int = 1,
            share: Literal['none', 'all', 'row'] = 'none') -> tuple[Figure, list[list[Axes]]]:
    figure = Figure(figsize=(1 + 3.6 * columns, 1.3 + 3.4 * rows), dpi=_DPI, layout='constrained')
    panels = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    for axes in panels.flat:
        axes.grid(alpha=0.25)
        axes.spines[['top', 'right']].set_visible(False)
    return figure, panels.tolist()


def _legend(figure: Figure, outcome: Outcome, *others: Line2D) -> None:
    """Names of the systems, and of other lines, below all panels."""
    handles = [Line2D([], [], color=colour, label=system) for system, colour in _coloured(outcome)]
    figure.legend(handles=[*handles, *others], frameon=False, fontsize=8, ncols=4,
                  loc='outside lower center')


def _coloured(outcome: Outcome) -> list[tuple[str, str]]:
    """Each system with its colour; of those that differ in the place only, the first."""
    lifters: dict[str, str] = {}        # lifter -> the first system that has it
    for system in outcome.scores:
        lifters.setdefault(system.partition('+')[0], system)
    return [(system, COLOURS[i % len(COLOURS)]) for i, system in enumerate(lifters.values())]
