"""Motion between drawings of a shot, at a reduced size: what the stages that follow it share."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, cast

import cv2
import numpy as np
from numba import njit
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
    change: Plane
    """Squared difference of gray between each pixel and where it was, in codes; infinite where it was hidden."""
    change_after: Plane
    """The same of the last drawing's pixels, to where they are in this one."""
    gain: float
    """How many times wider the range of gray is than in the last drawing."""


def small_gray(frame: Frame, bit_depth: int, color_range: ColorRange) -> Gray:
    """A frame's lightness at the size at which motion is followed."""
    lightness = color.luma_to_lightness(small_luma(frame), bit_depth, color_range)
    return np.asarray(cv2.convertScaleAbs(lightness, alpha=2.55))


def small_luma(frame: Frame) -> Luma:
    """A frame's luma at that size."""
    return cast("Luma", cv2.resize(frame.luma, small_size(frame.luma.shape), interpolation=cv2.INTER_AREA))


def without_grain(gray: Gray) -> Gray:
    """A little blurred, since grain doesn't move with what is drawn."""
    return np.asarray(cv2.GaussianBlur(gray, (3, 3), 0))


def small_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height at which motion is followed in a film whose frames have that shape, (height, width)."""
    height, width = shape
    part = -(-max(height, width) // LONGEST)
    return max(1, width // part), max(1, height // part)


def small_chroma(frame: Frame) -> Chroma:
    """A frame's a, b at the size at which motion is followed, (h, w, 2), in a new array.

    Raises:
        ValueError: The frame has no chroma.
    """
    if frame.chroma is None:
        raise ValueError(f"frame {frame.index} has no chroma")
    return color.resize_chroma(frame.chroma, small_size(frame.luma.shape)[::-1])


class SharedMotion:
    """Motion between drawings that follow each other, estimated once for two stages that look at the same ones, in
    whatever threads."""

    def __init__(self) -> None:
        self._estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._estimating = Lock()
        self._waiting: dict[int, Motion] = {}

    def __call__(self, drawing: int, gray: Gray, last: Gray) -> Motion:
        """From `drawing`, an index, to the one before; `gray` and `last` are theirs, without grain."""
        found = self._waiting.pop(drawing, None)
        if found is None:
            with self._estimating:
                found = self._waiting[drawing] = motion(self._estimator, gray, last)
                for late in list(self._waiting)[:-_MOST_WAITING]:
                    self._waiting.pop(late, None)  # the other stage may have taken it by now
        return found


def motion(estimator: cv2.DISOpticalFlow, gray: Gray, last: Gray) -> Motion:
    """Forth and back between two drawings, (h, w) each without grain; fades between them are evened out first."""
    gain, last = as_bright(last, gray)
    to_last, from_last = flow(estimator, gray, last), flow(estimator, last, gray)
    return Motion(
        to_last, from_last, _change(gray, last, to_last, from_last), _change(last, gray, from_last, to_last), gain
    )


def flow(estimator: cv2.DISOpticalFlow, gray: Gray, other: Gray, near: Flow | None = None) -> Flow:
    """Where in `other` each pixel of `gray` is, looked for around `near`; pictures too small for it stand still."""
    if min(gray.shape) < 16:
        return np.zeros((*gray.shape, 2), np.float32)
    # Without a start, OpenCV takes what is left of the flow before.
    start = np.zeros((*gray.shape, 2), np.float32) if near is None else near.copy()
    return np.asarray(estimator.calc(gray, other, start), np.float32)


def astray(forth: Flow, back: Flow) -> Plane:
    """Squared distance in pixels at which `forth`, and then `back`, end beside where they began."""
    x, y = cv2.split(forth + warp(back, forth))
    return np.asarray(x * x + y * y, np.float32)


def likeness(change: Plane, codes: float) -> Plane:
    """How much each pixel looks like where it was, (h, w) in 0..1, of a motion's `change`: by 1/e at `codes`."""
    return np.asarray(np.exp(change * np.float32(-1 / codes**2)), np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def around(
    x: np.float32, y: np.float32, width: int, height: int
) -> tuple[int, int, int, int, np.float32, np.float32, np.float32, np.float32]:
    """The four pixels around a point, or the nearest ones in the picture: left and right column, upper and lower row;
    and their weights for bilinear sampling: upper left, upper right, lower left, lower right."""
    x = min(x, np.float32(width - 1)) if x > 0 else np.float32(0)
    y = min(y, np.float32(height - 1)) if y > 0 else np.float32(0)
    left, top = int(x), int(y)
    across, down = x - np.float32(left), y - np.float32(top)
    none_across, none_down = np.float32(1) - across, np.float32(1) - down
    return (
        left, min(left + 1, width - 1), top, min(top + 1, height - 1),
        none_across * none_down, across * none_down, none_across * down, across * down,
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _change(gray: Gray, other: Gray, forth: Flow, back: Flow) -> Plane:
    """Squared difference of each pixel to where it is in `other`; infinite where flow forth and back don't meet."""
    height, width = gray.shape
    most = np.float32(_ASTRAY**2)
    change = np.full((height, width), np.float32(np.inf))
    for y in range(height):
        for x in range(width):
            u, v = forth[y, x, 0], forth[y, x, 1]
            left, right, top, bottom, one, two, three, four = around(
                np.float32(x) + u, np.float32(y) + v, width, height
            )
            u += one * back[top, left, 0] + two * back[top, right, 0]
            u += three * back[bottom, left, 0] + four * back[bottom, right, 0]
            v += one * back[top, left, 1] + two * back[top, right, 1]
            v += three * back[bottom, left, 1] + four * back[bottom, right, 1]
            if u * u + v * v < most:
                there = one * np.float32(other[top, left]) + two * np.float32(other[top, right])
                there += three * np.float32(other[bottom, left]) + four * np.float32(other[bottom, right])
                change[y, x] = (np.float32(gray[y, x]) - there) ** 2
    return change


def as_bright(picture: Gray, other: Gray) -> tuple[float, Gray]:
    """How many times wider the range of gray is in `other`, 1 if either has none; and `picture` with that range."""
    (low, high), (least, most) = (np.percentile(each[::4, ::4], _RANGE) for each in (picture, other))
    gain = float((most - least) / (high - low)) if min(high - low, most - least) > 1 else 1.0
    table = np.clip(np.rint((np.arange(256) - low) * gain + least), 0, 255).astype(np.uint8)
    return gain, np.asarray(cv2.LUT(picture, table))


def times(chroma: NDArray[Any], weight: Plane) -> Chroma:
    """Both channels by one weight; NumPy's broadcasting takes several times as long."""
    return np.asarray(cv2.multiply(chroma, cv2.merge([weight, weight])), np.float32)
