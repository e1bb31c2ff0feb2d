"""What a training on a graphics card needs, tried without one: devices, its share, calls of minutes."""

from __future__ import annotations

import shlex
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest
import torch
from shows import EPISODES, write_pictures
from typer.testing import CliRunner

from benchmarks import training as benchmark
from cartoon_color import cli, variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.training.optimization import make_optimizer
from cartoon_color.variants import VARIANTS
from pipelines import train_all

PLACES = {"out": "runs", "manifest": "manifest.toml", "dataset": "dataset"}
TRAINED = [
    "compact",
    *("plain", "plain-no-rebalance", "plain-dropout", "plain-l2", "residual", "residual-no-rebalance"),
    "reference-cnn",
]


@pytest.mark.parametrize("name", VARIANTS)
def test_an_update_stays_on_its_device(name: str) -> None:
    # The device "meta" computes shapes only, and refuses tensors that lie on another one.
    meta = torch.device("meta")
    model = variants.build(name, NetworkSettings(width=0.05)).to(meta).train()
    optimizer = make_optimizer(model, VARIANTS[name].recipe)
    lightness, ab = torch.rand(2, 1, 64, 64), torch.rand(2, 2, 16, 16)
    seen = lightness.to(meta, memory_format=torch.channels_last)
    assert seen.stride() == (64 * 64, 1, 64, 1)
    references = torch.rand(2, 1, 4, 64, 64).to(meta) if model.variant.references else None
    loss = model.loss(model(seen, references), ab.to(meta))
    assert loss.device == meta
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with pytest.raises(RuntimeError, match="device"):
        model.loss(model(lightness), ab)


def test_arithmetic_and_hours_by_hand() -> None:
    # 40 billion operations forwards at 256x256 are 10 at 128x128, and 30 with the way back; 200 images a second: 6e12.
    assert benchmark.tflops(40, 128, 200) == pytest.approx(6)
    # 30 epochs of 42,715 pictures are 1,281,450; at 100 a second 12,814.5 s.
    assert benchmark.hours(100) == pytest.approx(12_814.5 / 3600)
    # What 4 processes read ahead, 8 batches, is used up by 4 updates of 2.
    assert benchmark.warm(TrainingSettings(workers=4, accumulate=2)) == 3 + 4


def test_speed_counts_pictures_and_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def slow():
        nonlocal now
        for batch in repeat((torch.rand(2, 1, 16, 16) * 100, torch.zeros(2, 2, 4, 4))):
            now += 0.25  # read
            yield batch

    settings = TrainingSettings(batch=2, accumulate=2, workers=0)
    trainer = benchmark.Trainer("plain-l2", 0.02, settings, torch.device("cpu"))
    before = [parameter.clone() for parameter in trainer.model.parameters()]
    step = trainer.optimizer.step

    def train() -> None:
        nonlocal now
        now += 1.5
        step()

    monkeypatch.setattr(trainer.optimizer, "step", train)
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: now)
    speed = trainer.time(slow(), updates=5)
    # An update reads 4 pictures in 0.5 s and computes for 1.5 s.
    assert speed.images == pytest.approx(2)
    assert speed.waited == pytest.approx(25)
    assert any(not torch.equal(old, new) for old, new in zip(before, trainer.model.parameters(), strict=True))


def test_reading_gives_the_batches_of_all_updates(tmp_path: Path) -> None:
    pictures = sorted(write_pictures(tmp_path).glob("frames/first/*.png"))
    settings = TrainingSettings(batch=3, accumulate=2, crop=32, workers=0)
    batches = list(benchmark.reading(pictures, settings, torch.device("cpu"), 4))
    assert [tuple(lightness.shape) for lightness, _ in batches] == [(3, 1, 32, 32)] * 8


def run_here(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
    """What the interpreter that the script starts would do, in this one."""
    assert command[:2] == [sys.executable, "-c"]
    done = CliRunner().invoke(cli.app, command[3:])
    if done.exit_code:
        raise subprocess.CalledProcessError(done.exit_code, command)
    return subprocess.CompletedProcess(command, 0, done.stdout)


class FakeTrainings:
    """Trainings of known lengths in minutes, on a clock of their own; each call takes half a minute to start."""

    def __init__(self, out: Path, needed: dict[str, float]) -> None:
        self.out, self.needed, self.seconds = out, needed, 0.0
        self.calls: list[tuple[str, float]] = []

    def __call__(self, variant: str, minutes: float) -> bool:
        self.calls.append((variant, round(minutes, 3)))
        if variant not in self.needed:
            raise subprocess.CalledProcessError(1, "train")
        done = min(minutes, self.needed[variant])
        self.seconds += 30 + 60 * done
        self.needed[variant] -= done
        folder = self.out / variant
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{variant}.csv").write_text(f"update,epoch,seconds\n7,2,{60 * done}\n")
        if self.needed[variant] > 0:
            return False
        (folder / f"{variant}.safetensors").touch()
        return True

    def go_on(self, names: list[str]) -> list[str]:
        return train_all.go_on(names, self.out, 10, self, lambda: self.seconds)


def test_variants_are_trained_in_order_until_the_time_is_over(tmp_path: Path) -> None:
    names = ["first", "second", "third"]
    fake = FakeTrainings(tmp_path, {"first": 4, "second": 8, "third": 1})
    assert fake.go_on(names) == []
    # 10 minutes less 1 to spare; then 10 - 4.5 - 1, which ends at 9.5 minutes, too late for the third.
    assert fake.calls == [("first", 9), ("second", 4.5)]
    assert train_all.report(names, tmp_path).splitlines() == [
        "first                    finished",
        "second                   in epoch 2, after update 7 and 270 s",
        "third                    not begun",
        "2 of 3 are left; the same command goes on.",
    ]
    fake.calls.clear()
    assert fake.go_on(names) == []
    assert fake.calls == [("second", 9), ("third", 5)]  # the first is not called again
    assert train_all.report(names, tmp_path).splitlines()[-1] == "All 3 are finished."
    assert sorted(path.name for path in tmp_path.glob("*.done")) == [f"{name}.done" for name in names]
    (tmp_path / "third" / "third.safetensors").unlink()
    assert not train_all.is_finished(tmp_path, "third")


def test_a_failed_training_does_not_hold_up_the_others(tmp_path: Path) -> None:
    fake = FakeTrainings(tmp_path, {"good": 1})
    assert fake.go_on(["bad", "good"]) == ["bad"]
    assert [name for name, _ in fake.calls] == ["bad", "good"]
    assert train_all.is_finished(tmp_path, "good")
    assert not train_all.is_finished(tmp_path, "bad")


def test_what_is_trained() -> None:
    assert train_all.choose(None, None) == TRAINED
    assert train_all.choose(None, "vgg16.pth") == [*TRAINED, "frozen-vgg"]
    assert train_all.choose(["plain-l2"], None) == ["plain-l2"]


def test_the_script_stops_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pictures(tmp_path / "dataset")
    tables = [
        f'[[episodes]]\nname = "{episode.name}"\npath = "{episode.name}.mkv"\nrole = "{episode.role}"\n'
        f'source = "{episode.source}"\nlicense = "MIT"\n'
        for episode in EPISODES
    ]
    (tmp_path / "manifest.toml").write_text('name = "drawn"\n[credits]\n' + "".join(tables))
    monkeypatch.setattr(train_all.subprocess, "run", run_here)
    words = shlex.split("--variant plain-l2 --width 0.02 --epochs 2 --batch 4 --accumulate 1 --crop 32 --workers 0")

    def call(minutes: float, *more: str) -> str:
        places = [f"--{name}={tmp_path / place}" for name, place in PLACES.items()]
        monkeypatch.setattr(sys, "argv", ["train_all.py", f"--minutes={minutes}", *places, *words, *more])
        train_all.main()
        return capsys.readouterr().out.splitlines()[-1]

    assert call(0) == "1 of 1 are left; the same command goes on."
    assert call(10) == "All 1 are finished."
    (tmp_path / "runs" / "plain-l2.done").unlink()
    with pytest.raises(SystemExit, match=r"These failed, for the reasons told above: plain-l2\."):
        call(10, "--crop=48")  # another training than the one in the folder
