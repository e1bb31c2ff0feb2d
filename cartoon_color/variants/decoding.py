"""From histograms over the ab bins to a, b (thesis section 5.2; Zhang et al. 2016, section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from cartoon_color import color
from cartoon_color.variants.base import Colorizer, Prediction

Decoding = Literal["annealed", "expectation", "mode", "sampling"]
"""The first is the mean at the weights' own temperature."""

_BINS = torch.from_numpy(color.AB_BINS.copy())
_SEED = 0


def annealed_mean(logits: Tensor, temperature: float) -> Tensor:
    """The mean of the bins under the softmax of logits / temperature: 1 gives the expectation, towards 0 the mode.

    Takes (N, 313, h, w) float32, gives (N, 2, h, w), as all of these do.
    """
    # Networks give bins that lie next to each other in memory; a softmax over the last axis is faster then.
    annealed = functional.softmax(logits.permute(0, 2, 3, 1) / temperature, dim=-1)
    # In bfloat16, a and b would come in steps of up to 0.5.
    with torch.autocast(logits.device.type, enabled=False):
        return (annealed @ _BINS.to(logits.device)).permute(0, 3, 1, 2)


def mode(logits: Tensor) -> Tensor:
    """The likeliest bin of each pixel."""
    return _pick(logits.argmax(dim=1))


def sample(logits: Tensor, seed: int) -> Tensor:
    """A bin of each pixel, drawn from its histogram.

    The draw of a pixel hangs on the seed and on its place alone, so a picture gets the same colors in any batch, and
    pictures with the same histograms get the same ones.
    """
    draw = torch.rand(logits.shape[2:], generator=torch.Generator().manual_seed(seed)).to(logits.device)
    below = functional.softmax(logits, dim=1).cumsum(dim=1) <= draw
    return _pick(below.sum(dim=1).clamp(max=len(_BINS) - 1))


def _pick(index: Tensor) -> Tensor:
    return _BINS.to(index.device)[index].permute(0, 3, 1, 2)


class Decoded:
    """A Colorizer whose histograms are decoded in another way than its weights say."""

    def __init__(self, colorizer: Colorizer, decoding: Decoding) -> None:
        ways: dict[Decoding, Callable[[Tensor], Tensor]] = {
            "expectation": lambda logits: annealed_mean(logits, 1),
            "mode": mode,
            "sampling": lambda logits: sample(logits, _SEED),
        }
        self.colorizer = colorizer
        self.decode = ways[decoding]

    def __call__(self, lightness: Tensor) -> Prediction:
        """Color pictures: (N, 1, H, W) float32 L* 0..100 to a Prediction; ValueError if there is no histogram."""
        logits = self.colorizer(lightness).logits
        if logits is None:
            raise ValueError("only histograms can be decoded")
        return Prediction(self.decode(logits), logits)
