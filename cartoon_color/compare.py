"""Pictures beside each other under their names: films side by side, in one picture for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.files import write_atomically
from cartoon_color.frames import RGB
from cartoon_color.video import probe, read, read_color

STRIP = 20
"""Height of the line with the name, in pixels."""

_HEIGHT = 240
"""Of each picture, in pixels."""


def compare(films: Sequence[Path], out: Path, *, rows: int = 4) -> None:
    """Write a PNG with a column for each film and a row for each of `rows` moments, evenly spaced.

    Args:
        films: Films with the same frames, such as input, colorized and truth.
        out: Ends in .png.
        rows: Number of moments.

    Raises:
        InputError: A film can't be read.
        OutputError: The picture can't be written.
        SettingsError: No films, or no rows.
    """
    if not films or rows < 1:
        raise SettingsError(f"a comparison needs films and at least one row, got {len(films)} films and {rows} rows")
    if out.suffix.lower() != ".png" or any(film.resolve() == out.resolve() for film in films):
        raise OutputError(f"the picture can't be written to {out}; give a name of its own that ends in .png")
    first = probe(films[0])
    total = sum(1 for _ in read(first, deinterlace=first.interlaced))
    chosen = sorted({int((row + 0.5) * total / rows) for row in range(rows)})
    columns = [_pictures(film, chosen) for film in films]
    code = png(grid([film.stem for film in films], list(zip(*columns, strict=True))))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, code)
    except OSError as error:
        raise OutputError(f"the picture {out} can't be written: {error.strerror}; choose another place") from None


def _pictures(film: Path, chosen: Sequence[int]) -> list[RGB]:
    """The frames of the given numbers, at the sheet's height and in their display aspect."""
    info = probe(film)
    pictures = []
    for frame, rgb in read_color(info, deinterlace=info.interlaced):
        if frame.index in chosen:
            pictures.append(tile(rgb, _HEIGHT, info.sample_aspect))
        if frame.index >= chosen[-1]:
            break
    if len(pictures) < len(chosen):
        raise InputError(f"{film} has fewer frames than the film it is compared to; give films of the same length")
    return pictures


def tile(rgb: RGB, height: int, sample_aspect: Fraction = Fraction(1)) -> RGB:
    """A picture at a height, in its display aspect; an even width."""
    width = max(2, round(height * rgb.shape[1] * sample_aspect / rgb.shape[0] / 2) * 2)
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def label(name: str, width: int) -> RGB:
    """A white strip with a name, made narrower to fit."""
    strip = np.full((STRIP, width, 3), 255, np.uint8)
    scale = 0.45
    needed = cv2.getTextSize(name, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)[0][0]
    scale *= min(1, (width - 6) / max(1, needed))
    cv2.putText(strip, name, (3, STRIP - 6), cv2.FONT_HERSHEY_SIMPLEX, scale, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def grid(names: Sequence[str], rows: Sequence[Sequence[RGB]]) -> RGB:
    """A line of names above rows of tiles."""
    header = [label(name, picture.shape[1]) for name, picture in zip(names, rows[0], strict=True)]
    return np.concatenate([np.concatenate(tiles, axis=1) for tiles in (header, *rows)])


def png(picture: RGB) -> bytes:
    """A picture as a PNG file. Raises OutputError if it is too large for one."""
    done, code = cv2.imencode(".png", picture[..., ::-1])
    if not done:
        raise OutputError(f"a picture of {picture.shape[1]}x{picture.shape[0]} pixels can't be made; ask for less")
    return code.tobytes()
