"""Which pictures make up an epoch, and trainings that stop by the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from shows import MANIFEST, TRAINING_ONLY, write_pictures
from typer.testing import CliRunner

from cartoon_color import checkpoint, cli
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.dataset.extracted import list_pictures
from cartoon_color.dataset.loader import TrainingPictures
from cartoon_color.dataset.prior import color_prior
from cartoon_color.errors import SettingsError
from cartoon_color.training import Progress, train
from cartoon_color.training.order import EpochBatches, epoch_order, shares

SETTINGS = TrainingSettings(epochs=2, batch=2, crop=32, average=0.5, workers=0, balance=0.5)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictures(tmp_path)


def test_shares_unit() -> None:
    assert shares([900, 100], 1) == [900, 100]
    assert shares([900, 100], 0.5) == [750, 250]  # 30 to 10
    assert shares([900, 100], 0) == [500, 500]
    assert shares([1, 4, 9], 0.5) == [2, 5, 7]  # of 14: 2 1/3, 4 2/3, 7
    assert shares([5, 5, 1], 0) == [4, 4, 3]  # of 11: 3 2/3 each
    assert shares([7], 0.3) == [7]


def test_as_they_come() -> None:
    """The order that trainings had before films could be balanced."""
    before = torch.randperm(50, generator=torch.Generator().manual_seed(7 * 1_000_003 + 3)).tolist()
    assert epoch_order([13, 36, 1], 1, 7, 3) == before


def test_balanced_order() -> None:
    counts = [90, 10]
    order = epoch_order(counts, 0, 0, 1)
    assert len(order) == len(set(order)) == 100
    assert order == epoch_order(counts, 0, 0, 1)
    assert order != epoch_order(counts, 0, 0, 2)
    assert order != epoch_order(counts, 0, 1, 1)
    seen = Counter(item % 100 for item in order)
    assert max(seen[picture] for picture in range(90)) == 1
    assert sum(seen[picture] for picture in range(90)) == 50
    assert [seen[picture] for picture in range(90, 100)] == [5] * 10
    early = [item % 100 >= 90 for item in order[:50]]
    assert 10 < sum(early) < 40  # mixed
    later = {item % 100 for item in epoch_order(counts, 0, 0, 2)}
    assert set(range(90)) - set(seen) & later  # another half of the long film


def test_processes_share_the_order() -> None:
    order = epoch_order([30, 6], 0.5, 0, 1)
    whole = list(EpochBatches(order, 8, 1, 0, 1))
    parts = [list(EpochBatches(order, 4, 1, rank, 2)) for rank in range(2)]
    assert [one + other for one, other in zip(*parts, strict=True)] == whole
    assert [item for batch in whole for item in batch] == order[8:32]


def test_a_repeated_picture_is_another_view(dataset: Path) -> None:
    pictures = list_pictures(dataset, ["first"])
    views = TrainingPictures(pictures, 32, 0)
    (one, color_of_one), (other, _) = views[2], views[2 + len(pictures)]
    assert not torch.equal(one, other)
    assert torch.equal(views[2][1], color_of_one)


def test_balance_is_part_of_the_training(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    getitem = TrainingPictures.__getitem__
    monkeypatch.setattr(TrainingPictures, "__getitem__", lambda self, item: seen.append(item) or getitem(self, item))
    network = NetworkSettings(width=0.06)
    settings = replace(SETTINGS, balance=0)
    shows = [(MANIFEST, dataset)]
    path = train(shows, "plain", tmp_path / "out", network=network, settings=settings, device="cpu")
    films = [sum(item % 8 < 5 for item in epoch) for epoch in (seen[-16:-8], seen[-8:])]
    assert films == [4, 4]  # of 8, from the film of 5 and that of 3
    pictures = list_pictures(dataset, ["first", "second"])
    shown = [pictures[item] for item in sorted(item % 8 for item in epoch_order([5, 3], 0, 0, 1))]
    stored = checkpoint.load(path).model.prior
    assert stored is not None
    np.testing.assert_array_equal(stored.numpy(), color_prior(shown))
    with pytest.raises(SettingsError, match=r"holds another training \(balance was 0 and is 0\.5\)"):
        train(shows, "plain", tmp_path / "out", network=network, settings=SETTINGS, device="cpu")
    with pytest.raises(SettingsError, match="balance must lie between 0 and 1, not 2"):
        replace(SETTINGS, balance=2)


def test_stopped_by_the_clock_it_ends_alike(dataset: Path, tmp_path: Path) -> None:
    def go(out: str, minutes: float | None = None) -> list[int]:
        told: list[Progress] = []
        train(
            [(TRAINING_ONLY, dataset)],
            "plain-dropout",
            tmp_path / out,
            network=NetworkSettings(width=0.06),
            settings=SETTINGS,
            device="cpu",
            minutes=minutes,
            progress=told.append,
        )
        return [now.update for now in told]

    assert go("whole", 60) == list(range(1, 9))
    assert [go("parts", 0) for _ in range(9)] == [*([update] for update in range(1, 9)), []]
    one, other = (checkpoint.load(tmp_path / out / "plain-dropout.safetensors").sha256 for out in ("whole", "parts"))
    assert one == other


def test_the_command_says_that_it_goes_on(dataset: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "drawn.toml"
    table = '[[episodes]]\nname = "{0.name}"\nrole = "train"\nsource = ""\nlicense = "CC0"\n'
    manifest.write_text('name = "drawn"\n' + "".join(map(table.format, TRAINING_ONLY.episodes)))
    words = ["train", "--manifest", str(manifest), "--dataset", str(dataset), "--out", str(tmp_path / "out")]
    words += ["--width", "0.06", "--batch", "4", "--crop", "32", "--epochs", "1", "--workers", "0", "--device", "cpu"]
    done = CliRunner().invoke(cli.app, [*words, "--minutes", "0", "--balance", "0.5"])
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "Stopped after update 1 of 2; the same command goes on.\n"
    done = CliRunner().invoke(cli.app, [*words, "--minutes", "0", "--balance", "0.5"])
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'out' / 'compact.safetensors'}\n")
