"""`frozen-vgg`: a trained head over layers of a classifier, which the thesis tried and dropped (chapter 5)."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from cartoon_color.config import NetworkSettings
from cartoon_color.errors import WeightsError
from cartoon_color.variants.base import Variant
from cartoon_color.variants.heads import HistogramHead
from cartoon_color.variants.initialization import initialize_from_data
from cartoon_color.variants.plain import RECIPE, PlainNetwork, scaled

_FROZEN = ((64, 64), (128, 128), (256, 256, 256), (512, 512))
"""Channels of VGG-16's first nine 3x3 convolutions (Simonyan and Zisserman 2015, Table 1, D), between its poolings."""
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)
"""Of R, G and B (0..1) in ImageNet, as torchvision's weights were trained with."""


class FrozenLayers(nn.Module):
    """conv1_1 to conv4_2 of VGG-16, which no training changes; `features` counts as torchvision's does."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for block in _FROZEN:
            if layers:
                # For even sizes VGG-16's pooling; for odd ones rounded up, as in the other networks.
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            for channels in block:
                after = scaled(channels, width)
                layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)]
                before = after
        self.features = nn.Sequential(*layers).requires_grad_(False)
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, lightness: Tensor) -> Tensor:
        """(N, 1, H, W) lightness / 100, as R = G = B, to (N, 512, H / 8, W / 8) at width 1, rounded up."""
        output: Tensor = self.features((lightness - self.mean) / self.deviation)
        return output


class FrozenVggNetwork(PlainNetwork):
    """The plain network from its tenth layer on, over `FrozenLayers`."""

    def __init__(self, settings: NetworkSettings, out: int) -> None:
        super().__init__(settings, out)
        _, _, _, fourth, *others = self.blocks
        tenth = list(fourth.children())[4:]  # after two convolutions with ReLU
        self.blocks = nn.Sequential(FrozenLayers(settings.width), nn.Sequential(*tenth), *others)


def load_frozen(network: nn.Module, path: Path) -> None:
    """Give a network's frozen layers their weights.

    Args:
        network: a `FrozenVggNetwork` of width 1.
        path: a state dict of VGG-16, PyTorch's (.pth) or safetensors, with torchvision's names or those of its
            `features` alone; what else is in it is left out.

    Raises:
        WeightsError: No such file, none of these, or tensors that are missing, of another shape, or not finite.
    """
    frozen = next(layers for layers in network.modules() if isinstance(layers, FrozenLayers))
    given = _read(path)
    tensors, problems = {}, []
    for name, wanted in frozen.features.state_dict().items():
        full = f"features.{name}"
        tensor = given.get(full, given.get(name))
        if not isinstance(tensor, Tensor):
            problems.append(f"{full} is missing")
        elif tensor.shape != wanted.shape:
            problems.append(f"{full} is {tuple(tensor.shape)} where the network has {tuple(wanted.shape)}")
        elif not tensor.isfinite().all():
            problems.append(f"{full} holds values that are not finite")
        else:
            tensors[name] = tensor
    if problems:
        raise WeightsError(
            f"{path} doesn't hold the first nine layers of VGG-16: {'; '.join(problems)}; "
            "give the state dict of torchvision's vgg16 (not vgg16_bn), and --width 1"
        )
    frozen.features.load_state_dict(tensors)


def _read(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        raise WeightsError(f"there are no weights at {path}; give the state dict of torchvision's vgg16")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise WeightsError(
            f"{path} can't be read as weights ({(str(error) or type(error).__name__).splitlines()[0]}); "
            "give the state dict of torchvision's vgg16, as .pth or .safetensors"
        ) from None
    return content if isinstance(content, Mapping) else {}


VARIANT = Variant(
    name="frozen-vgg",
    summary="The plain CNN over the first nine layers of VGG-16, which stay as they are; takes --frozen-vgg.",
    source="thesis chapter 5; Simonyan and Zisserman 2015",
    network=FrozenVggNetwork,
    head=lambda settings: HistogramHead(settings.temperature),
    recipe=RECIPE,
    rebalance=True,
    initialize=initialize_from_data,
    load_frozen=load_frozen,
)
