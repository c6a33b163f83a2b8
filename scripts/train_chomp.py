"""Train all networks of CHOMP's ablation, one after the other: two priors, seven rows.

    python scripts/train_chomp.py --data MOCAP --output out/chomp
    occpose evaluate chomp --data MOCAP --networks out/chomp --output out/chomp/results

May be stopped at any time; the same command goes on. The priors learn 2D from all recordings, the
rows see 3D truth of a share of them: outside of simulations it is scarce.
"""
from __future__ import annotations

import argparse
from pathlib import Path

from ros2_occpose.cli import main as occpose
from ros2_occpose.training.chomp_rows import ROWS, row
from ros2_occpose.training.trainer import BEST

PRIORS = {'prior-token': 6, 'prior-constant': 5}       # name -> a row that begins with it


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', required=True, help='folder of motion capture')
    parser.add_argument('--output', type=Path, required=True, help='a folder of rowN-seedS')
    parser.add_argument('--rows', default=','.join(str(n + 1) for n in range(len(ROWS))),
                        metavar='ROW[,ROW...]', help='which of the rows (default: all)')
    parser.add_argument('--prior-steps', type=int, default=20000)
    parser.add_argument('--prior-groups', type=int, default=64, help='groups of 128 clips of film')
    parser.add_argument('--steps', type=int, default=1000, help='of each row')
    parser.add_argument('--groups', type=int, default=6, help='of each row')
    parser.add_argument('--share', default='0.15', help='of the recordings: 3D truth')
    parser.add_argument('--batch', type=int, default=8, help='sequences a step')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--body', default='human')
    parser.add_argument('--cache', help='folder where drawn film is kept')
    args = parser.parse_args()
    rows = [int(word) for word in args.rows.split(',')]
    common = ['--data', args.data, '--batch', str(args.batch), '--seed', str(args.seed),
              '--body', args.body, '--workers', '0']
    if args.cache:
        common += ['--cache', args.cache]
    for name, number in PRIORS.items():
        wanted = [n for n in rows if row(n).prior and row(n).parts == row(number).parts]
        if wanted and not (args.output / name / 'curves.png').exists():
            run(['chomp_prior', '--row', str(number), '--steps', str(args.prior_steps),
                 '--groups', str(args.prior_groups), *common], args.output / name)
    for number in rows:
        output = args.output / f'row{number}-seed{args.seed}'
        if (output / 'chomp.onnx').exists():
            continue
        prior = next((args.output / name / BEST for name, n in PRIORS.items()
                      if row(number).prior and row(n).parts == row(number).parts), None)
        run(['chomp', '--row', str(number), '--steps', str(args.steps), '--groups',
             str(args.groups), '--share', args.share, *common,
             *(['--prior', str(prior)] if prior else [])], output)


def run(words: list[str], output: Path) -> None:
    """One training.

    Raises:
        SystemExit: It failed; its message is printed.
    """
    code = occpose(['train', *words, '--output', str(output)])
    if code:
        raise SystemExit(code)


if __name__ == '__main__':
    main()
