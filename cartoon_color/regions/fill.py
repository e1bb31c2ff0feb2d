"""Flood fill: one color for each region (thesis section 8.4.1)."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.config import Clusters, Rest
from cartoon_color.frames import Chroma
from cartoon_color.regions import Labels

ROUNDS = 100
"""Of k-means at most."""
STEP = 0.01
"""k-means ends when no center moves by more than this in a or b."""
ELBOW_MOST = 5
"""Greatest number of clusters that the elbow rule may choose; the least is 2, since it needs an error before."""
_CHUNK = 512
"""Pixels whose distances are held at once, in the processor's nearest cache."""


def fill(chroma: Chroma, labels: Labels, *, clusters: Clusters = "2", rest: Rest = "keep") -> Chroma:
    """Give each region one color: the centroid of the cluster with the most of its pixels.

    The a, b of a region's pixels are clustered by k-means. It starts from the first and the last color along the
    principal axis of the region's colors (through their mean); further centers start at the pixel farthest from those
    before. An empty cluster keeps its center. Of clusters that are equally large, the one started first counts.

    Args:
        chroma: (H, W, 2) float32, CIELAB a, b.
        labels: (H, W) int32, regions from 1; 0 for none.
        clusters: k = 2, or from 2 to 5 by the elbow rule: where the second difference of the squared error of k - 1, k
            and k + 1 clusters is largest.
        rest: What pixels in no region get: their own color, or that of the nearest region by city-block distance.

    Returns:
        (H, W, 2) float32.
    """
    if labels.shape != chroma.shape[:2]:
        raise ValueError(f"labels must have the size of chroma, got {labels.shape = }, {chroma.shape = }")
    a, b = (np.asarray(plane, np.float32) for plane in cv2.split(chroma))
    colors = _region_colors(a.ravel(), b.ravel(), labels.ravel(), 0 if clusters == "elbow" else int(clusters))
    if rest == "nearest":
        labels = _nearest_region(np.pad(labels, 1, constant_values=-1))
    _paint(a.ravel(), b.ravel(), labels.ravel(), colors)
    return np.asarray(cv2.merge((a, b)), np.float32)


@njit(cache=True, nogil=True)
def _region_colors(
    a: NDArray[np.float32], b: NDArray[np.float32], labels: NDArray[np.int32], k: int
) -> NDArray[np.float32]:
    """The color of each region, row 0 being unused; `k` = 0 for the elbow rule."""
    count = 1
    for label in labels:
        count = max(count, label + 1)
    ends = np.zeros(count + 1, np.int64)
    for label in labels:
        ends[label + 1] += 1
    for label in range(count):
        ends[label + 1] += ends[label]
    # The pixels of a region, side by side.
    x, y = np.empty(a.size, np.float32), np.empty(a.size, np.float32)
    for pixel, label in enumerate(labels):
        x[ends[label]] = a[pixel]
        y[ends[label]] = b[pixel]
        ends[label] += 1
    colors = np.empty((count, 2), np.float32)
    for label in range(1, count):
        start, stop = ends[label - 1], ends[label]
        colors[label, 0], colors[label, 1] = _main_color(x[start:stop], y[start:stop], k)
    return colors


@njit(cache=True, nogil=True)
def _main_color(x: NDArray[np.float32], y: NDArray[np.float32], k: int) -> tuple[float, float]:
    if not x.size:
        return 0.0, 0.0
    starts = _starts(x, y, ELBOW_MOST + 1 if k == 0 else k)
    if k:
        color_x, color_y, _ = _largest_cluster(x, y, starts)
        return color_x, color_y
    errors, found = np.empty(ELBOW_MOST + 1), np.empty((ELBOW_MOST + 1, 2))
    for i in range(ELBOW_MOST + 1):
        # Of one cluster, any center becomes the mean.
        found[i, 0], found[i, 1], errors[i] = _largest_cluster(x, y, starts[:, : i + 1].copy())
    bend, best = -1.0, 1
    for i in range(1, ELBOW_MOST):
        difference = abs(errors[i - 1] - 2 * errors[i] + errors[i + 1])
        if difference > bend:
            bend, best = difference, i
    return found[best, 0], found[best, 1]


@njit(cache=True, nogil=True)
def _starts(x: NDArray[np.float32], y: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Where k-means starts: (2, k), of which the first ones are the starts for fewer clusters."""
    mean_x, mean_y, axis_x, axis_y, low, high = _axis(x, y)
    starts = np.empty((2, k), np.float32)
    starts[0, 0], starts[1, 0] = mean_x + low * axis_x, mean_y + low * axis_y
    starts[0, 1], starts[1, 1] = mean_x + high * axis_x, mean_y + high * axis_y
    for j in range(2, k):
        farthest = -1.0
        for i in range(x.size):
            distance = np.inf
            for other in range(j):
                off_x, off_y = x[i] - starts[0, other], y[i] - starts[1, other]
                distance = min(distance, off_x * off_x + off_y * off_y)
            if distance > farthest:
                farthest = distance
                starts[0, j], starts[1, j] = x[i], y[i]
    return starts


@njit(cache=True, nogil=True)
def _largest_cluster(
    x: NDArray[np.float32], y: NDArray[np.float32], centers: NDArray[np.float32]
) -> tuple[float, float, float]:
    """The center of the cluster with the most pixels, and the squared error of all."""
    counts, error = _k_means(x, y, centers)
    largest = 0
    for j in range(1, counts.size):
        if counts[j] > counts[largest]:
            largest = j
    return centers[0, largest], centers[1, largest], error


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _axis(x: NDArray[np.float32], y: NDArray[np.float32]) -> tuple[float, float, float, float, float, float]:
    """The mean of points, the direction in which they vary most, and where along it the first and the last lie."""
    mean_x = mean_y = xx = xy = yy = 0.0
    for i in range(x.size):
        mean_x += x[i]
        mean_y += y[i]
    mean_x /= x.size
    mean_y /= x.size
    for i in range(x.size):
        u, v = x[i] - mean_x, y[i] - mean_y
        xx += u * u
        xy += u * v
        yy += v * v
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    axis_x, axis_y = np.cos(angle), np.sin(angle)
    low = high = 0.0
    for i in range(x.size):
        along = (x[i] - mean_x) * axis_x + (y[i] - mean_y) * axis_y
        low = min(low, along)
        high = max(high, along)
    return mean_x, mean_y, axis_x, axis_y, low, high


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz", "nnan"})
def _k_means(
    x: NDArray[np.float32], y: NDArray[np.float32], centers: NDArray[np.float32]
) -> tuple[NDArray[np.float64], float]:
    """Lloyd's algorithm from `centers`, (2, k), which it moves: the sizes of the clusters and their squared error.

    Loops are split, and numbers are float32, such that the compiler makes vector instructions of them.
    """
    k = centers.shape[1]
    distance, nearest = np.empty(_CHUNK, np.float32), np.empty(_CHUNK, np.float32)
    none, one = np.float32(0), np.float32(1)
    sums, counts = np.empty((2, k)), np.empty(k)
    error = 0.0
    for _ in range(ROUNDS):
        sums.fill(0)
        counts.fill(0)
        error = 0.0
        for start in range(0, x.size, _CHUNK):
            u, v = x[start : start + _CHUNK], y[start : start + _CHUNK]
            for i in range(u.size):
                distance[i], nearest[i] = np.float32(np.inf), none
            for j in range(k):
                center_x, center_y, number = centers[0, j], centers[1, j], np.float32(j)
                for i in range(u.size):
                    off = (u[i] - center_x) * (u[i] - center_x) + (v[i] - center_y) * (v[i] - center_y)
                    least = distance[i]
                    nearest[i] = number if off < least else nearest[i]
                    distance[i] = off if off < least else least
            for j in range(k):
                number, count, sum_x, sum_y = np.float32(j), none, none, none
                for i in range(u.size):
                    inside = nearest[i] == number
                    count += one if inside else none
                    sum_x += u[i] if inside else none
                    sum_y += v[i] if inside else none
                counts[j] += count
                sums[0, j] += sum_x
                sums[1, j] += sum_y
            rest = none
            for i in range(u.size):
                rest += distance[i]
            error += float(rest)
        step = 0.0
        for j in range(k):
            if counts[j] > 0:
                for axis in range(2):
                    center = sums[axis, j] / counts[j]
                    step = max(step, float(abs(center - centers[axis, j])))
                    centers[axis, j] = center
        if step <= STEP:
            break
    return counts, error


@njit(cache=True, nogil=True)
def _nearest_region(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Spread regions over the pixels in none; `labels` has a border of -1, which is taken off."""
    height, width = labels.shape
    label = labels.ravel()
    wave = np.empty(label.size, np.int32)
    end = 0
    for at in range(label.size):
        if label[at] > 0:
            wave[end] = at
            end += 1
    head = 0
    while head < end:
        at = wave[head]
        head += 1
        for step in (-width, -1, 1, width):
            if label[at + step] == 0:
                label[at + step] = label[at]
                wave[end] = at + step
                end += 1
    return labels[1 : height - 1, 1 : width - 1].copy()


@njit(cache=True, nogil=True)
def _paint(
    a: NDArray[np.float32], b: NDArray[np.float32], labels: NDArray[np.int32], colors: NDArray[np.float32]
) -> None:
    for pixel, label in enumerate(labels):
        if label:
            a[pixel] = colors[label, 0]
            b[pixel] = colors[label, 1]
