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
_BESIDE = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
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
    numbers = (tracks - tracks.min()).astype(np.float32)  # OpenCV has no morphology of int32
    meet = cv2.morphologyEx(numbers, cv2.MORPH_GRADIENT, _BESIDE) > 0
    steps = cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _STEP
    distance = cv2.distanceTransform((~(meet & steps)).astype(np.uint8), cv2.DIST_L2, 3)
    bled = (distance <= _BLED).astype(np.uint8)
    if bled.all() or not bled.any():
        return chroma
    away, nearest = cv2.distanceTransformWithLabels(bled, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # What is farther away than an edge reaches is a part too thin to have an inside.
    places = np.flatnonzero((bled > 0) & (away <= _BLED + 1.5))
    # Labels are numbered in the order of the pixels that they stand for.
    sources = np.flatnonzero(bled == 0)[nearest.ravel()[places] - 1]
    same = tracks.ravel()[places] == tracks.ravel()[sources]
    taken = chroma.copy()
    taken.reshape(-1, 2)[places[same]] = chroma.reshape(-1, 2)[sources[same]]
    return taken


def paint(chroma: Chroma, tracks: Labels, gray: NDArray[np.uint8], first: int, table: NDArray[np.float32]) -> Chroma:
    """Each pixel in the color of its track as far as that is flat; else in its own (beside drawn edges, in that of its
    track farther in), brought near to what is held.

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
    inner = (cv2.morphologyEx(flat, cv2.MORPH_GRADIENT, _BESIDE) == 0) & (flat > 0)
    mean = moments(flat.astype(np.int32), inner, chroma)
    deviation = np.sqrt(np.maximum(mean[:, 2] - np.square(mean[:, :2]).sum(axis=1), 0))
    share = np.clip((_MIXED[1] - deviation) / (_MIXED[1] - _MIXED[0]), 0, 1)
    share *= np.bincount(flat[inner], minlength=len(share)) > 0
    even: Chroma = chroma + share[flat, None] * (mean[flat, :2] - chroma)
    return even
