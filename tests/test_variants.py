"""The models of the study: heads against float64 arithmetic, and every variant of the registry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from cartoon_color import color, variants
from cartoon_color.config import NetworkSettings
from cartoon_color.errors import SettingsError
from cartoon_color.variants import VARIANTS, Prediction
from cartoon_color.variants.ensemble import MeanEnsemble
from cartoon_color.variants.heads import HistogramHead

SMALL = NetworkSettings(width=0.25)


def logits_and_ab(height: int = 5, width: int = 7) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (2, 313, height, width)).astype(np.float32)
    ab = rng.uniform(-115, 115, (2, 2, height, width)).astype(np.float32)
    return torch.from_numpy(logits), torch.from_numpy(ab)


# --- heads ---


def soft_targets(ab: Tensor) -> NDArray[np.float64]:
    """(N, 313, h, w): the encoding of the true color at whole a, b, written out over all bins."""
    index, weight = color.encode_bins(np.rint(ab.numpy()).transpose(0, 2, 3, 1))
    target = np.zeros((*index.shape[:-1], 313))
    np.put_along_axis(target, index, weight.astype(np.float64), axis=-1)
    return target.transpose(0, 3, 1, 2)


def log_softmax(logits: Tensor) -> NDArray[np.float64]:
    scores = logits.detach().numpy().astype(np.float64)
    scores -= scores.max(1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def test_histogram_loss_unit() -> None:
    logits, ab = logits_and_ab()
    logits.requires_grad_()
    target, log_share = soft_targets(ab), log_softmax(logits)
    loss = HistogramHead(0.6).loss(logits, ab)
    assert float(loss.detach()) == pytest.approx(-(target * log_share).sum(1).mean(), rel=1e-5)
    torch.autograd.backward(loss)
    np.testing.assert_allclose(logits.grad, (np.exp(log_share) - target) / (2 * 5 * 7), atol=1e-7)


def test_histogram_loss_is_least_at_the_target() -> None:
    _, ab = logits_and_ab()
    target = soft_targets(ab)
    best = torch.from_numpy(np.log(target + 1e-9)).float()
    head = HistogramHead(1.0)
    least = float(head.loss(best, ab))
    assert least == pytest.approx(-(target * np.log(target + 1e-30)).sum(1).mean(), abs=1e-4)
    for _ in range(3):
        assert float(head.loss(best + 0.3 * torch.randn(best.shape), ab)) > least


def test_histogram_loss_of_colors_beyond_the_table() -> None:
    logits, _ = logits_and_ab(1, 1)
    head = HistogramHead(1.0)
    near, far = (torch.full((2, 2, 1, 1), value) for value in (-120.0, -300.0))
    assert float(head.loss(logits, far)) == float(head.loss(logits, near))


@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.38, 0.05])
def test_histogram_predict_unit(temperature: float) -> None:
    logits, _ = logits_and_ab()
    prediction = HistogramHead(temperature).predict(logits)
    scores = logits.numpy().astype(np.float64)
    annealed = np.exp((scores - scores.max(1, keepdims=True)) / temperature)
    annealed /= annealed.sum(1, keepdims=True)
    expected = np.einsum("nbhw,bc->nchw", annealed, color.AB_BINS.astype(np.float64))
    assert prediction.ab.shape == (2, 2, 5, 7)
    assert prediction.ab.dtype == torch.float32
    np.testing.assert_allclose(prediction.ab, expected, atol=1e-3)
    assert prediction.logits is logits


def test_temperature_from_expectation_to_mode() -> None:
    logits, _ = logits_and_ab()
    expectation = torch.einsum("nbhw,bc->nchw", logits.softmax(1), torch.from_numpy(color.AB_BINS))
    torch.testing.assert_close(HistogramHead(1.0).predict(logits).ab, expectation, atol=1e-3, rtol=0)
    mode = torch.from_numpy(color.AB_BINS)[logits.argmax(1)].permute(0, 3, 1, 2)
    torch.testing.assert_close(HistogramHead(1e-5).predict(logits).ab, mode, atol=0.1, rtol=0)


def test_histogram_head_in_inference_mode_then_training() -> None:
    logits, ab = logits_and_ab(2, 2)
    head = HistogramHead(0.6)
    with torch.inference_mode():
        head.loss(logits, ab)
    scores = logits.clone().requires_grad_()
    torch.autograd.backward(head.loss(scores, ab))
    assert scores.grad is not None


# --- ensemble ---


def test_ensemble_unit() -> None:
    members = [lambda _, value=value: Prediction(torch.full((1, 2, 3, 3), value)) for value in (0.0, 3.0, 9.0)]
    prediction = MeanEnsemble(members)(torch.zeros(1, 1, 12, 12))
    assert prediction.logits is None
    assert torch.equal(prediction.ab, torch.full((1, 2, 3, 3), 4.0))


def test_ensemble_exception() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        MeanEnsemble([])


# --- the registry ---


def test_registry() -> None:
    assert len(VARIANTS) > 0
    assert "compact" in VARIANTS
    for name, variant in VARIANTS.items():
        assert variant.name == name
        assert name == name.lower().strip()
        assert variant.summary.endswith(".")
        assert variant.source


def test_build_exception() -> None:
    with pytest.raises(SettingsError, match=r"there is no variant 'grand'; choose one of: .*compact"):
        variants.build("grand", SMALL)


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_smoke(name: str) -> None:
    model = variants.build(name, SMALL)
    assert (model.variant.name, model.settings) == (name, SMALL)
    lightness = 100 * torch.rand(2, 1, 64, 96)
    output = model(lightness)
    assert output.shape == (2, model.head.channels, 16, 24)
    ab = 60 * torch.rand(2, 2, 16, 24) - 30
    loss = model.head.loss(output, ab)
    assert loss.shape == ()
    torch.autograd.backward(loss)
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    assert all(float(parameter.grad.abs().max()) > 0 for parameter in model.parameters() if parameter.ndim > 1)


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 47), (100, 34), (31, 65), (1, 1)])
def test_variant_shape(name: str, height: int, width: int) -> None:
    model = variants.build(name, SMALL).eval()
    with torch.inference_mode():
        prediction = model.colorize(100 * torch.rand(1, 1, height, width))
    assert prediction.ab.shape == (1, 2, -(-height // 4), -(-width // 4))
    assert prediction.ab.dtype == torch.float32
    assert prediction.ab.isfinite().all()
    assert float(prediction.ab.abs().max()) <= 128
    if prediction.logits is not None:
        assert prediction.logits.shape[1] == 313


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_sees_lightness(name: str) -> None:
    model = variants.build(name, SMALL).eval()
    with torch.inference_mode():
        dark, bright = (model.colorize(torch.full((1, 1, 64, 64), value)).ab for value in (10.0, 90.0))
        again = model.colorize(torch.full((2, 1, 64, 64), 10.0)).ab
    assert not torch.allclose(dark, bright)
    torch.testing.assert_close(again, dark.expand(2, -1, -1, -1), atol=1e-3, rtol=0)  # pictures of a batch don't mix


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_learns_a_picture(name: str) -> None:
    model = variants.build(name, SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    lightness = torch.rand(2, 1, 64, 64) * 100
    ab = torch.tensor([[40.0, 30.0], [-30.0, -40.0]])[:, :, None, None].expand(2, 2, 16, 16)
    losses = []
    for _ in range(12):
        loss = model.head.loss(model(lightness), ab)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_compact_is_small() -> None:
    model = variants.build("compact", NetworkSettings())
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count <= 3_000_000
    assert f"{count / 1e6:.1f} M" in VARIANTS["compact"].summary
    narrow = sum(parameter.numel() for parameter in variants.build("compact", SMALL).parameters())
    assert narrow < count / 8


def test_compact_of_least_width() -> None:
    model = variants.build("compact", NetworkSettings(width=0.01)).eval()
    with torch.inference_mode():
        assert model.colorize(torch.zeros(1, 1, 40, 40)).ab.shape == (1, 2, 10, 10)
