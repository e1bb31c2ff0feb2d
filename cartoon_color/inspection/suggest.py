"""Which frames to color by hand: those that would settle the most doubt, chosen in one pass over the films."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from glob import escape
from io import StringIO
from pathlib import Path
from typing import Any, cast

import numpy as np

from cartoon_color.color import resize_chroma
from cartoon_color.compare import png
from cartoon_color.errors import OutputError
from cartoon_color.files import write_atomically
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.inspection.candidates import Candidates, Plan, Suggestion, needed, suggested, worth_most
from cartoon_color.inspection.watch import full_range, watched
from cartoon_color.painter import Painter
from cartoon_color.render import READ_AHEAD
from cartoon_color.streams import prefetched
from cartoon_color.video import Ending, paint, probe, read

SUGGESTIONS = "suggestions.csv"


@dataclass(frozen=True)
class SuggestionSummary:
    """What to color."""

    out: Path
    """Folder of the pictures and the list."""
    suggestions: tuple[Suggestion, ...]
    """What is worth most comes first."""
    doubt: float
    """Of all films: the sum of 1 - 2/3 confidence over the pixels of all drawings."""
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
    shot, and 256 frames backwards. Settled is the track's doubt (1 - 2/3 confidence) in each pixel, times the share of
    the track that the frame shows, of what any candidate of the shot does, times 1/e for each 128 frames between. Of
    several frames the best one counts. Each frame of the film gains by the logarithm of its doubt, as PSNR by that of
    its error: what finishes a picture is worth more than half of another. A tenth of the doubt stays in any case.

    Of each shot, the best one, two, ... frames are looked for, each of them being moved until it is best beside the
    others; how many each shot gets is told by what one more is worth. So five frames may not be among the best ten.

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
    plans: list[Sequence[Plan]] = []
    doubt, drawings = 0.0, 0
    frames: dict[Path, int] = {}
    lost: dict[Path, int | None] = {}
    for film, info in infos.items():
        ending = Ending(keep_going)
        decoded = prefetched(ending.guard(films_read[film]), READ_AHEAD)
        tell = None if progress is None else progress(film)
        shot: Candidates | None = None
        origin = Fraction(0)
        frames[film] = 0
        with closing(decoded):
            for frame, voted in watched(decoded, painter, info):
                if frame.index == 0:
                    origin = frame.pts * frame.time_base
                drawings += voted is not None
                frames[film] += 1
                if tell is not None:
                    tell(frames[film], info.frames)
                if frame.mixed:  # colored by what is around
                    continue
                if shot is None or frame.shot != shot.number:
                    plans = _merged(plans, shot, number)
                    shot = Candidates(film, frame.shot, origin)
                doubt += shot.add(frame, voted)
        plans = _merged(plans, shot, number)
        lost[film] = ending.lost(info, frames[film])
    best = suggested(plans)
    summary = SuggestionSummary(out, tuple(best), doubt, drawings, frames, lost, 0, variants)
    try:
        for film, info in infos.items():
            own = [each for each in best if each.film == film]
            _draw(own, out, info, Ending(keep_going).guard(read(info, deinterlace=deinterlace)))
        write_atomically(out / SUGGESTIONS, _to_csv(summary.rows()).encode())
    except OSError as error:
        raise _unwritable(out, error) from None
    return replace(summary, seconds=time.monotonic() - started)


def _draw(suggestions: Sequence[Suggestion], out: Path, info: VideoInfo, frames: Iterator[Frame]) -> None:
    """Write the pictures of a film's suggestions; `frames` are read up to the last of them."""
    wanted = {each.frame: each for each in suggestions}
    with closing(cast("Generator[Frame, None, None]", frames)):
        while wanted:
            frame = next(frames)
            chosen = wanted.pop(frame.index, None)
            if chosen is not None:
                chroma = resize_chroma(chosen.chroma.astype(np.float32), frame.luma.shape)
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


def _merged(plans: list[Sequence[Plan]], shot: Candidates | None, number: int) -> list[Sequence[Plan]]:
    """The plans to follow of the shots before and of one that ended."""
    if shot is None:
        return plans
    return worth_most([*plans, shot.plans(number, needed(plans, number))], number)


def _to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = StringIO()
    names = ("rank", "film", "frame", "seconds", "shot", "settles", "cumulative", "picture")
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
