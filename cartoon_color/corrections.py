"""Corrections: what the user says of the color of single regions, in a TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cartoon_color.color import rgb_to_lab
from cartoon_color.errors import SettingsError
from cartoon_color.files import read_toml

_KEYS = ("frame", "point", "paint", "look_alikes")
_HEX = "#[0-9a-fA-F]{6}"
_EXAMPLE = '[[correction]] with frame = 1234, point = [80, 120], paint = "#c03028"'


@dataclass(frozen=True, slots=True)
class Correction:
    """At a frame, the region around a point has a color."""

    number: int
    """Position in the file, from 1."""
    frame: int
    """From 0."""
    point: tuple[int, int]
    """x and y in pixels of the film as it is stored, from 0, 0 at the top left."""
    paint: str
    """As written: a name of the palette, or #rrggbb."""
    ab: tuple[float, float]
    """Its CIELAB a, b."""
    look_alikes: bool = True
    """Whether regions that look alike have the color, too."""

    def __str__(self) -> str:
        return f"correction {self.number} (frame {self.frame}, point {self.point[0]}, {self.point[1]}, {self.paint})"


def read_corrections(path: Path, paints: Mapping[str, tuple[int, int, int]] | None = None) -> list[Correction]:
    """The corrections in the file at `path`, which may be empty.

    Args:
        path: Of a TOML file of [[correction]] tables.
        paints: sRGB by name, of the palette; None if there is none.

    Raises:
        InputError: There is no such file.
        SettingsError: It is no TOML, or says wrong things; lists them all.
    """
    content = read_toml(path, "corrections file", f"write one, e.g. {_EXAMPLE}")
    problems = [f"unknown key {key}; allowed is correction" for key in content if key != "correction"]
    tables = content.get("correction", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        problems.append(f"corrections are tables, such as {_EXAMPLE}")
        tables = []
    found = [_correction(table, number, paints, problems) for number, table in enumerate(tables, start=1)]
    if problems:
        raise SettingsError(f"the corrections file {path} is wrong: " + "; ".join(problems))
    return [correction for correction in found if correction is not None]


def _correction(
    table: Mapping[str, Any], number: int, paints: Mapping[str, tuple[int, int, int]] | None, problems: list[str]
) -> Correction | None:
    """The correction in `table`, or None after adding to `problems` what is wrong with it."""
    wrong = [f"unknown key {key}; allowed are {', '.join(_KEYS)}" for key in table if key not in _KEYS]
    wrong += [f"{key} is missing" for key in _KEYS[:3] if key not in table]
    frame, point, paint, look_alikes = (table.get(key) for key in _KEYS)
    if frame is not None and not _is_count(frame):
        wrong.append(f"frame must be a whole number from 0, not {frame!r}")
    if point is not None and not (isinstance(point, list) and len(point) == 2 and all(map(_is_count, point))):
        wrong.append(f"point must be two whole numbers from 0, [x, y], not {point!r}")
    if look_alikes is not None and not isinstance(look_alikes, bool):
        wrong.append(f"look_alikes must be true or false, not {look_alikes!r}")
    rgb = None
    if isinstance(paint, str) and re.fullmatch(_HEX, paint):
        red, green, blue = bytes.fromhex(paint[1:])
        rgb = red, green, blue
    elif isinstance(paint, str) and paints is not None and paint in paints:
        rgb = paints[paint]
    elif paint is not None:
        names = f"a name of the palette ({', '.join(paints)})" if paints else "with --palette, a name of the palette"
        wrong.append(f"paint must be a color such as #c03028 or, {names}, not {paint!r}")
    problems += [f"correction {number}: {sentence}" for sentence in wrong]
    if wrong or rgb is None:
        return None
    a, b = rgb_to_lab(np.array([[rgb]], np.uint8))[0, 0, 1:].tolist()
    x, y = table["point"]
    return Correction(number, table["frame"], (x, y), table["paint"], (a, b), look_alikes is not False)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
