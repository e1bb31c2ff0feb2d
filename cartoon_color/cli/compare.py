"""`compare`: films side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartoon_color.cli.shared import print_out


def compare(
    films: Annotated[
        list[Path], typer.Argument(metavar="FILM...", help="Films with the same frames.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The picture (.png).", show_default=False)],
    rows: Annotated[int, typer.Option(help="Number of moments shown.", min=1, max=64)] = 4,
) -> None:
    """Put films side by side in one picture: a column for each film, a row for each of some evenly spaced moments.

    Example:

        cartoon-color compare episode.mkv episode.color.mkv truth.mkv --out side_by_side.png
    """
    from cartoon_color.compare import compare as draw

    draw(films, out, rows=rows)
    print_out(str(out))
