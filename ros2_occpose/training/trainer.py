"""The training loop, the same for every system: from clips to the best checkpoint."""
from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from ..errors import ConfigError, DataError, in_one_line
from ..lifting.normalise import VERSION
from ..recording.machine import source_commit
from .corpus import GROUP, RENDERED_CLIPS, Corpus
from .mocap.motion import Motion, load_motions
from .processes import Processes
from .task import Parts, Task

logger = logging.getLogger(__name__)

CHECKPOINT, BEST = 'checkpoint.pt', 'best.pt'
Arrays = Mapping[str, NDArray[Any]]
_WARM_UP = 200      # steps
_MOST_KEPT = 128    # prepared groups, about 14 MB each


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """All that decides the weights, but for the task and the motion capture."""

    steps: int = 8000
    batch: int = 16               # sequences a step
    frames: int = 243             # of a sequence: as many as a network remembers
    groups: int = 96              # groups of clips that are gone through again and again
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    seed: int = 0
    validate_every: int = 500
    held_out: int = 2             # groups of clips of held-out people
    share: float = 1.0            # of the recordings that are learned from


class _Groups(IterableDataset[Arrays]):
    """Prepared groups of clips in the order of training, from position `first` on."""

    def __init__(self, corpus: Corpus, task: Task, config: TrainingConfig, first: int) -> None:
        self.corpus, self.task, self.config, self.first = corpus, task, config, first
        self._kept: dict[tuple[int, int], Arrays] = {}

    def __iter__(self) -> Iterator[Arrays]:
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        if info:
            torch.set_num_threads(1)       # not those of the training, when it shares the process
        position = self.first + worker
        while True:
            epoch, place = divmod(position, self.config.groups)
            rng = np.random.default_rng([self.config.seed, epoch])
            group = int(rng.permutation(self.config.groups)[place])
            arrays = self._prepared(group, epoch % self.task.views)
            order = np.random.default_rng([self.config.seed, position]).permutation(GROUP)
            yield {name: array[order] for name, array in arrays.items()}
            position += workers

    def _prepared(self, group: int, view: int) -> Arrays:
        """The same every time, so it is kept as long as memory is no matter."""
        arrays = self._kept.get((group, view))
        if arrays is None:
            arrays = self.task.prepare(self.corpus.group(group), view)
            if len(self._kept) < _MOST_KEPT:
                self._kept[group, view] = arrays
        return arrays


class Trainer:
    """Fits one network; everything it needs to go on later is in the checkpoint.

    Raises:
        DataError: There is no motion capture in `data`, or no room for the clips.
        ConfigError: `output` holds a run of another configuration.
    """

    def __init__(self, task: Task, config: TrainingConfig, data: Path, output: Path, cache: Path,
                 *, processes: Processes, workers: int = 1) -> None:
        self.task, self.config, self.output, self.workers = task, config, output, workers
        self.processes, self.device = processes, processes.device
        self._about = {'commit': source_commit(), 'data': data.name}
        motions = some_of(load_motions(data, ('train',)), config.share)
        self._corpus = Corpus(motions, cache, config.seed, config.frames, task.source)
        self.held_out = held_out(task, config, data, cache)
        torch.manual_seed(config.seed)
        self.network = task.build().to(self.device)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=config.learning_rate,
                                           weight_decay=config.weight_decay, amsgrad=True)
        self.step, self.elapsed_s, self.best = 0, 0.0, math.inf
        self.history: list[dict[str, float]] = []
        output.mkdir(parents=True, exist_ok=True)
        if (output / CHECKPOINT).exists():
            self._resume(output / CHECKPOINT)

    def run(self) -> None:
        """Train until all steps are done; may be stopped at any time and called again."""
        if self.step >= self.config.steps:
            return
        network, parts = self.processes.shared(self.network), []
        bar = tqdm(total=self.config.steps, initial=self.step, desc='train', unit='step',
                   mininterval=5, disable=not self.processes.is_first)
        last = time.monotonic()
        for batch in self._batches():
            parts.append(self._learn(network, batch))
            self.step += 1
            now = time.monotonic()
            self.elapsed_s, last = self.elapsed_s + now - last, now
            bar.update()
            done = self.step == self.config.steps
            if done or self.step % self.config.validate_every == 0:
                bar.set_postfix(self._validate(parts))
                parts.clear()
            if done:
                break
        bar.close()

    def _batches(self) -> Iterator[Arrays]:
        """The batches of this process from the present step on."""
        size, shares = self.config.batch, self.processes.count
        if size * shares > GROUP:
            raise ConfigError(f'Expected a batch of at most {GROUP // shares} with {shares} '
                              f'processes, got {size}; give a smaller --batch.')
        a_group = GROUP // (size * shares)            # steps that a group is good for
        position, skip = divmod(self.step, a_group)
        loader = DataLoader(_Groups(self._corpus, self.task, self.config, position),
                            batch_size=None, num_workers=self.workers,
                            prefetch_factor=2 if self.workers else None)
        for arrays in loader:
            for step in range(skip, a_group):
                first = (step * shares + self.processes.rank) * size
                yield {name: array[first:first + size] for name, array in arrays.items()}
            skip = 0

    def _learn(self, network: nn.Module, arrays: Arrays) -> Parts:
        rate = self.config.learning_rate * schedule(self.step, self.config.steps)
        for group in self.optimiser.param_groups:
            group['lr'] = rate
        network.train()
        self.optimiser.zero_grad()
        loss, parts = self.task.loss(network, self._tensors(arrays))
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        self.optimiser.step()
        return {'loss': loss.item(), **parts}

    def _tensors(self, arrays: Arrays) -> dict[str, Tensor]:
        return {name: torch.as_tensor(array).to(self.device, torch.float32)
                for name, array in arrays.items()}

    def _validate(self, parts: list[Parts]) -> Parts:
        """Errors to show; the first process saves."""
        row: Parts = {}
        if self.processes.is_first:
            found = validation_error(self.task, self.network, self.held_out, self.device)
            row = {'step': self.step, 'elapsed_s': round(self.elapsed_s, 1)}
            row |= {f'train_{k}': float(np.mean([p[k] for p in parts])) for k in parts[0]}
            row |= {f'held_out_{k}': v for k, v in found.items()}
            self.history.append(row)
            if found[self.task.error] < self.best:
                self.best = found[self.task.error]
                self._save(self.output / BEST)
            self._save(self.output / CHECKPOINT)
        self.processes.wait()
        return {k: round(v, 1) for k, v in row.items() if k.endswith(self.task.error)}

    def _save(self, path: Path) -> None:
        save_checkpoint(path, {
            **self._about,
            'weights': self.network.state_dict(), 'optimiser': self.optimiser.state_dict(),
            'network': self.task.network.as_dict(), 'config': asdict(self.config),
            'step': self.step, 'elapsed_s': self.elapsed_s, 'best': self.best,
            'source': self.task.source.prefix, 'error': self.task.error,
            'history': self.history, 'normalisation': VERSION,
        })

    def _resume(self, path: Path) -> None:
        state = load_checkpoint(path)
        wanted = {'network': self.task.network.as_dict(), 'config': asdict(self.config),
                  'source': self.task.source.prefix}
        # runs that do not say learnt from the noise of real video
        state['config'].setdefault('share', 1.0)
        state.setdefault('source', self.task.source.prefix.removeprefix(RENDERED_CLIPS.prefix))
        for name, value in wanted.items():
            if state[name] != value:
                raise ConfigError(f'{path} is a run of another {name}: expected {value}, got '
                                  f'{state[name]}; choose another --output.')
        self.network.load_state_dict(state['weights'])
        self.optimiser.load_state_dict(state['optimiser'])
        self.step, self.elapsed_s = state['step'], state['elapsed_s']
        self.best, self.history = state['best'], state['history']
        logger.info('Going on after step %d.', self.step)


def some_of(motions: Sequence[Motion], share: float) -> list[Motion]:
    """A share of the recordings, evenly out of all kinds, at least one."""
    count = max(round(share * len(motions)), 1)
    return [motions[index * len(motions) // count] for index in range(count)]


def held_out(task: Task, config: TrainingConfig, data: Path, cache: Path) -> Arrays:
    """The same clips of held-out people in every run of a seed; never of the test split."""
    corpus = Corpus(load_motions(data, ('validation',)), cache, config.seed, config.frames,
                    task.source)
    groups = [task.prepare_held_out(corpus.group(number)) for number in range(config.held_out)]
    return {name: np.concatenate([group[name] for group in groups]) for name in groups[0]}


def validation_error(task: Task, network: nn.Module, arrays: Arrays,
                     device: torch.device) -> Parts:
    """Mean parts of the loss over held-out clips."""
    network.eval()
    parts = []
    with torch.no_grad():
        for first in range(0, len(next(iter(arrays.values()))), 32):
            batch = {name: torch.as_tensor(array[first:first + 32]).to(device, torch.float32)
                     for name, array in arrays.items()}
            parts.append(task.loss(network, batch)[1])
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: a linear warm-up, then half a cosine down to 1 %."""
    warm = min((step + 1) / min(_WARM_UP, max(steps // 10, 1)), 1.0)
    return warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write the whole file or nothing, whatever happens meanwhile."""
    part = path.with_suffix('.part')
    torch.save(dict(state), part)
    part.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `Trainer` saved.

    Raises:
        DataError: The file is missing or is no checkpoint.
    """
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch.load raises whatever the bytes provoke
        raise DataError(
            f'Expected a checkpoint of `occpose train` in {path}, got: {in_one_line(error)}.'
        ) from error
    if not isinstance(state, dict) or 'weights' not in state:
        raise DataError(
            f'Expected a checkpoint of `occpose train` in {path}, it holds something else.'
        )
    return state
