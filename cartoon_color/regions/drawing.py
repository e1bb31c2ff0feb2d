"""The regions of a drawing as it is in film: line art with gaps, paints of different gray, grain, painted grounds."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.regions import Labels

Codes = NDArray[np.int16]
"""(H, W) gray, 0..255, signed for the sake of differences."""

_LINE = 18
"""Codes by which a line is darker than what surrounds it within `_PEN`."""
_PEN = 7
"""Pixels; thinner dark lines part regions."""
_PAINT = 9
"""Codes by which a part within `_ISLAND` is lighter than the lines around it."""
_ISLAND = 9
"""Pixels; dark parts that are smaller are paint, not line, if they are lighter than the lines around them."""
_EDGE = 9
"""Codes between neighbors within 3x3 pixels that make an edge."""
_STEP = 6
"""Codes between neighbors in one thin region."""
_BALL = 1.5
"""Radius in pixels of the ball that fits into the core of a region, but through no gap in its line."""
_BLUR = 12
"""Codes from the median gray of a thin region within which a pixel is of it, not of the blur of lines beside it."""
_THIN = 12
"""Pixels of the smallest region without a core."""
_ALIKE = 5.0
"""Codes between the means of regions that are united where no wall parts them."""
_WALL = 0.35
"""Share of a border between regions that lies on edges or lines, from which on it is a wall."""


@dataclass(frozen=True, eq=False, slots=True)
class Regions:
    """The regions of one drawing, numbered from 1 to n; row 0 of the arrays is unused."""

    labels: Labels
    """(H, W) int32, every pixel being in a region."""
    inner: NDArray[np.bool_]
    """(H, W): pixels away from lines and edges; of thin regions, all but lines and their blur."""
    thin: NDArray[np.bool_]
    """(n + 1,): whether less than four pixels are away from lines and edges."""
    area: NDArray[np.int32]
    """(n + 1,) pixels."""
    mean: NDArray[np.float32]
    """(n + 1,) mean gray of the inner pixels."""
    spread: NDArray[np.float32]
    """(n + 1,) standard deviation of the gray of the inner pixels, without grain; regions that have too few to tell
    have the mean of the others. More where a region borders on what spreads more, without a line between."""
    center: NDArray[np.float32]
    """(n + 1, 2) x, y."""
    lines: NDArray[np.bool_]
    """(H, W): what is drawn in lines, each half of which is in the region beside it."""


def segment_drawing(gray: NDArray[np.uint8]) -> Regions:
    """Part a drawing at its lines and at steps of gray.

    On a copy without grain (bilateral filter), walls are dark lines (black top-hat, but for small parts that a white
    top-hat finds between lines) and edges (morphological gradient). What a small ball fills between them are cores, so
    gaps narrower than the ball are closed (trapped-ball segmentation: Zhang et al. 2009, Vectorizing cartoon
    animations, section 4); thin parts without a core stay regions of their own where their gray is even. A watershed
    gives the rest to them and to the lines, which are one more region there: all of them are connected, so a region
    that got a part would get them all. Then each pixel of a line goes to the nearest region, and neighbors of one gray
    without a wall between them are united.

    Args:
        gray: (H, W) uint8, 0..255; 200 to 400 pixels wide, which pens and balls are made for.
    """
    clean = np.asarray(cv2.bilateralFilter(gray, 5, 12, 2), np.uint8)
    pen, island = (cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) for side in (_PEN, _ISLAND))
    lines = np.asarray(cv2.morphologyEx(clean, cv2.MORPH_BLACKHAT, pen) > _LINE)
    lines &= cv2.morphologyEx(clean, cv2.MORPH_TOPHAT, island) <= _PAINT
    edges = cv2.morphologyEx(clean, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _EDGE
    walls = np.asarray(lines | edges)
    distance = np.asarray(cv2.distanceTransform((~walls).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
    _, cores = cv2.connectedComponents((distance > _BALL).astype(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    codes = clean.astype(np.int16)
    labels = _with_thin(np.asarray(cores, np.int32), codes, lines)
    if labels.max() > 0:
        labels = _flooded(labels, clean, lines)
        _unite(labels, codes, walls, distance)
    else:  # nothing is wide enough for a core
        labels[:] = 1
    inner, thin, area, mean, spread, center = _described(labels, codes, distance, lines)
    drawn = cv2.dilate(lines.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return Regions(labels, inner, thin, area, mean, _with_neighbors(spread, labels, np.asarray(drawn)), center, lines)


@njit(cache=True, nogil=True)
def _root(parent: NDArray[np.int32], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _with_thin(cores: NDArray[np.int32], gray: Codes, lines: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The cores, and connected areas of even gray that hold none, numbered after them."""
    height, width = gray.shape
    areas = np.zeros((height, width), np.int32)  # parts of areas of even gray, from 1; 0 on lines
    parent = np.zeros(height * width + 1, np.int32)
    parts = 0
    for y in range(height):
        for x in range(width):
            if lines[y, x]:
                continue
            part = 0
            if x > 0 and not lines[y, x - 1] and abs(gray[y, x] - gray[y, x - 1]) <= _STEP:
                part = areas[y, x - 1]
            if y > 0 and not lines[y - 1, x] and abs(gray[y, x] - gray[y - 1, x]) <= _STEP:
                above = areas[y - 1, x]
                if part > 0 and part != above:
                    part, above = _root(parent, part), _root(parent, above)
                    parent[max(part, above)] = min(part, above)
                    above = min(part, above)
                part = above
            if part == 0:
                parts += 1
                part = parent[parts] = parts
            areas[y, x] = part
    for part in range(1, parts + 1):  # the first part of an area has the least number
        parent[part] = parent[parent[part]]
    pixels = np.zeros(parts + 1, np.int32)
    last = 0
    for y in range(height):
        for x in range(width):
            last = max(last, cores[y, x])
            area = parent[areas[y, x]]
            pixels[area] = -height * width if cores[y, x] > 0 else pixels[area] + 1
    number = np.zeros(parts + 1, np.int32)
    out = cores.copy()
    for y in range(height):
        for x in range(width):
            area = parent[areas[y, x]]
            if area > 0 and pixels[area] >= _THIN:
                if number[area] == 0:
                    last += 1
                    number[area] = last
                out[y, x] = number[area]
    return out


def _flooded(cores: Labels, clean: NDArray[np.uint8], lines: NDArray[np.bool_]) -> Labels:
    """Every pixel in the region of a core: by a watershed, and lines by which region is the nearest."""
    line = int(cores.max()) + 1
    labels = np.where(lines & (cores == 0), line, cores).astype(np.int32)
    cv2.watershed(cv2.merge([clean] * 3), labels)
    found = (labels > 0) & (labels < line)
    _, nearest = cv2.distanceTransformWithLabels(
        (~found).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    of_nearest = np.zeros(int(nearest.max()) + 1, np.int32)
    of_nearest[nearest[found]] = labels[found]
    return np.asarray(of_nearest[nearest], np.int32)


def _unite(labels: NDArray[np.int32], gray: Codes, walls: NDArray[np.bool_], distance: NDArray[np.float32]) -> None:
    """Unite neighbors of about one gray whose border is no wall; then number the regions from 1, in place."""
    pairs, inner, mean = _borders(labels, gray, walls, distance)
    pairs.sort()  # out here, since a sort takes Numba three seconds to compile
    _join(labels, pairs, inner, mean)


@njit(cache=True, nogil=True)
def _borders(
    labels: NDArray[np.int32], gray: Codes, walls: NDArray[np.bool_], distance: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """For each place on a border both labels and whether there is a wall, in one number; and of each label the inner
    pixels, and the mean of their gray."""
    height, width = gray.shape
    count = labels.max() + 1
    inner = np.zeros(count, np.int32)
    mean = np.zeros(count, np.float64)
    borders = 0
    for y in range(height):
        for x in range(width):
            borders += (x > 0 and labels[y, x] != labels[y, x - 1]) + (y > 0 and labels[y, x] != labels[y - 1, x])
            if distance[y, x] > 1:
                inner[labels[y, x]] += 1
                mean[labels[y, x]] += gray[y, x]
    mean /= np.maximum(inner, 1)
    pairs = np.empty(borders, np.int64)
    n = 0
    for y in range(height):
        for x in range(width):
            for v, u in ((y, x - 1), (y - 1, x)):
                if v >= 0 and u >= 0 and labels[y, x] != labels[v, u]:
                    low, high = min(labels[y, x], labels[v, u]), max(labels[y, x], labels[v, u])
                    pairs[n] = (low * count + high) * 2 + (walls[y, x] or walls[v, u])
                    n += 1
    return pairs, inner, mean


@njit(cache=True, nogil=True)
def _join(
    labels: NDArray[np.int32], pairs: NDArray[np.int64], inner: NDArray[np.int32], mean: NDArray[np.float64]
) -> None:
    """Unite and number, by ascending pairs."""
    height, width = labels.shape
    count, borders = len(inner), len(pairs)
    parent = np.arange(count).astype(np.int32)
    start = 0
    while start < borders:
        end, wall = start, 0
        while end < borders and pairs[end] // 2 == pairs[start] // 2:
            wall += pairs[end] % 2
            end += 1
        low, high = pairs[start] // 2 // count, pairs[start] // 2 % count
        alike = inner[low] > 0 and inner[high] > 0 and abs(mean[low] - mean[high]) < _ALIKE
        if alike and end - start >= 3 and wall < _WALL * (end - start):
            a, b = _root(parent, low), _root(parent, high)
            parent[max(a, b)] = min(a, b)
        start = end
    number = np.zeros(count, np.int32)
    last = 0
    for y in range(height):
        for x in range(width):
            i = _root(parent, labels[y, x])
            if number[i] == 0:
                last += 1
                number[i] = last
            labels[y, x] = number[i]


@njit(cache=True, nogil=True)
def _with_neighbors(spread: NDArray[np.float32], labels: Labels, drawn: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The spread of each region with its neighbors', as far as no line is drawn between them: a patch of even gray in a
    painting is a part of the painting."""
    height, width = labels.shape
    border = np.zeros(len(spread), np.float32)
    beyond = np.zeros(len(spread), np.float32)
    for y in range(height):
        for x in range(width):
            for v, u in ((y, x - 1), (y - 1, x)):
                if v < 0 or u < 0 or labels[y, x] == labels[v, u]:
                    continue
                one, other = labels[y, x], labels[v, u]
                border[one] += 1
                border[other] += 1
                if not drawn[y, x] and not drawn[v, u]:
                    beyond[one] += max(spread[other] - spread[one], 0)
                    beyond[other] += max(spread[one] - spread[other], 0)
    return (spread + beyond / np.maximum(border, 1)).astype(np.float32)


@njit(cache=True, nogil=True)
def _medians(
    labels: NDArray[np.int32],
    gray: Codes,
    asked: NDArray[np.bool_],
    lines: NDArray[np.bool_],
    bare: NDArray[np.int32],
) -> NDArray[np.int32]:
    """The (lower) median gray of the regions asked for, by their `bare` pixels outside of lines if they have any; 0 of
    others."""
    height, width = gray.shape
    row = np.cumsum(asked) - 1
    counts = np.zeros((row[-1] + 1, 256), np.int32)
    for y in range(height):
        for x in range(width):
            i = labels[y, x]
            if asked[i] and (not lines[y, x] or bare[i] == 0):
                counts[row[i], gray[y, x]] += 1
    median = np.zeros(len(asked), np.int32)
    for i in range(1, len(asked)):
        if asked[i]:
            below, code = (counts[row[i]].sum() - 1) // 2, 0
            while counts[row[i], code] <= below:
                below -= counts[row[i], code]
                code += 1
            median[i] = code
    return median


@njit(cache=True, nogil=True)
def _described(
    labels: NDArray[np.int32], gray: Codes, distance: NDArray[np.float32], lines: NDArray[np.bool_]
) -> tuple[
    NDArray[np.bool_],
    NDArray[np.bool_],
    NDArray[np.int32],
    NDArray[np.float32],
    NDArray[np.float32],
    NDArray[np.float32],
]:
    height, width = gray.shape
    count = labels.max() + 1
    area, deep, bare = np.zeros(count, np.int32), np.zeros(count, np.int32), np.zeros(count, np.int32)
    center = np.zeros((count, 2), np.float32)
    inner = distance > 1
    for y in range(height):
        for x in range(width):
            i = labels[y, x]
            area[i] += 1
            deep[i] += inner[y, x]
            bare[i] += not lines[y, x]
            center[i, 0] += x
            center[i, 1] += y
    thin = deep < 4
    median = _medians(labels, gray, thin, lines, bare)
    first, second, pixels = np.zeros(count), np.zeros(count), np.zeros(count)
    for y in range(height):
        for x in range(width):
            i = labels[y, x]
            if thin[i]:
                inner[y, x] = (not lines[y, x] or bare[i] == 0) and abs(gray[y, x] - median[i]) <= _BLUR
            if inner[y, x]:
                pixels[i] += 1
                first[i] += gray[y, x]
                second[i] += float(gray[y, x]) ** 2
    total, pixels_told = 0.0, 0.0
    for i in range(1, count):
        center[i, 0] /= area[i]  # a row at once takes Numba five seconds to compile
        center[i, 1] /= area[i]
        first[i] /= pixels[i]
        second[i] = np.sqrt(max(0, second[i] / pixels[i] - first[i] ** 2))
        if not thin[i]:
            total += second[i] * pixels[i]
            pixels_told += pixels[i]
    for i in range(1, count):
        if thin[i]:
            second[i] = total / max(1, pixels_told)
    return inner, thin, area, first.astype(np.float32), second.astype(np.float32), center
