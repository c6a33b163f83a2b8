"""`occpose evaluate chomp`: what the parts of CHOMP are worth."""
from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .ablation import add_common_arguments, in_words, origin, write

if TYPE_CHECKING:
    from ..evaluation.chomp import Trained

ABOUT = 'what the parts of CHOMP are worth, by joints and by vertices of bodies'
_COUNTED = 16              # frames of the sequence whose multiply-adds are counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_common_arguments(parser, 'rowN-seedS/chomp.onnx, as scripts/train_chomp.py makes')
    parser.add_argument('--no-curve', action='store_true',
                        help='do not measure how errors grow with the share of hidden joints')


def run(args: argparse.Namespace) -> None:
    """Judge all networks on the same people, write tables and plots.

    Raises:
        OccposeError: An option, the data or a network cannot be used.
    """
    from ..body.load import load_body
    from ..errors import DataError
    from ..evaluation.chomp import ablate, make_bench
    from ..evaluation.chomp_plots import draw_all
    from ..evaluation.chomp_report import markdown, results
    from ..evaluation.test_set import load_test_set
    from ..training.mocap.motion import SPLITS as ALL
    from ..training.mocap.motion import load_motions

    networks = _networks(args.networks)
    bodies = sorted({trained.body for trained in networks})
    if len(bodies) > 1:
        raise DataError(f'Expected networks of one body in {args.networks}, got '
                        f'{", ".join(bodies)}; judge each in a folder of its own.')
    args.output.mkdir(parents=True, exist_ok=True)
    scenes = load_test_set(args.data, args.split, args.seed)
    motions = load_motions(args.data, ALL if args.split == 'all' else (args.split,))
    bench = make_bench(scenes, motions, load_body(bodies[0]), args.seed)
    outcome = ablate(networks, bench, curve=not args.no_curve)
    command = ('occpose evaluate chomp --data DIR --networks DIR --output DIR '
               f'--split {args.split}{" --no-curve" * args.no_curve} --seed {args.seed}')
    steps = sorted({int(trained.session.metadata['steps']) for trained in networks})
    kept = (f'{len(networks)} of the body {bodies[0]}, '
            f'kept after {", ".join(map(str, steps))} steps')
    report = origin(args, scenes, command) | {'body': bodies[0]} | results(outcome)
    before, after = in_words(report)
    tables = markdown(outcome, before | {'Networks': kept} | after)
    write(args.output, report, tables)
    draw_all(outcome, args.output)
    print(tables)
    print(f'The figures and plots are in {args.output}.')


def _networks(folder: Path) -> list[Trained]:
    """All networks of a folder, by row and seed.

    Raises:
        DataError: There is none, or one is no row.
        ModelError: A file cannot be read.
    """
    import numpy as np

    from ..errors import DataError
    from ..evaluation.chomp import TITLES, Trained
    from ..evaluation.network_cost import cost_of
    from ..evaluation.systems import THREADS
    from ..inference import load_session
    from ..lifting.normalise import FEATURES

    found = []
    for path in sorted(folder.glob('*/chomp.onnx')):
        named = re.fullmatch(r'row(\d+)-seed(\d+)', path.parent.name)
        if named is None or not 1 <= int(named[1]) < len(TITLES):
            raise DataError(f'Expected networks in folders row1-seed0 to row{len(TITLES) - 1}-'
                            f'seedS, got {path}; rename or move that folder.')
        cost = cost_of(path, np.zeros((1, _COUNTED, FEATURES), np.float32))
        session = load_session(path, device='cpu', threads=THREADS)
        found.append(Trained(row=int(named[1]) - 1, seed=int(named[2]), session=session,
                             cost=cost))
    if not found:
        raise DataError(f'Expected networks rowN-seedS/chomp.onnx in {folder}, got none; train '
                        'them with scripts/train_chomp.py.')
    return found
