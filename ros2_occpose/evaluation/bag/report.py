"""A comparison as JSON and as Markdown."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeAlias

import numpy as np

from .comparison import Comparison
from .hiding import (
    LONGEST_S,
    NEAR_M,
    Since,
    errors_since,
    ids_kept,
    root_median_m,
    standing,
    stated,
)
from .scoring import LEAST_WAY_M, PIECE, Figures
from .skeletons import SECOND_NS

Json: TypeAlias = Any

_DIGITS = {'root_error_m': 4, 'recall': 4, 'idf1': 4, 'mota': 4}      # others: 2
# name in results.json -> title, form
_ROWS = {
    'w_mpjpe_mm': ('W-MPJPE [mm]', '.1f'), 'wa_mpjpe_mm': ('WA-MPJPE [mm]', '.1f'),
    'pa_mpjpe_mm': ('PA-MPJPE [mm]', '.1f'), 'mpjpe_mm': ('MPJPE [mm]', '.1f'),
    'root_error_m': ('root error [m]', '.3f'), 'rte_percent': ('RTE [%]', '.2f'),
    'accel_mm': ('acceleration error [mm/frame²]', '.2f'), 'recall': ('recall', '.3f'),
    'idf1': ('IDF1', '.3f'), 'mota': ('MOTA', '.3f'), 'id_switches': ('id switches', 'd'),
    'joints': ('joints compared', 'd')}
_MEANINGS = (
    f'W-MPJPE: pieces of {PIECE} frames, aligned on their first two. WA-MPJPE: the same, aligned '
    'on the whole piece (both with scale, as SLAHMR, WHAM and TRAM do). PA-MPJPE: each frame '
    'aligned with scale. MPJPE: around the hip, not turned. Root error: metres between hips, not '
    'aligned but for what is said above. RTE: error of the root after one rigid fit, in per cent '
    f'of the way; people who go less than {LEAST_WAY_M} m have none. Acceleration: around the '
    'hip, at the frame rate of the recording. Recall, IDF1, MOTA: of people seen, or hidden in '
    'the image for a short while. Hidden: joints that the reference does not call observed; for '
    'recall and ids, people of whom at least half is hidden. –: nothing to judge.')


def results(found: Comparison) -> dict[str, Json]:
    """The parts of results.json that a comparison gives; unknown numbers are null."""
    hidden = found.figures_hidden
    return {
        **_figures(found.figures), **latency(found),
        'hidden': None if hidden is None else _figures(hidden), **_hiding(found),
        'people': [{'name': name, 'frames': int(found.expected[:, i].sum()),
                    'way_m': _round(float(found.errors.way_m[i]), 3),
                    **{key: value for key, value in _figures(one).items()
                       if key not in ('idf1', 'mota')}}
                   for i, (name, one) in enumerate(zip(found.reference.people, found.people))],
        'alignment': alignment(found), 'joints_compared': list(found.reference.compared),
        'frames': {'recording': found.frames_said, 'compared': len(found.said),
                   'fps': _round(_fps(found), 3)}}


def _hiding(found: Comparison) -> dict[str, Json]:
    """What becomes of people while they are hidden, and of those who stand."""
    since, ids, said = errors_since(found), ids_kept(found), stated(found)
    return {
        'root_median_m': _round(root_median_m(found), 4),
        'stated': said and {kind: {name: _round(value, 4) for name, value in asdict(one).items()}
                            for kind, one in said.items()},
        'since_seen': since and [
            {name: _round(values[i].item(), 4) for name, values in asdict(since).items()}
            for i in range(len(since.from_s))],
        'ids_after_hiding': ids and asdict(ids),
        'standing': [{name: value if isinstance(value, str) else _round(value, 4)
                      for name, value in asdict(one).items()} for one in standing(found)]}


def latency(found: Comparison) -> dict[str, float | None]:
    """Time the pipeline took for a frame, median and 95 % quantile."""
    spent = np.array([s.spent_ms for s in found.said])
    spent = spent[np.isfinite(spent)]
    p50, p95 = np.percentile(spent, [50, 95]).tolist() if len(spent) else (math.nan, math.nan)
    return {'latency_ms': _round(p50, 2), 'latency_p95_ms': _round(p95, 2)}


def alignment(found: Comparison) -> dict[str, Json]:
    """How the reference was laid over the recording."""
    moved = found.recording_from_reference
    return {'time_shift_s': _round(found.clock.shift_s, 4),
            'from_the_start': found.clock.from_the_start,
            'time_searched_s': found.clock.searched_s,
            'time_likeness': _round(found.clock.likeness, 3),
            'frame': 'none' if moved is None else 'rigid',
            'recording_from_reference': None if moved is None else moved.round(5).tolist(),
            'hips_apart_m': _round(found.apart_m, 4)}


def _fps(found: Comparison) -> float:
    steps = np.diff(found.stamps_ns)
    steps = steps[steps > 0]
    return SECOND_NS / float(np.median(steps)) if len(steps) else math.nan


def _figures(figures: Figures) -> dict[str, Json]:
    return {name: _round(value, _DIGITS.get(name, 2)) for name, value in asdict(figures).items()}


def _round(value: float, digits: int) -> float | int | None:
    if isinstance(value, int):
        return value
    return round(value, digits) if math.isfinite(value) else None


def notes(found: Comparison) -> list[str]:
    """What had to be assumed or could not be done."""
    said = list(found.reference.notes)
    if found.clock.note:
        said.append(f'Clock: {found.clock.note}.')
    if found.hidden is None:
        said.append('The reference does not say what was hidden: nothing is told apart by it.')
    if len(found.said) < found.frames_said:
        said.append(f'{found.frames_said - len(found.said)} of {found.frames_said} frames of the '
                    'recording are outside of the reference and were left out.')
    return said


def markdown(found: Comparison, assumed: Sequence[str], about: Mapping[str, str]) -> str:
    """All tables.

    Args:
        found: The comparison.
        assumed: What the reader must know about it.
        about: What it was of, e.g. {'Command': '`occpose ...`'}.
    """
    parts = ['# Recording against reference', '',
             *(f'- {name}: {text}' for name, text in {**about, **_about(found)}.items()),
             *(f'- Note: {note}' for note in assumed), '', _MEANINGS, '', *_main(found), '',
             '## People', '', *_people(found), '', *_hidings(found)]
    return '\n'.join(parts) + '\n'


def _about(found: Comparison) -> dict[str, str]:
    reference, clock = found.reference, found.clock
    time = f'shifted by {clock.shift_s:.3f} s'
    if clock.from_the_start:
        time += ', both clocks taken to begin together'
    if clock.searched_s:
        time += f' (looked for within {clock.searched_s:g} s, likeness {clock.likeness:.2f})'
    place = 'none: the same frame' if found.recording_from_reference is None else (
        f'one rigid motion for everybody, hips {found.apart_m:.3f} m apart after it')
    spent = latency(found)
    speed = 'not replayed' if spent['latency_ms'] is None else (
        f'{spent["latency_ms"]:.1f} ms a frame (median), {spent["latency_p95_ms"]:.1f} ms (95 %)')
    return {'Reference': f'{reference.kind}, people: {", ".join(reference.people)}',
            'Joints compared': ', '.join(reference.compared),
            'Frames compared': f'{len(found.said)} at {_fps(found):.4g} Hz',
            'Time of the reference': time, 'Alignment': place, 'Pipeline': speed}


def _main(found: Comparison) -> list[str]:
    rows = []
    for name, (title, form) in _ROWS.items():
        hidden = found.figures_hidden
        rows.append((title, _cell(getattr(found.figures, name), form),
                     '–' if hidden is None else _cell(getattr(hidden, name), form)))
    return table(('', 'all', 'hidden'), rows)


def _people(found: Comparison) -> list[str]:
    names = ('w_mpjpe_mm', 'wa_mpjpe_mm', 'pa_mpjpe_mm', 'root_error_m', 'rte_percent', 'recall',
             'id_switches')
    rows = [(name, str(int(found.expected[:, i].sum())), f'{found.errors.way_m[i]:.2f}',
             *(_cell(getattr(found.people[i], key), _ROWS[key][1]) for key in names))
            for i, name in enumerate(found.reference.people)]
    return table(('person', 'frames', 'way [m]', *(_ROWS[key][0] for key in names)), rows)


def _hidings(found: Comparison) -> list[str]:
    """Tables of what becomes of people while they are hidden."""
    lines = ['## Hidden, and standing', '',
             f'- Root error within {NEAR_M:g} m of the camera: '
             f'{_cell(root_median_m(found), ".3f")} m (median).']
    said, ids, since = stated(found), ids_kept(found), errors_since(found)
    if said is not None:
        shares = '; '.join(f'{kind} {_cell(one.within_1_std, ".2f")} and '
                           f'{_cell(one.within_2_std, ".2f")}' for kind, one in said.items())
        lines.append(f'- Joints within 1.88 and 2.80 of the stated std (ideally 0.68 and 0.95): '
                     f'{shares}.')
    if ids is not None:
        lines.append(f'- Ids after people were hidden as a whole: {ids.kept} of {ids.spells} kept '
                     f'up to {LONGEST_S:g} s, {ids.longer_kept} of {ids.longer} beyond.')
    lines += [f'- {one.person} stands for {one.seconds:.1f} s while the camera goes '
              f'{one.camera_way_m:.1f} m: drift {one.drift_m:.3f} m (median), '
              f'{one.drift_most_m:.3f} m (most).' for one in standing(found)]
    return lines if since is None else [*lines, '', *since_rows(since)]


def since_rows(since: Since) -> list[str]:
    """Errors by the time since something was seen, as a table."""
    columns = (getattr(since, field.name).tolist() for field in fields(since))
    rows = [('seen now' if high <= 0 else f'{low:g} to {high:g} s', _cell(joint, '.3f'),
             _cell(around, '.0f'), str(joints), _cell(root, '.3f'), _cell(known, '.2f'),
             str(roots))
            for low, high, joint, around, joints, root, roots, known in zip(*columns)]
    return table(('since seen', 'joint [m]', 'around the hip [mm]', 'joints', 'root [m]',
                  'people known', 'roots'), rows)


def _cell(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else '–'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return [f'| {" | ".join(row)} |' for row in (head, ('---',) * len(head), *rows)]
