"""`palette`: the paints of a show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cartoon_color.cli.shared import (
    DATASET,
    AsJson,
    Counter,
    Dataset,
    Overwrite,
    Quiet,
    print_json,
    print_out,
    show_progress,
)
from cartoon_color.config import PaletteSettings, help_of
from cartoon_color.errors import SettingsError

if TYPE_CHECKING:
    from cartoon_color.frames import RGB


def palette(
    manifest: Annotated[Path, typer.Option(help="Manifest of the show.", show_default=False)],
    out: Annotated[Path, typer.Option(help="The palette (.toml); its picture (.png) lies beside.", show_default=False)],
    dataset: Dataset = DATASET,
    paints: Annotated[int, typer.Option(help=help_of(PaletteSettings, "paints"))] = PaletteSettings().paints,
    apart: Annotated[float, typer.Option(help=help_of(PaletteSettings, "apart"))] = PaletteSettings().apart,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Learn the paints of a show from the flat areas of its training episodes, as a table to edit and a picture.

    Example:

        cartoon-color palette --manifest datasets/sindbad.toml --dataset sindbad/ --out sindbad.palette.toml
    """
    from cartoon_color.dataset.extracted import list_pictures, read_picture, thin_out
    from cartoon_color.dataset.manifest import load_manifest
    from cartoon_color.palette import check_place, picture_of, save_palette
    from cartoon_color.palette.learning import MOST_PICTURES, learn

    check_place(out, overwrite=overwrite)
    training = load_manifest(manifest).of_role("train")
    if not training:
        raise SettingsError(f"the manifest {manifest} has no training episodes; give one of them the role train")
    pictures = thin_out(list_pictures(dataset, [episode.name for episode in training]), MOST_PICTURES)
    with show_progress(quiet or as_json) as progress:
        count = Counter(progress, dataset.name, "pictures/s")

        def read(done: int, path: Path) -> RGB:
            count(done, len(pictures))
            return read_picture(path)

        learned = learn(map(read, range(1, len(pictures) + 1), pictures), paints=paints, apart=apart)
    save_palette(learned, out)
    if as_json:
        print_json(
            {
                "palette": str(out),
                "picture": str(picture_of(out)),
                "paints": [{"name": p.name, "color": p.hex, "share": p.share} for p in learned.paints],
            }
        )
    else:
        print_out(str(out))
        print_out(str(picture_of(out)))
