"""The rendered scenes as JSON and as Markdown."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from ..synth.suite import SuiteScene
from .bag.comparison import Comparison
from .bag.hiding import LONGEST_S, NEAR_M
from .bag.report import results as results_of_one
from .bag.report import since_rows, table
from .rendered import TRUE_POSE, Summary, pooled_since, summary

Json: TypeAlias = Any

# name in results.json -> title, form
_COLUMNS = {
    'w_mpjpe_mm': ('W-MPJPE [mm]', '.0f'), 'wa_mpjpe_mm': ('WA-MPJPE [mm]', '.0f'),
    'pa_mpjpe_mm': ('PA-MPJPE [mm]', '.0f'), 'hidden_mpjpe_mm': ('hidden joints [mm]', '.0f'),
    'root_median_m': (f'root, median within {NEAR_M:g} m [m]', '.3f'),
    'root_error_m': ('root, mean [m]', '.3f'), 'rte_percent': ('RTE [%]', '.1f'),
    'recall': ('recall', '.2f'), 'idf1': ('IDF1', '.3f'), 'id_switches': ('switches', 'd'),
    'kept': ('ids kept', 'kept'), 'drift_m': ('drift of who stands [m]', '.3f'),
    'within_1_std': ('std, 1.88', '.2f'), 'within_2_std': ('std, 2.80', '.2f'),
    'latency_ms': ('ms', '.0f')}
# the figure, the goal, and whether it is a least
_GOALS = (('root_median_m', 0.35, False), ('idf1', 0.85, True), ('kept_share', 0.9, True),
          ('drift_m', 0.1, False))
_MEANINGS = (
    'W-MPJPE and WA-MPJPE: pieces of 100 frames, aligned on their first two frames or whole. '
    'Hidden joints: around the hip, of people in view of whom at least half is hidden. Roots: '
    'metres in the world, nothing aligned. Ids kept: of people who were hidden as a whole inside '
    f'the image for up to {LONGEST_S:g} s. Drift: of the place said of people who stand while the '
    'camera moves, from that of the first second, median over time. Std: share of joints within '
    '1.88 and 2.80 of the stated std (ideally 0.68 and 0.95). ms: detector and pipeline, median '
    'of a frame.')


def results(found: Mapping[str, Mapping[str, Comparison]]) -> dict[str, Json]:
    """All figures: of each camera pose over all scenes, and of each scene with the true one.

    Args:
        found: Camera pose -> scene -> comparison.
    """
    return {'summary': {pose: _plain(summary(list(scenes.values())))
                        for pose, scenes in found.items()},
            'scenes': {name: results_of_one(one) for name, one in found[TRUE_POSE].items()}}


def _plain(one: Summary) -> dict[str, Json]:
    return {name: value if isinstance(value, int) else
            (round(value, 4) if math.isfinite(value) else None)
            for name, value in asdict(one).items()}


def markdown(found: Mapping[str, Mapping[str, Comparison]], scenes: Sequence[SuiteScene],
             about: Mapping[str, str]) -> str:
    """All tables."""
    true = found[TRUE_POSE]
    rows = [(scene.name, str(scene.options.people), scene.options.camera, scene.occlusion,
             *_cells(summary([true[scene.name]]))) for scene in scenes]
    rows.append(('all', '', '', '', *_cells(summary(list(true.values())))))
    head = ('scene', 'people', 'camera', 'occlusion', *(title for title, _ in _COLUMNS.values()))
    lines = ['# Rendered scenes', '', *(f'- {name}: {text}' for name, text in about.items()), '',
             _MEANINGS, '', '## With the true camera pose', '', *table(head, rows), '',
             *_goals(summary(list(true.values())))]
    if len(found) > 1:
        poses = [(pose, *_cells(summary(list(one.values())))) for pose, one in found.items()]
        lines += ['', '## With wrong camera poses', '', *table(('camera pose', *head[4:]), poses)]
    since = pooled_since(list(true.values()))
    if since is not None:
        lines += ['', '## Errors against the time since something was seen', '',
                  *since_rows(since)]
    return '\n'.join(lines) + '\n'


def _cells(one: Summary) -> list[str]:
    cells = []
    for name, (_, form) in _COLUMNS.items():
        value = getattr(one, name)
        if form == 'kept':
            cells.append(f'{one.kept} of {one.spells}')
        else:
            cells.append(format(value, form) if math.isfinite(value) else '–')
    return cells


def _goals(one: Summary) -> list[str]:
    rows = []
    for name, goal, least in _GOALS:
        value = getattr(one, name)
        reached = value >= goal if least else value <= goal
        rows.append((name, f'{value:.3f}' if math.isfinite(value) else '–',
                     f'{"at least" if least else "at most"} {goal:g}', 'yes' if reached else 'no'))
    return table(('figure', 'found', 'goal', 'reached'), rows)
