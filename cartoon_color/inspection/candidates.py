"""The drawings of a shot that could be colored by hand, and which of them would settle the most doubt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
_ROUNDS = 8
"""Times that all drawings of a plan may move, at most; two or three do."""


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
    """Pixels of drawings, each counted by its doubt, that this frame settles and those before it in its plan don't."""
    worth: float
    """Frames whose doubt would fall by e by it, after those before it in its plan."""
    chroma: NDArray[np.float16]
    """(h, w, 2), the present guess, at the size at which motion is followed."""

    @property
    def picture(self) -> str:
        """Name of its picture, whose number tells `render --reference` the frame."""
        return f"{self.film.stem}.{self.frame:06}.png"


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """So many frames of a shot, chosen to be colored together."""

    worth: float
    """Frames whose doubt would fall by e."""
    suggestions: tuple[Suggestion, ...]
    """The one that is worth most first."""


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

    def plans(self, number: int, least: float = 0.0) -> list[Plan]:
        """The best 1, 2, ... drawings, `number` at most; fewer where one more is worth no more than `least`.

        Each plan begins as the one before and the drawing that is worth most after it; then each of its drawings moves
        to where it is worth most beside the others, until none does.
        """
        doubts = _Doubts(self._spans)
        plans: list[Plan] = []
        chosen: list[int] = []
        while len(chosen) < number:
            each, value = doubts.best(chosen)
            if value - (plans[-1].worth if plans else 0) <= least:
                break
            chosen = [*chosen, each]
            for _ in range(_ROUNDS):
                before = value
                for place in range(len(chosen)):
                    others = chosen[:place] + chosen[place + 1 :]
                    each, moved = doubts.best(others)
                    if moved > value:
                        chosen, value = [*others[:place], each, *others[place:]], moved
                if value == before:
                    break
            plans.append(Plan(value, tuple(self._suggested(doubts, chosen))))
        return plans

    def _suggested(self, doubts: _Doubts, chosen: Sequence[int]) -> Iterator[Suggestion]:
        """Some drawings, the one that is worth most first."""
        order: list[int] = []
        least, before = np.inf, 0.0
        while left := [each for each in chosen if each not in order]:
            each, value = doubts.best(order, left)
            settled = doubts.settled([*order, each]) - doubts.settled(order)
            order.append(each)
            least, before = min(least, value - before), value  # one that completes others can be worth more than they
            span = self._spans[each]
            yield Suggestion(self.film, span.frame, span.seconds, self.number, settled, least, span.chroma)


class _Doubts:
    """What drawings of a shot settle together."""

    def __init__(self, spans: Sequence[_Span]) -> None:
        places: dict[int, int] = {}
        for span in spans:
            for track in span.doubt:
                places.setdefault(track, len(places))
        self._doubt = np.zeros((len(places), len(spans)))
        shares = np.zeros_like(self._doubt)  # of the most that any drawing shows of a track
        for column, span in enumerate(spans):
            self._doubt[[places[track] for track in span.doubt], column] = list(span.doubt.values())
            shares[[places[track] for track in span.tracks.tolist()], column] = span.shown
        shares /= np.maximum(shares.max(axis=1, keepdims=True), 1e-9)
        at = np.array([span.frame for span in spans])
        near = np.where(at >= at[:, None] - REACH, np.exp(-np.abs(at[:, None] - at) / _NEAR), 0)
        self._frames = np.array([span.frames for span in spans])
        self._all = self._doubt.sum(axis=0)
        self._rest = _REST / (1 - _REST) * self._all + 1e-9
        self._own = [np.flatnonzero(shares[:, each]) for each in range(len(spans))]
        self._left = [
            self._doubt[own] * (1 - np.outer(shares[own, each], near[each])) for each, own in enumerate(self._own)
        ]

    def settled(self, chosen: Sequence[int]) -> float:
        """Pixels of drawings by their doubt."""
        return float((self._doubt - self._left_by(chosen)).sum())

    def best(self, chosen: Sequence[int], among: Sequence[int] | None = None) -> tuple[int, float]:
        """The drawing, of all or of some, that makes those chosen worth most; and what all of them are worth."""
        left = self._left_by(chosen)
        unsettled = left.sum(axis=0)
        choices = range(len(self._own)) if among is None else among
        values = []
        for each in choices:
            own = self._own[each]
            fall = (left[own] - np.minimum(left[own], self._left[each])).sum(axis=0)
            remaining = self._rest + unsettled - fall
            values.append(float(self._frames @ np.log((self._rest + self._all) / remaining)))
        best = int(np.argmax(values))
        return choices[best], values[best]

    def _left_by(self, chosen: Sequence[int]) -> NDArray[np.float64]:
        left = self._doubt.copy()
        for each in chosen:
            own = self._own[each]
            left[own] = np.minimum(left[own], self._left[each])
        return left


def _gains(shot: Sequence[Plan]) -> list[float]:
    """What one more drawing is worth, after none, one, ... of a shot; never more than the one before."""
    worth = [0.0, *(plan.worth for plan in shot)]
    return [float(gain) for gain in np.minimum.accumulate(np.diff(worth))]


def needed(shots: Iterable[Sequence[Plan]], number: int) -> float:
    """What a drawing of another shot must be worth at least to be one of `number`."""
    gains = sorted((gain for shot in shots for gain in _gains(shot)), reverse=True)
    return gains[number - 1] if len(gains) >= number else 0.0


def worth_most(shots: Iterable[Sequence[Plan]], number: int) -> list[Sequence[Plan]]:
    """The plans of each shot up to the one to follow, if `number` drawings are chosen of all shots; shots that get none
    are left out."""
    plans = list(shots)
    gains = [(gain, each) for each, shot in enumerate(plans) for gain in _gains(shot)]
    taken = [each for _, each in sorted(gains, key=lambda gain: -gain[0])[:number]]
    return [shot[: taken.count(each)] for each, shot in enumerate(plans) if each in taken]


def suggested(shots: Iterable[Sequence[Plan]]) -> list[Suggestion]:
    """The drawings of each shot's last plan; what is worth most comes first."""
    return sorted((each for shot in shots for each in shot[-1].suggestions), key=lambda each: -each.worth)
