"""Films side by side, as one picture for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.frames import RGB
from cartoon_color.video import probe, read, read_color

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
    sheet = np.concatenate([np.concatenate(column, axis=0) for column in columns], axis=1)
    done, code = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:
        raise OutputError(f"a picture of {sheet.shape[1]}x{sheet.shape[0]} pixels can't be made; ask for fewer rows")
    part = out.with_name(out.name + ".part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(code.tobytes())
            part.replace(out)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutputError(f"the picture {out} can't be written: {error.strerror}; choose another place") from None


def _pictures(film: Path, chosen: Sequence[int]) -> list[RGB]:
    """The frames of the given numbers, at the sheet's height and in their display aspect."""
    info = probe(film)
    width = max(1, round(_HEIGHT * info.width * info.sample_aspect / info.height))
    pictures = []
    for frame, rgb in read_color(info, deinterlace=info.interlaced):
        if frame.index in chosen:
            pictures.append(np.asarray(cv2.resize(rgb, (width, _HEIGHT), interpolation=cv2.INTER_AREA), np.uint8))
        if frame.index >= chosen[-1]:
            break
    if len(pictures) < len(chosen):
        raise InputError(f"{film} has fewer frames than the film it is compared to; give films of the same length")
    return pictures
