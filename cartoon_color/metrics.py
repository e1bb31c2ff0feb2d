"""Measures of color, as pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000

from cartoon_color.color import rgb_to_lab
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
    return float(np.mean(deltaE_ciede2000(rgb_to_lab(truth), rgb_to_lab(colored))))  # type: ignore[no-untyped-call]
