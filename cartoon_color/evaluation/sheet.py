"""Pictures beside each other with their names: frames of the film that compares, and grids."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from cartoon_color.frames import RGB

STRIP = 20
"""Height of the line with the name, in pixels."""
TILE_HEIGHT = 180
MOST_MOMENTS = 12


def tile(rgb: RGB) -> RGB:
    """A picture at the height of the sheet; an even width."""
    height, width = rgb.shape[:2]
    wide = max(2, round(TILE_HEIGHT * width / height / 2) * 2)
    return np.asarray(cv2.resize(rgb, (wide, TILE_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def label(name: str, width: int) -> RGB:
    """A white strip with a name, made narrower to fit."""
    strip = np.full((STRIP, width, 3), 255, np.uint8)
    scale = 0.45
    needed = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
    scale *= min(1, (width - 6) / max(1, needed))
    cv2.putText(strip, name, (3, STRIP - 6), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def mosaic(names: Sequence[str], tiles: Sequence[RGB]) -> RGB:
    """All in about a square, each under its name; what is left over stays white."""
    columns = int(np.ceil(np.sqrt(len(tiles))))
    cells = [
        np.concatenate([label(name, picture.shape[1]), picture]) for name, picture in zip(names, tiles, strict=True)
    ]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    rows = [np.concatenate(cells[start : start + columns], axis=1) for start in range(0, len(cells), columns)]
    return np.concatenate(rows)


class Moments:
    """Keeps evenly spaced moments of a film of unknown length, `MOST_MOMENTS` at most."""

    def __init__(self) -> None:
        self._kept: list[list[RGB]] = []
        self._stride = 1
        self._seen = 0

    def add(self, tiles: Sequence[RGB]) -> None:
        """The tiles of the next frame."""
        if self._seen % self._stride == 0:
            self._kept.append(list(tiles))
            if len(self._kept) > MOST_MOMENTS:
                self._kept = self._kept[::2]
                self._stride *= 2
        self._seen += 1

    def grid(self, names: Sequence[str]) -> RGB:
        """A row for each moment, a column for each name (as the thesis's Figures 8.3 to 8.5 and B.1 to B.5)."""
        header = np.concatenate(
            [label(name, part.shape[1]) for name, part in zip(names, self._kept[0], strict=True)], 1
        )
        return np.concatenate([header, *(np.concatenate(tiles, axis=1) for tiles in self._kept)])
