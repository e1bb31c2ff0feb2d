"""Whether regions of a picture are found in a drawing: by their gray, and by what lies around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.regions.drawing import Regions

Floats = NDArray[np.float32]

AROUND = 12
"""Regions, the nearest ones, that a region should be found with."""
FEWEST = 4
"""Regions of a picture that can be looked for at all."""
_BRIGHT = 6.0
"""Standard deviation of L* between a region and what it is found as, since a picture may be darker or lighter than the
film; beyond `_FAR` of them nothing is looked for."""
_SHADE = 4.0
"""That of what remains between the regions around both, ..."""
_PLACE = 0.15
"""... that of the place, as a share of the distance between two regions, ..."""
_SIZE = 0.5
"""... and that of the natural logarithm of the area."""
_FAR = 2.5
_LEAST = 8
"""Inner pixels of a region that can be found, and ..."""
_LARGE = 20
"""... of one that others can be found by: what is smaller looks like too much."""
_BESIDE = 8
"""Regions too small for that, the nearest ones, that are found with a region."""
_NEAREST = 4
_PROMISING = 0.25
"""How many of the nearest regions around, at least, must be found for the others to be looked for."""
_SMALL = 40.0
"""Pixels of area up to which it doesn't count that a region isn't found, since it may have too few inner pixels."""
_MANY = 8
"""Regions that must be found around one for full belief, at least."""
_SCALES = 1 / 6, 6.0
"""By how much a picture may be smaller or larger than what it shows is drawn."""


@dataclass(frozen=True, eq=False, slots=True)
class Constellation:
    """N regions of one picture, of float32."""

    center: Floats
    """(N, 2) x, y."""
    area: Floats
    """(N,) pixels."""
    lightness: Floats
    """(N,) L* of the gray."""
    large: NDArray[np.bool_]
    """(N,) whether others can be found by it."""


def large_enough(regions: Regions, seen: NDArray[np.bool_] | None = None) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The numbers of the regions with so many inner pixels, of those `seen`, that they can be found, and whether others
    can by them."""
    inner = regions.inner if seen is None else regions.inner & seen
    pixels = np.bincount(regions.labels[inner], minlength=len(regions.area))
    numbers = np.flatnonzero(pixels >= _LEAST)
    # What is thin may be no more than the blur along a line, which no other drawing has.
    return numbers, (pixels[numbers] >= _LARGE) & ~regions.thin[numbers]


def find(picture: Constellation, drawing: Constellation) -> tuple[Floats, NDArray[np.intp]]:
    """Where a picture's regions are in a drawing, whatever its size, also mirrored.

    That one region is another says where the regions around it should be, how large and how bright; by how many of
    them are there, it is believed, and what is found there is believed by its part in it. So single regions of one
    gray, of which there are always some, prove nothing. This is a generalized Hough transform (Ballard 1981), in which
    all that agree with a match vote for it, with soft places as in pictorial structures (Fischler and Elschlager 1973).
    Small regions have no vote, but are found where a match says.

    Returns:
        (n,), 0..1: how much each of the drawing's regions is believed to be one of the picture's; (n,): which.
    """
    score, which = np.zeros(len(drawing.area), np.float32), np.zeros(len(drawing.area), np.intp)
    anchors, small = np.flatnonzero(picture.large), np.flatnonzero(~picture.large)
    if len(anchors) < FEWEST:
        return score, which
    around = anchors[_nearest_of(picture, anchors, anchors)[:, 1 : AROUND + 1]]
    beside = small[_nearest_of(picture, anchors, small)[:, :_BESIDE]]
    order = np.argsort(drawing.lightness, kind="stable")
    score[order], which[order] = _find(
        picture.center, picture.area, picture.lightness, anchors, around, beside,
        drawing.center[order], drawing.area[order], drawing.lightness[order], np.flatnonzero(drawing.large[order]),
    )  # fmt: skip
    return score, which


def _nearest_of(picture: Constellation, anchors: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each anchor, the positions in `others`, the nearest first."""
    apart = np.linalg.norm(picture.center[anchors, None] - picture.center[others], axis=2)
    return np.argsort(apart, axis=1, kind="stable")


@njit(cache=True, nogil=True)
def _find(
    center: Floats,
    area: Floats,
    lightness: Floats,
    anchors: NDArray[np.intp],
    around: NDArray[np.intp],
    beside: NDArray[np.intp],
    drawn_center: Floats,
    drawn_area: Floats,
    drawn_lightness: Floats,
    large: NDArray[np.intp],
) -> tuple[Floats, NDArray[np.intp]]:
    """As `find`, for drawn regions in the order of their lightness; `around` and `beside` are those of the anchors."""
    score = np.zeros(len(drawn_area), np.float32)
    which = np.zeros(len(drawn_area), np.intp)
    there = np.zeros(around.shape[1], np.intp)
    trust = np.zeros(around.shape[1], np.float32)
    large_center, large_area, large_lightness = drawn_center[large], drawn_area[large], drawn_lightness[large]
    for row, region in enumerate(anchors):
        first = np.searchsorted(large_lightness, lightness[region] - _BRIGHT * _FAR)
        last = np.searchsorted(large_lightness, lightness[region] + _BRIGHT * _FAR)
        for drawn in range(first, last):
            scale = np.sqrt(large_area[drawn] / area[region])
            if not _SCALES[0] < scale < _SCALES[1]:
                continue
            shade = large_lightness[drawn] - lightness[region]
            for side in (-1, 1):
                total, expecting = 0.0, 0.0
                for k, other in enumerate(around[row]):
                    x, y, spread, expected = _expected(
                        center, area, region, other, large_center[drawn], side * scale, scale
                    )
                    bright = lightness[other] + shade
                    least, there[k] = _nearest(
                        x, y, spread, expected, bright, drawn, large_center, large_area, large_lightness
                    )
                    trust[k] = np.exp(-least / 2) if least < _FAR**2 else 0
                    total += trust[k]
                    expecting += 1 if expected > _SMALL else trust[k]
                    if k + 1 == _NEAREST and total < _PROMISING:
                        break
                if total < _PROMISING:
                    continue
                total *= np.exp(-((shade / _BRIGHT) ** 2) / 2) / max(expecting, _MANY)
                if total > score[large[drawn]]:
                    score[large[drawn]], which[large[drawn]] = total, region
                for k, other in enumerate(around[row]):
                    believed = total * np.sqrt(trust[k])
                    if believed > score[large[there[k]]]:
                        score[large[there[k]]], which[large[there[k]]] = believed, other
                for other in beside[row]:
                    x, y, spread, expected = _expected(
                        center, area, region, other, large_center[drawn], side * scale, scale
                    )
                    bright = lightness[other] + shade
                    least, found = _nearest(
                        x, y, spread, expected, bright, large[drawn], drawn_center, drawn_area, drawn_lightness
                    )
                    believed = total * np.exp(-least / 2)
                    if least < _FAR**2 and believed > score[found]:
                        score[found], which[found] = believed, other
    return score, which


@njit(cache=True, nogil=True)
def _expected(
    center: Floats, area: Floats, region: int, other: int, drawn: Floats, across: float, down: float
) -> tuple[float, float, float, float]:
    """Where a region of the picture should be if another one is drawn there, in that scale: x, y, the deviation of
    its place, and its area."""
    x, y = across * (center[other, 0] - center[region, 0]), down * (center[other, 1] - center[region, 1])
    expected = down * down * area[other]
    spread = _PLACE * (np.sqrt(x * x + y * y) + np.sqrt(expected) / 2)
    return drawn[0] + x, drawn[1] + y, spread, expected


@njit(cache=True, nogil=True)
def _nearest(
    x: float,
    y: float,
    spread: float,
    area: float,
    lightness: float,
    but: int,
    drawn_center: Floats,
    drawn_area: Floats,
    drawn_lightness: Floats,
) -> tuple[float, int]:
    """Which drawn region is most like one of this place, area and lightness, itself left out; and its squared distance
    in deviations, `_FAR` squared if none is near."""
    least, nearest = _FAR**2, 0
    for i in range(np.searchsorted(drawn_lightness, lightness - _SHADE * _FAR), len(drawn_area)):
        lighter = (drawn_lightness[i] - lightness) / _SHADE
        if lighter > _FAR:
            break
        apart = (drawn_center[i, 0] - x) ** 2 + (drawn_center[i, 1] - y) ** 2
        apart = apart / (spread * spread) + lighter * lighter
        if i != but and apart < least:
            apart += (np.log(drawn_area[i] / area) / _SIZE) ** 2
            if apart < least:
                least, nearest = apart, i
    return least, nearest
