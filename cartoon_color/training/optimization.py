"""From gradients to weights: the optimizer, its rate, and the average that follows the weights."""

from __future__ import annotations

import math

import torch
from torch import nn

from cartoon_color.config import TrainingSettings

WARMUP_SHARE = 0.03
STEP_FACTOR = 0.3
"""Of the rate, after half of the epochs (thesis section 7.3)."""


def make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    """Adam or AdamW over all parameters, with PyTorch's betas 0.9 and 0.999 (thesis section 7.3)."""
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)


def learning_rate(settings: TrainingSettings, update: int, updates: int) -> float:
    """The rate of an update, counted from 0, of `updates` in all."""
    top = settings.learning_rate
    if settings.schedule == "step":
        return top if update < updates / 2 else top * STEP_FACTOR
    warmup = max(1, round(WARMUP_SHARE * updates))
    if update < warmup:
        return top * (update + 1) / warmup
    share = (update - warmup) / max(1, updates - warmup)
    return top * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the trained ones; statistics of batch normalization likewise."""
    for kept, now in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(now, 1 - decay)
        else:
            kept.copy_(now)
