"""The color of the pixels of voted regions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from cartoon_color.regions.painted import even_out, from_within, moments, paint

EVEN = np.full((200, 200), 128, np.uint8)
"""Gray without an edge."""


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
    np.testing.assert_allclose(paint(chroma, tracks, EVEN[:40, :54], 7, table), expected, atol=1e-3)


def test_a_painting_has_no_seam_between_its_tracks() -> None:
    tracks = np.repeat([[1, 2]], 40, axis=1).repeat(30, axis=0).astype(np.int32)
    table = np.zeros((2, 9), np.float32)
    table[:, 6], table[:, 8] = (9, -9), 1
    shown = paint(np.zeros((30, 80, 2), np.float32), tracks, EVEN[:30, :80], 1, table)[..., 0]
    np.testing.assert_allclose(shown[:, [0, -1]], [[9, -9]] * 30, atol=1e-4)
    assert np.abs(np.diff(shown, axis=1)).max() <= 18 / 9 + 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (3, 200)])
def test_small_pictures_are_painted(shape: tuple[int, int]) -> None:
    table = np.zeros((1, 9), np.float32)
    table[:, 6:] = 5, -3, 1
    shown = paint(np.ones((*shape, 2), np.float32), np.ones(shape, np.int32), EVEN[: shape[0], : shape[1]], 1, table)
    np.testing.assert_allclose(shown, np.broadcast_to((5, -3), shown.shape), atol=1e-4)


def test_color_that_ran_over_a_drawn_edge_is_taken_from_farther_in() -> None:
    tracks = np.repeat([[1, 2]], 40, axis=1).repeat(60, axis=0).astype(np.int32)
    gray = np.where(tracks == 1, 60, 160).astype(np.uint8)
    chroma = np.zeros((60, 80, 2), np.float32)
    chroma[..., 0] = np.clip(np.arange(80) - 39.5, -4, 4) * 5  # a slope, where the truth has a step
    shown = from_within(chroma, tracks, gray)[..., 0]
    np.testing.assert_allclose(shown, np.where(tracks == 1, -20, 20))


def test_color_runs_over_edges_that_no_gray_shows() -> None:
    tracks = np.repeat([[1, 2]], 40, axis=1).repeat(60, axis=0).astype(np.int32)
    chroma = np.random.default_rng(5).normal(0, 20, (60, 80, 2)).astype(np.float32)
    np.testing.assert_array_equal(from_within(chroma, tracks, EVEN[:60, :80]), chroma)


def test_thin_parts_keep_their_color_beside_edges() -> None:
    tracks = np.ones((60, 80), np.int32)
    tracks[:, 40:45] = 2
    gray = np.where(tracks == 1, 60, 160).astype(np.uint8)
    chroma = np.where(tracks[..., None] == 1, 0, 7).astype(np.float32).repeat(2, axis=-1)
    np.testing.assert_array_equal(from_within(chroma, tracks, gray), chroma)


def test_flat_regions_become_even_and_others_stay() -> None:
    rng = np.random.default_rng(6)
    flat = np.repeat([[0, 3, 5]], 30, axis=1).repeat(40, axis=0).astype(np.uint16)
    chroma = rng.normal(0, 2, (40, 90, 2)).astype(np.float32)
    chroma[:, 30:60] += 30
    chroma[:, [30, 59]] = 0  # soft edges
    chroma[:20, 60:] -= 40  # two parts that were taken for one
    shown = even_out(chroma, flat)
    np.testing.assert_array_equal(shown[:, :30], chroma[:, :30])
    np.testing.assert_allclose(shown[:, 30:60], shown[20, 45].reshape(1, 1, 2).repeat(40, 0).repeat(30, 1), atol=1e-4)
    assert np.abs(shown[20, 45] - 30).max() < 2.5
    np.testing.assert_array_equal(shown[:, 60:], chroma[:, 60:])
