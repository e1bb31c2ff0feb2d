"""`evaluate`: colorized films against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartoon_color.cli.shared import DATASET, AsJson, Counter, Quiet, print_json, print_out, show_progress
from cartoon_color.errors import SettingsError


def evaluate(
    colorized: Annotated[
        list[Path],
        typer.Argument(metavar="COLORIZED...", help="Colored films, or folders of .png pictures.", show_default=False),
    ],
    truth: Annotated[Path, typer.Option(help="The same film, or folder, in true color.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="Folder for tables, figures, a grid, a film side by side, and report.html.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest of the show, to learn baselines from its training episodes.")
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(help=f"Folder that extract filled from the manifest. [default: {DATASET}]", show_default=False),
    ] = None,
    runs: Annotated[
        list[Path] | None, typer.Option(help="Folder of a training whose curves are drawn; may be repeated.")
    ] = None,
    attach: Annotated[
        list[Path] | None, typer.Option(help="Picture (.png) or table (.csv) for the report, too; may be repeated.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="The truth's index, from extract; only frames that it kept are compared.")
    ] = None,
    size: Annotated[
        str | None, typer.Option(metavar="WIDTHxHEIGHT", help="Compare at this size. [default: the truth's own]")
    ] = None,
    every: Annotated[int, typer.Option(help="Compare every n-th frame.", min=1)] = 1,
    flicker: Annotated[
        bool, typer.Option("--flicker/--no-flicker", help="Measure flicker and regions, too, in all frames.")
    ] = True,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Measure colorized films against the truth, frame by frame, beside gray and colorings without a network.

    Example:

        cartoon-color evaluate --truth truth.mkv plain.mkv residual.mkv --out evaluation/
    """
    from cartoon_color.dataset.extracted import list_pictures
    from cartoon_color.dataset.manifest import load_manifest
    from cartoon_color.evaluation import evaluate as measure

    if dataset is not None and manifest is None:
        raise SettingsError("--dataset says where the pictures of a manifest are; give --manifest, too")
    training = []
    if manifest is not None:
        names = [episode.name for episode in load_manifest(manifest).of_role("train")]
        training = list_pictures(dataset or DATASET, names)
    with show_progress(quiet or as_json) as progress:
        result = measure(
            truth,
            colorized,
            out,
            training=training,
            runs=runs or [],
            attached=attach or [],
            index=index,
            size=None if size is None else _size(size),
            every=every,
            flicker=flicker,
            progress=Counter(progress, truth.name, "fps"),
        )
    if as_json:
        print_json(result.to_json())
    else:
        print_out(result.to_markdown().rstrip())
        if out is not None:
            print_out(str(out / "report.html"))


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise SettingsError(f"--size takes a width and a height like 160x120, not {text!r}")
    return int(width), int(height)
