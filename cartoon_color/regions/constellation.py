"""Whether regions of a picture are found in a drawing: by their gray, and by what lies around them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

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
_LEAST = 20
"""Inner pixels of a region that counts."""
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


def large_enough(labels: NDArray[np.int32], inner: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The numbers of the regions with so many inner pixels that they count."""
    return np.flatnonzero(np.bincount(labels[inner]) >= _LEAST)


def find(picture: Constellation, drawing: Constellation) -> tuple[Floats, NDArray[np.intp]]:
    """Where a picture's regions are in a drawing, whatever its size, also mirrored.

    That one region is another says where the regions around it should be, how large and how bright; by how many of
    them are there, it is believed, and what is found there is believed by its part in it. So single regions of one
    gray, of which there are always some, prove nothing. This is a generalized Hough transform (Ballard 1981), in which
    all that agree with a match vote for it, with soft places as in pictorial structures (Fischler and Elschlager 1973).

    Returns:
        (n,), 0..1: how much each of the drawing's regions is believed to be one of the picture's; (n,): which.
    """
    if len(picture.area) < FEWEST:
        return np.zeros(len(drawing.area), np.float32), np.zeros(len(drawing.area), np.intp)
    apart = np.linalg.norm(picture.center[:, None] - picture.center, axis=2)
    around = np.argsort(apart, axis=1, kind="stable")[:, 1 : AROUND + 1]
    order = np.argsort(drawing.lightness, kind="stable")
    score, which = _find(
        picture.center, picture.area, picture.lightness, around,
        drawing.center[order], drawing.area[order], drawing.lightness[order],
    )  # fmt: skip
    back = np.argsort(order)
    return score[back], which[back]


@njit(cache=True, nogil=True)
def _find(
    center: Floats,
    area: Floats,
    lightness: Floats,
    around: NDArray[np.intp],
    drawn_center: Floats,
    drawn_area: Floats,
    drawn_lightness: Floats,
) -> tuple[Floats, NDArray[np.intp]]:
    """As `find`, for drawn regions in the order of their lightness."""
    score = np.zeros(len(drawn_area), np.float32)
    which = np.zeros(len(drawn_area), np.intp)
    there = np.zeros(around.shape[1], np.intp)
    trust = np.zeros(around.shape[1], np.float32)
    for region in range(len(area)):
        first = np.searchsorted(drawn_lightness, lightness[region] - _BRIGHT * _FAR)
        last = np.searchsorted(drawn_lightness, lightness[region] + _BRIGHT * _FAR)
        for drawn in range(first, last):
            scale = np.sqrt(drawn_area[drawn] / area[region])
            if not _SCALES[0] < scale < _SCALES[1]:
                continue
            shade = drawn_lightness[drawn] - lightness[region]
            for side in (-1, 1):
                total, expecting = 0.0, 0.0
                for k, other in enumerate(around[region]):
                    across = side * scale * (center[other, 0] - center[region, 0])
                    down = scale * (center[other, 1] - center[region, 1])
                    expected = scale * scale * area[other]
                    spread = _PLACE * (np.sqrt(across * across + down * down) + np.sqrt(expected) / 2)
                    x, y = drawn_center[drawn, 0] + across, drawn_center[drawn, 1] + down
                    bright = lightness[other] + shade
                    least, there[k] = _nearest(
                        x, y, spread, expected, bright, drawn, drawn_center, drawn_area, drawn_lightness
                    )
                    trust[k] = np.exp(-least / 2) if least < _FAR**2 else 0
                    total += trust[k]
                    expecting += 1 if expected > _SMALL else trust[k]
                    if k + 1 == _NEAREST and total < _PROMISING:
                        break
                if total < _PROMISING:
                    continue
                total *= np.exp(-((shade / _BRIGHT) ** 2) / 2) / max(expecting, _MANY)
                if total > score[drawn]:
                    score[drawn], which[drawn] = total, region
                for k, other in enumerate(around[region]):
                    believed = total * np.sqrt(trust[k])
                    if believed > score[there[k]]:
                        score[there[k]], which[there[k]] = believed, other
    return score, which


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
