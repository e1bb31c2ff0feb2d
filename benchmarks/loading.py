"""Whether reading pictures keeps up with the network that is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.training import Trainer, reading, warm
from cartoon_color import variants

UPDATES = 10
CASES = (("compact", 1.0, 16, 224), ("plain", 0.5, 12, 112))
"""Variant, width, batch, crop: what a machine with two cores can train."""


def waiting(pictures: Sequence[Path], variant: str, width: float, batch: int, crop: int) -> float:
    """The share of a training's time that is spent waiting for pictures, in percent, once the reading processes run."""
    settings = replace(variants.find(variant).recipe, batch=batch, accumulate=1, crop=crop)
    where = torch.device("cpu")
    batches = reading(pictures, settings, where, warm(settings) + UPDATES)
    return Trainer(variant, width, settings, where).time(batches, UPDATES).waited
