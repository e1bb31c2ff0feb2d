"""Files and folders that may not be looked at: one sentence, exit code 1, nothing left."""

from __future__ import annotations

import ctypes
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import films
import pytest

from cartoon_color import cli

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="root gives up its rights by a call of Linux")

_OVERRIDE = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH of capabilities(7): by them the rights of files mean nothing to root."""


def _like_everybody(function: Callable[[], None]) -> None:
    """Call `function` in a thread of its own for which the rights of files count, even if it is root's."""
    caught: list[BaseException] = []

    def called() -> None:
        libc = ctypes.CDLL(None)
        head = (ctypes.c_uint32 * 2)(0x20080522, 0)
        sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then their upper halves
        try:
            assert libc.capget(head, sets) == 0
            for index in (0, 1):
                sets[index] &= ~_OVERRIDE
            assert libc.capset(head, sets) == 0
            function()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=called)
    thread.start()
    thread.join()
    for error in caught:
        raise error


@pytest.fixture
def locked(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder without rights in the working folder, with a film and weights, which are beside it, too."""
    folder = tmp_path / "locked"
    folder.mkdir()
    for place in (tmp_path, folder):
        films.plain(place / "film.mkv", 3)
        (place / "w.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.chdir(tmp_path)
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)
    assert sorted(path.name for path in folder.iterdir()) == ["film.mkv", "w.safetensors"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("render locked/film.mkv", "locked/film.mkv can't be read: permission denied; "),
        ("render film.mkv -o locked/x.mkv", "locked/x.mkv can't be reached (Permission denied)"),
        ("render film.mkv -o locked/", "locked/film.color.mkv can't be written: no rights to write in locked; "),
        ("render film.mkv -o locked/new/", "the folder locked/new can't be made (Permission denied); "),
        ("render film.mkv -o locked/new/x.mkv", "locked/new/x.mkv can't be reached (Permission denied)"),
        ("render film.mkv --weights locked/w.safetensors", "locked/w.safetensors can't be reached (Permission denied)"),
        ("render film.mkv --palette locked/p.toml", "locked/p.toml can't be read (Permission denied)"),
        ("render film.mkv --memory locked/m.safetensors", "locked/m.safetensors can't be reached (Permission denied)"),
        ("render film.mkv --reference locked/r.png", "locked/r.png"),
        ("extract locked/film.mkv --out new", "locked/film.mkv can't be reached (Permission denied)"),
        ("extract film.mkv --out locked/new", "locked/new"),
        (
            "evaluate --truth locked/film.mkv film.mkv",
            "locked/film.mkv.truth.json can't be reached (Permission denied)",
        ),
        ("compare locked/film.mkv --out new.png", "locked/film.mkv can't be read: permission denied; "),
    ],
)
def test_what_may_not_be_looked_at(
    locked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    sentence: str,
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # signals belong to pytest
    rest = "" if "--weights" in line or not line.startswith("render") else " --weights w.safetensors"
    monkeypatch.setattr(sys, "argv", ["cartoon-color", *shlex.split(line + rest)])
    with pytest.raises(SystemExit) as end:
        _like_everybody(cli.main)
    out, err = capsys.readouterr()
    assert (end.value.code, out, err.count("\n")) == (1, "", 1), err
    assert err.startswith("Error: ")
    assert sentence in err
    assert sorted(map(str, Path().iterdir())) == ["film.mkv", "locked", "w.safetensors"]
