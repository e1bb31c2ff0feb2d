"""Several processes that train one model together, as `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

from cartoon_color.errors import SettingsError

PATIENCE = timedelta(hours=6)
"""How long processes wait for the first one, which alone measures the prior and the validation episodes."""


def is_first() -> bool:
    """Whether this process is the one that reports, before or after it joins the others."""
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class Processes:
    """This process among all."""

    where: torch.device
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

    def mean(self, value: float) -> float:
        """Mean of a number over the processes."""
        if self.count == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.where)
        distributed.all_reduce(total)
        return float(total) / self.count

    def share(self, model: nn.Module) -> None:
        """Give all processes the first one's parameters and buffers."""
        if self.count > 1:
            for tensor in model.state_dict().values():
                distributed.broadcast(tensor, src=0)

    def wait(self) -> None:
        """Go on when all others are here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def join(where: torch.device) -> Iterator[Processes]:
    """Meet the others that torchrun started; one process alone if it didn't.

    Raises:
        SettingsError: More processes than CUDA devices.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(where)
        return
    if where.type == "cuda":
        local, devices = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if local >= devices:
            raise SettingsError(
                f"torchrun started more processes on this machine than its {devices} CUDA devices; "
                f"lower --nproc-per-node to {devices}"
            )
        torch.cuda.set_device(local)
    distributed.init_process_group("nccl" if where.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(where, distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
