"""`occpose train`: train a system on motion capture."""
from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..training.task import Task

HELP = 'train a system on motion capture'
SYSTEMS = ('plain', 'plain_masked', 'gated', 'gated_causal', 'occlusion_aware',
           'occlusion_aware_causal', 'chomp_prior', 'chomp_prior_causal', 'chomp',
           'chomp_causal', 'learned_trajectory')


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('system', choices=SYSTEMS, help='what to train')
    parser.add_argument('--data', type=Path, required=True,
                        help='folder of motion capture (bvh, deepmimic, expmap ...)')
    parser.add_argument('--output', type=Path, required=True,
                        help='folder of checkpoints; a run in it is resumed')
    parser.add_argument('--steps', type=int, default=8000, help='steps of the optimiser')
    parser.add_argument('--channels', type=int,
                        help='width of the network (default: 256; of chomp, of an entry of its '
                        'motion map: 36)')
    parser.add_argument('--batch', type=int, default=16, help='sequences per step and process')
    parser.add_argument('--groups', type=int, default=96,
                        help='groups of 128 clips to generate and iterate over')
    parser.add_argument('--share', type=float, default=1.0,
                        help='share of the recordings to train on (default: 1)')
    parser.add_argument('--seed', type=int, default=0, help='seed of weights and data')
    parser.add_argument('--frames', type=int,
                        help='length of a sequence (default: 243, occlusion_aware 128, chomp 64)')
    parser.add_argument('--row', type=int, metavar='N',
                        help='occlusion_aware and chomp only: row of their ablation, 1 to 7')
    parser.add_argument('--prior', type=Path, metavar='FILE',
                        help='chomp only: best.pt of a chomp_prior (or chomp_prior_causal)')
    parser.add_argument('--body', default='human',
                        help='chomp only: human, cylinder or a file (default: human)')
    parser.add_argument('--without', default='', metavar='PART[,PART...]',
                        help='occlusion_aware only: parts to leave out (denoise, aware, symmetry, '
                        'adversary, regularise, augment)')
    parser.add_argument('--noise', default='real', choices=('real', 'rendered'),
                        help='errors of simulated detections, measured on real video or in '
                        'rendered scenes (not for occlusion_aware and chomp)')
    parser.add_argument('--cache', type=Path,
                        help='folder of generated clips (default: in the cache of models)')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of the training')
    parser.add_argument('--workers', type=int, default=1,
                        help='processes that generate data, 0: none')


def run(args: Namespace) -> None:
    """Train, then write ONNX file, card and curves; a finished run only writes them again.

    Under `torchrun` several processes train one network.
    """
    from ..errors import ConfigError
    from ..resources import cache_folder
    from ..training.processes import Processes
    from ..training.publish import publish
    from ..training.trainer import Trainer, TrainingConfig

    if args.steps < 1 or args.batch < 1 or args.groups < 1:
        raise ConfigError(f'Expected --steps, --batch and --groups of at least 1, got '
                          f'{args.steps}, {args.batch} and {args.groups}.')
    if not 0 < args.share <= 1:
        raise ConfigError(f'Expected a --share above 0 and up to 1, got {args.share}.')
    task = _task(args)
    config = TrainingConfig(steps=args.steps, batch=args.batch, groups=args.groups, seed=args.seed,
                            frames=args.frames or task.frames, learning_rate=task.learning_rate,
                            share=args.share)
    cache = args.cache or cache_folder() / 'training'
    processes = Processes.join(args.device, threads=args.threads)
    trainer = Trainer(task, config, args.data, args.output, cache, processes=processes,
                      workers=args.workers)
    trainer.run()
    if processes.is_first:
        command = (f'occpose train {args.system} --data DIR --output DIR --steps {args.steps} '
                   f'--batch {args.batch} --groups {args.groups} --seed {args.seed}'
                   + _more(args))
        written = publish(args.system, task, args.data, args.output, command=command)
        print(f'Written: {", ".join(str(path) for path in written)}')
    processes.leave()


def _task(args: Namespace) -> Task:
    """What the options ask for.

    Raises:
        ConfigError: An option is of other systems, or asks for what there is not.
    """
    from ..errors import ConfigError
    from ..training.occlusion_rows import chosen_parts
    from ..training.systems import chomp_task, task_named

    is_chomp = args.system.startswith('chomp')
    foreign = ({'--without': args.without, '--noise': args.noise != 'real'} if is_chomp else
               {'--prior': args.prior, '--body': args.body != 'human'})
    for option in (option for option, given in foreign.items() if given):
        raise ConfigError(f'Expected no {option} with {args.system}, which has no such choice; '
                          'leave it out.')
    if is_chomp:
        return chomp_task(args.system, channels=args.channels, number=args.row, body=args.body,
                          prior=args.prior)
    parts = chosen_parts(args.row, [word for word in args.without.split(',') if word])
    return task_named(args.system, channels=args.channels, parts=parts, noise=args.noise)


def _more(args: Namespace) -> str:
    """The options that are seldom given, as they were typed."""
    given = {'share': args.share if args.share < 1 else '', 'channels': args.channels,
             'frames': args.frames, 'row': args.row,
             'without': args.without, 'noise': args.noise if args.noise != 'real' else '',
             'prior': args.prior and f'DIR/{args.prior.name}',
             'body': args.body if args.body != 'human' else ''}
    return ''.join(f' --{name} {value}' for name, value in given.items() if value)
