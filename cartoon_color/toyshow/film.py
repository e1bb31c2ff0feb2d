"""From script to frames: every unique drawing is drawn once; exposed with fades and grain, they make the film."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import RGB
from cartoon_color.toyshow.canvas import HEIGHT, SAMPLES, Camera, Canvas, Labels, PartList
from cartoon_color.toyshow.credits import Card
from cartoon_color.toyshow.places import BACKGROUNDS
from cartoon_color.toyshow.script import ShotScript
from cartoon_color.toyshow.timeline import Timeline
from cartoon_color.video.compose import Planes, rgb_to_planes

GRAIN: Final = 1.5
"""Standard deviation of film grain, in luma codes.

Held frames then differ by a mean squared error of 4.5 + 0.2 from rounding, far below the thesis' threshold of 20 for
a new drawing (section 4.1.2).
"""
_GRAINS: Final = 4
"""Fields of grain per shot, used in turn: without a repeat, lossless films would be three times as large."""
_GRAIN_SIZE: Final = 0.7
"""Standard deviation of the blur that makes grains, in pixels."""


@dataclass(slots=True)
class Studio:
    """What the whole show shares: the numbers of its parts, and its backgrounds."""

    size: tuple[int, int]
    """Width and height of a picture, in pixels."""
    seed: int
    parts: PartList = field(default_factory=PartList)
    _backgrounds: dict[str, Canvas] = field(default_factory=dict)
    _view: tuple[str, Camera, Canvas] | None = None

    @property
    def samples(self) -> tuple[int, int]:
        """Width and height of a canvas."""
        return self.size[0] * SAMPLES, self.size[1] * SAMPLES

    def scene(self, script: ShotScript, time: float, traveled: float) -> tuple[RGB, Labels]:
        """Picture and labels of a shot: the cast at `time` seconds, the camera after `traveled` of its way."""
        canvas = self._seen(script.background, script.camera(traveled))
        for role in script.cast:
            canvas.draw(role.drawing(time), self.parts)
        return canvas.developed()

    def card(self, card: Card) -> tuple[RGB, Labels]:
        """Picture and labels of a title card."""
        return card.canvas(self.samples, self.parts).developed()

    def _seen(self, name: str, camera: Camera) -> Canvas:
        """A fresh canvas with the background; the last view is kept, as most cameras stand still."""
        if self._view is None or self._view[:2] != (name, camera):
            if name not in self._backgrounds:
                scale = self.samples[1] / HEIGHT
                self._backgrounds[name] = BACKGROUNDS[name].painted(name, scale, self.seed, self.parts)
            self._view = (name, camera, self._backgrounds[name].seen_by(camera, self.samples))
        view = self._view[2]
        return Canvas(view.picture.copy(), view.labels.copy(), view.scale, view.offset)


@dataclass(frozen=True, eq=False, slots=True)
class Film:
    """An episode before it is exposed."""

    pictures: tuple[RGB, ...]
    """(H, W, 3) of every unique drawing, in order of appearance."""
    labels: tuple[Labels, ...]
    """(H, W) of every unique drawing."""
    drawing: NDArray[np.int32]
    """(frames,), position of each frame's drawing in `pictures`."""
    level: NDArray[np.float64]
    """(frames,), brightness of each frame."""
    shot: NDArray[np.int32]
    """(frames,), number of each frame's shot."""

    @property
    def held(self) -> NDArray[np.bool_]:
        """(frames,), whether a frame but for grain repeats the one before."""
        same = (np.diff(self.drawing) == 0) & (np.diff(self.level) == 0)
        return np.concatenate([[False], same])


def draw_film(
    studio: Studio, timeline: Timeline, cards: tuple[Card, Card], scripts: Sequence[ShotScript], rate: Fraction
) -> Film:
    """Draw an episode; `scripts` are the shots between the opening and the closing card."""
    pictures: list[RGB] = []
    labels: list[Labels] = []
    known: dict[object, int] = {}
    drawing = []
    last = len(timeline.shots) - 1

    def key(shot: int, tick: int) -> tuple[int, int, float]:
        if shot in (0, last):
            return shot, 0, 0.0
        script, (start, stop) = scripts[shot - 1], timeline.shots[shot]
        traveled = script.traveled(tick / (stop - start))
        hold = 1 if 0 < traveled < 1 else script.hold
        return shot, tick // hold * hold, traveled

    def drawn(shot: int, tick: int, traveled: float) -> tuple[RGB, Labels]:
        if shot in (0, last):
            return studio.card(cards[0 if shot == 0 else 1])
        return studio.scene(scripts[shot - 1], float(tick / rate), traveled)

    for exposure in timeline.exposures:
        own = key(exposure.shot, exposure.tick)
        whole = (own, exposure.into)
        if whole not in known:
            picture, numbers = drawn(*own)
            if exposure.into is not None:
                shot, tick, part = exposure.into
                coming, coming_numbers = drawn(*key(shot, tick))
                picture = np.asarray(cv2.addWeighted(picture, 1 - part, coming, part, 0), np.uint8)
                numbers = numbers if part < 0.5 else coming_numbers
            # A new pose may show nothing new, if the one who blinks is out of the picture.
            if not pictures or not (np.array_equal(picture, pictures[-1]) and np.array_equal(numbers, labels[-1])):
                pictures.append(picture)
                labels.append(numbers)
            known[whole] = len(pictures) - 1
        drawing.append(known[whole])
    return Film(
        tuple(pictures),
        tuple(labels),
        np.array(drawing, np.int32),
        np.array([e.level for e in timeline.exposures]),
        np.array([e.shot for e in timeline.exposures], np.int32),
    )


def exposed(film: Film, *, grain: float, seed: Sequence[int]) -> Iterator[Planes]:
    """Y', Cb, Cr of every frame: the drawing, darkened by its fade, with grain of standard deviation `grain`."""
    fields: list[NDArray[np.float32]] = []
    before: tuple[int, float] | None = None
    clean: Planes
    for i, (drawing, level, shot) in enumerate(zip(film.drawing, film.level, film.shot, strict=True)):
        if before != (drawing, level):
            before, picture = (drawing, level), film.pictures[drawing]
            clean = rgb_to_planes(picture if level == 1 else np.asarray(np.rint(picture * level), np.uint8))
        if i == 0 or shot != film.shot[i - 1]:
            rng = np.random.default_rng([*seed, shot])
            fields = [_grain(picture.shape[:2], rng) for _ in range(_GRAINS)]
        planes = clean.copy()
        noise = np.rint(fields[i % _GRAINS] * np.float32(grain * level))
        planes[0] = np.clip(clean[0] + noise, 0, 255).astype(np.uint8)
        yield planes


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """A field of grain of standard deviation 1: (H, W)."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0), _GRAIN_SIZE)
    return np.asarray(noise / noise.std(), np.float32)
