"""The command line: one function per command, which parses, calls and prints.

Heavy imports stand inside the commands that need them, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from cartoon_color import __version__
from cartoon_color.config import EncoderSettings, ExtractSettings, NetworkSettings, TrainingSettings, help_of
from cartoon_color.errors import CartoonColorError, InputError, OutputError, SettingsError

if TYPE_CHECKING:
    from rich.progress import Progress

app = typer.Typer(
    name="cartoon-color",
    help="Learn a cartoon's colors from its colored episodes, and color the black-and-white ones.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")]
Device = Annotated[
    Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where networks run; auto takes CUDA if present.")
]


def main() -> None:
    """Run the command line: exit 0 on success, 1 with one sentence on failure, 2 on misuse, 130 when interrupted."""
    # With the default of spinning, a single busy process beside makes torch ten times slower. Read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files may hold what the terminal's encoding doesn't.
        sys.stdout.reconfigure(errors="backslashreplace")
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores one, a shell's background another
            signal.signal(number, _stop)
    try:
        app()
    except CartoonColorError as error:
        _say_error(error)
        sys.exit(1)
    except OSError as error:
        if error.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            raise
        # A name that the system refuses, wherever it was met first.
        _say(f"Error: the name {error.filename} can't be used ({error.strerror}); choose another")
        sys.exit(1)
    except _Stopped:
        _say("Interrupted; nothing unfinished was left behind.")
        sys.exit(130)


_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Stopped(BaseException):
    """Somebody wants the program to end. KeyboardInterrupt would be caught by typer."""


def _stop(number: int, frame: FrameType | None) -> None:
    # A second one must not disturb the tidying up after the first.
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise _Stopped


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _say_error(error: CartoonColorError) -> None:
    _say("Error: " + " ".join(str(error).splitlines()))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _version(asked: bool) -> None:
    if asked:
        _print(f"cartoon-color {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
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


class _Counter:
    """One line of the display."""

    def __init__(self, progress: Progress, name: str, unit: str) -> None:
        import time

        self._clock = time.monotonic
        self._started = self._clock()
        self._progress = progress
        self._unit = unit
        self._task = progress.add_task(name, total=None, note="")

    def __call__(self, done: int, total: int | None = None) -> None:
        rate = done / max(self._clock() - self._started, 1e-6)
        self._progress.update(self._task, completed=done, total=total, note=f"{rate:.1f} {self._unit}")


@app.command()
def render(
    films: Annotated[list[Path], typer.Argument(metavar="INPUT...", help="Films to color.", show_default=False)],
    output: Annotated[
        str | None,  # a Path would lose the slash
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="A file, or a folder; one ending in / is made. [default: NAME.color.mkv beside each input]",
        ),
    ] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Use the weights of this variant; may be repeated.")] = None,
    weights: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint, or a folder of checkpoints named VARIANT.safetensors; may be repeated."),
    ] = None,
    ensemble: Annotated[
        Literal["mean"] | None, typer.Option(help="How several weights are put together: the mean of their a, b.")
    ] = None,
    codec: Annotated[
        Literal["x264", "x265", "svtav1", "ffv1", "prores"], typer.Option(help=help_of(EncoderSettings, "codec"))
    ] = EncoderSettings().codec,
    crf: Annotated[int | None, typer.Option(help=help_of(EncoderSettings, "crf"))] = None,
    preset: Annotated[str | None, typer.Option(help=help_of(EncoderSettings, "preset"))] = None,
    pixel_format: Annotated[str | None, typer.Option(help=help_of(EncoderSettings, "pixel_format"))] = None,
    drop: Annotated[
        list[int] | None, typer.Option(help="Leave out this stream of the source, by its number; may be repeated.")
    ] = None,
    deinterlace: Annotated[bool, typer.Option("--deinterlace", help="Accept interlaced films (bwdif).")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Color a broken film up to where it breaks off.")
    ] = False,
    device: Device = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Color films. Luma, time stamps, sound, subtitles and everything else in the file stay as they are.

    Example:

        cartoon-color render episode_14.mkv episode_15.mkv -o colored/
    """
    from cartoon_color.checkpoint import choose_weights
    from cartoon_color.render import Painter, is_folder, output_paths
    from cartoon_color.render import render as color_film

    outputs = output_paths(films, output)
    settings = EncoderSettings(codec, crf, preset, pixel_format)
    painter = Painter(choose_weights(weights or [], variant or []), ensemble=ensemble, device=device)
    summaries, failures = [], 0
    with _progress(quiet or as_json) as progress:
        for film, target in zip(films, outputs, strict=True):
            try:
                summary = color_film(
                    film,
                    target,
                    painter,
                    settings,
                    drop=drop or [],
                    deinterlace=deinterlace,
                    keep_going=keep_going,
                    overwrite=overwrite,
                    make_folder=output is not None and is_folder(output),
                    progress=_Counter(progress, film.name, "fps"),
                )
            except (InputError, OutputError) as error:
                # Settings and weights are the same for all films, so wrong ones end the run.
                if len(films) == 1:
                    raise
                _say_error(error)
                failures += 1
                continue
            summaries.append(summary)
            if summary.frames_lost != 0:
                lost = "unknown" if summary.frames_lost is None else f"about {summary.frames_lost}"
                _say(f"Warning: {film} is damaged or breaks off; colored frames: {summary.frames}, lost: {lost}.")
            if not as_json:
                _print(f"{target}: {summary.frames} frames, {summary.drawings} drawings, {summary.seconds:.1f} s")
    if as_json:
        _print_json([summary.to_json() for summary in summaries])
    if failures:
        raise typer.Exit(1)


@app.command()
def extract(
    episodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EPISODE]...", help="Films, or names of episodes of the manifest.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the data set.", show_default=False)] = ...,  # type: ignore[assignment]
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest of the show; without names, all of its episodes are extracted.")
    ] = None,
    films: Annotated[
        Path | None, typer.Option(help="Folder with the manifest's films. [default: the manifest's own]")
    ] = None,
    threshold: Annotated[float, typer.Option(help=help_of(ExtractSettings, "threshold"))] = ExtractSettings().threshold,
    channels: Annotated[
        Literal["rgb", "luma"], typer.Option(help=help_of(ExtractSettings, "channels"))
    ] = ExtractSettings().channels,
    allow_gray: Annotated[bool, typer.Option("--allow-gray", help="Accept an episode without color.")] = False,
    deinterlace: Annotated[bool, typer.Option("--deinterlace", help="Accept interlaced films (bwdif).")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take training pictures out of color episodes: no duplicates, no credits. Unchanged episodes are not done again.

    Example:

        cartoon-color extract --manifest datasets/sindbad.toml --films ~/films --out sindbad/
    """
    from cartoon_color.dataset.extract import choose_episodes
    from cartoon_color.dataset.extract import extract as extract_episode

    chosen, profile = choose_episodes(episodes or [], manifest, films)
    settings = ExtractSettings(threshold=threshold, channels=channels, allow_gray=allow_gray, deinterlace=deinterlace)
    summaries = []
    with _progress(quiet or as_json) as progress:
        for episode in chosen:
            counter = _Counter(progress, episode.name, "fps")
            summary = extract_episode(episode, out, settings, profile, progress=counter)
            summaries.append(summary)
            if not as_json:
                _print(str(summary))
    if as_json:
        _print_json([summary.to_json() for summary in summaries])


@app.command()
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
    with _progress(quiet) as display:
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
    _print(str(path))


@app.command()
def compare(
    films: Annotated[
        list[Path], typer.Argument(metavar="FILM...", help="Films with the same frames.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The picture (.png).", show_default=False)],
    rows: Annotated[int, typer.Option(help="Number of moments shown.", min=1, max=64)] = 4,
) -> None:
    """Put films side by side in one picture: a column for each film, a row for each of some evenly spaced moments.

    Example:

        cartoon-color compare episode.mkv episode.color.mkv truth.mkv --out side_by_side.png
    """
    from cartoon_color.compare import compare as draw

    draw(films, out, rows=rows)
    _print(str(out))


@app.command()
def toyshow(
    out: Annotated[Path, typer.Option(help="Folder for the films, their truth, and the manifest.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed draws another show.")] = 0,
    episodes: Annotated[int, typer.Option(help="Number of episodes.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Length of an episode.", min=4)] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Draw a small cartoon show from code, with its exact truth: for trying things out, and for the tests.

    Example:

        cartoon-color toyshow --out toyshow/
    """
    from cartoon_color.toyshow import draw_show

    show = draw_show(out, seed=seed, episodes=episodes, seconds=seconds)
    if as_json:
        _print_json(show.to_json())
    else:
        _print(str(show.manifest))


def _print_json(content: Any) -> None:
    import json

    _print(json.dumps(content, indent=2))
