"""What every variant has in common: what it predicts, and how it is described."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from cartoon_color import color
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.errors import WeightsError

OUTPUT_STRIDE = 4
"""Networks predict color at this fraction of their input's size, rounded up (thesis section 5.1)."""


@dataclass(frozen=True)
class Prediction:
    """Color of a batch of pictures, at the network's output size (h, w)."""

    ab: Tensor
    """(N, 2, h, w) float32, CIELAB a, b."""
    logits: Tensor | None = None
    """(N, 313, h, w) float32, their softmax is the distribution over `color.AB_BINS`; None from variants that predict
    a, b directly."""
    features: Tensor | None = None
    """(N, C, h, w), what the network sees at each place; only if it was asked to describe, as is ..."""
    look: Tensor | None = None
    """(N, K), what it sees in each picture as a whole."""


class Colorizer(Protocol):
    """Anything that colors: a network with its head, or an ensemble of them."""

    def __call__(self, lightness: Tensor) -> Prediction:
        """Color pictures: (N, 1, H, W) float32 L* 0..100 to a Prediction at a quarter of the size."""
        ...


class Head(Protocol):
    """What the last layer's numbers mean."""

    name: str
    """histogram, or ab."""
    channels: int
    """Number of output channels of the network."""

    def loss(self, output: Tensor, ab: Tensor, prior: Tensor | None = None) -> Tensor:
        """Mean training loss: output (N, channels, h, w), true ab (N, 2, h, w), both float32; rebalanced by the prior
        (313,) of the bins, if one is given."""
        ...

    def predict(self, output: Tensor) -> Prediction:
        """Decode the network's output (N, channels, h, w)."""
        ...


@dataclass(frozen=True)
class Variant:
    """One model of the study, by name."""

    name: str
    summary: str
    """One sentence."""
    source: str
    """Paper, section, or 'this project'."""
    network: Callable[[NetworkSettings, int], nn.Module]
    """Builds the network from its settings and the number of output channels; maps (N, 1, H, W) lightness / 100 to
    (N, channels, H / 4, W / 4)."""
    head: Callable[[NetworkSettings], Head]
    recipe: TrainingSettings = field(default_factory=TrainingSettings)
    """How it is trained unless told otherwise."""
    rebalance: bool = False
    """Whether rare colors weigh more in the loss (thesis section 5.3)."""
    initialize: Callable[[Model, Sequence[Tensor]], None] | None = None
    """Sets the first weights, given some training batches of lightness (N, 1, H, W); None keeps PyTorch's."""
    described: tuple[str, str] | None = None
    """The layers of the network that tell regions and whole drawings apart; None if none was found good for that."""
    references: bool = False
    """Whether the network takes references as well, (N or 1, R, 4, h, w) float32, any number and size of them: L*, a, b
    and opacity 0..1."""
    load_frozen: Callable[[nn.Module, Path], None] | None = None
    """Reads the weights of the network's layers that are never trained from a file; None without such layers."""


class Model(nn.Module):
    """A variant's network with its head: a trainable Colorizer."""

    prior: Tensor | None
    """(313,) float32: how often each bin is met in the training pictures, sums to 1; None without rebalancing."""

    def __init__(self, variant: Variant, settings: NetworkSettings) -> None:
        super().__init__()
        self.variant = variant
        self.settings = settings
        self.head = variant.head(settings)
        self.network = variant.network(settings, self.head.channels)
        bins = len(color.AB_BINS)
        self.register_buffer("prior", torch.full((bins,), 1 / bins) if variant.rebalance else None)

    def forward(self, lightness: Tensor, references: Tensor | None = None) -> Tensor:
        """The head's raw input: (N, 1, H, W) L* 0..100 to (N, channels, H / 4, W / 4); see `Variant.references`."""
        given = () if references is None else (references,)
        output: Tensor = self.network(lightness * 0.01, *given)
        return output

    def loss(self, output: Tensor, ab: Tensor) -> Tensor:
        """Mean training loss of what `forward` gave against the true ab (N, 2, h, w)."""
        return self.head.loss(output.float(), ab, self.prior)

    def colorize(self, lightness: Tensor, references: Tensor | None = None) -> Prediction:
        """Color pictures: (N, 1, H, W) float32 L* 0..100 to a Prediction at a quarter of the size; by references, of
        each picture or of all, if the variant takes them."""
        return self.head.predict(self(lightness, references).float())

    def describe(self, lightness: Tensor) -> Prediction:
        """Color pictures as `colorize` does, and tell what the network sees in them: the features of one layer, and
        the mean and standard deviation over the picture of those of a deeper one.

        Raises:
            WeightsError: The variant has no such layers.
        """
        if self.variant.described is None:
            raise WeightsError(
                f"weights of the variant {self.variant.name} can't describe regions for a memory; take compact"
            )
        seen: list[Tensor] = []
        layers = [self.network.get_submodule(name) for name in self.variant.described]
        hooks = [layer.register_forward_hook(lambda layer, given, output: seen.append(output)) for layer in layers]
        try:
            prediction = self.colorize(lightness)
        finally:
            for hook in hooks:
                hook.remove()
        features, deep = seen
        deviation, mean = torch.std_mean(deep.float(), dim=(2, 3), correction=0)
        return replace(prediction, features=features, look=torch.cat([mean, deviation], dim=1))
