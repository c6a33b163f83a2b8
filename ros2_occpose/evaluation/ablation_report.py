"""The ablation as JSON, as Markdown and as plots."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ..training.occlusion_rows import ROWS, THRESHOLD
from .ablation import PROTOCOLS, Ablation, Errors
from .report import table

Json: TypeAlias = Any
# The paper's Table 2, protocol 1 and 2 on Human3.6M [mm].
PAPER = dict(zip(ROWS, ((54.0, 42.1), (51.7, 40.5), (46.3, 35.4), (45.8, 34.8), (45.1, 34.3),
                        (44.8, 34.1), (42.9, 32.8))))
_TRAINED_FRAMES = 128
_MEANINGS = (
    'MPJPE and PA-MPJPE in mm over 17 joints, mean of the protocols `random25` and `self`; in '
    'brackets of hidden joints. Every network gets all joints as the detector states them, hidden '
    'ones guessed; from the third row on without those whose score is below '
    f'{THRESHOLD}. Spread: largest less smallest over the seeds.')


@dataclass(frozen=True, kw_only=True)
class RowScore:
    """Means over protocols and seeds [mm]."""

    row: str
    seeds: int
    mpjpe_mm: float
    spread_mm: float
    pa_mpjpe_mm: float
    hidden_mpjpe_mm: float
    hidden_pa_mpjpe_mm: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A goal of ours and what was found."""

    goal: str
    found: str
    reached: bool


def row_scores(outcome: Ablation) -> list[RowScore]:
    """One for each row that has a network, in the order of the table."""
    scores = []
    for row in ROWS:
        runs = [protocols for (name, _), protocols in outcome.errors.items() if name == row]
        if not runs:
            continue
        means = np.array([_means(run) for run in runs])                        # (seeds, 4)
        mpjpe, pa, hidden, hidden_pa = means.mean(0).tolist()
        scores.append(RowScore(
            row=row, seeds=len(runs), mpjpe_mm=mpjpe, spread_mm=float(np.ptp(means[:, 0])),
            pa_mpjpe_mm=pa, hidden_mpjpe_mm=hidden, hidden_pa_mpjpe_mm=hidden_pa))
    return scores


def _means(run: Mapping[str, Errors]) -> tuple[float, ...]:
    columns = [(e.mpjpe_mm.mean(), e.pa_mpjpe_mm.mean(), e.mpjpe_mm[e.hidden].mean(),
                e.pa_mpjpe_mm[e.hidden].mean()) for e in run.values()]
    return tuple(float(np.mean(column)) for column in zip(*columns))


def verdicts(scores: Sequence[RowScore]) -> list[Verdict]:
    """Of the goals, those whose rows are there; spreads of single runs are those of others."""
    by_row = {score.row: score for score in scores}
    first, second, third, *_, last = ROWS
    found = []
    for row, to, most, paper in ((last, first, 0.80, '42.9 / 54.0'),
                                 (third, second, 0.90, '46.3 / 51.7')):
        if row in by_row and to in by_row:
            ratio = by_row[row].mpjpe_mm / by_row[to].mpjpe_mm
            found.append(Verdict(goal=f'{row} at most {most:.2f} of {to} (the paper: {paper})',
                                 found=f'{ratio:.3f}', reached=ratio <= most))
    usual = max((score.spread_mm for score in scores), default=0.0)
    for before, after in pairwise(scores):
        # a row with one seed may as well have been as lucky as any other
        spread = max(score.spread_mm if score.seeds > 1 else usual for score in (before, after))
        step = after.mpjpe_mm - before.mpjpe_mm
        found.append(Verdict(
            goal=f'{after.row} not worse than {before.row} by more than the spread',
            found=f'{step:+.1f} mm, spread {spread:.1f} mm', reached=step <= spread))
    return found


def results(outcome: Ablation) -> dict[str, Json]:
    """The parts of results.json that the outcome gives."""
    scores = row_scores(outcome)
    return {
        'rows': [{**_rounded(asdict(score)), 'paper_mm': PAPER[score.row]} for score in scores],
        'runs': [{'row': row, 'seed': seed, **{
            protocol: dict(zip(('mpjpe_mm', 'pa_mpjpe_mm', 'hidden_mpjpe_mm',
                                'hidden_pa_mpjpe_mm'),
                               np.round(_means({protocol: errors}), 2).tolist()))
            for protocol, errors in run.items()}}
            for (row, seed), run in sorted(outcome.errors.items(),
                                           key=lambda item: (list(ROWS).index(item[0][0]),
                                                             item[0][1]))],
        'goals': [asdict(verdict) for verdict in verdicts(scores)],
        'worst': {protocol: _rounded(asdict(worst)) for protocol, worst in outcome.worst.items()},
        'windows': {str(n): _pairs(found) for n, found in outcome.windows.items()},
        'thresholds': {str(b): _pairs(found) for b, found in outcome.thresholds.items()},
        'removed': {str(b): {'of_hidden': round(hidden, 4), 'of_visible': round(visible, 4)}
                    for b, (hidden, visible) in outcome.removed.items()}}


def _rounded(values: Mapping[str, Any]) -> dict[str, Json]:
    return {name: round(float(value), 2) if isinstance(value, float) else value
            for name, value in values.items()}


def _pairs(found: Mapping[str, tuple[float, float]]) -> dict[str, Json]:
    return {protocol: {'mpjpe_mm': round(mpjpe, 2), 'pa_mpjpe_mm': round(pa, 2)}
            for protocol, (mpjpe, pa) in found.items()}


def markdown(outcome: Ablation, about: Mapping[str, str]) -> str:
    """All tables of a run."""
    scores = row_scores(outcome)
    rows = [(s.row, str(s.seeds), f'{s.mpjpe_mm:.1f} ({s.hidden_mpjpe_mm:.1f})',
             f'{s.spread_mm:.1f}' if s.seeds > 1 else '–',
             f'{s.pa_mpjpe_mm:.1f} ({s.hidden_pa_mpjpe_mm:.1f})',
             f'{s.mpjpe_mm / scores[0].mpjpe_mm:.3f}',
             f'{PAPER[s.row][0]:.1f}', f'{PAPER[s.row][0] / PAPER[scores[0].row][0]:.3f}')
            for s in scores]
    parts = ['# Ablation', '', *(f'- {name}: {text}' for name, text in about.items()), '',
             _MEANINGS, '', *table(('row', 'seeds', 'MPJPE', 'spread', 'PA-MPJPE',
                                    f'of {scores[0].row}', 'the paper', 'of its first'), rows),
             '', '## Goals', '', *table(('goal', 'found', 'reached'), [
                 (v.goal, v.found, 'yes' if v.reached else 'no') for v in verdicts(scores)])]
    if outcome.worst:
        parts += ['', '## The joints that err most', '',
                  '1 % of the joints, by their error without awareness (second row).', '',
                  *table(('protocol', 'joints', 'without', 'the same, aware',
                          'those that err most, aware'),
                         [(protocol, str(w.joints), f'{w.error_mm:.0f}', f'{w.same_mm:.0f}',
                           f'{w.own_mm:.0f}') for protocol, w in outcome.worst.items()])]
    if outcome.windows:
        parts += ['', '## Window and threshold', '', *_sweep_table('frames', outcome.windows)]
    if outcome.thresholds:
        parts += ['', *_sweep_table('threshold', outcome.thresholds, outcome.removed)]
    return '\n'.join(parts) + '\n'


def _sweep_table(name: str, found: Mapping[Any, Mapping[str, tuple[float, float]]],
                 removed: Mapping[float, tuple[float, float]] | None = None) -> list[str]:
    head = [name, *(f'{protocol}, {metric}' for protocol in PROTOCOLS
                    for metric in ('MPJPE', 'PA-MPJPE'))]
    rows = [[str(key), *(f'{value:.1f}' for protocol in PROTOCOLS for value in values[protocol])]
            for key, values in found.items()]
    if removed is not None:
        head += ['removed of the hidden', 'of the visible']
        for row, shares in zip(rows, (removed[key] for key in found)):
            row += [f'{100 * share:.0f} %' for share in shares]
    return table(tuple(head), [tuple(row) for row in rows])


def draw_all(outcome: Ablation, folder: Path) -> None:
    """Rows, worst joints, windows and thresholds as pictures."""
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout='constrained')
    _draw_rows(axes[0], row_scores(outcome))
    _draw_worst(axes[1], outcome)
    figure.savefig(folder / 'ablation.png', dpi=120)
    if outcome.windows:
        _draw_sweeps(outcome, folder)
    plt.close('all')


def _draw_sweeps(outcome: Ablation, folder: Path) -> None:
    """Error against the length of windows and against the threshold."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 3.8), layout='constrained')
    for axis, found, label, trained in (
            (axes[0], outcome.windows, 'frames of a window', _TRAINED_FRAMES),
            (axes[1], outcome.thresholds, 'threshold b', THRESHOLD)):
        for protocol in PROTOCOLS:
            for column, style, metric in ((0, '-o', 'MPJPE'), (1, '--s', 'PA-MPJPE')):
                axis.plot(list(found), [v[protocol][column] for v in found.values()], style,
                          markersize=4, label=f'{protocol}, {metric}')
        axis.axvline(trained, color='0.6', linewidth=1)
        axis.set(xlabel=f'{label} (grey: in training)', ylabel='error [mm]')
        axis.grid(alpha=0.3)
    axes[0].set_xscale('log', base=2)
    axes[0].set_xticks(list(outcome.windows), [str(n) for n in outcome.windows])
    axes[0].legend(fontsize=8)
    figure.savefig(folder / 'sweeps.png', dpi=120)


def _draw_rows(axis: Any, scores: Sequence[RowScore]) -> None:
    """Error of each row over the first one's, and the paper's."""
    at = np.arange(len(scores))
    ours = [s.mpjpe_mm / scores[0].mpjpe_mm for s in scores]
    bars = [s.spread_mm / scores[0].mpjpe_mm / 2 for s in scores]
    axis.errorbar(at, ours, bars, marker='o', capsize=3, label='here, spread of the seeds')
    axis.plot(at, [PAPER[s.row][0] / PAPER[scores[0].row][0] for s in scores], marker='s',
              label='the paper', color='0.6')
    axis.axhline(0.8, color='tab:red', linewidth=1, linestyle=':', label='goal of the last')
    axis.set(ylabel=f'MPJPE over that of the {scores[0].row}')
    axis.grid(alpha=0.3)
    axis.set_xticks(at, [s.row for s in scores], rotation=35, ha='right', fontsize=8)
    axis.legend(fontsize=8)


def _draw_worst(axis: Any, outcome: Ablation) -> None:
    """The 1 % of the joints that err most, without awareness and with it."""
    at = np.arange(len(outcome.worst))
    for k, (name, label) in enumerate((('error_mm', 'without awareness'),
                                       ('same_mm', 'the same joints, aware'),
                                       ('own_mm', 'those that err most, aware'))):
        axis.bar(at + 0.25 * (k - 1), [getattr(w, name) for w in outcome.worst.values()], 0.25,
                 label=label)
    axis.set(ylabel='error of the worst 1 % [mm]')
    axis.margins(y=0.3)                    # room for the legend
    axis.set_xticks(at, list(outcome.worst))
    if outcome.worst:
        axis.legend(fontsize=8)
