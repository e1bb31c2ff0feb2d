"""`reference-cnn`: the network of `compact`, which also looks at colored pictures while it decodes.

The idea is Phung and Shin's (*Bringing Images to Life with Convolutional Neural Networks*, section 3): a CNN that "at
the final step" takes the user's references into account. How they meet is exemplar-based colorization's: attention from
places of the picture to places of the references (Zhang et al. 2019, "Deep Exemplar-based Video Colorization").
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from cartoon_color import color
from cartoon_color.config import NetworkSettings
from cartoon_color.variants.base import Variant
from cartoon_color.variants.compact import CompactNetwork
from cartoon_color.variants.heads import HistogramHead

_BINS = torch.from_numpy(color.AB_BINS.copy())
_SPREAD = 5.0
"""Standard deviation of a reference's color over the bins, in a, b (as in Zhang et al. 2016, section 2.2)."""
_SHARPNESS = 10.0
"""At first: what the cosine of two places is multiplied by before the softmax."""
_OPAQUE = 0.01
"""Places of a reference that are less opaque say nothing."""
_NOTHING = -1e4


class ReferenceNetwork(CompactNetwork):
    """A U whose decoder is told, at 1/8 of the size, the colors of those places of references that look alike.

    Picture and references go through the same encoder. Each place of the picture attends to all places of all
    references and to nothing, which tells 0; so without references, or if they are ignored, this is `CompactNetwork`.
    """

    def __init__(self, settings: NetworkSettings, out: int) -> None:
        super().__init__(settings, out)
        _, channels, *_ = self.sizes
        self.place = nn.ModuleList(nn.Conv2d(size, channels - 2, 1, bias=False) for size in self.sizes[1:])
        self.centered = nn.BatchNorm2d(channels - 2, affine=False)
        self.ignore = nn.Conv2d(channels - 2, 1, 1)
        self.sharpness = nn.Parameter(torch.tensor(math.log(_SHARPNESS)))
        self.told = nn.Conv2d(len(_BINS), channels, 1, bias=False)
        self.last_told = nn.Conv2d(channels, 2 * self.sizes[0], 1, bias=False)

    def forward(self, lightness: Tensor, references: Tensor | None = None) -> Tensor:
        """(N, 1, H, W) lightness / 100, and references as `Variant.references` has them, to (N, out, H / 4, W / 4)."""
        levels = self.encode(lightness)
        if references is None:
            return self.decode(levels)
        said = self._attend(levels, references)
        levels[1] = levels[1] + said
        return self.decode(levels, self.last_told(said))

    def _attend(self, levels: list[Tensor], references: Tensor) -> Tensor:
        """What the references say to each place at 1/8 of the size: (N, channels, h, w)."""
        lightness, ab, opacity = torch.split(references.flatten(0, 1), [1, 2, 1], dim=1)
        keys = self._describe(self.encode(lightness * 0.01))
        histogram, opaque = _encode(ab, opacity, keys.shape[2:])
        # A reference says as much at any size.
        silence = torch.where(opaque > _OPAQUE, opaque.clamp(min=_OPAQUE).log() - math.log(opaque[0].numel()), _NOTHING)
        keys = _rows(torch.cat([keys, torch.zeros_like(silence), silence], dim=1), references.shape[1])
        values = _rows(self.told(histogram), references.shape[1])
        nothing = functional.one_hot(torch.tensor([keys.shape[2] - 2], device=keys.device), keys.shape[2])
        keys = torch.cat([keys, nothing.to(keys).expand(len(keys), -1, -1)], dim=1)
        values = torch.cat([values, torch.zeros_like(values[:, :1])], dim=1)
        seen = self._describe(levels)
        # Two more channels: the product with a key is the cosine, made sharp, plus its silence; with nothing, `ignore`.
        asked = torch.cat([seen * self.sharpness.exp(), self.ignore(seen), torch.ones_like(seen[:, :1])], dim=1)
        number = len(asked)
        said = functional.scaled_dot_product_attention(
            _rows(asked, 1)[:, None],
            keys[:, None].expand(number, -1, -1, -1).to(asked.dtype),
            values[:, None].expand(number, -1, -1, -1).to(asked.dtype),
            scale=1.0,
        )
        return said[:, 0].transpose(1, 2).reshape(number, -1, *asked.shape[2:])

    def _describe(self, levels: list[Tensor]) -> Tensor:
        """How each place at 1/8 looks, near and far: (N, channels - 2, h, w), of length 1."""
        size = levels[1].shape[2:]
        seen = [
            functional.interpolate(place(level), size=size, mode="bilinear")
            for place, level in zip(self.place, levels[1:], strict=True)
        ]
        centered: Tensor = self.centered(torch.stack(seen).sum(dim=0))
        return functional.normalize(centered, dim=1)


def _rows(features: Tensor, references: int) -> Tensor:
    """(N * references, C, h, w) to (N, references * h * w, C)."""
    return features.reshape(-1, references, *features.shape[1:]).movedim(2, -1).flatten(1, 3)


def _encode(ab: Tensor, opacity: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
    """The colors in each cell of a grid: (M, 313, *size) histograms, and (M, 1, *size) opacity."""
    fine = (2 * size[0], 2 * size[1])
    weight = functional.adaptive_avg_pool2d(opacity, fine)
    mean = functional.adaptive_avg_pool2d(ab * opacity, fine) / weight.clamp(min=_OPAQUE)
    a, b = _BINS.to(ab.device).T[:, None, :, None, None]
    distance = (mean[:, :1] - a).square() + (mean[:, 1:] - b).square()
    histogram = functional.softmax(distance / (-2 * _SPREAD**2), dim=1)
    opaque = functional.avg_pool2d(weight, 2)
    return functional.avg_pool2d(histogram * weight, 2) / opaque.clamp(min=_OPAQUE), opaque


VARIANT = Variant(
    name="reference-cnn",
    summary="The network of compact, told by attention what colors references have where they look alike.",
    source="Phung and Shin; Zhang et al. 2019",
    network=ReferenceNetwork,
    head=lambda settings: HistogramHead(settings.temperature),
    references=True,
)
