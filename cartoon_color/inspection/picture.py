"""The picture of a shot: what each step made of one drawing, and the timeline of its tracks."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.compare import label, tile
from cartoon_color.evaluation.sheet import mosaic
from cartoon_color.frames import RGB, Chroma
from cartoon_color.inspection.timeline import Timeline
from cartoon_color.regions import Labels
from cartoon_color.stages.vote import Voted
from cartoon_color.video import paint

HEIGHT = 240
"""Of each step, in pixels."""
NAMES = ("input", "network", "regions", "voted", "smoothed", "confidence (dark: 0, yellow: 1)")
_NARROWEST = 640
"""Pixels; room for the titles of upright films."""
_NOTHING = 128
"""Gray where nothing is drawn."""


def draw_shot(
    titles: tuple[str, str],
    voted: Voted,
    luma: NDArray[np.uint8],
    chroma: Chroma,
    timeline: Timeline,
    shown: int,
    sample_aspect: Fraction,
) -> RGB:
    """Six views of a drawing, each under its name, above the timeline of its shot.

    Args:
        titles: Above the views, and above the timeline.
        voted: What the vote made of the drawing, (h, w).
        luma: (h, w) in full range.
        chroma: (h, w, 2), in which the drawing is shown in the end.
        timeline: Of the shot.
        shown: Position of the drawing in the shot, from 0.
        sample_aspect: Width of a sample over its height.
    """
    views = (
        cv2.merge([luma] * 3),
        paint(luma, voted.network),
        _regions(voted, luma),
        paint(luma, voted.chroma),
        paint(luma, chroma),
        _confidence(voted),
    )
    tiles = [tile(np.asarray(view, np.uint8), HEIGHT, sample_aspect) for view in views]
    rows = timeline.rows()
    _number(tiles[2], voted.tracks, rows)
    above = mosaic(NAMES, tiles)
    width = max(_NARROWEST, above.shape[1])
    above = np.pad(above, ((0, 0), (0, width - above.shape[1]), (0, 0)), constant_values=255)
    below = timeline.draw(width, shown, track_colors(np.array(rows, np.int64)))
    return np.concatenate([label(titles[0], width), above, label(titles[1], width), below])


def track_colors(numbers: NDArray[np.int64]) -> RGB:
    """A color for each track, (n, 3): the same whenever it is asked for, and unlike that of the tracks next to it."""
    colors = [
        # Steps of the golden ratio keep neighbors apart, however many there are.
        colorsys.hsv_to_rgb(number * 0.618034 % 1, 0.45 + 0.4 * (number * 0.381966 % 1), 0.95)
        for number in numbers.tolist()
    ]
    return np.rint(np.array(colors, np.float64).reshape(-1, 3) * 255).astype(np.uint8)


def _regions(voted: Voted, luma: NDArray[np.uint8]) -> RGB:
    """Each track in its color, and the outlines of the regions that the drawing alone has."""
    numbers, place = np.unique(voted.tracks, return_inverse=True)
    colors = track_colors(numbers.astype(np.int64))
    colors[numbers == 0] = _NOTHING
    shade = 0.6 + 0.4 * luma[..., None] / 255
    picture = np.rint(colors[place.reshape(voted.tracks.shape)] * shade).astype(np.uint8)
    labels = voted.regions
    outline = np.zeros(labels.shape, np.bool_)
    outline[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    outline[1:] |= labels[1:] != labels[:-1]
    picture[outline] = 0
    return picture


def _confidence(voted: Voted) -> RGB:
    codes = np.rint(voted.confidence * 255).astype(np.uint8)
    picture = np.asarray(cv2.applyColorMap(codes, cv2.COLORMAP_VIRIDIS), np.uint8)[..., ::-1].copy()
    picture[voted.tracks == 0] = _NOTHING
    return picture


def _number(picture: RGB, tracks: Labels, rows: Sequence[int]) -> None:
    """Write the number of its row of the timeline into each track, where it is widest; in place."""
    height, width = picture.shape[:2]
    held = cv2.resize(tracks, (width, height), interpolation=cv2.INTER_NEAREST)
    for row, number in enumerate(rows, start=1):
        inside = np.pad((held == number).astype(np.uint8), 1)
        depth = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
        _, most, _, (x, y) = cv2.minMaxLoc(depth)
        if most > 4:
            left = x - 4 * len(str(row))
            for thickness, gray in ((3, 255), (1, 0)):
                cv2.putText(
                    picture,
                    str(row),
                    (left, y + 4),
                    cv2.FONT_HERSHEY_SIMPLEX,
                    0.45,
                    (gray,) * 3,
                    thickness,
                    cv2.LINE_AA,
                )
