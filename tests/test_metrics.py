"""Measures of color against numbers worked out by hand, by SciPy, by scikit-image, and pixel by pixel in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, maximum_filter
from scipy.spatial.distance import cdist, jensenshannon
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cartoon_color import color, metrics

Picture = NDArray[np.uint8]


@pytest.fixture
def pair() -> tuple[Picture, Picture]:
    """Two pictures of patches in any colors, one with grain."""
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((5, 5, 1))).astype(np.uint8)
    return truth, np.clip(truth + rng.normal(0, 20, truth.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def noisy() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """a, b of patches of 4x4, without and with grain."""
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.normal(0, 30, (6, 8, 2)), 4, 0), 4, 1)
    return truth, truth + rng.normal(0, 1, truth.shape)


# --- the thesis's ---


def test_alpha_beta_unit() -> None:
    pixels = np.array([[255, 0, 0], [0, 0, 255], [51, 102, 153], [0, 0, 0]], np.uint8)
    # Equation 8.2 by hand; for the third, R, G, B are 0.2, 0.4, 0.6 and L is 0.4.
    third = 1 / 3 + 1e-4
    expected = [[-0.5 / third, 1 / third], [1 / third, 0], [0.3 / 0.4001, -0.2 / 0.4001], [0, 0]]
    np.testing.assert_allclose(metrics.alpha_beta(pixels), expected, rtol=1e-5)


def test_alpha_beta_rmse_unit(pair: tuple[Picture, Picture]) -> None:
    """Equation 8.1, pixel by pixel."""

    def chromaticity(red: float, green: float, blue: float) -> tuple[float, float]:
        light = (red + green + blue) / 3 / 255 + 0.0001
        return (blue - 0.5 * (red + green)) / 255 / light, (red - green) / 255 / light

    distances = [
        math.dist(chromaticity(*map(float, true)), chromaticity(*map(float, other)))
        for true, other in zip(*(picture.reshape(-1, 3) for picture in pair), strict=True)
    ]
    assert metrics.alpha_beta_rmse(*pair) == pytest.approx(np.mean(distances), rel=1e-5)
    assert metrics.alpha_beta_rmse(pair[0], pair[0]) == 0


def test_psnr_unit(pair: tuple[Picture, Picture]) -> None:
    assert metrics.psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair))
    dark, light = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 16, np.uint8)
    # 20 log10(255 / 16), and not the 41 dB of differences that wrap around.
    assert metrics.psnr(light, dark) == metrics.psnr(dark, light) == pytest.approx(24.048, abs=1e-3)
    assert metrics.psnr(dark, dark) == pytest.approx(20 * np.log10(255 * 12**0.5))


def test_perceivable_artifacts_unit(noisy: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    """Equation 8.4, neighbor by neighbor, in loops."""

    def even(ab: NDArray[np.float64], row: int, column: int) -> bool:
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            y, x = row + down, column + right
            if 0 <= y < ab.shape[0] and 0 <= x < ab.shape[1] and np.hypot(*(ab[y, x] - ab[row, column])) >= 2:
                return False
        return True

    truth, colored = noisy
    places = [(y, x) for y in range(24) for x in range(32) if even(truth, y, x)]
    kept = [place for place in places if even(colored, *place)]
    assert 0.1 < 1 - len(kept) / len(places) < 0.9
    assert metrics.perceivable_artifacts(truth, colored) == pytest.approx(1 - len(kept) / len(places))
    assert metrics.perceivable_artifacts(truth, truth) == 0
    rough = np.random.default_rng(1).normal(0, 50, (8, 8, 2))
    assert metrics.perceivable_artifacts(rough, rough) == 0


def test_even_pixels_have_even_neighbors(noisy: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    """In a picture of flat 4x4 blocks, exactly the pixels off every border are evenly colored."""
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    blocks = np.add.outer(np.arange(24) // 4 * 8, np.arange(32) // 4)
    border = maximum_filter(blocks, footprint=cross) != -maximum_filter(-blocks, footprint=cross)
    np.testing.assert_array_equal(metrics._evenly_colored(noisy[0]), ~border)


# --- the field's ---


@pytest.mark.parametrize(("error", "decibels"), [(100.0, 20.0), (10_000.0, 0.0), (1.0, 40.0)])
def test_chroma_psnr_has_a_peak_of_100(error: float, decibels: float) -> None:
    assert metrics.chroma_psnr(error) == pytest.approx(decibels)


def test_mean_squared_error_does_not_wrap() -> None:
    assert metrics.mean_squared_error(np.uint8([0, 16]), np.uint8([16, 0])) == 256


def test_ciede2000_unit(pair: tuple[Picture, Picture]) -> None:
    expected = deltaE_ciede2000(*(rgb2lab(picture) for picture in pair))
    assert metrics.ciede2000(*pair) == pytest.approx(expected.mean(), abs=1e-4)
    assert metrics.ciede2000(pair[0], pair[0]) == 0


def test_ciede2000_pixel_by_pixel() -> None:
    """Colors on a grid against colors near it: gray, hues on both sides of 0, and nearly opposite ones.

    Exactly opposite ones have no mean hue, so the measure jumps there (Sharma et al. 2005, section 3).
    """
    axis = np.arange(-100, 101, 25.0)
    grid = np.stack(np.meshgrid([0, 35, 90.0], axis, axis), axis=-1).reshape(-1, 3)
    second = grid[::3] + np.array([0.3, 0.17, -0.23])
    for one in grid[::17]:
        expected = deltaE_ciede2000(np.broadcast_to(one, second.shape), second)
        measured = [metrics.lab_ciede2000(one[None, None], other[None, None]) for other in second]
        np.testing.assert_allclose(measured, expected, atol=2e-4)


def test_ciede2000_of_the_paper() -> None:
    """Some of the pairs of Table 1 of Sharma et al. 2005, with the difference printed there."""
    table = [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
        ((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792),
        ((50, 2.5000, 0), (73, 25, -18), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ]
    for first, second, expected in table:
        pixels = np.array([[first]]), np.array([[second]])
        assert metrics.lab_ciede2000(*pixels) == pytest.approx(expected, abs=1e-4)


def test_structural_similarity_unit(pair: tuple[Picture, Picture]) -> None:
    expected = structural_similarity(
        *pair, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert 0.3 < expected < 0.95
    assert metrics.structural_similarity(*pair) == pytest.approx(expected, abs=1e-5)
    assert metrics.structural_similarity(pair[0], pair[0]) == pytest.approx(1)


def test_difference_and_raw_accuracy_unit() -> None:
    truth = np.zeros((1, 4, 3), np.uint8)
    colored = np.array([[[0, 0, 0], [12, 16, 0], [12, 16, 1], [255, 255, 255]]], np.uint8)
    assert metrics.raw_accuracy(truth, colored) == 0.5  # distances 0, 20, 20.02, 442
    assert metrics.difference(truth, colored) == pytest.approx(100 * (28 + 29 + 765) / 255 / 12)
    assert metrics.difference(colored, truth) == metrics.difference(truth, colored)  # no wrapping around


def test_colorfulness_unit() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    values = [tuple(map(float, pixel)) for pixel in rgb.reshape(-1, 3)]
    rg, yb = [r - g for r, g, _ in values], [0.5 * (r + g) - b for r, g, b in values]
    deviation = (np.var(rg) + np.var(yb)) ** 0.5
    assert metrics.colorfulness(rgb) == pytest.approx(deviation + 0.3 * (np.mean(rg) ** 2 + np.mean(yb) ** 2) ** 0.5)
    assert metrics.colorfulness(np.full((4, 4, 3), 90, np.uint8)) == 0


def test_area_under_curve_unit(noisy: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    truth, colored = noisy[0], noisy[0] + np.array([29.94, 39.92])
    bins = color.encode_bins(truth.astype(np.float32))[0][..., 0]
    counts = metrics.ab_error_counts(truth, colored, bins)
    assert counts.sum() == 24 * 32
    # A distance of 49.9 everywhere: 0 up to a threshold of 49, 1 from 50 on, a line between.
    assert metrics.area_under_curve(counts) == pytest.approx((0.5 + 100) / 150)
    half = truth.copy()
    chosen = bins == bins[0, 0]
    half[~chosen] += np.array([29.94, 39.92])
    counts = metrics.ab_error_counts(truth, half, bins)
    weights = np.ones(313)
    weights[bins[0, 0]] = 7
    share = 7 * chosen.sum() / (7 * chosen.sum() + (~chosen).sum())
    assert metrics.area_under_curve(counts, weights) == pytest.approx(share + (1 - share) * 100.5 / 150)
    assert metrics.area_under_curve(metrics.ab_error_counts(truth, truth + 200, bins)) == 0


def test_rarity_unit() -> None:
    """1 / share, the shares smoothed by a Gaussian of sigma 5 over the bins."""
    counts = np.zeros((313, metrics.AB_STEPS + 1), np.int64)
    near = int(np.argsort(cdist(color.AB_BINS[:1], color.AB_BINS)[0])[1])
    far = int(cdist(color.AB_BINS[:1], color.AB_BINS)[0].argmax())
    counts[0, 3], counts[near, 80], counts[far, 0] = 60, 30, 10
    kernel = np.exp(-(cdist(color.AB_BINS, color.AB_BINS) ** 2) / 50)
    smooth = (kernel / kernel.sum(axis=1, keepdims=True)) @ (counts.sum(axis=1) / 100)
    weights = metrics.rarity(counts)
    occurring = [0, near, far]
    np.testing.assert_allclose(weights[occurring], 1 / smooth[occurring], rtol=1e-6)
    assert np.count_nonzero(weights) == 3
    assert weights[far] > weights[near] > weights[0]


# --- of flicker ---


def test_color_distribution_unit(pair: tuple[Picture, Picture]) -> None:
    """SciPy's distance is the root of the divergence."""
    first, second = (metrics.channel_histograms(picture) for picture in pair)
    counts = [[np.sum(pair[0][..., channel] == code) for code in range(256)] for channel in range(3)]
    np.testing.assert_allclose(first, np.array(counts) / pair[0][..., 0].size)
    expected = np.mean([jensenshannon(first[channel], second[channel]) ** 2 for channel in range(3)])
    assert expected > 0.1
    assert metrics.jensen_shannon(first, second) == pytest.approx(expected)
    assert metrics.jensen_shannon(first, first) == 0
    assert metrics.jensen_shannon(np.array([[1.0, 0]]), np.array([[0, 1.0]])) == pytest.approx(math.log(2))


def test_warp_unit() -> None:
    rng = np.random.default_rng(0)
    picture, flow = rng.normal(0, 30, (12, 16, 2)), rng.uniform(-3, 3, (12, 16, 2)).astype(np.float32)
    rows, columns = np.mgrid[:12, :16]
    places = [rows + flow[..., 1], columns + flow[..., 0]]
    expected = [map_coordinates(picture[..., channel], places, order=1, mode="nearest") for channel in range(2)]
    # OpenCV interpolates at 32nds of a pixel.
    np.testing.assert_allclose(metrics.warp(picture, flow), np.stack(expected, -1), atol=4)
    whole = np.full((12, 16, 2), (2, -1), np.float32)
    np.testing.assert_allclose(metrics.warp(picture, whole)[1:, :-2], picture[:-1, 2:], rtol=1e-5)


def test_changes_count_chosen_pixels(pair: tuple[Picture, Picture]) -> None:
    first, second = (picture.astype(np.float32) for picture in pair)
    chosen = np.random.default_rng(0).random(first.shape[:2]) < 0.3
    difference = np.concatenate([first.astype(float)[chosen] - second.astype(float)[chosen]])
    assert metrics.mean_squared_change(first, second, chosen) == pytest.approx((difference**2).mean())
    assert metrics.mean_change(first, second, chosen) == pytest.approx(np.abs(difference).mean())


def test_followed_unit() -> None:
    """All by hand, on 8x10 pixels."""

    def flow(x: float, y: float) -> NDArray[np.float32]:
        return np.full((8, 10, 2), (x, y), np.float32)

    def seen(rows: slice, columns: slice) -> NDArray[np.bool_]:
        mask = np.zeros((8, 10), bool)
        mask[rows, columns] = True
        return mask

    everywhere = slice(None)
    np.testing.assert_array_equal(metrics.followed(flow(0, 0), flow(0, 0)), seen(everywhere, everywhere))
    # What moves by 3 to the right and 2 up leaves on two sides.
    np.testing.assert_array_equal(metrics.followed(flow(3, -2), flow(-3, 2)), seen(slice(2, None), slice(0, 7)))
    # Back by 2 only: 1 > 0.01 (9 + 4) + 0.5; by 2.5: 0.25 < 0.01 (9 + 6.25) + 0.5.
    assert not metrics.followed(flow(3, 0), flow(-2, 0)).any()
    np.testing.assert_array_equal(metrics.followed(flow(3, 0), flow(-2.5, 0)), seen(everywhere, slice(0, 7)))
    # A step of 0.1 in x: 0.01 > 0.002 on its left; one of 0.04 isn't: 0.0016.
    for step, left_out in ((0.1, True), (0.04, False)):
        forward = flow(0, 0)
        forward[:, 5:, 1] = step
        mask = metrics.followed(forward, -forward)[:-1]
        assert mask[:, 4].any() != left_out
        assert mask[:, [0, 1, 2, 3, 5, 6, 7, 8, 9]].all()


def test_medians_by_label_unit() -> None:
    rng = np.random.default_rng(0)
    values, labels = rng.normal(0, 60, (20, 30, 2)).astype(np.float32), rng.integers(0, 300, (20, 30))
    labels[labels == 7] = 0
    medians = metrics.medians_by_label(values, labels, 300)
    assert not medians[[0, 7]].any()
    for label in np.unique(labels[labels > 0]):
        expected = np.quantile(values[labels == label].astype(np.float64), 0.5, axis=0, method="lower")
        np.testing.assert_allclose(medians[label], expected, atol=1e-9)


def test_ab_differences_unit() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0, 40, (50, 2)), rng.normal(0, 40, (50, 2))
    expected = deltaE_ciede2000(np.insert(first, 0, 20, axis=1), np.insert(second, 0, 20, axis=1))
    np.testing.assert_allclose(metrics.ab_differences(first, second), expected, atol=1e-3)
    assert metrics.ab_differences(first[:0], second[:0]).shape == (0,)
