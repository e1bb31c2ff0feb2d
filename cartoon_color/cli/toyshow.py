"""`toyshow`: draw a show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cartoon_color.cli.shared import AsJson, print_json, print_out


def toyshow(
    out: Annotated[Path, typer.Option(help="Folder for the films, their truth, and the manifest.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Another seed draws another show.")] = 0,
    episodes: Annotated[int, typer.Option(help="Number of episodes.", min=1)] = 3,
    seconds: Annotated[float, typer.Option(help="Length of an episode.", min=2)] = 20.0,
    as_json: AsJson = False,
) -> None:
    """Draw a small cartoon show from code, with its exact truth: for trying things out, and for the tests.

    Example:

        cartoon-color toyshow --out toyshow/
    """
    from cartoon_color.toyshow import draw_show

    show = draw_show(out, seed=seed, episodes=episodes, seconds=seconds)
    if as_json:
        print_json(show.to_json())
    else:
        print_out(str(show.manifest))
