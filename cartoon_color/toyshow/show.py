"""Drawing a whole show: films in color and in black and white, the truth about them, and the manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from cartoon_color.errors import OutputError, SettingsError
from cartoon_color.files import write_atomically
from cartoon_color.toyshow.canvas import HEIGHT
from cartoon_color.toyshow.credits import PROFILE, Card
from cartoon_color.toyshow.film import GRAIN, Studio, draw_film, exposed
from cartoon_color.toyshow.script import NOVELTIES, Novelty, ShotScript, write_script
from cartoon_color.toyshow.sound import tune
from cartoon_color.toyshow.timeline import Timeline, lay_out
from cartoon_color.toyshow.truth import make_truth, save_truth
from cartoon_color.video.compose import Caption, compose

Role = Literal["train", "validation", "test"]

_WIDEST: Final = 2.2
"""Width over height; a wider picture would leave the camera nothing to pan over."""
_LONGEST: Final = 120
"""Seconds; an episode's drawings are all held in memory."""
_SMALLEST: Final = 64
"""Pixels of height; below that, lines run together."""


@dataclass(frozen=True, slots=True)
class ToyEpisode:
    """The files of one episode."""

    name: str
    role: Role
    color: Path
    """The film in color."""
    bw: Path
    """The same film in black and white: the color film's luma, code by code."""
    truth: Path
    """For `load_truth`."""


@dataclass(frozen=True, slots=True)
class ToyShow:
    """A drawn show."""

    manifest: Path
    """`toyshow.toml`, in the project's format."""
    episodes: tuple[ToyEpisode, ...]

    def to_json(self) -> dict[str, Any]:
        """The files, as JSON takes them."""
        episodes = [
            {"name": e.name, "role": e.role, "color": str(e.color), "bw": str(e.bw), "truth": str(e.truth)}
            for e in self.episodes
        ]
        return {"manifest": str(self.manifest), "episodes": episodes}


def draw_show(
    out: Path,
    *,
    seed: int = 0,
    episodes: int = 3,
    seconds: float = 20.0,
    size: tuple[int, int] = (352, 264),
    rate: Fraction = Fraction(24),
    grain: float = GRAIN,
) -> ToyShow:
    """Draw a show of `episodes` films, `seconds` each, `size` (width, height) pixels, into the folder `out`.

    The same arguments give the same bytes. `grain` is the standard deviation of film grain in luma codes; 0 turns it
    off. Raises SettingsError for arguments that allow no show, OutputError where `out` can't be written.
    """
    _check(seed, episodes, seconds, size, rate, grain)
    order = np.random.default_rng(seed).permutation(len(NOVELTIES))
    studio = Studio(size, seed)
    drawn = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, which in enumerate(order[:episodes], start=1):
            drawn.append(
                _draw_episode(out, studio, number, NOVELTIES[which], _role(number, episodes), seconds, rate, grain)
            )
        manifest = out / "toyshow.toml"
        write_atomically(manifest, _manifest(drawn, seed).encode())
    except OSError as error:
        raise OutputError(
            f"the toy show can't be written to {out} ({error.strerror}); choose another place with --out"
        ) from error
    return ToyShow(manifest, tuple(drawn))


def _check(seed: int, episodes: int, seconds: float, size: tuple[int, int], rate: Fraction, grain: float) -> None:
    width, height = size
    problems = []
    if seed < 0:
        problems.append(f"seed must be at least 0, got {seed}")
    if not 1 <= episodes <= len(NOVELTIES):
        problems.append(f"episodes must be 1 to {len(NOVELTIES)}, got {episodes}")
    if not 0 < seconds <= _LONGEST:
        problems.append(f"seconds must be more than 0 and at most {_LONGEST}, got {seconds}")
    if width % 2 or height % 2 or height < _SMALLEST or not 1 <= width / max(1, height) <= _WIDEST:
        problems.append(
            f"size must be even, at least {_SMALLEST} high and 1 to {_WIDEST} times as wide, got {width} x {height}"
        )
    if rate <= 0:
        problems.append(f"rate must be positive, got {rate}")
    if not 0 <= grain <= 16:
        problems.append(f"grain must be 0 to 16 codes, got {grain}")
    if problems:
        raise SettingsError("; ".join(problems))


def _role(number: int, episodes: int) -> Role:
    """The first episode tests, as in the thesis (section 4.1.4); the last of four or more validates."""
    if number == 1:
        return "test"
    return "validation" if number == episodes >= 4 else "train"


def _draw_episode(
    out: Path, studio: Studio, number: int, novelty: Novelty, role: Role, seconds: float, rate: Fraction, grain: float
) -> ToyEpisode:
    name = f"episode_{number:02}"
    rng = np.random.default_rng([studio.seed, number])
    frames = round(Fraction(seconds) * rate)
    timeline = lay_out(frames, rate, rng)
    shots = len(timeline.shots) - 2
    width, height = studio.size
    scripts = write_script(novelty, shots, float(frames / rate) / shots, HEIGHT * width / height, rng)
    cards = (Card((novelty.title, "A Toy Show", f"Episode {number}")), Card(("The End", "drawn by code")))
    film = draw_film(studio, timeline, cards, scripts, rate)

    episode = ToyEpisode(name, role, *(out / f"{name}.{kind}" for kind in ("color.mkv", "bw.mkv", "truth.json")))
    sound, captions = tune(float(frames / rate), rng), _captions(timeline, scripts, rate)
    for path, planes in ((episode.color, slice(None)), (episode.bw, 0)):
        pictures = (picture[planes] for picture in exposed(film, grain=grain, seed=(studio.seed, number)))
        metadata = {"title": novelty.title}
        compose(path, pictures, rate=rate, sound=sound, captions=captions, metadata=metadata)
    save_truth(episode.truth, make_truth(film, timeline, scripts, studio.parts, rate))
    return episode


def _captions(timeline: Timeline, scripts: list[ShotScript], rate: Fraction) -> list[Caption]:
    """One caption per shot in which someone speaks, from a bit after its start to a bit before its end."""
    captions = []
    for (start, stop), script in zip(timeline.shots[1:-1], scripts, strict=True):
        if script.line:
            margin = (stop - start) // 8
            captions.append(Caption((start + margin) / rate, (stop - margin) / rate, script.line))
    return captions


def _manifest(episodes: list[ToyEpisode], seed: int) -> str:
    lines = ['name = "toyshow"', "", "[credits]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in PROFILE.items()]
    for episode in episodes:
        lines += [
            "",
            "[[episodes]]",
            f'name = "{episode.name}"',
            f'path = "{episode.color.name}"',
            f'role = "{episode.role}"',
            f'source = "drawn by cartoon-color toyshow, seed {seed}"',
            'license = "MIT"',
            f'sha256 = "{hashlib.sha256(episode.color.read_bytes()).hexdigest()}"',
        ]
    return "\n".join(lines) + "\n"
