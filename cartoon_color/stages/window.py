"""Drawings of a shot that wait for each other before they get their color: what the stages that look ahead share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import Chroma, Frame


class Waiting(Protocol):
    """A drawing in the window."""

    index: int
    """Of the frame that first showed it."""
    frames: list[Frame]
    """Those that show it and wait; empty where it is made."""


class Colored(NamedTuple):
    """What is decided of a drawing, as `Frame` has it."""

    chroma: Chroma
    flat: NDArray[np.uint16] | None = None
    light: float = 1.0
    given: NDArray[np.float16] | None = None


WaitingT = TypeVar("WaitingT", bound=Waiting)


def color_by_windows(
    frames: Iterator[Frame],
    draw: Callable[[Frame, WaitingT | None], WaitingT],
    decide: Callable[[Sequence[WaitingT], int], Iterable[Colored]],
    *,
    drawings: int,
    most: int,
) -> Iterator[Frame]:
    """Give each drawing a color that is decided together with those of the drawings around it.

    Drawings are taken in until the window is full; then its older half is given out. Held frames share the chroma of
    their drawing; nothing passes a cut.

    Args:
        frames: Of a film.
        draw: Makes a drawing of its first frame, and of the drawing before it; of None where a shot begins.
        decide: The color of the first so many drawings of the window.
        drawings: That the window holds.
        most: Frames that wait; bounds the memory where drawings are held for long.

    Returns:
        The same frames with their color, without evidence.
    """
    for _, shot in groupby(frames, key=lambda frame: frame.shot):
        window: list[WaitingT] = []
        last: WaitingT | None = None
        shown: Colored | None = None  # of the last drawing, if it left the window
        waiting = 0
        for frame in shot:
            if last is None or frame.drawing != last.index:
                last = draw(frame, last)
                window.append(last)
            # What is needed no more would fill the memory.
            bare = frame.with_(chroma=None, evidence=None, flat=None, given=None)
            if not window and shown is not None:
                yield bare.with_(**shown._asdict())
                continue
            last.frames.append(bare)
            waiting += 1
            if waiting >= most or len(window) >= drawings:
                half = (len(window) + 1) // 2
                for drawing, shown in zip(window[:half], decide(window, half), strict=True):
                    waiting -= len(drawing.frames)
                    yield from (held.with_(**shown._asdict()) for held in drawing.frames)
                    drawing.frames.clear()
                del window[:half]
        for drawing, shown in zip(window, decide(window, len(window)), strict=True):
            yield from (held.with_(**shown._asdict()) for held in drawing.frames)
