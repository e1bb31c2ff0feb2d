"""Lines that the command line doesn't take: exit code 2, and what would be right."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cartoon_color import cli

Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Exit code, stdout and stderr of a line of the shell, without the program's name."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # signals belong to pytest

    def _run(line: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cartoon-color", *shlex.split(line)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), *capsys.readouterr()

    return _run


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("render film.mkv --crf abc", "--crf: must be a valid integer, got 'abc'; see cartoon-color render --help"),
        ("render film.mkv --drop 1 --drop x", "--drop: must be a valid integer, got 'x'; see"),
        (
            "render film.mkv --codec xvid",
            "--codec: 'xvid' is not one of 'x264', 'x265', 'svtav1', 'ffv1', 'prores'; see",
        ),
        ("render film.mkv --device tpu", "--device: 'tpu' is not one of 'auto', 'cpu', 'cuda'; see"),
        ("render film.mkv --ensemble best", "--ensemble: 'best' is not one of 'mean', 'max'; see"),
        ("compare film.mkv --out new.png --rows 0", "--rows: must be greater than or equal to 1, got '0'; see"),
        ("train --manifest a --dataset b --out c --minutes x", "--minutes: must be a valid number, got 'x'; see"),
    ],
)
def test_a_value_that_an_option_can_not_have_is_told_in_one_sentence(run: Run, line: str, sentence: str) -> None:
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {sentence}"), err
    assert err.count("\n") == 1
    assert err.endswith(" --help\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("paint film.mkv", "No such command 'paint'"),
        ("render", "Missing argument 'INPUT...'"),
        ("render film.mkv --best", "No such option: --best"),
        ("palette --manifest show.toml", "Missing option '--out'"),
        ("train --out new", "Missing option '--manifest'"),
        ("compare film.mkv", "Missing option '--out'"),
    ],
)
def test_misuse_is_told_with_the_usage(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(line)
    assert (code, out) == (2, "")
    assert err.startswith("Usage: cartoon-color ")
    assert re.search(rf"\nError: {problem}.*\n\Z", err), err
    assert not list(tmp_path.iterdir())
