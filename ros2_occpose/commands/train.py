"""`occpose train`: train a lifter on motion capture."""
from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = 'train a lifter on motion capture'
SYSTEMS = ('gated_causal', 'gated')


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('system', choices=SYSTEMS, help='what to train')
    parser.add_argument(
        '--data',
        type=Path,
        required=True,
        help='folder of motion capture (bvh, deepmimic, expmap, asf_amc)',
    )
    parser.add_argument(
        '--output', type=Path, required=True, help='folder of checkpoints; a run there goes on'
    )
    parser.add_argument(
        '--minutes', type=float, default=60.0, help='wall time to train for, 0: until --steps'
    )
    parser.add_argument(
        '--steps', type=int, default=0, help='steps to train for, 0: until --minutes'
    )
    parser.add_argument('--channels', type=int, default=256, help='width of the network')
    parser.add_argument('--batch', type=int, default=8, help='sequences a step')
    parser.add_argument('--seed', type=int, default=0, help='of weights and data')
    parser.add_argument('--device', default='cpu', help='cpu or cuda')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of the training')
    parser.add_argument('--workers', type=int, default=1, help='processes that make data, 0: none')


def run(args: Namespace) -> None:
    """Train, export, report on the test split, write the card; a finished run reports again."""
    from ..errors import ConfigError
    from ..lifting.gated_network import GatedConfig
    from ..training.gated import BEST, Trainer, TrainingConfig

    if not (args.minutes > 0 or args.steps > 0):
        raise ConfigError('Expected a budget, got --minutes 0 and --steps 0; give one of them.')
    network = GatedConfig(causal=args.system.endswith('_causal'), channels=args.channels)
    config = TrainingConfig(
        network=network, minutes=args.minutes, steps=args.steps, batch=args.batch, seed=args.seed
    )
    Trainer(config, args.data, args.output, device=args.device, threads=args.threads,
            workers=args.workers).run()
    _publish(args, args.output / BEST)


def _publish(args: Namespace, checkpoint: Path) -> None:
    from ..inference import load_session
    from ..training.card import draw_loss, write_card
    from ..training.export import export_checkpoint
    from ..training.gated import CHECKPOINT, load_checkpoint
    from ..training.report import report, table

    model = args.output / f'{args.system}.onnx'
    export_checkpoint(checkpoint, model)
    scores = report(load_session(model), args.data)
    best, last = load_checkpoint(checkpoint), load_checkpoint(args.output / CHECKPOINT)
    state = {**best, 'history': last['history'], 'elapsed_s': last['elapsed_s']}
    command = (
        f'occpose train {args.system} --data DIR --output DIR --minutes {args.minutes:g} '
        f'--steps {args.steps} --channels {args.channels} --batch {args.batch} --seed {args.seed}'
    )
    write_card(model.with_suffix('.md'), args.system, state, command, scores)
    draw_loss(args.output / 'loss.png', last['history'])
    print(table(scores))
    print(f'\n{model}, {model.with_suffix(".md")} and {args.output / "loss.png"} are written.')
