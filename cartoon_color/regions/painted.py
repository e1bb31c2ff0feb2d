"""The color of the pixels of voted regions: one where they are flat, soft shades where they are painted."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.frames import Chroma
from cartoon_color.regions import Labels

_SIDE = 9
"""Pixels of the mean that is taken twice of the ways to the held color."""


def moments(labels: Labels, inner: NDArray[np.bool_], chroma: Chroma) -> NDArray[np.float32]:
    """Mean a, mean b, and mean of their squared length, over the inner pixels of each region.

    Args:
        labels: (h, w) int32, regions from 1.
        inner: (h, w), which pixels count.
        chroma: (h, w, 2).

    Returns:
        (n + 1, 3); row 0 is unused.
    """
    found: NDArray[np.float32] = _moments(labels, inner, chroma)
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(labels: Labels, inner: NDArray[np.bool_], chroma: Chroma) -> NDArray[np.float32]:
    height, width = labels.shape
    sums = np.zeros((labels.max() + 1, 4))  # in double precision, since what is wanted are small differences of squares
    for y in range(height):
        for x in range(width):
            if inner[y, x]:
                a, b = float(chroma[y, x, 0]), float(chroma[y, x, 1])
                total = sums[labels[y, x]]
                total[0] += a
                total[1] += b
                total[2] += a * a + b * b
                total[3] += 1
    for total in sums:
        for k in range(3):
            total[k] /= max(total[3], 1.0)
    return sums[:, :3].astype(np.float32)


def paint(chroma: Chroma, tracks: Labels, first: int, table: NDArray[np.float32]) -> Chroma:
    """Each pixel in the color of its track as far as that is flat; else in its own, brought near to what is held.

    How far painted pixels are brought is a mean over the painted pixels around, so it has no seams where a segmentation
    happens to part a painting.

    Args:
        chroma: (h, w, 2) of each pixel.
        tracks: (h, w) int32.
        first: The least of these.
        table: (n, 9) float32, from track `first` on: a, b where it is flat; confidence; flatness, 0..1; a, b that are
            added to each pixel where it is painted; a, b that these are brought near to, and how near, 0..1.

    Returns:
        (h, w, 2).
    """
    way = _ways(chroma, tracks, first, table)
    for _ in range(2):
        way = np.asarray(cv2.blur(way, (_SIDE, _SIDE)), np.float32)
    painted: Chroma = _painted(chroma, way, tracks, first, table)
    return painted


@njit(cache=True, nogil=True, error_model="numpy")
def _ways(chroma: Chroma, tracks: Labels, first: int, table: NDArray[np.float32]) -> NDArray[np.float32]:
    """From each pixel's color to the held one, and its weight, by which that is multiplied: (h, w, 3)."""
    way = np.empty((*tracks.shape, 3), np.float32)
    for y in range(tracks.shape[0]):
        for x in range(tracks.shape[1]):
            row = table[tracks[y, x] - first]
            weight = np.float32(1) - row[3]
            for k in range(2):
                way[y, x, k] = weight * row[8] * (row[6 + k] - chroma[y, x, k] - row[4 + k])
            way[y, x, 2] = weight
    return way


@njit(cache=True, nogil=True, error_model="numpy")
def _painted(
    chroma: Chroma, way: NDArray[np.float32], tracks: Labels, first: int, table: NDArray[np.float32]
) -> Chroma:
    painted = np.empty_like(chroma)
    for y in range(tracks.shape[0]):
        for x in range(tracks.shape[1]):
            row = table[tracks[y, x] - first]
            share = np.float32(1) / max(way[y, x, 2], np.float32(1e-3))
            for k in range(2):
                own = chroma[y, x, k] + row[4 + k] + share * way[y, x, k]
                painted[y, x, k] = own + row[3] * (row[k] - own)
    return painted
