"""Heads: from a network's last channels to color, and the loss that trains them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cartoon_color import color
from cartoon_color.variants.base import Prediction
from cartoon_color.variants.decoding import annealed_mean

_REACH = 120
"""Targets are encoded at the nearest whole a and b, each within +-_REACH; 8-bit pictures are no finer."""


LAMBDA = 0.5
"""Share of the uniform distribution in the mixture that rebalances (thesis section 5.3)."""

AB_SPAN = 110.0
"""Greatest |a| and |b| that are considered (thesis section 5.1.1)."""


def rebalancing_weights(prior: Tensor) -> Tensor:
    """Weight of each bin in the loss, (313,), of mean 1 under the prior (thesis eq. 5.4, Zhang et al. 2016 eq. 4).

    Zhang et al. smooth the prior over ab first; the thesis doesn't, nor do we.
    """
    weights = 1 / ((1 - LAMBDA) * prior + LAMBDA / len(prior))
    return weights / (prior * weights).sum()


class AbHead:
    """Two channels within -1 to 1, times a constant; the Euclidean loss (thesis section 7.1)."""

    name = "ab"
    channels = 2

    def loss(self, output: Tensor, ab: Tensor, prior: Tensor | None = None) -> Tensor:
        """Half the squared distance in ab, mean over pixels, at the scale of the network's output; takes no prior."""
        return 0.5 * (output - ab / AB_SPAN).square().sum(dim=1).mean()

    def predict(self, output: Tensor) -> Prediction:
        """a, b without a histogram."""
        return Prediction(output * AB_SPAN)


class HistogramHead:
    """A softmax over the 313 ab bins, decoded by annealed mean.

    Zhang et al. 2016, sections 2.1 to 2.3; thesis sections 5.2 and 5.3.
    """

    name = "histogram"
    channels = len(color.AB_BINS)

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature
        self._encoding: tuple[Tensor, Tensor] | None = None

    def loss(self, output: Tensor, ab: Tensor, prior: Tensor | None = None) -> Tensor:
        """Cross-entropy against the soft encoding of the true color (nats per pixel), weighted by that of the true
        color's nearest bin if a prior is given (thesis eq. 5.2, which lacks the factor P as printed, and 5.3)."""
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
        entropy = logits.logsumexp(-1) - (picked * self._encoding[1][row]).sum(-1)
        if prior is not None:
            entropy = entropy * rebalancing_weights(prior)[self._encoding[0][row, 0]]
        return entropy.mean()

    def predict(self, output: Tensor) -> Prediction:
        """The annealed mean, and the logits behind it."""
        return Prediction(annealed_mean(output, self.temperature), output)
