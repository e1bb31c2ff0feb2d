"""Which frames to color by hand: those that would settle the most doubt, chosen in one pass over the films."""

from __future__ import annotations

import csv
import time
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from glob import escape
from io import StringIO
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.compare import png
from cartoon_color.dataset.index import write_atomically
from cartoon_color.errors import OutputError
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.inspection.watch import full_range, watched
from cartoon_color.render import READ_AHEAD, Painter
from cartoon_color.stages.motion import stretched
from cartoon_color.stages.reference import REACH
from cartoon_color.stages.vote import Voted
from cartoon_color.streams import prefetched
from cartoon_color.video import Ending, paint, probe, read

SUGGESTIONS = "suggestions.csv"
CANDIDATES = 200
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


@dataclass(frozen=True)
class SuggestionSummary:
    """What to color."""

    out: Path
    """Folder of the pictures and the list."""
    suggestions: tuple[Suggestion, ...]
    """What settles most comes first."""
    doubt: float
    """Of all films: the sum of 1 - confidence over the pixels of all drawings."""
    drawings: int
    frames: Mapping[Path, int]
    """Of each film."""
    frames_lost: Mapping[Path, int | None]
    """As in a render's summary."""
    seconds: float
    variants: tuple[str, ...]

    def rows(self) -> list[dict[str, str | int | float]]:
        """The suggestions as a table; `settles` and `cumulative` are shares of all doubt."""
        rows: list[dict[str, str | int | float]] = []
        cumulative = 0.0
        for rank, each in enumerate(self.suggestions, start=1):
            settles = each.settled / self.doubt
            cumulative += settles
            rows.append(
                {
                    "rank": rank,
                    "film": str(each.film),
                    "frame": each.frame,
                    "seconds": round(float(each.seconds), 3),
                    "shot": each.shot,
                    "settles": round(settles, 4),
                    "cumulative": round(cumulative, 4),
                    "picture": each.picture,
                }
            )
        return rows

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them."""
        return {
            "list": str(self.out / SUGGESTIONS),
            "suggestions": self.rows(),
            "doubt": round(self.doubt, 1),
            "drawings": self.drawings,
            "frames": {str(film): number for film, number in self.frames.items()},
            "frames_lost": {str(film): number for film, number in self.frames_lost.items()},
            "seconds": round(self.seconds, 3),
            "variants": list(self.variants),
        }


def suggest(
    films: Sequence[Path],
    out: Path,
    painter: Painter,
    *,
    number: int = 5,
    deinterlace: bool = False,
    keep_going: bool = False,
    overwrite: bool = False,
    progress: Callable[[Path], Callable[[int, int | None], None]] | None = None,
) -> SuggestionSummary:
    """Write the frames that are best colored by hand, in their present colors, and a list of them.

    A colored frame settles the tracks seen in it, in the drawings that it reaches as a reference: to the end of its
    shot, and `REACH` frames backwards. Settled is the track's doubt (1 - confidence) in each pixel, times the share of
    the track that the frame shows, of what any candidate of the shot does. Of several frames the best one counts, so
    what is settled is monotone and submodular, and the greedy choice is within 1 - 1/e of the best one (Nemhauser,
    Wolsey and Fisher 1978, "An analysis of approximations for maximizing submodular set functions"). Nothing passes a
    cut, so each shot's own greedy choices, merged by what they settle, are those of all films together.

    Args:
        films: Whatever FFmpeg decodes.
        out: Folder for `FILM.NNNNNN.png` and `suggestions.csv`; it is made if it isn't there.
        painter: What colors; its regions vote (smooth "tracks").
        number: Most frames, of all films together; fewer where no doubt is left.
        deinterlace: Make one frame of the two fields of an interlaced film.
        keep_going: Look at broken films up to where they break off.
        overwrite: Whether pictures and list in `out` may be replaced; of other frames they stay.
        progress: Given a film, what to call after every frame with the frames done and, if known, the frames in all.

    Raises:
        InputError: A film can't be used.
        OutputError: Two films of one name, or `out` holds other suggestions or can't be written.
        WeightsError: The painter's weights can't be used.
    """
    started = time.monotonic()
    _check(films, out, overwrite=overwrite)
    infos = {film: probe(film) for film in films}
    films_read = {film: read(info, deinterlace=deinterlace) for film, info in infos.items()}
    variants = painter.variants  # films and weights that can't be used are told of before the folder is made
    _make(out)
    best: list[Suggestion] = []
    doubt, drawings = 0.0, 0
    frames: dict[Path, int] = {}
    lost: dict[Path, int | None] = {}
    for film, info in infos.items():
        ending = Ending(keep_going)
        decoded = prefetched(ending.guard(films_read[film]), READ_AHEAD)
        tell = None if progress is None else progress(film)
        shot: _Shot | None = None
        origin = Fraction(0)
        frames[film] = 0
        with closing(cast("Generator[Frame, None, None]", decoded)):
            for frame, voted in watched(decoded, painter, info):
                if frame.index == 0:
                    origin = frame.pts * frame.time_base
                if shot is None or frame.shot != shot.number:
                    best = _best(best, shot, number)
                    shot = _Shot(film, frame.shot, origin)
                if voted is not None:
                    doubt += shot.add(frame, voted)
                    drawings += 1
                frames[film] += 1
                if tell is not None:
                    tell(frames[film], info.frames)
        best = _best(best, shot, number)
        lost[film] = ending.lost(info, frames[film])
    summary = SuggestionSummary(out, tuple(best), doubt, drawings, frames, lost, time.monotonic() - started, variants)
    try:
        for film, info in infos.items():
            own = [each for each in best if each.film == film]
            _draw(own, out, info, Ending(keep_going).guard(read(info, deinterlace=deinterlace)))
        write_atomically(out / SUGGESTIONS, _to_csv(summary.rows()).encode())
    except OSError as error:
        raise _unwritable(out, error) from None
    return summary


def _draw(suggestions: Sequence[Suggestion], out: Path, info: VideoInfo, frames: Iterator[Frame]) -> None:
    """Write the pictures of a film's suggestions; `frames` are read up to the last of them."""
    wanted = {each.frame: each for each in suggestions}
    with closing(cast("Generator[Frame, None, None]", frames)):
        while wanted:
            frame = next(frames)
            chosen = wanted.pop(frame.index, None)
            if chosen is not None:
                chroma = stretched(chosen.chroma.astype(np.float32), frame)
                write_atomically(out / chosen.picture, png(paint(full_range(frame.luma, info), chroma)))


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(f"{out} can't be written ({error.strerror}); choose another folder with --out")


def _check(films: Sequence[Path], out: Path, *, overwrite: bool) -> None:
    names = [film.stem for film in films]
    for name in names:
        if names.count(name) > 1:
            raise OutputError(f"two films are called {name}, and so would be their pictures; give them in two runs")
    pictures = (path for name in names for path in sorted(out.glob(f"{escape(name)}.{'[0-9]' * 6}.png")))
    old = next((path for path in (out / SUGGESTIONS, *pictures) if path.exists()), None)
    if old is not None and not overwrite:
        raise OutputError(
            f"{out} holds other suggestions ({old.name}), painted ones perhaps; choose another --out, or replace them "
            "with --overwrite"
        )


def _best(before: list[Suggestion], shot: _Shot | None, number: int) -> list[Suggestion]:
    """The `number` suggestions that settle most of those `before` and those of a shot that ended."""
    new = [] if shot is None else list(shot.choices(number))
    return sorted([*before, *new], key=lambda each: -each.settled)[:number]


def _to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = StringIO()
    names = ("rank", "film", "frame", "seconds", "shot", "settles", "cumulative", "picture")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


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
    """By track."""


class _Shot:
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
            chroma = cv2.resize(cast("NDArray[np.float32]", frame.chroma), size, interpolation=cv2.INTER_AREA)
            contrast = float(np.ptp(np.percentile(voted.gray[::4, ::4], (5, 95))))
            shown = area[tracks].astype(np.float64) * min(1.0, contrast / _CONTRAST) ** 2
            seconds = frame.pts * frame.time_base - self._origin
            self._spans.append(_Span(frame.index, seconds, chroma.astype(np.float16), tracks, shown))
        self._drawings += 1
        _add(self._spans[-1].doubt, zip(tracks.tolist(), doubt[tracks].tolist(), strict=True))
        if len(self._spans) > CANDIDATES:
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
            for track in (*span.doubt, *span.tracks.tolist()):
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


def _add(sums: dict[int, float], items: Any) -> None:
    for key, value in items:
        sums[key] = sums.get(key, 0.0) + value
