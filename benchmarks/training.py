"""How fast a training is, and how much of the device's arithmetic it uses; prints a table, and JSON with the machine.

python -m benchmarks.training --manifest datasets/rumcajs.toml --dataset dataset/ --variant plain --workers 16

The share is that of the network's own arithmetic in what a matrix product reaches on the same device, in the type that
the network is trained in. Backwards counts as twice forwards.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import repeat
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks import machine
from cartoon_color import variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.dataset.extracted import list_pictures
from cartoon_color.dataset.loader import TrainingPictures
from cartoon_color.dataset.manifest import load_manifest
from cartoon_color.device import choose_device, fast_dtype
from cartoon_color.training.loop import GRADIENT_LIMIT
from cartoon_color.training.optimization import follow, make_optimizer
from cartoon_color.training.order import EpochBatches
from cartoon_color.variants.measure import measure

COUNTED_SIZE = 256
"""Height and width of the pictures that `measure` counts operations for."""
BACKWARD = 2
"""A backward pass takes about twice the operations of a forward pass: gradients of inputs, and of weights."""
SIDES = {"cuda": 8192, "cpu": 2048}
"""Of the square matrices whose product shows what a device reaches."""
THESIS_PICTURES, THESIS_EPOCHS = 42_715, 30
"""Thesis sections 4.1 and 7.4."""


@dataclass(frozen=True)
class Speed:
    """Of a training, after it is warm."""

    images: float
    """Images per second."""
    waited: float
    """Percent of the time spent waiting for pictures."""


def tflops(gflop: float, crop: int, images: float) -> float:
    """Billions of operations forwards at 256x256, and images of crop x crop a second, to TFLOP/s of a training."""
    return gflop * (1 + BACKWARD) * (crop / COUNTED_SIZE) ** 2 * images / 1000


def hours(images: float) -> float:
    """How long the thesis's schedule takes at so many images a second."""
    return THESIS_PICTURES * THESIS_EPOCHS / images / 3600


def warm(settings: TrainingSettings) -> int:
    """Updates before the clock starts: libraries choose their kernels, and what was read ahead (two batches by each
    process) is used up, so that reading can't look faster than it is."""
    return 3 + math.ceil(2 * settings.workers / settings.accumulate)


def _finish(where: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if where.type == "cuda":
        torch.cuda.synchronize()


def peak(where: torch.device, dtype: torch.dtype, side: int) -> float:
    """TFLOP/s of the product of two square matrices, the best of some."""
    first, second = (torch.randn(side, side, device=where, dtype=dtype) for _ in range(2))
    best = 0.0
    for _ in range(10):
        _finish(where)
        started = time.perf_counter()
        first @ second
        _finish(where)
        best = max(best, 2 * side**3 / (time.perf_counter() - started) / 1e12)
    return best


class Trainer:
    """A model in training, updated as `cartoon-color train` does it."""

    def __init__(self, variant: str, width: float, settings: TrainingSettings, where: torch.device) -> None:
        self.settings, self.where, self.dtype = settings, where, fast_dtype(where)
        self.model = variants.build(variant, NetworkSettings(width=width)).to(where).train()
        self.average = copy.deepcopy(self.model).eval() if settings.average else None
        self.optimizer = make_optimizer(self.model, settings)

    def time(self, batches: Iterator[tuple[Tensor, Tensor]], updates: int) -> Speed:
        """Measure some updates, after those of `warm`; takes `accumulate` batches for each."""
        for _ in range(warm(self.settings)):
            self._update(batches)
        _finish(self.where)
        started = time.perf_counter()
        waited = sum(self._update(batches) for _ in range(updates))
        _finish(self.where)
        whole = time.perf_counter() - started
        return Speed(updates * self.settings.accumulate * self.settings.batch / whole, 100 * waited / whole)

    def _update(self, batches: Iterator[tuple[Tensor, Tensor]]) -> float:
        """Seconds waited for pictures."""
        waited, losses = 0.0, []
        self.optimizer.zero_grad(set_to_none=True)
        for _ in range(self.settings.accumulate):
            asked = time.perf_counter()
            lightness, ab = next(batches)
            waited += time.perf_counter() - asked
            seen = lightness.to(self.where, memory_format=torch.channels_last, non_blocking=True)
            with torch.autocast(self.where.type, self.dtype, enabled=self.dtype != torch.float32):
                output = self.model(seen)
            loss = self.model.loss(output, ab.to(self.where, non_blocking=True)) / self.settings.accumulate
            torch.autograd.backward(loss)
            losses.append(loss.detach())
        assert math.isfinite(sum(float(loss) for loss in losses))  # waits for the device, as a training does
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_LIMIT)
        self.optimizer.step()
        if self.average is not None:
            follow(self.average, self.model, self.settings.average)
        return waited


def reading(
    pictures: Sequence[Path], settings: TrainingSettings, where: torch.device, updates: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches for so many updates, read as in `cartoon-color train`; pictures come again where there are too few."""
    needed = updates * settings.accumulate * settings.batch
    chosen = (list(pictures) * (needed // len(pictures) + 1))[:needed]
    views = TrainingPictures(chosen, settings.crop, settings.seed, settings.views)
    order = EpochBatches(range(needed), settings.batch, 0, 0, 1)
    return iter(DataLoader(views, batch_sampler=order, num_workers=settings.workers, pin_memory=where.type == "cuda"))


def measure_training(
    pictures: Sequence[Path], variant: str, width: float, settings: TrainingSettings, trainer: Trainer, updates: int
) -> list[tuple[str, float, str]]:
    """Rows of the table: what, how much, unit."""
    where = trainer.where
    ready = trainer.time(repeat(next(reading(pictures, settings, where, 1))), updates)
    read = trainer.time(reading(pictures, settings, where, warm(settings) + updates), updates)
    gflop = measure(variants.find(variant), NetworkSettings(width=width)).gflop
    best = peak(where, trainer.dtype, SIDES[where.type])
    rows = [("matrix product", best, f"TFLOP/s in {str(trainer.dtype).removeprefix('torch.')}")]
    for what, speed in (("pictures ready", ready), ("pictures read", read)):
        used = tflops(gflop, settings.crop, speed.images)
        rows += [
            (f"{what}: speed", speed.images, "images/s"),
            (f"{what}: arithmetic", used, "TFLOP/s"),
            (f"{what}: share of the matrix product's", 100 * used / best, "%"),
            (f"{what}: {THESIS_EPOCHS} epochs of {THESIS_PICTURES} pictures", hours(speed.images), "hours"),
        ]
    return [*rows, ("pictures read: waited for them", read.waited, "%")]


def main() -> None:
    """Measure one variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--variant", choices=variants.VARIANTS, default="plain")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--updates", type=int, default=50)
    for name in ("batch", "accumulate", "crop", "workers"):
        parser.add_argument(f"--{name}", type=int, help="by default the variant's")
    given = parser.parse_args()
    told = {name: getattr(given, name) for name in ("batch", "accumulate", "crop", "workers")}
    recipe = variants.find(given.variant).recipe
    settings = replace(recipe, **{name: value for name, value in told.items() if value is not None})
    episodes = [episode.name for episode in load_manifest(given.manifest).of_role("train")]
    about = machine.describe()
    pictures = list_pictures(given.dataset, episodes)
    trainer = Trainer(given.variant, given.width, settings, choose_device(given.device))
    rows = measure_training(pictures, given.variant, given.width, settings, trainer, given.updates)
    for what, value, unit in rows:
        sys.stdout.write(f"{what:48} {value:10.3g} {unit}\n")
    asked = {"variant": given.variant, "width": given.width, **asdict(settings)}
    figures = [{"what": what, "value": value, "unit": unit} for what, value, unit in rows]
    sys.stdout.write(json.dumps({"machine": about, "asked": asked, "figures": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
