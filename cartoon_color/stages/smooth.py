"""The stage that holds color along the motion within a shot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from cartoon_color.config import SmoothSettings
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.metrics import warp
from cartoon_color.stages.motion import (
    Flow,
    Gray,
    Plane,
    SharedMotion,
    likeness,
    small_gray,
    small_size,
    times,
    without_grain,
)
from cartoon_color.stages.window import color_by_windows


@dataclass(eq=False, slots=True)
class _Drawing:
    """A drawing in the window, at the size at which it is followed; motion is that to the drawing before it."""

    index: int
    gray: Gray
    chroma: Chroma
    forward: Chroma
    """Mean of the chroma up to here, along the motion."""
    count: Plane
    """Drawings in that mean, by their likeness."""
    motion: _Motion | None = None
    frames: list[Frame] = field(default_factory=list)


@dataclass(frozen=True, eq=False, slots=True)
class _Motion:
    """From a drawing to the one before, and back."""

    to_last: Flow
    from_last: Flow
    like_last: Plane
    """0..1: how much each pixel looks like where it came from; 0 where it was hidden."""
    like_next: Plane
    """The same of the last drawing's pixels, towards this drawing."""


class Smooth:
    """Replaces the color of each drawing by its mean along optical flow, forwards and backwards through the shot.

    Recursive in both directions, after the idea of Lang et al. 2012 (Practical Temporal Consistency for Image-Based
    Graphics Applications, filtering along flow paths); weights fall with the difference in luma, and are 0 where flow
    forth and back do not meet (occlusion). Held frames share the chroma of their drawing; nothing passes a cut.
    """

    def __init__(
        self,
        settings: SmoothSettings | None = None,
        *,
        bit_depth: int,
        color_range: ColorRange,
        shared: SharedMotion | None = None,
    ) -> None:
        """Choose how to smooth; `shared` is the motion that another stage of the same film looks at, too."""
        self.settings = settings or SmoothSettings()
        self.bit_depth = bit_depth
        self.color_range = color_range
        self.lookahead = self.settings.frames
        self._between = shared or SharedMotion()

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with steadier chroma.

        Raises:
            ValueError: A frame has no chroma.
        """
        settings = self.settings
        return color_by_windows(frames, self._drawing, self._decided, drawings=settings.drawings, most=settings.frames)

    def _drawing(self, frame: Frame, last: _Drawing | None) -> _Drawing:
        if frame.chroma is None:
            raise ValueError(f"frame {frame.index} has no chroma")
        gray = without_grain(small_gray(frame, self.bit_depth, self.color_range))
        chroma = np.asarray(cv2.resize(frame.chroma, small_size(frame), interpolation=cv2.INTER_AREA), np.float32)
        if last is None:
            return _Drawing(frame.drawing, gray, chroma, chroma, np.ones(gray.shape, np.float32))
        moved = self._motion(frame.drawing, gray, last.gray)
        mean, count = self._mixed(chroma, last.forward, last.count, moved.to_last, moved.like_last)
        return _Drawing(frame.drawing, gray, chroma, mean, count, moved)

    def _motion(self, drawing: int, gray: Gray, last: Gray) -> _Motion:
        found = self._between(drawing, gray, last)
        to_last, from_last, last, gain = found.to_last, found.from_last, found.last, found.gain
        codes = self.settings.likeness
        return _Motion(
            to_last,
            from_last,
            # Colors guessed from the dark end of a fade are poor, and count less in the bright one.
            likeness(gray, last, to_last, from_last, codes) * np.float32(min(1, 1 / gain)),
            likeness(last, gray, from_last, to_last, codes) * np.float32(min(1, gain)),
        )

    def _mixed(self, chroma: Chroma, mean: Chroma, count: Plane, flow: Flow, alike: Plane) -> tuple[Chroma, Plane]:
        """The mean continued by one drawing, and its count."""
        weight = alike * warp(np.minimum(count, self.settings.memory), flow)
        total = 1 + weight
        return times(chroma + times(warp(mean, flow), weight), np.reciprocal(total)), total

    def _decided(self, window: Sequence[_Drawing], number: int) -> list[Chroma]:
        """The chroma of the first `number` drawings."""
        decided: list[Chroma] = []
        backward, count, after = np.empty(0, np.float32), np.empty(0, np.float32), None
        for position in range(len(window) - 1, -1, -1):
            drawing = window[position]
            if after is None:
                backward, count = drawing.chroma, np.ones_like(drawing.count)
            else:
                backward, count = self._mixed(drawing.chroma, backward, count, after.from_last, after.like_next)
            after = drawing.motion
            if position < number:
                both = times(drawing.forward, drawing.count) + times(backward, count) - drawing.chroma
                decided.append(times(both, np.reciprocal(drawing.count + count - 1)))
        return decided[::-1]
