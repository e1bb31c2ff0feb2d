"""The color of a shot's large tracks over time: a row for each, in which flicker is seen as stripes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import RGB, Chroma
from cartoon_color.regions import Labels
from cartoon_color.video import paint

ROWS = 20
"""Most tracks that are shown."""
MARGIN = 48
"""Pixels left of the rows, for the number of a track and its color in the picture of the regions."""
_LEAST = 1e-3
"""Of the picture; what is smaller in a drawing is left out."""
_COLUMNS = 900
"""Most drawings that are kept; of more, every second, fourth, ... is."""
_WIDEST = 24
"""Pixels of a drawing."""
_HEIGHT, _GAP = 14, 4
"""Pixels of a row and between rows."""


class Timeline:
    """Gathers the mean color of each large track in each drawing of a shot."""

    def __init__(self) -> None:
        self.drawings = 0
        self._columns: list[tuple[NDArray[np.int32], Chroma]] = []
        self._stride = 1
        self._area: dict[int, float] = {}
        self._luma: dict[int, float] = {}

    def add(self, tracks: Labels, luma: NDArray[np.uint8], chroma: Chroma) -> None:
        """The next drawing: tracks (h, w), 0 for none; luma (h, w) in full range; the a, b it is shown in (h, w, 2)."""
        numbers, place, area = np.unique(tracks, return_inverse=True, return_counts=True)
        sums = [np.bincount(place.ravel(), plane.ravel()) for plane in (luma, *cv2.split(chroma))]
        large = (area >= _LEAST * tracks.size) & (numbers > 0)
        for number, pixels, light in zip(
            numbers[large].tolist(), area[large].tolist(), sums[0][large].tolist(), strict=True
        ):
            self._area[number] = self._area.get(number, 0) + pixels
            self._luma[number] = self._luma.get(number, 0) + light
        if self.drawings % self._stride == 0:
            ab = np.stack(sums[1:], axis=-1)[large] / area[large, None]
            self._columns.append((numbers[large], ab.astype(np.float32)))
            if len(self._columns) > _COLUMNS:
                self._columns = self._columns[::2]
                self._stride *= 2
        self.drawings += 1

    def rows(self) -> list[int]:
        """The tracks with the largest area in all drawings, the largest first."""
        return sorted(self._area, key=lambda number: (-self._area[number], number))[:ROWS]

    def cells(self) -> tuple[RGB, NDArray[np.bool_]]:
        """The color of each row in each drawing, (rows, drawings, 3), and whether the track is seen there.

        All drawings of a row have one luma, the track's mean, so only chroma makes stripes.
        """
        rows = self.rows()
        ab = np.zeros((len(rows), len(self._columns), 2), np.float32)
        seen = np.zeros(ab.shape[:2], np.bool_)
        place = {number: row for row, number in enumerate(rows)}
        for column, (numbers, means) in enumerate(self._columns):
            for number, mean in zip(numbers.tolist(), means, strict=True):
                if number in place:
                    ab[place[number], column] = mean
                    seen[place[number], column] = True
        luma = np.array([self._luma[number] / self._area[number] for number in rows])
        codes = np.repeat(np.rint(luma).astype(np.uint8)[:, None], len(self._columns), axis=1)
        return (paint(codes, ab) if ab.size else np.zeros((*seen.shape, 3), np.uint8)), seen

    def draw(self, width: int, shown: int, swatches: RGB) -> RGB:
        """The rows, `width` pixels wide, with a mark above the drawing that the shot's picture shows.

        Args:
            width: Of the picture.
            shown: Position of that drawing in the shot, from 0.
            swatches: (rows, 3), the color of each row's track in the picture of the regions.
        """
        cells, seen = self.cells()
        number = len(self._columns)
        plot = min(width - MARGIN, number * _WIDEST)
        columns = np.arange(plot) * number // plot
        picture = np.full(((len(cells) + 1) * (_HEIGHT + _GAP), width, 3), 255, np.uint8)
        for row in range(len(cells)):
            top = (row + 1) * (_HEIGHT + _GAP)
            line = picture[top : top + _HEIGHT, MARGIN : MARGIN + plot]
            line[_HEIGHT // 2] = 200  # where the track isn't seen
            line[:, seen[row, columns]] = cells[row, columns][seen[row, columns]]
            picture[top : top + _HEIGHT, 26 : MARGIN - 6] = swatches[row]
            cv2.putText(picture, str(row + 1), (3, top + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        middle = MARGIN + int((min(shown // self._stride, number - 1) + 0.5) * plot / number)
        mark = np.array([[middle - 5, 6], [middle + 5, 6], [middle, 15]], np.int32)
        return np.asarray(cv2.fillConvexPoly(picture, mark, (0, 0, 0), cv2.LINE_AA), np.uint8)
