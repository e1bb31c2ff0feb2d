"""The thesis's residual network, with and without rebalancing (thesis Table 6.2)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn
from torch.nn import functional

from cartoon_color.config import NetworkSettings
from cartoon_color.variants.base import Variant
from cartoon_color.variants.heads import HistogramHead
from cartoon_color.variants.initialization import initialize_xavier
from cartoon_color.variants.plain import RECIPE, scaled

_Layers = tuple[tuple[int, int, int], ...]
"""(channels, stride, dilation) of each 3x3 convolution."""

_BLOCKS: tuple[tuple[_Layers, tuple[int, int] | None], ...] = (
    # the layers of the top branch; channels and stride of the shortcut's convolution, None for an identity
    (((128, 1, 1), (256, 2, 1)), (256, 2)),
    (((256, 1, 1), (256, 1, 1)), None),
    (((512, 2, 1), (512, 1, 2), (256, 1, 2)), (256, 2)),
    (((512, 1, 2), (512, 1, 2)), (512, 1)),
)
_LAST: _Layers = ((256, 1, 1), (512, 1, 2), (512, 1, 1))


def _convolutions(before: int, layers: _Layers, width: float) -> list[nn.Module]:
    """Convolutions with ReLU between them, none after the last."""
    modules: list[nn.Module] = []
    for channels, stride, dilation in layers:
        after = scaled(channels, width)
        modules += [nn.Conv2d(before, after, 3, stride, dilation, dilation), nn.ReLU(inplace=True)]
        before = after
    return modules[:-1]


class _Block(nn.Module):
    """A few convolutions beside a shortcut, normalized and scaled before the sum."""

    def __init__(self, before: int, layers: _Layers, shortcut: tuple[int, int] | None, width: float) -> None:
        super().__init__()
        after = scaled(layers[-1][0], width)
        # BatchNorm2d's own weight and bias are Caffe's scale layer.
        self.top = nn.Sequential(*_convolutions(before, layers, width), nn.BatchNorm2d(after))
        self.bottom: nn.Module = nn.Identity()
        if shortcut is not None:
            channels, stride = shortcut
            self.bottom = nn.Sequential(*_convolutions(before, ((channels, stride, 1),), width), nn.BatchNorm2d(after))

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.top(features) + self.bottom(features))


class ResidualNetwork(nn.Module):
    """Four residual blocks and a plain one; 1/4 of the input's size from the third block on; any input size."""

    def __init__(self, settings: NetworkSettings, out: int) -> None:
        super().__init__()
        before = scaled(64, settings.width)
        modules: list[nn.Module] = [nn.Conv2d(1, before, 3, padding=1), nn.ReLU(inplace=True)]
        for layers, shortcut in _BLOCKS:
            modules.append(_Block(before, layers, shortcut, settings.width))
            before = scaled(layers[-1][0], settings.width)
        last = scaled(_LAST[-1][0], settings.width)
        modules += [*_convolutions(before, _LAST, settings.width), nn.BatchNorm2d(last), nn.ReLU(inplace=True)]
        self.blocks = nn.Sequential(*modules)
        self.predict = nn.Conv2d(last, out, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) lightness / 100 to (N, out, H / 4, W / 4), rounded up."""
        output: Tensor = self.predict(self.blocks(lightness))
        return output


_RECIPE = replace(RECIPE, batch=4, accumulate=12)
"""48 examples an update as well, in batches of 4 (thesis section 7.4)."""

VARIANTS = (
    Variant(
        name="residual",
        summary="The thesis's residual CNN over 313 ab bins, trained with class rebalancing.",
        source="thesis Table 6.2",
        network=ResidualNetwork,
        head=lambda settings: HistogramHead(settings.temperature),
        recipe=_RECIPE,
        rebalance=True,
        initialize=initialize_xavier,
    ),
    Variant(
        name="residual-no-rebalance",
        summary="The residual CNN, trained without class rebalancing.",
        source="thesis section 7.1",
        network=ResidualNetwork,
        head=lambda settings: HistogramHead(settings.temperature),
        recipe=_RECIPE,
        initialize=initialize_xavier,
    ),
)
