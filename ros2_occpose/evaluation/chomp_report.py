"""The ablation of CHOMP as JSON and as Markdown."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias

import numpy as np

from .ablation_report import Verdict
from .chomp import CURVE, LEVELS, PROTOCOLS, TITLES, Errors, Outcome
from .report import table

Json: TypeAlias = Any
# The paper's Table 4 on OcMotion: MPJPE, PA-MPJPE, PVE [mm] and acceleration error [mm/frame^2].
PAPER = dict(zip(TITLES, (
    (70.5, 44.8, 79.6, 40.6), (72.6, 45.4, 80.1, 27.4), (65.4, 41.1, 76.4, 40.4),
    (63.6, 39.8, 73.7, 38.6), (66.7, 43.2, 78.9, 37.1), (58.2, 36.1, 67.5, 36.4),
    (58.3, 36.1, 67.1, 23.2), (40.5, 23.8, 45.5, 16.3))))
_PAPER_SIZE = '19.2 M, 0.49 G'
_LAYER, _CONSTANT, _PRIOR, _SMOOTH = range(3, 7)       # rows that goals are about
_MEANINGS = (
    'MPJPE and PA-MPJPE in mm over 17 joints (h36m17), PVE in mm over all vertices of the body, '
    'the middles of the hips on each other, in every fifth frame; Accel in mm/frame^2 at 30 Hz. '
    'In brackets: of hidden joints only. LSP: MPJPE and PA-MPJPE over the 14 joints of the paper, '
    'around the middle of the hips. True bodies have the shape that comes closest to the bones of '
    'the recording; `true bodies` says how far their own joints are off the true ones, the '
    'postures being the recorded ones. Spread: largest less smallest MPJPE over the seeds. The '
    "paper's figures are of real video at 10 Hz.")


@dataclass(frozen=True, kw_only=True)
class RowScore:
    """Means over the seeds of one row, by protocol."""

    row: int
    seeds: int
    errors: dict[str, Errors]
    spread_mm: dict[str, float]

    @property
    def title(self) -> str:
        """Of the row."""
        return TITLES[self.row]

    def mean(self, name: str) -> float:
        """A field of `Errors`, mean over the protocols."""
        return float(np.mean([getattr(errors, name) for errors in self.errors.values()]))


def row_scores(outcome: Outcome) -> list[RowScore]:
    """One for each row that was judged, in the order of the table."""
    scores = []
    for row in range(len(TITLES)):
        runs = [found for (number, _), found in sorted(outcome.errors.items()) if number == row]
        if runs:
            scores.append(RowScore(
                row=row, seeds=len(runs),
                errors={p: _mean_errors([run[p] for run in runs]) for p in PROTOCOLS},
                spread_mm={p: float(np.ptp([run[p].mpjpe_mm for run in runs]))
                           for p in PROTOCOLS}))
    return scores


def _mean_errors(many: Sequence[Errors]) -> Errors:
    return Errors(**{f.name: float(np.mean([getattr(one, f.name) for one in many]))
                     for f in fields(Errors)})


def verdicts(outcome: Outcome) -> list[Verdict]:
    """Of the goals, those whose rows are there."""
    scores = {score.row: score for score in row_scores(outcome)}
    found = []
    for row, to, metric, most, paper in (
            (_PRIOR, _LAYER, 'mpjpe_mm', 0.915, '58.2 / 63.6'),
            (_PRIOR, _CONSTANT, 'mpjpe_mm', 0.88, '58.2 / 66.7'),
            (_SMOOTH, _PRIOR, 'accel_mm', 0.667, '23.2 / 36.4'),
            (_SMOOTH, _PRIOR, 'mpjpe_mm', 1.005, '58.3 / 58.2')):
        if row in scores and to in scores:
            ratio = scores[row].mean(metric) / scores[to].mean(metric)
            each = ', '.join(
                f'{p}: {_ratio(scores[row], scores[to], p, metric):.3f}' for p in PROTOCOLS)
            name = metric.removesuffix('_mm').replace('mpjpe', 'MPJPE')
            found.append(Verdict(
                goal=f'{name} of {TITLES[row]} at most {most} of {TITLES[to]} '
                     f'(the paper: {paper})',
                found=f'{ratio:.3f} ({each})', reached=ratio <= most))
    steep = {row: rise for row in CURVE if (rise := _rise(outcome, row)) is not None}
    if _PRIOR in steep:
        for row in [row for row in steep if row != _PRIOR]:
            found.append(Verdict(
                goal=f'{LEVELS[0]} to {LEVELS[-1]} % hidden cost {TITLES[_PRIOR]} less than '
                     f'{TITLES[row]} (figure 7)',
                found=f'{steep[_PRIOR]:+.1f} mm against {steep[row]:+.1f} mm',
                reached=steep[_PRIOR] < steep[row]))
    return found


def _ratio(score: RowScore, to: RowScore, protocol: str, metric: str) -> float:
    return float(getattr(score.errors[protocol], metric) / getattr(to.errors[protocol], metric))


def _rise(outcome: Outcome, row: int) -> float | None:
    """MPJPE at the most hidden joints less that at the fewest, mean over seeds; None: unknown."""
    curve = mean_curve(outcome, row)
    return None if curve is None else float(curve[-1] - curve[0])


def mean_curve(outcome: Outcome, row: int) -> np.ndarray | None:
    """MPJPE at each of `LEVELS`, mean over the seeds, (6,) [mm]; None: not measured."""
    runs = [curve for (number, _), curve in outcome.curves.items() if number == row]
    if not runs:
        return None
    return np.mean([[curve[percent][0] for percent in LEVELS] for curve in runs], 0)


def results(outcome: Outcome) -> dict[str, Json]:
    """The parts of results.json that the outcome gives."""
    return {
        'rows': [{'row': score.title, 'seeds': score.seeds, 'paper': PAPER[score.title],
                  **_size(outcome, score.row),
                  'protocols': {p: {**_rounded(asdict(score.errors[p])),
                                    'spread_mm': round(score.spread_mm[p], 2)}
                                for p in PROTOCOLS}}
                 for score in row_scores(outcome)],
        'runs': [{'row': TITLES[row], 'seed': seed,
                  **{p: _rounded(asdict(errors)) for p, errors in run.items()}}
                 for (row, seed), run in sorted(outcome.errors.items())],
        'curves': [{'row': TITLES[row], 'seed': seed, 'mpjpe_mm': {
            str(percent): _rounded({'all': every, 'hidden': hidden})
            for percent, (every, hidden) in curve.items()}}
            for (row, seed), curve in sorted(outcome.curves.items())],
        'share_hidden': {name: round(share, 4) for name, share in outcome.shares.items()},
        'true_bodies': _rounded(asdict(outcome.floor)),
        'goals': [asdict(verdict) for verdict in verdicts(outcome)]}


def _size(outcome: Outcome, row: int) -> dict[str, Json]:
    return asdict(outcome.costs[row])


def _rounded(values: Mapping[str, float]) -> dict[str, Json]:
    return {name: round(value, 2) if math.isfinite(value) else None
            for name, value in values.items()}


def markdown(outcome: Outcome, about: Mapping[str, str]) -> str:
    """All tables of a run.

    Args:
        outcome: Of the run.
        about: What it was, e.g. {'Command': '`occpose ...`'}.
    """
    scores = row_scores(outcome)
    parts = ['# Ablation of CHOMP', '', *(f'- {name}: {text}' for name, text in about.items()),
             '', _MEANINGS]
    for protocol in PROTOCOLS:
        rows = [_row(score, protocol) for score in scores]
        if protocol == 'object':
            rows.append(('true bodies', '–', *_cells(outcome.floor), '–', '–'))
        parts += ['', f'## {protocol}', '',
                  f'{100 * outcome.shares[protocol]:.0f} % of the joints are hidden.', '',
                  *table(('row', 'seeds', 'MPJPE', 'PA-MPJPE', 'PVE', 'Accel', 'LSP', 'spread',
                          'the paper: MPJPE, PA-MPJPE, PVE, Accel'), rows)]
    parts += ['', '## Goals', '', 'Means of both protocols.', '',
              *table(('goal', 'found', 'reached'),
                     [(v.goal, v.found, 'yes' if v.reached else 'no') for v in verdicts(outcome)])]
    if outcome.curves:
        parts += ['', '## Sensitivity to occlusion', '',
                  'MPJPE in mm where things of just the size for it hide so many of the joints, '
                  'on top of what the detector loses.', '', *_curve_table(outcome)]
    parts += ['', '## Size', '', *_size_table(outcome, scores)]
    return '\n'.join(parts) + '\n'


def _row(score: RowScore, protocol: str) -> tuple[str, ...]:
    spread = f'{score.spread_mm[protocol]:.1f}' if score.seeds > 1 else '–'
    paper = ', '.join(f'{value:.1f}' for value in PAPER[score.title])
    return (score.title, str(score.seeds), *_cells(score.errors[protocol]), spread, paper)


def _cells(errors: Errors) -> tuple[str, ...]:
    def pair(all_joints: float, hidden: float) -> str:
        return f'{all_joints:.1f}' + (f' ({hidden:.1f})' if math.isfinite(hidden) else '')

    return (pair(errors.mpjpe_mm, errors.hidden_mpjpe_mm),
            pair(errors.pa_mpjpe_mm, errors.hidden_pa_mpjpe_mm), f'{errors.pve_mm:.1f}',
            pair(errors.accel_mm, errors.hidden_accel_mm),
            f'{errors.lsp_mpjpe_mm:.1f}, {errors.lsp_pa_mpjpe_mm:.1f}')


def _curve_table(outcome: Outcome) -> list[str]:
    rows = [(TITLES[row], *(f'{value:.1f}' for value in curve))
            for row in CURVE if (curve := mean_curve(outcome, row)) is not None]
    return table(('row', *(f'{percent} %' for percent in LEVELS)), rows)


def _size_table(outcome: Outcome, scores: Sequence[RowScore]) -> list[str]:
    rows = []
    for score in scores:
        cost = outcome.costs[score.row]
        frame = cost.multiply_adds / cost.frames
        rows.append((score.title, f'{cost.parameters / 1e6:.2f} M',
                     f'{cost.multiply_adds / 1e9:.3f} G', f'{frame / 1e6:.1f} M', _PAPER_SIZE))
    frames = next(iter(outcome.costs.values())).frames
    return table(('row', 'parameters', f'multiply-adds of {frames} frames', 'of one',
                  'the paper: the lifting network'), rows)
