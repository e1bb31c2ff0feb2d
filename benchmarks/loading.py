"""Whether reading pictures keeps up with the network that is trained on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from cartoon_color import variants
from cartoon_color.config import NetworkSettings
from cartoon_color.dataset.loader import TrainingPictures
from cartoon_color.training.optimization import make_optimizer
from cartoon_color.training.order import EpochBatches

UPDATES = 10
CASES = (("compact", 1.0, 16, 224), ("plain", 0.5, 12, 112))
"""Variant, width, batch, crop: what a machine with two cores can train."""


def waiting(pictures: Sequence[Path], variant: str, width: float, batch: int, crop: int) -> tuple[float, float, float]:
    """Train for some updates as `cartoon-color train` does.

    Returns:
        The share of the time spent waiting for pictures, in percent, from the second batch on (with the first, the
        reading processes start, once an epoch); seconds an update; and milliseconds of one core to make one picture.
    """
    settings = replace(variants.find(variant).recipe, batch=batch, crop=crop)
    needed = (UPDATES + 1) * batch
    chosen = (list(pictures) * (needed // len(pictures) + 1))[:needed]
    views = TrainingPictures(chosen, crop, settings.seed, settings.views)
    started = time.process_time()
    for item in range(batch):
        _ = views[item]
    picture = 1000 * (time.process_time() - started) / batch
    model = variants.build(variant, NetworkSettings(width=width)).train()
    optimizer = make_optimizer(model, settings)
    order = EpochBatches(needed, batch, settings.seed, 1, 0, 0, 1)
    batches = iter(DataLoader(views, batch_sampler=order, num_workers=settings.workers))
    next(batches)
    waited, started = 0.0, time.perf_counter()
    for _ in range(UPDATES):
        asked = time.perf_counter()
        lightness, ab = next(batches)
        waited += time.perf_counter() - asked
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(model.loss(model(lightness.to(memory_format=torch.channels_last)), ab))
        optimizer.step()
    whole = time.perf_counter() - started
    return 100 * waited / whole, whole / UPDATES, picture
