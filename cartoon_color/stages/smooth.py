"""The stage that holds color along the motion within a shot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color import color
from cartoon_color.config import SmoothSettings
from cartoon_color.frames import Chroma, ColorRange, Frame, Luma
from cartoon_color.metrics import warp

Plane = NDArray[np.float32]
"""(h, w)."""

_LONGEST = 360
"""Pixels of the longer side, above which motion and color are followed at a half, a third, ... of the size."""
_ASTRAY = 1.5
"""Pixels that flow forth and back may end beside where it began."""
_RANGE = (5, 95)
"""Percentiles of gray that are brought together before motion is looked for, so that fades don't hide it."""


@dataclass(eq=False, slots=True)
class _Drawing:
    """A drawing in the window, at the size at which it is followed; motion is that to the drawing before it."""

    index: int
    gray: NDArray[np.uint8]
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

    to_last: NDArray[np.float32]
    """(h, w, 2) pixels: where in the last drawing each pixel was."""
    from_last: NDArray[np.float32]
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

    def __init__(self, settings: SmoothSettings | None = None, *, bit_depth: int, color_range: ColorRange) -> None:
        self.settings = settings or SmoothSettings()
        self.bit_depth = bit_depth
        self.color_range = color_range
        self.lookahead = self.settings.frames
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with steadier chroma.

        Raises:
            ValueError: A frame has no chroma.
        """
        for _, shot in groupby(frames, key=lambda frame: frame.shot):
            yield from self._shot(shot)

    def _shot(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        window: list[_Drawing] = []
        last: _Drawing | None = None
        shown: Chroma | None = None  # of the last drawing, if it left the window
        waiting = 0
        for frame in frames:
            if last is None or frame.drawing != last.index:
                last = self._drawing(frame, last)
                window.append(last)
            elif not window:
                yield frame.with_(chroma=shown)
                continue
            last.frames.append(frame.with_(chroma=None))  # at full size it would fill the memory
            waiting += 1
            if waiting >= self.lookahead or len(window) >= self.settings.drawings:
                half = (len(window) + 1) // 2
                for drawing, small in zip(window[:half], self._decided(window, half), strict=True):
                    waiting -= len(drawing.frames)
                    shown = _stretched(small, drawing.frames[0])
                    yield from (held.with_(chroma=shown) for held in drawing.frames)
                    drawing.frames.clear()
                del window[:half]
        for drawing, small in zip(window, self._decided(window, len(window)), strict=True):
            shown = _stretched(small, drawing.frames[0])
            yield from (held.with_(chroma=shown) for held in drawing.frames)

    def _drawing(self, frame: Frame, last: _Drawing | None) -> _Drawing:
        if frame.chroma is None:
            raise ValueError(f"frame {frame.index} has no chroma")
        height, width = frame.luma.shape
        part = -(-max(height, width) // _LONGEST)
        size = max(1, width // part), max(1, height // part)
        luma = cast("Luma", cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA))
        lightness = color.luma_to_lightness(luma, self.bit_depth, self.color_range)
        gray = np.asarray(np.rint(cv2.GaussianBlur(lightness, (3, 3), 0) * 2.55), np.uint8)
        chroma = np.asarray(cv2.resize(frame.chroma, size, interpolation=cv2.INTER_AREA), np.float32)
        if last is None:
            return _Drawing(frame.drawing, gray, chroma, chroma, np.ones_like(lightness))
        motion = self._motion(gray, last.gray)
        mean, count = self._mixed(chroma, last.forward, last.count, motion.to_last, motion.like_last)
        return _Drawing(frame.drawing, gray, chroma, mean, count, motion)

    def _motion(self, gray: NDArray[np.uint8], last: NDArray[np.uint8]) -> _Motion:
        gain = _gain(last, gray)
        last = _as_bright(last, gray, gain)
        if min(gray.shape) < 16:  # too small for flow
            still = np.zeros((*gray.shape, 2), np.float32)
            likeness = self._likeness(gray, last, still, still)
            return _Motion(still, still, likeness * min(1, 1 / gain), likeness * min(1, gain))
        empty = np.empty(0, np.float32)
        to_last = np.asarray(self._flow.calc(gray, last, empty), np.float32)
        from_last = np.asarray(self._flow.calc(last, gray, empty), np.float32)
        return _Motion(
            to_last,
            from_last,
            # Colors guessed from the dark end of a fade are poor, and count less in the bright one.
            self._likeness(gray, last, to_last, from_last) * np.float32(min(1, 1 / gain)),
            self._likeness(last, gray, from_last, to_last) * np.float32(min(1, gain)),
        )

    def _likeness(
        self, gray: NDArray[np.uint8], other: NDArray[np.uint8], flow: NDArray[Any], back: NDArray[Any]
    ) -> Plane:
        difference = (gray - warp(other, flow)) / self.settings.likeness
        x, y = cv2.split(flow + warp(back, flow))
        return np.asarray(np.exp(-np.square(difference)) * (x * x + y * y < _ASTRAY**2), np.float32)

    def _mixed(
        self, chroma: Chroma, mean: Chroma, count: Plane, flow: NDArray[Any], likeness: Plane
    ) -> tuple[Chroma, Plane]:
        """The mean continued by one drawing, and its count."""
        weight = likeness * warp(np.minimum(count, self.settings.memory), flow)
        total = 1 + weight
        return _times(chroma + _times(warp(mean, flow), weight), np.reciprocal(total)), total

    def _decided(self, window: list[_Drawing], number: int) -> list[Chroma]:
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
                both = _times(drawing.forward, drawing.count) + _times(backward, count) - drawing.chroma
                decided.append(_times(both, np.reciprocal(drawing.count + count - 1)))
        return decided[::-1]


def _stretched(chroma: Chroma, frame: Frame) -> Chroma:
    height, width = frame.luma.shape
    return np.asarray(cv2.resize(chroma, (width, height)), np.float32)


def _times(chroma: Chroma, weight: Plane) -> Chroma:
    """Both channels by one weight; NumPy's broadcasting takes several times as long."""
    return np.asarray(cv2.multiply(chroma, cv2.merge([weight, weight])), np.float32)


def _gain(picture: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """How many times wider the range of gray is in `other`; 1 if either has none."""
    ranges = [float(np.ptp(np.percentile(each[::4, ::4], _RANGE))) for each in (picture, other)]
    return ranges[1] / ranges[0] if min(ranges) > 1 else 1.0


def _as_bright(picture: NDArray[np.uint8], other: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """`picture` with the range of gray that `other` has."""
    low, least = (np.percentile(each[::4, ::4], _RANGE[0]) for each in (picture, other))
    table = np.clip(np.rint((np.arange(256) - low) * gain + least), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table))
