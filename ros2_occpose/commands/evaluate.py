"""`occpose evaluate`: how good lifters are on the open benchmark, and the pipeline on a bag."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from . import evaluate_ablation, evaluate_bag, evaluate_chomp, evaluate_rendered
from .ablation import SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..training.views.scenes import Scenes

Json: TypeAlias = Any

HELP = 'measure the accuracy of lifters, or of the whole pipeline on recordings'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the kinds of evaluation and their options."""
    kinds = parser.add_subparsers(dest='kind', required=True, metavar='KIND')
    about = 'all metrics of lifters on motion capture before virtual cameras'
    _add_benchmark(kinds.add_parser('benchmark', help=about, description=f'{about}.'))
    evaluate_bag.add_arguments(kinds.add_parser(
        'bag', help=evaluate_bag.ABOUT, description=f'{evaluate_bag.ABOUT}.'))
    evaluate_rendered.add_arguments(kinds.add_parser(
        'rendered', help=evaluate_rendered.ABOUT, description=f'{evaluate_rendered.ABOUT}.'))
    evaluate_ablation.add_arguments(kinds.add_parser(
        'ablation', help=evaluate_ablation.ABOUT, description=f'{evaluate_ablation.ABOUT}.'))
    evaluate_chomp.add_arguments(kinds.add_parser(
        'chomp', help=evaluate_chomp.ABOUT, description=f'{evaluate_chomp.ABOUT}.'))


def _add_benchmark(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--data', type=Path, required=True, metavar='DIR',
                        help='folder of motion capture (bvh, deepmimic, expmap)')
    parser.add_argument('--lifter', required=True, metavar='NAME[,NAME...]',
                        help='see: occpose models list; or the path of an .onnx file; NAME+PART '
                        'puts another part behind the lifter')
    parser.add_argument('--output', type=Path, required=True, metavar='DIR',
                        help='folder of results.json, results.md and plots')
    parser.add_argument('--split', choices=SPLITS, default='test',
                        help='clips to evaluate on (default: test, which is never trained on)')
    parser.add_argument('--protocol', default='', metavar='NAME[,NAME...]',
                        help='what hides joints: clean, random25, random50, blackout, self, '
                        'object (default: all)')
    parser.add_argument('--seed', type=int, default=0,
                        help='seed of cameras, detector errors and masks (default: 0)')


def run(args: argparse.Namespace) -> None:
    """Run the kind of evaluation that was asked for.

    Raises:
        OccposeError: An option, the data, the recording or a model cannot be used.
    """
    if args.kind == 'bag':
        evaluate_bag.run(args)
    elif args.kind == 'rendered':
        evaluate_rendered.run(args)
    elif args.kind == 'ablation':
        evaluate_ablation.run(args)
    elif args.kind == 'chomp':
        evaluate_chomp.run(args)
    else:
        _run_benchmark(args)


def _run_benchmark(args: argparse.Namespace) -> None:
    """Make or read the test set, judge, write.

    Raises:
        OccposeError: An option, the data or a model cannot be used.
    """
    import json

    from ..evaluation import plots
    from ..evaluation.benchmark import judge, require_libraries
    from ..evaluation.protocols import chosen_protocols
    from ..evaluation.report import markdown, results
    from ..evaluation.systems import open_systems
    from ..evaluation.test_set import load_test_set
    from ..recording.machine import machine, source_commit, versions

    protocols = chosen_protocols(_names(args.protocol))
    systems = open_systems(_names(args.lifter))
    require_libraries(systems, protocols)
    args.output.mkdir(parents=True, exist_ok=True)
    scenes = load_test_set(args.data, args.split, args.seed)
    outcome = judge(systems, scenes, protocols, args.seed)
    command = _command([system.name for system in systems], protocols, args)
    data, commit = _about(scenes, args), source_commit()
    report = {'command': command, 'seed': args.seed, 'commit': commit, 'data': data,
              'machine': machine(), 'versions': versions(), **results(outcome)}
    (args.output / 'results.json').write_text(json.dumps(report, indent=1, allow_nan=False) + '\n')
    tables = markdown(outcome, {
        'Command': f'`{command}`', 'Commit': commit,
        'Data': f'{data["split"]} split of {data["folder"]}: {data["scenes"]} scenes, '
                f'{data["people"]} people, {data["frames"]} frames (sha256 {data["sha256"][:12]})',
        'Machine': f'{report["machine"]["cpu"]}, {report["machine"]["cores"]} cores'})
    (args.output / 'results.md').write_text(tables)
    plots.draw_all(outcome, args.output)
    print(tables)
    print(f'The figures and plots are in {args.output}.')


def _names(words: str) -> list[str]:
    return [word for word in words.split(',') if word]


def _command(systems: Sequence[str], protocols: Sequence[str], args: argparse.Namespace) -> str:
    return (f'occpose evaluate benchmark --data DIR --lifter {",".join(systems)} --output DIR '
            f'--split {args.split} --protocol {",".join(protocols)} --seed {args.seed}')


def _about(scenes: Scenes, args: argparse.Namespace) -> Json:
    from ..evaluation.test_set import content_sha256

    return {'folder': args.data.resolve().name, 'split': args.split, 'scenes': len(scenes),
            'people': int(scenes.valid.any(-1).sum()), 'frames': int(scenes.valid.sum()),
            'sha256': content_sha256(scenes)}
