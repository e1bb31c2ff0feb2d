"""How much regions are alike, and whole drawings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.color import Float

_SHADE = 10.0
"""Difference in L* that counts as much as features at right angles, halved."""
_REACH = 6.4
"""Difference in L* beyond which nothing is looked for: of what is nearest there, nothing is known."""
_SAME = np.float32(0.001)
"""Distance of what is drawn again; half floats tell no less."""
_NOTHING = np.float32(8)
"""How many times further than where it counts by 1/e a match is left out, since an exponential takes ten times as long
as a comparison; a hundred shots that are left out count by 0.03 together at most."""
_AT_ONCE = 16
"""Regions of like gray that are looked up together."""


def falling(distance: Float, limit: float) -> Float:
    """1 up to the limit, 0 from twice that on."""
    return np.asarray(np.clip(2 - distance / max(limit, 1e-6), 0, 1), np.float32)


def scale_of(features: Float) -> tuple[Float, Float]:
    """Mean and standard deviation of each feature."""
    return features.mean(axis=0), features.std(axis=0) + np.float32(1e-3)


def unit(features: Float, scale: tuple[Float, Float]) -> Float:
    """Features of mean 0 and deviation 1 in the show, then of length 1."""
    normal = (features - scale[0]) / scale[1]
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6), np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def regress(
    distance: Float,
    nearest: Float,
    width: float,
    shot: NDArray[np.int64],
    paint: Float,
    index: NDArray[np.int64],
    part: Float,
    bins: int,
) -> tuple[Float, Float]:
    """What k regions say of m others.

    A shot counts as much as its likest region does alone, however many it has: those that are drawn again and again
    are no more witnesses than one.

    Args:
        distance: (m, k).
        nearest: (m,), the smallest of them.
        width: How much further a match counts by 1/e, as a part of that.
        shot: (k,), numbers from 0 of the shots that they are of; k is not 0.
        paint: (k, 2).
        index: (k, b), the bins that each paint is encoded by, ...
        part: (k, b), ... and the part of each.
        bins: How many there are.

    Returns:
        Histograms (m, bins) that sum to 1, and mean paints (m, 2).
    """
    votes = np.zeros((len(distance), bins), np.float32)
    ab = np.zeros((len(distance), 2), np.float32)
    weight = np.empty(len(paint), np.float32)
    shots = shot.max() + 1
    for row in range(len(distance)):
        scale = np.float32(width) * max(nearest[row], np.float32(0)) + _SAME
        together, most = np.zeros(shots, np.float32), np.zeros(shots, np.float32)
        for other in range(len(paint)):
            further = (distance[row, other] - nearest[row]) / scale
            weight[other] = 0
            if further > _NOTHING:
                continue
            weight[other] = np.exp(-further)
            together[shot[other]] += weight[other]
            most[shot[other]] = max(most[shot[other]], weight[other])
        total = most.sum()
        for other in range(len(paint)):
            if weight[other] == 0:
                continue
            share = weight[other] * most[shot[other]] / (together[shot[other]] * total)
            for k in range(2):
                ab[row, k] += share * paint[other, k]
            for k in range(index.shape[1]):
                votes[row, index[other, k]] += share * part[other, k]
    return votes, ab


def region_keys(units: Float, lightness: Float) -> Float:
    """(N, C + 2), what multiplied by (unit, L* / `_SHADE`, 1) of another gives by how much they are alike."""
    shade = lightness[:, None] / np.float32(_SHADE)
    return np.hstack([units, shade, shade * shade / -2])


def region_distances(
    asked: Float, lightness: Float, keys: Float, shades: Float
) -> Iterator[tuple[NDArray[np.intp], slice, Float]]:
    """For some of the n asked at a time: which, a slice of the kept of like gray, and distances (m, k) to these.

    The distance is 1 less the cosine of the features, and half the squared difference of L* in units of `_SHADE`.
    """
    shade = lightness[:, None] / np.float32(_SHADE)
    queries = np.hstack([asked, shade, np.ones_like(shade)])
    order = np.argsort(lightness, kind="stable")
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        first, last = lightness[rows[0]], lightness[rows[-1]]
        inside = slice(*np.searchsorted(shades, (first - _REACH, last + _REACH)).tolist())
        if inside.start < inside.stop:
            apart = (1 + shade[rows] * shade[rows] / 2) - queries[rows] @ keys[inside].T
            yield rows, inside, np.asarray(apart, np.float32)


def look_keys(scaled: Float) -> Float:
    """(D, K + 1), what `look_distances` compares with."""
    return np.hstack([scaled, np.square(scaled).sum(axis=1, keepdims=True) / -2])


def look_distances(asked: Float, keys: Float) -> Float:
    """Mean squared differences of looks, (n, K), whose deviation is 1, to those of D keys: (n, D)."""
    queries = np.hstack([asked, np.ones_like(asked[:, :1])])
    squared = np.square(asked).sum(axis=1, keepdims=True) - 2 * queries @ keys.T
    return np.asarray(squared / asked.shape[1], np.float32)
