"""What the commands that judge the rows of an ablation have in common."""
from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from ..training.views.scenes import Scenes

Json: TypeAlias = Any

SPLITS = ('train', 'validation', 'test', 'all')


def add_common_arguments(parser: argparse.ArgumentParser, networks: str) -> None:
    """Declare the options of every ablation.

    Args:
        parser: Of the command.
        networks: What the folder of networks holds.
    """
    parser.add_argument('--data', type=Path, required=True, metavar='DIR',
                        help='folder of motion capture (bvh, deepmimic, expmap)')
    parser.add_argument('--networks', type=Path, required=True, metavar='DIR',
                        help=f'folder with {networks}')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='folder of results.json, results.md and plots')
    parser.add_argument('--split', choices=SPLITS, default='test',
                        help='clips to judge on (default: test, which is never trained on)')
    parser.add_argument('--seed', type=int, default=0,
                        help='of cameras, errors of the detector and masks (default: 0)')


def origin(args: argparse.Namespace, scenes: Scenes, command: str) -> Json:
    """Where the figures of a run come from, for results.json."""
    from ..evaluation.test_set import content_sha256
    from ..recording.machine import machine, source_commit, versions

    data = {'split': args.split, 'folder': args.data.resolve().name,
            'frames': int(scenes.valid.sum()), 'sha256': content_sha256(scenes)}
    return {'command': command, 'seed': args.seed, 'commit': source_commit(), 'data': data,
            'machine': machine(), 'versions': versions()}


def in_words(report: Mapping[str, Json]) -> tuple[dict[str, str], dict[str, str]]:
    """The lines of results.md before and after those of the networks."""
    data = report['data']
    return ({'Command': f'`{report["command"]}`', 'Commit': report['commit']},
            {'Data': f'{data["split"]} split of {data["folder"]}: {data["frames"]} frames '
                     f'(sha256 {data["sha256"][:12]})'})


def write(output: Path, report: Mapping[str, Json], tables: str) -> None:
    """The figures as JSON and as Markdown."""
    import json

    (output / 'results.json').write_text(json.dumps(report, indent=1, allow_nan=False) + '\n')
    (output / 'results.md').write_text(tables)
