"""`inspect`: where and why colors went wrong."""

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
    show_progress,
    warn_of_loss,
)


def inspect(
    film: Annotated[Path, typer.Argument(metavar="FILM", help="The film to look at.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the pictures and the list of shots.", show_default=False)],
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
    """Show where and why the colors of a film are unsure, as `render` makes them by default, without writing a film.

    Writes OUT/worklist.csv, a line for each shot, least confident first: its frames (from 0), start in seconds,
    drawings, mean confidence, the share of the picture that is unsure (confidence below 0.2), and the frame shown.
    For each shot, OUT/shot-NNNN.png shows its least confident drawing: input, what the network says, regions, what
    they vote for, the final color, and confidence. Below it are the twenty largest tracks (regions followed through the
    shot), one row each, in the color that they have in each drawing; flicker would be seen as stripes.

    Example:

        cartoon-color inspect episode_14.mkv --out inspection/
    """
    from cartoon_color.inspection import WORKLIST
    from cartoon_color.inspection import inspect as look_at

    painter = default_painter(variant, weights, ensemble, palette, device)
    with show_progress(quiet or as_json) as progress:
        summary = look_at(
            film,
            out,
            painter,
            deinterlace=deinterlace,
            keep_going=keep_going,
            overwrite=overwrite,
            progress=Counter(progress, film.name, "fps"),
        )
    warn_of_loss(film, summary.frames, summary.frames_lost)
    if as_json:
        print_json(summary.to_json())
    else:
        print_out(
            f"{out / WORKLIST}: {summary.shots} shots, {summary.drawings} drawings, "
            f"confidence {summary.confidence:.2f}, unsure {100 * summary.unsure:.0f} %, {summary.seconds:.1f} s"
        )
