"""Which pictures make up which batch: known from the seed alone, so that a run can go on anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


class EpochBatches(Sampler[list[int]]):
    """The batches of one epoch from some batch on, for one of several processes; pictures that fill none are left out.

    With `processes` processes, each batch of the run is `processes` times as large, and each takes its own part.
    """

    def __init__(self, pictures: int, batch: int, seed: int, epoch: int, first: int, rank: int, processes: int) -> None:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        order: list[int] = torch.randperm(pictures, generator=generator).tolist()
        whole = batch * processes
        starts = range(first * whole, pictures - whole + 1, whole)
        self._batches = [order[start + rank * batch : start + (rank + 1) * batch] for start in starts]

    def __iter__(self) -> Iterator[list[int]]:
        """Lists of picture numbers."""
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)
