"""Where networks run, and in which precision."""

from __future__ import annotations

from typing import Literal

import torch

from cartoon_color.errors import SettingsError

DeviceName = Literal["auto", "cpu", "cuda"]


def choose_device(name: DeviceName) -> torch.device:
    """The device to run on; `auto` takes CUDA where there is one. SettingsError if CUDA is asked for and missing."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "--device cuda was asked for, but torch finds no CUDA device here; use --device cpu or auto"
        )
    return torch.device(name)


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies it, else float32; never float16, which CPUs only emulate."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    has_bfloat16 = features.get("avx512_bf16") or features.get("amx_bf16") or features.get("bf16")
    return torch.bfloat16 if has_bfloat16 else torch.float32
