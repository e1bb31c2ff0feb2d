"""Networks that are not trained any further, with fewer layers."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cartoon_color.variants.base import Model


def fold(model: Model) -> Model:
    """The same model, its batch normalization folded into the convolutions that it follows: `compact` takes a tenth
    less time."""
    for layers in list(model.modules()):
        if not isinstance(layers, nn.Sequential):
            continue
        for place, (before, after) in enumerate(pairwise(list(layers))):
            if isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                layers[place], layers[place + 1] = fuse_conv_bn_eval(before, after), nn.Identity()
    return model
