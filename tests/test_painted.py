"""The color of the pixels of voted regions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from cartoon_color.regions.painted import moments, paint


def test_moments_are_those_of_inner_pixels() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(1, 5, (60, 50)).astype(np.int32)
    inner = rng.random(labels.shape) < 0.6
    chroma = rng.normal((80, -60), 2, (*labels.shape, 2)).astype(np.float32)
    for label, (a, b, square) in enumerate(moments(labels, inner, chroma)[1:], start=1):
        pixels = chroma[inner & (labels == label)].astype(np.float64)
        np.testing.assert_allclose((a, b), pixels.mean(axis=0), rtol=1e-6)
        np.testing.assert_allclose(square, (pixels**2).sum(axis=1).mean(), rtol=1e-6)


def test_painted_pixels_are_brought_near_as_far_as_those_around() -> None:
    rng = np.random.default_rng(4)
    tracks = np.repeat(np.repeat(rng.integers(7, 12, (5, 6)), 8, axis=0), 9, axis=1).astype(np.int32)
    chroma = rng.normal(0, 20, (*tracks.shape, 2)).astype(np.float32)
    table = rng.normal(0, 20, (5, 9)).astype(np.float32)
    table[:, 3], table[:, 8] = (0, 0.3, 1, 0, 0.8), (1, 0.5, 1, 0, 0.2)
    rows = table.astype(np.float64)[tracks - 7]
    flat, own = rows[..., 3:4], chroma + rows[..., 4:6]
    way, weight = (1 - flat) * rows[..., 8:] * (rows[..., 6:8] - own), 1 - flat
    for _ in range(2):
        way, weight = (uniform_filter(each, (9, 9, 1), mode="mirror") for each in (way, weight))
    expected = flat * rows[..., :2] + (1 - flat) * (own + way / weight)
    np.testing.assert_allclose(paint(chroma, tracks, 7, table), expected, atol=1e-3)


def test_a_painting_has_no_seam_between_its_tracks() -> None:
    tracks = np.repeat([[1, 2]], 40, axis=1).repeat(30, axis=0).astype(np.int32)
    table = np.zeros((2, 9), np.float32)
    table[:, 6], table[:, 8] = (9, -9), 1
    shown = paint(np.zeros((30, 80, 2), np.float32), tracks, 1, table)[..., 0]
    np.testing.assert_allclose(shown[:, [0, -1]], [[9, -9]] * 30, atol=1e-4)
    assert np.abs(np.diff(shown, axis=1)).max() <= 18 / 9 + 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (3, 200)])
def test_small_pictures_are_painted(shape: tuple[int, int]) -> None:
    table = np.zeros((1, 9), np.float32)
    table[:, 6:] = 5, -3, 1
    shown = paint(np.ones((*shape, 2), np.float32), np.ones(shape, np.int32), 1, table)
    np.testing.assert_allclose(shown, np.broadcast_to((5, -3), shown.shape), atol=1e-4)
