"""Weights against two honest baselines on held-out episodes: gray, and the mean a, b for each gray level.

    python -m benchmarks.quality --manifest datasets/sindbad.toml --films FOLDER --dataset FOLDER [--weights FILE]

Pictures are compared at 160x120. Chroma PSNR is that of a, b with a peak of 100; CIEDE2000 is taken at the true L*,
so that only chroma counts. The mean is learned from the manifest's training episodes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from cartoon_color import checkpoint, color, metrics
from cartoon_color.dataset.extracted import list_pictures, read_picture
from cartoon_color.dataset.manifest import load_manifest
from cartoon_color.evaluation.baselines import TrainingSet, gray
from cartoon_color.frames import RGB

SIZE = (160, 120)


def small(rgb: RGB) -> RGB:
    """The picture at the size of the comparison."""
    return cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA)


def predictions(rgb: RGB, known: TrainingSet, model: object) -> Iterator[tuple[str, np.ndarray]]:
    """Name and a, b at `SIZE` of each way to color a picture."""
    luma = color.luma_of_rgb(small(rgb), "bt601")
    yield "gray", gray(luma)
    yield "mean a, b for this L*", known.mean_by_lightness(luma)
    lightness = color.luma_to_lightness(color.luma_of_rgb(rgb, "bt601"), 8, "full")
    with torch.inference_mode():
        ab = model.colorize(torch.from_numpy(lightness[None, None])).ab  # type: ignore[attr-defined]
    yield "weights", cv2.resize(ab[0].permute(1, 2, 0).numpy(), SIZE, interpolation=cv2.INTER_CUBIC)


def main() -> None:
    """Print a table, and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--films", type=Path)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--weights", type=Path, default=checkpoint.default_weights())
    parser.add_argument("--every", type=int, default=4, help="compare every n-th picture")
    given = parser.parse_args()
    manifest = load_manifest(given.manifest, given.films)
    names = {role: [episode.name for episode in manifest.of_role(role)] for role in ("train", "test")}
    known = TrainingSet(list_pictures(given.dataset, names["train"]))
    model = checkpoint.load(given.weights).model
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for episode in names["test"]:
        errors: dict[str, list[tuple[float, float, float]]] = {}
        for path in list_pictures(given.dataset, [episode])[:: given.every]:
            rgb = read_picture(path)
            truth = color.rgb_to_lab(small(rgb))
            for name, ab in predictions(rgb, known, model):
                guess = np.dstack([truth[..., :1], ab])
                row = (
                    metrics.mean_squared_error(ab, truth[..., 1:]),
                    metrics.lab_ciede2000(truth, guess),
                    float(np.hypot(ab[..., 0], ab[..., 1]).mean()),
                )
                errors.setdefault(name, []).append(row)
        figures[episode] = {}
        for name, rows in errors.items():
            squared, ciede, chroma = np.mean(rows, axis=0).tolist()
            figures[episode][name] = {
                "chroma_psnr": round(metrics.chroma_psnr(squared), 2),
                "ciede2000": round(ciede, 2),
                "mean_chroma": round(chroma, 1),
            }
            sys.stdout.write(f"{episode:28} {name:24} {figures[episode][name]}\n")
    sys.stdout.write(json.dumps({"weights_sha256": checkpoint.load(given.weights).sha256, "figures": figures}) + "\n")


if __name__ == "__main__":
    main()
