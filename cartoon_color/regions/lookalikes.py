"""Tracks of different shots that look alike: the same part of a drawing, shown again."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.regions import Labels

Features = NDArray[np.float32]
"""(n, 15): gray, size, elongation, raggedness, looseness, share of the border at the picture's edge; gray of the
neighbors at the sides, above and below; and a histogram of it."""

_UNITS = np.array([3, 0.3, 0.2, 0.2, 0.2, 0.1, 10, 10, 10, *[0.15] * 6], np.float32)
"""Differences that count alike: of L*, natural logarithms, shares."""
_NEAR = 5.0
"""Squared distance in those units up to which tracks look alike."""
_AREA = 60
"""Pixels, at the size at which motion is followed, below which a region shows too little to be known again."""
_DRAWINGS = 3
"""Least drawings of a track, likewise."""


@dataclass(frozen=True, eq=False, slots=True)
class Tracks:
    """The n tracks of a shot."""

    number: NDArray[np.int32]
    """(n,)"""
    first: NDArray[np.int32]
    """(n,), index of the frame in which it is seen first."""
    last: NDArray[np.int32]
    """(n,), of the first frame of the drawing in which it is seen last."""
    features: Features
    """(n, 15), mean over its drawings."""
    known: NDArray[np.bool_]
    """(n,), whether it shows enough to be known again."""

    def row(self, number: int) -> int:
        """Where a track stands; ValueError if it isn't there."""
        rows: list[int] = self.number.tolist()
        return rows.index(number)


@dataclass(eq=False, slots=True)
class _Sum:
    first: int
    features: NDArray[np.float64]
    last: int = -1
    weight: float = 0.0
    drawings: int = 0


@dataclass(eq=False, slots=True)
class TrackBuilder:
    """Gathers the tracks of a shot, drawing by drawing."""

    _sums: dict[int, _Sum] = field(default_factory=dict)

    def add(self, frame: int, labels: Labels, tracks: NDArray[np.int32], lightness: NDArray[np.float32]) -> None:
        """The next drawing.

        Args:
            frame: Index of its first frame.
            labels: (h, w), its regions, from 1 to n.
            tracks: (n + 1,), the track of each.
            lightness: (n + 1,), L* of the gray of each.
        """
        features, area = describe(labels, lightness), np.bincount(labels.ravel(), minlength=len(tracks))
        for region, number in enumerate(tracks.tolist()[1:], start=1):
            total = self._sums.setdefault(number, _Sum(frame, np.zeros(len(_UNITS))))
            weight = float(area[region])
            total.features += weight * features[region]
            total.weight += weight
            total.drawings += total.last != frame
            total.last = frame

    def tracks(self) -> Tracks:
        """All tracks up to here."""
        sums = list(self._sums.values())
        return Tracks(
            np.array(list(self._sums), np.int32),
            np.array([each.first for each in sums], np.int32),
            np.array([each.last for each in sums], np.int32),
            np.array([each.features / each.weight for each in sums], np.float32).reshape(-1, len(_UNITS)),
            np.array([each.drawings >= _DRAWINGS and each.weight >= _AREA * each.drawings for each in sums], np.bool_),
        )


def describe(labels: Labels, lightness: NDArray[np.float32]) -> Features:
    """What tells the regions of a drawing apart, (n + 1, 15); row 0 is unused.

    Args:
        labels: (h, w), regions from 1 to n.
        lightness: (n + 1,), L* of the gray of each.
    """
    found: Features = _described(labels, np.asarray(lightness, np.float32))
    return found


def find_look_alikes(of: Tracks, row: int, among: Tracks) -> dict[int, float]:
    """The tracks that look like one of another shot, or of the same one at another time, with their distance.

    They are near it, and nearer to it than to any other track of its shot; so of two shoes, each gets its own.

    Args:
        of: The shot of the track.
        row: Where the track stands in it.
        among: The shot that is searched; `of` itself finds those that are not seen while the track is.
    """
    found: dict[int, float] = {}
    if not of.known[row]:
        return found
    near = np.square((among.features - of.features[row]) / _UNITS).sum(axis=1)
    apart = (among.first > of.last[row]) | (among.last < of.first[row]) if among is of else np.True_
    for other in np.flatnonzero(among.known & (near < _NEAR) & apart).tolist():
        rivals = np.square((of.features - among.features[other]) / _UNITS).sum(axis=1)
        rivals[~of.known] = np.inf
        if among is of:
            rivals[other] = np.inf
        if rivals[row] <= rivals.min():
            found[int(among.number[other])] = float(near[other])
    return found


@njit(cache=True, nogil=True)
def _described(labels: Labels, lightness: NDArray[np.float32]) -> Features:
    height, width = labels.shape
    count, bins = len(lightness), 6
    moments = np.zeros((count, 6))  # of 1, x, y, xx, yy, xy
    border, edge = np.zeros(count), np.zeros(count)
    length, gray = np.zeros((count, 3)), np.zeros((count, 3))  # to the sides, above, below
    histogram = np.zeros((count, bins))
    for y in range(height):
        for x in range(width):
            i = labels[y, x]
            moments[i, 0] += 1
            moments[i, 1] += x
            moments[i, 2] += y
            moments[i, 3] += x * x
            moments[i, 4] += y * y
            moments[i, 5] += x * y
            for v, u, side in ((y, x - 1, 0), (y, x + 1, 0), (y - 1, x, 1), (y + 1, x, 2)):
                if v < 0 or u < 0 or v >= height or u >= width:
                    edge[i] += 1
                    border[i] += 1
                elif labels[v, u] != i:
                    light = lightness[labels[v, u]]
                    border[i] += 1
                    length[i, side] += 1
                    gray[i, side] += light
                    place = min(max(light / 100 * bins - 0.5, 0), bins - 1.001)
                    low = int(place)
                    histogram[i, low] += 1 - (place - low)
                    histogram[i, low + 1] += place - low
    out = np.zeros((count, 9 + bins), np.float32)
    for i in range(1, count):
        area = moments[i, 0]
        if area == 0:
            continue
        x, y = moments[i, 1] / area, moments[i, 2] / area
        # A pixel is a square, not a point, so it adds 1/12.
        xx, yy, xy = moments[i, 3] / area - x * x + 1 / 12, moments[i, 4] / area - y * y + 1 / 12, moments[i, 5] / area
        xy -= x * y
        turn = np.sqrt((xx - yy) ** 2 / 4 + xy * xy)
        major, minor = (xx + yy) / 2 + turn, max((xx + yy) / 2 - turn, 1e-3)
        inside = max(length[i].sum(), 1)
        out[i, 0] = lightness[i]
        out[i, 1] = np.log(area / (height * width)) / 2
        out[i, 2] = np.log(major / minor) / 2
        out[i, 3] = np.log(max(border[i], 1) ** 2 / (16 * area)) / 2
        out[i, 4] = np.log(4 * np.pi * np.sqrt(major * minor) / area)
        out[i, 5] = edge[i] / max(border[i], 1)
        for side in range(3):
            out[i, 6 + side] = gray[i, side] / length[i, side] if length[i, side] > 0 else gray[i].sum() / inside
        for k in range(bins):
            out[i, 9 + k] = histogram[i, k] / inside
    return out
