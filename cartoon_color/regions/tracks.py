"""Regions followed from drawing to drawing: which of them are the same."""

from __future__ import annotations

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


_LAST = np.dtype(
    [(name, np.int32) for name in ("number", "drawing")] + [(name, np.float32) for name in ("gray", "area", "x", "y")]
)
"""What is known of a track from where it was seen last: in which drawing, and the largest of its regions there."""


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
        self._seen = np.empty(0, _LAST)  # by number
        self._drawing = 0

    def cut(self) -> None:
        """Begin a shot: nothing is linked to what was before."""
        self._ids = np.empty((0, 0, 2), np.int32)
        self._seen = np.empty(0, _LAST)

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
        self._see(regions, gray, tracks)
        return tracks, self._ids[..., 0].copy()

    def forget(self, keep: set[int]) -> set[int]:
        """Drop tracks that no pixel remembers, but for those to keep, so that a long shot doesn't fill the memory.

        Returns:
            Those that are left.
        """
        left = keep | set(np.unique(self._ids).tolist())
        self._seen = self._seen[np.isin(self._seen["number"], list(left))]
        return left

    def _see(self, regions: Regions, gray: NDArray[np.float32], tracks: NDArray[np.int32]) -> None:
        """Keep what is known of tracks from this drawing."""
        largest_first = np.argsort(-regions.area[1:], kind="stable") + 1
        numbers, first = np.unique(tracks[largest_first], return_index=True)
        region = largest_first[first]
        here = np.empty(len(numbers), _LAST)
        here["number"], here["drawing"] = numbers, self._drawing
        here["gray"], here["area"] = gray[region], regions.area[region]
        here["x"], here["y"] = regions.center[region].T
        seen = np.concatenate([self._seen[~np.isin(self._seen["number"], numbers)], here])
        self._seen = seen[np.argsort(seen["number"])]

    def _linked(self, regions: Regions, gray: NDArray[np.float32]) -> NDArray[np.int32]:
        """The track of each region; self._ids are as carried to this drawing."""
        tracks = np.zeros(len(regions.area), np.int32)
        if len(self._seen):
            candidates, pixels = _remembered(regions.labels, self._ids, self._weights, len(tracks))
            last = self._seen[np.minimum(np.searchsorted(self._seen["number"], candidates), len(self._seen) - 1)]
            like = np.exp(-(((gray[:, None] - last["gray"]) / _SHADE) ** 2)) * (last["number"] == candidates)
            votes = pixels * like
            votes[votes <= _OVERLAP * np.minimum(regions.area[:, None], last["area"])] = 0
            best = votes.argmax(axis=1)[:, None]
            linked = np.take_along_axis(votes, best, 1) > 0
            tracks = np.where(linked, np.take_along_axis(candidates, best, 1), 0).astype(np.int32)[:, 0]
            self._find_lost(tracks, regions, gray)
        fresh = np.flatnonzero(tracks == 0)[1:]
        tracks[fresh] = self.count + 1 + np.arange(len(fresh))
        self.count += len(fresh)
        return tracks

    def _find_lost(self, tracks: NDArray[np.int32], regions: Regions, gray: NDArray[np.float32]) -> None:
        """Link regions without a track to tracks of the last drawing that have no region here."""
        recent = self._seen[self._drawing - self._seen["drawing"] <= 2]
        lost = recent[~np.isin(recent["number"], tracks)]
        free = np.flatnonzero(tracks == 0)[1:]
        if not len(lost) or not len(free):
            return
        apart = np.hypot(regions.center[free, 0, None] - lost["x"], regions.center[free, 1, None] - lost["y"])
        shade = (gray[free, None] - lost["gray"]) / _SHADE
        size = np.log(regions.area[free, None] / lost["area"]) / _SIZE
        like = np.exp(-(shade**2) - (apart / _NEAR) ** 2 - size**2)
        for _ in range(min(like.shape)):
            region, track = np.unravel_index(like.argmax(), like.shape)
            if like[region, track] < _PLACE:
                return
            tracks[free[region]] = lost["number"][track]
            like[region], like[:, track] = 0, 0


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
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
