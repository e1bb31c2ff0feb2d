"""`train`: from training pictures to weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cartoon_color.cli.shared import Device, Quiet, print_out, show_progress
from cartoon_color.config import NetworkSettings, TrainingSettings, help_of
from cartoon_color.errors import SettingsError


def train(
    manifest: Annotated[
        list[Path], typer.Option(help="Manifest of a show; may be repeated, each with a --dataset.", show_default=False)
    ],
    dataset: Annotated[
        list[Path], typer.Option(help="Folder that extract filled from the manifest.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the weights.", show_default=False)],
    variant: Annotated[str, typer.Option(help="Which model to train.")] = "compact",
    width: Annotated[float, typer.Option(help=help_of(NetworkSettings, "width"))] = NetworkSettings().width,
    epochs: Annotated[int, typer.Option(help=help_of(TrainingSettings, "epochs"))] = TrainingSettings().epochs,
    batch: Annotated[int, typer.Option(help=help_of(TrainingSettings, "batch"))] = TrainingSettings().batch,
    crop: Annotated[int, typer.Option(help=help_of(TrainingSettings, "crop"))] = TrainingSettings().crop,
    views: Annotated[
        Literal["film", "thesis"], typer.Option(help=help_of(TrainingSettings, "views"))
    ] = TrainingSettings().views,
    seed: Annotated[int, typer.Option(help=help_of(TrainingSettings, "seed"))] = TrainingSettings().seed,
    workers: Annotated[int, typer.Option(help=help_of(TrainingSettings, "workers"))] = TrainingSettings().workers,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a network on the training episodes of one or more shows.

    Example:

        cartoon-color train --manifest datasets/sindbad.toml --dataset sindbad/ --out runs/sindbad
    """
    from cartoon_color import training
    from cartoon_color.dataset.manifest import load_manifest

    if len(manifest) != len(dataset):
        raise SettingsError(
            f"{len(manifest)} manifests and {len(dataset)} data sets were given; give one --dataset for each --manifest"
        )
    network = NetworkSettings(width=width)
    settings = TrainingSettings(epochs=epochs, batch=batch, crop=crop, views=views, seed=seed, workers=workers)
    with show_progress(quiet) as display:
        task = display.add_task(variant, total=None, note="")

        def show(now: training.Progress) -> None:
            reached = "" if now.validation is None else f", validation {now.validation:.2f} dB"
            display.update(
                task,
                completed=now.update,
                total=now.updates,
                note=f"epoch {now.epoch}, loss {now.loss:.3f}{reached}",
            )

        path = training.train(
            [(load_manifest(file), folder) for file, folder in zip(manifest, dataset, strict=True)],
            variant,
            out,
            network=network,
            settings=settings,
            device=device,
            progress=show,
        )
    print_out(str(path))
