"""The stage that gives tracks of regions the colors that the user says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

import numpy as np

from cartoon_color.color import resize_chroma
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.regions import Labels
from cartoon_color.stages.follow import FollowRegions

Colors = Mapping[int, tuple[float, float]]
"""CIELAB a, b by the number of a track."""


class Correct:
    """Paints tracks in one color each, over all that the stages before said; in fades, in what light is left.

    Tracks are numbered within their shot, as `FollowRegions` does that is made for it; held frames share the chroma of
    their drawing, and shots without corrections pass unchanged.
    """

    lookahead = 0

    def __init__(self, colors: Mapping[int, Colors], *, bit_depth: int, color_range: ColorRange) -> None:
        """`colors` by the number of the shot."""
        self.colors = colors
        self.bit_depth = bit_depth
        self.color_range = color_range

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with the tracks' colors.

        Raises:
            ValueError: A frame has no chroma.
        """
        for number, shot in groupby(frames, key=lambda frame: frame.shot):
            colors = self.colors.get(number)
            if colors:
                yield from self._shot(shot, colors)
            else:
                yield from shot

    def _shot(self, frames: Iterator[Frame], colors: Colors) -> Iterator[Frame]:
        follow = FollowRegions(bit_depth=self.bit_depth, color_range=self.color_range)
        last = None
        for _, drawing in groupby(frames, key=lambda frame: frame.drawing):
            chroma = None
            for frame in drawing:
                if chroma is None:
                    found = follow(frame, last)
                    last = found.gray
                    chroma = _painted(frame, found.held, colors)
                yield frame.with_(chroma=chroma)


def _painted(frame: Frame, tracks: Labels, colors: Colors) -> Chroma:
    """The chroma of `frame` with the tracks' colors over it; edges are as soft as the smaller size makes them."""
    if frame.chroma is None:
        raise ValueError(f"frame {frame.index} has no chroma")
    over = np.zeros((*tracks.shape, 3), np.float32)
    for number, (a, b) in colors.items():
        over[tracks == number] = a * frame.light, b * frame.light, 1
    if not over[..., 2].any():
        return frame.chroma
    large = resize_chroma(over, frame.luma.shape)
    return np.asarray(resize_chroma(frame.chroma, frame.luma.shape) * (1 - large[..., 2:]) + large[..., :2], np.float32)
