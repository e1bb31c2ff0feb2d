"""The regions of each drawing of a film, and which tracks they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import ColorRange, Frame
from cartoon_color.regions import Labels
from cartoon_color.regions.drawing import Regions, segment_drawing
from cartoon_color.regions.tracks import Tracker
from cartoon_color.stages.motion import Gray, SharedMotion, likeness, small_gray, without_grain

_CONTRAST = 128.0
"""Range of gray up to which a drawing is stretched to be segmented, and says less."""
_STRETCH = 4.0
"""By how much at most."""
_CODES = 12.0
"""Difference in gray, of 255, at which a pixel of the next drawing is alike by 1/e."""
_BLANK = 8.0
"""Range of gray of a drawing that shows nothing."""


@dataclass(frozen=True, eq=False, slots=True)
class Followed:
    """The n regions of a drawing, at the size at which motion is followed, (h, w)."""

    gray: Gray
    """Without grain."""
    regions: Regions | None
    """None where nothing is drawn."""
    tracks: NDArray[np.int32]
    """(n + 1,), the track of each region; row 0 is 0."""
    held: Labels
    """(h, w) int32, the track that most of the drawings up to here say of each pixel; 0 where nothing is drawn."""
    lightness: NDArray[np.float32]
    """(n + 1,), L* of each region's gray."""
    spread: NDArray[np.float32]
    """(n + 1,), codes that each region's gray spreads in the film."""
    say: float
    """0..1, how much the drawing shows of what it shows in full contrast: fades say little."""


class FollowRegions:
    """Segments the drawings of a film, and links their regions to those of the drawings before."""

    def __init__(self, *, bit_depth: int, color_range: ColorRange, shared: SharedMotion | None = None) -> None:
        """`shared` is the motion that another stage of the same film looks at, too."""
        self.bit_depth = bit_depth
        self.color_range = color_range
        self._between = shared or SharedMotion()
        self._tracker = Tracker()

    def __call__(self, frame: Frame, last: Gray | None) -> Followed:
        """The next drawing, by its first frame; `last` is the gray of the drawing before, None where a shot begins."""
        if last is None:
            self._tracker.cut()
        drawn = small_gray(frame, self.bit_depth, self.color_range)
        gray = without_grain(drawn)
        low, high = (float(code) for code in np.percentile(gray[::4, ::4], (5, 95)))
        contrast = high - low
        if contrast < _BLANK:
            none = np.zeros(1, np.float32)
            return Followed(gray, None, np.zeros(1, np.int32), np.zeros(gray.shape, np.int32), none, none, 0.0)
        gain = float(np.clip(_CONTRAST / contrast, 1, _STRETCH))
        found = segment_drawing(np.clip(np.rint((drawn - low) * gain + low), 0, 255).astype(np.uint8))
        moved = None if last is None else self._between(frame.drawing, gray, last)
        alike = None
        if moved is not None:  # what was dark in a fade is remembered less
            alike = likeness(moved.change, _CODES) * np.float32(min(1, 1 / moved.gain))
        levels = low, low + contrast * gain
        tracks, held = self._tracker.follow(found, levels, alike, None if moved is None else moved.to_last)
        lightness = np.asarray(((found.mean - low) / gain + low) / 2.55, np.float32)
        spread = np.asarray(found.spread / gain, np.float32)
        return Followed(gray, found, tracks, held, lightness, spread, min(1.0, contrast / _CONTRAST) ** 2)

    def forget(self, keep: set[int]) -> set[int]:
        """Drop the tracks that no pixel remembers, but for those to keep; returns those that are left."""
        return self._tracker.forget(keep)
