"""Heads: from a network's last channels to color, and the loss that trains them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cartoon_color import color
from cartoon_color.variants.base import Prediction

_REACH = 120
"""Targets are encoded at the nearest whole a and b, each within +-_REACH; 8-bit pictures are no finer."""


class HistogramHead:
    """A softmax over the 313 ab bins, decoded by annealed mean.

    Zhang et al. 2016, sections 2.1 to 2.3; thesis sections 5.2 and 5.3. The annealed mean divides the logits by a
    temperature before the expectation: 1 is the expectation itself, towards 0 it becomes the mode.
    """

    channels = len(color.AB_BINS)

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature
        self._bins = torch.from_numpy(color.AB_BINS.T.copy())[:, :, None, None]
        self._encoding: tuple[Tensor, Tensor] | None = None

    def loss(self, output: Tensor, ab: Tensor) -> Tensor:
        """Cross-entropy against the soft encoding of the true color (nats per pixel)."""
        if self._encoding is None or self._encoding[0].device != output.device:
            whole = np.arange(-_REACH, _REACH + 1, dtype=np.float32)
            index, weight = color.encode_bins(np.stack(np.meshgrid(whole, whole, indexing="ij"), axis=-1))
            self._encoding = (
                torch.from_numpy(index).flatten(0, 1).to(output.device),
                torch.from_numpy(weight).flatten(0, 1).to(output.device),
            )
        rounded = (ab.round().clamp(-_REACH, _REACH) + _REACH).long()
        row = (rounded[:, 0] * (2 * _REACH + 1) + rounded[:, 1]).flatten()
        logits = output.permute(0, 2, 3, 1).flatten(0, 2)
        picked = logits.gather(-1, self._encoding[0][row])
        return (logits.logsumexp(-1) - (picked * self._encoding[1][row]).sum(-1)).mean()

    def predict(self, output: Tensor) -> Prediction:
        """The annealed mean, and the logits behind it."""
        annealed = functional.softmax(output / self.temperature, dim=1)
        return Prediction(functional.conv2d(annealed, self._bins.to(output.device)), output)
