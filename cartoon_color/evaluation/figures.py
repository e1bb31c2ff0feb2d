"""Figures of an evaluation, as PNG and PDF; needs matplotlib (the extra `evaluate`)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from cartoon_color.errors import InputError, MissingExtraError
from cartoon_color.evaluation.scores import ERROR_STEP, ERROR_STEPS, Scores

REACH = 1.5
"""Of the axis of errors; nearly all lie below."""

_LINES = ("-", "--", ":")
"""Taken in turn whenever the ten colors are used up."""


def load_pyplot() -> Any:
    """matplotlib.pyplot, drawing into files. Raises MissingExtraError if it is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError(
            "figures need matplotlib, which is not installed; install it with pip install 'cartoon-color[evaluate]', "
            "or leave --out out to print the table alone"
        ) from None
    mpl.use("agg")
    from matplotlib import pyplot

    return pyplot


def cumulative_errors(scores: Mapping[str, Scores]) -> dict[str, bytes]:
    """Share of the pixels, and of the images, whose error in alpha, beta is below x (thesis Figure 8.1), by file."""
    pyplot = load_pyplot()
    figure, (pixels, images) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained", sharey=True)
    edges = np.arange(ERROR_STEPS + 1) * ERROR_STEP
    for number, (name, score) in enumerate(scores.items()):
        line = _LINES[number // 10 % len(_LINES)]
        share = np.cumsum(score.pixel_errors)[:ERROR_STEPS] / score.pixel_errors.sum()
        pixels.plot(edges, [0, *share], line, label=name)
        ordered = np.sort(score.per_image_rmse)
        heights = np.arange(len(ordered) + 1) / len(ordered)
        images.step([0, *ordered, max(REACH, ordered[-1])], [*heights, 1], line, where="post")
    for axes, what in ((pixels, "pixels"), (images, "images")):
        axes.set(
            xlabel="RMS error in alpha, beta, at most", ylabel=f"share of the {what}", xlim=(0, REACH), ylim=(0, 1)
        )
        axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False)
    return _files(pyplot, figure, "cumulative_errors")


def training_curves(runs: Sequence[Path]) -> dict[str, bytes]:
    """Loss over the pictures seen, from the `.csv` that `train` writes into each folder, by file."""
    pyplot = load_pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for run in runs:
        found = sorted(run.glob("*.csv"))
        if not found:
            raise InputError(f"there are no curves (.csv) in {run}; give a folder that train wrote")
        for path in found:
            with path.open(newline="") as file:
                # Of a training that is under way, the last line may be cut.
                rows = [row for row in csv.DictReader(file) if None not in row.values()]
            if not rows or not {"pictures", "loss"} <= rows[0].keys():
                raise InputError(f"{path} holds no curve; give a folder that train wrote")
            seen = [float(row["pictures"]) for row in rows]
            loss = np.array([float(row["loss"]) for row in rows])
            window = max(1, len(loss) // 50)
            smooth = np.convolve(np.pad(loss, (window - 1, 0), "edge"), np.full(window, 1 / window), "valid")
            axes.plot(seen, smooth / smooth[0], label=path.stem)
    axes.set(xlabel="pictures seen", ylabel="training loss, of the first one", yscale="log")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right center", frameon=False)
    return _files(pyplot, figure, "training_curves")


def _files(pyplot: Any, figure: Any, stem: str) -> dict[str, bytes]:
    files = {}
    for kind, metadata in (("png", None), ("pdf", {"CreationDate": None})):
        content = BytesIO()
        figure.savefig(content, format=kind, dpi=120, metadata=metadata)
        files[f"{stem}.{kind}"] = content.getvalue()
    pyplot.close(figure)
    return files
