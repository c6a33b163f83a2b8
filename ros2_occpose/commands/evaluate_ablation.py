"""`occpose evaluate ablation`: what the parts of the occlusion-aware networks are worth."""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .ablation import add_common_arguments, in_words, origin, write

if TYPE_CHECKING:
    from ..evaluation.ablation import Trained

ABOUT = 'what the parts of the occlusion-aware networks are worth'
CONFIDENCES = ('assumed', 'measured')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_common_arguments(parser, 'the outputs of `occpose train occlusion_aware --row N '
                         '--seed S`, one folder each')
    parser.add_argument('--confidence', choices=CONFIDENCES, default='assumed',
                        help='how often the detector notices that a joint is hidden: as assumed '
                        "of the paper's, or as measured on the default one (default: assumed)")
    parser.add_argument('--no-sweep', action='store_true',
                        help='do not try other windows and thresholds with the last row')


def run(args: argparse.Namespace) -> None:
    """Judge all networks on the same people, write tables and plots.

    Raises:
        OccposeError: An option, the data or a network cannot be used.
    """
    from ..evaluation.ablation import ablate
    from ..evaluation.ablation_report import draw_all, markdown, results
    from ..evaluation.test_set import load_test_set
    from ..training.occlusion_rows import CONFIDENCES

    networks = _networks(args.networks)
    args.output.mkdir(parents=True, exist_ok=True)
    scenes = load_test_set(args.data, args.split, args.seed)
    confidence = CONFIDENCES[args.confidence]
    outcome = ablate(networks, scenes, args.seed, sweep=not args.no_sweep, confidence=confidence)
    command = ('occpose evaluate ablation --data DIR --networks DIR --output DIR '
               f'--split {args.split} --confidence {args.confidence}'
               f'{" --no-sweep" * args.no_sweep} --seed {args.seed}')
    steps = sorted({trained.system.session.metadata['steps'] for trained in networks})
    report = origin(args, scenes, command) | {'detector': {
        'confidence': args.confidence, 'noticed': confidence.noticed}} | results(outcome)
    before, after = in_words(report)
    tables = markdown(outcome, before | {
        'Detector': f'notices {_percent(confidence.noticed)} of the hidden joints '
                    f'({args.confidence})',
        'Networks': f'{len(networks)}, kept after {", ".join(steps)} steps'} | after)
    write(args.output, report, tables)
    draw_all(outcome, args.output)
    print(tables)
    print(f'The figures and plots are in {args.output}.')


def _percent(shares: Sequence[float]) -> str:
    """Their range in words."""
    ends = [f'{100 * share:.0f}' for share in (min(shares), max(shares))]
    return f'{" to ".join(dict.fromkeys(ends))} %'


def _networks(folder: Path) -> list[Trained]:
    """All networks below a folder, by row and seed.

    Raises:
        DataError: There is none, or two are the same row and seed.
    """
    from ..errors import DataError
    from ..evaluation.ablation import Trained
    from ..evaluation.systems import open_systems
    from ..training.occlusion_rows import ROWS

    rows = {parts.names(): title for title, parts in ROWS.items()}
    found: dict[tuple[str, int], Trained] = {}
    for path in sorted(folder.glob('*/occlusion_aware.onnx')):
        [system] = open_systems([str(path)])
        said = system.session.metadata
        parts = tuple(word for word in said.get('parts', '').split(',') if word)
        if parts not in rows:
            continue                    # a variant that is no row of the table
        key = rows[parts], int(said['seed'])
        if key in found:
            raise DataError(f'Expected one network of row {key[0]!r} and seed {key[1]} in '
                            f'{folder}, got two; {path} is the second.')
        found[key] = Trained(row=key[0], seed=key[1], system=system)
    if not found:
        raise DataError(f'Expected networks */occlusion_aware.onnx of rows of the ablation in '
                        f'{folder}, got none; train them with `occpose train occlusion_aware '
                        '--row N`.')
    return list(found.values())
