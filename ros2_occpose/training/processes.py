"""One process, or one of several that torch's own launcher started (`torchrun`)."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import ConfigError


@dataclass(frozen=True)
class Processes:
    """Who we are among the processes that train one network together."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls, device: str, *, threads: int = 1) -> Self:
        """Read what torchrun says, and meet the others.

        Args:
            device: cpu or cuda; under torchrun each process takes a GPU of its own.
            threads: Of this process on the CPU.

        Raises:
            ConfigError: There is no such device.
        """
        torch.set_num_threads(threads)
        count, rank = int(os.environ.get('WORLD_SIZE', 1)), int(os.environ.get('RANK', 0))
        if device == 'cuda' and not torch.cuda.is_available():
            raise ConfigError('Expected a CUDA device for --device cuda, torch sees none; '
                              'choose --device cpu.')
        here = torch.device(device)
        if device == 'cuda':
            here = torch.device('cuda', int(os.environ.get('LOCAL_RANK', 0)))
        if count > 1 and not distributed.is_initialized():
            distributed.init_process_group('nccl' if device == 'cuda' else 'gloo')
        return cls(here, rank, count)

    @property
    def is_first(self) -> bool:
        """The one that validates, saves and prints."""
        return self.rank == 0

    def shared(self, network: nn.Module) -> nn.Module:
        """The network, its gradients averaged over all processes."""
        if self.count == 1:
            return network
        if self.device.type == 'cuda':
            network = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return DistributedDataParallel(network)

    def wait(self) -> None:
        """Until all have come here."""
        if self.count > 1:
            distributed.barrier()

    def leave(self) -> None:
        """Say goodbye to the others."""
        if self.count > 1:
            distributed.destroy_process_group()
