"""Figures of an evaluation, as PNG and PDF; needs matplotlib (the extra `evaluate`)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cartoon_color.errors import InputError, MissingExtraError
from cartoon_color.evaluation.scores import ERROR_STEP, ERROR_STEPS, Scores

REACH = 1.5
"""Of the axis of errors; nearly all lie below."""


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError:
        raise MissingExtraError(
            "figures need matplotlib, which is not installed; install it: pip install 'cartoon-color[evaluate]'"
        ) from None
    mpl.use("agg")
    from matplotlib import pyplot

    return pyplot


def cumulative_errors(scores: Mapping[str, Scores], folder: Path) -> list[Path]:
    """Share of the pixels, and of the images, whose error in alpha, beta is below x (thesis Figure 8.1)."""
    pyplot = _pyplot()
    figure, (pixels, images) = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained", sharey=True)
    edges = np.arange(1, ERROR_STEPS + 1) * ERROR_STEP
    for name, score in scores.items():
        share = np.cumsum(score.pixel_errors)[:ERROR_STEPS] / score.pixel_errors.sum()
        pixels.plot(edges, share, label=name)
        ordered = np.sort(score.per_image_rmse)
        images.step(ordered, np.arange(1, len(ordered) + 1) / len(ordered), where="post")
    for axes, what in ((pixels, "pixels"), (images, "images")):
        axes.set(
            xlabel="RMS error in alpha, beta, at most", ylabel=f"share of the {what}", xlim=(0, REACH), ylim=(0, 1)
        )
        axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False)
    return _save(pyplot, figure, folder / "cumulative_errors")


def training_curves(runs: Sequence[Path], folder: Path) -> list[Path]:
    """Loss over the pictures seen, from the `.csv` that `train` writes into each folder."""
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for run in runs:
        found = sorted(run.glob("*.csv"))
        if not found:
            raise InputError(f"there are no curves (.csv) in {run}; give a folder that train wrote")
        for path in found:
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            seen = [float(row["pictures"]) for row in rows]
            loss = np.array([float(row["loss"]) for row in rows])
            window = max(1, len(loss) // 50)
            smooth = np.convolve(np.pad(loss, (window - 1, 0), "edge"), np.full(window, 1 / window), "valid")
            axes.plot(seen, smooth / smooth[0], label=path.stem)
    axes.set(xlabel="pictures seen", ylabel="training loss, of the first one", yscale="log")
    axes.grid(alpha=0.3, which="both")
    figure.legend(loc="outside right center", frameon=False)
    return _save(pyplot, figure, folder / "training_curves")


def _save(pyplot: Any, figure: Any, stem: Path) -> list[Path]:
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".pdf")]
    for path in paths:
        figure.savefig(path, dpi=120, metadata={"CreationDate": None} if path.suffix == ".pdf" else None)
    pyplot.close(figure)
    return paths
