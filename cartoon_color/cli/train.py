"""`train`: from training pictures to weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cartoon_color.cli.shared import DATASET, Device, Quiet, print_out, say, show_progress
from cartoon_color.config import NetworkSettings, TrainingSettings, help_of
from cartoon_color.errors import SettingsError


def _recipe(name: str) -> Any:
    """An option whose default is the variant's."""
    return typer.Option(help=f"{help_of(TrainingSettings, name)} [default: the variant's recipe]", show_default=False)


def train(
    manifest: Annotated[
        list[Path], typer.Option(help="Manifest of a show; may be repeated, each with a --dataset.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder for the weights.", show_default=False)],
    dataset: Annotated[
        list[Path] | None,
        typer.Option(help=f"Folder that extract filled from the manifest. [default: {DATASET}]", show_default=False),
    ] = None,
    variant: Annotated[str, typer.Option(help="Which model to train.")] = "compact",
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="PATH",
            help="Weights of the same variant and width to start from; the word default takes the embedded ones.",
            show_default=False,
        ),
    ] = None,
    frozen_vgg: Annotated[
        Path | None,
        typer.Option(
            help="State dict of torchvision's vgg16, .pth or .safetensors: the frozen layers of frozen-vgg.",
            show_default=False,
        ),
    ] = None,
    width: Annotated[float, typer.Option(help=help_of(NetworkSettings, "width"))] = NetworkSettings().width,
    epochs: Annotated[int | None, _recipe("epochs")] = None,
    batch: Annotated[int | None, _recipe("batch")] = None,
    accumulate: Annotated[int | None, _recipe("accumulate")] = None,
    crop: Annotated[int | None, _recipe("crop")] = None,
    learning_rate: Annotated[float | None, _recipe("learning_rate")] = None,
    views: Annotated[Literal["film", "thesis"] | None, _recipe("views")] = None,
    balance: Annotated[float | None, _recipe("balance")] = None,
    seed: Annotated[int, typer.Option(help=help_of(TrainingSettings, "seed"))] = TrainingSettings().seed,
    workers: Annotated[int, typer.Option(help=help_of(TrainingSettings, "workers"))] = TrainingSettings().workers,
    minutes: Annotated[
        float | None,
        typer.Option(help="Stop after so many minutes; the same command goes on. [default: no limit]", min=0),
    ] = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a network on the training episodes of one or more shows.

    A run that was stopped goes on when the same command is given again; at most two minutes are lost.

    VARIANT.csv beside the weights has a row for every update: epoch, pictures seen, learning rate, loss, and after each
    epoch the chroma PSNR in dB on the validation episodes, if there are any. With the extra `train` installed,
    TensorBoard's files lie there, too.

    Several processes train together with torchrun --nproc-per-node 2 --no-python cartoon-color train ...; each update
    then takes as many times more pictures.

    Example:

        cartoon-color train --manifest datasets/sindbad.toml --dataset sindbad/ --variant plain --out runs/sindbad
    """
    from cartoon_color import training
    from cartoon_color.checkpoint import default_weights
    from cartoon_color.dataset.manifest import load_manifest
    from cartoon_color.variants import find

    dataset = dataset or [DATASET]
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
        "balance": balance,
    }
    told = {name: value for name, value in given.items() if value is not None}
    settings = replace(find(variant).recipe, seed=seed, workers=workers, **told)
    weights = default_weights() if start == "default" else None if start is None else Path(start)
    last: training.Progress | None = None
    with show_progress(quiet or not training.is_first()) as display:
        task = display.add_task(variant, total=None, note="")

        def show(now: training.Progress) -> None:
            nonlocal last
            last = now
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
            start=weights,
            frozen=frozen_vgg,
            device=device,
            minutes=minutes,
            progress=show,
        )
    if not training.is_first():
        return
    if last is not None and last.update < last.updates:
        say(f"Stopped after update {last.update} of {last.updates}; the same command goes on.")
        return
    if last is None:
        say(f"Nothing to do: this training is finished; to train anew, delete {path.with_suffix('.state')}")
    print_out(str(path))
