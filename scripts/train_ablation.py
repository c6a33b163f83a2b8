"""Train all networks of the ablation of the occlusion-aware system, one after the other.

    python scripts/train_ablation.py --data MOCAP --output out/ablation
    occpose evaluate ablation --data MOCAP --networks out/ablation --output out/ablation/results

Rows 1 to 4 with one seed, rows 5 to 7 with three. May be stopped at any time; the same command
goes on. A network is what `occpose train occlusion_aware --row N --seed S` makes with the same
numbers, but without the calibration of its std, which the ablation does not ask for.
"""
from __future__ import annotations

import argparse
import logging
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

from ros2_occpose.resources import cache_folder
from ros2_occpose.training import trainer as trainer_module
from ros2_occpose.training.export import export_checkpoint
from ros2_occpose.training.occlusion_rows import CONFIDENCES, row
from ros2_occpose.training.occlusion_task import OcclusionTask
from ros2_occpose.training.processes import Processes
from ros2_occpose.training.systems import task_named
from ros2_occpose.training.trainer import BEST, Trainer, TrainingConfig

# row and seed: what is compared first comes first
RUNS = ((2, 0), (3, 0), (1, 0), (7, 0), (4, 0), (5, 0), (6, 0),
        (7, 1), (6, 1), (5, 1), (7, 2), (6, 2), (5, 2))


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=Path, required=True, help='folder of motion capture')
    parser.add_argument('--output', type=Path, required=True, help='a folder of rowN-seedS')
    parser.add_argument('--runs', default=','.join(f'{r}-{s}' for r, s in RUNS),
                        metavar='ROW-SEED[,ROW-SEED...]', help='which of the networks')
    parser.add_argument('--cache', type=Path, help='folder where drawn film is kept')
    parser.add_argument('--steps', type=int, default=2400, help='of each network')
    parser.add_argument('--channels', type=int, default=64, help='width of the networks')
    parser.add_argument('--batch', type=int, default=16, help='sequences a step')
    parser.add_argument('--groups', type=int, default=8, help='groups of 128 clips of film')
    parser.add_argument('--confidence', default='assumed', choices=CONFIDENCES,
                        help='how often the detector of the film notices a hidden joint')
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format='%(levelname)s: %(message)s')
    processes = Processes.join(args.device, threads=1)
    trainer_module.load_motions = cache(trainer_module.load_motions)      # once for all networks
    for number, seed in (map(int, word.split('-')) for word in args.runs.split(',')):
        # named apart, so that nothing goes on with the film of another detector
        output = args.output / (f'row{number}-seed{seed}'
                                + f'-{args.confidence}' * (args.confidence != 'assumed'))
        model = output / 'occlusion_aware.onnx'
        if model.exists():
            continue
        task = task_named('occlusion_aware', channels=args.channels, parts=row(number))
        assert isinstance(task, OcclusionTask)
        task = replace(task, confidence=CONFIDENCES[args.confidence])
        config = TrainingConfig(steps=args.steps, batch=args.batch, groups=args.groups, seed=seed,
                                frames=task.frames)
        trainer = Trainer(task, config, args.data, output,
                          args.cache or cache_folder() / 'training', processes=processes,
                          workers=0)
        trainer.run()
        export_checkpoint(output / BEST, output / 'part.onnx')
        shutil.move(output / 'part.onnx', model)
        logging.info('Row %d, seed %d: %s', number, seed, trainer.history[-1])


if __name__ == '__main__':
    main()
