"""Several processes that train one model together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn


@dataclass(frozen=True)
class Processes:
    """This process among all."""

    rank: int = 0
    """From 0; the first one writes."""
    count: int = 1

    def mean_gradients(self, model: nn.Module) -> None:
        """Replace each gradient by its mean over the processes."""
        if self.count > 1:
            for parameter in model.parameters():
                if parameter.grad is not None:
                    distributed.all_reduce(parameter.grad)
                    parameter.grad /= self.count

    def wait(self) -> None:
        """Go on when all others are here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def join(where: torch.device) -> Iterator[Processes]:
    """Meet the others that torchrun started; one process alone if it didn't."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        distributed.destroy_process_group()
