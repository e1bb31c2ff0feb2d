"""`memory`: how a show's regions look, and how they were painted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartoon_color.cli.shared import (
    DATASET,
    AsJson,
    Counter,
    Dataset,
    Device,
    Overwrite,
    Quiet,
    print_json,
    print_out,
    show_progress,
)
from cartoon_color.errors import OutputError, SettingsError


def memory(
    manifest: Annotated[Path, typer.Option(help="Manifest of the show.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The memory, a file.", show_default=False)],
    dataset: Dataset = DATASET,
    weights: Annotated[
        Path | None,
        typer.Option(help="The checkpoint that films will be rendered with. [default: the embedded weights]"),
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Add to the memory at --out the training episodes that it doesn't have yet.")
    ] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Remember the regions of a show's training episodes and their paints, for render --memory; no training needed.

    Example:

        cartoon-color memory --manifest datasets/sindbad.toml --dataset sindbad/ --out sindbad.memory
    """
    from cartoon_color.checkpoint import default_weights, load
    from cartoon_color.dataset.manifest import load_manifest
    from cartoon_color.dataset.remember import remember
    from cartoon_color.device import choose_device
    from cartoon_color.memory import check_weights, load_memory, save_memory

    if out.exists() and not (overwrite or add):
        raise OutputError(
            f"{out} exists already; extend it with --add, allow it to be replaced with --overwrite, or choose another "
            "--out"
        )
    show = load_manifest(manifest)
    training = [episode.name for episode in show.of_role("train")]
    if not training:
        raise SettingsError(f"the manifest {manifest} has no training episodes; give one of them the role train")
    checkpoint = load(weights or default_weights())
    known = load_memory(out) if add else None
    if known is not None:
        check_weights(known, checkpoint.sha256)
    with show_progress(quiet or as_json) as progress:
        made = remember(
            dataset,
            show.name,
            training,
            checkpoint,
            choose_device(device),
            known=known,
            progress=Counter(progress, dataset.name, "pictures/s"),
        )
    save_memory(made, out)
    if as_json:
        print_json(
            {
                "memory": str(out),
                "show": made.show,
                "episodes": list(made.episodes),
                "drawings": len(made.looks.look),
                "regions": len(made.entries),
            }
        )
    else:
        print_out(f"{out}: {len(made.episodes)} episodes, {len(made.entries)} regions")
