"""The outcome of a benchmark as JSON and as Markdown."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from .benchmark import Outcome
from .calibration import STATED
from .scoring import Figures, Score

Json: TypeAlias = Any

_DIGITS = {'root_error_m': 4, 'within_1_std': 4, 'within_2_std': 4}      # others: 2
_MEANINGS = (
    'Over 17 joints (h36m17, the hip included); in brackets: over hidden joints only. MPJPE: mm '
    'around the hip. PA-MPJPE: mm after similarity alignment of each frame. Scale: mm in the '
    'camera frame with the global trajectory, one scale a sequence (protocol 2 of the gated '
    'convolution paper). Accel: mm/frame^2 at 30 Hz. Root: metres in the world, not aligned. Std: '
    'share of the visible joints within 1.88 and 2.80 of the stated std (ideally 0.68 and 0.95), '
    'the hip left out; in brackets of the hidden joints. Hidden: share of the coco17 joints. '
    'Frames count while something of the person was seen in the last 2.5 s.')

_CALIBRATION = ('Share of the joints within 1.88 and 2.80 of the stated std, mean over the '
                'protocols; ideally 0.68 and 0.95.')


@dataclass(frozen=True)
class Goal:
    """A ratio of two systems that is to be at most something."""

    system: str
    to: str
    protocol: str
    metric: str
    at_most: float
    why: str


GOALS = (
    Goal('gated', 'plain', 'random50', 'pa_mpjpe_mm', 0.83, 'the paper: 43.8 / 53.2'),
    Goal('gated', 'plain', 'random25', 'pa_mpjpe_mm', 0.97, 'the paper: 39.2 / 40.3'),
    Goal('gated', 'plain', 'clean', 'pa_mpjpe_mm', 1.02, 'the paper: 37.2 / 36.5'),
    Goal('gated', 'gated+learned_trajectory', 'random50', 'scale_mm', 0.88,
         'the paper: 73.2 / 83.4, eq. 9 against a learned trajectory'),
    Goal('gated', 'plain+learned_trajectory', 'random50', 'scale_mm', 0.88,
         'the paper: 73.2 / 83.4, whole systems'),
    Goal('gated', 'plain_masked', 'random50', 'pa_mpjpe_mm', 0.95,
         'the same training with masks, without gates'),
    Goal('gated_causal', 'gated', 'random50', 'pa_mpjpe_mm', 1.12, 'the price of no future'),
)


def results(outcome: Outcome) -> dict[str, Json]:
    """The parts of results.json that the outcome gives; NaN is null."""
    return {
        'results': {system: {protocol: _protocol(outcome, system, protocol) for protocol in scores}
                    for system, scores in outcome.scores.items()},
        'by_occlusion': {
            system: [{'percent_hidden': percent, 'pa_mpjpe_mm': _round(pa, 2),
                      'hidden': {'pa_mpjpe_mm': _round(hidden, 2)}}
                     for percent, (pa, hidden) in curve.items()]
            for system, curve in outcome.curve.items()},
        'ratios': [{**asdict(goal), 'value': round(value, 3)}
                   for goal, value in _ratios(outcome)]}


def _protocol(outcome: Outcome, system: str, protocol: str) -> dict[str, Json]:
    score = outcome.scores[system][protocol]
    ids = outcome.ids[system].get(protocol)
    stated = [_round(float(share), 2) for share in STATED]
    return {
        **_figures(score.all),
        **({} if ids is None else {'idf1': _round(ids.idf1, 4), 'mota': _round(ids.mota, 4),
                                   'id_switches': ids.id_switches}),
        'hidden': _figures(score.hidden), 'visible': _figures(score.visible),
        'share_hidden': _round(score.share_hidden, 4), 'frames': score.frames,
        'by_gap': [{'unseen_s': _round(gap.unseen_s, 3), 'error_mm': _round(gap.error_mm, 2),
                    'std_mm': _round(gap.std_mm, 2), 'joints': gap.joints}
                   for gap in score.by_gap],
        'calibration': {
            'stated': stated, 'visible': [_round(float(s), 4) for s in score.found],
            'hidden': [_round(float(s), 4) for s in score.found_hidden]}}


def _figures(figures: Figures) -> dict[str, float | None]:
    return {name: _round(value, _DIGITS.get(name, 2)) for name, value in asdict(figures).items()}


def _round(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _ratios(outcome: Outcome) -> list[tuple[Goal, float]]:
    """Of the goals, those whose systems and protocol were part of the run."""
    found = []
    for goal in GOALS:
        scores = [outcome.scores.get(name, {}).get(goal.protocol)
                  for name in (goal.system, goal.to)]
        if scores[0] is not None and scores[1] is not None:
            one, other = (getattr(score.all, goal.metric) for score in scores if score)
            found.append((goal, one / other))
    return found


def markdown(outcome: Outcome, about: Mapping[str, str]) -> str:
    """All tables of a run.

    Args:
        outcome: Of the run.
        about: What it was, e.g. {'Command': '`occpose ...`'}.
    """
    parts = ['# Benchmark', '', *(f'- {name}: {text}' for name, text in about.items()), '',
             _MEANINGS, '', *_main_table(outcome), '', '## Calibration', '', _CALIBRATION, '',
             *_calibration_table(outcome)]
    if any(outcome.ids.values()):
        parts += ['', '## Several people', '', *_id_table(outcome)]
    ratios = _ratios(outcome)
    if ratios:
        parts += ['', '## Ratios', '', *_ratio_table(ratios)]
    return '\n'.join(parts) + '\n'


def _main_table(outcome: Outcome) -> list[str]:
    head = ('protocol', 'hidden', 'system', 'MPJPE', 'PA-MPJPE', 'scale', 'accel', 'root [m]',
            'std, 1.88', 'std, 2.80')
    rows = [(protocol, f'{100 * score.share_hidden:.0f} %', system, *_cells(score))
            for protocol in next(iter(outcome.scores.values()))
            for system, score in ((s, scores[protocol]) for s, scores in outcome.scores.items())]
    return table(head, rows)


def _cells(score: Score) -> tuple[str, ...]:
    pairs = [(score.all, name, form) for name, form in (
        ('mpjpe_mm', '.1f'), ('pa_mpjpe_mm', '.1f'), ('scale_mm', '.1f'), ('accel_mm', '.1f'),
        ('root_error_m', '.3f'))]
    pairs += [(score.visible, name, '.2f') for name in ('within_1_std', 'within_2_std')]
    return tuple(_pair(getattr(figures, name), getattr(score.hidden, name), form)
                 for figures, name, form in pairs)


def _pair(value: float, hidden: float, form: str) -> str:
    said = '–' if math.isnan(value) else format(value, form)
    return said if math.isnan(hidden) else f'{said} ({format(hidden, form)})'


def _calibration_table(outcome: Outcome) -> list[str]:
    rows = [(system, *(form for group in ('visible', 'hidden')
                       for form in _mean_shares(outcome, system, group)))
            for system in outcome.scores]
    return table(('system', 'visible, 1.88', 'visible, 2.80', 'hidden, 1.88', 'hidden, 2.80'),
                  rows)


def _mean_shares(outcome: Outcome, system: str, group: str) -> tuple[str, ...]:
    """Within 1.88 and 2.80 std, of 'visible' or 'hidden' joints; protocols that have such."""
    figures = [getattr(score, group) for score in outcome.scores[system].values()]
    found = [(f.within_1_std, f.within_2_std) for f in figures if math.isfinite(f.within_1_std)]
    return tuple(f'{sum(column) / len(column):.3f}' for column in zip(*found)) or ('–', '–')


def _id_table(outcome: Outcome) -> list[str]:
    rows = [(protocol, system, f'{ids.idf1:.3f}', f'{ids.mota:.3f}', str(ids.id_switches))
            for system, scores in outcome.ids.items() for protocol, ids in scores.items()]
    return table(('protocol', 'system', 'IDF1', 'MOTA', 'id switches'), sorted(rows))


def _ratio_table(ratios: list[tuple[Goal, float]]) -> list[str]:
    rows = [(f'{goal.system} / {goal.to}', goal.protocol, goal.metric, f'{value:.3f}',
             f'{goal.at_most:.2f}', 'yes' if value <= goal.at_most else 'no', goal.why)
            for goal, value in ratios]
    return table(('ratio', 'protocol', 'of', 'found', 'goal: at most', 'reached', ''), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table in Markdown."""
    return [f'| {" | ".join(row)} |' for row in (head, ('---',) * len(head), *rows)]
