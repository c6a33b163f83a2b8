"""Motion capture in text: TRC (OpenSim, Pose2Sim) and CSV tables made from C3D.

TRC: https://opensimconfluence.atlassian.net/wiki/spaces/OpenSim/pages/53089972. A C3D file has
labelled points; programs write them as one column a coordinate, named like `LKnee_X` or `LKnee:X`,
or as two rows of names, the labels over X, Y, Z. Both are read here, and labels of people such as
`anna:LKnee`.
"""
from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...skeleton import H36M17, Skeleton, conversion
from ...types import Floats

_UNITS = {'m': 1.0, 'cm': 1e-2, 'mm': 1e-3}
# what a body measures across, in the unit
_TALL = {'m': (0.5, 3.0), 'cm': (50.0, 300.0), 'mm': (500.0, 3000.0)}
_AXIS = re.compile(r'^(?P<label>.+?)[_ .:\[(-]*(?P<axis>[xyz])[\])]?$', re.IGNORECASE)
_SIDES = {'l': 'left', 'r': 'right', 'left': 'left', 'right': 'right'}
_SAME = {'mid_hip': 'hip', 'hips': 'hip', 'chip': 'hip', 'mhip': 'hip', 'root': 'hip',
         'mid_shoulder': 'neck', 'head_top': 'head', 'top_head': 'head'}


@dataclass(frozen=True, kw_only=True)
class Table:
    """Labelled points over time."""

    seconds: Floats | None      # (T,); None: there was no column of times
    labels: tuple[str, ...]     # (L,)
    points: Floats              # (T, L, 3) in the unit of the file; NaN: not there
    unit: str | None            # None: the file does not say
    fps: float | None           # likewise


def read_trc(path: Path) -> Table:
    """The table of a TRC file.

    Raises:
        DataError: It is not one.
    """
    rows = [line.split('\t') for line in _text(path).splitlines()]
    try:
        keys = dict(zip(rows[1], rows[2]))
        labels = tuple(name.strip() for name in rows[3][2::3] if name.strip())
        unit, fps = keys['Units'].strip().lower(), float(keys['DataRate'])
        body = [row for row in rows[5:] if row and row[0].strip()]
        numbers = _numbers([row[1:] for row in body], 1 + 3 * len(labels))
    except (IndexError, KeyError, ValueError) as error:
        raise DataError(f'Expected a TRC file in {path}: rows of keys, values, labels, X1 Y1 Z1 '
                        f'and numbers, separated by tabs; got a problem with {error}.') from error
    if unit not in _UNITS or not labels or not body:
        raise DataError(f'Expected labels, frames and m, cm or mm in {path}, got {len(labels)} '
                        f'labels, {len(body)} frames and {unit!r}.')
    return Table(seconds=numbers[:, 0], labels=labels, unit=unit, fps=fps,
                 points=numbers[:, 1:].reshape(len(body), -1, 3))


def read_csv(path: Path) -> Table:
    """The table of a CSV file, with one or two rows of names.

    Raises:
        DataError: No columns come in threes of X, Y and Z, or a cell is not a number.
    """
    text = _text(path)
    delimiter = max(',;\t', key=text[:2000].count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter)
            if any(cell.strip() for cell in row)]
    if len(rows) < 3:
        raise DataError(f'Expected a row of names and frames in {path}, got {len(rows)} rows.')
    names, first = [cell.strip() for cell in rows[0]], 1
    if {cell.strip().lower() for cell in rows[1]} >= {'x', 'y', 'z'}:       # names in two rows
        names, first = _joined(names, [cell.strip() for cell in rows[1]]), 2
    columns = _columns(names)
    if not columns:
        raise DataError(f'Expected columns such as LKnee_X, LKnee_Y, LKnee_Z in {path}, got '
                        f'{", ".join(names[:6])}...')
    try:
        numbers = _numbers(rows[first:], len(names))
    except ValueError as error:
        raise DataError(f'Expected numbers in {path}, got a problem with {error}.') from error
    times = [i for i, name in enumerate(names) if re.match(r'time|seconds', name, re.IGNORECASE)]
    scale = 1e-3 if times and re.search(r'\bms\b|_ms', names[times[0]]) else 1.0
    return Table(seconds=numbers[:, times[0]] * scale if times else None, unit=None, fps=None,
                 labels=tuple(columns), points=numbers[:, list(columns.values())])


def people_of(table: Table, default: str) -> dict[str, tuple[Skeleton, Floats]]:
    """Each person's joint set and points (T, J, 3); labels without a person are `default`'s.

    Labels that name no joint of ours are left out.
    """
    people: dict[str, dict[str, int]] = {}
    for i, label in enumerate(table.labels):
        person, _, joint = label.rpartition(':')
        people.setdefault(person or default, {}).setdefault(joint_named(joint), i)
    found = {}
    for person, joints in people.items():
        skeleton = Skeleton(f'labels of {person}', tuple(joints), ())
        if conversion(skeleton, H36M17).any():
            found[person] = (skeleton, table.points[:, list(joints.values())])
    return found


def joint_named(label: str) -> str:
    """`RKnee`, `right_knee`, `Knee R` or `KNEE_R` as right_knee."""
    spaced = re.sub(r'(?<=[a-z])(?=[A-Z])|(?<=^[LR])(?=[A-Z][a-z])', '_', label.strip())
    words = [word for word in re.split(r'[\s_.\-]+', spaced.lower()) if word]
    for at in (0, -1):
        if len(words) > 1 and words[at] in _SIDES:
            side = _SIDES[words.pop(at)]
            return '_'.join([side, *words])
    name = '_'.join(words)
    if name[:1] in _SIDES and name[1:] in ('hip', 'knee', 'ankle', 'shoulder', 'elbow', 'wrist'):
        return f'{_SIDES[name[0]]}_{name[1:]}'
    return _SAME.get(name, name)


def metres(points: Floats, unit: str | None, path: Path) -> tuple[float, str | None]:
    """Factor to metres, and what had to be assumed for it.

    Args:
        points: One person, (T, J, 3), h36m17.
        unit: What the file or the user says.
        path: For the words of an error.

    Raises:
        DataError: Nothing is said, and no unit makes a person of it.
    """
    if unit is not None:
        return _UNITS[unit], None
    high = np.where(np.isnan(points), -np.inf, points).max(1)               # (T, 3)
    low = np.where(np.isnan(points), np.inf, points).min(1)
    across = (high - low).max(-1)
    there = np.isfinite(across)
    size = float(np.median(across[there])) if there.any() else float('nan')
    for name, (least, most) in _TALL.items():
        if least <= size < most:
            return _UNITS[name], (f'{path.name}: no unit given, taken for {name} (people are '
                                  f'{size:.4g} {name} across).')
    raise DataError(f'Expected people of 0.5 to 3 m in {path}, got {size:.4g} of an unknown unit '
                    'across; give --reference-unit m, cm or mm.')


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8-sig')
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'Cannot read the reference {path}: {error}.') from error


def _numbers(rows: Sequence[Sequence[str]], columns: int) -> Floats:
    """(T, columns); empty cells and missing ends are NaN."""
    table = np.full((len(rows), columns), np.nan)
    for numbers, row in zip(table, rows):
        for i, cell in enumerate(row[:columns]):
            if cell.strip():
                numbers[i] = float(cell)
    return table


def _joined(labels: list[str], axes: list[str]) -> list[str]:
    """Names such as LKnee_X of a row of labels, each over its X, and a row of axes."""
    names, label = [], ''
    for i, axis in enumerate(axes):
        label = labels[i] if i < len(labels) and labels[i] else label
        names.append(f'{label}_{axis}' if axis.lower() in ('x', 'y', 'z') else axis or label)
    return names


def _columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Label -> columns of its x, y and z."""
    found: dict[str, dict[str, int]] = {}
    for i, name in enumerate(names):
        fits = _AXIS.match(name)
        if fits:
            found.setdefault(fits['label'], {})[fits['axis'].lower()] = i
    return {label: [axes[a] for a in 'xyz'] for label, axes in found.items() if len(axes) == 3}
