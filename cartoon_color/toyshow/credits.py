"""Title cards: bluish white text on saturated blue, as in the thesis (section 4.1.3, figure 4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.toyshow.canvas import SAMPLES, Canvas, PartList
from cartoon_color.toyshow.paints import PAINTS
from cartoon_color.toyshow.shapes import Piece, box

PROFILE: Final = {
    "background_hue": [190, 260],
    "background_saturation": 250,
    "background_share": 0.8,
    "text_hue": [190, 250],
    "text_saturation": 120,
}
"""How the thesis recognizes credits: hue in degrees, saturation of 255 (section 4.1.3); every card here fits."""

_SHARE = 0.72
"""Of the card's width that its longest line takes."""


@dataclass(frozen=True, slots=True)
class Card:
    """A title card."""

    lines: tuple[str, ...]

    def canvas(self, size: tuple[int, int], parts: PartList) -> Canvas:
        """The card, `size` (width, height) in samples: text centered on blue."""
        width, height = size
        canvas = Canvas.blank(size, 1.0)
        canvas.draw([Piece("card background", box(-1, -1, width + 1, height + 1), "card blue", 0)], parts)
        text = parts.number(Piece("card text", box(0, 0, 1, 1), "card white", 0))
        mask = np.zeros((height, width), np.uint8)
        for n, line in enumerate(self.lines):
            _write(mask, line, height * (0.5 + 0.17 * (n - (len(self.lines) - 1) / 2)), large=n == 0)
        canvas.picture[mask > 127] = PAINTS["card white"]
        canvas.labels[mask > 127] = text
        return canvas


def _write(mask: NDArray[np.uint8], line: str, middle: float, *, large: bool) -> None:
    height, width = mask.shape
    font = cv2.FONT_HERSHEY_COMPLEX
    (full, tall), _ = cv2.getTextSize(line, font, 1.0, SAMPLES)
    scale = min(_SHARE * width / full, height * (0.085 if large else 0.055) / tall)
    (full, tall), _ = cv2.getTextSize(line, font, scale, SAMPLES)
    cv2.putText(mask, line, ((width - full) // 2, round(middle + tall / 2)), font, scale, 255, SAMPLES)
