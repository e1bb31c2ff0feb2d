"""Checksums of what a shot of a colored film hangs on."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numba
import numpy as np
import torch

from cartoon_color import __version__
from cartoon_color.painter import Painter

if TYPE_CHECKING:
    from hashlib import _Hash

_APART = ("self", "references", "say")
"""Arguments of a painter that change no color, or not of all shots."""


def fingerprint(*values: Any) -> str:
    """A checksum of values: of the content of files and arrays, of all that data classes hold, else of the text."""
    total = hashlib.sha256()
    for value in values:
        _add(total, value)
    return total.hexdigest()


def programs() -> tuple[str, ...]:
    """The versions of what computes colors and packets."""
    libraries = repr(sorted(av.library_versions.items()))
    return __version__, torch.__version__, cv2.__version__, np.__version__, numba.__version__, libraries


def of_painter(painter: Painter) -> str:
    """A checksum of all that a painter was made with; of its references only if they speak in all shots."""
    names = [name for name in inspect.signature(Painter).parameters if name not in _APART]
    shown = painter.references if painter.is_guided or painter.smooth == "tracks" else ()
    return fingerprint({name: getattr(painter, name) for name in names}, shown, str(painter.dtype))


def _add(total: _Hash, value: Any) -> None:
    total.update(f"({type(value).__name__}".encode())
    if isinstance(value, Path):
        with value.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    elif isinstance(value, np.ndarray):
        total.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        for each in fields(value):
            _add(total, getattr(value, each.name))
    elif isinstance(value, Mapping):
        for key in sorted(value):
            _add(total, key)
            _add(total, value[key])
    elif isinstance(value, tuple | list):
        for each in value:
            _add(total, each)
    else:
        total.update(repr(value).encode())
    total.update(b")")
