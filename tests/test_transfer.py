"""The classical comparators, against dense solutions, SciPy, and numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import convolve, generic_filter
from scipy.optimize import lsq_linear

from cartoon_color import color
from cartoon_color.errors import SettingsError
from cartoon_color.metrics import alpha_beta
from cartoon_color.transfer import deshpande, levin, welsh
from cartoon_color.transfer.levin import Scribbles, confident_scribbles, spread_scribbles
from cartoon_color.transfer.welsh import Swatch, transfer_color, transfer_swatches
from cartoon_color.variants import Prediction

GROUND, DISK, FIELD = (150, 190, 240), (150, 40, 40), (60, 150, 60)


def drawing(shift: int = 0, size: int = 64) -> NDArray[np.uint8]:
    """A red disk before blue and green, each of its own gray: (size, size, 3)."""
    picture = np.full((size, size, 3), GROUND, np.uint8)
    picture[size * 2 // 3 :] = FIELD
    cv2.circle(picture, (size // 3 + shift, size // 3), size // 5, DISK, -1)
    return picture


def gray(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return color.luma_of_rgb(picture, "bt601")


def ab_of(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return color.rgb_to_lab(picture)[..., 1:]


def off(result: NDArray[Any], picture: NDArray[np.uint8]) -> NDArray[Any]:
    """Distance of each pixel's a, b to the truth."""
    return np.linalg.norm(result - ab_of(picture), axis=-1)


# --- Welsh -----------------------------------------------------------------------------------------------------------


def test_welsh_colors_a_picture_like_itself():
    picture = drawing()
    result = transfer_color(gray(picture), picture)
    assert result.shape == (64, 64, 2)
    assert result.dtype == np.float32
    assert np.mean(off(result, picture) < 1) > 0.95
    assert np.mean(off(np.zeros_like(result), picture) < 1) < 0.05


def test_welsh_remaps_luminance():
    """A quarter of the contrast, in the middle: by its gray alone, the disk would be taken for the field."""
    picture = drawing()
    result = transfer_color(100 + gray(picture) // 4, picture)
    assert np.mean(off(result, picture) < 1) > 0.95


def test_welsh_remapping_is_that_of_the_means_and_deviations():
    source, target = np.float32([[0, 10], [20, 30]]), np.float32([[50, 50], [60, 60]])
    # Means 15 and 55, deviations sqrt(125) and 5.
    assert welsh._remap(source, target)[0, 0] == pytest.approx(55 - 15 * 5 / 125**0.5)
    assert welsh._remap(np.full((2, 2), 9, np.float32), target).tolist() == [[55, 55], [55, 55]]


def test_welsh_deviation_is_that_of_5x5():
    lightness = np.random.default_rng(0).random((9, 11), np.float32) * 100
    assert welsh._deviation(lightness) == pytest.approx(generic_filter(lightness, np.std, 5, mode="mirror"), abs=1e-3)


def test_welsh_adds_up_the_halves_of_the_error():
    """To (0, 0), (3, 3) is nearer than (5, 0) by distance, but farther by the sum of differences."""
    known = np.float32([[3, 3], [5, 0]])
    colors = np.float32([[1, 1], [2, 2]])
    assert welsh._match(np.zeros((1, 1, 2), np.float32), known, colors)[0, 0].tolist() == [2, 2]


def test_welsh_samples_each_cell_of_the_grid_once():
    rows, columns = welsh._jittered((100, 200), 200, np.random.default_rng(0))
    assert len(rows) == 200
    assert len(set(zip(rows // 10, columns // 10, strict=True))) == 200


def test_welsh_is_repeatable_by_its_seed():
    picture, reference = drawing(), drawing(20)
    noisy = np.clip(reference + np.random.default_rng(1).integers(-20, 20, reference.shape), 0, 255).astype(np.uint8)
    first, again, other = (transfer_color(gray(picture), noisy, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_welsh_takes_references_of_any_size():
    reference = drawing(size=96)[:, :40]
    assert transfer_color(gray(drawing()), reference).shape == (64, 64, 2)


BOXES = {"disk": np.s_[14:28, 14:28], "ground": np.s_[2:8, 40:60], "field": np.s_[46:60, 4:60]}


def test_swatches_choose_the_color():
    """Swatches decide, even against the gray."""
    picture = drawing()
    reference = picture[:, ::-1].copy()
    mirrored = {name: (box[0], slice(64 - box[1].stop, 64 - box[1].start)) for name, box in BOXES.items()}
    swatches = [Swatch(BOXES[name], mirrored[name]) for name in BOXES]
    right = transfer_swatches(gray(picture), reference, swatches)
    assert np.mean(off(right, picture) < 1) > 0.95
    swapped = [Swatch(BOXES["disk"], mirrored["field"]), Swatch(BOXES["field"], mirrored["disk"])]
    wrong = transfer_swatches(gray(picture), reference, swapped)
    assert wrong[20, 21] == pytest.approx(ab_of(picture)[60, 30], abs=1)
    assert wrong[60, 30] == pytest.approx(ab_of(picture)[20, 21], abs=1)


@pytest.mark.parametrize(
    ("swatches", "sentence"),
    [
        ([], "at least one swatch"),
        ([Swatch(np.s_[0:70, 0:4], np.s_[0:4, 0:4])], "0..70 doesn't lie in the black-and-white picture"),
        ([Swatch(np.s_[0:4, 0:4], np.s_[0:4, 9:9])], "9..9 doesn't lie in the reference"),
    ],
)
def test_wrong_swatches(swatches, sentence):
    with pytest.raises(SettingsError, match=sentence):
        transfer_swatches(gray(drawing()), drawing(), swatches)


# --- Levin -----------------------------------------------------------------------------------------------------------


def small() -> tuple[NDArray[np.uint8], Scribbles]:
    rng = np.random.default_rng(3)
    where = np.zeros((8, 8), np.bool_)
    where[[0, 3, 7], [1, 6, 2]] = True
    return rng.integers(0, 256, (8, 8), np.uint8), Scribbles(where, rng.normal(0, 40, (8, 8, 2)).astype(np.float32))


def dense_weights(luma: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Eq. 2 pixel by pixel, with the variances of the authors' program."""
    value = luma / 255
    height, width = luma.shape
    weights = np.zeros((luma.size, luma.size))
    for row, column in np.ndindex(luma.shape):
        window = [
            (y, x)
            for y in range(max(0, row - 1), min(height, row + 2))
            for x in range(max(0, column - 1), min(width, column + 2))
        ]
        variance = np.var([value[place] for place in window])
        window.remove((row, column))
        squares = [(value[place] - value[row, column]) ** 2 for place in window]
        spread = max(0.6 * variance, min(squares) / np.log(100), 2e-6)
        each = np.exp(-np.array(squares) / spread)
        for (y, x), weight in zip(window, each / each.sum(), strict=True):
            weights[row * width + column, y * width + x] = weight
    return weights


def test_levin_weights():
    luma, _ = small()
    assert levin.neighbor_weights(luma).toarray() == pytest.approx(dense_weights(luma), abs=1e-12)


def test_levin_weights_by_hand():
    """The middle one of three pixels, of gray 0, 51 and 255: neighbors at squares of 0.04 and 0.64."""
    mean = (0 + 0.2 + 1) / 3
    variance = (mean**2 + (0.2 - mean) ** 2 + (1 - mean) ** 2) / 3
    near, far = np.exp(-0.04 / (0.6 * variance)), np.exp(-0.64 / (0.6 * variance))
    weights = levin.neighbor_weights(np.uint8([[0, 51, 255]])).toarray()
    assert weights[1] == pytest.approx([near / (near + far), 0, far / (near + far)])
    assert weights[0] == pytest.approx([0, 1, 0])


def test_levin_solves_the_least_squares_problem():
    """Eq. 1 over the pixels without a scribble, minimized densely under its constraints."""
    luma, scribbles = small()
    fixed = scribbles.where.ravel()
    system = (np.eye(64) - dense_weights(luma))[~fixed]
    result = spread_scribbles(luma, scribbles)
    for channel in (0, 1):
        given = scribbles.ab[..., channel].ravel().astype(np.float64)
        solution = lsq_linear(system[:, ~fixed], -system[:, fixed] @ given[fixed], tol=1e-14).x
        assert result[..., channel].ravel()[~fixed] == pytest.approx(solution, abs=1e-3)


def test_levin_keeps_scribbles_exactly():
    luma, scribbles = small()
    result = spread_scribbles(luma, scribbles)
    assert np.array_equal(result[scribbles.where], scribbles.ab[scribbles.where])
    everywhere = Scribbles(np.ones((8, 8), np.bool_), scribbles.ab)
    assert np.array_equal(spread_scribbles(luma, everywhere), scribbles.ab)


def test_levin_fills_regions_and_stops_at_edges():
    picture = drawing()
    where = np.zeros((64, 64), np.bool_)
    where[5, 3:60] = where[20, 15:28] = where[55, 3:60] = True
    result = spread_scribbles(gray(picture), Scribbles(where, ab_of(picture)))
    assert np.mean(off(result, picture) < 3) > 0.9


def test_levin_on_one_scribble_gives_its_color_everywhere():
    luma, scribbles = small()
    where = np.zeros((8, 8), np.bool_)
    where[4, 4] = True
    assert spread_scribbles(luma, Scribbles(where, scribbles.ab)) == pytest.approx(
        np.broadcast_to(scribbles.ab[4, 4], (8, 8, 2)), abs=1e-3
    )


def test_levin_needs_scribbles_that_fit():
    luma, scribbles = small()
    with pytest.raises(SettingsError, match="no scribbles"):
        spread_scribbles(luma, Scribbles(np.zeros((8, 8), np.bool_), scribbles.ab))
    with pytest.raises(ValueError, match=r"luma.shape = \(4, 8\)"):
        spread_scribbles(luma[:4], scribbles)


def peaked() -> Prediction:
    """6x8 places, unsure of everything but (1, 2), of bin 300, and (4, 6), of bin 7."""
    logits = torch.randn(1, 313, 6, 8, generator=torch.Generator().manual_seed(0)) * 1e-3
    for bin_, row, column in ((300, 1, 2), (7, 4, 6)):
        logits[0, bin_, row, column] = 9.0
        logits[0, bin_, row, column - 1] = 8.0
    return Prediction(torch.zeros(1, 2, 6, 8), logits)


def test_confident_scribbles_lie_at_the_peaks():
    scribbles = confident_scribbles(peaked(), (24, 32))
    # Of a place's 4x4 pixels, the third in both directions.
    assert scribbles.where[6, 10]
    assert scribbles.where[18, 26]
    assert not scribbles.where[6, 6]
    assert scribbles.ab[6, 10].tolist() == color.AB_BINS[300].tolist()
    assert scribbles.ab[18, 26].tolist() == color.AB_BINS[7].tolist()


def test_confident_scribbles_keep_their_distance():
    logits = torch.randn(1, 313, 16, 16, generator=torch.Generator().manual_seed(0))
    rows, columns = np.nonzero(confident_scribbles(Prediction(torch.zeros(1, 2, 16, 16), logits), (64, 64)).where)
    places = np.stack([rows, columns], axis=-1) // 4
    apart = np.abs(places[:, None] - places).max(axis=-1) + 99 * np.eye(len(places), dtype=np.int64)
    assert len(places) > 4
    assert apart.min() > 2


def test_confident_scribbles_need_one_distribution():
    with pytest.raises(SettingsError, match="predicts a, b directly"):
        confident_scribbles(Prediction(torch.zeros(1, 2, 6, 8)), (24, 32))
    both = Prediction(torch.zeros(2, 2, 6, 8), torch.zeros(2, 313, 6, 8))
    with pytest.raises(ValueError, match="one picture"):
        confident_scribbles(both, (24, 32))


# --- Deshpande -------------------------------------------------------------------------------------------------------


def test_alpha_beta_of_thesis_equation_8_2():
    # (255, 128, 0) / 255: their mean is 0.50065, B - (R + G) / 2 is -0.75098, R - G is 0.49804.
    result = alpha_beta(np.uint8([[[255, 128, 0], [77, 77, 77]]]))
    assert result[0] == pytest.approx(np.array([[-0.75098 / 0.50075, 0.49804 / 0.50075], [0, 0]]), abs=1e-4)


def test_alpha_beta_and_luma_give_the_color_back():
    picture = drawing()
    assert off(deshpande._chroma(alpha_beta(picture), gray(picture)), picture).max() < 1.5


def responses_matrix(height: int, width: int) -> NDArray[np.float64]:
    """F as a matrix, by SciPy: from (H, W, 2) to (H, W, R)."""
    columns = []
    for row, column, channel in np.ndindex(height, width, 2):
        impulse = np.zeros((height, width))
        impulse[row, column] = 1
        responses = [
            # OpenCV correlates.
            convolve(impulse, kernel[::-1, ::-1].astype(np.float64), mode="constant")
            for kernel in deshpande.filters()
        ]
        empty = [np.zeros((height, width))] * len(responses)
        columns.append(np.stack([*responses, *empty] if channel == 0 else [*empty, *responses], axis=-1).ravel())
    return np.stack(columns, axis=-1)


def test_filters_are_those_of_the_matrix():
    ab = np.random.default_rng(0).normal(size=(6, 7, 2)).astype(np.float32)
    matrix = responses_matrix(6, 7)
    responses = deshpande.respond(ab)
    assert responses.ravel() == pytest.approx(matrix @ ab.ravel(), abs=1e-5)
    assert deshpande.respond_transposed(responses).ravel() == pytest.approx(matrix.T @ responses.ravel(), abs=1e-4)


def test_deshpande_minimizes_its_objective():
    """Against the normal equations, solved densely in float64."""
    rng = np.random.default_rng(1)
    size = 2 * len(deshpande.filters())
    expected = rng.normal(size=(6, 7, size)).astype(np.float32)
    leaves = rng.integers(0, 3, (6, 7))
    error = rng.normal(size=(300, size)).astype(np.float32) * np.linspace(0.1, 2, size, dtype=np.float32)
    trust = deshpande._trust(error, np.repeat([0, 1, 2], 100), 3)
    matrix = responses_matrix(6, 7)
    weights = np.zeros((matrix.shape[0],) * 2)
    for place, leaf in enumerate(leaves.ravel()):
        weights[place * size : (place + 1) * size, place * size : (place + 1) * size] = trust[leaf]
    normal = matrix.T @ weights @ matrix + 1e-5 * np.eye(84)
    solution = np.linalg.solve(normal, matrix.T @ weights @ expected.ravel())
    assert deshpande.minimize(expected, leaves, trust).ravel() == pytest.approx(solution, abs=1e-3)


def test_trust_has_orthonormal_rows_where_the_error_is_least():
    rng = np.random.default_rng(0)
    deviation = np.arange(1, 33)
    error = (rng.normal(size=(20_000, 32)) * deviation).astype(np.float32)
    trust = deshpande._trust(error, np.full(20_000, 2), 4)
    assert not trust[[0, 1, 3]].any()
    # A projection onto 12 directions: the pixel's own alpha and beta, though beta's error is large, and ten small ones.
    assert trust[2] @ trust[2] == pytest.approx(trust[2], abs=1e-5)
    assert np.trace(trust[2]) == pytest.approx(12, abs=1e-4)
    assert trust[2][[0, 16], [0, 16]].tolist() == [1, 1]
    assert trust[2].diagonal()[1:8].min() > 0.9
    assert trust[2].diagonal()[20:].max() < 0.1


def little(shift: int) -> NDArray[np.uint8]:
    return drawing(shift, 32)


EXAMPLES = [deshpande.Example(little(shift), [little(shift + 1), little(4)]) for shift in range(0, 10, 2)]


@pytest.fixture(scope="module")
def learned() -> deshpande.Deshpande:
    return deshpande.learn(EXAMPLES)


def test_deshpande_colors_a_show_it_has_learned(learned):
    picture = little(3)
    result = learned.colorize(gray(picture), [little(1), little(7)])
    mean = deshpande._chroma(np.mean([alpha_beta(little(shift)) for shift in (1, 7)], axis=0), gray(picture))
    assert result.shape == (32, 32, 2)
    assert result.dtype == np.float32
    assert off(result, picture).mean() < 0.7 * off(mean, picture).mean()
    assert off(result, picture).mean() < 0.3 * off(np.zeros_like(result), picture).mean()


def test_deshpande_is_repeatable_by_its_seed(monkeypatch):
    monkeypatch.setattr(deshpande, "_PIXELS_PER_TREE", 1000)
    first, again, other = (deshpande.learn(EXAMPLES, seed).colorize(gray(little(3)), [little(1)]) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_deshpande_needs_examples_and_references(learned):
    with pytest.raises(SettingsError, match="no examples"):
        deshpande.learn([])
    with pytest.raises(SettingsError, match="no references"):
        deshpande.learn([deshpande.Example(drawing(), [])])
    with pytest.raises(SettingsError, match="no references"):
        learned.colorize(gray(drawing()), [])
