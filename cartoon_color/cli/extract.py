"""`extract`: from episodes to training pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cartoon_color.cli.shared import DATASET, AsJson, Counter, Quiet, print_json, print_out, show_progress
from cartoon_color.config import ExtractSettings, help_of


def extract(
    episodes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EPISODE]...", help="Films, or names of episodes of the manifest.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the data set.")] = DATASET,
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
    with show_progress(quiet or as_json) as progress:
        for episode in chosen:
            counter = Counter(progress, episode.name, "fps")
            summary = extract_episode(episode, out, settings, profile, progress=counter)
            summaries.append(summary)
            if not as_json:
                print_out(str(summary))
    if as_json:
        print_json([summary.to_json() for summary in summaries])
