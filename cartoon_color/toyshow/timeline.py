"""Where in an episode everything lies: shots, cuts, fades, one dissolve, credits; and what each frame shows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cartoon_color.errors import SettingsError

CREDITS: Final = 0.04
"""Share of an episode's frames that are credits (thesis, section 4.1.3: "roughly 4%")."""
_SHOT_SECONDS: Final = 2.6
_FEWEST_SHOTS: Final = 4
_SHORTEST_SHOT: Final = 8
"""Frames; less leaves no room for a fade on either side."""

Span = tuple[int, int]
"""Frames, half open."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """What one frame shows."""

    shot: int
    """0 is the opening card, the last one the closing card."""
    tick: int
    """Frames since the shot's action began."""
    level: float = 1.0
    """Brightness of a fade, 0..1."""
    into: tuple[int, int, float] | None = None
    """In a dissolve: shot and tick of the picture that comes, and its share."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """One episode, frame by frame."""

    shots: tuple[Span, ...]
    """With the cards, which are the first and the last."""
    exposures: tuple[Exposure, ...]
    cuts: tuple[int, ...]
    """First frames of shots that begin with a cut."""
    fades: tuple[Span, ...]
    """Frames darker than drawn."""
    dissolves: tuple[Span, ...]
    """Frames that mix two shots; the coming shot begins where the span ends."""


def lay_out(frames: int, rate: Fraction, rng: np.random.Generator) -> Timeline:
    """Divide `frames` into cards and shots, with one fade to black, one dissolve, and cuts.

    Raises SettingsError if the episode is too short for that.
    """
    credit_frames = max(4, round(CREDITS * frames))
    opening = (credit_frames + 1) // 2
    cartoon = frames - credit_frames
    count = max(_FEWEST_SHOTS, round(cartoon / (rate * Fraction(_SHOT_SECONDS))))
    if cartoon < count * _SHORTEST_SHOT * 5 // 4:  # shots differ in length by up to 20 %
        least = Fraction(_FEWEST_SHOTS * _SHORTEST_SHOT * 5 // 4 + 4) / rate
        raise SettingsError(
            f"an episode of {frames} frames at {rate} a second is too short; give at least {float(least):.1f} s"
        )
    weights = np.cumsum(rng.uniform(0.8, 1.2, count))
    bounds = [0, *(opening + round(cartoon * w) for w in [0.0, *(weights / weights[-1])]), frames]
    shots = tuple(pairwise(bounds))
    black, mixed = (int(n) for n in rng.permutation(np.arange(2, count + 1))[:2])

    levels = np.ones(frames)
    exposures = [Exposure(n, i - start) for n, (start, stop) in enumerate(shots) for i in range(start, stop)]
    spread = [_fade_length(shot, rate) for shot in shots]
    for n in (1, black, len(shots) - 1):  # the shots that begin by fading in
        middle, out, back = shots[n][0], spread[n - 1], spread[n]
        # Cards never get wholly black, the fade between two shots does.
        levels[middle - out : middle] = (
            np.linspace(1, 0, out + 2)[1:-1] if n != black else np.linspace(1, 0, out + 1)[1:]
        )
        levels[middle : middle + back] = np.linspace(0, 1, back + 2)[1:-1]
    levels[: spread[0]] = np.linspace(0, 1, spread[0] + 2)[1:-1]
    levels[frames - spread[-1] :] = np.linspace(1, 0, spread[-1] + 2)[1:-1]

    for i, exposure in enumerate(exposures):
        tick = exposure.tick
        if exposure.shot == 1:  # the cartoon stands still while it fades beside the credits (thesis, section 4.1.3)
            tick = max(0, tick - spread[1])
        if exposure.shot == len(shots) - 2:
            start, stop = shots[exposure.shot]
            tick = min(tick, stop - start - spread[exposure.shot])
        exposures[i] = replace(exposure, tick=tick, level=float(levels[i]))
    start, stop = shots[mixed - 1]
    length = min(round(rate / 2), (stop - start) // 3)
    dissolve = (stop - length, stop)
    for j, i in enumerate(range(*dissolve)):
        exposures[i] = replace(exposures[i], into=(mixed, j - length, (j + 1) / (length + 1)))

    cuts = tuple(shots[n][0] for n in range(2, count + 1) if n not in (black, mixed))
    return Timeline(shots, tuple(exposures), cuts, _dark_spans(levels), (dissolve,))


def _fade_length(shot: Span, rate: Fraction) -> int:
    return max(1, min(round(rate / 4), (shot[1] - shot[0]) // 4))


def _dark_spans(levels: NDArray[np.float64]) -> tuple[Span, ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], levels < 1, [False]]).astype(int)))
    return tuple((int(a), int(b)) for a, b in edges.reshape(-1, 2))
