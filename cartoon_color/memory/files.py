"""The file of a memory."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize

from cartoon_color.errors import InputError, OutputError, WeightsError
from cartoon_color.files import write_atomically
from cartoon_color.memory.recall import FIELDS, Entries, Looks, Memory

FORMAT = "cartoon-color memory/4"


def save_memory(memory: Memory, path: Path) -> None:
    """Write a memory as safetensors; features take half floats.

    Raises:
        OutputError: It can't be written.
    """
    arrays = {name: getattr(memory.entries, name) for name in FIELDS}
    arrays |= {"look": memory.looks.look, "look_episode": memory.looks.episode, "look_shot": memory.looks.shot}
    arrays["features"], arrays["look"] = arrays["features"].astype(np.float16), arrays["look"].astype(np.float16)
    told = {
        "format": FORMAT,
        "show": memory.show,
        "episodes": json.dumps(memory.episodes),
        "weights": memory.weights,
        "width": repr(memory.width),
        "familiar": repr(memory.familiar),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, serialize({name: np.ascontiguousarray(array) for name, array in arrays.items()}, told))
    except OSError as error:
        raise OutputError(f"the memory {path} can't be written: {error.strerror}; choose another place") from None


def load_memory(path: Path) -> Memory:
    """Read a memory.

    Raises:
        InputError: There is no such file, or it is none, or of another version, or damaged.
    """
    if not path.is_file():
        raise InputError(f"there is no memory at {path}; make one: cartoon-color memory --help")
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no memory of a show, or damaged ({error}); make it again") from None
    if told.get("format") != FORMAT:
        raise InputError(
            f"{path} is no memory of a show that this version reads (format {told.get('format')!r}, expected "
            f"{FORMAT!r}); make it again: cartoon-color memory --help"
        )
    try:
        entries = Entries(
            *(arrays[name].astype(np.float32) for name in FIELDS[:4]), *(arrays[name] for name in FIELDS[4:])
        )
        looks = Looks(arrays["look"], arrays["look_episode"], arrays["look_shot"])
        episodes, width, familiar = json.loads(told["episodes"]), float(told["width"]), float(told["familiar"])
        return Memory(told["show"], tuple(episodes), told["weights"], entries, looks, width, familiar)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the memory {path} is damaged ({error}); make it again") from None


def check_weights(memory: Memory, sha256: str) -> None:
    """Whether these weights see regions as the memory keeps them.

    Raises:
        WeightsError: The memory was made with other ones.
    """
    if memory.weights != sha256:
        raise WeightsError(
            f"the memory of {memory.show} was made with other weights (checksum {memory.weights[:12]}) than these "
            f"({sha256[:12]}), so regions can't be compared; make it again with these: cartoon-color memory --weights"
        )
