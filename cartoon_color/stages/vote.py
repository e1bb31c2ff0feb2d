"""The stage that gives each drawn region one color, the same along its track through the shot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.config import SmoothSettings
from cartoon_color.frames import Chroma, ColorRange, Frame
from cartoon_color.memory import Memory
from cartoon_color.palette import Palette
from cartoon_color.regions import Labels
from cartoon_color.regions.painted import moments, paint
from cartoon_color.regions.vote import Evidence, elect, mean_in, pool
from cartoon_color.stages.follow import Followed, FollowRegions
from cartoon_color.stages.motion import Gray, SharedMotion, small_chroma
from cartoon_color.stages.pictures import Pictures
from cartoon_color.stages.window import Colored, color_by_windows

AFTER = SmoothSettings(likeness=24)
"""How what the vote leaves is smoothed: with less regard to gray, since tracks know already what is alike."""
WINDOW = 24
"""Drawings that are looked at together; half of them are given out, then as many are taken in."""
WAITING = 48
"""Most frames that wait for that; bounds the memory where drawings are held for long."""
_FLAT = (2.0, 4.0)
"""Codes that the gray of a flat region spreads at most, and that of a painted one at least; between, both mix."""
_EVEN = 0.5
"""How far a region is flat, 0..1, from which on the stages behind are told that it has one color."""
_UNEVEN = (5.0, 7.0)
"""Standard deviations, in a and b, of the network's color along the track of a painted region: up to the first it is
held, from the second on it stays as it is."""
_HELD = 0.75
"""How near to the held color pixels are brought at most; so what is painted keeps soft shades."""
_DIM = (0.9, 0.95)
"""Light of a drawing, against that of its tracks, up to which it is a fade's, and from which on it is full."""
_FULL = 0.75
"""Quantile of the light of the drawings in a window that is full, if it is more than that of their tracks."""
_BLACK = 16.0
"""What L* lacks to be a cube root, as a and b are differences of, but in the dark."""


@dataclass(frozen=True, eq=False, slots=True)
class Voted:
    """What the vote made of a drawing, at the size at which motion is followed, (h, w)."""

    drawing: int
    shot: int
    gray: Gray
    regions: Labels
    """As segmented in this drawing alone."""
    tracks: Labels
    """Number of the track of each pixel; 0 where nothing is drawn."""
    network: Chroma
    """Before."""
    chroma: Chroma
    """After."""
    confidence: NDArray[np.float32]
    """0..1."""


@dataclass(eq=False, slots=True)
class _Drawing:
    index: int
    shot: int
    gray: Gray
    regions: Labels
    tracks: Labels
    numbers: NDArray[np.int64]
    """Of these tracks, ascending."""
    chroma: Chroma
    shades: NDArray[np.float64]
    """(n, 3): track, L* and area of each region as segmented."""
    lines: NDArray[np.bool_]
    """Which pixels are drawn in lines."""
    frames: list[Frame] = field(default_factory=list)


class Vote:
    """Gives each region the color that its track voted for; painted regions keep soft shades of it.

    A track's votes are the network's histograms over its pixels, in all drawings up to half a window ahead. Its color
    is decided when it is shown first and stays, so it can't flicker, and a majority makes no color that nobody voted
    for, as a mean would. Regions whose gray isn't even are painted, not flat: one color would make posters of them.
    They keep the color of their pixels where that varies much; where it hardly does, this is taken for the network's
    blotches, and brought near to a color halfway between the track's mean and the winner (`paint`).

    With the memory of a show, regions that it knows vote with the paints of the likest regions there instead, those
    most that the network guesses more than elsewhere; painted ones keep how the network's color varies within them,
    around the memory's mean. Regions that are found in pictures vote with the paints there, whatever else is known of
    them.

    Tracks have their colors as in full light; how much of it a fade leaves is told to the stages behind.
    """

    lookahead = WAITING

    def __init__(
        self,
        palette: Palette | None = None,
        memory: Memory | None = None,
        pictures: Pictures | None = None,
        *,
        bit_depth: int,
        color_range: ColorRange,
        shared: SharedMotion | None = None,
        watch: Callable[[Voted], None] | None = None,
    ) -> None:
        """Vote for any color, or for the paints of a palette.

        Args:
            palette: The paints.
            memory: Of the show; drawings must come with what the network sees in them.
            pictures: Whose regions are looked for.
            bit_depth: Of the luma.
            color_range: Of the luma.
            shared: The motion that another stage of the same film looks at, too.
            watch: Called with what the vote made of each drawing.
        """
        self.palette = palette
        self.memory = memory
        self.pictures = pictures
        self.watch = watch
        self._follow = FollowRegions(bit_depth=bit_depth, color_range=color_range, shared=shared)
        self._sums: dict[int, NDArray[np.float32]] = {}  # what each track gathered up to here, as rows of `_gathered`
        self._decided: dict[int, NDArray[np.float32]] = {}  # rows as `paint` takes them, once shown; they stay

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same frames, with voted chroma, with the regions that are flat, and without evidence.

        Raises:
            ValueError: A frame has no chroma, or a drawing no evidence.
        """
        return color_by_windows(frames, self._drawing, self._shown, drawings=WINDOW, most=WAITING)

    def _drawing(self, frame: Frame, last: _Drawing | None) -> _Drawing:
        """Segment a drawing, link its regions, and let them vote."""
        if frame.evidence is None:
            raise ValueError(f"frame {frame.index} has no evidence to vote with")
        if last is None:
            self._sums.clear()
            self._decided = {0: np.zeros(9, np.float32)}  # where nothing is drawn
        chroma = small_chroma(frame)
        found = self._follow(frame, None if last is None else last.gray)
        numbers = _numbers(found.held)
        if found.regions is None:
            none = np.zeros((0, 3))
            blank = np.zeros(found.gray.shape, np.bool_)
            return _Drawing(frame.drawing, frame.shot, found.gray, found.held, found.held, numbers, chroma, none, blank)
        regions, area = found.regions.labels, found.regions.area
        shades = np.column_stack([found.tracks, found.lightness, area])[1:].astype(np.float64)
        lines = found.regions.lines
        drawing = _Drawing(frame.drawing, frame.shot, found.gray, regions, found.held, numbers, chroma, shades, lines)
        # Fades say little: their colors are guessed from the dark.
        votes = pool(found.regions.labels, found.regions.inner, frame.evidence) * np.float32(found.say)
        shift = np.zeros((len(votes), 2), np.float32)
        if self.memory is not None:
            votes, shift = self._recalled(self.memory, frame, found, votes, chroma)
        if self.pictures is not None:
            votes, shift = self.pictures.vote(found, chroma, votes, shift)
        seen = moments(found.regions.labels, found.regions.inner, chroma)
        gathered = _gathered(votes, found.regions.area * np.float32(found.say), found, shift, seen)
        for region, number in enumerate(found.tracks.tolist()[1:], start=1):
            if number in self._sums:
                self._sums[number] += gathered[region]
            else:
                self._sums[number] = gathered[region].copy()
        return drawing

    @staticmethod
    def _recalled(
        memory: Memory, frame: Frame, found: Followed, votes: Evidence, chroma: Chroma
    ) -> tuple[Evidence, NDArray[np.float32]]:
        """The votes, the memory's in the place of the network's as far as it knows a region; and by how much its color
        differs from the network's, (n + 1, 2)."""
        if frame.description is None or found.regions is None:
            raise ValueError(f"frame {frame.index} has no description to remember it by")
        shift = np.zeros((len(votes), 2), np.float32)
        familiar = np.float32(memory.familiarity(frame.description.look))
        if familiar > 0:
            labels, inner = found.regions.labels, found.regions.inner
            features = frame.description.features
            small = cv2.resize(chroma, features.shape[1::-1], interpolation=cv2.INTER_AREA)
            seen = mean_in(labels, inner, np.dstack([small, features]))[1:]
            total = votes[1:].sum(axis=1, keepdims=True)
            said = memory.recall(seen[:, 2:], found.lightness[1:])
            said = said.weighed(votes[1:] / np.maximum(total, 1e-9), votes[1:].sum(axis=0) / max(total.sum(), 1e-9))
            known = (familiar * said.known)[:, None]
            votes = votes.copy()
            votes[1:] += known * (total * said.votes - votes[1:])
            shift[1:] = known * (said.ab - seen[:, :2])
        return votes, shift

    def _shown(self, window: Sequence[_Drawing], number: int) -> Iterator[Colored]:
        """The color of the first `number` drawings; afterwards, forgets the tracks that no other drawing needs."""
        lights = [self._light(drawing.shades) for drawing in window]
        # Where a shot begins dark, its tracks don't know better yet; a flash is no light to go by.
        full = max(1.0, float(np.quantile(lights or [1.0], _FULL)))
        for drawing, light in zip(window[:number], lights, strict=False):
            yield self._voted(drawing)._replace(light=_dimmed(light / full))
        kept = {track for drawing in window[number:] for track in drawing.numbers.tolist()}
        left = self._follow.forget(kept) | {0}
        self._sums = {number: sums for number, sums in self._sums.items() if number in left}
        self._decided = {number: row for number, row in self._decided.items() if number in left}

    def _voted(self, drawing: _Drawing) -> Colored:
        numbers = drawing.numbers.tolist()
        self._decide([number for number in numbers if number not in self._decided])
        # A shot's tracks are numbered one after another, so this is no longer than the shot has tracks.
        table = np.zeros((numbers[-1] - numbers[0] + 1, 9), np.float32)
        table[drawing.numbers - numbers[0]] = [self._decided[number] for number in numbers]
        chroma = paint(drawing.chroma, drawing.tracks, drawing.gray, numbers[0], table)
        if self.watch is not None:
            confidence = table[drawing.tracks - numbers[0], 2]
            self.watch(
                Voted(
                    drawing.index,
                    drawing.shot,
                    drawing.gray,
                    drawing.regions,
                    drawing.tracks,
                    drawing.chroma,
                    chroma,
                    confidence,
                )
            )
        # Few regions are in one drawing, many tracks in a shot.
        flat = np.zeros(len(table), np.uint16)
        even = drawing.numbers[table[drawing.numbers - numbers[0], 3] >= _EVEN] - numbers[0]
        flat[even] = np.arange(1, len(even) + 1)
        # A line has another color than what is beside it, where one is known to the stages behind.
        return Colored(chroma, np.where(drawing.lines, np.uint16(0), flat[drawing.tracks - numbers[0]]))

    def _light(self, shades: NDArray[np.float64]) -> float:
        """A drawing's light against that of its tracks.

        To scale R'G'B' by a factor scales L* + 16, a and b by about the same power of it.
        """
        known = np.array([int(track) in self._sums for track in shades[:, 0]], bool)
        if not known.any():
            return 1.0
        track, lightness, area = shades[known].T
        sums = np.stack([self._sums[int(number)][-8:-6] for number in track]).astype(np.float64)
        full = sums[:, 1] / sums[:, 0] + _BLACK
        return float((area * full * (lightness + _BLACK)).sum() / (area * full * full).sum())

    def _decide(self, numbers: list[int]) -> None:
        """Elect the colors of tracks that have none."""
        if not numbers:
            return
        sums = np.stack([self._sums[number] for number in numbers])
        sums, means = sums[:, :-8], sums[:, -7:] / sums[:, -8:-7]
        paints, shades = (None, None) if self.palette is None else (self.palette.ab, self.palette.gray)
        won = elect(sums, paints, shades, means[:, 0])
        flat = np.clip((_FLAT[1] - means[:, 1]) / (_FLAT[1] - _FLAT[0]), 0, 1)
        shift, mean = means[:, 2:4], means[:, 4:6]
        uneven = np.sqrt(np.maximum(means[:, 6] - (mean**2).sum(axis=1), 0))
        near = _HELD * np.clip((_UNEVEN[1] - uneven) / (_UNEVEN[1] - _UNEVEN[0]), 0, 1)
        held = (mean + shift + won.ab) / 2
        rows = np.column_stack([won.ab, won.confidence, flat, shift, held, near]).astype(np.float32)
        self._decided.update(zip(numbers, rows, strict=True))


def _dimmed(light: float) -> float:
    """What a fade leaves, 0..1, of a drawing's light."""
    return light * float(np.interp(light, _DIM, (1, 1 / light)))


def _numbers(tracks: Labels) -> NDArray[np.int64]:
    """Those that are in a picture, ascending."""
    least = int(tracks.min())
    return np.flatnonzero(np.bincount((tracks - least).ravel())) + least


def _gathered(
    votes: Evidence,
    weight: NDArray[np.float32],
    found: Followed,
    shift: NDArray[np.float32],
    seen: NDArray[np.float32],
) -> NDArray[np.float32]:
    """What a drawing adds to the tracks of its regions, (n + 1, 313 + 8): votes; weight, and multiplied by that, L*,
    spread, the a and b from the network's mean color to the memory's, as far as that knows the region, and what is
    `seen` of the network's: mean a, mean b, and mean of their squared length."""
    of_region = np.column_stack([np.ones_like(weight), found.lightness, found.spread, shift, seen])
    return np.hstack([votes, of_region * weight[:, None]]).astype(np.float32)
