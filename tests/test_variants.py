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
from cartoon_color.variants.compact import reassemble
from cartoon_color.variants.decoding import Decoded, mode, sample
from cartoon_color.variants.ensemble import MeanEnsemble
from cartoon_color.variants.folding import fold
from cartoon_color.variants.heads import AbHead, HistogramHead, rebalancing_weights
from cartoon_color.variants.measure import measure

SMALL = NetworkSettings(width=0.06)


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
    torch.testing.assert_close(HistogramHead(1e-5).predict(logits).ab, mode(logits), atol=0.1, rtol=0)


def shares_of(logits: Tensor) -> NDArray[np.float64]:
    return np.exp(log_softmax(logits))


def test_mode_unit() -> None:
    logits, _ = logits_and_ab()
    expected = color.AB_BINS[shares_of(logits).argmax(axis=1)].transpose(0, 3, 1, 2)
    assert mode(logits).shape == (2, 2, 5, 7)
    np.testing.assert_array_equal(mode(logits), expected)


def test_sample_unit() -> None:
    """The bin in which the running sum of the shares passes the draw, by a search in float64."""
    logits, _ = logits_and_ab(24, 32)
    draw = torch.rand(24, 32, generator=torch.Generator().manual_seed(3)).numpy().astype(np.float64)
    running = shares_of(logits).cumsum(axis=1)
    expected = np.empty((2, 2, 24, 32), np.float32)
    for picture, row, column in np.ndindex(2, 24, 32):
        index = np.searchsorted(running[picture, :, row, column], draw[row, column], side="right")
        expected[picture, :, row, column] = color.AB_BINS[index]
    near = np.abs(running - draw[:, :].reshape(1, 1, 24, 32)).min(axis=1) < 1e-5  # where rounding may decide
    assert near.mean() < 0.02
    agree = (sample(logits, 3).numpy() == expected).all(axis=1)
    assert (agree | near).all()


def test_sample_follows_the_histogram() -> None:
    shares = torch.zeros(313)
    shares[[7, 100, 312]] = torch.tensor([0.5, 0.3, 0.2])
    logits = shares.log()[None, :, None, None].expand(1, -1, 100, 100)
    drawn = sample(logits, 0)[0].flatten(1).T.numpy()
    bins = color.AB_BINS[[7, 100, 312]]
    counts = [(drawn == one).all(axis=1).mean() for one in bins]
    # Four standard deviations of 10,000 draws.
    np.testing.assert_allclose(counts, [0.5, 0.3, 0.2], atol=0.02)
    assert sum(counts) == 1


def test_sample_of_a_picture_is_the_same_in_any_batch() -> None:
    logits, _ = logits_and_ab()
    torch.rand(7)
    assert torch.equal(sample(logits[1:], 0), sample(logits, 0)[1:])
    assert not torch.equal(sample(logits, 0), sample(logits, 1))


@pytest.mark.parametrize("decoding", ["expectation", "mode", "sampling"])
def test_decoded_unit(decoding: str) -> None:
    logits, _ = logits_and_ab()
    prediction = Decoded(lambda _: HistogramHead(0.2).predict(logits), decoding)(torch.zeros(2, 1, 20, 28))
    expected = {
        "expectation": np.einsum("nbhw,bc->nchw", shares_of(logits), color.AB_BINS.astype(np.float64)),
        "mode": mode(logits).numpy(),
        "sampling": sample(logits, 0).numpy(),
    }
    np.testing.assert_allclose(prediction.ab, expected[decoding], atol=1e-3)
    assert prediction.logits is logits
    with pytest.raises(ValueError, match="only histograms"):
        Decoded(lambda _: Prediction(prediction.ab), decoding)(torch.zeros(2, 1, 20, 28))


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


def test_ensemble_has_the_mean_of_the_histograms() -> None:
    given = [logits_and_ab()[0], 2 * logits_and_ab()[0].flip(1)]
    members = [lambda _, one=one: Prediction(torch.zeros(2, 2, 5, 7), one) for one in given]
    logits = MeanEnsemble(members)(torch.zeros(2, 1, 20, 28)).logits
    assert logits is not None
    expected = np.mean([np.exp(log_softmax(one)) for one in given], axis=0)
    np.testing.assert_allclose(np.exp(log_softmax(logits)), expected, atol=1e-6)


def test_ensemble_exception() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        MeanEnsemble([])


# --- the registry ---


def initialized(name: str) -> variants.Model:
    """A small model with the first weights that a training gives it."""
    torch.manual_seed(0)
    model = variants.build(name, SMALL)
    if model.variant.initialize is not None:
        model.variant.initialize(model, [100 * torch.rand(4, 1, 64, 64)])
    return model


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
    references = torch.rand(2, 1, 4, 40, 40) * torch.tensor([100, 80, 80, 1])[:, None, None]
    output = model(lightness, references if model.variant.references else None)
    assert output.shape == (2, model.head.channels, 16, 24)
    ab = 60 * torch.rand(2, 2, 16, 24) - 30
    loss = model.loss(output, ab)
    assert loss.shape == ()
    torch.autograd.backward(loss)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert trained
    for parameter in trained:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    assert all(float(parameter.grad.abs().max()) > 0 for parameter in trained if parameter.ndim > 1)


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
    model = initialized(name).eval()
    with torch.inference_mode():
        dark, bright = (model.colorize(torch.full((1, 1, 64, 64), value)).ab for value in (10.0, 90.0))
        again = model.colorize(torch.full((2, 1, 64, 64), 10.0)).ab
    assert not torch.allclose(dark, bright)
    torch.testing.assert_close(again, dark.expand(2, -1, -1, -1), atol=1e-3, rtol=0)  # pictures of a batch don't mix


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_learns_a_picture(name: str) -> None:
    model = initialized(name)
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)
    lightness = torch.rand(2, 1, 32, 32) * 100
    ab = torch.tensor([[40.0, 30.0], [-30.0, -40.0]])[:, :, None, None].expand(2, 2, 8, 8)
    losses = []
    for _ in range(30):
        loss = model.loss(model(lightness), ab)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


THESIS = ("plain", "plain-no-rebalance", "plain-dropout", "plain-l2", "residual", "residual-no-rebalance")


def test_the_thesis_variants_are_there() -> None:
    assert set(THESIS) <= set(VARIANTS)
    rebalanced = [name for name in THESIS if VARIANTS[name].rebalance]
    assert rebalanced == ["plain", "plain-dropout", "residual"]  # section 7.1
    for name in THESIS:
        recipe = VARIANTS[name].recipe
        assert (recipe.epochs, recipe.batch * recipe.accumulate, recipe.crop, recipe.views) == (30, 48, 224, "thesis")
        assert (recipe.optimizer, recipe.learning_rate, recipe.schedule) == ("adam", 1e-3, "step")


def weights_of(name: str) -> dict[str, int]:
    """Elements of each filter bank; the thesis's P columns count neither biases nor batch normalization."""
    with torch.device("meta"):
        network = variants.build(name, NetworkSettings()).network
    return {key: value.numel() for key, value in network.named_parameters() if value.ndim == 4}


def test_plain_has_the_parameters_of_table_6_1() -> None:
    thousands = [0.5, 36.8, 73.7, 147.4, 294.9, 589.8, 589.8, 1179.6, *[2359.2] * 11, 2097.1, 589.8, 589.8, 80.1]
    counted = weights_of("plain")
    assert [count / 1000 for count in counted.values()] == pytest.approx(thousands, abs=0.1)
    assert sum(counted.values()) / 1e6 == pytest.approx(32.23, abs=0.01)
    middle = sum(count for key, count in counted.items() if key.startswith(tuple(f"blocks.{n}." for n in (3, 4, 5, 6))))
    assert middle / 1e6 == pytest.approx(27.13, abs=0.01)


def test_residual_has_the_parameters_of_table_6_2() -> None:
    # Rows of the table in the order of the network, its last two of block 5 swapped as its text has them.
    block_1, block_2 = [73.7, 294.9, 147.5], [589.8, 589.8]
    block_3, block_4 = [1179.6, 2359.2, 1179.6, 589.8], [1179.6, 2359.2, 1179.6]
    thousands = [0.5, *block_1, *block_2, *block_3, *block_4, 1179.6, 1179.6, 2359.2, 160.2]
    counted = weights_of("residual")
    assert [count / 1000 for count in counted.values()] == pytest.approx(thousands, abs=0.1)
    assert sum(counted.values()) / 1e6 == pytest.approx(16.60, abs=0.01)


def test_measures() -> None:
    measured = {
        name: measure(VARIANTS[name], NetworkSettings()) for name in ("plain", "residual", "compact", "frozen-vgg")
    }
    assert measured["plain"].receptive_field == 357  # Table 6.1
    # By hand: what is pooled at strides 1, 2 and 4 adds as many pixels.
    assert measured["frozen-vgg"].receptive_field == 357 + 1 + 2 + 4
    # By hand: 3x3 convolutions add twice their dilation times the stride so far.
    steps = [(1, 1), (1, 1), (1, 1), (2, 1), (2, 1), (2, 1), (4, 2), (4, 2), (4, 2), (4, 2), (4, 1), (4, 2), (4, 1)]
    assert measured["residual"].receptive_field == 1 + sum(2 * stride * dilation for stride, dilation in steps)
    # By hand, multiplications and additions, bottom up: size of the output, channels in, channels out, kernel.
    layers = [(256, 1, 64, 9), (128, 64, 64, 9), (128, 64, 128, 9), (64, 128, 128, 9), (64, 128, 256, 9)]
    layers += [(64, 256, 256, 9), (32, 256, 256, 9), (32, 256, 512, 9), *[(32, 512, 512, 9)] * 11]
    layers += [(32, 512, 256, 16), (64, 256, 256, 9), (64, 256, 256, 9), (64, 256, 313, 1)]
    gflop = sum(2 * size**2 * before * after * kernel for size, before, after, kernel in layers) / 1e9
    assert measured["plain"].gflop == pytest.approx(gflop, abs=0.01)
    assert measured["compact"].parameters == 2_897_306


def test_one_output_of_plain_sees_less() -> None:
    """By gradients: an output at 1/4 depends on 349 pixels, the two that share a cell at 1/8 on 357."""
    network = VARIANTS["plain"].network(SMALL, 2).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            torch.nn.init.constant_(module.weight, 0.05)
            torch.nn.init.zeros_(module.bias)
    picture = torch.ones(1, 1, 480, 480, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(network.double()(picture)[0, 0, 60, 60], picture)
    seen = gradient[0, 0].sum(dim=0).nonzero()
    assert int(seen.max() - seen.min()) + 1 == 349


def test_rebalancing_unit() -> None:
    """Equation 5.4, by hand for three bins' worth of prior; mean 1 under the prior."""
    prior = np.zeros(313)
    prior[[5, 100, 200]] = 0.7, 0.2, 0.1
    raw = 1 / (0.5 * prior + 0.5 / 313)
    expected = raw / (prior * raw).sum()
    weights = rebalancing_weights(torch.from_numpy(prior).float()).numpy()
    np.testing.assert_allclose(weights, expected, rtol=1e-5)
    assert (prior * weights).sum() == pytest.approx(1, rel=1e-5)
    logits, ab = logits_and_ab()
    distance = ((np.rint(ab.numpy())[:, :, None] - color.AB_BINS.T[None, :, :, None, None]) ** 2).sum(1)
    pixel = -(soft_targets(ab) * log_softmax(logits)).sum(1)
    weighted = (expected[distance.argmin(1)] * pixel).mean()
    loss = HistogramHead(1.0).loss(logits, ab, torch.from_numpy(prior).float())
    assert float(loss) == pytest.approx(weighted, rel=0.02)  # some lie midway between two bins


def test_ab_head_unit() -> None:
    rng = np.random.default_rng(0)
    output, ab = rng.uniform(-1, 1, (2, 2, 3, 4)), rng.uniform(-100, 100, (2, 2, 3, 4))
    loss = AbHead().loss(torch.from_numpy(output), torch.from_numpy(ab))
    assert float(loss) == pytest.approx(0.5 * ((output - ab / 110) ** 2).sum(1).mean())
    prediction = AbHead().predict(torch.from_numpy(output))
    np.testing.assert_allclose(prediction.ab, output * 110)
    assert prediction.logits is None


def test_compact_is_small() -> None:
    model = variants.build("compact", NetworkSettings())
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count <= 3_000_000
    assert f"{count / 1e6:.1f} M" in VARIANTS["compact"].summary
    narrow = sum(parameter.numel() for parameter in variants.build("compact", NetworkSettings(width=0.25)).parameters())
    assert narrow < count / 8


def test_compact_of_least_width() -> None:
    model = variants.build("compact", NetworkSettings(width=0.01)).eval()
    with torch.inference_mode():
        assert model.colorize(torch.zeros(1, 1, 40, 40)).ab.shape == (1, 2, 10, 10)


def test_reassembled_cells_are_means_of_those_around_them() -> None:
    """By hand, at corners and elsewhere, for sizes that are even and odd; so what is flat stays flat."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 5, 4, 6, generator=generator)
    kernels = torch.randn(2, 9, 7, 12, generator=generator)
    mixed = reassemble(features, kernels)
    assert mixed.shape == (2, 5, 7, 12)
    for y, x in [(0, 0), (6, 11), (3, 5), (2, 9)]:
        around = [(min(max(y // 2 + dy, 0), 3), min(max(x // 2 + dx, 0), 5)) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        weights = torch.exp(kernels[:, :, y, x]) / torch.exp(kernels[:, :, y, x]).sum(dim=1, keepdim=True)
        expected = sum(weights[:, i, None] * features[:, :, v, u] for i, (v, u) in enumerate(around))
        torch.testing.assert_close(mixed[:, :, y, x], expected)
    torch.testing.assert_close(reassemble(torch.full((2, 5, 4, 6), 3.0), kernels), torch.full((2, 5, 7, 12), 3.0))


@pytest.mark.parametrize(("name", "left"), [("compact", 0), ("residual", 0), ("reference-cnn", 1)])
def test_folding_changes_no_color(name: str, left: int) -> None:
    """But for what normalizes no convolution."""
    torch.manual_seed(0)
    model = variants.build(name, NetworkSettings(width=0.25))
    lightness = torch.rand(2, 1, 64, 64) * 100
    model.train()
    model(lightness)  # normalizes by something else than 0 and 1
    model.eval()
    with torch.inference_mode():
        expected = model.colorize(lightness)
        folded = fold(model).colorize(lightness)
    assert sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in model.modules()) == left
    torch.testing.assert_close(folded.ab, expected.ab, atol=1e-3, rtol=1e-4)
