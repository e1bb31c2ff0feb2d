"""`train`: from training pictures to weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cartoon_color.cli.shared import Device, Quiet, print_out, show_progress
from cartoon_color.config import NetworkSettings, TrainingSettings, help_of
from cartoon_color.errors import SettingsError


def _recipe(name: str) -> Any:
    """An option whose default is the variant's."""
    return typer.Option(help=f"{help_of(TrainingSettings, name)} [default: the variant's recipe]", show_default=False)


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
    epochs: Annotated[int | None, _recipe("epochs")] = None,
    batch: Annotated[int | None, _recipe("batch")] = None,
    accumulate: Annotated[int | None, _recipe("accumulate")] = None,
    crop: Annotated[int | None, _recipe("crop")] = None,
    learning_rate: Annotated[float | None, _recipe("learning_rate")] = None,
    views: Annotated[Literal["film", "thesis"] | None, _recipe("views")] = None,
    seed: Annotated[int, typer.Option(help=help_of(TrainingSettings, "seed"))] = TrainingSettings().seed,
    workers: Annotated[int, typer.Option(help=help_of(TrainingSettings, "workers"))] = TrainingSettings().workers,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a network on the training episodes of one or more shows.

    A run that was stopped goes on when the same command is given again. Under torchrun, several processes train
    together. Curves go to VARIANT.csv beside the weights, and to TensorBoard's files if the extra `train` is installed.

    Example:

        cartoon-color train --manifest datasets/sindbad.toml --dataset sindbad/ --variant plain --out runs/sindbad
    """
    from cartoon_color import training
    from cartoon_color.dataset.manifest import load_manifest
    from cartoon_color.variants import find

    if len(manifest) != len(dataset):
        raise SettingsError(
            f"{len(manifest)} manifests and {len(dataset)} data sets were given; give one --dataset for each --manifest"
        )
    network = NetworkSettings(width=width)
    given: dict[str, Any] = {
        "epochs": epochs,
        "batch": batch,
        "accumulate": accumulate,
        "crop": crop,
        "learning_rate": learning_rate,
        "views": views,
    }
    told = {name: value for name, value in given.items() if value is not None}
    settings = replace(find(variant).recipe, seed=seed, workers=workers, **told)
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
