"""Measures of color against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cartoon_color import metrics


@pytest.mark.parametrize(("error", "decibels"), [(100.0, 20.0), (10_000.0, 0.0), (1.0, 40.0)])
def test_chroma_psnr_has_a_peak_of_100(error, decibels):
    assert metrics.chroma_psnr(error) == pytest.approx(decibels)


def test_mean_squared_error_does_not_wrap():
    assert metrics.mean_squared_error(np.uint8([0, 16]), np.uint8([16, 0])) == 256
