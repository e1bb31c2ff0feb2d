"""Measures of color, as pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def chroma_psnr(error: float) -> float:
    """PSNR in dB of a mean squared error of a, b (mean over both channels), for a peak of 100.

    Luma is copied, so a PSNR over R'G'B' says little about a colorization; this one sees chroma alone.
    """
    return float(10 * np.log10(100**2 / max(error, 1e-12)))


def mean_squared_error(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """Mean over all elements of the squared difference, in double precision."""
    return float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2))
