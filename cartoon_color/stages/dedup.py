"""Frames that repeat: those that a data set can do without, and those whose colors can be used again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import cv2
from numpy.typing import NDArray

from cartoon_color.config import HeldSettings
from cartoon_color.frames import Frame, Luma
from cartoon_color.video import Planes


def squared_difference(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Mean squared difference of two pictures of the same shape and type, over pixels and channels (thesis eq. 4.1).

    The thesis sums over pixel locations and doesn't say how the channels enter; here they enter as a mean, so t = 20
    means the same for RGB, for luma, and for gray pictures.
    """
    return float(cv2.norm(one, other, cv2.NORM_L2SQR)) / one.size


class UniqueFrames:
    """Tells which pictures of a sequence differ from the last one kept (thesis 4.1.2, eq. 4.1).

    Comparing to the last kept picture, not to the last picture, lets small changes add up until they count.
    """

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._last: NDArray[Any] | None = None

    def consider(self, picture: NDArray[Any]) -> tuple[bool, float | None]:
        """Whether to keep `picture`, and its distance to the last one kept; None, and kept, for the first.

        Args:
            picture: (H, W) or (H, W, C), uint8 or uint16, all of a sequence alike; must not change afterwards.
        """
        if self._last is None:
            self._last = picture
            return True, None
        distance = squared_difference(picture, self._last)
        if distance > self.threshold:
            self._last = picture
            return True, distance
        return False, distance


class UniquePictures:
    """As `UniqueFrames`, in RGB, which takes long to make: only where planes don't tell that a picture is a duplicate.

    So decisions are those of the thesis, and so are the distances of what is kept. The distance of a duplicate may be
    given as a bound that is below the threshold.
    """

    def __init__(self, threshold: float) -> None:
        self._frames = UniqueFrames(threshold)
        self._last: Planes | None = None

    def consider(self, picture: Planes) -> tuple[bool, float | None]:
        """Whether to keep `picture`, and its distance to the last one kept, or a bound on it; None for the first."""
        if self._last is not None:
            most = picture.greatest_difference(self._last)
            if most <= self._frames.threshold:
                return False, most
        keep, distance = self._frames.consider(picture.rgb)
        if keep:
            self._last = picture
        return keep, distance


class MarkHeld:
    """Marks the frames that show the same drawing as a frame before, so that it is colored once.

    A frame is held when no block of 16x16 pixels differs from the first frame of its drawing by a mean squared luma
    difference of more than 64 (8-bit codes). The worst block decides, since a mouth that moves on a still picture is
    lost in a mean over the picture; the first frame is compared to, so a slow fade does not creep through. A cut always
    begins a drawing.

    Measured: in screen captures ("Drascula", "Flight of the Amazon Queen") the worst block changes by less than 0.5
    between held frames, with a few up to 32 where the codec refreshes, and by more than 256 in 9 of 10 real changes. In
    "Popeye the Sailor Meets Sindbad the Sailor", part 2, grain and codec change held frames by 8 to 150, real changes
    begin at 200; of about 300 held frames in 1,000, a threshold of 128 finds 255, 64 finds 104. 64 is the default all
    the same, since what is missed is only colored once more, while at 128 an edge of little contrast (20 codes) could
    move by 4 pixels away from its color; at 64 by 2. An eye of 2x4 pixels that closes at a contrast of 100 gives 310.
    On three episodes of the toy show 64 finds all 497 held frames and takes 3 others for held, 128 takes 13.
    """

    lookahead = 0

    def __init__(self, settings: HeldSettings | None = None, *, bit_depth: int = 8) -> None:
        self.settings = settings or HeldSettings()
        self.threshold = self.settings.threshold * 4.0 ** (bit_depth - 8)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield the same frames, `drawing` set."""
        first: Frame | None = None
        for frame in frames:
            if first is None or frame.shot != first.shot or not self._same_drawing(first.luma, frame.luma):
                first = frame
            yield frame.with_(drawing=first.index)

    def _same_drawing(self, one: Luma, other: Luma) -> bool:
        return worst_block(one, other, self.settings.block) <= self.threshold


def worst_block(one: Luma, other: Luma, block: int = 16) -> float:
    """Greatest mean squared difference of a block, in squared codes.

    Blocks tile (H, W) from the upper left; where `block` does not divide a side, the last ones overlap their neighbors.
    """
    difference = cv2.absdiff(one, other)
    squared = cv2.multiply(difference, difference, dtype=cv2.CV_32F)
    height, width = one.shape
    return max(
        # A whole reduction factor is what makes INTER_AREA fast.
        float(cv2.resize(squared[rows, columns], (across, down), interpolation=cv2.INTER_AREA).max())
        for (rows, down), (columns, across) in product(_tiles(height, block), _tiles(width, block))
    )


def _tiles(length: int, block: int) -> list[tuple[slice, int]]:
    """Slices of `length` that together cover it, and how many blocks each holds."""
    if length <= block:
        return [(slice(0, length), 1)]
    tiles = [(slice(0, length - length % block), length // block)]
    if length % block:
        tiles.append((slice(length - block, length), 1))
    return tiles
