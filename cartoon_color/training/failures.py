"""Sentences for what fails inside PyTorch."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cartoon_color.config import TrainingSettings
from cartoon_color.errors import InputError, OutputError, SettingsError

_NO_MEMORY = ("allocate memory", "not enough memory", "bad_alloc", "ALLOC_FAILED")
"""What errors say of it that have no class of their own."""


@contextmanager
def explained(settings: TrainingSettings) -> Iterator[None]:
    """Translate the errors that a user can mend; others pass."""
    try:
        yield
    except InputError as error:
        # Told by a reading process, it comes with a traceback before its sentence.
        sentence = str(error).rstrip().splitlines()[-1]
        raise InputError(sentence.removeprefix(f"{InputError.__module__}.{InputError.__name__}: ")) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutputError(
            f"the training can't write its files ({error.strerror}); make room on the disk; what was saved before "
            "stays, and the same command goes on from there"
        ) from None
    except RuntimeError as error:
        said = str(error)
        if isinstance(error, torch.OutOfMemoryError) or any(sign in said for sign in _NO_MEMORY):
            raise SettingsError(
                f"the memory doesn't suffice for batches of {settings.batch} crops of {settings.crop}x{settings.crop}; "
                "lower --batch (and raise --accumulate by as much), --crop or --width"
            ) from None
        if said.startswith("DataLoader worker"):
            raise SettingsError(
                f"a process that reads pictures ended ({said.splitlines()[0].rstrip('. ')}), often for lack of "
                "(shared) memory; lower --workers; with 0, the training reads by itself"
            ) from None
        raise
