"""The thesis's plain network and its four variants (thesis Table 6.1; Zhang et al. 2016)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.variants.base import OUTPUT_STRIDE, Variant
from cartoon_color.variants.heads import AbHead, HistogramHead
from cartoon_color.variants.initialization import initialize_from_data

_BLOCKS = (
    # (channels, stride, dilation) of each 3x3 convolution
    ((64, 1, 1), (64, 2, 1)),
    ((128, 1, 1), (128, 2, 1)),
    ((256, 1, 1), (256, 1, 1), (256, 2, 1)),
    ((512, 1, 1),) * 3,
    ((512, 1, 2),) * 3,
    ((512, 1, 2),) * 3,
    ((512, 1, 1),) * 3,
)
_LAST = (256, 256, 256)
"""Channels of block 8, whose first layer is transposed, 4x4, from 1/8 to 1/4 of the input's size."""

DROPOUT = (0.1, 0.3)
"""Share of values dropped after the first and the last block; even steps between (thesis section 7.1)."""


def scaled(channels: int, width: float) -> int:
    """A layer's channels at a network's width: a multiple of 4, 4 at least."""
    return max(4, round(channels * width / 4) * 4)


class PlainNetwork(nn.Module):
    """Eight blocks of convolutions with ReLU, batch normalization after each of the first seven; any input size."""

    def __init__(self, settings: NetworkSettings, out: int, dropout: tuple[float, float] | None = None) -> None:
        super().__init__()
        blocks = []
        before = 1
        for layers in _BLOCKS:
            block: list[nn.Module] = []
            for channels, stride, dilation in layers:
                after = scaled(channels, settings.width)
                block += [nn.Conv2d(before, after, 3, stride, dilation, dilation), nn.ReLU(inplace=True)]
                before = after
            blocks.append(nn.Sequential(*block, nn.BatchNorm2d(before)))
        sizes = [before, *(scaled(channels, settings.width) for channels in _LAST)]
        up = nn.ConvTranspose2d(sizes[0], sizes[1], 4, 2, 1)
        same = [nn.Conv2d(first, second, 3, padding=1) for first, second in pairwise(sizes[1:])]
        last: list[nn.Module] = []
        for layer in (up, *same):
            last += [layer, nn.ReLU(inplace=True)]
        blocks.append(nn.Sequential(*last))
        if dropout is not None:
            low, high = dropout
            for number, block_ in enumerate(blocks):
                block_.append(nn.Dropout(low + (high - low) * number / (len(blocks) - 1)))
        self.blocks = nn.Sequential(*blocks)
        self.predict = nn.Conv2d(sizes[-1], out, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) lightness / 100 to (N, out, H / 4, W / 4), rounded up."""
        # Rounded up without a negative number, which ONNX would divide towards 0.
        height, width = ((size + OUTPUT_STRIDE - 1) // OUTPUT_STRIDE for size in lightness.shape[2:])
        # 1/8 is rounded up before it is doubled, which may be one more than 1/4 rounded up.
        output: Tensor = self.predict(self.blocks(lightness)[:, :, :height, :width])
        return output


class TanhPlainNetwork(PlainNetwork):
    """The plain network with tanh in place of the softmax (thesis section 7.1)."""

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) lightness / 100 to (N, out, H / 4, W / 4) within -1 to 1."""
        return functional.tanh(super().forward(lightness))


RECIPE = TrainingSettings(
    epochs=30,
    batch=24,
    accumulate=2,
    crop=224,
    views="thesis",
    optimizer="adam",
    learning_rate=1e-3,
    weight_decay=0,
    schedule="step",
    average=0,
    keep="last",
)
"""Thesis section 7.4, which takes the weights after all epochs, since errors tell little of how colors look."""


def _histogram(settings: NetworkSettings) -> HistogramHead:
    return HistogramHead(settings.temperature)


VARIANTS = (
    Variant(
        name="plain",
        summary="The thesis's plain CNN over 313 ab bins, trained with class rebalancing.",
        source="thesis Table 6.1; Zhang et al. 2016",
        network=PlainNetwork,
        head=_histogram,
        recipe=RECIPE,
        rebalance=True,
        initialize=initialize_from_data,
    ),
    Variant(
        name="plain-no-rebalance",
        summary="The plain CNN, trained without class rebalancing.",
        source="thesis section 7.1",
        network=PlainNetwork,
        head=_histogram,
        recipe=RECIPE,
        initialize=initialize_from_data,
    ),
    Variant(
        name="plain-dropout",
        summary="The plain CNN with dropout after every block, 0.1 rising to 0.3.",
        source="thesis section 7.1",
        network=lambda settings, out: PlainNetwork(settings, out, DROPOUT),
        head=_histogram,
        recipe=RECIPE,
        rebalance=True,
        initialize=initialize_from_data,
    ),
    Variant(
        name="plain-l2",
        summary="The plain CNN that predicts a, b themselves, trained with the Euclidean loss.",
        source="thesis section 7.1",
        network=TanhPlainNetwork,
        head=lambda settings: AbHead(),
        recipe=RECIPE,
        initialize=initialize_from_data,
    ),
)
