"""The color of a region by vote: its pixels' histograms are summed, and one color wins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.color import AB_BINS
from cartoon_color.regions import Labels

Evidence = NDArray[np.float32]
"""(n, 313): probability over the ab bins, summed over pixels."""

_REACH = 9.0
"""Standard deviation, in a and b, within which bins speak for one color."""
_SHADE = 12.0
"""Difference in L* of gray at which a paint counts for a region by 1/e."""
_OTHER = 30.0
"""Distance in a and b from which on a color is another than the winner."""
_GRAY = 0.3
"""What a vote for gray counts: where a network doesn't know, its guesses meet there, while those of color differ."""
_NEUTRAL = 8.0
"""Standard deviation, in a and b, of what counts as gray."""
_BINS = np.asarray(AB_BINS, np.float32)
_COUNTS = 1 - np.float32(1 - _GRAY) * np.exp(-np.square(_BINS).sum(axis=1) / np.float32(2 * _NEUTRAL**2))


@dataclass(frozen=True, eq=False, slots=True)
class Election:
    """What won, for each of n regions."""

    ab: NDArray[np.float32]
    """(n, 2), CIELAB."""
    confidence: NDArray[np.float32]
    """(n,), 0..1: by what part of its votes the winner is ahead of the next other color."""


def pool(labels: Labels, inner: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> Evidence:
    """Sum the histograms of the inner pixels of each region, so that smoothed lines don't vote.

    Args:
        labels: (H, W) int32, regions from 1.
        inner: (H, W), which pixels vote.
        probabilities: (h, w, 313) float32 of the network; every pixel takes the cell that it lies in.

    Returns:
        (n + 1, 313); row 0 is unused.
    """
    pooled: Evidence = _pooled(labels, inner, probabilities)
    return pooled


@njit(cache=True, nogil=True, error_model="numpy")
def _pooled(labels: Labels, inner: NDArray[np.bool_], probabilities: NDArray[np.float32]) -> Evidence:
    height, width = labels.shape
    rows, columns, bins = probabilities.shape
    sums = np.zeros((labels.max() + 1, bins), np.float32)
    pixels = np.zeros(len(sums), np.int32)  # of each region in a cell
    here = np.empty(len(sums), np.int32)  # regions in a cell
    for row in range(rows):
        top, bottom = -(-row * height // rows), -(-(row + 1) * height // rows)
        for column in range(columns):
            left, right = -(-column * width // columns), -(-(column + 1) * width // columns)
            count = 0
            for y in range(top, bottom):
                for x in range(left, right):
                    if inner[y, x]:
                        label = labels[y, x]
                        if pixels[label] == 0:
                            here[count] = label
                            count += 1
                        pixels[label] += 1
            cell = probabilities[row, column]
            for label in here[:count]:
                weight, total = np.float32(pixels[label]), sums[label]
                pixels[label] = 0
                for i in range(bins):
                    total[i] += weight * cell[i]
    return sums


def mean_in(labels: Labels, inner: NDArray[np.bool_], picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the inner pixels of each region of a picture, (h, w, K) at any size: (n + 1, K); row 0 is unused."""
    pixels = np.bincount(labels[inner], minlength=labels.max() + 1)
    return np.asarray(pool(labels, inner, picture) / np.maximum(pixels, 1)[:, None], np.float32)


def elect(
    evidence: Evidence,
    paints: NDArray[np.float32] | None = None,
    shades: NDArray[np.float32] | None = None,
    gray: NDArray[np.float32] | None = None,
) -> Election:
    """The winning colors.

    Without paints, the winner is the bin with the most votes around it, and its color the mean of these: a mode, since
    a mean of all votes would be dull. With the paints of a show, it is the paint with the most votes around it, which
    weigh less if the paint's gray is not the region's. Votes for gray count less.

    Args:
        evidence: (n, 313) votes.
        paints: (K, 2), CIELAB a, b of the show's paints.
        shades: (K,), L* of the gray that each paint has in a black-and-white film.
        gray: (n,), L* of the regions; with `shades`.
    """
    evidence = evidence * _COUNTS
    candidates = _BINS if paints is None else paints
    near = _NEAR if paints is None else _nearness(paints)
    votes = evidence @ near
    if paints is not None and shades is not None and gray is not None:
        votes = votes * np.exp(-(((gray[:, None] - shades) / _SHADE) ** 2))
    winner = votes.argmax(axis=1)
    most = votes.max(axis=1)
    other = np.where(_squared(candidates[winner], candidates) > _OTHER**2, votes, 0).max(axis=1)
    confidence = 1 - other / np.maximum(most, 1e-9)
    if paints is not None:
        return Election(paints[winner], np.asarray(confidence, np.float32))
    weights = evidence * near[:, winner].T
    ab = weights @ _BINS / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    return Election(np.asarray(ab, np.float32), np.asarray(confidence, np.float32))


def _squared(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    a, b = (one[:, None, i] - other[:, i] for i in range(2))
    return np.asarray(a * a + b * b, np.float32)


def _nearness(candidates: NDArray[np.float32]) -> NDArray[np.float32]:
    """By how much the bins speak for candidates, (313, K)."""
    near = np.exp(-_squared(_BINS, candidates) / (2 * _REACH**2))
    # What float32 hardly adds to 1. Numbers too small to be normalized would take twenty times as long.
    near[near < 1e-8] = 0
    return np.asarray(near, np.float32)


_NEAR = _nearness(_BINS)
