"""How the process of a command keeps memory, and ends."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import numpy as np
from cartoon_color.cli.process import prepare

if sys.argv[1] == "prepared":
    prepare()
for _ in range(20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(4 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
EXIT = """
from cartoon_color.cli.process import prepare

prepare()
class Ring:
    def __init__(self):
        self.own = self
    def __del__(self):
        print("collected")
ring = Ring()
del ring
"""


def run(program: str, *words: str) -> str:
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep memory in their own ways")
def test_freed_memory_is_used_again() -> None:
    plain, prepared = (int(run(FAULTS, how)) for how in ("plain", "prepared"))
    assert plain >= 16  # pages of 2 MB at the most
    assert prepared < plain / 4


def test_nothing_is_looked_through_at_the_end() -> None:
    assert run(EXIT) == ""
    assert run(EXIT.replace("prepare()\n", "")) == "collected"
