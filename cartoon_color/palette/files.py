"""A palette as a file that can be edited by hand, and as a picture."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cartoon_color.errors import OutputError, SettingsError
from cartoon_color.files import read_toml, write_atomically
from cartoon_color.frames import RGB
from cartoon_color.palette.paints import Paint, Palette

_HEADER = """\
# The paints of a show, learned from its color episodes by cartoon-color palette; the largest first.
# Names are free, but must differ. color is sRGB in hexadecimal; share is the part (0 to 1) of the show's flat areas
# that the paint covers. Colors may be corrected, paints added or deleted.
"""
_COLUMNS = 4
_SWATCH = (240, 84)
"""Width and height of a paint in the picture, in pixels; below it stand two lines of text."""
_LINE = 22
_GAP = 12


def check_place(path: Path, *, overwrite: bool) -> None:
    """Whether a palette may be written to `path`, before the work of learning it.

    Raises:
        OutputError: It doesn't end in .toml, or it, or the picture beside it, exists and `overwrite` is false.
    """
    if path.suffix.lower() != ".toml":
        raise OutputError(f"the palette can't be written to {path}; give a name that ends in .toml")
    for file in (path, picture_of(path)):
        if file.exists() and not overwrite:
            raise OutputError(
                f"{file} exists already; allow it to be replaced with --overwrite, or choose another --out"
            )


def picture_of(path: Path) -> Path:
    """Where the picture of the palette at `path` lies: NAME.png beside NAME.toml."""
    return path.with_suffix(".png")


def save_palette(palette: Palette, path: Path) -> None:
    """Write a palette as TOML to `path`, and its picture beside it.

    Raises:
        OutputError: They can't be written.
    """
    tables = []
    for paint in palette.paints:
        name = json.dumps(paint.name, ensure_ascii=False)
        tables.append(f'[[paint]]\nname = {name}\ncolor = "{paint.hex}"\nshare = {paint.share:.5f}\n')
    _, picture = cv2.imencode(".png", cv2.cvtColor(draw(palette), cv2.COLOR_RGB2BGR))
    contents = {path: "\n".join([_HEADER, *tables]).encode(), picture_of(path): picture.tobytes()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            write_atomically(file, content)
    except OSError as error:
        raise OutputError(f"the palette {path} can't be written: {error.strerror}; choose another place") from None


def load_palette(path: Path) -> Palette:
    """Read the palette at `path`.

    Raises:
        InputError: There is no such file.
        SettingsError: It is no TOML, or says wrong things; lists them all.
    """
    path = Path(path)
    content = read_toml(path, "palette", "make one: cartoon-color palette --help")
    problems = [f"unknown key {key}; allowed is paint" for key in content if key != "paint"]
    tables = content.get("paint", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        problems.append("there must be at least one [[paint]] table")
        tables = []
    paints = [_paint(table, number, problems) for number, table in enumerate(tables, start=1)]
    times = Counter(table["name"] for table in tables if isinstance(table.get("name"), str))
    problems += [f"{count} paints are named {name}; names must differ" for name, count in times.items() if count > 1]
    if problems:
        raise SettingsError(f"the palette {path} is wrong: " + "; ".join(problems))
    return Palette(tuple(paint for paint in paints if paint is not None))


def _paint(table: Mapping[str, Any], number: int, problems: list[str]) -> Paint | None:
    """The paint in `table`, or None after adding to `problems` what is wrong with it."""
    keys = ("name", "color", "share")
    wrong = [f"unknown key {key}; allowed are {', '.join(keys)}" for key in table if key not in keys]
    wrong += [f"{key} is missing" for key in keys if key not in table]
    name, color, share = (table.get(key) for key in keys)
    if name is not None and not (isinstance(name, str) and name.strip() and name.isprintable()):
        wrong.append(f"name must be a text, not {name!r}")
    if color is not None and not (isinstance(color, str) and re.fullmatch("#[0-9a-fA-F]{6}", color)):
        wrong.append(f"color must be # and six hexadecimal digits, such as #c81e1e, not {color!r}")
    if share is not None and (not isinstance(share, int | float) or isinstance(share, bool) or not 0 < share <= 1):
        wrong.append(f"share must be a number above 0 and up to 1, not {share!r}")
    problems += [f"paint {number} ({table.get('name', 'without a name')}): {sentence}" for sentence in wrong]
    if wrong:
        return None
    red, green, blue = bytes.fromhex(table["color"][1:])
    return Paint(table["name"], (red, green, blue), float(table["share"]))


def draw(palette: Palette) -> RGB:
    """A picture of all paints with their names, hexadecimal colors and shares, in rows: (H, W, 3)."""
    (width, height), text = _SWATCH, 2 * _LINE
    rows = -(-len(palette.paints) // _COLUMNS)
    columns = min(_COLUMNS, len(palette.paints))
    picture = np.full((rows * (height + text + _GAP) + _GAP, columns * (width + _GAP) + _GAP, 3), 255, np.uint8)
    for index, paint in enumerate(palette.paints):
        top = _GAP + index // _COLUMNS * (height + text + _GAP)
        left = _GAP + index % _COLUMNS * (width + _GAP)
        picture[top : top + height, left : left + width] = paint.rgb
        cv2.rectangle(picture, (left, top), (left + width - 1, top + height - 1), (160, 160, 160))
        for line, words in enumerate((paint.name, f"{paint.hex}  {paint.share:.1%}"), start=1):
            at = (left, top + height + line * _LINE - 6)
            cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return picture
