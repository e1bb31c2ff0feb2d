"""The drawings of a shot that could be colored by hand, and which of them would settle the most doubt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import Chroma, Frame
from cartoon_color.stages.reference import REACH
from cartoon_color.stages.vote import Voted

MOST = 200
"""Most drawings of a shot that are chosen from; of more, every second, fourth, ... is. Bounds memory and time."""
_CONTRAST = 128.0
"""Range of gray from which a drawing shows all it has; darker ones show, as in the vote, the square of their share."""
_TRUST = 2 / 3
"""How much of its confidence a vote is believed: networks are sure of some wrong colors, too."""
_NEAR = 128.0
"""Frames in which what a reference settles falls by e."""
_REST = 0.1
"""Share of a frame's doubt that stays however much is settled."""


@dataclass(frozen=True, eq=False, slots=True)
class Suggestion:
    """A frame to color."""

    film: Path
    frame: int
    """From 0."""
    seconds: Fraction
    """After the film's first frame."""
    shot: int
    settled: float
    """Pixels of drawings, each counted by its doubt, that this frame settles and those before it in the list don't."""
    worth: float
    """Frames whose doubt would fall by e: what this one is chosen by."""
    chroma: NDArray[np.float16]
    """(h, w, 2), the present guess, at the size at which motion is followed."""

    @property
    def picture(self) -> str:
        """Name of its picture, whose number tells `render --reference` the frame."""
        return f"{self.film.stem}.{self.frame:06}.png"


@dataclass(eq=False, slots=True)
class _Span:
    """A drawing that can be chosen, and the doubt from it to the next one that can be."""

    frame: int
    seconds: Fraction
    chroma: NDArray[np.float16]
    tracks: NDArray[np.intp]
    """Numbers of those seen in the drawing, (n,)."""
    shown: NDArray[np.float64]
    """How much it shows of them, in pixels, (n,)."""
    frames: int = 0
    doubt: dict[int, float] = field(default_factory=dict)
    """By track, those seen in the drawing among them."""

    def extend(self, frames: int, doubt: Iterable[tuple[int, float]]) -> None:
        """Take in what follows."""
        self.frames += frames
        for track, more in doubt:
            self.doubt[track] = self.doubt.get(track, 0.0) + more


class Candidates:
    """The drawings of a shot that can be chosen."""

    def __init__(self, film: Path, number: int, origin: Fraction) -> None:
        self.film = film
        self.number = number
        self._origin = origin
        self._spans: list[_Span] = []
        self._drawings = 0
        self._stride = 1

    def add(self, frame: Frame, voted: Voted | None) -> float:
        """The next frame, with its vote unless it is held; returns its doubt."""
        if voted is None:
            self._spans[-1].frames += 1
            return 0.0
        flat = voted.tracks.ravel()
        area = np.bincount(flat)
        doubt = np.bincount(flat, 1 - _TRUST * voted.confidence.ravel().astype(np.float64))
        tracks = np.flatnonzero(area[1:]) + 1
        if self._drawings % self._stride == 0:
            size = voted.gray.shape[::-1]
            chroma = cv2.resize(cast(Chroma, frame.chroma), size, interpolation=cv2.INTER_AREA)
            contrast = float(np.ptp(np.percentile(voted.gray[::4, ::4], (5, 95))))
            shown = area[tracks].astype(np.float64) * min(1.0, contrast / _CONTRAST) ** 2
            seconds = frame.pts * frame.time_base - self._origin
            self._spans.append(_Span(frame.index, seconds, chroma.astype(np.float16), tracks, shown))
        self._drawings += 1
        self._spans[-1].extend(1, zip(tracks.tolist(), doubt[tracks].tolist(), strict=True))
        if len(self._spans) > MOST:
            for kept, left_out in zip(self._spans[::2], self._spans[1::2], strict=False):
                kept.extend(left_out.frames, left_out.doubt.items())
            self._spans = self._spans[::2]
            self._stride *= 2
        return float(doubt[tracks].sum())

    def choices(self, number: int) -> Iterator[Suggestion]:
        """At most `number` drawings, greedily: each is worth most after those before it."""
        spans = self._spans
        places: dict[int, int] = {}
        for span in spans:
            for track in span.doubt:
                places.setdefault(track, len(places))
        doubt = np.zeros((len(places), len(spans)))
        shares = np.zeros_like(doubt)  # of the most that any drawing shows of a track
        for column, span in enumerate(spans):
            doubt[[places[track] for track in span.doubt], column] = list(span.doubt.values())
            shares[[places[track] for track in span.tracks.tolist()], column] = span.shown
        shares /= np.maximum(shares.max(axis=1, keepdims=True), 1e-9)
        at = np.array([span.frame for span in spans])
        near = np.where(at >= at[:, None] - REACH, np.exp(-np.abs(at[:, None] - at) / _NEAR), 0)
        frames = np.array([span.frames for span in spans])
        rest = _REST / (1 - _REST) * doubt.sum(axis=0) + 1e-9
        left = doubt.copy()

        def settle(each: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
            """The tracks that a drawing shows, and what is left of their doubt with it."""
            own = np.flatnonzero(shares[:, each])
            return own, np.minimum(left[own], doubt[own] * (1 - np.outer(shares[own, each], near[each])))

        least = np.inf
        for _ in range(number):
            falls = [(left[own] - then).sum(axis=0) for own, then in map(settle, range(len(spans)))]
            unsettled = left.sum(axis=0)
            gains = [float(frames @ np.log((rest + unsettled) / (rest + unsettled - fall))) for fall in falls]
            best = int(np.argmax(gains))
            if gains[best] <= 0:
                return
            own, then = settle(best)
            left[own] = then
            least = min(least, gains[best])  # one that completes others can be worth more than they are
            span = spans[best]
            yield Suggestion(
                self.film, span.frame, span.seconds, self.number, float(falls[best].sum()), least, span.chroma
            )
