"""Weights with what is needed to use them, in one safetensors file (no pickle), checked when loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize

from cartoon_color import variants
from cartoon_color.config import NetworkSettings
from cartoon_color.errors import OutputError, SettingsError, WeightsError
from cartoon_color.files import write_atomically

FORMAT = "cartoon-color/1"


@dataclass(frozen=True)
class Checkpoint:
    """A loaded model and the story of its training."""

    model: variants.Model
    training: Mapping[str, Any]
    """What the training command stored: data, licenses, settings, figures."""
    sha256: str
    """Checksum of the tensors."""


def default_weights() -> Path:
    """The weights that come with the package."""
    return Path(str(resources.files("cartoon_color") / "weights" / "default.safetensors"))


def choose_weights(weights: Sequence[Path], names: Sequence[str]) -> list[Path]:
    """The checkpoints meant by paths and by names of variants.

    Args:
        weights: Checkpoints, or folders of checkpoints named VARIANT.safetensors; none means the embedded default.
        names: Variants to take; none means all that are there.

    Raises:
        SettingsError: A name that is not in the registry.
        WeightsError: A variant that no checkpoint given belongs to, or a folder without checkpoints.
    """
    for name in names:
        variants.find(name)
    found: list[Path] = []
    for path in weights or [default_weights()]:
        inside = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
        if not inside:
            raise WeightsError(f"there are no .safetensors files in {path}; give a folder that train wrote")
        found += inside
    if not names:
        return found
    by_name: dict[str, list[Path]] = {}
    for path in found:
        by_name.setdefault(load(path).model.variant.name, []).append(path)
    missing = [name for name in names if name not in by_name]
    if missing:
        raise WeightsError(
            f"there are no weights of the variant {missing[0]} in {', '.join(map(str, found))}; "
            "train them, and give them with --weights"
        )
    return [path for name in names for path in by_name[name]]


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save(model: variants.Model, path: Path, training: Mapping[str, Any], *, half: bool = False) -> None:
    """Write a checkpoint, atomically.

    Args:
        model: Its weights are stored, with its variant's name and settings.
        path: Ends in .safetensors.
        training: Anything that JSON takes.
        half: Store filters as float16, for half the size; biases and statistics keep their range.

    Raises:
        OutputError: The file can't be written.
    """
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() and tensor.ndim > 1 else tensor)
        .detach()
        .cpu()
        .contiguous()
        for name, tensor in model.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "variant": model.variant.name,
        "settings": json.dumps(asdict(model.settings)),
        "training": json.dumps(dict(training)),
        "sha256": _digest(tensors),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, serialize(tensors, metadata))
    except (OSError, SafetensorError) as error:
        raise OutputError(f"the weights can't be written to {path}: {error}; choose another place") from None


def load(path: Path) -> Checkpoint:
    """Read and check a checkpoint; the model is in evaluation mode, float32, on the CPU.

    Raises:
        WeightsError: No such file, not a checkpoint of this program, damaged, of an unknown variant, tensors that
            don't fit the network, or values that are not finite.
    """
    if not path.is_file():
        raise WeightsError(f"there are no weights at {path}; give a .safetensors file written by cartoon-color train")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path} can't be read as safetensors ({error}); it is damaged or another kind of file"
        ) from None
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is no checkpoint of cartoon-color (format {metadata.get('format')!r}, expected {FORMAT!r}); "
            "give a file written by cartoon-color train"
        )
    try:
        settings = NetworkSettings(**json.loads(metadata["settings"]))
        training = json.loads(metadata["training"])
        model = variants.build(metadata["variant"], settings)
    except (KeyError, TypeError, ValueError, SettingsError) as error:
        raise WeightsError(f"the description inside {path} can't be used: {error}; train it again") from None
    digest = _digest(tensors)
    if digest != metadata.get("sha256"):
        raise WeightsError(f"{path} is damaged: its checksum doesn't match its content; get the file again")
    damaged = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if damaged:
        raise WeightsError(f"{path} holds values that are not finite (in {damaged[0]}); train it again")
    try:
        model.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        lines = str(error).splitlines()
        raise WeightsError(
            f"{path} doesn't fit the variant {metadata['variant']!r}: {lines[-1].strip()}; train it again"
        ) from None
    return Checkpoint(model.eval(), training, digest)
