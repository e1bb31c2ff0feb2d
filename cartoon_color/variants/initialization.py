"""First weights: from the data (Krähenbühl et al. 2015), or from the sizes of the layers (Glorot and Bengio 2010)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cartoon_color.variants.base import Model

_PASSES = 10
"""Of the balancing between layers."""
_DAMPING = 0.25
"""Of each pass, as in the paper."""
_PATCHES = 4096
_LEAST_SPREAD = 0.01
"""Principal components with a smaller share of the first one's deviation are noise."""
_FLAT = 1e-5
"""Channels that vary less than this keep their scale."""
_LEAST = 1e-8


def initialize_xavier(model: Model, batches: Sequence[Tensor]) -> None:
    """Weights uniform within sqrt(6 / (inputs + outputs)), biases 0 (thesis section 2.2.10); looks at no data."""
    for layer in _layers(model):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def initialize_from_data(model: Model, batches: Sequence[Tensor]) -> None:
    """Weights under which all layers train at about the same rate (Krähenbühl et al. 2015, algorithms 1 and 2).

    Filters are the leading principal components of a layer's input patches, and random directions once these run out;
    then every channel is scaled and shifted to mean 0 and variance 1 over the batches (within-layer normalization);
    last the scales of the layers are balanced so that their weights change at the same relative rate (between-layer
    normalization).

    Args:
        model: On any device; its layers are called in the order in which they were registered.
        batches: Training batches of lightness (N, 1, H, W), L* 0..100.
    """
    where = next(model.parameters()).device
    seen = torch.cat([batch.to(where) for batch in batches])
    mode = model.training
    model.eval()  # no dropout, and batch normalization that passes through
    for layer in _layers(model):
        _fill(layer, _input_of(model, layer, seen))
        _normalize(layer, _input_of(model, layer, seen))
    model.train(mode)
    _balance(model, seen)
    # Batch normalization undoes the scales of some layers, so their product no longer cancels at the output.
    last = _layers(model)[-1]
    _normalize(last, _input_of(model, last, seen))


def _layers(model: Model) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    """Those that are trained."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)]
    return [layer for layer in layers if layer.weight.requires_grad]


class _ReachedError(Exception):
    """The layer that was waited for is about to run."""


def _input_of(model: Model, layer: nn.Module, seen: Tensor) -> Tensor:
    """What a layer gets when the model runs."""
    caught: list[Tensor] = []

    def catch(_: nn.Module, arguments: tuple[Tensor]) -> None:
        caught.append(arguments[0])
        raise _ReachedError

    hook = layer.register_forward_pre_hook(catch)
    try:
        model(seen)
    except _ReachedError:
        pass
    finally:
        hook.remove()
    return caught[0]


def _fill(layer: nn.Conv2d | nn.ConvTranspose2d, features: Tensor) -> None:
    """Principal components of the input's patches as filters; random ones where a patch is what comes out."""
    nn.init.normal_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    if isinstance(layer, nn.ConvTranspose2d):
        return
    size, dilation, padding = layer.kernel_size[0], layer.dilation[0], (layer.kernel_size[0] // 2) * layer.dilation[0]
    patches = nn.functional.unfold(features, size, dilation, padding, stride=2).transpose(1, 2).flatten(0, 1)
    chosen = patches[torch.randperm(len(patches))[:_PATCHES].to(patches.device)].float()
    rank = min(layer.out_channels, *chosen.shape)
    _, spread, directions = torch.pca_lowrank(chosen, rank)
    kept = int((spread > spread[0] * _LEAST_SPREAD).sum())
    layer.weight[:kept] = directions.T[:kept].reshape(kept, *layer.weight.shape[1:])


def _normalize(layer: nn.Conv2d | nn.ConvTranspose2d, features: Tensor) -> None:
    """Scale and shift every output channel to mean 0 and variance 1."""
    output = layer(features)
    mean, deviation = output.mean(dim=(0, 2, 3)), output.std(dim=(0, 2, 3))
    deviation = torch.where(deviation > _FLAT, deviation, 1)
    shape = (1, -1, 1, 1) if isinstance(layer, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    layer.weight /= deviation.view(shape)
    if layer.bias is not None:
        layer.bias.copy_((layer.bias - mean) / deviation)


def _balance(model: Model, seen: Tensor) -> None:
    """Even out how fast layers change relative to their weights, by scales whose product is 1."""
    layers = _layers(model)
    for _ in range(_PASSES):
        rates = torch.stack(_relative_changes(model, layers, seen)).clamp(min=_LEAST)
        factors = (rates / rates.log().mean().exp()) ** (_DAMPING / 2)  # a rate sinks with the square of its scale
        factor_of, scale = dict(zip(layers, factors, strict=True)), torch.ones(())
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                scale = torch.ones_like(scale)  # it undoes what came before
            if layer in factor_of:
                scale = scale * factor_of[layer]
                layer.weight *= factor_of[layer]
                if layer.bias is not None:
                    layer.bias *= scale


def _relative_changes(model: Model, layers: Sequence[nn.Module], seen: Tensor) -> list[Tensor]:
    """Size of the gradient of a random function of the output, relative to the weights, for each layer."""
    weights = [layer.get_parameter("weight") for layer in layers]
    with torch.enable_grad():
        output = model(seen)
        gradients = torch.autograd.grad((output * torch.randn_like(output)).mean(), weights)
    return [
        gradient.norm() / weight.norm().clamp(min=_LEAST) for gradient, weight in zip(gradients, weights, strict=True)
    ]
