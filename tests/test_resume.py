"""Trainings that are killed, given again, changed, or shared between processes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from shows import TRAINING_ONLY, write_pictures
from torch import Tensor
from typer.testing import CliRunner

from cartoon_color import checkpoint, cli, variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.errors import SettingsError
from cartoon_color.training import Progress, curves, loop, train
from cartoon_color.training.state import load_state, save_state

LIMIT = 120
"""Seconds after which a run is given up."""
SETTINGS = TrainingSettings(
    epochs=2, batch=2, accumulate=2, crop=32, learning_rate=1e-3, average=0.5, workers=0
)  # two updates an epoch
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
PROGRAM = "from cartoon_color.cli import main\nmain()\n"
HALTING = (
    """
import os
import time
from cartoon_color.training import loop

loop.SAVE_SECONDS = 0
step = loop._Run._step

def halt(self, batches):
    if self.update == 3:
        print(os.getpid(), flush=True)
        time.sleep(100)
    return step(self, batches)

loop._Run._step = halt
"""
    + PROGRAM
)


class KilledError(Exception):
    pass


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictures(tmp_path)


def run(
    dataset: Path, out: Path, variant: str, told: Callable[[Progress], None] | None = None, **changes: float
) -> Path:
    return train(
        [(TRAINING_ONLY, dataset)],
        variant,
        out,
        network=NetworkSettings(width=0.06),
        settings=replace(SETTINGS, **changes),
        device="cpu",
        progress=told,
    )


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Tensor]]:
    """All tensors of each result, in full precision, as they are handed to be written."""
    seen: list[dict[str, Tensor]] = []
    save = checkpoint.save

    def spy(model: variants.Model, *args: object, **kwargs: object) -> None:
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        save(model, *args, **kwargs)

    monkeypatch.setattr(checkpoint, "save", spy)
    return seen


def rows(path: Path) -> list[list[str]]:
    """Of a table of curves, without the times."""
    with path.open(newline="") as file:
        return [row[:-1] for row in csv.reader(file)]


@pytest.mark.parametrize(("variant", "seconds"), [("compact", 0), ("plain-dropout", 0), ("plain-dropout", 1000)])
def test_a_killed_training_goes_on_exactly(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    results: list[dict[str, Tensor]],
    variant: str,
    seconds: int,
) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", seconds)

    def kill(now: Progress) -> None:
        if now.update == 3:  # in the middle of the second of two epochs
            raise KilledError

    run(dataset, tmp_path / "whole", variant)
    with pytest.raises(KilledError):
        run(dataset, tmp_path / "killed", variant, kill)
    table = tmp_path / "killed" / f"{variant}.csv"
    with table.open("a") as file:
        file.write("1")  # of a row that begins with 12
    torch.rand(5)
    told: list[Progress] = []
    run(dataset, tmp_path / "killed", variant, told.append)
    assert [now.update for now in told] == ([3, 4] if seconds else [4])
    first, whole, first_again, again = results
    assert all(torch.equal(first[name], tensor) for name, tensor in first_again.items())
    assert all(torch.equal(whole[name], tensor) for name, tensor in again.items())
    assert not all(torch.equal(first[name], tensor) for name, tensor in whole.items())
    assert rows(table) == rows(tmp_path / "whole" / f"{variant}.csv")
    assert [row[:3] for row in rows(table)] == [
        list(curves.COLUMNS[:3]),
        *(["1", "1", "4"], ["2", "1", "8"], ["3", "2", "12"], ["4", "2", "16"]),
    ]


def command(dataset: Path, out: Path, **options: object) -> list[str]:
    """The words of a training of `plain-dropout` on files."""
    manifest = dataset / "drawn.toml"
    table = '[[episodes]]\nname = "{0.name}"\nrole = "train"\nsource = "{0.source}"\nlicense = "{0.license}"\n'
    manifest.write_text('name = "drawn"\n' + "".join(map(table.format, TRAINING_ONLY.episodes)))
    told = {"variant": "plain-dropout", "width": 0.06, "epochs": 2, "batch": 2, "accumulate": 2, "crop": 32}
    told |= {"workers": 0, "device": "cpu", **options}
    words = ["train", "--manifest", str(manifest), "--dataset", str(dataset), "--out", str(out)]
    return words + [word for name, value in told.items() for word in (f"--{name}", str(value))]


def test_after_a_real_kill(dataset: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", HALTING, *command(dataset, killed)],
        stdout=subprocess.PIPE,
        text=True,
        env=ONE_THREAD,
    ) as process:
        try:
            assert process.stdout is not None
            assert int(process.stdout.readline()) == process.pid  # halfway
        finally:
            process.send_signal(signal.SIGKILL)
    assert {path.suffix for path in killed.iterdir()} >= {".state", ".safetensors", ".csv"}
    for out in (whole, killed):
        done = CliRunner().invoke(cli.app, command(dataset, out))
        assert (done.exit_code, done.stdout) == (0, f"{out / 'plain-dropout.safetensors'}\n")
    expected, result = (checkpoint.load(out / "plain-dropout.safetensors") for out in (whole, killed))
    assert result.sha256 == expected.sha256
    assert rows(killed / "plain-dropout.csv") == rows(whole / "plain-dropout.csv")

    weights = killed / "plain-dropout.safetensors"
    before = weights.stat().st_mtime_ns
    again = CliRunner().invoke(cli.app, command(dataset, killed))
    assert (again.exit_code, again.stdout) == (0, f"{weights}\n")
    assert again.stderr.startswith("Nothing to do: this training is finished; to train anew, delete ")
    assert weights.stat().st_mtime_ns == before


def together(folder: Path, content: str, *words: str) -> list[str]:
    """The words that run a program in two processes."""
    program = folder / "program.py"
    program.write_text(content)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(program)]
    return [*launcher, *words]


@pytest.mark.long
def test_two_processes_are_as_one_that_accumulates(dataset: Path, tmp_path: Path) -> None:
    """Even if they are killed halfway; bit for bit, but for the statistics of batch normalization: halves of gradients
    are exact."""
    words = command(dataset, tmp_path / "two", variant="plain", accumulate=1)
    with subprocess.Popen(
        together(tmp_path, HALTING, *words), stdout=subprocess.PIPE, text=True, env=ONE_THREAD
    ) as launcher:
        assert launcher.stdout is not None
        halted = [int(launcher.stdout.readline()) for _ in range(2)]
        for process in (launcher.pid, *halted):
            os.kill(process, signal.SIGKILL)
    assert len(rows(tmp_path / "two" / "plain.csv")) in (3, 4)  # the last update may not have been written yet
    done = subprocess.run(
        together(tmp_path, PROGRAM, *words), capture_output=True, text=True, timeout=LIMIT, env=ONE_THREAD
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'two' / 'plain.safetensors'}\n"
    alone = CliRunner().invoke(cli.app, command(dataset, tmp_path / "one", variant="plain", accumulate=2))
    assert alone.exit_code == 0, alone.output
    one, two = (checkpoint.load(tmp_path / name / "plain.safetensors").model.state_dict() for name in ("one", "two"))
    differing = {name.rsplit(".", 1)[1] for name in one if not torch.equal(one[name], two[name])}
    assert differing == {"running_mean", "running_var", "num_batches_tracked"}
    assert rows(tmp_path / "one" / "plain.csv") == rows(tmp_path / "two" / "plain.csv")


def test_another_training_is_not_mixed_in(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path, "compact")
    with pytest.raises(SettingsError, match=r"holds another training \(crop was 32 and is 48; seed was 0 and is 3\)"):
        run(dataset, tmp_path, "compact", crop=48, seed=3)
    (tmp_path / "plain.state").write_bytes((tmp_path / "compact.state").read_bytes())
    with pytest.raises(SettingsError, match=r"holds another training \(variant was 'compact' and is 'plain'\)"):
        run(dataset, tmp_path, "plain")
    (tmp_path / "compact.safetensors").unlink()
    with pytest.raises(SettingsError, match=r"is finished, but compact\.safetensors is gone; delete compact\.state"):
        run(dataset, tmp_path, "compact")
    (tmp_path / "compact.state").write_bytes(b"no state")
    with pytest.raises(SettingsError, match=r"compact\.state can't be read .* delete it"):
        run(dataset, tmp_path, "compact")


def test_a_setting_that_came_later_does_not_count(tmp_path: Path) -> None:
    save_state(tmp_path / "state", {"identity": {"seed": 1}, "update": 3})
    state = load_state(tmp_path / "state", {"seed": 1, "new": "x"})
    assert state is not None
    assert state["update"] == 3


def test_a_state_runs_no_code(tmp_path: Path) -> None:
    torch.save({"identity": {}, "trap": Path("/")}, tmp_path / "state")
    with pytest.raises(SettingsError, match="can't be read"):
        load_state(tmp_path / "state", {})
