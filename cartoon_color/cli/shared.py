"""What the commands share: common options, what is printed, and the display of progress."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cartoon_color.errors import CartoonColorError

if TYPE_CHECKING:
    from rich.progress import Progress

    from cartoon_color.painter import Painter

DATASET = Path("dataset")
"""Where pictures are extracted to, and looked for, if nothing else is said."""
Dataset = Annotated[Path, typer.Option("--dataset", help="Folder that extract filled from the manifest.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", help="Use the weights of this variant; may be repeated.")
]
Weights = Annotated[
    list[Path] | None,
    typer.Option(
        "--weights", help="A checkpoint, or a folder of checkpoints named VARIANT.safetensors; may be repeated."
    ),
]
Ensemble = Annotated[
    Literal["mean", "max"] | None,
    typer.Option(
        "--ensemble",
        help="How several weights are put together: the mean of their colors; or max, for each pixel the surest "
        "histogram (those that predict none are left out).",
    ),
]
Paints = Annotated[
    Path | None,
    typer.Option(
        "--palette",
        help="Paints of the show, as `cartoon-color palette` learns them; regions vote for one of them.",
    ),
]
KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Take a broken film as it is, up to where it breaks off.")
]
Deinterlace = Annotated[bool, typer.Option("--deinterlace", help="Accept interlaced films (bwdif).")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where networks run; auto takes CUDA if present.")
]


def say(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(text + "\n")


def say_error(error: CartoonColorError) -> None:
    """The sentence of an error, on one line."""
    say("Error: " + " ".join(str(error).splitlines()))


def warn_of_loss(film: Path, frames: int, lost: int | None) -> None:
    """Say that of a broken film only so many frames came, if some are lost; None where nobody knows how many."""
    if lost != 0:
        about = "unknown" if lost is None else f"about {lost}"
        say(f"Warning: {film} is damaged or breaks off; frames that came: {frames}, lost: {about}.")


def default_painter(
    variant: list[str] | None,
    weights: list[Path] | None,
    ensemble: Literal["mean", "max"] | None,
    palette: Path | None,
    device: Literal["auto", "cpu", "cuda"],
) -> Painter:
    """What colors as `render` does where nothing else is asked for, from the options of that name."""
    from cartoon_color.checkpoint import choose_weights
    from cartoon_color.painter import Painter
    from cartoon_color.palette import load_palette

    return Painter(
        choose_weights(weights or [], variant or []),
        ensemble=ensemble,
        smooth="tracks",
        palette=None if palette is None else load_palette(palette),
        device=device,
        say=say,
    )


def print_out(text: str) -> None:
    """One line on stdout."""
    sys.stdout.write(text + "\n")


def print_json(content: Any) -> None:
    """JSON on stdout."""
    print_out(json.dumps(content, indent=2))


@contextmanager
def show_progress(quiet: bool) -> Iterator[Progress]:
    """A live display on stderr, if that is a terminal: what, frames done, frames a second, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # What is printed meanwhile goes above the display, but not where it goes to a file.
    with Progress(
        *columns, console=console, disable=quiet or not console.is_terminal, redirect_stdout=sys.stdout.isatty()
    ) as progress:
        yield progress


class Counter:
    """One line of the display."""

    def __init__(self, progress: Progress, name: str, unit: str) -> None:
        self._started = time.monotonic()
        self._progress = progress
        self._unit = unit
        self._task = progress.add_task(name, total=None, note="")

    def __call__(self, done: int, total: int | None = None) -> None:
        """Move the bar; total None while unknown."""
        rate = done / max(time.monotonic() - self._started, 1e-6)
        self._progress.update(self._task, completed=done, total=total, note=f"{rate:.1f} {self._unit}")
