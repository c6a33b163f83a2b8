"""BVH motion capture files: hierarchy and channels to joint positions."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import DataError
from ...types import Floats

_AXES = {'X': 0, 'Y': 1, 'Z': 2}


@dataclass
class _Node:
    name: str
    parent: int
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)


def axis_rotations(angles: Floats, axis: int) -> Floats:
    """Rotations by angles (...) [rad] about a coordinate axis 0, 1 or 2, (..., 3, 3)."""
    out = np.zeros((*angles.shape, 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out[..., axis, axis] = 1
    out[..., i, i] = out[..., j, j] = np.cos(angles)
    out[..., j, i] = np.sin(angles)
    out[..., i, j] = -out[..., j, i]
    return out


def read_bvh(path: Path) -> tuple[dict[str, Floats], dict[str, Floats], float]:
    """Positions (T, 3) and global rotations (T, 3, 3) by joint name, and the frame time [s].

    Positions are in the unit of the file.

    Raises:
        DataError: The file is not BVH, or its channels and numbers do not match.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'Cannot read the BVH file {path}: {error}') from error
    head, found, body = text.partition('MOTION')
    if not found or 'HIERARCHY' not in head:
        raise DataError(
            f'Expected HIERARCHY and MOTION in {path}, got neither or one; is it a BVH file?'
        )
    nodes = _hierarchy(head)
    channels = sum(len(node.channels) for node in nodes)
    try:
        lines = body.split('\n', 3)
        frame_time = float(lines[2].split(':')[1])
        numbers = np.array(lines[3].split(), float).reshape(-1, channels)
    except (IndexError, ValueError) as error:
        raise DataError(
            f'Expected rows of {channels} numbers in {path}, got something else: {error}'
        ) from error
    positions, rotations = _forward(nodes, numbers)
    names = [node.name for node in nodes]
    return dict(zip(names, positions)), dict(zip(names, rotations)), frame_time


def _hierarchy(head: str) -> list[_Node]:
    nodes: list[_Node] = []
    stack: list[int] = []
    for line in head.splitlines():
        words = line.split()
        if not words:
            continue
        match words[0]:
            case 'ROOT' | 'JOINT' | 'End':
                parent = stack[-1] if stack else -1
                name = f'{nodes[parent].name} end' if words[0] == 'End' else words[1]
                nodes.append(_Node(name, parent))
            case '{':
                stack.append(len(nodes) - 1)
            case '}':
                stack.pop()
            case 'OFFSET':
                nodes[-1].offset = tuple(float(w) for w in words[1:4])
            case 'CHANNELS':
                nodes[-1].channels = words[2:]
    return nodes


def _forward(nodes: list[_Node], numbers: Floats) -> tuple[list[Floats], list[Floats]]:
    """Forward kinematics: rotations apply in the order in which the channels are listed."""
    positions: list[Floats] = []
    rotations: list[Floats] = []
    column = 0
    for node in nodes:
        offset = np.tile(np.asarray(node.offset), (len(numbers), 1))
        local = np.tile(np.eye(3), (len(numbers), 1, 1))
        for channel in node.channels:
            values, axis = numbers[:, column], _AXES[channel[0]]
            column += 1
            if channel.endswith('position'):
                offset[:, axis] = values
            else:
                local = local @ axis_rotations(np.radians(values), axis)
        if node.parent < 0:
            positions.append(offset)
            rotations.append(local)
        else:
            turn = rotations[node.parent]
            positions.append(positions[node.parent] + np.einsum('tij,tj->ti', turn, offset))
            rotations.append(turn @ local)
    return positions, rotations
