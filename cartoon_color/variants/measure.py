"""What a network costs and how far it sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from cartoon_color.config import NetworkSettings
from cartoon_color.variants.base import OUTPUT_STRIDE, Model, Variant

_SIZE = 256
"""Height and width in pixels of the pictures that operations are counted for."""
_FIELD = 1024
"""Of the picture on which the receptive field is measured; more than any network here sees."""
_NARROW = NetworkSettings(width=0.01)
"""Width doesn't change how far a network sees."""


@dataclass(frozen=True)
class Measures:
    """Of a variant."""

    parameters: int
    receptive_field: int
    """Pixels of the input, along one side, that the outputs which share a cell of the network's coarsest grid depend
    on: the count of the thesis's Table 6.1. Where a network goes up again, one output alone sees a little less."""
    gflop: float
    """Billions of floating-point operations for a picture of 256x256; a multiplication and an addition are two."""


def measure(variant: Variant, settings: NetworkSettings) -> Measures:
    """Parameters and operations at the settings' width, and the receptive field."""
    with torch.device("meta"):  # shapes only, so nothing is computed
        model = Model(variant, settings).eval()
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model.network(torch.empty(1, 1, _SIZE, _SIZE))
    parameters = sum(parameter.numel() for parameter in model.network.parameters())
    return Measures(parameters, _receptive_field(variant), round(counter.get_total_flops() / 1e9, 2))


def _receptive_field(variant: Variant) -> int:
    """Where the gradient of the outputs is not 0, when every weight is positive and so nothing cancels out."""
    network = variant.network(_NARROW, 1).eval()
    sizes: list[int] = []

    def note(_: nn.Module, __: object, output: Tensor) -> None:
        sizes.append(output.shape[2])

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            module.register_forward_hook(note)
        elif isinstance(module, nn.MaxPool2d):  # a mean sees as far, and its gradient reaches all of it
            module.register_forward_hook(lambda _, inputs, __: functional.avg_pool2d(inputs[0], 2, ceil_mode=True))
    picture = torch.ones(1, 1, _FIELD, _FIELD, requires_grad=True)
    output = network(picture)
    cell = _FIELD // min(sizes) // OUTPUT_STRIDE
    middle = output.shape[2] // 2 // cell * cell
    chosen = output[0, 0, middle : middle + cell, middle : middle + cell].sum()
    (gradient,) = torch.autograd.grad(chosen, picture)
    seen = gradient[0, 0].abs().sum(dim=1).nonzero()
    return int(seen.max() - seen.min()) + 1
