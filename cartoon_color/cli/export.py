"""`export`: weights for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cartoon_color.cli.shared import Overwrite, print_out, say
from cartoon_color.errors import OutputError


def export(
    weights: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="A checkpoint, or the word default for the embedded one.")
    ],
    out: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
    kind: Annotated[Literal["onnx"], typer.Option("--format", help="What to write.")] = "onnx",
    overwrite: Overwrite = False,
) -> None:
    """Write network and decoding as one ONNX graph, after ONNX Runtime has given what PyTorch does, within 1e-3.

    It takes `lightness` (N, 1, H, W) float32, L* from 0 to 100, and gives `ab` (N, 2, h, w), CIELAB a and b at a
    quarter of the size; from networks over ab bins `logits` (N, 313, h, w), too. Sizes may be any; the network knows
    pictures of `input_size`, which the file's metadata tells, as it does variant, licenses and training. References, of
    networks that look at them, don't go into the graph.

    Example:

        cartoon-color export default --format onnx --out default.onnx
    """
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists; choose another --out, or add --overwrite")
    from cartoon_color import checkpoint
    from cartoon_color.export import export_onnx

    path = checkpoint.default_weights() if weights == "default" else Path(weights)
    loaded = checkpoint.load(path)
    difference = export_onnx(loaded, out)
    if loaded.model.variant.references:
        say(f"The graph of the variant {loaded.model.variant.name} takes no references: it colors as without any.")
    say(f"ONNX Runtime differs from PyTorch by {difference:.1e} at most.")
    print_out(str(out))
