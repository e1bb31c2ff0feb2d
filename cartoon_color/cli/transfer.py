"""`transfer`: the classical comparators beside networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartoon_color.cli.shared import DATASET, AsJson, Counter, Dataset, Quiet, print_json, print_out, show_progress


def transfer(
    manifest: Annotated[
        Path, typer.Option(help="Manifest of a show with training and test episodes.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the colored pictures and the table.", show_default=False)],
    dataset: Dataset = DATASET,
    weights: Annotated[
        list[Path] | None,
        typer.Option(
            help="Weights of a network, or a folder of them; may be repeated. [default: the embedded ones]",
            show_default=False,
        ),
    ] = None,
    images: Annotated[int, typer.Option(help="At most so many pictures are colored, evenly spaced.", min=1)] = 20,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Color test pictures by color transfer (Welsh, Deshpande), by scribbles (Levin) and by networks; compare them.

    Writes OUT/METHOD/EPISODE/NNNNNN.png, and table.md, table.csv and table.json with errors, and with seconds a picture
    on one thread (thesis section 8.3).

    Example:

        cartoon-color transfer --manifest datasets/sindbad.toml --dataset sindbad/ --out transfer/
    """
    from cartoon_color.checkpoint import choose_weights
    from cartoon_color.dataset.manifest import load_manifest
    from cartoon_color.transfer.comparison import compare_methods

    chosen = choose_weights(weights or [], [])
    with show_progress(quiet or as_json) as progress:
        counter = Counter(progress, "transfer", "pictures/s")
        comparison = compare_methods(load_manifest(manifest), dataset, chosen, out, images, counter)
    if as_json:
        print_json(comparison.to_json())
    else:
        print_out(comparison.to_markdown())
