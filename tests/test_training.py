"""From pictures on disk to weights: a tiny training."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from shows import EPISODES, MANIFEST, TRAINING_ONLY, drawing, write_pictures
from torch.utils.data import DataLoader

from cartoon_color import __version__, checkpoint, metrics, training, variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.dataset.extracted import list_pictures
from cartoon_color.dataset.loader import PlainPictures, TrainingPictures
from cartoon_color.dataset.manifest import Episode, Manifest
from cartoon_color.dataset.prior import color_prior
from cartoon_color.errors import InputError, OutputError, SettingsError, WeightsError
from cartoon_color.training import Progress, loop, train
from cartoon_color.training.failures import explained
from cartoon_color.training.optimization import follow, learning_rate

NETWORK = NetworkSettings(width=0.25)
SETTINGS = TrainingSettings(epochs=2, batch=4, crop=32, learning_rate=1e-2, average=0.5, workers=0)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictures(tmp_path)


def trained(dataset: Path, out: Path, told: Callable[[Progress], None] | None = None, **changes: float) -> Path:
    settings = replace(SETTINGS, **changes)
    return train([(MANIFEST, dataset)], "compact", out, network=NETWORK, settings=settings, device="cpu", progress=told)


def test_training_learns_and_tells_its_story(dataset: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    path = trained(dataset, tmp_path / "runs", told.append, epochs=3)
    assert path == tmp_path / "runs" / "compact.safetensors"
    assert {entry.suffix for entry in path.parent.iterdir()} >= {".safetensors", ".csv", ".state"}

    assert [(now.epoch, now.update) for now in told] == [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6)]
    assert {now.updates for now in told} == {6}
    assert [now.validation is None for now in told] == [True, False, False, False, False, False]

    loaded = checkpoint.load(path)
    assert loaded.model.settings == NETWORK
    story = dict(loaded.training)
    assert story.pop("minutes") >= 0
    best = story.pop("epochs_done")
    assert story.pop("loss") == round(told[2 * best - 1].loss, 4)
    assert told[2 * best - 1].validation == max(now.validation for now in told[1:])
    measured = story.pop("validation_chroma_psnr")
    assert story == {
        "version": __version__,
        "shows": ["drawn"],
        "episodes": [
            [
                {"name": "first", "license": "CC0", "source": "drawn here"},
                {"name": "second", "license": "MIT", "source": "drawn there"},
            ]
        ],
        "pictures": 8,
        "settings": asdict(replace(SETTINGS, epochs=3)),
        "processes": 1,
        "from": None,
        "frozen": None,
    }
    again = training.validate(loaded.model, list_pictures(dataset, ["third"]), torch.device("cpu"))
    assert measured == pytest.approx(again, abs=0.05)  # half precision on the way


def test_training_lowers_the_loss(dataset: Path, tmp_path: Path) -> None:
    def loss(model: variants.Model) -> float:
        lightness, ab = next(iter(DataLoader(PlainPictures(list_pictures(dataset, ["first", "third"])), 7)))
        with torch.inference_mode():
            return float(model.loss(model(lightness), ab))

    torch.manual_seed(SETTINGS.seed)
    before = loss(variants.build("compact", NETWORK).eval())
    told: list[Progress] = []
    after = loss(checkpoint.load(trained(dataset, tmp_path, told.append, epochs=6)).model)
    assert after < 0.8 * before
    assert told[-1].loss < told[0].loss


def test_same_seed_same_weights(dataset: Path, tmp_path: Path) -> None:
    def digest(name: str, **changes: float) -> str:
        torch.rand(7)  # whatever random numbers were drawn before
        return checkpoint.load(trained(dataset, tmp_path / name, **changes)).sha256

    first = digest("one")
    assert digest("two") == first
    assert digest("three", seed=1) != first


def test_training_shows_the_views_of_each_epoch(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    getitem = TrainingPictures.__getitem__
    monkeypatch.setattr(
        TrainingPictures, "__getitem__", lambda self, item: seen.append((self.epoch, item)) or getitem(self, item)
    )
    trained(dataset, tmp_path)
    assert sorted(seen) == [(epoch, item) for epoch in (1, 2) for item in range(8)]
    assert [item for _, item in seen[:8]] != sorted(item for _, item in seen[:8])  # shuffled
    assert [item for _, item in seen[:8]] != [item for _, item in seen[8:]]


def test_training_without_validation(dataset: Path, tmp_path: Path) -> None:
    path = train(
        [(TRAINING_ONLY, dataset), (replace(TRAINING_ONLY, name="again"), dataset)],
        "compact",
        tmp_path,
        network=NETWORK,
        settings=replace(SETTINGS, epochs=1, batch=16, crop=33),
        device="cpu",
    )
    story = checkpoint.load(path).training
    assert story["validation_chroma_psnr"] is None
    assert story["shows"] == ["drawn", "again"]
    assert story["pictures"] == 16


def test_training_exception(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    with pytest.raises(SettingsError, match=r"8 training pictures don't fill one update of 9; .* lower --batch"):
        trained(dataset, out, batch=9)
    with pytest.raises(SettingsError, match="there is no variant 'grand'"):
        train([(MANIFEST, dataset)], "grand", out, network=NETWORK, settings=SETTINGS, device="cpu")
    missing = Manifest("drawn", None, (*EPISODES, Episode("fifth", None, "train", "a DVD"), Episode("sixth", None)))
    with pytest.raises(
        InputError, match=r"fifth in \S+ \(from: a DVD\); sixth in \S+; extract them first: cartoon-color"
    ):
        train([(missing, dataset)], "compact", out, network=NETWORK, settings=SETTINGS, device="cpu")
    nothing = Manifest("drawn", None, EPISODES[2:])
    with pytest.raises(SettingsError, match="no episode of drawn has the role train"):
        train([(nothing, dataset)], "compact", out, network=NETWORK, settings=SETTINGS, device="cpu")
    assert not out.exists()
    out.write_text("a file")
    with pytest.raises(OutputError, match=r"runs can't be made \(File exists\); choose another --out"):
        trained(dataset, out)


def test_a_film_has_one_role_in_all_manifests(dataset: Path, tmp_path: Path) -> None:
    shows = [
        (Manifest("one", None, (replace(EPISODES[0], path=Path("film.mkv")),)), dataset),
        (Manifest("two", None, (replace(EPISODES[2], path=Path("film.mkv")),)), dataset),
    ]
    with pytest.raises(SettingsError, match=r"first and third use the same frames of film\.mkv in two roles"):
        train(shows, "compact", tmp_path, network=NETWORK, settings=SETTINGS, device="cpu")


def test_pictures_have_one_role_in_all_manifests(dataset: Path, tmp_path: Path) -> None:
    """Even if the manifests name no films."""
    other = Manifest("other", None, (replace(EPISODES[0], role="validation"),))
    elsewhere = dataset / ".." / dataset.name  # the same place
    with pytest.raises(SettingsError, match=r"the pictures in \S+/frames/first have the roles train and validation"):
        train(
            [(MANIFEST, dataset), (other, elsewhere)],
            "compact",
            tmp_path / "out",
            network=NETWORK,
            settings=SETTINGS,
            device="cpu",
        )


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_picture_is_told_in_a_sentence(dataset: Path, tmp_path: Path, workers: int) -> None:
    broken = dataset / "frames" / "first" / "000002.png"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(InputError) as caught:
        trained(dataset, tmp_path / "runs", workers=workers)
    assert str(caught.value).startswith(f"{broken} can't be read as a picture; delete its episode's index")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("views", ["film", "thesis"])
def test_validate_pictures_of_two_sizes(dataset: Path, views: str) -> None:
    chosen = list_pictures(dataset, ["first"])[:2]
    cv2.imwrite(str(chosen[1]), drawing(4, 66)[..., ::-1])
    model = variants.build("compact", NETWORK).eval()
    errors = []
    for lightness, ab in PlainPictures(chosen, views):
        with torch.inference_mode():
            errors.append(float((model.colorize(lightness[None]).ab[0].double() - ab).square().mean()))
    reached = training.validate(model, chosen, torch.device("cpu"), views)
    assert reached == pytest.approx(metrics.chroma_psnr(sum(errors) / 2), abs=1e-3)


@pytest.mark.parametrize(("keep", "epoch"), [("best", 2), ("last", 3)])
def test_which_weights_are_kept(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: str, epoch: int
) -> None:
    reached = iter([20.0, 30.0, 25.0])
    monkeypatch.setattr(loop, "validate", lambda *_: next(reached))
    story = checkpoint.load(trained(dataset, tmp_path / "runs", epochs=3, keep=keep)).training
    assert story["epochs_done"] == epoch
    assert story["validation_chroma_psnr"] == [20, 30, 25][epoch - 1]


def test_starting_from_weights(dataset: Path, tmp_path: Path) -> None:
    def go_on(start: Path, out: str, variant: str = "compact", rate: float = 1e-9, **changes: float) -> Path:
        settings = replace(SETTINGS, epochs=1, average=0, learning_rate=rate, weight_decay=0)
        network = replace(NETWORK, **changes)
        shows = [(TRAINING_ONLY, dataset)]
        return train(shows, variant, tmp_path / out, network=network, settings=settings, start=start, device="cpu")

    start = trained(dataset, tmp_path / "first")
    result = checkpoint.load(go_on(start, "second"))
    kept = dict(checkpoint.load(start).model.named_parameters())
    for name, parameter in result.model.named_parameters():
        torch.testing.assert_close(parameter, kept[name], atol=1e-6, rtol=2e-3)  # at that rate, it is where it started
    assert result.training["from"] == checkpoint.load(start).sha256
    with pytest.raises(WeightsError, match=r"variant compact with width 0\.25, the training of plain with width 0\.25"):
        go_on(start, "third", variant="plain")
    with pytest.raises(WeightsError, match=r"with width 0\.5; give --variant compact --width 0\.25"):
        go_on(start, "third", width=0.5)
    with pytest.raises(SettingsError, match=r"from was '\w+' and is '\w+'"):
        go_on(trained(dataset, tmp_path / "other", seed=1), "second")


def test_the_prior_is_measured_and_stored(dataset: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1, learning_rate=1e-3)
    network = NetworkSettings(width=0.06)
    path = train([(MANIFEST, dataset)], "plain", tmp_path / "runs", network=network, settings=settings, device="cpu")
    stored = checkpoint.load(path).model.prior
    assert stored is not None
    np.testing.assert_array_equal(stored.numpy(), color_prior(list_pictures(dataset, ["first", "second"])))


def test_a_failed_training_is_told(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"the loss of update 2 is (nan|inf), .* lower --learning-rate"):
        trained(dataset, tmp_path, learning_rate=1e30)


def test_rate_warms_up_and_sinks() -> None:
    settings = TrainingSettings(learning_rate=2)
    rates = np.array([learning_rate(settings, update, 1000) for update in range(1000)]) / 2
    np.testing.assert_allclose(rates[:30], np.arange(1, 31) / 30)
    assert rates.max() == 1
    assert (np.diff(rates[30:]) < 0).all()
    assert rates[515] == pytest.approx(0.505, abs=1e-3)  # half of the way down
    assert rates[-1] == pytest.approx(0.01, abs=1e-4)
    assert [learning_rate(settings, update, 1) for update in (0, 1)] == [2, 2]


def test_rate_of_the_thesis() -> None:
    """Section 7.3: 0.001, times 0.3 after 15 of 30 epochs; 890 updates an epoch."""
    recipe = variants.find("plain").recipe
    rates = [learning_rate(recipe, update, 30 * 890) for update in (0, 15 * 890 - 1, 15 * 890, 30 * 890 - 1)]
    assert rates == pytest.approx([1e-3, 1e-3, 3e-4, 3e-4])


def test_average_follows() -> None:
    torch.manual_seed(0)
    one, two = (variants.build("compact", NetworkSettings(width=0.1)) for _ in range(2))
    two.train()(100 * torch.rand(2, 1, 32, 32))
    before = {name: tensor.clone() for name, tensor in one.state_dict().items()}
    follow(one, two, 0.75)
    for name, tensor in one.state_dict().items():
        now = two.state_dict()[name]
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, 0.75 * before[name] + 0.25 * now)
        else:
            assert torch.equal(tensor, now)


def test_validate_unit(dataset: Path) -> None:
    chosen = list_pictures(dataset, ["first"])
    model = variants.build("compact", NETWORK).eval()
    errors = []
    for lightness, ab in PlainPictures(chosen):
        with torch.inference_mode():
            predicted = model.colorize(lightness[None]).ab[0]
        errors.append(np.mean((predicted.numpy().astype(np.float64) - ab.numpy()) ** 2))
    expected = metrics.chroma_psnr(float(np.mean(errors)))
    assert training.validate(model, chosen, torch.device("cpu")) == pytest.approx(expected, abs=1e-3)


def test_out_of_memory_names_what_to_lower(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(variants.Model, "forward", fail)
    with pytest.raises(SettingsError, match=r"batches of 4 crops of 32x32; lower --batch"):
        trained(dataset, tmp_path)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried", "lower --batch"),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling", "lower --batch"),
        ("DataLoader worker (pid 7) is killed by signal: Bus error. ", "signal: Bus error.* lower --workers"),
    ],
)
def test_what_pytorch_says_is_explained(said: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected), explained(SETTINGS):
        raise RuntimeError(said)


def test_a_full_disk_is_told() -> None:
    with pytest.raises(OutputError, match="can't write its files \\(No space left on device\\)"), explained(SETTINGS):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_bug_stays_one() -> None:
    with pytest.raises(RuntimeError, match="memory format"), explained(SETTINGS):
        raise RuntimeError("unsupported memory format")
