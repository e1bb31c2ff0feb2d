"""One training loop for every variant."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from cartoon_color import __version__, checkpoint, metrics, variants
from cartoon_color.config import NetworkSettings, TrainingSettings, Views
from cartoon_color.dataset.loader import PlainPictures, TrainingPictures, list_pictures
from cartoon_color.dataset.manifest import Manifest
from cartoon_color.device import DeviceName, choose_device, fast_dtype
from cartoon_color.errors import SettingsError

WARMUP_SHARE = 0.03
GRADIENT_LIMIT = 1.0


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
    datasets: Sequence[tuple[Manifest, Path]],
    variant: str,
    out: Path,
    *,
    network: NetworkSettings,
    settings: TrainingSettings,
    device: DeviceName = "auto",
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train a variant on the training episodes of one or more shows.

    Args:
        datasets: Manifests, each with the folder that `cartoon-color extract` filled from it.
        variant: A name from the registry.
        out: Folder for the weights.
        network: What to build.
        settings: How to train.
        device: Where to train.
        progress: Called after every update.

    Returns:
        The weights, `out/VARIANT.safetensors`, written anew after every epoch.
    """
    where = choose_device(device)
    dtype = fast_dtype(where)
    torch.manual_seed(settings.seed)
    pictures = _pictures(datasets, "train")
    if len(pictures) < settings.batch:
        raise SettingsError(
            f"{len(pictures)} training pictures don't fill a batch of {settings.batch}; "
            "extract more episodes or lower the batch"
        )
    validation = _pictures(datasets, "validation")
    views = TrainingPictures(pictures, settings.crop, settings.seed, settings.views)
    loader = DataLoader(
        views,
        settings.batch,
        shuffle=True,
        drop_last=True,
        num_workers=settings.workers,
        generator=torch.Generator().manual_seed(settings.seed),
    )
    model = variants.build(variant, network).to(where)
    average = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(model.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    updates = settings.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda update: _rate(update, updates))
    path = out / f"{variant}.safetensors"
    started, update, running, reached = time.monotonic(), 0, math.nan, None
    for epoch in range(1, settings.epochs + 1):
        views.epoch = epoch
        model.train()
        for lightness, ab in loader:
            seen = lightness.to(where, memory_format=torch.channels_last)
            with torch.autocast(where.type, dtype, enabled=dtype != torch.float32):
                output = model(seen)
            loss = model.loss(output, ab.to(where))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_LIMIT)
            optimizer.step()
            schedule.step()
            update += 1
            _follow(average, model, min(settings.average, (1 + update) / (10 + update)))
            value = float(loss.detach())
            running = value if math.isnan(running) else 0.98 * running + 0.02 * value
            if progress is not None:
                progress(Progress(epoch, update, updates, running, reached))
        reached = validate(average, validation, where, settings.views) if validation else None
        story = {
            "version": __version__,
            "shows": [manifest.name for manifest, _ in datasets],
            "episodes": [_describe(manifest) for manifest, _ in datasets],
            "pictures": len(pictures),
            "settings": asdict(settings),
            "epochs_done": epoch,
            "minutes": round((time.monotonic() - started) / 60, 1),
            "loss": round(running, 4),
            "validation_chroma_psnr": None if reached is None else round(reached, 2),
        }
        checkpoint.save(average, path, story, half=True)
    return path


def _pictures(datasets: Sequence[tuple[Manifest, Path]], role: str) -> list[Path]:
    return [
        picture
        for manifest, folder in datasets
        for picture in list_pictures(folder, [episode.name for episode in manifest.episodes if episode.role == role])
    ]


def _describe(manifest: Manifest) -> list[dict[str, str]]:
    return [
        {"name": episode.name, "license": episode.license, "source": episode.source}
        for episode in manifest.episodes
        if episode.role == "train"
    ]


def _rate(update: int, updates: int) -> float:
    """Factor on the learning rate: a linear warm-up, then half a cosine down to 1 %."""
    warmup = max(1, round(WARMUP_SHARE * updates))
    if update < warmup:
        return (update + 1) / warmup
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (update - warmup) / max(1, updates - warmup)))


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the trained ones; statistics of batch normalization likewise."""
    for kept, now in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(now, 1 - decay)
        else:
            kept.copy_(now)


def validate(model: variants.Model, pictures: Sequence[Path], where: torch.device, views: Views = "film") -> float:
    """Chroma PSNR in dB over whole pictures at the network's output size."""
    errors: list[Tensor] = []
    with torch.inference_mode():
        for lightness, ab in DataLoader(PlainPictures(pictures, views), 16):
            predicted = model.colorize(lightness.to(where)).ab
            errors.append((predicted.cpu() - ab).square().mean(dim=(1, 2, 3)))
    return metrics.chroma_psnr(float(torch.cat(errors).mean()))
