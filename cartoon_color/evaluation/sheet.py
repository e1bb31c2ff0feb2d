"""All inputs of a frame in one picture, and moments of a film in another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cartoon_color.compare import grid, label
from cartoon_color.frames import RGB

TILE_HEIGHT = 180
MOST_MOMENTS = 12


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
        return grid(names, self._kept)
