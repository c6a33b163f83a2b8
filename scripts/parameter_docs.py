#!/usr/bin/env python3
"""Write docs/parameters.md from the configuration dataclasses: python scripts/parameter_docs.py.

With --check nothing is written: exit code 1 says that the page is stale. Needs no ROS.
"""
from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ros2_occpose.config import NodeConfig, PipelineConfig  # noqa: E402

PAGE = ROOT / 'docs' / 'parameters.md'
HEAD = """\
# Parameters

Written by `python scripts/parameter_docs.py` from `ros2_occpose/config.py`: edit the texts there.
`ros2 param describe /occpose/occpose tracking.max_gap_s` shows the same text.

*Live* parameters can be changed while the node runs (`ros2 param set`), the others only while it
is not configured (`ros2 lifecycle set /occpose/occpose deactivate`, then `cleanup`, set,
`configure`, `activate`). Invalid values are refused with the reason, also at startup. Numbers may
be written without a decimal point (`2` for `2.0`).

In a parameter file, groups may be nested instead of dotted. Write only what differs from the
default. The launch file reads `config/pose.yaml` unless `params_file:=` names another file;
`config/jetson.yaml` and `config/benchmark.yaml` are examples:

```yaml
/**:
  ros__parameters:
    camera_pose: tf
    tracking:
      max_gap_s: 3.0
```

`occpose run`, `evaluate bag` and `benchmark-speed` accept the same file with `--config` and ignore
what concerns only the node. In addition there are the parameters of every ROS node:
`use_sim_time`, and the QoS of each topic ([topics.md](topics.md#qos)).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for title, config in (('The node', NodeConfig()), ('The pipeline', PipelineConfig())):
        parts.append(f'## {title}\n')
        for name, about, rows in sections(config, ''):
            heading = f'### {name}\n\n{about}\n\n' if name else f'{about}\n\n'
            parts.append(heading + table(rows))
    return '\n'.join(parts)


def sections(config: Any, prefix: str) -> Iterator[tuple[str, str, list[tuple[str, ...]]]]:
    """Name, explanation and rows of a configuration, then of those inside it."""
    own = [row(f'{prefix}{leaf.name}', leaf, value) for leaf, value in members(config)
           if not is_dataclass(value)]
    yield prefix.rstrip('.'), inspect.getdoc(type(config)) or '', own
    for leaf, value in members(config):
        if is_dataclass(value):
            yield from sections(value, f'{prefix}{leaf.name}.')


def members(config: Any) -> list[tuple[Field[Any], Any]]:
    """The fields of a configuration with their values."""
    return [(leaf, getattr(config, leaf.name)) for leaf in fields(config)]


def row(name: str, leaf: Field[Any], default: Any) -> tuple[str, ...]:
    """The cells of one parameter."""
    about = leaf.metadata
    return (f'`{name}`', type_of(default), f'`{text(default)}`', allowed(leaf, default),
            about['unit'], 'live' if about['live'] else '', about['about'])


def type_of(default: Any) -> str:
    """As ROS calls it."""
    names = {bool: 'bool', int: 'integer', float: 'double', str: 'string', tuple: 'double array'}
    return names[type(default)]


def allowed(leaf: Field[Any], default: Any) -> str:
    """Range or choices."""
    low, high, choices = (leaf.metadata[key] for key in ('ge', 'le', 'choices'))
    if choices:
        return ', '.join(choices)
    if low is None and high is None:
        return f'{len(default)} numbers' if isinstance(default, tuple) else ''
    return f'{low:g} or more' if high is None else f'{low:g} to {high:g}'


def text(value: Any) -> str:
    """A value as in a parameter file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f'[{", ".join(map(str, value))}]'
    return str(value)


def table(rows: list[tuple[str, ...]]) -> str:
    """In Markdown; a column in which nothing stands is left out."""
    head = ('name', 'type', 'default', 'allowed', 'unit', 'changes', 'meaning')
    kept = [column for column in range(len(head)) if any(cells[column] for cells in rows)]
    lines = [head, *rows]
    cells = ['| ' + ' | '.join(line[column] for column in kept) + ' |' for line in lines]
    return '\n'.join([cells[0], '|' + '---|' * len(kept), *cells[1:]]) + '\n'


def main() -> int:
    """Write the page, or say whether it is stale."""
    parser = argparse.ArgumentParser(description='Write docs/parameters.md from the defaults.')
    parser.add_argument('--check', action='store_true', help='only say whether it is stale')
    if not parser.parse_args().check:
        PAGE.write_text(page())
        return 0
    fresh = PAGE.exists() and PAGE.read_text() == page()
    print('docs/parameters.md is up to date.' if fresh else
          'docs/parameters.md is stale: python scripts/parameter_docs.py')
    return 0 if fresh else 1


if __name__ == '__main__':
    sys.exit(main())
