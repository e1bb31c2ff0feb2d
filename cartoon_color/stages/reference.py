"""The stage that takes colors from references: colored frames that the user gives."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.metrics import warp
from cartoon_color.references import Paint
from cartoon_color.stages.motion import (
    Flow,
    Gray,
    Motion,
    Plane,
    as_bright,
    astray,
    flow,
    motion,
    small_chroma,
    small_gray,
    times,
    without_grain,
)

REACH = 256
"""Frames that a reference reaches backwards, so many wait for it (luma as decoded, the rest reduced); forwards it
reaches to the end of the shot."""
FOLLOWED = 2
"""References behind a drawing that color it, the latest ones; ahead of it, the next one does."""
_LIKENESS = 12.0
"""Difference in lightness, of 255, at which a pixel found along flow counts by 1/e."""
_ASTRAY = 3.0
"""Pixels between the ends of flow forth and back at which a pixel counts by 1/e."""
_CELL = 4
"""Pixels of a side of the cells that are compared where flow finds nothing: of 80x60 in 320x240."""
_FEATURES = (0.25, 8.0, 8.0, 16.0, 24.0)
"""Differences that count alike between cells: of place (share of the longer side), of lightness (of 255), its standard
deviation within a cell, and its means over Gaussians of 8 and of 24 pixels, ..."""
_SEEN = 0.25
"""... and of what the network sees there, as vectors of length 1."""
_STRANGE = 24.0
"""Squared distance to the likest cell, in those units, at which the network is trusted more by e."""
_AROUND = 8
"""Pixels on each side in which what cells say becomes a function of gray, ..."""
_EVEN = 1e-3
"""... steeper than its noise: squared share of the range of gray."""
_AT_ONCE = 256
"""Cells that are compared at once with all cells of a reference; bounds the memory."""
_SURE = 0.98
"""Confidence of flow above which nothing else is looked for."""


@dataclass(eq=False, slots=True)
class _Drawing:
    """A drawing that waits, at the size at which it is followed; half floats, since many wait."""

    drawing: int
    """Index of its first frame."""
    gray: Gray
    number: int
    """Of the drawing, counted within the shot."""
    chroma: NDArray[np.float16]
    """What it came with, the network's."""
    seen: NDArray[np.float16] | None
    """(H, W, C): what the network sees, if it tells."""
    total: NDArray[np.float16]
    """(h, w, 2): the sum of the references' chroma by weight."""
    weight: NDArray[np.float16]
    """(h, w): the sum of weights, of confidence by nearness."""
    trust: NDArray[np.float16]
    """(h, w): the greatest confidence of a reference."""
    frames: list[Frame] = field(default_factory=list)

    def add(self, chroma: Chroma, confidence: Plane, distance: int) -> None:
        """Take in what a reference says that is `distance` drawings away."""
        weight = confidence / np.float32((1 + distance) ** 2)
        self.total = self.total + times(chroma, weight).astype(np.float16)
        self.weight = self.weight + weight.astype(np.float16)
        self.trust = np.maximum(self.trust, confidence.astype(np.float16))

    def mixed(self) -> Chroma:
        """The references' chroma over what it came with, by confidence."""
        weight, own = self.weight.astype(np.float32), self.chroma.astype(np.float32)
        said = times(self.total.astype(np.float32), np.reciprocal(weight + np.float32(1e-6)))
        return np.asarray(own + times(said - own, self.trust.astype(np.float32)), np.float32)


class FollowReferences:
    """Gives the drawings of a shot the colors of the references in it, as far as they are found there.

    Places are followed along optical flow from drawing to drawing, and registered anew against the reference in each,
    so colors are sampled once and don't blur. Where that fails (what was hidden, what moves too fast), each cell gets a
    mean of the reference's colors by likeness of lightness, texture, surroundings, place, and what the network sees
    there, if it tells: non-local means (Buades et al. 2005) from picture to picture, by learned features as in
    exemplar-based networks (Zhang et al. 2019, "Deep Exemplar-based Video Colorization", correspondence subnetwork).
    What is like nothing in a reference keeps its color.

    Shots without references pass unchanged. Nothing passes a cut; held frames share the chroma of their drawing.
    """

    def __init__(
        self, references: Mapping[int, Paint], *, bit_depth: int, color_range: ColorRange, reach: int = REACH
    ) -> None:
        """`references` by the index of their frame."""
        self.references = references
        self.bit_depth = bit_depth
        self.color_range = color_range
        self.lookahead = reach if references else 0
        self._steps = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        # Its own: one that was given a flow to start from remembers it where none is given.
        self._registration = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with the references' chroma.

        Raises:
            ValueError: A frame has no chroma.
        """
        for _, shot in groupby(frames, key=lambda frame: frame.shot):
            yield from self._shot(shot)

    def _shot(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        followers: deque[_Follower] = deque(maxlen=FOLLOWED)
        waiting: deque[_Drawing] = deque()
        last: _Drawing | None = None
        shown: tuple[int, Chroma | None] = -1, None  # index and chroma of the drawing given out last
        for frame in frames:
            if frame.chroma is None:
                raise ValueError(f"frame {frame.index} has no chroma")
            if not followers and not waiting and not self._awaited(frame.index, frame.index):
                yield frame
                shown = frame.drawing, frame.chroma
                continue
            if last is None or frame.drawing != last.drawing:
                last = self._drawing(frame, last, followers)
                if frame.drawing != shown[0]:
                    waiting.append(last)
            paint = self.references.get(frame.index)
            if paint is not None:
                followers.append(self._reach_back(paint, last, waiting))
            if not waiting:
                yield frame.with_(chroma=shown[1])
                continue
            last.frames.append(frame.with_(chroma=None))
            while waiting and (
                (paint is not None and waiting[0] is not last)
                or not self._awaited(frame.index + 1, waiting[0].frames[0].index)
            ):
                shown = yield from _given_out(waiting.popleft())
        for drawing in waiting:
            yield from _given_out(drawing)

    def _awaited(self, start: int, first: int) -> bool:
        """Whether a frame from `start` on is a reference that reaches back to the frame `first`."""
        return any(index in self.references for index in range(start, first + self.lookahead + 1))

    def _drawing(self, frame: Frame, last: _Drawing | None, followers: Sequence[_Follower]) -> _Drawing:
        chroma = small_chroma(frame).astype(np.float16)
        gray = without_grain(small_gray(frame, self.bit_depth, self.color_range))
        nothing = np.zeros(gray.shape, np.float16)
        number = 0 if last is None else last.number + 1
        seen = None if frame.description is None else frame.description.features
        drawing = _Drawing(frame.drawing, gray, number, chroma, seen, np.zeros_like(chroma), nothing, nothing)
        if followers and last is not None:
            moved = motion(self._steps, gray, last.gray)
            for follower in followers:
                drawing.add(*follower.follow(drawing, moved), number - follower.number)
        return drawing

    def _reach_back(self, paint: Paint, drawing: _Drawing, waiting: Sequence[_Drawing]) -> _Follower:
        """Color what waits, and the drawing of the reference itself; what follows the reference from there on."""
        height, width = drawing.gray.shape
        chroma = np.asarray(cv2.resize(paint.chroma, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        opacity = np.asarray(cv2.resize(paint.opacity, (width, height), interpolation=cv2.INTER_AREA), np.float32)
        drawing.add(chroma, opacity, 0)
        back = _Follower(chroma, opacity, drawing, self._registration)
        after = drawing
        for before in reversed(waiting):
            if before is not drawing:
                moved = motion(self._steps, before.gray, after.gray)
                before.add(*back.follow(before, moved), drawing.number - before.number)
                after = before
        return _Follower(chroma, opacity, drawing, self._registration)


class _Follower:
    """A reference, and where its pixels are in the drawing followed last."""

    def __init__(self, chroma: Chroma, opacity: Plane, drawing: _Drawing, estimator: cv2.DISOpticalFlow) -> None:
        self.number = drawing.number
        self._gray = drawing.gray
        self._chroma = chroma
        self._opacity = opacity
        self._estimator = estimator
        self._forth: Flow = np.zeros_like(chroma)  # from the drawing to the reference
        self._back: Flow = np.zeros_like(chroma)
        columns, rows = (max(1, side // _CELL) for side in drawing.gray.shape[::-1])
        self._cells = columns, rows
        self._seen = None if drawing.seen is None else _seen(drawing.seen, self._cells)
        opaque = np.dstack([times(chroma, opacity), opacity])
        cells = np.asarray(cv2.resize(opaque, self._cells, interpolation=cv2.INTER_AREA)).reshape(-1, 3)
        self._colors = np.insert(cells, 3, 1, axis=1)  # a and b times opacity, opacity, 1

    def follow(self, drawing: _Drawing, moved: Motion) -> tuple[Chroma, Plane]:
        """What the reference says of the next drawing: chroma (h, w, 2), and confidence (h, w) in 0..1."""
        gray = drawing.gray
        _, reference = as_bright(self._gray, gray)
        near_forth = moved.to_last + warp(self._forth, moved.to_last)
        near_back = self._back + warp(moved.from_last, self._back)
        self._forth = flow(self._estimator, gray, reference, near_forth)
        self._back = flow(self._estimator, reference, gray, near_back)
        difference = np.square((gray - warp(reference, self._forth)) / np.float32(_LIKENESS))
        difference += astray(self._forth, self._back) / np.float32(_ASTRAY**2)
        found = np.asarray(np.exp(-difference) * warp(self._opacity, self._forth), np.float32)
        likest, confidence = self._likest(drawing, reference, found)
        chroma = likest + times(warp(self._chroma, self._forth) - likest, found)
        return np.asarray(chroma, np.float32), np.asarray(found + (1 - found) * confidence, np.float32)

    def _likest(self, drawing: _Drawing, reference: Gray, found: Plane) -> tuple[Chroma, Plane]:
        """A mean of the reference's colors for each cell by its likeness to the reference's cells. Those that are
        transparent count as well, by saying nothing, so what is left out takes no color from elsewhere."""
        columns, rows = self._cells
        needed = np.flatnonzero(cv2.resize(found, self._cells, interpolation=cv2.INTER_AREA) < _SURE)
        asked, offered = _features(drawing.gray, self._cells)[needed], _features(reference, self._cells)
        if drawing.seen is not None and self._seen is not None:
            asked = np.hstack([asked, _seen(drawing.seen, self._cells)[needed]])
            offered = np.hstack([offered, self._seen])
        length = np.square(offered).sum(axis=1)
        chroma = np.zeros((rows * columns, 2), np.float32)
        confidence = np.zeros(rows * columns, np.float32)
        for start in range(0, len(needed), _AT_ONCE):
            at, part = needed[start : start + _AT_ONCE], asked[start : start + _AT_ONCE]
            closeness = 2 * part @ offered.T
            closeness -= length
            best = closeness.max(axis=1, keepdims=True)
            closeness -= best
            # Numbers too small to be normalized take twenty times as long.
            np.maximum(closeness, -30, out=closeness)
            sums = np.asarray(cv2.exp(closeness, dst=closeness)) @ self._colors
            chroma[at] = sums[:, :2] / np.maximum(sums[:, 2:3], 1e-6)
            likeness = np.exp(np.minimum(best[:, 0] - np.square(part).sum(axis=1), 0) / _STRANGE)
            confidence[at] = likeness * sums[:, 2] / sums[:, 3]
        size = drawing.gray.shape[::-1]
        trust = np.asarray(cv2.resize(confidence.reshape(rows, columns), size), np.float32)
        said = np.asarray(cv2.resize(chroma.reshape(rows, columns, 2), size), np.float32)
        return _along_edges(said, trust, drawing.gray), trust


def _along_edges(chroma: Chroma, trust: Plane, gray: Gray) -> Chroma:
    """Chroma (h, w, 2) as a local linear function of gray, since cells lie across edges: a guided filter (He, Sun and
    Tang 2013, eq. 5, 6 and 8), in which pixels count by trust."""
    side = 2 * _AROUND + 1, 2 * _AROUND + 1
    guide, weight = gray.astype(np.float32) / np.float32(255), trust + np.float32(1e-3)
    first, second = weight * guide, weight * guide * guide
    sums = cv2.blur(cv2.merge([weight, first, second, *cv2.split(times(chroma, weight))]), side)
    crossed = cv2.blur(times(chroma, first), side) / sums[..., :1]
    mean, squared, said = sums[..., 1:2] / sums[..., :1], sums[..., 2:3] / sums[..., :1], sums[..., 3:] / sums[..., :1]
    slope = (crossed - mean * said) / (np.maximum(squared - mean * mean, 0) + np.float32(_EVEN))
    slope, base = cv2.blur(slope, side), cv2.blur(said - slope * mean, side)
    return np.asarray(times(slope, guide) + base, np.float32)


def _features(gray: Gray, cells: tuple[int, int]) -> NDArray[np.float32]:
    """What tells cells apart, in units of `_FEATURES`: (columns * rows, 6)."""
    place, light, texture, near, far = _FEATURES
    picture = gray.astype(np.float32)
    mean, squared = (
        np.asarray(cv2.resize(each, cells, interpolation=cv2.INTER_AREA), np.float32)
        for each in (picture, picture * picture)
    )
    x, y = np.meshgrid(*(np.arange(side, dtype=np.float32) / (max(cells) * place) for side in cells))
    deviation = np.sqrt(np.maximum(squared - mean * mean, 0))
    around = (cv2.GaussianBlur(mean, (0, 0), pixels / _CELL) / unit for pixels, unit in ((8, near), (24, far)))
    return np.stack([x, y, mean / light, deviation / texture, *around], axis=-1).reshape(-1, 6).astype(np.float32)


def _seen(features: NDArray[np.float16], cells: tuple[int, int]) -> NDArray[np.float32]:
    """What the network sees in cells, in units of `_SEEN`: (columns * rows, C)."""
    seen = cv2.resize(features.astype(np.float32), cells).reshape(cells[0] * cells[1], -1)
    length = np.sqrt(np.square(seen).sum(axis=1, keepdims=True))
    return np.asarray(seen / (np.float32(_SEEN) * np.maximum(length, 1e-6)), np.float32)


def _given_out(drawing: _Drawing) -> Generator[Frame, None, tuple[int, Chroma | None]]:
    """The frames of a drawing that waited no longer; returns its index and its chroma."""
    chroma = drawing.mixed()
    # Falls with the distance, not with its square: a reference's neighbors are nearly as right as itself.
    given = np.sqrt(np.minimum(drawing.weight, np.float16(1)))
    yield from (frame.with_(chroma=chroma, given=given) for frame in drawing.frames)
    return drawing.drawing, chroma
