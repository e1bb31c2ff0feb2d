"""Regions followed from drawing to drawing: which of them are the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cartoon_color.regions import Labels
from cartoon_color.regions.drawing import Regions

Plane = NDArray[np.float32]
"""(h, w)."""
Flow = NDArray[np.float32]
"""(h, w, 2) pixels, x and y."""
_SHADE = 0.05
"""Difference of a region's gray, as a part of the drawing's range, at which two are alike by 1/e."""
_OVERLAP = 0.3
"""Least share of a region, or of the track in it, times their likeness, that links them."""
_NEAR = 25.0
"""Pixels between centers, and ..."""
_SIZE = 0.7
"""... natural logarithm of the ratio of areas, at which regions that flow doesn't link are alike by 1/e."""
_PLACE = 0.25
"""Least likeness that links these."""
_CANDIDATES = 4
"""Tracks that a region is compared with."""


@dataclass(eq=False, slots=True)
class _Last:
    """What is known of a track from where it was seen last."""

    drawing: int
    gray: float
    area: float
    x: float
    y: float


class Tracker:
    """Gives the regions of each drawing of a shot the number of their track.

    Every pixel carries along the flow which two tracks held it most in the drawings before (Misra and Gries 1982,
    Finding repeated elements: as a majority needs no more), so a part that is lost for some drawings, being one with
    its neighbor there, is still known after. A region belongs to the track that most of its pixels remember, if its
    gray is like that track's; else to a track lost just now that was near, of its size and gray; else to a new one.
    """

    def __init__(self, memory: float = 16.0) -> None:
        self.memory = memory
        self.count = 0
        """Number of the newest track."""
        self._ids = np.empty((0, 0, 2), np.int32)
        self._weights = np.empty((0, 0, 2), np.float32)
        self._seen: dict[int, _Last] = {}
        self._drawing = 0

    def cut(self) -> None:
        """Begin a shot: nothing is linked to what was before."""
        self._ids = np.empty((0, 0, 2), np.int32)
        self._seen.clear()

    def follow(
        self, regions: Regions, levels: tuple[float, float], likeness: Plane | None, flow: Flow | None
    ) -> tuple[NDArray[np.int32], Labels]:
        """Link the regions of the next drawing.

        Args:
            regions: Of the drawing, (h, w).
            levels: Dark and bright end of its gray, 0..255, so that fades don't change a track's gray.
            likeness: (h, w), 0..1, how much each pixel looks like where it was in the last drawing; None for the first
                drawing of a shot.
            flow: (h, w, 2) pixels, to where that was; None with it.

        Returns:
            The track of each region, (n + 1,) int32, of which row 0 is 0; and of each pixel, (h, w) int32, the track
            that most of the drawings up to here say.
        """
        self._drawing += 1
        labels = regions.labels
        if flow is None or likeness is None or self._ids.shape[:2] != labels.shape:
            self.cut()
            self._ids = np.zeros((*labels.shape, 2), np.int32)
            self._weights = np.zeros((*labels.shape, 2), np.float32)
        else:
            self._ids, self._weights = _carried(self._ids, self._weights, flow, likeness, np.float32(self.memory))
        gray = (regions.mean - levels[0]) / max(levels[1] - levels[0], 16.0)
        tracks = self._linked(regions, gray)
        _add(self._ids, self._weights, labels, tracks)
        for region in range(1, len(tracks)):
            last = self._seen.get(tracks[region])
            if last is None or last.drawing < self._drawing or last.area < regions.area[region]:
                x, y = regions.center[region]
                self._seen[tracks[region]] = _Last(
                    self._drawing, float(gray[region]), float(regions.area[region]), float(x), float(y)
                )
        return tracks, self._ids[..., 0].copy()

    def forget(self, keep: set[int]) -> set[int]:
        """Drop tracks that no pixel remembers, but for those to keep, so that a long shot doesn't fill the memory.

        Returns:
            Those that are left.
        """
        left = keep | set(np.unique(self._ids).tolist())
        self._seen = {number: last for number, last in self._seen.items() if number in left}
        return left

    def _linked(self, regions: Regions, gray: NDArray[np.float32]) -> NDArray[np.int32]:
        """The track of each region; self._ids are as carried to this drawing."""
        tracks = np.zeros(len(regions.area), np.int32)
        if self._seen:
            candidates, pixels = _remembered(regions.labels, self._ids, self._weights, len(tracks))
            for region in range(1, len(tracks)):
                best = 0.0
                for track, overlap in zip(candidates[region].tolist(), pixels[region].tolist(), strict=True):
                    last = self._seen.get(track)
                    if last is None:
                        continue
                    like = np.exp(-(((gray[region] - last.gray) / _SHADE) ** 2))
                    share = overlap * like / min(regions.area[region], last.area)
                    if share > _OVERLAP and overlap * like > best:
                        tracks[region], best = track, overlap * like
            self._find_lost(tracks, regions, gray)
        fresh = np.flatnonzero(tracks == 0)[1:]
        tracks[fresh] = self.count + 1 + np.arange(len(fresh))
        self.count += len(fresh)
        return tracks

    def _find_lost(self, tracks: NDArray[np.int32], regions: Regions, gray: NDArray[np.float32]) -> None:
        """Link regions without a track to tracks of the last drawing that have no region here."""
        here = set(tracks.tolist())
        lost = [
            number for number, last in self._seen.items() if self._drawing - last.drawing <= 2 and number not in here
        ]
        free = np.flatnonzero(tracks == 0)[1:]
        if not lost or not len(free):
            return
        of = [self._seen[number] for number in lost]
        apart = np.hypot(
            regions.center[free, 0, None] - np.array([each.x for each in of]),
            regions.center[free, 1, None] - np.array([each.y for each in of]),
        )
        shade = (gray[free, None] - np.array([each.gray for each in of])) / _SHADE
        size = np.log(regions.area[free, None] / np.array([each.area for each in of])) / _SIZE
        like = np.exp(-(shade**2) - (apart / _NEAR) ** 2 - size**2)
        for _ in range(min(like.shape)):
            region, track = np.unravel_index(like.argmax(), like.shape)
            if like[region, track] < _PLACE:
                return
            tracks[free[region]] = lost[track]
            like[region], like[:, track] = 0, 0


@njit(cache=True)
def _carried(
    ids: NDArray[np.int32], weights: NDArray[np.float32], flow: NDArray[np.float32], likeness: Plane, memory: np.float32
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What the pixels remember, brought to the next drawing."""
    height, width = likeness.shape
    new, kept = np.zeros_like(ids), np.zeros_like(weights)
    for y in range(height):
        for x in range(width):
            u, v = int(np.floor(x + flow[y, x, 0] + 0.5)), int(np.floor(y + flow[y, x, 1] + 0.5))
            if 0 <= u < width and 0 <= v < height and likeness[y, x] > 0:
                total = weights[v, u, 0] + weights[v, u, 1]
                factor = likeness[y, x] * (memory / total if total > memory else np.float32(1))
                for k in range(2):
                    new[y, x, k] = ids[v, u, k]
                    kept[y, x, k] = weights[v, u, k] * factor
    return new, kept


@njit(cache=True)
def _add(ids: NDArray[np.int32], weights: NDArray[np.float32], labels: Labels, tracks: NDArray[np.int32]) -> None:
    """Let each pixel remember the track it has here, in place."""
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            track = tracks[labels[y, x]]
            if ids[y, x, 0] == track or weights[y, x, 0] <= 0:
                ids[y, x, 0] = track
                weights[y, x, 0] += 1
            elif ids[y, x, 1] == track:
                weights[y, x, 1] += 1
            elif weights[y, x, 1] < 1:
                ids[y, x, 1] = track
                weights[y, x, 1] = 1
            else:
                weights[y, x, 1] -= 1
            if weights[y, x, 1] > weights[y, x, 0]:
                ids[y, x, 0], ids[y, x, 1] = ids[y, x, 1], ids[y, x, 0]
                weights[y, x, 0], weights[y, x, 1] = weights[y, x, 1], weights[y, x, 0]


@njit(cache=True)
def _remembered(
    labels: Labels, ids: NDArray[np.int32], weights: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The tracks that a region's pixels remember most, (count, 4), and how many pixels do."""
    height, width = labels.shape
    found = np.zeros((count, _CANDIDATES), np.int32)
    votes = np.zeros((count, _CANDIDATES), np.float32)
    for y in range(height):
        for x in range(width):
            region = labels[y, x]
            total = weights[y, x, 0] + weights[y, x, 1]
            for k in range(2):
                if weights[y, x, k] <= 0:
                    continue
                share = weights[y, x, k] / total
                least = 0
                for c in range(_CANDIDATES):
                    if found[region, c] == ids[y, x, k] or votes[region, c] <= 0:
                        found[region, c] = ids[y, x, k]
                        votes[region, c] += share
                        break
                    if votes[region, c] < votes[region, least]:
                        least = c
                else:
                    votes[region, least] -= share
    return found, votes
