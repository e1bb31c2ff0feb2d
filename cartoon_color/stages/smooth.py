"""The stage that holds color along the motion within a shot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.config import SmoothSettings
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.regions.painted import even_out
from cartoon_color.stages.motion import (
    Flow,
    Gray,
    Plane,
    SharedMotion,
    around,
    likeness,
    small_chroma,
    small_gray,
    times,
    without_grain,
)
from cartoon_color.stages.window import Colored, color_by_windows


@dataclass(eq=False, slots=True)
class _Drawing:
    """A drawing in the window, at the size at which it is followed; motion is that to the drawing before it."""

    index: int
    gray: Gray
    chroma: Chroma
    flat: NDArray[np.uint16] | None
    given: NDArray[np.float16] | None
    light: float
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
    forth and back do not meet (occlusion). Flat regions are evened out afterwards, since their edges became soft, fades
    get their light, and what is given stays. Held frames share the chroma of their drawing; nothing passes a cut.
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
        bare = (frame.with_(description=None) for frame in frames)  # the largest part of what would wait
        return color_by_windows(bare, self._drawing, self._decided, drawings=settings.drawings, most=settings.frames)

    def _drawing(self, frame: Frame, last: _Drawing | None) -> _Drawing:
        chroma = small_chroma(frame)
        gray = without_grain(small_gray(frame, self.bit_depth, self.color_range))
        if last is None:
            once = np.ones(gray.shape, np.float32)
            return _Drawing(frame.drawing, gray, chroma, frame.flat, frame.given, frame.light, chroma, once)
        moved = self._motion(frame.drawing, gray, last.gray)
        memory = np.float32(self.settings.memory)
        mean, count = _continued(chroma, last.forward, last.count, moved.to_last, moved.like_last, memory)
        return _Drawing(frame.drawing, gray, chroma, frame.flat, frame.given, frame.light, mean, count, moved)

    def _motion(self, drawing: int, gray: Gray, last: Gray) -> _Motion:
        found = self._between(drawing, gray, last)
        codes, gain = self.settings.likeness, found.gain
        return _Motion(
            found.to_last,
            found.from_last,
            # Colors guessed from the dark end of a fade are poor, and count less in the bright one.
            likeness(found.change, codes) * np.float32(min(1, 1 / gain)),
            likeness(found.change_after, codes) * np.float32(min(1, gain)),
        )

    def _decided(self, window: Sequence[_Drawing], number: int) -> list[Colored]:
        """The color of the first `number` drawings."""
        decided: list[Colored] = []
        backward, count, after = np.empty(0, np.float32), np.empty(0, np.float32), None
        for position in range(len(window) - 1, -1, -1):
            drawing = window[position]
            if after is None:
                backward, count = drawing.chroma, np.ones_like(drawing.count)
            else:
                backward, count = _continued(
                    drawing.chroma, backward, count, after.from_last, after.like_next, np.float32(self.settings.memory)
                )
            after = drawing.motion
            if position < number:
                mean = _both(drawing.chroma, drawing.forward, drawing.count, backward, count)
                if drawing.flat is not None:
                    mean = even_out(mean, drawing.flat)
                mean *= np.float32(drawing.light)
                if drawing.given is not None:
                    mean += times(drawing.chroma - mean, drawing.given.astype(np.float32))
                decided.append(Colored(mean, light=drawing.light, given=drawing.given))
        return decided[::-1]


@njit(cache=True, nogil=True, error_model="numpy")
def _continued(
    chroma: Chroma, mean: Chroma, count: Plane, flow: Flow, alike: Plane, memory: np.float32
) -> tuple[Chroma, Plane]:
    """The mean continued by one drawing, and its count, of which `memory` drawings at most are remembered."""
    height, width = alike.shape
    new, total = np.empty_like(chroma), np.empty_like(alike)
    for y in range(height):
        for x in range(width):
            like = alike[y, x]
            if not like > 0:
                new[y, x, 0], new[y, x, 1], total[y, x] = chroma[y, x, 0], chroma[y, x, 1], 1
                continue
            left, right, top, bottom, one, two, three, four = around(
                np.float32(x) + flow[y, x, 0], np.float32(y) + flow[y, x, 1], width, height
            )
            weight = one * min(count[top, left], memory) + two * min(count[top, right], memory)
            weight += three * min(count[bottom, left], memory) + four * min(count[bottom, right], memory)
            weight *= like
            sum_of_weights = np.float32(1) + weight
            share = np.float32(1) / sum_of_weights
            total[y, x] = sum_of_weights
            for k in range(2):
                there = one * mean[top, left, k] + two * mean[top, right, k]
                there += three * mean[bottom, left, k] + four * mean[bottom, right, k]
                new[y, x, k] = (chroma[y, x, k] + weight * there) * share
    return new, total


@njit(cache=True, nogil=True, error_model="numpy")
def _both(chroma: Chroma, forward: Chroma, count: Plane, backward: Chroma, count_back: Plane) -> Chroma:
    """The mean of both directions, which the drawing itself is in."""
    mean = np.empty_like(chroma)
    for y in range(chroma.shape[0]):
        for x in range(chroma.shape[1]):
            one, other = count[y, x], count_back[y, x]
            for k in range(2):
                total = forward[y, x, k] * one + backward[y, x, k] * other - chroma[y, x, k]
                mean[y, x, k] = total / (one + other - np.float32(1))
    return mean
