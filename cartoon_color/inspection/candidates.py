"""The drawings of a shot that could be colored by hand, and which of them would settle the most doubt."""

from __future__ import annotations

from bisect import bisect_left
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
    doubt: dict[int, float] = field(default_factory=dict)
    """By track, those seen in the drawing among them."""


class Candidates:
    """The drawings of a shot that can be chosen."""

    def __init__(self, film: Path, number: int, origin: Fraction) -> None:
        self.film = film
        self.number = number
        self._origin = origin
        self._spans: list[_Span] = []
        self._drawings = 0
        self._stride = 1

    def add(self, frame: Frame, voted: Voted) -> float:
        """The next drawing; returns its doubt."""
        flat = voted.tracks.ravel()
        area = np.bincount(flat)
        doubt = np.bincount(flat, 1 - voted.confidence.ravel().astype(np.float64))
        tracks = np.flatnonzero(area[1:]) + 1
        if self._drawings % self._stride == 0:
            size = voted.gray.shape[::-1]
            chroma = cv2.resize(cast(Chroma, frame.chroma), size, interpolation=cv2.INTER_AREA)
            contrast = float(np.ptp(np.percentile(voted.gray[::4, ::4], (5, 95))))
            shown = area[tracks].astype(np.float64) * min(1.0, contrast / _CONTRAST) ** 2
            seconds = frame.pts * frame.time_base - self._origin
            self._spans.append(_Span(frame.index, seconds, chroma.astype(np.float16), tracks, shown))
        self._drawings += 1
        _add(self._spans[-1].doubt, zip(tracks.tolist(), doubt[tracks].tolist(), strict=True))
        if len(self._spans) > MOST:
            for kept, left_out in zip(self._spans[::2], self._spans[1::2], strict=False):
                _add(kept.doubt, left_out.doubt.items())
            self._spans = self._spans[::2]
            self._stride *= 2
        return float(doubt[tracks].sum())

    def choices(self, number: int) -> Iterator[Suggestion]:
        """At most `number` drawings, greedily: each settles most of the doubt that those before it left."""
        spans = self._spans
        places: dict[int, int] = {}
        for span in spans:
            for track in span.doubt:
                places.setdefault(track, len(places))
        doubt = np.zeros((len(places), len(spans)), np.float32)
        most = np.zeros(len(places))
        for column, span in enumerate(spans):
            doubt[[places[track] for track in span.doubt], column] = list(span.doubt.values())
        rows = [np.array([places[track] for track in span.tracks.tolist()], np.intp) for span in spans]
        for own, span in zip(rows, spans, strict=True):
            most[own] = np.maximum(most[own], span.shown)
        shares = [
            (span.shown / np.maximum(most[own], 1e-9)).astype(np.float32)[:, None]
            for own, span in zip(rows, spans, strict=True)
        ]
        starts = [bisect_left(spans, span.frame - REACH, key=lambda other: other.frame) for span in spans]
        settled = np.zeros_like(doubt)  # share
        for _ in range(number):
            gains = [
                float(np.sum(doubt[own, start:] * np.maximum(share - settled[own, start:], 0), dtype=np.float64))
                for own, share, start in zip(rows, shares, starts, strict=True)
            ]
            best = int(np.argmax(gains))
            if gains[best] <= 0:
                return
            span, own, start = spans[best], rows[best], starts[best]
            settled[own, start:] = np.maximum(settled[own, start:], shares[best])
            yield Suggestion(self.film, span.frame, span.seconds, self.number, gains[best], span.chroma)


def _add(sums: dict[int, float], items: Iterable[tuple[int, float]]) -> None:
    for key, value in items:
        sums[key] = sums.get(key, 0.0) + value
