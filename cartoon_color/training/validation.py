"""How well a model colors held-out pictures, while it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from cartoon_color import metrics, variants
from cartoon_color.config import Views
from cartoon_color.dataset.loader import PlainPictures


def validate(model: variants.Model, pictures: Sequence[Path], where: torch.device, views: Views = "film") -> float:
    """Chroma PSNR in dB over whole pictures, of any sizes, at the network's output size."""
    errors: list[float] = []
    with torch.inference_mode():
        for lightness, ab in DataLoader(PlainPictures(pictures, views), batch_size=None):
            predicted = model.colorize(lightness[None].to(where)).ab[0]
            errors.append(float((predicted.cpu() - ab).square().mean()))
    return metrics.chroma_psnr(sum(errors) / len(errors))
