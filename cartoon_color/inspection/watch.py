"""A film's frames in their final colors, each drawing with what the vote made of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cartoon_color import color
from cartoon_color.frames import Frame, Luma, VideoInfo
from cartoon_color.painter import Painter
from cartoon_color.stages.vote import Voted
from cartoon_color.streams import chain


def watched(frames: Iterator[Frame], painter: Painter, info: VideoInfo) -> Iterator[tuple[Frame, Voted | None]]:
    """Color `frames`, and pair each with its vote; a held frame has none.

    The painter's weights are loaded at once, before the first frame is asked for.

    Raises:
        ValueError: The painter's regions don't vote (smooth "tracks").
        WeightsError: The painter's weights can't be used.
    """
    if painter.smooth != "tracks":
        raise ValueError(f"only regions that vote can be inspected, got {painter.smooth = }")
    votes: deque[Voted] = deque()  # of drawings that the stages after the vote hold back
    return _paired(chain(frames, painter.stages(info, watch=votes.append)), votes)


def _paired(frames: Iterator[Frame], votes: deque[Voted]) -> Iterator[tuple[Frame, Voted | None]]:
    for frame in frames:
        voted = None if frame.held else votes.popleft()
        if frame.chroma is None or (voted is not None and voted.drawing != frame.index):
            raise ValueError(f"frame {frame.index} has no chroma, or came with the vote of another drawing")
        yield frame, voted


def full_range(luma: Luma, info: VideoInfo) -> NDArray[np.uint8]:
    """Luma codes of a film (h, w) as 8 bits in full range."""
    share = color.normalized_luma(info.bit_depth, info.color_range)
    return np.rint(share[np.minimum(luma, len(share) - 1)] * 255).astype(np.uint8)
