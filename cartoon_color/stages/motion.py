"""Motion between drawings of a shot, at a reduced size: what the stages that follow it share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color import color
from cartoon_color.frames import Chroma, ColorRange, Frame, Luma
from cartoon_color.metrics import warp

Plane = NDArray[np.float32]
"""(h, w)."""
Gray = NDArray[np.uint8]
"""(h, w), lightness of a gray picture in 0..255."""
Flow = NDArray[np.float32]
"""(h, w, 2) pixels in x, y: where in another drawing each pixel is."""

LONGEST = 360
"""Pixels of the longer side, above which motion and color are followed at a half, a third, ... of the size."""
_ASTRAY = 1.5
"""Pixels that flow forth and back may end beside where it began."""
_MOST_WAITING = 32
"""Drawings whose motion waits for the second stage: as many as the first holds back, with some to spare."""
_RANGE = (5, 95)
"""Percentiles of gray that are brought together before motion is looked for, so that fades don't hide it."""


@dataclass(frozen=True, eq=False, slots=True)
class Motion:
    """From a drawing to the one before, and back."""

    to_last: Flow
    from_last: Flow
    last: Gray
    """The last drawing, as bright as this one."""
    gain: float
    """How many times wider the range of gray is than in the last drawing."""


def small_gray(frame: Frame, bit_depth: int, color_range: ColorRange) -> Gray:
    """A frame's lightness at the size at which motion is followed."""
    luma = cast("Luma", cv2.resize(frame.luma, small_size(frame), interpolation=cv2.INTER_AREA))
    lightness = color.luma_to_lightness(luma, bit_depth, color_range)
    return np.asarray(cv2.convertScaleAbs(lightness, alpha=2.55))


def without_grain(gray: Gray) -> Gray:
    """A little blurred, since grain doesn't move with what is drawn."""
    return np.asarray(cv2.GaussianBlur(gray, (3, 3), 0))


def small_size(frame: Frame) -> tuple[int, int]:
    """Width and height at which motion is followed."""
    height, width = frame.luma.shape
    part = -(-max(height, width) // LONGEST)
    return max(1, width // part), max(1, height // part)


class SharedMotion:
    """Motion between drawings that follow each other, estimated once for two stages that look at the same ones."""

    def __init__(self) -> None:
        self._estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._waiting: dict[int, Motion] = {}

    def __call__(self, drawing: int, gray: Gray, last: Gray) -> Motion:
        """From `drawing`, an index, to the one before; `gray` and `last` are theirs, without grain."""
        found = self._waiting.pop(drawing, None)
        if found is None:
            found = self._waiting[drawing] = motion(self._estimator, gray, last)
            if len(self._waiting) > _MOST_WAITING:
                del self._waiting[next(iter(self._waiting))]
        return found


def motion(estimator: cv2.DISOpticalFlow, gray: Gray, last: Gray) -> Motion:
    """Forth and back between two drawings, (h, w) each without grain; fades between them are evened out first."""
    gain = _gain(last, gray)
    last = as_bright(last, gray)
    return Motion(flow(estimator, gray, last), flow(estimator, last, gray), last, gain)


def flow(estimator: cv2.DISOpticalFlow, gray: Gray, other: Gray, near: Flow | None = None) -> Flow:
    """Where in `other` each pixel of `gray` is, looked for around `near`; pictures too small for it stand still."""
    if min(gray.shape) < 16:
        return np.zeros((*gray.shape, 2), np.float32)
    start = np.empty(0, np.float32) if near is None else near.copy()
    return np.asarray(estimator.calc(gray, other, start), np.float32)


def astray(forth: Flow, back: Flow) -> Plane:
    """Squared distance in pixels at which `forth`, and then `back`, end beside where they began."""
    x, y = cv2.split(forth + warp(back, forth))
    return np.asarray(x * x + y * y, np.float32)


def likeness(gray: Gray, other: Gray, forth: Flow, back: Flow, codes: float) -> Plane:
    """How much each pixel looks like where it is in `other`, (h, w) in 0..1.

    By 1/e where they differ by `codes`; 0 where flow forth and back don't meet (occlusion).
    """
    difference = (gray - warp(other, forth)) / np.float32(codes)
    return np.asarray(np.exp(-np.square(difference)) * (astray(forth, back) < _ASTRAY**2), np.float32)


def as_bright(picture: Gray, other: Gray) -> Gray:
    """`picture` with the range of gray that `other` has."""
    gain = _gain(picture, other)
    low, least = (np.percentile(each[::4, ::4], _RANGE[0]) for each in (picture, other))
    table = np.clip(np.rint((np.arange(256) - low) * gain + least), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table))


def stretched(chroma: Chroma, frame: Frame) -> Chroma:
    """`chroma` at the size of `frame`."""
    height, width = frame.luma.shape
    return np.asarray(cv2.resize(chroma, (width, height)), np.float32)


def times(chroma: NDArray[Any], weight: Plane) -> Chroma:
    """Both channels by one weight; NumPy's broadcasting takes several times as long."""
    return np.asarray(cv2.multiply(chroma, cv2.merge([weight, weight])), np.float32)


def _gain(picture: Gray, other: Gray) -> float:
    """How many times wider the range of gray is in `other`; 1 if either has none."""
    ranges = [float(np.ptp(np.percentile(each[::4, ::4], _RANGE))) for each in (picture, other)]
    return ranges[1] / ranges[0] if min(ranges) > 1 else 1.0
