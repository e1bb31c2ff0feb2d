"""Training examples for networks that take references: a picture, and another one that may tell its colors."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, groupby
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cartoon_color import color
from cartoon_color.config import Views
from cartoon_color.dataset.loader import TrainingPictures

NEAR = 60
"""Pictures before or after one that are taken for the same scene; what each of them shows is new to the last."""
_SHARES = np.cumsum([0.4, 0.2, 0.2, 0.2])
"""How often a reference is near, from anywhere in the same film, from another film, and not there."""


class PairedPictures(TrainingPictures):
    """The views of `TrainingPictures`, each with a reference (1, 4, crop, crop): L*, a, b and opacity.

    The reference is a view of its own, mostly of a picture of the same scene or film; of another film it has to be
    ignored. One that isn't there is transparent. Films are runs of pictures in one folder.
    """

    def __init__(self, pictures: Sequence[Path], crop: int, seed: int, views: Views = "film") -> None:
        super().__init__(pictures, crop, seed, views)
        self._ends = list(accumulate(len(list(film)) for _, film in groupby(pictures, key=lambda path: path.parent)))

    def __getitem__(self, item: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng((self.seed, self.epoch, item, 1))
        kind = int(np.searchsorted(_SHARES, rng.random(), side="right"))
        rgb, luma = self.view(self.pictures[self._other(item % len(self.pictures), kind, rng)], rng)
        lab = color.rgb_to_lab(rgb)
        if luma is not None:
            lab[..., 0] = color.gray_lightness(luma)
        opacity = np.full(lab.shape[:2], kind < len(_SHARES) - 1, np.float32)
        reference = torch.from_numpy(np.dstack([lab, opacity])).permute(2, 0, 1)
        return *super().__getitem__(item), reference[None].contiguous()

    def _other(self, picture: int, kind: int, rng: np.random.Generator) -> int:
        """Number of a reference for a picture; another film's, if there is one."""
        film = bisect_right(self._ends, picture)
        start, end = self._ends[film - 1] if film else 0, self._ends[film]
        if kind == 0:
            return int(rng.integers(max(start, picture - NEAR), min(end, picture + NEAR + 1)))
        others = len(self.pictures) - (end - start)
        if kind == 2 and others:
            other = int(rng.integers(others))
            return other if other < start else other + end - start
        return int(rng.integers(start, end))
