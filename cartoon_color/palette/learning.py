"""The paints of a show from its color pictures.

Cels were painted with a few dozen paints, so the colors of flat areas gather around as many peaks. The peaks are found
by climbing the smoothed histogram of the colors (mean shift, Comaniciu and Meer 2002, with the histogram's cells for
samples); those that an eye takes for one paint are merged, by CIEDE2000. A paint has the color of its peak, not the
mean of all that was assigned to it, since shades and fades would make that muddy. For the same reason, where there are
too many, a peak weighs what lies close to it: paints gather, shades and fades spread.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from cartoon_color.color import Float, rgb_to_lab
from cartoon_color.config import PaletteSettings
from cartoon_color.errors import InputError
from cartoon_color.frames import RGB
from cartoon_color.metrics import ciede2000_differences
from cartoon_color.palette.paints import Paint, Palette

MOST_PICTURES = 4096
"""Of a show that are looked at; more are thinned out."""
_FLAT = 12
"""Codes between the least and the greatest of 3x3 pixels, in each of R', G', B', up to which the middle one is flat."""
_EVERY = 2
"""Of rows and columns; neighbors in flat areas tell little new."""
_SMOOTHING = 1.5
"""Standard deviation, in units of CIELAB, of what the histogram is smoothed with."""
_PEAK = 2.0
"""Units of CIELAB around a peak over which its color is averaged."""
_LEAST_SHARE = 5e-4
"""Of the flat area; what covers less is no paint."""
_AB_REACH = 128
"""a and b of sRGB lie within this."""

_WORDS = {
    "black": (22, 20, 22), "dark gray": (80, 80, 82), "gray": (135, 135, 135), "light gray": (195, 195, 195),
    "white": (248, 248, 246), "cream": (246, 232, 205), "beige": (198, 182, 162), "tan": (205, 165, 115),
    "brown": (125, 80, 50), "dark brown": (65, 42, 30), "dark red": (120, 30, 35), "red": (205, 45, 45),
    "orange": (235, 140, 55), "gold": (225, 172, 60), "yellow": (248, 212, 85), "olive": (115, 110, 55),
    "light green": (160, 205, 130), "green": (85, 150, 70), "dark green": (35, 75, 45), "teal": (45, 135, 130),
    "light blue": (160, 205, 235), "blue": (65, 110, 185), "dark blue": (35, 45, 90), "purple": (125, 70, 130),
    "pink": (240, 155, 160),
}  # fmt: skip
"""Typical sRGB of the words that paints are named with."""


def learn(
    pictures: Iterable[RGB],
    *,
    paints: int = PaletteSettings().paints,
    apart: float = PaletteSettings().apart,
) -> Palette:
    """The paints of the flat areas of a show's pictures, the largest first.

    Memory does not grow with the number of pictures.

    Args:
        pictures: (H, W, 3) each, in color; of any sizes.
        paints: Most paints to be told apart.
        apart: CIEDE2000 below which two paints are one.

    Raises:
        SettingsError: A setting is out of range.
        InputError: There are no pictures, or nothing in them is flat.
    """
    settings = PaletteSettings(paints, apart)
    counts = np.zeros(1 << 24, np.uint32)
    for picture in pictures:
        sample = _flat(picture)[::_EVERY, ::_EVERY]
        red, green, blue = picture[::_EVERY, ::_EVERY][sample].astype(np.uint32).T
        found, times = np.unique((red << 16) | (green << 8) | blue, return_counts=True)
        counts[found] += times.astype(np.uint32)
    codes = np.flatnonzero(counts)
    if not len(codes):
        raise InputError(
            "no paints can be learned, since the pictures have no flat areas; give color pictures of a show"
        )
    rgb = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1).astype(np.uint8)
    area = counts[codes] / counts.sum(dtype=np.float64)
    peaks, shares = _merge(*_peaks(rgb, area), settings)
    order = np.argsort(-shares, kind="stable")
    colors = [(int(red), int(green), int(blue)) for red, green, blue in peaks[order]]
    return Palette(tuple(map(Paint, _names(peaks[order]), colors, shares[order].round(5).tolist())))


def _flat(picture: RGB) -> NDArray[np.bool_]:
    """(H, W), whether a pixel and its neighbors have the same color but for grain: no line, no seam."""
    window = np.ones((3, 3), np.uint8)
    red, green, blue = cv2.split(cv2.morphologyEx(picture, cv2.MORPH_GRADIENT, window))
    return np.asarray(cv2.max(cv2.max(red, green), blue) <= _FLAT)


def _peaks(rgb: RGB, area: NDArray[np.float64]) -> tuple[RGB, NDArray[np.float64], NDArray[np.float64]]:
    """Peaks of the histogram of colors, (M, 3), with their weights and areas as `_merge` takes them.

    Args:
        rgb: (N, 3), all different.
        area: (N,), sums to 1.
    """
    lab = rgb_to_lab(rgb)
    shape = (101, 2 * _AB_REACH + 1, 2 * _AB_REACH + 1)
    origin = np.array([0, _AB_REACH, _AB_REACH])
    cells = np.ravel_multi_index(tuple((np.rint(lab).astype(np.intp) + origin).T), shape)
    filled = np.bincount(cells, area, math.prod(shape)).astype(np.float32)
    density = gaussian_filter(filled.reshape(shape), _SMOOTHING, mode="constant").ravel()

    occupied, member = np.unique(cells, return_inverse=True)
    place = np.stack(np.unravel_index(occupied, shape), axis=-1)
    number = np.full(density.size, -1, np.int32)
    number[occupied] = np.arange(len(occupied))
    uphill = np.arange(len(occupied))
    for step in product((-1, 0, 1), repeat=3):
        beside = np.clip(place + step, 0, np.array(shape) - 1)
        neighbor = number[np.ravel_multi_index(tuple(beside.T), shape)]
        higher = (neighbor >= 0) & (density[occupied[neighbor]] > density[occupied[uphill]])
        uphill[higher] = neighbor[higher]
    while (uphill[uphill] != uphill).any():
        uphill = uphill[uphill]

    tops, basin = np.unique(uphill[member], return_inverse=True)
    distance = np.linalg.norm(lab - (place[tops] - origin)[basin], axis=1)
    near = area * (distance <= _PEAK)
    weight = np.bincount(basin, near).astype(np.float64)
    summed = np.stack([np.bincount(basin, near * channel) for channel in rgb.T], axis=-1)
    return np.rint(summed / weight[:, None]).astype(np.uint8), weight, np.bincount(basin, area).astype(np.float64)


def _merge(
    peaks: RGB, weights: NDArray[np.float64], areas: NDArray[np.float64], settings: PaletteSettings
) -> tuple[RGB, NDArray[np.float64]]:
    """Of peaks those that are paints of their own, with the areas of what was merged into them.

    First, from the heaviest on, each joins the nearest paint that is not `apart`. Then, while there are too many, the
    two whose merging changes colors least (weight times squared difference, as in Ward's method) become one. The
    heavier gives the color.

    Args:
        peaks: (M, 3).
        weights: (M,), area whose color is that of the peak.
        areas: (M,), area that belongs to the peak.
        settings: How many, and how far apart.
    """
    order = np.argsort(-weights, kind="stable")
    lab = rgb_to_lab(peaks)
    chosen: list[int] = []
    total = np.zeros((len(peaks), 2))  # weight, area
    for one in order:
        distance = _differences(lab[[one]], lab[chosen])[0] if chosen else np.array([np.inf])
        joined = chosen[distance.argmin()] if distance.min() < settings.apart else one
        if joined == one:
            if areas[one] < _LEAST_SHARE:
                continue
            chosen.append(one)
        total[joined] += weights[one], areas[one]
    kept = np.array(chosen)
    squared = _differences(lab[kept], lab[kept]).astype(np.float64) ** 2
    np.fill_diagonal(squared, np.inf)
    while len(kept) > settings.paints:
        weight = total[kept, 0]
        cost = squared * weight * weight[:, None] / (weight + weight[:, None])
        pair = np.unravel_index(cost.argmin(), cost.shape)
        lighter, heavier = sorted(pair, key=lambda one: weight[one])
        total[kept[heavier]] += total[kept[lighter]]
        kept = np.delete(kept, lighter)
        squared = np.delete(np.delete(squared, lighter, axis=0), lighter, axis=1)
    return peaks[kept], total[kept, 1]


def _differences(first: Float, second: Float) -> Float:
    """CIEDE2000 of each color to each: (M, 3) and (N, 3) to (M, N)."""
    shape = (len(first), len(second), 3)
    return ciede2000_differences(np.broadcast_to(first[:, None], shape), np.broadcast_to(second, shape))


def _names(colors: RGB) -> list[str]:
    """A name for each of (K, 3) colors: the nearest of some words, and a number, such as "light blue 2"."""
    words = list(_WORDS)
    typical = rgb_to_lab(np.array(list(_WORDS.values()), np.uint8))
    distance = _differences(rgb_to_lab(colors), typical)
    used: Counter[str] = Counter()
    names = []
    for nearest in distance.argmin(axis=1):
        used[words[nearest]] += 1
        names.append(f"{words[nearest]} {used[words[nearest]]}")
    return names
