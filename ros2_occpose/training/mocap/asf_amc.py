"""ASF/AMC motion capture, the form in which CMU publishes its own: a skeleton, and its angles.

A bone's `direction` is that of the world while nothing moves, `axis` turns the world's axes to
those about which it moves: turn = parent's turn @ C @ M @ C^-1, where C is made of `axis` and M of
the frame's angles, in the order in which they are listed (the first turns first).
"""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...types import Floats
from .bvh import axis_rotations

CMU_FPS = 120.0
_INCH_M = 0.0254
_AXES = {'x': 0, 'y': 1, 'z': 2}
_ROOT_ORDER = ('tx', 'ty', 'tz', 'rx', 'ry', 'rz')


@dataclass(frozen=True, kw_only=True)
class _Bone:
    """One bone; vectors in the world's axes at rest."""

    parent: str
    offset: Floats                  # (3,) [m] from where it begins to where it ends
    axis: Floats                    # (3, 3) C
    channels: tuple[str, ...]       # of its rows in the AMC file: rx, ry, rz, and tx.. of the root


@dataclass(frozen=True, kw_only=True)
class _Skeleton:
    bones: dict[str, _Bone]         # parents before their children; the root first
    unit_m: float
    radians: bool


def read_asf_amc(amc: Path, asf: Path) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Where bones end, (T, 3) [m], and their turns in the world, (T, 3, 3), by bone name; y up.

    A bone begins where its parent ends; 'root' ends where it is.

    Raises:
        DataError: A file is missing or damaged, or the two do not belong together.
    """
    skeleton = _read_skeleton(asf)
    rows = _read_angles(amc, skeleton, asf)
    ends: dict[str, Floats] = {}
    turns: dict[str, Floats] = {}
    for name, bone in skeleton.bones.items():
        values = rows.get(name, np.zeros((len(rows['root']), 0)))
        moved, local = _local(values, bone.channels)
        turn = bone.axis @ local @ bone.axis.T
        if name == 'root':
            turns[name], ends[name] = turn, bone.offset + moved * skeleton.unit_m
        else:
            turns[name] = turns[bone.parent] @ turn
            ends[name] = ends[bone.parent] + turns[name] @ bone.offset
    return ends, turns


def _local(values: Floats, channels: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Translations (T, 3) and rotations (T, 3, 3) of the rows of a bone [file's unit, rad]."""
    moved = np.zeros((len(values), 3))
    turn = np.tile(np.eye(3), (len(values), 1, 1))
    for channel, column in zip(channels, values.T):
        if channel[0] == 't':
            moved[:, _AXES[channel[1]]] = column
        else:
            turn = axis_rotations(column, _AXES[channel[1]]) @ turn
    return moved, turn


def _read_skeleton(path: Path) -> _Skeleton:
    sections = _sections(_lines(path))
    try:
        units = {words[0]: words[1] for words in sections['units'] if len(words) > 1}
        unit_m = _INCH_M / float(units.get('length', 1))
        radians = units.get('angle', 'deg').startswith('rad')
        root = {words[0].lower(): words[1:] for words in sections['root']}
        order = tuple(word.lower() for word in root.get('order', _ROOT_ORDER))
        turn = _rotation(root.get('orientation', '000'), root.get('axis', ['XYZ'])[0], radians)
        found = {'root': _Bone(parent='', axis=turn, channels=order,
                               offset=unit_m * np.array(root.get('position', '000'), float))}
        for block in _blocks(sections['bonedata']):
            found[block['name'][0]] = _bone(block, unit_m, radians)
        bones = {'root': found['root']}
        for parent, *children in _between_begin_and_end(sections['hierarchy']):
            if parent not in bones:
                raise ValueError(f'{parent} has children, but no parent before them')
            bones |= {child: _Bone(parent=parent, axis=found[child].axis,
                                   offset=found[child].offset, channels=found[child].channels)
                      for child in children}
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(f'Expected units, root, bonedata and hierarchy in the skeleton {path}, '
                        f'got something else: {error!r}; is it an ASF file?') from error
    return _Skeleton(bones=bones, unit_m=unit_m, radians=radians)


def _bone(block: dict[str, list[str]], unit_m: float, radians: bool) -> _Bone:
    channels = tuple(word.lower() for word in block.get('dof', []))
    if unknown := set(channels) - {'rx', 'ry', 'rz'}:
        raise ValueError(f'bone {block["name"][0]} moves in {", ".join(sorted(unknown))}, '
                         'only turns rx, ry, rz can be read')
    direction = np.array(block['direction'][:3], float)
    length = float(block['length'][0]) * unit_m
    *angles, order = block['axis']
    return _Bone(parent='', offset=length * direction / np.linalg.norm(direction),
                 axis=_rotation(angles, order, radians), channels=channels)


def _rotation(angles: Sequence[str], order: str, radians: bool) -> Floats:
    """(3, 3) of fixed angles about x, y, z, applied in the order of e.g. XYZ."""
    values = np.array(angles, float)
    values = values if radians else np.radians(values)
    turn = np.eye(3)
    for letter in order.lower():
        axis = _AXES[letter]
        turn = axis_rotations(values[axis], axis) @ turn
    return turn


def _read_angles(path: Path, skeleton: _Skeleton, asf: Path) -> dict[str, Floats]:
    """Rows of all frames by bone, (T, channels), angles in radians."""
    rows: dict[str, list[list[str]]] = {}
    frames, radians = 0, skeleton.radians
    for words in _lines(path):
        if words[0].startswith(':'):
            radians = radians if words[0].upper() == ':FULLY-SPECIFIED' else (
                words[0].upper() == ':RADIANS')
        elif len(words) == 1 and words[0].isdecimal():
            frames += 1
        else:
            rows.setdefault(words[0], []).append(words[1:])
    if unknown := rows.keys() - skeleton.bones.keys():
        raise DataError(f'Expected the bones of {asf} in {path}, got {", ".join(sorted(unknown))} '
                        'besides; give the skeleton of this subject.')
    if 'root' not in rows:
        raise DataError(f'Expected frames with a root in {path}, got none; is it an AMC file?')
    angles: dict[str, Floats] = {}
    for bone, values in rows.items():
        channels = skeleton.bones[bone].channels
        try:
            numbers = np.array(values, float).reshape(frames, len(channels))
        except ValueError as error:
            raise DataError(f'Expected {len(channels)} numbers for {bone} in each of {frames} '
                            f'frames of {path}, got something else: {error}') from error
        turning = np.array([channel[0] == 'r' for channel in channels])
        angles[bone] = np.where(turning & (not radians), np.radians(numbers), numbers)
    return angles


def _lines(path: Path) -> Iterator[list[str]]:
    """Words of each line, without comments and empty lines."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'Cannot read the motion capture file {path}: {error}') from error
    for line in text.splitlines():
        if words := line.partition('#')[0].split():
            yield words


def _sections(lines: Iterator[list[str]]) -> dict[str, list[list[str]]]:
    """Lines by the section, ':name', in which they stand."""
    sections: dict[str, list[list[str]]] = {}
    section: list[list[str]] = []
    for words in lines:
        if words[0].startswith(':'):
            section = sections.setdefault(words[0][1:].lower(), [])
        else:
            section.append(words)
    return sections


def _between_begin_and_end(lines: list[list[str]]) -> list[list[str]]:
    return [words for words in lines if words[0] not in ('begin', 'end')]


def _blocks(lines: list[list[str]]) -> Iterator[dict[str, list[str]]]:
    """What stands between begin and end, by first word."""
    block: dict[str, list[str]] = {}
    for words in lines:
        match words[0]:
            case 'begin':
                block = {}
            case 'end':
                yield block
            case word:
                block[word] = words[1:]


def skeleton_of(amc: Path) -> Path:
    """The skeleton of a movement: the .asf of its folder that its name starts with, or the only.

    Raises:
        DataError: There is none, or one cannot tell which of several it is.
    """
    there = sorted(amc.parent.glob('*.asf'))
    named = [asf for asf in there if amc.stem.startswith(asf.stem)]
    if len(named or there) != 1:
        raise DataError(f'Expected one skeleton for {amc} in its folder, found '
                        f'{", ".join(asf.name for asf in there) or "no .asf file"}; '
                        "put the subject's .asf there.")
    return (named or there)[0]


def rate_of(amc: Path) -> float:
    """Frames a second: the number in fps.txt of the folder, 120 without such a file.

    Raises:
        DataError: fps.txt does not hold a positive number.
    """
    path = amc.parent / 'fps.txt'
    if not path.is_file():
        return CMU_FPS
    try:
        rate = float(path.read_text())
    except ValueError:
        rate = 0.0
    if not rate > 0:
        raise DataError(f'Expected the frames a second in {path}, got something else; '
                        'write one number into it, or take it away for 120.')
    return rate
