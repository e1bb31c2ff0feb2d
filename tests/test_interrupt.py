"""Runs that end before their time: a signal, a kill, no room. Nothing is left, and a second run works."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import films
import pytest

from cartoon_color.video import probe

LIMIT = 120
"""Seconds after which a run is given up."""
PROGRAM = "from cartoon_color.cli import main; main()"
HALTING = (
    """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whatever the tests were started with

from cartoon_color.video import Writer
write = Writer.write

def halt(self, frame, u, v):
    write(self, frame, u, v)
    if frame.index == 5:
        print("halfway", flush=True)
        time.sleep(100)

Writer.write = halt
"""
    + PROGRAM
)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and weights."""
    import torch

    from cartoon_color import checkpoint, variants
    from cartoon_color.config import NetworkSettings

    folder = tmp_path_factory.mktemp("stock")
    films.plain(folder / "film.mkv", 24)
    torch.manual_seed(0)
    checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=64)), folder / "w.safetensors", {})
    return folder


def command(program: str, stock: Path, target: Path) -> list[str]:
    words = [str(stock / "film.mkv"), "-o", str(target), "--weights", str(stock / "w.safetensors"), "--codec", "ffv1"]
    return [sys.executable, "-c", program, "render", *words]


@contextmanager
def halfway(stock: Path, target: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has written six frames and waits."""
    with subprocess.Popen(
        command(HALTING, stock, target),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "halfway\n"
            assert [path.name for path in target.parent.iterdir()] == [f"{target.name}.part"]
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_leaves_nothing(stock: Path, tmp_path: Path, name: str) -> None:
    with halfway(stock, tmp_path / "copy.mkv") as process:
        # The second one comes while the first is being heeded, as when a key is held down.
        for _ in range(2):
            process.send_signal(getattr(signal, name))
        out, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert (out, err) == ("", "Interrupted; nothing unfinished was left behind.\n")
    assert not list(tmp_path.iterdir())


def test_after_a_kill_a_second_run_works(stock: Path, tmp_path: Path) -> None:
    from cartoon_color.config import EncoderSettings
    from cartoon_color.painter import Painter
    from cartoon_color.render import render

    target = tmp_path / "copy.mkv"
    with halfway(stock, target) as process:
        process.kill()
        process.wait(timeout=LIMIT)
    assert [path.name for path in tmp_path.iterdir()] == ["copy.mkv.part"]
    render(stock / "film.mkv", target, Painter([stock / "w.safetensors"], device="cpu"), EncoderSettings())
    assert list(tmp_path.iterdir()) == [target]
    assert probe(target).frames == 24


def test_no_room_is_told_in_a_sentence(stock: Path, tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = subprocess.run(
        # Numba couldn't keep what it compiles, either, and would compile everything once more.
        [*command(PROGRAM, stock, tmp_path / "copy.mkv"), "--smooth", "none"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path}/copy.mkv can't be written (file too large): the file gets larger")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
