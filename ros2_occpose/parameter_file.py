"""Parameter files, read as ROS reads them, for commands that run without ROS."""
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import ConfigError, in_one_line

NODES = ('/occpose/occpose', '/occpose')     # as the launch file starts it; without a namespace
_SECTION = 'ros__parameters'


def load_overrides(path: Path, node: str | None = None) -> dict[str, Any]:
    """The values in a file for a node, under dotted names; of two for one name the later holds.

    Args:
        path: A ROS parameter file, or a plain mapping of names and values. Sections are named as
            in ROS: `/occpose/occpose`, `/**`, `/*/occpose`, or a name inside a namespace.
        node: Full name of the node; if not given, the one that the launch file starts.

    Raises:
        ConfigError: The file is missing, is not such a mapping, or says nothing of the node.
    """
    content = _read(path)
    sections = list(_sections(content, '', path))
    if not sections:
        return dict(_leaves(content))
    names = NODES if node is None else (node,)
    values: dict[str, Any] = {}
    matching = [inside for pattern, inside in sections if _matches(pattern, names)]
    if not matching:
        raise ConfigError(f'Expected parameters of {names[0]} in {path}, got those of '
                          f'{", ".join(pattern for pattern, _ in sections)}; name the node with '
                          '--node, or call the section /**.')
    for inside in matching:
        values |= dict(_leaves(inside))
    return values


def _read(path: Path) -> dict[Any, Any]:
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f'Cannot read the configuration {path}: {in_one_line(error)}.'
                          ) from error
    if not isinstance(content, dict):
        raise ConfigError(f'Expected a mapping in {path}, got {type(content).__name__}.')
    return content


def _sections(content: Mapping[Any, Any], prefix: str,
              path: Path) -> Iterator[tuple[str, dict[Any, Any]]]:
    """Pattern of node names, and the parameters under it, in the order of the file."""
    for name, value in content.items():
        pattern = f'{prefix}/{str(name).strip("/")}'
        if not isinstance(value, dict):
            continue
        if _SECTION in value:
            inside = value[_SECTION] or {}
            if not isinstance(inside, dict):
                raise ConfigError(f'Expected a mapping under {_SECTION} in {path}, got '
                                  f'{type(inside).__name__}.')
            yield pattern, inside
        else:
            yield from _sections(value, pattern, path)


def _matches(pattern: str, names: tuple[str, ...]) -> bool:
    """Whether a name of a section means one of these nodes; `*` is one part, `**` any number."""
    parts = {'**': r'(/\w+)*', '*': r'/\w+'}
    wanted = ''.join(parts.get(part, f'/{re.escape(part)}') for part in pattern.split('/')[1:])
    return any(re.fullmatch(wanted, name) for name in names)


def _leaves(values: Mapping[Any, Any], prefix: str = '') -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f'{prefix}{name}.')
        else:
            yield f'{prefix}{name}', value
