"""`variants`: what can be trained."""

from __future__ import annotations

from typing import Annotated

import typer

from cartoon_color.cli.shared import AsJson, print_json
from cartoon_color.config import NetworkSettings, help_of


def variants(
    width: Annotated[float, typer.Option(help=help_of(NetworkSettings, "width"))] = NetworkSettings().width,
    as_json: AsJson = False,
) -> None:
    """List every variant: what it is, where it comes from, its size, how far it sees, what it costs at 256x256.

    Example:

        cartoon-color variants --width 0.5
    """
    from dataclasses import asdict

    from cartoon_color.variants import VARIANTS
    from cartoon_color.variants.measure import measure

    settings = NetworkSettings(width=width)
    rows = [
        {
            "name": variant.name,
            "summary": variant.summary,
            "source": variant.source,
            "head": variant.head(settings).name,
            **asdict(measure(variant, settings)),
        }
        for variant in VARIANTS.values()
    ]
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("name", "what it is", "source", "head")
    for column in ("parameters", "receptive field", "GFLOP"):
        table.add_column(column, justify="right")
    for row in rows:
        *words, parameters, field, gflop = row.values()
        table.add_row(*map(str, words), f"{parameters / 1e6:.2f} M", f"{field} px", f"{gflop:.2f}")
    Console().print(table)
