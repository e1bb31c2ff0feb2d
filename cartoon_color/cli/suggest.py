"""`suggest`: what to color by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartoon_color.cli.shared import (
    AsJson,
    Counter,
    Deinterlace,
    Device,
    Ensemble,
    KeepGoing,
    Overwrite,
    Paints,
    Quiet,
    Variants,
    Weights,
    default_painter,
    print_json,
    print_out,
    say,
    show_progress,
    warn_of_loss,
)


def suggest(
    films: Annotated[list[Path], typer.Argument(metavar="FILM...", help="Films to look at.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the frames and the list of them.", show_default=False)],
    number: Annotated[
        int, typer.Option("-n", "--number", help="Most frames, of all films together.", min=1, max=1000)
    ] = 5,
    variant: Variants = None,
    weights: Weights = None,
    ensemble: Ensemble = None,
    palette: Paints = None,
    deinterlace: Deinterlace = False,
    keep_going: KeepGoing = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Suggest the frames whose coloring by hand would settle the most unsure area of films.

    Writes each as OUT/FILM.NNNNNN.png (its number, from 0) in the colors that `render` gives it now. Repaint it, keep
    its name, and give it to `render --reference`; erase what you don't know, and delete what you don't repaint, since
    all opaque colors count as right. OUT/suggestions.csv lists them, best first, with film, frame, seconds, shot, and
    the share of all doubt (1 - 2/3 confidence, over all drawings) that each settles beyond those before it, where its
    tracks (regions followed through the shot) are seen; less, the farther away. A frame of the film that is settled
    wholly is worth more than two by halves. Of shots of more than 200 drawings, evenly spaced ones are chosen from.

    Example:

        cartoon-color suggest episode_14.mkv episode_15.mkv -n 3 --out to_paint/
    """
    from cartoon_color.inspection import suggest as choose

    painter = default_painter(variant, weights, ensemble, palette, device)
    with show_progress(quiet or as_json) as progress:
        summary = choose(
            films,
            out,
            painter,
            number=number,
            deinterlace=deinterlace,
            keep_going=keep_going,
            overwrite=overwrite,
            progress=lambda film: Counter(progress, film.name, "fps"),
        )
    for film, lost in summary.frames_lost.items():
        warn_of_loss(film, summary.frames[film], lost)
    if not summary.suggestions:
        say("Nothing is in doubt, so no frame is suggested.")
    if as_json:
        print_json(summary.to_json())
    else:
        for row in summary.rows():
            print_out(f"{out / str(row['picture'])}: settles {100 * float(row['settles']):.1f} % of all doubt")
