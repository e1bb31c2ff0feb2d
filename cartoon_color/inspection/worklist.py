"""The shots of a film as a table, those that need work first."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from io import StringIO

WORKLIST = "worklist.csv"
UNSURE = 0.2
"""Confidence below which a color counts as unsure."""


@dataclass(frozen=True, slots=True)
class ShotRow:
    """How sure the colors of a shot are. The fields are the columns of `worklist.csv`."""

    shot: int
    """From 0, as in the name of its picture."""
    first_frame: int
    """From 0, as is ..."""
    last_frame: int
    start_seconds: Fraction
    """After the film's first frame; three digits in the file."""
    drawings: int
    confidence: float
    """0..1, mean over the pixels of all drawings; 1 where nothing is drawn."""
    unsure: float
    """Share of these pixels whose confidence is below `UNSURE`."""
    shown_frame: int
    """Of the drawing in the shot's picture: its least confident one."""

    @property
    def picture(self) -> str:
        """Name of the shot's picture."""
        return f"shot-{self.shot:04}.png"


def to_csv(rows: Iterable[ShotRow]) -> str:
    """Comma-separated values, one line a shot, least confident first, after a line of column names."""
    text = StringIO()
    names = [field.name for field in fields(ShotRow)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    for row in sorted(rows, key=lambda row: (row.confidence, row.shot)):
        cells = {name: getattr(row, name) for name in names}
        cells["start_seconds"] = f"{float(row.start_seconds):.3f}"
        writer.writerow(cells | {name: f"{cells[name]:.4f}" for name in ("confidence", "unsure")})
    return text.getvalue()
