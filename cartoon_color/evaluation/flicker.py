"""How much colors flicker: frame after frame, along flow, from region to region, and while a drawing is held.

All of it runs over consecutive frames and holds one drawing and four histograms of each coloring. Nothing is compared
across a cut. Shots, held frames, flow and regions come from the truth's luma, so they are the same for all colorings.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color import metrics
from cartoon_color.evaluation.drawn import DrawnLabels
from cartoon_color.evaluation.scores import FLICKER_METRICS, Picture
from cartoon_color.frames import Chroma, Frame
from cartoon_color.metrics import AB_SWITCH, CDC_DISTANCES, Float

FLAT = 8
"""Codes of luma that neighbors within a region may differ by, after a median of 3x3."""
LEAST_PIXELS = 20
"""Of a region, to count."""

_NEIGHBORS = np.ones((3, 3), np.uint8)


def segment(luma: NDArray[np.uint8]) -> tuple[NDArray[np.int32], int]:
    """Regions of a picture without its lines and edges: labels (H, W), 0 = none, and how many labels there are.

    Connected areas in which the luma of 3x3 pixels, denoised, differs by `FLAT` codes at most. On painted backgrounds
    that is flat patches.
    """
    flat = cv2.morphologyEx(cv2.medianBlur(luma, 3), cv2.MORPH_GRADIENT, _NEIGHBORS) <= FLAT
    count, labels = cv2.connectedComponents(flat.astype(np.uint8), connectivity=4)
    return np.asarray(labels, np.int32), count


def without_edges(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Labels (H, W) of pixels whose 8 neighbors have the same one; 0 elsewhere."""
    exact = labels.astype(np.float32)  # OpenCV has no morphology of int32; labels are far below 2**24
    even = cv2.morphologyEx(exact, cv2.MORPH_GRADIENT, _NEIGHBORS) == 0
    return np.where(even, labels, np.int32(0))


@dataclass(frozen=True, eq=False, slots=True)
class _Drawing:
    """What all colorings share of a drawing."""

    luma: NDArray[np.uint8]
    labels: NDArray[np.int32]
    count: int


@dataclass(frozen=True, eq=False, slots=True)
class _Pair:
    """Two consecutive drawings, on the pixels of the earlier one."""

    flow: Float
    followed: NDArray[np.bool_]
    before: NDArray[np.int32]
    """Labels of the pixels that count, in the earlier drawing."""
    after: NDArray[np.int32]
    """Likewise in the later one: along the flow, or as they were drawn."""
    drawn: bool
    """Whether `after` is on the pixels of the later drawing."""
    count: int

    def tracked(self) -> NDArray[np.bool_]:
        """(count,), labels with enough pixels in both."""
        return _large(self.before, self.count) & _large(self.after, self.count)


class _Coloring:
    """One input: its last drawing, its last histograms, and sums."""

    def __init__(self) -> None:
        self.exact: NDArray[np.float64] = np.zeros((0, 2))
        """Median a, b of every region of the last drawing."""
        self.changes: Float = np.zeros(0, np.float32)
        """CIEDE2000 by which every region that was tracked to the last drawing changed."""
        self._rgb: Float = np.zeros((0, 0, 3), np.float32)
        self._ab: Chroma = np.zeros((0, 0, 2), np.float32)
        self._histograms: deque[NDArray[np.float64]] = deque(maxlen=max(CDC_DISTANCES))
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def cut(self) -> None:
        """Start a shot."""
        self._histograms.clear()

    def show(self, picture: Picture) -> None:
        """A frame, whether it is held or not."""
        histograms = metrics.channel_histograms(picture.rgb)
        for distance in CDC_DISTANCES:
            if len(self._histograms) >= distance:
                self.count(f"cdc {distance}", metrics.jensen_shannon(self._histograms[-distance], histograms))
        self._histograms.append(histograms)

    def hold(self, picture: Picture) -> None:
        """A frame that holds the last drawing."""
        everywhere = np.ones(picture.ab.shape[:2], np.bool_)
        self.count("held_flicker", metrics.mean_change(picture.ab, self._ab, everywhere))

    def draw(self, picture: Picture, drawing: _Drawing, pair: _Pair | None) -> None:
        """A new drawing; `pair` with the last one if that is of the same shot."""
        rgb: Float = picture.rgb.astype(np.float32) / np.float32(255)
        ab = picture.ab
        if pair is not None:
            moved = metrics.warp(ab, pair.flow)
            if pair.followed.any():
                moved_rgb = metrics.warp(rgb, pair.flow)
                self.count("warp_error", metrics.mean_squared_change(moved_rgb, self._rgb, pair.followed))
                self.count("flow_change", metrics.mean_change(moved, self._ab, pair.followed))
            self.changes = metrics.ab_differences(
                metrics.medians_by_label(self._ab, pair.before, pair.count),
                metrics.medians_by_label(ab if pair.drawn else moved, pair.after, pair.count),
            )
        self.exact = metrics.medians_by_label(ab, drawing.labels, drawing.count)
        self._rgb, self._ab = rgb, ab

    def count(self, name: str, value: float, count: int = 1) -> None:
        """Add to a mean."""
        self._sums[name] += value
        self._counts[name] += count

    def mean(self, name: str, default: float = 0.0) -> float:
        """Of what was counted; `default` if nothing was."""
        return self._sums[name] / self._counts[name] if self._counts[name] else default

    def cdc(self) -> float:
        """Mean over the distances at which there are frames."""
        names = [name for name in (f"cdc {distance}" for distance in CDC_DISTANCES) if self._counts[name]]
        return float(np.mean([self.mean(name) for name in names])) if names else 0.0


class Flicker:
    """Measures all colorings of a film at once, frame by frame.

    Args:
        names: Of the colorings.
        truth: The one among them that is true.
        drawn: Labels that tell the regions; by default they are found in the truth's luma, and followed by flow.
    """

    def __init__(self, names: Sequence[str], truth: str, drawn: DrawnLabels | None = None) -> None:
        self._colorings = {name: _Coloring() for name in names}
        self._truth, self._drawn = truth, drawn
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._shot = -1
        self._last: _Drawing | None = None

    def add(
        self, frame: Frame, luma: NDArray[np.uint8], pictures: Mapping[str, Picture], pool: ThreadPoolExecutor
    ) -> None:
        """The next frame.

        Args:
            frame: The truth, with `shot` and `drawing` set.
            luma: Of the truth (H, W), 8 bits, at the size of `pictures`.
            pictures: Every coloring of it by name, (H, W, 3), all of the same size.
            pool: Colorings are measured at once in it.

        Raises:
            InputError: `drawn` is of another film.
        """
        if frame.shot != self._shot:
            self._shot, self._last = frame.shot, None
            for coloring in self._colorings.values():
                coloring.cut()
        drawing = pair = None
        if not frame.held:
            drawing = self._see(frame, luma)
            pair = None if self._last is None else self._compare(self._last, drawing)

        def measure(name: str) -> None:
            coloring, picture = self._colorings[name], pictures[name]
            coloring.show(picture)
            if drawing is None:
                coloring.hold(picture)
            else:
                coloring.draw(picture, drawing, pair)

        list(pool.map(measure, self._colorings))
        if drawing is not None:
            self._count_regions(drawing, pair)
            self._last = drawing

    def result(self, name: str) -> dict[str, float]:
        """The measures of a coloring. With nothing to compare, nothing flickers and no region is off."""
        coloring = self._colorings[name]
        values = {metric.name: coloring.mean(metric.name) for metric in FLICKER_METRICS}
        return values | {"cdc": coloring.cdc(), "exact_regions": coloring.mean("exact_regions", 1.0)}

    def _see(self, frame: Frame, luma: NDArray[np.uint8]) -> _Drawing:
        if self._drawn is None:
            return _Drawing(luma, *segment(luma))
        labels = self._drawn.at(frame.index, (luma.shape[1], luma.shape[0]), frame.luma.shape)
        return _Drawing(luma, without_edges(labels), self._drawn.count)

    def _compare(self, before: _Drawing, after: _Drawing) -> _Pair:
        forward, backward = self._follow(before.luma, after.luma), self._follow(after.luma, before.luma)
        followed = metrics.followed(forward, backward)
        if self._drawn is not None:
            return _Pair(forward, followed, before.labels, after.labels, True, before.count)
        kept = np.where(followed, before.labels, np.int32(0))
        return _Pair(forward, followed, kept, kept, False, before.count)

    def _follow(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Float:
        """(H, W, 2), where in the second picture each pixel of the first is, relative to its place."""
        none = np.zeros((*first.shape, 2), np.float32)
        return np.asarray(self._flow.calc(first, second, none), np.float32)

    def _count_regions(self, drawing: _Drawing, pair: _Pair | None) -> None:
        """Compare the colors of regions with the truth's, now that all are known."""
        true = self._colorings[self._truth]
        large = _large(drawing.labels, drawing.count)
        for coloring in self._colorings.values():
            off = metrics.ab_differences(true.exact[large], coloring.exact[large])
            coloring.count("exact_regions", int((off <= AB_SWITCH).sum()), int(large.sum()))
            if pair is not None:
                still = pair.tracked() & (true.changes <= AB_SWITCH)
                switched = coloring.changes[still] > AB_SWITCH
                coloring.count("color_switch", int(switched.sum()), len(switched))


def _large(labels: NDArray[np.int32], count: int) -> NDArray[np.bool_]:
    """(count,), labels that count; 0 never does."""
    large = np.bincount(labels.ravel(), minlength=count) >= LEAST_PIXELS
    large[0] = False
    return np.asarray(large)
