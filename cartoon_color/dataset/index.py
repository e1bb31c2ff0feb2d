"""The index of an extracted episode: one row a frame of the source, and what it was made from."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, get_args

from cartoon_color.errors import InputError
from cartoon_color.files import replacing

Decision = Literal["kept", "duplicate", "credits", "fade"]

COLUMNS = ("index", "pts", "time_base", "decision", "distance", "credits", "confidence", "shot", "mixed")


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one frame."""

    index: int
    """Position in the film, from 0; also the name of its picture."""
    pts: int
    """In ticks of `time_base`."""
    time_base: Fraction
    """Seconds a tick; written as a fraction."""
    decision: Decision
    """kept: it has a picture. duplicate, credits, fade: why it has none."""
    distance: float | None
    """Mean squared difference to the last kept frame (thesis eq. 4.1), of duplicates perhaps a bound below the
    threshold (see `stages.dedup.UniquePictures`); None for the first frame."""
    credits: bool | None
    """Whether it shows credits; None if that was not asked: duplicates, and shows without a credits profile."""
    confidence: float | None
    """Of that verdict, 0..1."""
    shot: int
    mixed: bool
    """Whether it is in a dissolve, which counts as a shot."""


@dataclass(frozen=True, slots=True)
class EpisodeFiles:
    """Where an episode's pictures and index are in a data set."""

    dataset: Path
    episode: str

    @property
    def pictures(self) -> Path:
        """Folder of the pictures."""
        return self.dataset / "frames" / self.episode

    @property
    def rows(self) -> Path:
        """The table, one row a frame."""
        return self.dataset / "index" / f"{self.episode}.csv"

    @property
    def fingerprint(self) -> Path:
        """What the pictures were made from; there only once everything else is."""
        return self.dataset / "index" / f"{self.episode}.json"

    def picture(self, index: int) -> Path:
        """The picture of frame `index`."""
        return self.pictures / f"{index:06d}.png"


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write the table of an episode: comma separated, UTF-8, one line a row after a line of column names."""
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow(
                (
                    row.index,
                    row.pts,
                    row.time_base,
                    row.decision,
                    "" if row.distance is None else round(row.distance, 4),
                    "" if row.credits is None else int(row.credits),
                    "" if row.confidence is None else round(row.confidence, 4),
                    row.shot,
                    int(row.mixed),
                )
            )


def read_rows(path: Path) -> list[Row]:
    """The table at `path`.

    Raises:
        InputError: if it is missing or is not such a table.
    """
    advice = "extract the episode again"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_row(line) for line in csv.DictReader(file, restval="")]
    except OSError as error:
        raise InputError(f"the index {path} can't be read ({error.strerror}); {advice}") from error
    except (KeyError, ValueError, ZeroDivisionError, csv.Error) as error:
        raise InputError(f"the index {path} has a wrong line ({error}); {advice}") from error


def _row(line: dict[str, str]) -> Row:
    decision = line["decision"]
    if decision not in get_args(Decision):
        raise ValueError(f"decision {decision!r}")
    return Row(
        index=int(line["index"]),
        pts=int(line["pts"]),
        time_base=Fraction(line["time_base"]),
        decision=decision,  # type: ignore[arg-type]
        distance=float(line["distance"]) if line["distance"] else None,
        credits=bool(int(line["credits"])) if line["credits"] else None,
        confidence=float(line["confidence"]) if line["confidence"] else None,
        shot=int(line["shot"]),
        mixed=bool(int(line["mixed"])),
    )


def read_fingerprint(path: Path) -> dict[str, Any] | None:
    """The fingerprint at `path`; None if there is none, or none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
