"""What colored pictures say of a drawing's regions, whatever they show: a character sheet, a frame of another film."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import AB_BINS, encode_bins
from cartoon_color.frames import Chroma, Frame
from cartoon_color.metrics import medians_by_label
from cartoon_color.references import Reference
from cartoon_color.regions.constellation import FEWEST, Constellation, Floats, find, large_enough
from cartoon_color.regions.vote import Evidence, mean_in
from cartoon_color.stages.follow import Followed, FollowRegions

SIDES = (352, 264, 198, 148, 111)
"""Pixels of the longer side at which a picture is looked at: lines part other regions in a small figure than in a large
one."""
FOUND = 0.3
"""Belief that one region of a picture must reach for the picture to speak in a drawing: in other films, none does."""
BELIEVED = 0.2, 0.4
"""Belief from which on a region has the paint of such a picture to some extent, and from which on it has it wholly."""
SURE = 8.0
"""Drawings in which the network votes, that one weighs in which a picture does: regions are found in some drawings of
their track only, but then seldom wrongly."""
_PAPER = 235
"""Gray of what is transparent."""
_OPAQUE = 0.99


class Pictures:
    """Looks for the regions of references in the drawings of films, and lets them vote for their paints."""

    def __init__(self, references: Sequence[Reference], say: Callable[[str], None]) -> None:
        """`say` is told of pictures that nothing can be found by."""
        self._views = [[view for side in SIDES if (view := _view(each, side)) is not None] for each in references]
        for reference, views in zip(references, self._views, strict=True):
            if not views:
                say(
                    f"Warning: {reference.path} shows fewer than {FEWEST} large regions, "
                    "too few to be found in other shots."
                )

    def vote(
        self, found: Followed, chroma: Chroma, votes: Evidence, shift: NDArray[np.float32]
    ) -> tuple[Evidence, NDArray[np.float32]]:
        """The votes of a drawing's regions, and by how much these are moved where they are painted: those that were
        given, but for the regions that are found in a picture.

        Args:
            found: The n regions.
            chroma: (h, w, 2), the network's.
            votes: (n + 1, 313), of others, as is ...
            shift: (n + 1, 2), from the mean of the network's color.
        """
        if found.regions is None:
            return votes, shift
        numbers, large = large_enough(found.regions)
        drawing = _constellation(found, numbers, large)
        best = np.full(len(numbers), BELIEVED[0], np.float32)
        ab = np.zeros((len(numbers), 2), np.float32)
        for views in self._views:
            belief, paint = np.zeros_like(best), np.zeros_like(ab)
            for view, paints in views:
                score, which = find(view, drawing)
                paint = np.where((score > belief)[:, None], paints[which], paint)
                belief = np.maximum(score, belief)
            better = (belief > best) & (belief.max(initial=0) > FOUND)
            best[better], ab[better] = belief[better], paint[better]
        extent = (best - BELIEVED[0]) / (BELIEVED[1] - BELIEVED[0])
        rows = extent > 0
        numbers, ab, part = numbers[rows], ab[rows], np.minimum(extent[rows], 1)[:, None]
        index, weight = encode_bins(ab)
        said = np.zeros((len(ab), len(AB_BINS)), np.float32)
        np.put_along_axis(said, index, weight, axis=1)
        votes, shift = votes.copy(), shift.copy()
        votes[numbers] += part * (SURE * votes[numbers].sum(axis=1, keepdims=True) * said - votes[numbers])
        own = mean_in(found.regions.labels, found.regions.inner, chroma)[numbers]
        shift[numbers] += part * (ab - own - shift[numbers])
        return votes, shift


def _view(reference: Reference, side: int) -> tuple[Constellation, Floats] | None:
    """The regions of the opaque part of a picture, that part being so large, and their paints (n, 2); None if there
    are too few of them to be found."""
    rows, columns = (np.flatnonzero((reference.paint.opacity > _OPAQUE).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    opacity = reference.paint.opacity[part]
    luma = (reference.luma[part] * opacity + _PAPER * (1 - opacity)).astype(np.float32)
    scale = side / max(opacity.shape)
    size = max(1, round(opacity.shape[1] * scale)), max(1, round(opacity.shape[0] * scale))
    opacity, luma, ab = (
        np.asarray(cv2.resize(each, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.float32)
        for each in (opacity, luma, reference.paint.chroma[part])
    )
    frame = Frame(np.rint(luma).astype(np.uint8), 0, Fraction(1), 0)
    found = FollowRegions(bit_depth=8, color_range="full")(frame, None)
    if found.regions is None:
        return None
    seen = np.asarray(opacity > _OPAQUE)
    numbers, large = large_enough(found.regions, seen)
    if large.sum() < FEWEST:
        return None
    labels = np.where(found.regions.inner & seen, found.regions.labels, 0)
    medians = medians_by_label(ab, labels, len(found.lightness))
    return _constellation(found, numbers, large), medians[numbers].astype(np.float32)


def _constellation(found: Followed, numbers: NDArray[np.intp], large: NDArray[np.bool_]) -> Constellation:
    """Some regions of a drawing."""
    assert found.regions is not None
    area = found.regions.area[numbers].astype(np.float32)
    return Constellation(found.regions.center[numbers].astype(np.float32), area, found.lightness[numbers], large)
