"""The loop, from pictures to weights."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cartoon_color import __version__, checkpoint, variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.dataset.loader import TrainingPictures
from cartoon_color.dataset.pairs import PairedPictures
from cartoon_color.dataset.prior import color_prior
from cartoon_color.device import DeviceName, choose_device, fast_dtype
from cartoon_color.errors import OutputError, SettingsError, WeightsError
from cartoon_color.training.curves import Curves
from cartoon_color.training.failures import explained
from cartoon_color.training.optimization import follow, learning_rate, make_optimizer
from cartoon_color.training.order import EpochBatches, epoch_order
from cartoon_color.training.pictures import Datasets, describe, find_pictures
from cartoon_color.training.processes import Processes, join
from cartoon_color.training.state import State, load_state, save_state
from cartoon_color.training.validation import validate

GRADIENT_LIMIT = 1.0
SAVE_SECONDS = 120
"""At most so much work is lost when a run is killed."""
FIRST_BATCHES = 2
"""Seen by data-dependent initialization."""


@dataclass(frozen=True)
class Progress:
    """State of a training, told after every update."""

    epoch: int
    """From 1."""
    update: int
    """Updates done."""
    updates: int
    """Updates in all."""
    loss: float
    """Running mean of the training loss."""
    validation: float | None
    """Chroma PSNR in dB on the validation episodes after the last finished epoch; None without any."""


def train(
    datasets: Datasets,
    variant: str,
    out: Path,
    *,
    network: NetworkSettings,
    settings: TrainingSettings,
    start: Path | None = None,
    frozen: Path | None = None,
    device: DeviceName = "auto",
    minutes: float | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train a variant on the training episodes of one or more shows.

    A run that was stopped goes on when it is started again with the same arguments, and ends with the same weights; a
    finished one does nothing. Under `torchrun`, several processes that see the same folders share each update: n of
    them give what one does that accumulates n times as many batches, but for dropout, and for the statistics of batch
    normalization, which are the first process's.

    Args:
        datasets: Manifests, each with the folder that `cartoon-color extract` filled from it.
        variant: A name from the registry.
        out: Folder for the weights `VARIANT.safetensors`, the curves `VARIANT.csv` (`curves.COLUMNS`) and the state.
        network: What to build.
        settings: How to train.
        start: A checkpoint of the same variant and width to start from.
        frozen: Weights of the variant's frozen layers, if it has some and there is no `start`.
        device: Where to train.
        minutes: After so many, stop with the state saved, to go on another time; the result may not be there yet.
        progress: Called after every update, in the first process.

    Returns:
        The weights: of the epoch that `settings.keep` says.

    Raises:
        SettingsError: Too few pictures, too little memory, a loss that is no number any more, `frozen` is missing or
            has no use, or `out` holds another training.
        InputError: Pictures are missing or can't be read.
        WeightsError: `start` or `frozen` can't be used.
        OutputError: Nothing can be written to `out`.
    """
    where = choose_device(device)
    with explained(settings), join(where) as processes:
        return _Run(datasets, variant, out, network, settings, start, frozen, where, processes, minutes).run(progress)


class _Run:
    """One training; its attributes are what the parts of the loop share."""

    def __init__(
        self,
        datasets: Datasets,
        variant: str,
        out: Path,
        network: NetworkSettings,
        settings: TrainingSettings,
        start: Path | None,
        frozen: Path | None,
        where: torch.device,
        processes: Processes,
        minutes: float | None,
    ) -> None:
        self.datasets, self.settings, self.where, self.processes = datasets, settings, where, processes
        self.deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.pictures, self.held_out = find_pictures(datasets)
        kind = PairedPictures if variants.find(variant).references else TrainingPictures
        self.views = kind(self.pictures, settings.crop, settings.seed, settings.views)
        self.counts = [len(list(film)) for _, film in groupby(self.pictures, key=lambda picture: picture.parent)]
        self.dtype = fast_dtype(where)
        each = settings.batch * settings.accumulate * processes.count
        self.updates_per_epoch = len(self.pictures) // each
        if not self.updates_per_epoch:
            raise SettingsError(
                f"{len(self.pictures)} training pictures don't fill one update of {each}; "
                "extract more episodes or lower --batch or --accumulate"
            )
        self.updates = settings.epochs * self.updates_per_epoch
        torch.manual_seed(settings.seed)
        self.model = variants.build(variant, network).to(where)
        self.start = None if start is None else _load_start(start, self.model)
        self.frozen = _load_frozen(self.model, frozen, start)
        self.weights = out / f"{variant}.safetensors"
        self.state_path = out / f"{variant}.state"
        names = "\n".join(f"{picture.parent.name}/{picture.name}" for picture in self.pictures)
        self.identity: dict[str, Any] = {
            "variant": variant,
            "processes": processes.count,
            "pictures": f"{len(self.pictures)} ({hashlib.sha256(names.encode()).hexdigest()[:12]})",
            "from": self.start and self.start.sha256[:12],
            "frozen": self.frozen and self.frozen[:12],
            **asdict(network),
            **{name: value for name, value in asdict(settings).items() if name != "workers"},
        }

    def run(self, progress: Callable[[Progress], None] | None) -> Path:
        """See `train`."""
        state = load_state(self.state_path, self.identity)
        if state is not None and state["update"] == self.updates and self.weights.is_file():
            return self.weights
        try:
            self.weights.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"the folder {self.weights.parent} can't be made ({error.strerror}); choose another --out"
            ) from None
        if state is None:
            if self.processes.rank == 0:
                self._initialize()
            self.processes.share(self.model)
        self.average = copy.deepcopy(self.model).eval() if self.settings.average else None
        self.optimizer = make_optimizer(self.model, self.settings)
        self.update, self.loss, self.earlier = 0, math.nan, 0.0
        self.reached: float | None = None
        self.best: float | None = None
        if state is not None:
            self._restore(state)
        self.earlier -= time.monotonic()
        self.stopped = False
        curves = None
        if self.processes.rank == 0:
            curves = Curves(self.weights.with_suffix(".csv"), self.update)
        try:
            while self.update < self.updates and not self.stopped:
                self._run_epoch(curves, progress)
        finally:
            if curves is not None:
                curves.close()
        self.processes.wait()
        return self.weights

    def _run_epoch(self, curves: Curves | None, progress: Callable[[Progress], None] | None) -> None:
        """What is left of the present epoch."""
        done, saved = self.update % self.updates_per_epoch, time.monotonic()
        epoch = self.update // self.updates_per_epoch + 1
        batches = self._batches(epoch, done, self.processes)
        self.model.train()
        for _ in range(done, self.updates_per_epoch):
            loss = self._step(batches)
            self.loss = loss if math.isnan(self.loss) else 0.98 * self.loss + 0.02 * loss
            ended = self.update % self.updates_per_epoch == 0
            reached = self._end_epoch(epoch) if ended else None
            self.stopped = self._is_over()
            if curves is not None:
                seen = self.update * self.settings.batch * self.settings.accumulate * self.processes.count
                rate = learning_rate(self.settings, self.update - 1, self.updates)
                curves.add((self.update, epoch, seen, rate, loss, reached, self.earlier + time.monotonic()))
                if ended or self.stopped or time.monotonic() - saved > SAVE_SECONDS:
                    curves.flush()
                    self._save()
                    saved = time.monotonic()
            if progress is not None and self.processes.rank == 0:
                progress(Progress(epoch, self.update, self.updates, self.loss, self.reached))
            if self.stopped:
                return

    def _is_over(self) -> bool:
        """Whether the time that was given is used up, by any process's clock, so that all stop at the same update."""
        if self.deadline is None:
            return False
        return self.processes.mean(float(time.monotonic() > self.deadline)) > 0

    def _batches(self, epoch: int, update: int, processes: Processes) -> Iterator[tuple[Tensor, ...]]:
        """Batches of one epoch, from one of its updates on."""
        settings = self.settings
        self.views.epoch = epoch
        batches = EpochBatches(
            epoch_order(self.counts, settings.balance, settings.seed, epoch),
            settings.batch,
            update * settings.accumulate,
            processes.rank,
            processes.count,
        )
        return iter(
            DataLoader(
                self.views,
                batch_sampler=batches,
                num_workers=settings.workers,
                pin_memory=self.where.type == "cuda",
            )
        )

    def _initialize(self) -> None:
        """First weights, and the prior of the colors; the same for any number of processes."""
        if self.start is not None:
            self.model.load_state_dict(self.start.model.state_dict())
        elif self.model.variant.initialize is not None:
            first = self._batches(1, 0, Processes(self.where))
            self.model.variant.initialize(self.model, [next(first)[0] for _ in range(FIRST_BATCHES)])
        if self.model.prior is not None:
            order = epoch_order(self.counts, self.settings.balance, self.settings.seed, 1)
            shown = [self.pictures[item] for item in sorted(item % len(self.pictures) for item in order)]
            self.model.prior.copy_(torch.from_numpy(color_prior(shown)))

    def _step(self, batches: Iterator[tuple[Tensor, ...]]) -> float:
        """One update; its loss."""
        losses = []
        # Known from the number of the update, so that dropout goes on exactly, and differs between processes.
        torch.manual_seed(
            (self.settings.seed * self.updates + self.update) * self.processes.count + self.processes.rank
        )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, self.update, self.updates)
        self.optimizer.zero_grad(set_to_none=True)
        for _ in range(self.settings.accumulate):
            lightness, ab, *references = next(batches)
            shown = [each.to(self.where, non_blocking=True) for each in references]
            seen = lightness.to(self.where, memory_format=torch.channels_last, non_blocking=True)
            with torch.autocast(self.where.type, self.dtype, enabled=self.dtype != torch.float32):
                output = self.model(seen, *shown)
            loss = self.model.loss(output, ab.to(self.where, non_blocking=True)) / self.settings.accumulate
            torch.autograd.backward(loss)
            losses.append(loss.detach())
        # Read last: each reading waits for the device.
        total = self.processes.mean(sum(float(loss) for loss in losses))
        if not math.isfinite(total):
            raise SettingsError(
                f"the loss of update {self.update + 1} is {total}, so the training has failed; "
                "choose a lower --learning-rate and another --out"
            )
        self.processes.mean_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_LIMIT)
        self.optimizer.step()
        self.update += 1
        if self.average is not None:
            follow(self.average, self.model, min(self.settings.average, (1 + self.update) / (10 + self.update)))
        return total

    def _end_epoch(self, epoch: int) -> float | None:
        """Measure, and write the weights if they are the best so far."""
        if self.processes.rank:
            return None
        model = self.average or self.model.eval()
        reached = validate(model, self.held_out, self.where, self.settings.views) if self.held_out else None
        if self.settings.keep == "last" or reached is None or self.best is None or reached > self.best:
            checkpoint.save(model, self.weights, self._story(epoch, reached), half=True)
            self.best = reached
        self.reached = reached
        self.model.train()
        return reached

    def _story(self, epoch: int, reached: float | None) -> dict[str, Any]:
        return {
            "version": __version__,
            "shows": [manifest.name for manifest, _ in self.datasets],
            "from": self.start and self.start.sha256,
            "frozen": self.frozen,
            "episodes": [describe(manifest) for manifest, _ in self.datasets],
            "pictures": len(self.pictures),
            "settings": asdict(self.settings),
            "processes": self.processes.count,
            "epochs_done": epoch,
            "minutes": round((self.earlier + time.monotonic()) / 60, 1),
            "loss": round(self.loss, 4),
            "validation_chroma_psnr": None if reached is None else round(reached, 2),
        }

    def _save(self) -> None:
        state: State = {
            "identity": self.identity,
            "update": self.update,
            "loss": self.loss,
            "reached": self.reached,
            "best": self.best,
            "seconds": self.earlier + time.monotonic(),
        }
        if self.update < self.updates:
            state |= {
                "model": self.model.state_dict(),
                "average": None if self.average is None else self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            }
        save_state(self.state_path, state)

    def _restore(self, state: State) -> None:
        if "model" not in state:
            raise SettingsError(
                f"the training in {self.weights.parent} is finished, but {self.weights.name} is gone; "
                f"delete {self.state_path.name} to train anew"
            )
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.update, self.loss, self.earlier = state["update"], state["loss"], state["seconds"]
        self.reached, self.best = state["reached"], state["best"]


def _load_start(path: Path, model: variants.Model) -> checkpoint.Checkpoint:
    """The checkpoint to start from; WeightsError if it is of another network."""
    start = checkpoint.load(path)
    name, width = start.model.variant.name, start.model.settings.width
    if (name, width) != (model.variant.name, model.settings.width):
        raise WeightsError(
            f"{path} is of the variant {name} with width {width:g}, the training of {model.variant.name} with width "
            f"{model.settings.width:g}; give --variant {name} --width {width:g}, or other weights"
        )
    return start


def _load_frozen(model: variants.Model, path: Path | None, start: Path | None) -> str | None:
    """Read the weights of the frozen layers; their checksum. With `start`, they come from there."""
    load, name = model.variant.load_frozen, model.variant.name
    if load is None:
        if path is not None:
            raise SettingsError(f"the variant {name} has no frozen layers for {path}; leave --frozen-vgg out")
        return None
    if (path is None) == (start is None):
        given = "neither of them was given" if path is None else f"{path} and {start} were given"
        raise SettingsError(
            f"the variant {name} takes its frozen layers from --frozen-vgg FILE, torchvision's vgg16 as a state "
            f"dict, or else from weights to start --from; {given}"
        )
    if path is None:
        return None
    load(model.network, path)
    digest = hashlib.sha256()
    for parameter in model.network.parameters():
        if not parameter.requires_grad:
            digest.update(parameter.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
