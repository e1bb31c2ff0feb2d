"""Measures of color, as pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity as _ssim

from cartoon_color.color import AB_BINS, rgb_to_lab
from cartoon_color.frames import RGB


def chroma_psnr(error: float) -> float:
    """PSNR in dB of a mean squared error of a, b (mean over both channels), for a peak of 100.

    Luma is copied, so a PSNR over R'G'B' says little about a colorization; this one sees chroma alone.
    """
    return float(10 * np.log10(100**2 / max(error, 1e-12)))


def mean_squared_error(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Mean over all elements of the squared difference, in double precision."""
    return float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))


def psnr(truth: RGB, colored: RGB) -> float:
    """PSNR in dB over R', G', B' of a picture (thesis eq. 8.3)."""
    return float(10 * np.log10(255**2 / max(mean_squared_error(truth, colored), 1e-12)))


def alpha_beta(rgb: RGB) -> NDArray[np.float32]:
    """Chromaticities alpha, beta (thesis eq. 8.2; Deshpande et al. 2015): (..., 3) uint8 to (..., 2) float32."""
    red, green, blue = np.moveaxis(rgb.astype(np.float32) / 255, -1, 0)
    light = (red + green + blue) / 3 + np.float32(1e-4)
    return np.stack([(blue - (red + green) / 2) / light, (red - green) / light], axis=-1)


def alpha_beta_rmse(truth: RGB, colored: RGB) -> float:
    """Mean over the pixels of a picture of their distance in alpha, beta (thesis eq. 8.1)."""
    return float(np.linalg.norm(alpha_beta(truth) - alpha_beta(colored), axis=-1).mean(dtype=np.float64))


def ciede2000(truth: RGB, colored: RGB) -> float:
    """Mean CIEDE2000 color difference over the pixels of a picture."""
    return lab_ciede2000(rgb_to_lab(truth), rgb_to_lab(colored))


def lab_ciede2000(truth: NDArray[Any], colored: NDArray[Any]) -> float:
    """The same of pictures in CIELAB, (..., 3)."""
    return float(np.mean(deltaE_ciede2000(truth, colored)))  # type: ignore[no-untyped-call]


PA_THRESHOLD = 2.0
"""Of the distance in a, b between neighbors (thesis Table 8.1)."""

RAW_DISTANCE = 20.0
"""Euclidean distance in R'G'B' codes within which a pixel counts as right in the raw accuracy."""

AB_STEPS = 151
"""Thresholds 0, 1, ... 150 on the distance in a, b (Zhang et al. 2016, section 3.1)."""


def perceivable_artifacts(truth_ab: NDArray[Any], ab: NDArray[Any]) -> float:
    """Share of the evenly colored pixels of the truth that aren't evenly colored any more (thesis eq. 8.4).

    A pixel is evenly colored if the a, b of its 2 to 4 neighbors lie within `PA_THRESHOLD`. As printed the equation is
    the share that stayed; the thesis's table and text are one minus it, and so is this. (H, W, 2) each.
    """
    even = _evenly_colored(truth_ab)
    return float(1 - (even & _evenly_colored(ab)).sum() / even.sum()) if even.any() else 0.0


def _evenly_colored(ab: NDArray[Any]) -> NDArray[np.bool_]:
    down = ((ab[1:] - ab[:-1]) ** 2).sum(axis=-1) < PA_THRESHOLD**2
    right = ((ab[:, 1:] - ab[:, :-1]) ** 2).sum(axis=-1) < PA_THRESHOLD**2
    even = np.ones(ab.shape[:2], bool)
    even[1:] &= down
    even[:-1] &= down
    even[:, 1:] &= right
    even[:, :-1] &= right
    return even


def structural_similarity(truth: RGB, colored: RGB) -> float:
    """SSIM (Wang et al. 2004: Gaussian windows of sigma 1.5), mean over R', G', B'; sides of 11 pixels at least."""
    return float(
        _ssim(  # type: ignore[no-untyped-call]
            truth,
            colored,
            channel_axis=-1,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def raw_accuracy(truth: RGB, colored: RGB) -> float:
    """Share of the pixels within `RAW_DISTANCE` of the truth."""
    squared = ((truth.astype(np.float32) - colored.astype(np.float32)) ** 2).sum(axis=-1)
    return float((squared <= RAW_DISTANCE**2).mean())


def difference(truth: RGB, colored: RGB) -> float:
    """Mean absolute difference of R', G', B', in percent of their range."""
    return float(np.abs(truth.astype(np.float32) - colored.astype(np.float32)).mean(dtype=np.float64) / 2.55)


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
    distance = np.sqrt(((truth_ab - ab) ** 2).sum(axis=-1))
    step = np.minimum(np.ceil(distance), AB_STEPS).astype(np.int64)
    cells = bins * (AB_STEPS + 1) + step
    return np.bincount(cells.ravel(), minlength=len(AB_BINS) * (AB_STEPS + 1)).reshape(-1, AB_STEPS + 1)


def area_under_curve(counts: NDArray[np.int64], weights: NDArray[np.floating] | None = None) -> float:
    """Area under the curve of the share of pixels whose a, b lie within a threshold, from 0 to 150, of 1 at most.

    Zhang et al. 2016, section 3.1. Args: counts as of `ab_error_counts`; weights (313,) for the rebalanced one.
    """
    weighted = counts.sum(axis=0) if weights is None else weights @ counts
    share = np.cumsum(weighted)[:AB_STEPS] / weighted.sum()
    return float(np.trapezoid(share) / (AB_STEPS - 1))
