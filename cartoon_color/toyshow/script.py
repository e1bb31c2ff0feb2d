"""What happens: each episode is a list of shots, written by a seeded generator of random numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

import numpy as np

from cartoon_color.toyshow.animals import bird, bruno, mitzi
from cartoon_color.toyshow.backgrounds import WIDTH
from cartoon_color.toyshow.canvas import HEIGHT, Camera
from cartoon_color.toyshow.people import PEOPLE, Pose, person
from cartoon_color.toyshow.places import BACKGROUNDS
from cartoon_color.toyshow.props import PROPS
from cartoon_color.toyshow.shapes import Drawing, named, placed

_FIGURES: Final[dict[str, Callable[[Pose], Drawing]]] = {
    **{name: partial(person, look) for name, look in PEOPLE.items()},
    "bruno": bruno,
    "mitzi": mitzi,
    "bird": bird,
}

CAST: Final = tuple(_FIGURES)
"""Everyone who can appear; the same in all episodes."""


@lru_cache(maxsize=256)
def _figure(name: str, pose: Pose) -> Drawing:
    """Those who stand take few poses, over and over."""
    return _FIGURES[name](pose)


_LINES: Final = {
    "pip": ("Good morning!", "Wait for me!", "I know the way."),
    "mila": ("Look over there!", "Shall we go?", "What a lovely day."),
    "kolb": ("Who goes there?", "Mind the flowers.", "Fine weather today."),
    "olga": ("Supper is ready.", "Come in, come in!", "Where is my cat?"),
}


_TRAVEL: Final = (0.2, 0.6)
"""Shares of a shot between which a camera moves, if it does."""


@dataclass(frozen=True, slots=True)
class Novelty:
    """What an episode has and no other one."""

    title: str
    prop: str
    background: str
    """Where the prop appears."""


NOVELTIES: Final = (
    Novelty("The Red Balloon", "balloon", "meadow"),
    Novelty("A Day at the River", "boat", "river"),
    Novelty("The Hay Cart", "cart", "village"),
    Novelty("Grandma's Kite", "kite", "dusk"),
    Novelty("Into the Forest", "basket", "forest"),
    Novelty("First Snow", "gift", "winter"),
    Novelty("Mila's Umbrella", "umbrella", "village"),
    Novelty("The Bouncing Ball", "ball", "kitchen"),
)
"""One per episode, so a show has at most this many."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Someone in a shot."""

    name: str
    x: float
    """Where at the start, in units of the background."""
    y: float
    """Height of the feet."""
    speed: float = 0.0
    """Units a second, to the right if positive; 0 stands."""
    mirrored: bool = False
    """Whether facing left."""
    waves: bool = False
    talks: bool = False
    phase: float = 0.0
    """Seconds, so that not everyone blinks at once."""

    def drawing(self, time: float) -> Drawing:
        """The actor at `time` seconds into the shot."""
        own = time + self.phase
        pose = Pose(
            walk=own * 1.5 % 1 if self.speed else None,
            wave=own * 1.2 % 1 if self.waves else None,
            blink=own % 2.1 < 0.17,
            talk=self.talks and own * 3.5 % 1 < 0.5,
        )
        return named(
            self.name, placed(_figure(self.name, pose), self.x + self.speed * time, self.y, mirrored=self.mirrored)
        )


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing in a shot."""

    name: str
    x: float
    y: float
    speed: float = 0.0
    """Units a second."""

    def drawing(self, time: float) -> Drawing:
        """The thing at `time` seconds into the shot."""
        return named(self.name, placed(PROPS[self.name](time), self.x + self.speed * time, self.y))


@dataclass(frozen=True, slots=True)
class ShotScript:
    """One shot."""

    background: str
    cast: tuple[Actor | Prop, ...]
    """From back to front."""
    start: Camera
    end: Camera
    hold: int
    """Frames for which a drawing is held: on twos or threes. While the camera moves, all is drawn on ones."""
    line: str = ""
    """What is said; empty for nothing."""

    @property
    def moving(self) -> bool:
        """Whether the camera pans or zooms."""
        return self.start != self.end

    def traveled(self, share: float) -> float:
        """Share of the camera's way done after a share of the shot: 0 before it starts, 1 once it rests."""
        begin, end = _TRAVEL
        return min(1.0, max(0.0, (share - begin) / (end - begin))) if self.moving else 0.0

    def camera(self, traveled: float) -> Camera:
        """Where the camera is after a share (0..1) of its way; it starts and stops softly."""
        s = traveled * traveled * (3 - 2 * traveled)
        ends = zip((self.start.x, self.start.y, self.start.zoom), (self.end.x, self.end.y, self.end.zoom), strict=True)
        return Camera(*(a + (b - a) * s for a, b in ends))


def write_script(
    novelty: Novelty, shots: int, seconds: float, view: float, rng: np.random.Generator
) -> list[ShotScript]:
    """Shots of one episode, about `seconds` long each, for a picture `view` units wide.

    The first four kinds are a group, a pan, the novelty and a zoom, in an order drawn from `rng`; so even the
    shortest episode has them.
    """
    kinds = [*rng.permutation(["group", "pan", "novelty", "zoom"])]
    while len(kinds) < shots:
        kinds += [*rng.permutation(["walk", "close", "group", "novelty", "pan"])]
    places = [str(p) for _ in range(shots) for p in rng.permutation(["meadow", "village", "kitchen"])]
    writer = _Writer(novelty, seconds, view, rng)
    return [writer.shot(str(kind), place) for kind, place in zip(kinds[:shots], places, strict=False)]


@dataclass(frozen=True, slots=True)
class _Writer:
    novelty: Novelty
    seconds: float
    view: float
    rng: np.random.Generator

    def shot(self, kind: str, place: str) -> ShotScript:
        background = self.novelty.background if kind == "novelty" else place
        ground = BACKGROUNDS[background].ground
        middle = self.rng.uniform(self.view / 2, WIDTH - self.view / 2)
        still, hold = Camera(middle), int(self.rng.integers(2, 4))
        if kind == "walk":
            walkers = self._walkers(middle, ground, 2)
            birds = () if background == "kitchen" else (Actor("bird", middle - self.view * 0.4, 60, 70, phase=0.1),)
            return ShotScript(background, (*birds, *walkers), still, still, hold)
        if kind == "pan":
            return self._pan(background, ground)
        if kind == "novelty":
            group, line = self._group(middle - 0.16 * self.view, ground, 2)
            return ShotScript(
                background, (self._prop(middle + 0.2 * self.view, ground), *group), still, still, hold, line
            )
        group, line = self._group(middle, ground, 2 if kind in ("zoom", "close") else 3)
        if kind == "group":
            return ShotScript(background, group, still, still, hold, line)
        face = self._clamped(Camera(group[0].x + 20, ground - 86, 1.9))
        return ShotScript(background, group, still if kind == "zoom" else face, face, hold, line)

    def _pan(self, background: str, ground: float) -> ShotScript:
        """The camera goes along with someone for a while, to the right."""
        way = min(150.0, 0.9 * (WIDTH - self.view))
        speed = way / self.seconds
        left = self.rng.uniform(self.view / 2, WIDTH - self.view / 2 - way)
        cast = tuple(
            Actor(str(name), left - 80 + 90 * n, ground + 3 * n, speed, phase=self.rng.uniform(0, 2))
            for n, name in enumerate(self.rng.permutation(CAST[:6])[:2])
        )
        return ShotScript(background, cast, Camera(left), Camera(left + way), 2)

    def _walkers(self, middle: float, ground: float, count: int) -> tuple[Actor, ...]:
        names = self.rng.permutation(CAST[:6])[:count]
        cast = []
        for n, name in enumerate(names):
            side = -1 if self.rng.random() < 0.5 else 1
            x = middle + side * self.view * (0.42 - 0.25 * n)
            cast.append(Actor(str(name), x, ground + 4 * n, -side * self.rng.uniform(40, 62), side > 0, phase=n * 0.3))
        return tuple(cast)

    def _group(self, middle: float, ground: float, count: int) -> tuple[tuple[Actor, ...], str]:
        """People and at most one animal, side by side; the leftmost, a person, talks."""
        people = [str(name) for name in self.rng.permutation(CAST[:4])]
        names = [*people[: count - 1], str(self.rng.choice(["bruno", "mitzi", people[-1]]))]
        spread = self.view * (0.2 + 0.16 * len(names)) / len(names)
        first = middle - spread * (len(names) - 1) / 2
        cast = tuple(
            Actor(
                name,
                first + n * spread + self.rng.uniform(-6, 6),
                ground + self.rng.uniform(-3, 6),
                mirrored=n > 0,
                waves=bool(n == 1 or self.rng.random() < 0.3),
                talks=n == 0,
                phase=self.rng.uniform(0, 2),
            )
            for n, name in enumerate(names)
        )
        return cast, str(self.rng.choice(_LINES[names[0]]))

    def _prop(self, middle: float, ground: float) -> Prop:
        name = self.novelty.prop
        if name == "boat":  # on the water, behind the bank
            return Prop(name, middle, ground - 58, self.rng.uniform(10, 22))
        return Prop(name, middle, ground - 2, self.rng.uniform(4, 12) if name == "cart" else 0.0)

    def _clamped(self, camera: Camera) -> Camera:
        """The nearest camera that sees nothing beyond the background."""
        wide, high = self.view / 2 / camera.zoom, HEIGHT / 2 / camera.zoom
        x = float(np.clip(camera.x, wide, WIDTH - wide))
        return Camera(x, float(np.clip(camera.y, high, HEIGHT - high)), camera.zoom)
