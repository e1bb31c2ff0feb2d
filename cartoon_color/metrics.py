"""Measures of color, as pure functions; what each means, and its unit, stands in docs/quality.md.

Everything is computed in floating point: differences of unsigned bytes wrap around.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import AB_BINS, rgb_to_lab
from cartoon_color.frames import RGB

Float = NDArray[np.float32]

# --- the thesis's, section 8.1 ---

ROUNDING = 1 / 12
"""Mean squared error of rounding to whole codes. A smaller one can't be told from none, and in a mean over frames the
infinite PSNR of a black frame would outweigh all others."""

PA_THRESHOLD = 2.0
"""Of the distance in a, b between neighbors (thesis Table 8.1)."""


def alpha_beta(rgb: RGB) -> Float:
    """Chromaticities alpha, beta (thesis eq. 8.2; Deshpande et al. 2015): (..., 3) uint8 to (..., 2) float32."""
    red, green, blue = np.moveaxis(rgb.astype(np.float32) / 255, -1, 0)
    light = (red + green + blue) / 3 + np.float32(1e-4)
    return np.stack([(blue - (red + green) / 2) / light, (red - green) / light], axis=-1)


def alpha_beta_distance(truth: RGB, colored: RGB) -> Float:
    """Distance of every pixel in alpha, beta: (..., 3) each to (...)."""
    return _length(alpha_beta(truth) - alpha_beta(colored))


def alpha_beta_rmse(truth: RGB, colored: RGB) -> float:
    """Mean over the pixels of a picture of their distance in alpha, beta (thesis eq. 8.1)."""
    return float(alpha_beta_distance(truth, colored).mean(dtype=np.float64))


def psnr(truth: RGB, colored: RGB) -> float:
    """PSNR in dB over R', G', B' of a picture (thesis eq. 8.3), 58.9 at most (`ROUNDING`)."""
    return float(10 * np.log10(255**2 / max(mean_squared_error(truth, colored), ROUNDING)))


def perceivable_artifacts(truth_ab: NDArray[Any], ab: NDArray[Any]) -> float:
    """Share of the evenly colored pixels of the truth that aren't evenly colored any more (thesis eq. 8.4).

    A pixel is evenly colored if the a, b of its 2 to 4 neighbors lie within `PA_THRESHOLD`. As printed the equation is
    the share that stayed; the thesis's table and text are one minus it, and so is this. (H, W, 2) each.
    """
    even = _evenly_colored(truth_ab)
    return float(1 - (even & _evenly_colored(ab)).sum() / even.sum()) if even.any() else 0.0


def _evenly_colored(ab: NDArray[Any]) -> NDArray[np.bool_]:
    ab = np.ascontiguousarray(ab)  # arithmetic on a slice of CIELAB takes ten times as long
    down = _length(ab[1:] - ab[:-1]) < PA_THRESHOLD
    right = _length(ab[:, 1:] - ab[:, :-1]) < PA_THRESHOLD
    even = np.ones(ab.shape[:2], bool)
    even[1:] &= down
    even[:-1] &= down
    even[:, 1:] &= right
    even[:, :-1] &= right
    return even


# --- the field's ---

RAW_DISTANCE = 20.0
"""Euclidean distance in R'G'B' codes within which a pixel counts as right in the raw accuracy."""

AB_STEPS = 151
"""Thresholds 0, 1, ... 150 on the distance in a, b (Zhang et al. 2016, section 3.1)."""

SSIM_WINDOW = 11
"""Side in pixels; pictures have to be as large."""


def mean_squared_error(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Mean over all elements of the squared difference, in double precision."""
    return float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))


def chroma_psnr(error: float) -> float:
    """PSNR in dB of a mean squared error of a, b (mean over both channels), for a peak of 100.

    Luma is copied, so a PSNR over R'G'B' says little about a colorization; this one sees chroma alone.
    """
    return float(10 * np.log10(100**2 / max(error, 1e-12)))


def ciede2000(truth: RGB, colored: RGB) -> float:
    """Mean CIEDE2000 color difference over the pixels of a picture."""
    return lab_ciede2000(rgb_to_lab(truth), rgb_to_lab(colored))


def lab_ciede2000(truth: NDArray[Any], colored: NDArray[Any]) -> float:
    """The same of pictures in CIELAB, (H, W, 3)."""
    return float(ciede2000_differences(truth, colored).mean(dtype=np.float64))


def ciede2000_differences(truth: NDArray[Any], colored: NDArray[Any]) -> Float:
    """CIEDE2000 of every pixel of pictures in CIELAB: (H, W, 3) each to (H, W).

    Sharma, Wu and Dalal 2005, in the order of its equations. In single precision it agrees with
    skimage.color.deltaE_ciede2000 within 1e-5, in a quarter of its time.
    """
    lightness_1, a_1, b_1 = cv2.split(truth.astype(np.float32, copy=False))
    lightness_2, a_2, b_2 = cv2.split(colored.astype(np.float32, copy=False))
    stretch = 1.5 - 0.5 * _at_high_chroma((_hypot(a_1, b_1) + _hypot(a_2, b_2)) / 2)
    a_1, a_2 = a_1 * stretch, a_2 * stretch
    chroma_1, chroma_2 = _hypot(a_1, b_1), _hypot(a_2, b_2)
    hue_1 = np.arctan2(b_1, a_1)
    turn = _within_half_a_turn(np.arctan2(b_2, a_2) - hue_1)

    hue = hue_1 + turn / 2
    chroma = (chroma_1 + chroma_2) / 2
    lightness = ((lightness_1 + lightness_2) / 2 - 50) ** 2
    t = (
        1
        - 0.17 * np.cos(hue - _radians(30))
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + _radians(6))
        - 0.20 * np.cos(4 * hue - _radians(63))
    )
    from_blue = _within_half_a_turn(hue - _radians(275)) / _radians(25)
    rotation = -2 * _at_high_chroma(chroma) * np.sin(_radians(60) * np.exp(-(from_blue**2)))

    by_lightness = (lightness_2 - lightness_1) / (1 + 0.015 * lightness / np.sqrt(20 + lightness))
    by_chroma = (chroma_2 - chroma_1) / (1 + 0.045 * chroma)
    by_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(turn / 2) / (1 + 0.015 * chroma * t)
    squared = by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue
    return np.asarray(np.sqrt(np.maximum(squared, 0)))


def _at_high_chroma(chroma: NDArray[Any]) -> NDArray[Any]:
    """Near 0 for gray, near 1 for strong colors."""
    seventh = chroma**2 * chroma**2 * chroma**2 * chroma
    return np.asarray(np.sqrt(seventh / (seventh + 25.0**7)))


def _within_half_a_turn(angle: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(angle - _radians(360) * np.rint(angle / _radians(360)))


def _radians(degrees: float) -> float:
    return degrees * np.pi / 180


def _hypot(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    # NumPy's own takes ten times as long, to be exact for numbers that would overflow.
    return np.asarray(np.sqrt(first * first + second * second))


def _length(vectors: NDArray[Any]) -> NDArray[Any]:
    """Of the vectors along the last of the axes, of 2."""
    return _hypot(vectors[..., 0], vectors[..., 1])


def structural_similarity(truth: RGB, colored: RGB) -> float:
    """SSIM (Wang et al. 2004: Gaussian windows of sigma 1.5), mean over R', G', B' and over all whole windows.

    (H, W, 3) each, with sides of `SSIM_WINDOW` pixels at least. As skimage.metrics.structural_similarity with these
    windows, in an eighth of its time.
    """
    first, second = truth.astype(np.float32), colored.astype(np.float32)
    mean_1, mean_2 = _local_mean(first), _local_mean(second)
    variance_1 = _local_mean(first * first) - mean_1 * mean_1
    variance_2 = _local_mean(second * second) - mean_2 * mean_2
    covariance = _local_mean(first * second) - mean_1 * mean_2
    small_1, small_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = (2 * mean_1 * mean_2 + small_1) * (2 * covariance + small_2)
    similarity /= (mean_1 * mean_1 + mean_2 * mean_2 + small_1) * (variance_1 + variance_2 + small_2)
    edge = SSIM_WINDOW // 2
    return float(similarity[edge:-edge, edge:-edge].mean(dtype=np.float64))


def _local_mean(picture: Float) -> Float:
    return np.asarray(cv2.GaussianBlur(picture, (SSIM_WINDOW, SSIM_WINDOW), 1.5))


def raw_accuracy(truth: RGB, colored: RGB) -> float:
    """Share of the pixels within `RAW_DISTANCE` of the truth."""
    red, green, blue = cv2.split(truth.astype(np.float32) - colored)
    return float((red * red + green * green + blue * blue <= RAW_DISTANCE**2).mean())


def difference(truth: RGB, colored: RGB) -> float:
    """Mean absolute difference of R', G', B', in percent of their range."""
    return float(np.abs(truth.astype(np.float32) - colored).mean(dtype=np.float64) / 2.55)


def colorfulness(rgb: RGB) -> float:
    """M3 of Hasler and Süsstrunk 2003, from signed opponent colors; 0 is gray, 109 extremely colorful."""
    red, green, blue = np.moveaxis(rgb.astype(np.float64), -1, 0)
    first, second = red - green, (red + green) / 2 - blue
    return float(np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean()))


def ab_error_counts(truth_ab: NDArray[Any], ab: NDArray[Any], bins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pixels by the bin of their true color and by the least threshold they pass: (313, AB_STEPS + 1); the last column
    holds those beyond all.

    Args:
        truth_ab: (H, W, 2).
        ab: Likewise.
        bins: (H, W), of the true color.
    """
    distance = _length(np.ascontiguousarray(truth_ab) - np.ascontiguousarray(ab))
    step = np.minimum(np.ceil(distance), AB_STEPS).astype(np.int64)
    cells = bins * (AB_STEPS + 1) + step
    return np.bincount(cells.ravel(), minlength=len(AB_BINS) * (AB_STEPS + 1)).reshape(-1, AB_STEPS + 1)


def area_under_curve(counts: NDArray[np.int64], weights: NDArray[np.floating] | None = None) -> float:
    """Area under the curve of the share of pixels whose a, b lie within a threshold, from 0 to 150, of 1 at most.

    Zhang et al. 2016, section 3.1. Args: counts as of `ab_error_counts`; weights (313,) of the pixels of each bin, for
    the rebalanced one `rarity`.
    """
    weighted = counts.sum(axis=0) if weights is None else weights @ counts
    share = np.cumsum(weighted)[:AB_STEPS] / weighted.sum()
    return float(np.trapezoid(share) / (AB_STEPS - 1))


def rarity(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """How rare each bin is among the true colors of `counts`: (313,), the inverse of its share after smoothing over ab
    by a Gaussian of sigma 5; 0 for bins that don't occur (Zhang et al. 2016, eq. 4 with lambda 0, section 3.1).
    """
    share = counts.sum(axis=1) / counts.sum()
    occurs = share > 0
    return np.asarray(np.divide(occurs, _smoothing() @ share, out=np.zeros(len(share)), where=occurs))


@lru_cache
def _smoothing() -> NDArray[np.float64]:
    squared = ((AB_BINS[:, None].astype(np.float64) - AB_BINS) ** 2).sum(axis=-1)
    weights = np.exp(-squared / (2 * 5.0**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


# --- of flicker ---

CDC_DISTANCES = (1, 2, 4)
"""In frames, between the pictures whose histograms are compared (Liu et al. 2021)."""


def channel_histograms(rgb: RGB) -> NDArray[np.float64]:
    """Shares of the pixels with each code: (..., 3) to (3, 256)."""
    counts = [np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(rgb, -1, 0)]
    return np.asarray(np.stack(counts) / counts[0].sum())


def jensen_shannon(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence in nats, at most ln 2, of distributions along the last axis; mean over the others.

    Between `channel_histograms` of two frames, averaged over all pairs at a distance and over `CDC_DISTANCES`, it is
    the color distribution consistency (CDC) of Liu et al. 2021, "Temporally consistent video colorization with deep
    feature propagation and self-regularization learning".
    """
    divergence = _entropy((first + second) / 2) - (_entropy(first) + _entropy(second)) / 2
    return float(np.maximum(divergence, 0).mean())


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-(shares * logarithms).sum(axis=-1))


def warp(picture: NDArray[Any], flow: Float) -> Float:
    """The later picture as seen from the earlier one, bilinear: (H, W, C) and flow (H, W, 2) in x, y to (H, W, C)."""
    x, y = _places(flow.shape[0], flow.shape[1])
    moved = cv2.remap(
        picture.astype(np.float32, copy=False), x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, None,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(moved, np.float32)


def mean_squared_change(first: Float, second: Float, counts: NDArray[np.bool_]) -> float:
    """Mean over the pixels that count, and over channels: (H, W, C) each and (H, W), of which one at least is true."""
    mask = counts.view(np.uint8)
    return float(cv2.norm(first, second, cv2.NORM_L2SQR, mask) / (first.shape[-1] * cv2.countNonZero(mask)))


def mean_change(first: Float, second: Float, counts: NDArray[np.bool_]) -> float:
    """The same of the absolute change."""
    mask = counts.view(np.uint8)
    return float(cv2.norm(first, second, cv2.NORM_L1, mask) / (first.shape[-1] * cv2.countNonZero(mask)))


def followed(forward: Float, backward: Float) -> NDArray[np.bool_]:
    """Pixels of the earlier picture that the flow finds in the later one: (H, W, 2) each, in pixels, to (H, W).

    Left out are pixels that the flow back doesn't return from, motion boundaries (both as Lai et al. 2018, "Learning
    blind video temporal consistency", and Ruder et al. 2016, "Artistic style transfer for videos", with squared
    lengths), and what leaves the picture.
    """
    height, width = forward.shape[:2]
    back = warp(backward, forward)
    long, long_back = _squared(forward), _squared(back)
    lost = _squared(forward + back) > 0.01 * (long + long_back) + 0.5
    steps = np.zeros((height, width), np.float32)
    steps[:-1] += _squared(forward[1:] - forward[:-1])
    steps[:, :-1] += _squared(forward[:, 1:] - forward[:, :-1])
    x, y = _places(height, width)
    to_x, to_y = x + forward[..., 0], y + forward[..., 1]
    inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    return np.asarray(inside & ~lost & (steps <= 0.01 * long + 0.002))


def _squared(vectors: Float) -> Float:
    return np.asarray(vectors[..., 0] ** 2 + vectors[..., 1] ** 2)


@lru_cache
def _places(height: int, width: int) -> tuple[Float, Float]:
    """x and y of every pixel, (H, W) each."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y


AB_SWITCH = 5.0
"""CIEDE2000 by which colors of a region have to differ to count as different."""


def medians_by_label(values: NDArray[Any], labels: NDArray[Any], count: int) -> NDArray[np.float64]:
    """The (lower) median of the values of every label but 0: (H, W, C) below 512 and (H, W) to (count, C).

    Rows of labels that don't occur, and row 0, are 0.
    """
    inside = np.flatnonzero(labels)
    chosen = labels.ravel()[inside].astype(np.int64)
    sizes = np.bincount(chosen, minlength=count)
    occurs = sizes > 0
    middle = (np.cumsum(sizes) - sizes + (sizes - 1) // 2)[occurs]
    medians = np.zeros((count, values.shape[-1]))
    for channel in range(values.shape[-1]):
        # One sort for all labels, which are further apart than values are.
        ordered = np.sort(chosen * 1024.0 + values[..., channel].ravel()[inside])
        medians[occurs, channel] = ordered[middle] - np.flatnonzero(occurs) * 1024.0
    return medians


def ab_differences(first: NDArray[Any], second: NDArray[Any]) -> Float:
    """CIEDE2000 of colors a, b of the same lightness, whichever: (N, 2) each to (N,)."""
    if not len(first):
        return np.zeros(0, np.float32)
    labs = [np.insert(np.asarray(colors, np.float32), 0, 50, axis=-1)[None] for colors in (first, second)]
    return np.asarray(ciede2000_differences(*labs)[0])
