"""Several models as one Colorizer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from cartoon_color.variants.base import Colorizer, Prediction


class MeanEnsemble:
    """The mean of the members' a, b (thesis section 8.4.2)."""

    def __init__(self, members: Sequence[Colorizer]) -> None:
        if not members:
            raise ValueError("an ensemble needs at least one member")
        self.members = members

    def __call__(self, lightness: Tensor) -> Prediction:
        """Color pictures: (N, 1, H, W) float32 L* 0..100 to a Prediction without logits."""
        return Prediction(torch.stack([member(lightness).ab for member in self.members]).mean(dim=0))
