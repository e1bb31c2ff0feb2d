"""How the process waits, keeps memory and ends: what torch, glibc and Python do unasked takes a fifth of the time."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import sys
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Of mallopt(3)."""
_KEPT = 1 << 30
"""Bytes: more than a batch through a network takes."""


def prepare() -> None:
    """Set up this process for work on pictures; to be called before torch is loaded, and before there are threads."""
    # With the default of spinning, a single busy process beside makes torch ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Looking through all of torch's objects once more at the end takes half a second.
    atexit.register(gc.freeze)
    if sys.platform == "linux":
        _keep_memory()


def _keep_memory() -> None:
    """Let glibc use freed memory again, for all threads, in the place of giving it back to the system after each
    picture, which then has to clear it for the next."""
    with suppress(AttributeError):  # other libraries have no such settings
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _KEPT)
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_ARENA_MAX, 1)
