"""From pictures on disk to weights: a tiny training, and the views it sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from cartoon_color import __version__, checkpoint, color, metrics, training, variants
from cartoon_color.config import NetworkSettings, TrainingSettings
from cartoon_color.dataset.loader import PlainPictures, TrainingPictures, example, list_pictures, read_picture
from cartoon_color.dataset.manifest import Episode, Manifest
from cartoon_color.dataset.prior import color_prior
from cartoon_color.errors import InputError, SettingsError
from cartoon_color.training import Progress, loop, train
from cartoon_color.training.loop import follow, learning_rate

NETWORK = NetworkSettings(width=0.25)
SETTINGS = TrainingSettings(epochs=2, batch=4, crop=32, learning_rate=1e-2, average=0.5, workers=0)
EPISODES = (
    Episode("first", None, "train", "drawn here", "CC0"),
    Episode("second", None, "train", "drawn there", "MIT"),
    Episode("third", None, "validation", "drawn", "CC0"),
    Episode("fourth", None, "test", "never extracted"),
)
MANIFEST = Manifest("drawn", None, EPISODES)


def drawing(number: int, size: int = 48) -> NDArray[np.uint8]:
    """A red disk on a blue ground, with a line: (size, size, 3) RGB."""
    picture = np.full((size, size, 3), (90, 140, 220), np.uint8)
    cv2.circle(picture, (12 + 3 * number, 20), 9, (210, 60, 40), -1)
    cv2.line(picture, (0, 30 + number), (size, 34), (20, 20, 20), 2)
    return picture


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    numbers = {"first": range(5), "second": range(5, 8), "third": range(2, 4)}
    for episode, contained in numbers.items():
        folder = tmp_path / "frames" / episode
        folder.mkdir(parents=True)
        for number in contained:
            cv2.imwrite(str(folder / f"{number:06}.png"), drawing(number)[..., ::-1])
        index = tmp_path / "index" / f"{episode}.json"
        index.parent.mkdir(exist_ok=True)
        index.write_text("{}")
    return tmp_path


@pytest.fixture
def pictures(dataset: Path) -> list[Path]:
    return list_pictures(dataset, ["first", "second"])


def trained(dataset: Path, out: Path, told: Callable[[Progress], None] | None = None, **changes: float) -> Path:
    settings = replace(SETTINGS, **changes)
    return train([(MANIFEST, dataset)], "compact", out, network=NETWORK, settings=settings, device="cpu", progress=told)


# --- loader ---


def test_list_pictures(dataset: Path) -> None:
    names = [path.name for path in list_pictures(dataset, ["second", "first"])]
    assert names == [f"{number:06}.png" for number in (5, 6, 7, 0, 1, 2, 3, 4)]
    assert list_pictures(dataset, []) == []


def test_list_pictures_exception(dataset: Path) -> None:
    with pytest.raises(InputError, match=r"no pictures of the episode 'fourth' in .*cartoon-color extract"):
        list_pictures(dataset, ["first", "fourth"])
    (dataset / "index" / "first.json").unlink()  # as an extraction leaves it that was killed
    with pytest.raises(InputError, match="no pictures of the episode 'first'"):
        list_pictures(dataset, ["first"])


def test_read_picture(pictures: list[Path], tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_picture(pictures[3]), drawing(3))
    broken = tmp_path / "broken.png"
    broken.write_bytes(pictures[0].read_bytes()[:40])
    with pytest.raises(InputError, match=r"broken\.png can't be read as a picture"):
        read_picture(broken)


def test_example_unit() -> None:
    rgb = drawing(1)
    luma = rgb.astype(np.float32).mean(axis=-1) / 255
    lightness, ab = example(rgb, luma)
    assert lightness.shape == (1, 48, 48)
    assert ab.shape == (2, 12, 12)
    assert lightness.dtype == ab.dtype == torch.float32
    means = color.rgb_to_lab(rgb)[..., 1:].astype(np.float64).reshape(12, 4, 12, 4, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(ab.numpy().transpose(1, 2, 0), means, atol=1e-3)
    np.testing.assert_allclose(lightness[0], color.gray_lightness(luma), atol=1e-5)


@pytest.mark.parametrize("size", [32, 33, 35, 46])
def test_example_fits_the_networks_output(size: int) -> None:
    rgb = drawing(0, size)
    lightness, ab = example(rgb, np.zeros((size, size), np.float32))
    model = variants.build("compact", NETWORK).eval()
    assert model(lightness[None]).shape[2:] == ab.shape[1:]


def test_plain_pictures(pictures: list[Path]) -> None:
    plain = PlainPictures(pictures)
    assert len(plain) == 8
    lightness, ab = plain[2]
    gray = np.rint(drawing(2) @ np.array([0.299, 0.587, 0.114])) / 255
    np.testing.assert_allclose(lightness[0], color.gray_lightness(gray.astype(np.float32)), atol=1e-3)
    torch.testing.assert_close(ab, example(drawing(2), np.zeros((48, 48), np.float32))[1])


def test_thesis_views_unit(pictures: list[Path]) -> None:
    """Section 7.4: a cut at the picture's own scale, mirrored or not, and L* of its own CIELAB."""
    views = TrainingPictures(pictures, 40, seed=0, views="thesis")
    lab = color.rgb_to_lab(drawing(3))
    cuts = [lab[top : top + 40, left : left + 40, 0] for top in range(9) for left in range(9)]
    shown = views[3][0][0].numpy()
    assert any(np.allclose(shown, cut, atol=1e-3) or np.allclose(shown, cut[:, ::-1], atol=1e-3) for cut in cuts)
    plain = PlainPictures(pictures, "thesis")[3][0][0]
    np.testing.assert_allclose(plain, lab[..., 0], atol=1e-3)


def test_views_shape(pictures: list[Path]) -> None:
    views = TrainingPictures(pictures, 40, seed=0)
    assert len(views) == 8
    for epoch in range(4):
        views.epoch = epoch
        for item in range(8):
            lightness, ab = views[item]
            assert lightness.shape == (1, 40, 40)
            assert ab.shape == (2, 10, 10)
            assert lightness.dtype == ab.dtype == torch.float32
            assert 0 <= float(lightness.min()) < float(lightness.max()) <= 100.001


def test_views_are_told_by_seed_epoch_and_item(pictures: list[Path]) -> None:
    def view(seed: int, epoch: int, item: int) -> bytes:
        views = TrainingPictures([pictures[0]] * 3, 32, seed)
        views.epoch = epoch
        views[0]  # what was drawn before doesn't matter
        lightness, ab = views[item]
        return lightness.numpy().tobytes() + ab.numpy().tobytes()

    keys = [(0, 1, 0), (0, 1, 1), (0, 2, 0), (1, 1, 0), (1, 0, 1)]
    seen = [view(*key) for key in keys]
    assert len(set(seen)) == len(keys)
    np.random.default_rng().random()
    torch.rand(3)
    assert [view(*key) for key in keys] == seen


def test_views_through_workers_are_the_same(pictures: list[Path]) -> None:
    views = TrainingPictures(pictures, 32, seed=5)
    loader = DataLoader(views, 4, num_workers=1)
    for epoch in (1, 2):
        views.epoch = epoch
        for batch, (lightness, ab) in enumerate(loader):
            for row in range(4):
                expected = views[4 * batch + row]
                assert torch.equal(lightness[row], expected[0])
                assert torch.equal(ab[row], expected[1])


def test_views_keep_the_color(pictures: list[Path]) -> None:
    views = TrainingPictures(pictures, 32, seed=0)
    ground = color.rgb_to_lab(np.array([[[90, 140, 220]]], np.uint8))[0, 0, 1:]
    gray = set()
    for epoch in range(10):
        views.epoch = epoch
        lightness, ab = views[0]
        distance = np.abs(ab.numpy() - ground[:, None, None]).max(axis=0)
        assert np.quantile(distance, 0.25) < 1  # much of the picture is ground; interpolation costs a rounding
        gray.add(round(float(lightness.median()), 1))
    assert len(gray) > 5  # while its gray is never the same


# --- training ---


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
    manifest = Manifest("drawn", None, EPISODES[:2])
    path = train(
        [(manifest, dataset), (replace(manifest, name="again"), dataset)],
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
    missing = Manifest("drawn", None, (*EPISODES, Episode("fifth", None, "train")))
    with pytest.raises(InputError, match="no pictures of the episode 'fifth'"):
        train([(missing, dataset)], "compact", out, network=NETWORK, settings=SETTINGS, device="cpu")
    assert not out.exists()


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


# --- going on ---


class KilledError(Exception):
    pass


@pytest.mark.parametrize("variant", ["compact", "plain-dropout", "residual"])
def test_a_killed_training_goes_on_exactly(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)

    def run(name: str, told: Callable[[Progress], None] | None = None) -> Path:
        return train(
            [(MANIFEST, dataset)],
            variant,
            tmp_path / name,
            network=NetworkSettings(width=0.06),
            settings=replace(SETTINGS, batch=2, accumulate=2, learning_rate=1e-3),
            device="cpu",
            progress=told,
        )

    def kill(now: Progress) -> None:
        if now.update == 3:  # in the middle of the second of two epochs
            raise KilledError

    whole = run("whole")
    with pytest.raises(KilledError):
        run("killed", kill)
    torch.rand(5)
    told: list[Progress] = []
    again = run("killed", told.append)
    assert [now.update for now in told] == [4]
    assert checkpoint.load(again).sha256 == checkpoint.load(whole).sha256
    curves = [(tmp_path / name / f"{variant}.csv").read_text().splitlines() for name in ("whole", "killed")]
    without_time = [[line.rsplit(",", 1)[0] for line in lines] for lines in curves]
    assert without_time[0] == without_time[1]
    assert len(without_time[0]) == 1 + 4

    told.clear()
    written = again.stat().st_mtime_ns
    assert run("killed", told.append) == again  # finished: nothing to do
    assert told == []
    assert again.stat().st_mtime_ns == written


def test_another_training_is_not_mixed_in(dataset: Path, tmp_path: Path) -> None:
    trained(dataset, tmp_path)
    with pytest.raises(SettingsError, match=r"holds another training \(crop was 32 and is 48; seed was 0 and is 3\)"):
        trained(dataset, tmp_path, crop=48, seed=3)
    (tmp_path / "compact.state").write_bytes(b"no state")
    with pytest.raises(SettingsError, match=r"compact\.state can't be read .* delete it"):
        trained(dataset, tmp_path)


def test_prior_unit(dataset: Path) -> None:
    chosen = list_pictures(dataset, ["first", "second"])
    prior = color_prior(chosen)
    counts = np.zeros(313)
    for path in chosen:
        ab = example(read_picture(path), None)[1].numpy().reshape(2, -1).T.round()
        distance = ((ab[:, None].astype(np.float64) - color.AB_BINS) ** 2).sum(-1)
        counts += np.bincount(distance.argmin(1), minlength=313)
    assert prior.sum() == pytest.approx(1)
    assert np.abs(prior - counts / counts.sum()).sum() < 0.02  # some lie midway between two bins
    settings = replace(SETTINGS, learning_rate=1e-3)
    network = NetworkSettings(width=0.06)
    path = train([(MANIFEST, dataset)], "plain", dataset / "out", network=network, settings=settings)
    stored = checkpoint.load(path).model.prior
    assert stored is not None
    np.testing.assert_array_equal(stored.numpy(), prior)


def test_out_of_memory_names_what_to_lower(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(variants.Model, "forward", fail)
    with pytest.raises(SettingsError, match=r"batches of 4 crops of 32x32; lower --batch"):
        trained(dataset, tmp_path)
