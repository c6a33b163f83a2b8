"""Pictures of a comparison: ways from above, and errors over time."""
from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...types import Floats
from ..plots import COLOURS
from .comparison import Comparison
from .hiding import Since, errors_since
from .skeletons import HIP, SECOND_NS

Axes: TypeAlias = Any              # of matplotlib

_TRUTH = '#999999'
_DPI = 130
_MOST = 12                  # people that are drawn


def draw_all(found: Comparison, folder: Path, *, upright: bool) -> list[Path]:
    """Write all pictures.

    Args:
        found: The comparison.
        folder: It is there.
        upright: z of the recording is up; otherwise it is a camera's, y down.
    """
    pictures = {'trajectories.png': trajectories(found, upright=upright),
                'errors.png': over_time(found)}
    since = errors_since(found)
    if since is not None:
        pictures['since_seen.png'] = since_seen(since)
    for name, figure in pictures.items():
        FigureCanvasAgg(figure)
        figure.savefig(folder / name)
    return [folder / name for name in pictures]


def trajectories(found: Comparison, *, upright: bool) -> Figure:
    """Hips from above: truth in grey, what was said in the person's colour."""
    figure, [axes] = _panels(1, (5.5, 5.5))
    across, along = (0, 1) if upright else (0, 2)
    for person, name in enumerate(found.reference.people[:_MOST]):
        colour = COLOURS[person % len(COLOURS)]
        truth = _where(found, found.truth[:, person, HIP], person)
        axes.plot(truth[:, across], truth[:, along], color=_TRUTH, lw=4, alpha=0.5)
        said = _where(found, found.predicted[:, person, HIP], person)
        axes.plot(said[:, across], said[:, along], color=colour, lw=1.5, label=name)
    axes.plot([], [], color=_TRUTH, lw=4, alpha=0.5, label='reference')
    axes.set(aspect='equal', xlabel=f'{"xyz"[across]} [m]', ylabel=f'{"xyz"[along]} [m]',
             title='Hips from above')
    axes.legend(frameon=False, fontsize=8)
    return figure


def over_time(found: Comparison) -> Figure:
    """Error of the root, and around it, of each person; grey where most of them is hidden."""
    figure, panels = _panels(2, (8.0, 5.0))
    # Every person against the time since the beginning, or its last start.
    seconds = (found.stamps_ns - found.stamps_ns.min()) / SECOND_NS
    rows = ((found.errors.root_m, 'root error [m]'),
            (_mean(found.errors.mpjpe_mm), 'around the hip [mm]'))
    for axes, (values, title) in zip(panels, rows):
        for person, name in enumerate(found.reference.people[:_MOST]):
            axes.plot(seconds, values[:, person], lw=1.2, label=name,
                      color=COLOURS[person % len(COLOURS)])
            _shade(axes, found, seconds, person)
        axes.set(ylabel=title, ylim=(0, None))
    panels[-1].set_xlabel('time [s]')
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def draw_since(since: Since, path: Path) -> None:
    """Write the picture of errors by the time since something was seen."""
    figure = since_seen(since)
    FigureCanvasAgg(figure)
    figure.savefig(path)


def since_seen(since: Since) -> Figure:
    """Errors of joints and hips by the time since they were seen."""
    figure, [axes] = _panels(1, (6.0, 3.6))
    at = np.arange(len(since.from_s))
    names = ['seen' if high <= 0 else f'{low:g}–{high:g} s'
             for low, high in zip(since.from_s, since.to_s)]
    axes.plot(at, since.joint_m, marker='o', label='joint, since it was seen')
    axes.plot(at, since.around_hip_mm / 1e3, marker='o', label='the same around the hip')
    axes.plot(at, since.root_m, marker='o', label='hip, since anything was seen')
    axes.set_xticks(at, names)
    axes.set(ylabel='error [m]', xlabel='time since seen', ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    return figure


def _shade(axes: Axes, found: Comparison, seconds: Floats, person: int) -> None:
    if found.hidden is not None:
        hidden = found.hidden[:, person].mean(-1) >= 0.5
        axes.fill_between(seconds, 0, 1, where=hidden & found.expected[:, person], lw=0,
                          transform=axes.get_xaxis_transform(), alpha=0.08,
                          color=COLOURS[person % len(COLOURS)])


def _where(found: Comparison, path: Floats, person: int) -> Floats:
    return np.where(found.expected[:, person, None], path, np.nan)


def _mean(values: Floats) -> Floats:
    """Over the joints that have one, (T, P, 17) -> (T, P); NaN where none has."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(-1)
    return np.where(known.any(-1), total / np.maximum(known.sum(-1), 1), np.nan)


def _panels(rows: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, dpi=_DPI, layout='constrained')
    panels = figure.subplots(rows, 1, squeeze=False, sharex=True)[:, 0].tolist()
    for axes in panels:
        axes.grid(alpha=0.25)
        axes.spines[['top', 'right']].set_visible(False)
    return figure, panels
