"""What a killed training needs to go on exactly where it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cartoon_color.errors import OutputError, SettingsError
from cartoon_color.files import replacing

State = dict[str, Any]
"""Tensors, numbers and strings, in dictionaries and lists."""


def load_state(path: Path, identity: Mapping[str, Any]) -> State | None:
    """The state of an earlier run of the same training; None if there was none.

    Args:
        path: Where it was saved.
        identity: Everything that decides the result: variant, settings, pictures.

    Raises:
        SettingsError: The earlier run was another training.
    """
    if not path.is_file():
        return None
    try:
        state: State = torch.load(path, map_location="cpu", weights_only=True)
        before = state["identity"]
    except Exception as error:
        raise SettingsError(
            f"{path} can't be read ({str(error).splitlines()[0]}); delete it to train from the beginning"
        ) from None
    # Settings that came with a later version don't count.
    changed = [
        f"{name} was {before[name]!r} and is {identity.get(name)!r}"
        for name in sorted(before)
        if before[name] != identity.get(name)
    ]
    if changed:
        raise SettingsError(
            f"{path.parent} holds another training ({'; '.join(changed)}); "
            f"choose another folder, or delete {path.name} to train anew"
        )
    return state


def save_state(path: Path, state: State) -> None:
    """Write it, atomically; OutputError if it can't be written."""
    try:
        with replacing(path) as part:
            torch.save(state, part)
    except (OSError, RuntimeError) as error:
        raise OutputError(
            f"the state of the training can't be written to {path}: {error}; choose another place"
        ) from None
