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
_STEP = 32
"""Codes between neighbors within 3x3 pixels that make an edge between tracks a drawn one."""
_BLED = 4.0
"""Pixels beside such an edge that take the color of those farther in: cells of a network lie across edges."""
_MIXED = (6.0, 12.0)
"""Standard deviations, in a and b, of the color in a flat region: up to the first it becomes even, from the second on
it stays as it is, since two parts were taken for one."""


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


def from_within(chroma: Chroma, tracks: Labels, gray: NDArray[np.uint8]) -> Chroma:
    """Pixels beside drawn edges in the color of the nearest one of their track that is farther in.

    Args:
        chroma: (h, w, 2).
        tracks: (h, w) int32.
        gray: (h, w), of the drawing; tracks that meet without a step in it may share a color.

    Returns:
        (h, w, 2).
    """
    steps = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _STEP
    distance = cv2.distanceTransform(_off_edges(tracks, steps), cv2.DIST_L2, 3)
    bled = (distance <= _BLED).astype(np.uint8)
    if bled.all() or not bled.any():
        return chroma
    away, nearest = cv2.distanceTransformWithLabels(bled, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # Labels are numbered in the order of the pixels that they stand for.
    places = np.flatnonzero(bled.ravel() == 0)
    taken: Chroma = _taken(chroma, tracks, bled, np.asarray(away, np.float32), np.asarray(nearest, np.int32), places)
    return taken


@njit(cache=True, nogil=True, error_model="numpy")
def _off_edges(tracks: Labels, steps: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """0 where tracks meet at a step, 1 elsewhere."""
    height, width = tracks.shape
    off = np.ones((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            for v, u in ((y + 1, x), (y, x + 1)):
                if v < height and u < width and tracks[y, x] != tracks[v, u] and (steps[y, x] or steps[v, u]):
                    off[y, x] = off[v, u] = 0
    return off


@njit(cache=True, nogil=True, error_model="numpy")
def _taken(
    chroma: Chroma,
    tracks: Labels,
    bled: NDArray[np.uint8],
    away: NDArray[np.float32],
    nearest: NDArray[np.int32],
    places: NDArray[np.int64],
) -> Chroma:
    height, width = tracks.shape
    taken = chroma.copy()
    for y in range(height):
        for x in range(width):
            # What is farther away than an edge reaches is a part too thin to have an inside.
            if bled[y, x] and away[y, x] <= np.float32(_BLED + 1.5):
                v, u = divmod(places[nearest[y, x] - 1], width)
                if tracks[v, u] == tracks[y, x]:
                    taken[y, x] = chroma[v, u]
    return taken


def paint(chroma: Chroma, tracks: Labels, gray: NDArray[np.uint8], first: int, table: NDArray[np.float32]) -> Chroma:
    """Each pixel in the color of its track as far as that is flat; else in its own, brought near to what is held.

    How far painted pixels are brought is a mean over the painted pixels around, so it has no seams where a segmentation
    happens to part a painting.

    Args:
        chroma: (h, w, 2) of each pixel.
        tracks: (h, w) int32.
        gray: (h, w), of the drawing.
        first: The least of the tracks.
        table: (n, 9) float32, from track `first` on: a, b where it is flat; confidence; flatness, 0..1; a, b that are
            added to each pixel where it is painted; a, b that these are brought near to, and how near, 0..1.

    Returns:
        (h, w, 2).
    """
    chroma = from_within(chroma, tracks, gray)
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


def even_out(chroma: Chroma, flat: NDArray[np.uint16]) -> Chroma:
    """Flat regions in the mean of the color away from their edges, as far as that is nearly one.

    Args:
        chroma: (h, w, 2).
        flat: (h, w), regions from 1; 0 stays as it is.

    Returns:
        (h, w, 2).
    """
    even: Chroma = _evened_out(chroma, flat)
    return even


@njit(cache=True, nogil=True, error_model="numpy")
def _evened_out(chroma: Chroma, flat: NDArray[np.uint16]) -> Chroma:
    height, width = flat.shape
    sums = np.zeros((flat.max() + 1, 4))  # a, b, their squared length, pixels
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            region = flat[y, x]
            if region and region == flat[y, x - 1] == flat[y, x + 1] == flat[y - 1, x] == flat[y + 1, x]:
                a, b = float(chroma[y, x, 0]), float(chroma[y, x, 1])
                total = sums[region]
                total[0] += a
                total[1] += b
                total[2] += a * a + b * b
                total[3] += 1
    share = np.zeros(len(sums))
    for region in range(1, len(sums)):
        total = sums[region]
        if total[3] > 0:
            for k in range(3):
                total[k] /= total[3]
            deviation = np.sqrt(max(total[2] - total[0] ** 2 - total[1] ** 2, 0.0))
            share[region] = min(max((_MIXED[1] - deviation) / (_MIXED[1] - _MIXED[0]), 0.0), 1.0)
    even = np.empty_like(chroma)
    for y in range(height):
        for x in range(width):
            region = flat[y, x]
            for k in range(2):
                own = chroma[y, x, k]
                even[y, x, k] = own + share[region] * (sums[region, k] - own)
    return even
