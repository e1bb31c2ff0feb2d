"""Seeded region growing (thesis section 8.4.1)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.regions import Labels, Lightness, normalize

THRESHOLD = 3 / 51
"""A pixel joins a region while within this of the region's mean L, of 0..1."""
LEAST_DISTANCE = 4
"""Growing ends when no pixel is farther than this from every region."""


def grow_regions(lightness: Lightness) -> Labels:
    """Segment a drawing by growing regions from seeds; lines and fine detail stay in no region.

    A region grows in the order of a queue (first in, first out) that begins with its seed. For the pixel at its head,
    the neighbors above, left, right and below are looked at; those in no region whose L is within the threshold of the
    mean of all pixels that the region has by then, join it and the queue. A region never takes back what it has.

    The first seed is (0, 0). The next one is the pixel farthest from all regions, the first in reading order among
    equals, in city-block distance, which is that of the 4-neighborhood; the thesis doesn't name its own.

    Args:
        lightness: (H, W) float32, any range; stretched to 0..1. H + W at most 32,000.

    Returns:
        (H, W) int32, regions from 1 in the order they were found; 0 for pixels in no region.
    """
    values = normalize(lightness)
    if sum(values.shape) > 32_000:
        raise ValueError(f"distances in pictures as large as {values.shape = } don't fit in 16 bits")
    # No region and no distance gets over the border.
    values = np.pad(values, 1, constant_values=np.inf)
    distance = np.full(values.shape, sum(values.shape), np.int16)
    distance[[0, -1]] = distance[:, [0, -1]] = -1
    return np.ascontiguousarray(_grow(values, distance)[1:-1, 1:-1])


@njit(cache=True, nogil=True)
def _grow(values: NDArray[np.float32], distance: NDArray[np.int16]) -> Labels:
    """Grow all regions of a picture with a border of one pixel; `values` of pixels that have a region become infinite.

    `distance` is kept up to date: each new region only sends out a wave as far as it is nearer than all before, which
    adds up to a few visits a pixel, where computing it anew would take a visit of all pixels for every region.
    """
    height, width = values.shape
    labels = np.zeros((height, width), np.int32)
    label, value, far = labels.ravel(), values.ravel(), distance.ravel()
    queue = np.empty(value.size, np.int32)
    wave = np.empty(value.size, np.int32)
    # Distances only shrink, so the greatest one that a row once had is a bound; it is lowered when it matters.
    bounds = distance[:, 1].copy()
    seed, region, joined = width + 1, 0, 0
    while seed:
        region += 1
        head = first = joined
        queue[joined] = seed
        joined += 1
        mean = total = float(value[seed])
        value[seed] = np.inf
        while head < joined:
            at = queue[head]
            head += 1
            for step in (-width, -1, 1, width):
                beside = value[at + step]
                if abs(beside - mean) <= THRESHOLD:
                    value[at + step] = np.inf
                    queue[joined] = at + step
                    joined += 1
                    total += beside
                    mean = total / (joined - first)
        for at in queue[first:joined]:
            label[at] = region
            far[at] = 0
        _send_wave(far, queue[first:joined], wave, width)
        seed = _farthest(far, bounds, width)
    return labels


@njit(cache=True, nogil=True)
def _send_wave(far: NDArray[np.int16], region: NDArray[np.int32], wave: NDArray[np.int32], width: int) -> None:
    """Lower the distances of all pixels that `region` is now the nearest to; breadth first."""
    end = 0
    for at in region:
        for step in (-width, -1, 1, width):
            if far[at + step] > 1:
                far[at + step] = 1
                wave[end] = at + step
                end += 1
    head = 0
    while head < end:
        at = wave[head]
        head += 1
        further = far[at] + 1
        for step in (-width, -1, 1, width):
            if far[at + step] > further:
                far[at + step] = further
                wave[end] = at + step
                end += 1


@njit(cache=True, nogil=True)
def _farthest(far: NDArray[np.int16], bounds: NDArray[np.int16], width: int) -> int:
    """The pixel with the greatest distance, the first in reading order; 0 if that is not above the least."""
    while True:
        bound = _greatest(bounds)
        if bound <= LEAST_DISTANCE:
            return 0
        row = 0
        while bounds[row] < bound:
            row += 1
        bounds[row] = _greatest(far[row * width : (row + 1) * width])
        if bounds[row] == bound:
            at = row * width
            while far[at] < bound:
                at += 1
            return at


@njit(cache=True, nogil=True)
def _greatest(distances: NDArray[np.int16]) -> int:
    greatest = np.int16(-1)
    for distance in distances:
        greatest = max(greatest, distance)
    return int(greatest)
