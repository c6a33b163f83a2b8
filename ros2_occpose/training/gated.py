"""Training of the temporal gated convolution, from data to checkpoint."""
from __future__ import annotations

import itertools
import logging
import math
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from ..errors import ConfigError, DataError
from ..lifting.gated_network import GatedConfig, GatedNetwork
from ..lifting.normalise import VERSION
from .bodies import sampling_weights
from .losses import lifting_loss, std_factor
from .motion import Motion, load_motions
from .sequences import Sequences, draw_clips, to_sequences

logger = logging.getLogger(__name__)

CHECKPOINT, BEST = 'checkpoint.pt', 'best.pt'
_GROUP = 4  # steps whose sequences are made together: the normalisation runs over time


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """All that decides the weights, but for the data and the machine."""

    network: GatedConfig = field(default_factory=GatedConfig)
    # wall time over which the learning rate falls; 0: as many as `steps` take
    minutes: float = 60.0
    steps: int = 0                # 0: as many as fit in `minutes`
    batch: int = 8                # long sequences a step
    frames: int = 320             # frames of a long sequence: more than the network remembers
    short: int = 96  # of a short one; two of three steps see many people for a short time
    learning_rate: float = 1e-3
    seed: int = 0
    validate_every: int = 200


class _Groups(IterableDataset[Sequences]):
    """Groups of training sequences from number `first` on; workers share them out."""

    def __init__(self, motions: Sequence[Motion], config: TrainingConfig, first: int) -> None:
        self.motions, self.config, self.first = motions, config, first

    def __iter__(self) -> Iterator[Sequences]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        numbers = itertools.count(self.first + worker, workers)
        weights = sampling_weights(self.motions)
        for number in numbers:
            rng = np.random.default_rng([self.config.seed, number])
            frames = self.config.frames if number % 3 == 0 else self.config.short
            batch = self.config.batch * self.config.frames // frames
            yield to_sequences(draw_clips(rng, self.motions, weights, batch * _GROUP, frames))


class Trainer:
    """Fits one network; everything it needs to go on later is in the checkpoint.

    Raises:
        DataError: There is no motion capture in `data`.
        ConfigError: `output` holds a run of another configuration.
    """

    def __init__(self, config: TrainingConfig, data: Path, output: Path, *, device: str = 'cpu',
                 threads: int = 1, workers: int = 1) -> None:
        torch.set_num_threads(threads)
        self.config, self.data, self.output = config, data, output
        self.device, self.workers, self.commit = torch.device(device), workers, current_commit()
        self.motions = load_motions(data, ('train',))
        self.held_out = _held_out(load_motions(data, ('validation',)), config)
        torch.manual_seed(config.seed)
        self.network = GatedNetwork(config.network).to(self.device)
        self.norms = [m for m in self.network.modules() if isinstance(m, torch.nn.BatchNorm1d)]
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate,
                                           weight_decay=1e-4, amsgrad=True)
        self.step, self.elapsed_s, self.best_mm, self.std_factor = 0, 0.0, math.inf, 1.0
        self.history: list[dict[str, float]] = []
        output.mkdir(parents=True, exist_ok=True)
        if (output / CHECKPOINT).exists():
            self._resume(output / CHECKPOINT)

    def run(self) -> None:
        """Train until the budget is used up; may be stopped at any time and called again."""
        start, losses = time.monotonic() - self.elapsed_s, []
        bar = tqdm(total=self.config.steps or None, initial=self.step, desc='train', unit='step',
                   mininterval=5)
        for batch in self._batches():
            self.elapsed_s = time.monotonic() - start
            if self.progress >= 1:
                break
            losses.append(self._learn(batch))
            self.step += 1
            bar.update()
            if self.step % self.config.validate_every == 0:
                self._validate(losses)
                bar.set_postfix(
                    {k: round(v, 1) for k, v in self.history[-1].items() if k.endswith('mm')}
                )
                losses.clear()
        bar.close()
        self._validate(losses)

    @property
    def progress(self) -> float:
        """Share of the budget that is used up."""
        shares = [self.step / self.config.steps] if self.config.steps else []
        if self.config.minutes:
            shares.append(self.elapsed_s / 60 / self.config.minutes)
        return max(shares)

    def _batches(self) -> Iterator[Sequences]:
        group, skip = divmod(self.step, _GROUP)
        loader = DataLoader(_Groups(self.motions, self.config, group), batch_size=None,
                            num_workers=self.workers, prefetch_factor=2 if self.workers else None)
        for sequences in loader:
            batch = len(sequences) // _GROUP
            for part in range(skip, _GROUP):
                rows = slice(part * batch, (part + 1) * batch)
                yield Sequences(
                    sequences.features[rows],
                    sequences.seen[rows],
                    sequences.target[rows],
                    sequences.counts[rows],
                )
            skip = 0

    def _learn(self, batch: Sequences) -> dict[str, float]:
        for group in self.optimiser.param_groups:
            group['lr'] = self.config.learning_rate * _rate(self.step, self.progress)
        features, seen, target, counts = self._tensors(batch)
        self.network.train()
        long = features.shape[1] == self.config.frames
        for norm in self.norms:  # live tracks are long: their statistics are the ones to keep
            norm.momentum = 0.05 if long else 0.0
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16):
            joints, log_std = self.network(features, seen)
        loss, parts = lifting_loss(joints, log_std, target, counts)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        return {'loss': loss.item(), **parts}

    def _tensors(self, batch: Sequences) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        def tensor(array: Any) -> Tensor:
            return torch.as_tensor(array).to(self.device, torch.float32)

        return (
            tensor(batch.features),
            tensor(batch.seen),
            tensor(batch.target),
            tensor(batch.counts),
        )

    def _validate(self, losses: list[dict[str, float]]) -> None:
        self.network.eval()
        with torch.no_grad():
            features, seen, target, counts = self._tensors(self.held_out)
            joints, log_std = self.network(features, seen)
            _, parts = lifting_loss(joints, log_std, target, counts)
            self.std_factor = std_factor(joints, log_std, target, counts)
        row = {'step': self.step, 'elapsed_s': round(self.elapsed_s, 1)}
        row |= {
            f'train_{key}': float(np.mean([loss[key] for loss in losses]))
            for key in (losses or [{}])[0]
        }
        row |= {f'held_out_{key}': value for key, value in parts.items()}
        self.history.append(row)
        logger.info('%s', row)
        if parts['mpjpe_mm'] < self.best_mm:
            self.best_mm = parts['mpjpe_mm']
            self._save(self.output / BEST)
        self._save(self.output / CHECKPOINT)

    def _save(self, path: Path) -> None:
        state = {
            'weights': self.network.state_dict(),
            'optimiser': self.optimiser.state_dict(),
            'network': self.config.network.as_dict(),
            'config': asdict(self.config),
            'step': self.step,
            'elapsed_s': self.elapsed_s,
            'best_mm': self.best_mm,
            'history': self.history,
            'std_factor': self.std_factor,
            'normalisation': VERSION,
            'commit': self.commit,
            'data': self.data.name,
        }
        part = path.with_suffix('.part')
        torch.save(state, part)
        part.replace(path)

    def _resume(self, path: Path) -> None:
        state = load_checkpoint(path)
        if (
            state['network'] != self.config.network.as_dict()
            or state['config']['seed'] != self.config.seed
        ):
            raise ConfigError(
                f'{path} is a run of another network or seed ({state["network"]}, seed '
                f'{state["config"]["seed"]}); choose another --output.'
            )
        self.network.load_state_dict(state['weights'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.step, self.elapsed_s, self.best_mm = (
            state['step'],
            state['elapsed_s'],
            state['best_mm'],
        )
        self.history = state['history']
        logger.info('Going on after step %d.', self.step)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `Trainer` saved.

    Raises:
        DataError: The file is missing or is no checkpoint.
    """
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch.load raises whatever the bytes provoke
        raise DataError(
            f'Expected a checkpoint of `occpose train` in {path}, got: {error}'
        ) from error
    if not isinstance(state, dict) or 'weights' not in state:
        raise DataError(
            f'Expected a checkpoint of `occpose train` in {path}, it holds something else.'
        )
    return state


def network_of(state: dict[str, Any]) -> GatedNetwork:
    """The trained network of a checkpoint, ready to answer.

    Raises:
        DataError: It was trained on another normalisation than this package's.
    """
    if state['normalisation'] != VERSION:
        raise DataError(
            f'Expected a checkpoint of normalisation {VERSION}, got {state["normalisation"]}; '
            'train again.'
        )
    network = GatedNetwork(
        GatedConfig(**{**state['network'], 'dilations': tuple(state['network']['dilations'])})
    )
    network.load_state_dict(state['weights'])
    return network.eval()


def current_commit() -> str:
    """Commit of the source tree, 'unknown' outside one."""
    here = Path(__file__).resolve().parent
    done = subprocess.run(
        ['git', 'describe', '--always', '--dirty'],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or 'unknown'


def _held_out(motions: Sequence[Motion], config: TrainingConfig) -> Sequences:
    """The same 48 sequences of held-out clips in every run of a seed."""
    rng = np.random.default_rng([config.seed, 2 ** 31])
    return to_sequences(draw_clips(rng, motions, sampling_weights(motions), 48, config.frames))


def _rate(step: int, progress: float) -> float:
    """Warm-up over 100 steps, then half a cosine over the budget."""
    return min((step + 1) / 100, 1.0) * (
        0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    )
