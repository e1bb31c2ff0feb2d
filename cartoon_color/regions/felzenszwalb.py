"""Graph-based segmentation (Felzenszwalb and Huttenlocher 2004; thesis section 8.4.1)."""

from __future__ import annotations

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.regions import Labels, Lightness, normalize

SCALE = 2.0
"""k of the paper, for L of 0..1: two pixels merge below this difference, regions of n pixels below k / n more than
they have inside."""
SIGMA = 0.8
"""Of the Gaussian that smooths the picture before, in pixels (section 5 of the paper)."""
MIN_SIZE = 100
"""Smaller regions are merged, in pixels."""
LEVELS = 4095
"""Differences are rounded to this part, so that edges can be sorted by counting; an 8-bit code is 16 levels or more."""


def segment_graph(
    lightness: Lightness, *, scale: float = SCALE, sigma: float = SIGMA, min_size: int = MIN_SIZE
) -> Labels:
    """Segment a drawing by merging pixels, those that differ least first (algorithm 1 of the paper).

    The graph joins each pixel to its eight neighbors. Edges of the same weight are taken in reading order of their
    first pixel: those to the right, below right, below, below left of it.

    Args:
        lightness: (H, W) float32, any range; stretched to 0..1.
        scale: k, for L of 0..1; greater makes regions larger.
        sigma: Of the smoothing, in pixels; 0 for none.
        min_size: In the end, regions with fewer pixels are merged along the edges with the least weights.

    Returns:
        (H, W) int32, regions from 1 in reading order of their first pixels; each pixel is in one.
    """
    values = normalize(lightness)
    if sigma > 0:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    weights, edges = _sorted_edges(np.ascontiguousarray(values))
    height, width = values.shape
    return _merge(weights, edges, height, width, scale, min_size)


@njit(cache=True, nogil=True)
def _sorted_edges(values: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.int32]]:
    """Weights of all edges, and the edges by rising weight; the number of an edge is 4 * pixel + direction."""
    height, width = values.shape
    weights = np.empty(4 * height * width, np.uint16)
    ends = np.zeros(LEVELS + 2, np.int64)
    edge = 0
    for row in range(height):
        for column in range(width):
            value = values[row, column]
            for down, right in ((0, 1), (1, 1), (1, 0), (1, -1)):
                weight = LEVELS + 1
                if row + down < height and 0 <= column + right < width:
                    weight = int(abs(values[row + down, column + right] - value) * np.float32(LEVELS) + np.float32(0.5))
                    ends[weight + 1] += 1
                weights[edge] = weight
                edge += 1
    for level in range(LEVELS + 1):
        ends[level + 1] += ends[level]
    edges = np.empty(ends[LEVELS + 1], np.int32)
    for edge in range(weights.size):
        weight = weights[edge]
        if weight <= LEVELS:
            edges[ends[weight]] = edge
            ends[weight] += 1
    return weights, edges


@njit(cache=True, nogil=True)
def _merge(
    weights: NDArray[np.uint16], edges: NDArray[np.int32], height: int, width: int, scale: float, min_size: int
) -> Labels:
    beside = (1, width + 1, width, width - 1)
    parent = np.arange(height * width, dtype=np.int32)
    size = np.ones(height * width, np.int32)
    limit = np.full(height * width, scale)
    between = 0
    for edge in edges:
        one, other = _root(parent, edge >> 2), _root(parent, (edge >> 2) + beside[edge & 3])
        if one == other:
            continue
        weight = weights[edge] / LEVELS
        if weight <= limit[one] and weight <= limit[other]:
            root = _join(parent, size, one, other)
            limit[root] = weight + scale / size[root]
        else:
            # What is left lies between regions, still sorted.
            edges[between] = edge
            between += 1
    for edge in edges[:between]:
        one, other = _root(parent, edge >> 2), _root(parent, (edge >> 2) + beside[edge & 3])
        if one != other and min(size[one], size[other]) < min_size:
            _join(parent, size, one, other)
    labels = np.zeros(height * width, np.int32)
    number = np.zeros(height * width, np.int32)
    regions = 0
    for pixel in range(height * width):
        root = _root(parent, pixel)
        if not number[root]:
            regions += 1
            number[root] = regions
        labels[pixel] = number[root]
    return labels.reshape(height, width)


@njit(cache=True, nogil=True)
def _root(parent: NDArray[np.int32], pixel: int) -> int:
    while parent[pixel] != pixel:
        parent[pixel] = parent[parent[pixel]]
        pixel = parent[pixel]
    return pixel


@njit(cache=True, nogil=True)
def _join(parent: NDArray[np.int32], size: NDArray[np.int32], one: int, other: int) -> int:
    """The root of both together: that of the larger."""
    if size[one] < size[other]:
        one, other = other, one
    parent[other] = one
    size[one] += size[other]
    return one
