"""Which pictures make up which batch: known from the seed alone, so that a run can go on anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler


def shares(counts: Sequence[int], balance: float) -> list[int]:
    """How many of as many pictures as there are come from each film: `counts` to the power `balance`, to scale.

    Rounded to the same sum, the largest remainders up.
    """
    powers = [count**balance for count in counts]
    wanted = [sum(counts) * power / sum(powers) for power in powers]
    given = [int(number) for number in wanted]
    nearest = sorted(range(len(counts)), key=lambda film: given[film] - wanted[film])
    for film in nearest[: sum(counts) - sum(given)]:
        given[film] += 1
    return given


def epoch_order(counts: Sequence[int], balance: float, seed: int, epoch: int) -> list[int]:
    """The pictures of one epoch, in order; `counts` are those of films that follow each other.

    A film that gives fewer than it has gives a random part; one that gives more, each picture about as often. Of n
    pictures in all, picture p is given as p, p + n, p + 2n, ..., so that each time it can be seen in another way.
    """
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    pictures, first = sum(counts), 0
    drawn: list[int] = []
    for count, share in zip(counts, shares(counts, balance), strict=True):
        rounds, rest = divmod(share, count)
        drawn += [first + picture + again * pictures for again in range(rounds) for picture in range(count)]
        if rest:
            some = torch.randperm(count, generator=generator)[:rest].tolist()
            drawn += [first + picture + rounds * pictures for picture in some]
        first += count
    return [drawn[at] for at in torch.randperm(pictures, generator=generator).tolist()]


class EpochBatches(Sampler[list[int]]):
    """The batches of one epoch from some batch on, for one of several processes; pictures that fill none are left out.

    With `processes` processes, each batch of the run is `processes` times as large, and each takes its own part.
    """

    def __init__(self, order: Sequence[int], batch: int, first: int, rank: int, processes: int) -> None:
        whole = batch * processes
        starts = range(first * whole, len(order) - whole + 1, whole)
        self._batches = [list(order[start + rank * batch : start + (rank + 1) * batch]) for start in starts]

    def __iter__(self) -> Iterator[list[int]]:
        """Lists of picture numbers."""
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)
