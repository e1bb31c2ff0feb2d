"""Color against independent arithmetic in float64, written from the standards."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from skimage.color import deltaE_ciede2000, rgb2lab

from cartoon_color import color
from cartoon_color.frames import ColorRange, Matrix

Array = NDArray[np.float64]

RED_BLUE: dict[Matrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)
}  # fmt: skip
RANGES: list[ColorRange] = ["limited", "full"]


def lab_of(rgb: Array) -> Array:
    """CIELAB (D65) of R'G'B' 0..1: IEC 61966-2-1 and CIE 15, with the white that the matrix itself gives."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.maximum(rgb, 0) + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ (matrix / matrix.sum(axis=1, keepdims=True)).T
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def levels(bit_depth: int, color_range: ColorRange) -> tuple[int, int, int, int]:
    """Codes of black, of white minus black, of neutral chroma, and of the excursion of chroma (BT.601, BT.2100)."""
    scale = 2 ** (bit_depth - 8)
    if color_range == "full":
        return 0, 2**bit_depth - 1, 128 * scale, 2**bit_depth - 1
    return 16 * scale, 219 * scale, 128 * scale, 224 * scale


def luma_codes(rgb: Array, bit_depth: int, color_range: ColorRange, matrix: Matrix) -> NDArray[np.uint8 | np.uint16]:
    red, blue = RED_BLUE[matrix]
    black, swing, *_ = levels(bit_depth, color_range)
    codes = np.rint(black + swing * (rgb @ [red, 1 - red - blue, blue]))
    return codes.astype(np.uint8 if bit_depth == 8 else np.uint16)


def decoded(planes: tuple[NDArray, ...], bit_depth: int, color_range: ColorRange, matrix: Matrix) -> Array:
    """R'G'B' of Y, U, V codes at 4:4:4; not clipped."""
    y, u, v = (plane.astype(np.float64) for plane in planes)
    black, swing, neutral, excursion = levels(bit_depth, color_range)
    red, blue = RED_BLUE[matrix]
    y, u, v = (y - black) / swing, (u - neutral) / excursion, (v - neutral) / excursion
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return np.stack([r, (y - red * r - blue * b) / (1 - red - blue), b], axis=-1)


def random_picture() -> Array:
    return np.random.default_rng(0).integers(0, 256, (96, 96, 3)) / 255


def gradients() -> Array:
    x, y = np.meshgrid(np.linspace(0, 1, 96), np.linspace(0, 1, 80))
    return np.stack([0.1 + 0.4 * (x + y), 0.2 + 0.6 * y, 0.9 - 0.7 * x], axis=-1)


# --- Lab ---


def test_rgb_to_lab_unit() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    lab = color.rgb_to_lab(rgb)
    assert (lab.shape, lab.dtype) == ((40, 50, 3), np.float32)
    np.testing.assert_allclose(lab, lab_of(rgb / 255), atol=0.05)  # the white's digits differ between books


@pytest.mark.parametrize("shape", [(3,), (7, 3), (16, 16, 16, 3)])
def test_rgb_to_lab_shape(shape: tuple[int, ...]) -> None:
    codes = np.arange(0, 256, 17, dtype=np.uint8)
    rgb = np.stack(np.meshgrid(codes, codes, codes), axis=-1).reshape(-1)[: np.prod(shape)].reshape(shape)
    np.testing.assert_allclose(color.rgb_to_lab(rgb), rgb2lab(rgb), atol=5e-4)


def test_lab_round_trip() -> None:
    grid = np.arange(0, 256, 15)
    rgb = np.stack(np.meshgrid(grid, grid, grid), axis=-1).astype(np.uint8)
    back = color.lab_to_rgb(color.rgb_to_lab(rgb))
    assert back.dtype == np.uint8
    np.testing.assert_array_equal(back, rgb)


def test_lab_to_rgb_clips() -> None:
    too_red, too_green = color.lab_to_rgb(np.array([[50, 127, 0], [0, -80, 80]], np.float32))
    assert too_red[0] == 255
    assert too_green[0] == 0


# --- L* of the gray picture ---


@pytest.mark.parametrize(("bit_depth", "color_range"), list(product([8, 10], RANGES)))
def test_lightness_unit(bit_depth: int, color_range: ColorRange) -> None:
    codes = np.arange(2**bit_depth).reshape(16, -1).astype(np.uint8 if bit_depth == 8 else np.uint16)
    black, swing, *_ = levels(bit_depth, color_range)
    gray = np.clip((codes - float(black)) / swing, 0, 1)
    lightness = color.luma_to_lightness(codes, bit_depth, color_range)
    assert (lightness.shape, lightness.dtype) == (codes.shape, np.float32)
    np.testing.assert_allclose(lightness, lab_of(np.stack([gray] * 3, axis=-1))[..., 0], atol=2e-4)
    assert lightness.min() == 0
    assert lightness.max() == pytest.approx(100, abs=1e-4)


def test_lightness_differs_from_the_colors_own() -> None:
    blue = np.array([[[0, 0, 255]]], np.uint8)
    shown = color.luma_to_lightness(color.luma_of_rgb(blue, "bt601"), 8, "full")
    assert shown[0, 0] == pytest.approx(10, abs=1)
    assert color.rgb_to_lab(blue)[0, 0, 0] == pytest.approx(32, abs=1)


def test_lightness_of_codes_beyond_the_depth() -> None:
    codes = np.array([[1023, 1024, 65535]], np.uint16)
    np.testing.assert_allclose(color.luma_to_lightness(codes, 10, "limited"), 100, atol=1e-4)


@pytest.mark.parametrize("matrix", RED_BLUE)
def test_luma_of_rgb_unit(matrix: Matrix) -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    red, blue = RED_BLUE[matrix]
    exact = rgb @ np.array([red, 1 - red - blue, blue])
    luma = color.luma_of_rgb(rgb, matrix)
    assert (luma.shape, luma.dtype) == ((30, 40), np.uint8)
    assert np.abs(luma - exact).max() <= 0.501


# --- U, V ---


@pytest.mark.parametrize(
    ("picture", "bit_depth", "color_range", "matrix"),
    list(product([random_picture, gradients], [8, 10], RANGES, ["bt601", "bt709"])),
)
def test_own_colors_come_back(picture, bit_depth: int, color_range: ColorRange, matrix: Matrix) -> None:
    rgb = picture()
    luma, lab = luma_codes(rgb, bit_depth, color_range, matrix), lab_of(rgb)
    u, v = color.chroma_planes(
        luma, lab[..., 1:].astype(np.float32), luma.shape, bit_depth=bit_depth, color_range=color_range, matrix=matrix
    )
    assert u.dtype == v.dtype == luma.dtype
    assert u.shape == v.shape == luma.shape
    back = np.clip(decoded((luma, u, v), bit_depth, color_range, matrix), 0, 1)
    error = deltaE_ciede2000(lab, lab_of(back))
    # Measured: 0.3 in 8 bits, 0.15 in 10; a BT.709 picture read as BT.601 gives more than 3.
    assert error.mean() < (0.4 if bit_depth == 8 else 0.2)
    assert np.percentile(error, 99) < 1.5


def test_the_matrix_matters() -> None:
    rgb = gradients()
    luma, lab = luma_codes(rgb, 8, "limited", "bt709"), lab_of(rgb)
    ab = lab[..., 1:].astype(np.float32)
    planes = color.chroma_planes(luma, ab, luma.shape, bit_depth=8, color_range="limited", matrix="bt601")
    back = np.clip(decoded((luma, *planes), 8, "limited", "bt709"), 0, 1)
    assert deltaE_ciede2000(lab, lab_of(back)).mean() > 1


@pytest.mark.parametrize(("bit_depth", "color_range", "matrix"), list(product([8, 10, 12, 16], RANGES, RED_BLUE)))
def test_no_color_is_exactly_neutral(bit_depth: int, color_range: ColorRange, matrix: Matrix) -> None:
    luma = np.arange(2**bit_depth).reshape(16, -1).astype(np.uint8 if bit_depth == 8 else np.uint16)
    ab = np.zeros((*luma.shape, 2), np.float32)
    planes = color.chroma_planes(luma, ab, luma.shape, bit_depth=bit_depth, color_range=color_range, matrix=matrix)
    for plane in planes:
        assert plane.dtype == luma.dtype
        assert np.unique(plane).tolist() == [128 << bit_depth - 8]


@pytest.mark.parametrize(("bit_depth", "color_range", "matrix"), list(product([8, 10], RANGES, ["bt601", "bt709"])))
def test_out_of_gamut_keeps_hue_and_luma(bit_depth: int, color_range: ColorRange, matrix: Matrix) -> None:
    rng = np.random.default_rng(3)
    black, swing, *_ = levels(bit_depth, color_range)
    luma = rng.integers(black, black + swing + 1, (150, 150)).astype(np.uint8 if bit_depth == 8 else np.uint16)
    hue, chroma = rng.uniform(-np.pi, np.pi, luma.shape), rng.uniform(60, 118, luma.shape)
    ab = np.stack([chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1).astype(np.float32)
    before = luma.copy()
    u, v = color.chroma_planes(luma, ab, luma.shape, bit_depth=bit_depth, color_range=color_range, matrix=matrix)
    np.testing.assert_array_equal(luma, before)

    rgb = decoded((luma, u, v), bit_depth, color_range, matrix)
    rounding = 1.5 / 2**bit_depth + 1 / 510  # of U and V, and of the luma levels of the table
    assert rgb.min() > -rounding
    assert rgb.max() < 1 + rounding

    _, a, b = np.moveaxis(lab_of(np.clip(rgb, 0, 1)), -1, 0)
    left = np.hypot(a, b)
    assert np.mean(left < chroma - 5) > 0.5  # most of these colors do lie outside
    strong = left > 20
    assert strong.mean() > 0.6
    turned = np.degrees(np.abs((np.arctan2(b, a) - hue + np.pi) % (2 * np.pi) - np.pi))[strong]
    assert turned.mean() < 0.6
    assert np.percentile(turned, 99) < 3
    assert turned.max() < 10  # a few pixels at the corner of the blues


def test_ab_of_any_size_is_resized() -> None:
    luma = np.full((24, 32), 128, np.uint8)
    left_right = np.zeros((6, 8, 2), np.float32)
    left_right[:, :4], left_right[:, 4:] = (30, -20), (-30, 25)
    options = {"bit_depth": 8, "color_range": "full", "matrix": "bt601"}
    whole = np.repeat(np.repeat(left_right, 4, axis=0), 4, axis=1)
    for shape in ((24, 32), (12, 16), (24, 16), (3, 4), (6, 8)):
        small = color.chroma_planes(luma, left_right, shape, **options)
        large = color.chroma_planes(luma, whole, shape, **options)
        for one, other in zip(small, large, strict=True):
            assert one.shape == other.shape == shape
            assert one[0, 0] == other[0, 0] == one[-1, 0]
            assert one[0, -1] == other[0, -1] == one[-1, -1]
            assert abs(int(one[0, 0]) - int(one[0, -1])) > 20


def test_subsampled_chroma_sees_the_mean_luma() -> None:
    stripes = np.tile(np.array([60, 180], np.uint8), (8, 8))
    ab = np.full((8, 16, 2), 20, np.float32)
    options = {"bit_depth": 8, "color_range": "full", "matrix": "bt709"}
    got = color.chroma_planes(stripes, ab, (8, 8), **options)
    expected = color.chroma_planes(np.full((8, 8), 120, np.uint8), ab, (8, 8), **options)
    np.testing.assert_array_equal(got, expected)


# --- bins ---


def test_bins_unit() -> None:
    assert color.AB_BINS.shape == (313, 2)
    assert len({tuple(row) for row in color.AB_BINS.tolist()}) == 313
    assert (color.AB_BINS % 10 == 0).all()
    assert color.AB_BINS.min(axis=0).tolist() == [-90, -110]
    assert color.AB_BINS.max(axis=0).tolist() == [100, 100]
    for a in range(-90, 101, 10):
        column = color.AB_BINS[color.AB_BINS[:, 0] == a, 1]
        assert len(column) > 4
        assert (np.diff(column) == 10).all()  # a run without gaps, rising
    # First and last runs, and the longest, of Zhang's pts_in_hull.npy.
    runs = {a: color.AB_BINS[color.AB_BINS[:, 0] == a, 1][[0, -1]].tolist() for a in (-90, 0, 100)}
    assert runs == {-90: [50, 90], 0: [-70, 100], 100: [-90, 0]}


def test_bins_hold_the_colors_of_srgb() -> None:
    grid = np.arange(0, 256, 17)
    rgb = np.stack(np.meshgrid(grid, grid, grid), axis=-1).reshape(-1, 3) / 255
    distance = np.sqrt(((lab_of(rgb)[:, None, 1:] - color.AB_BINS) ** 2).sum(axis=-1)).min(axis=1)
    assert np.percentile(distance, 99) < 7.2
    assert distance.max() < 12


def test_encode_bins_unit() -> None:
    ab = np.random.default_rng(4).uniform(-110, 110, (20, 30, 2)).astype(np.float32)
    index, weight = color.encode_bins(ab)
    assert (index.shape, index.dtype) == ((20, 30, 5), np.int64)
    assert (weight.shape, weight.dtype) == ((20, 30, 5), np.float32)
    np.testing.assert_allclose(weight.sum(axis=-1), 1, atol=1e-6)

    bins = color.AB_BINS.astype(np.float64)
    squared = ((ab.astype(np.float64)[..., None, :] - bins) ** 2).sum(axis=-1)
    nearest = np.sort(squared, axis=-1)[..., :5]
    expected = np.exp(-nearest / (2 * 5.0**2))
    far = expected.sum(axis=-1) < 1e-200
    assert not far.any()
    np.testing.assert_allclose(np.take_along_axis(squared, index, -1), nearest, atol=1e-6)
    np.testing.assert_allclose(weight, expected / expected.sum(axis=-1, keepdims=True), atol=1e-6)


def test_encode_bins_far_away() -> None:
    index, weight = color.encode_bins(np.array([[400, 400], [-1000, 0]], np.float32))  # Gaussians of 0 in float64
    np.testing.assert_allclose(weight.sum(axis=-1), 1, atol=1e-6)
    assert color.AB_BINS[index[1, 0]].tolist() == [-90, 50]


def test_encode_bins_at_a_bin() -> None:
    index, weight = color.encode_bins(color.AB_BINS)
    np.testing.assert_array_equal(index[:, 0], np.arange(313))
    inside = np.flatnonzero((color.AB_BINS == 0).all(axis=1))[0]
    neighbor = np.exp(-100 / 50)
    np.testing.assert_allclose(
        weight[inside], [1 / (1 + 4 * neighbor)] + 4 * [neighbor / (1 + 4 * neighbor)], rtol=1e-5
    )


def test_a_spline_covers_the_same_places() -> None:
    ab = np.random.default_rng(0).normal(0, 20, (6, 8, 2)).astype(np.float32)
    y, x = ((np.arange(size) + 0.5) * cells / size - 0.5 for size, cells in ((33, 6), (44, 8)))
    places = np.meshgrid(y, x, indexing="ij")
    expected = np.dstack([map_coordinates(ab[..., k], places, order=3, mode="nearest") for k in range(2)])
    result = color.spline_chroma(ab, (33, 44))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-3)
    # Smooth color is that of the fast way, which is linear between cells.
    smooth = np.dstack(np.meshgrid(np.linspace(-30, 30, 8), np.linspace(10, 50, 6))).astype(np.float32)
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(
        color.spline_chroma(smooth, (33, 44))[inner], color.resize_chroma(smooth, (33, 44))[inner], atol=0.5
    )
