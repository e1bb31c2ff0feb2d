"""`compact`: a small U-shaped network that runs on a laptop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from cartoon_color.config import NetworkSettings
from cartoon_color.variants.base import Variant
from cartoon_color.variants.heads import HistogramHead

_CHANNELS = (24, 56, 96, 144, 176)
"""At 1/2, 1/4, 1/8, 1/16 and 1/32 of the input's size, for width 1."""

_DROPOUT = 0.3
"""Share of the channels dropped around the deepest block: a few minutes of film are soon known by heart."""
_LAST_DROPOUT = 0.2
_KERNEL = 5
"""Height and width in cells at 1/8 of what a cell at 1/4 is mixed from."""


def _conv(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True)
    )


class _Residual(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(features + self.second(self.first(features)))


def reassemble(features: Tensor, kernels: Tensor) -> Tensor:
    """Double the size of features: each new cell is a mean, with weights of its own, of the cells around its place.

    What is flat at half the size so stays flat, and edges are where the weights change (Wang et al. 2019, "CARAFE:
    Content-Aware ReAssembly of FEatures", section 3.2; Teed and Deng 2020, "RAFT", section 3.3).

    Args:
        features: (N, C, h, w), h and w half of H and W, rounded up.
        kernels: (N, k * k, H, W), whose softmax are the weights, row by row of k x k cells; k is odd.

    Returns:
        (N, C, H, W), of the features' type.
    """
    number, channels, height, width = features.shape
    cells, *size = kernels.shape[1:]
    side = math.isqrt(cells)
    # The four new cells of an old one have the same cells around them: one product of matrices for each old one.
    even = functional.pad(kernels, (0, 2 * width - size[1], 0, 2 * height - size[0]))
    fours = even.reshape(number, cells, height, 2, width, 2).permute(0, 2, 4, 3, 5, 1).flatten(3, 4)
    around = functional.pad(features, (side // 2,) * 4, mode="replicate").permute(0, 2, 3, 1)
    # Columns, then rows, since longer pieces are copied faster than k * k single cells.
    columns = torch.stack([around[:, :, x : x + width] for x in range(side)], dim=3)
    neighbors = torch.stack([columns[:, y : y + height] for y in range(side)], dim=3).flatten(3, 4)
    mixed = functional.softmax(fours.float(), dim=-1).to(features.dtype) @ neighbors
    whole = mixed.reshape(number, height, width, 2, 2, channels).permute(0, 5, 1, 3, 2, 4)
    return whole.reshape(number, channels, 2 * height, 2 * width)[:, :, : size[0], : size[1]]


class CompactNetwork(nn.Module):
    """Down to 1/32 for wide context, back up to 1/4 with sums across, the last step along edges of gray; any size."""

    def __init__(self, settings: NetworkSettings, out: int) -> None:
        super().__init__()
        half, *self.sizes = (max(8, round(channels * settings.width / 8) * 8) for channels in _CHANNELS)
        sizes = self.sizes
        self.stem = nn.Sequential(_conv(1, half, 2), _conv(half, sizes[0], 2), _Residual(sizes[0]))
        self.down = nn.ModuleList(
            nn.Sequential(_conv(before, after, 2), _Residual(after)) for before, after in pairwise(sizes)
        )
        self.middle = nn.Sequential(nn.Dropout2d(_DROPOUT), _Residual(sizes[-1]), nn.Dropout2d(_DROPOUT))
        steps = list(zip(sizes[:0:-1], sizes[-2::-1], strict=True))
        self.across = nn.ModuleList(nn.Conv2d(before, after, 1) for before, after in steps)
        self.up = nn.ModuleList(_Residual(after) for _, after in steps)
        self.kernels = nn.Sequential(_conv(sizes[0], sizes[0]), nn.Conv2d(sizes[0], _KERNEL**2, 1))
        self.last = nn.Sequential(
            _Residual(sizes[0]),
            nn.Conv2d(sizes[0], 2 * sizes[0], 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(_LAST_DROPOUT),
        )
        self.predict = nn.Conv2d(2 * sizes[0], out, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) lightness / 100 to (N, out, H / 4, W / 4), rounded up."""
        return self.decode(self.encode(lightness))

    def encode(self, lightness: Tensor) -> list[Tensor]:
        """(N, 1, H, W) lightness / 100 to features at 1/4, 1/8, 1/16 and 1/32 of the size, rounded up."""
        levels = [self.stem(lightness - 0.5)]
        for stage in self.down:
            levels.append(stage(levels[-1]))
        return levels

    def decode(self, levels: Sequence[Tensor], told: Tensor | None = None) -> Tensor:
        """What `encode` gave to (N, out, H / 4, W / 4); what is told, (N, 2 * sizes[0], h, w), is added before the
        last layer."""
        *skips, deepest = levels
        features = self.middle(deepest)
        for across, up, skip in zip(self.across, self.up, reversed(skips), strict=True):
            if skip is skips[0]:
                wider = reassemble(across(features), self.kernels(skip))
            else:
                wider = functional.interpolate(across(features), size=skip.shape[2:], mode="bilinear")
            features = up(wider + skip)
        features = self.last(features)
        if told is not None:
            features = features + functional.interpolate(told, size=features.shape[2:], mode="bilinear")
        output: Tensor = self.predict(features)
        return output


VARIANT = Variant(
    name="compact",
    summary="A U-shaped network of 2.9 M parameters over 313 ab bins, small enough for a laptop's CPU.",
    source="this project",
    network=CompactNetwork,
    head=lambda settings: HistogramHead(settings.temperature),
    described=("stem", "down.1"),
)
