"""A simple tune: a plucked melody wandering over a pentatonic scale, left of a slow bass."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cartoon_color.video.compose import Sound

_RATE: Final = 24000
"""Samples a second."""
_BEAT: Final = 0.24
"""Seconds between two notes."""
_SCALE: Final = (0, 2, 4, 7, 9, 12, 14, 16)
"""Semitones above middle C."""
_BASS: Final = (-24, -24, -19, -17)
"""One for every four notes."""
_MIDDLE_C: Final = 261.63
"""Hz."""


def tune(seconds: float, rng: np.random.Generator) -> Sound:
    """A tune of exactly `seconds` (rounded to a sample)."""
    track = np.zeros((round(seconds * _RATE), 2))
    step = 2
    for beat in range(int(seconds / _BEAT)):
        step = int(np.clip(step + rng.integers(-2, 3), 0, len(_SCALE) - 1))
        if rng.random() < 0.85:
            _add(track, beat, _note(_SCALE[step], 0.9), 0.30, 0.18)
        if beat % 4 == 0:
            _add(track, beat, _note(_BASS[beat // 4 % len(_BASS)], 1.4), 0.16, 0.26)
    return Sound(np.asarray(np.rint(np.clip(track, -1, 1) * 32767), np.int16), _RATE)


def _note(semitones: int, seconds: float) -> NDArray[np.float64]:
    t = np.arange(round(seconds * _RATE)) / _RATE
    phase = 2 * np.pi * _MIDDLE_C * 2 ** (semitones / 12) * t
    return (
        (np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.15 * np.sin(3 * phase)) * np.exp(-5 * t) * np.minimum(1, t * 200)
    )


def _add(track: NDArray[np.float64], beat: int, note: NDArray[np.float64], left: float, right: float) -> None:
    start = round(beat * _BEAT * _RATE)
    note = note[: len(track) - start]
    track[start : start + len(note)] += note[:, None] * (left, right)
