"""The stage that colors dissolves: mixtures of two shots, by the colors of both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np

from cartoon_color import color
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.stages.motion import small_chroma, small_luma, times
from cartoon_color.stages.shots import REACH, share_of


class MixDissolves:
    """Gives a dissolve the mixture of two pictures: the last frame before it, and the first one after.

    What is mixed shows neither shot's regions, and tells a network little. But R'G'B' mixes as luma does, and how much
    of each picture is in the luma, least squares tell. Figures that go on moving meanwhile are colored where they stood
    at the ends. What is given stays; held frames share the chroma of their drawing. A dissolve that the film begins or
    ends with keeps the colors that it comes with.
    """

    lookahead = 2 * REACH - 1

    def __init__(self, *, bit_depth: int, color_range: ColorRange) -> None:
        self.bit_depth = bit_depth
        self.color_range = color_range

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with mixed chroma in dissolves.

        Raises:
            ValueError: A frame has no chroma.
        """
        before: Frame | None = None
        waiting: list[Frame] = []
        for frame in frames:
            if frame.mixed:
                waiting.append(frame)
                continue
            if waiting:
                yield from waiting if before is None else self._mixed(before, waiting, frame)
                waiting.clear()
            yield frame
            before = frame
        yield from waiting

    def _mixed(self, before: Frame, dissolve: Iterable[Frame], after: Frame) -> Iterator[Frame]:
        ends = small_luma(before), small_luma(after)
        lightness = np.stack([color.luma_to_lightness(each, self.bit_depth, self.color_range) for each in ends])
        one, other = (each.astype(np.float32) for each in ends)
        members = np.stack([small_chroma(each) for each in (before, after)])
        for _, drawing in groupby(dissolve, key=lambda frame: frame.drawing):
            chroma = None
            for frame in drawing:
                if chroma is None:
                    share = min(1.0, max(0.0, share_of(other, small_luma(frame).astype(np.float32), one)))
                    chroma = _kept(frame, color.mean_ab_in_rgb(lightness, members, (1 - share, share)))
                yield frame.with_(chroma=chroma)


def _kept(frame: Frame, mixed: Chroma) -> Chroma:
    """The mixed chroma, but for what is given."""
    if frame.given is None:
        return mixed
    return np.asarray(mixed + times(small_chroma(frame) - mixed, frame.given.astype(np.float32)), np.float32)
