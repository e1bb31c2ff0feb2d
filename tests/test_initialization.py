"""First weights that come from the data."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from cartoon_color import variants
from cartoon_color.config import NetworkSettings
from cartoon_color.variants import Model, initialization


@pytest.fixture
def batches() -> list[Tensor]:
    """Smooth pictures with edges, L* 0..100."""
    torch.manual_seed(0)
    coarse = 100 * torch.rand(4, 1, 8, 8)
    return list(nn.functional.interpolate(coarse, size=64, mode="bilinear").split(2))


def fresh(name: str) -> Model:
    torch.manual_seed(1)
    return variants.build(name, NetworkSettings(width=0.125))


def outputs(model: Model, seen: Tensor) -> list[Tensor]:
    """What each convolution gives when batch normalization passes through."""
    found: list[Tensor] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, output: found.append(output.clone()))
        for layer in initialization._layers(model)
    ]
    with torch.no_grad():
        model.eval()(seen)
    for hook in hooks:
        hook.remove()
    return found


def test_every_channel_starts_at_mean_0_and_variance_1(batches: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initialization, "_balance", lambda *_: None)
    model = fresh("plain").eval()
    initialization.initialize_from_data(model, batches)
    for output in outputs(model, torch.cat(batches)):
        torch.testing.assert_close(output.mean(dim=(0, 2, 3)), torch.zeros(output.shape[1]), atol=1e-3, rtol=0)
        torch.testing.assert_close(output.std(dim=(0, 2, 3)), torch.ones(output.shape[1]), atol=1e-2, rtol=0)


def test_first_filters_are_principal_components(batches: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first filter, up to its scale, is the direction in which 3x3 patches vary most, by an eigendecomposition."""
    monkeypatch.setattr(initialization, "_balance", lambda *_: None)
    model = fresh("plain")
    initialization.initialize_from_data(model, batches)
    patches = nn.functional.unfold(torch.cat(batches).double() / 100, 3, padding=1, stride=2)
    samples = patches.transpose(1, 2).flatten(0, 1)
    _, vectors = torch.linalg.eigh(samples.T.cov())
    first = initialization._layers(model)[0].weight[0].detach().double().flatten()
    assert float((first / first.norm() @ vectors[:, -1]).abs()) > 0.98


def test_layers_change_at_about_the_same_rate(batches: list[Tensor]) -> None:
    def spread(model: Model) -> float:
        torch.manual_seed(2)
        layers = initialization._layers(model)
        rates = torch.stack(initialization._relative_changes(model.train(), layers, torch.cat(batches)))
        return float(rates.detach().log().std())

    plain, started = fresh("plain"), fresh("plain")
    initialization.initialize_from_data(plain, batches)
    initialization.initialize_xavier(started, batches)
    assert spread(plain) < 0.6 < spread(started)


def test_the_output_starts_at_variance_1(batches: list[Tensor]) -> None:
    model = fresh("plain-l2").train()
    initialization.initialize_from_data(model, batches)
    caught: list[Tensor] = []
    initialization._layers(model)[-1].register_forward_hook(lambda _, __, output: caught.append(output))
    with torch.no_grad():
        model(torch.cat(batches))
    assert float(caught[0].std()) == pytest.approx(1, abs=0.1)


def test_same_seed_same_weights(batches: list[Tensor]) -> None:
    def weights() -> list[Tensor]:
        model = fresh("plain-dropout")
        initialization.initialize_from_data(model, batches)
        return [parameter.detach() for parameter in model.parameters()]

    assert all(torch.equal(one, two) for one, two in zip(weights(), weights(), strict=True))


def test_xavier_unit(batches: list[Tensor]) -> None:
    """Glorot and Bengio 2010, eq. 16: uniform within sqrt(6 / (fan in + fan out))."""
    model = fresh("residual")
    initialization.initialize_xavier(model, batches)
    for layer in initialization._layers(model):
        area = layer.kernel_size[0] ** 2
        limit = (6 / (area * (layer.in_channels + layer.out_channels))) ** 0.5
        largest = float(layer.weight.detach().abs().max())
        assert largest <= limit + 1e-6
        assert largest > 0.9 * limit or layer.weight.numel() < 100
        assert float(layer.bias.detach().abs().max()) == 0
