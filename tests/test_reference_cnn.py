"""The network that looks at references: what it takes, learns, ignores; its training; films colored with it."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import films
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from shows import EPISODES, MANIFEST, drawing, write_pictures
from torch import Tensor

from cartoon_color import checkpoint, color, variants
from cartoon_color.config import EncoderSettings, NetworkSettings, TrainingSettings
from cartoon_color.dataset.extracted import list_pictures
from cartoon_color.dataset.loader import TrainingPictures
from cartoon_color.dataset.pairs import PairedPictures
from cartoon_color.incremental.fingerprint import of_painter
from cartoon_color.painter import Painter
from cartoon_color.references import read_references, seen_by_networks
from cartoon_color.render import render
from cartoon_color.training import Progress, loop, train
from cartoon_color.variants.reference_cnn import _encode

SMALL = NetworkSettings(width=0.15)
SIZE = 32
COLORS = np.float32([(50, 30), (-40, 40), (10, -60)])


@pytest.fixture
def model() -> variants.Model:
    torch.manual_seed(0)
    return variants.build("reference-cnn", SMALL).eval()


def references(count: int, height: int, width: int, pictures: int = 1) -> Tensor:
    shown = torch.rand(pictures, count, 4, height, width) * torch.tensor([100, 120, 120, 1])[:, None, None]
    shown[:, :, 1:3] -= 60
    shown[:, :, 3] = 1
    return shown


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 47), (31, 65), (1, 1)])
@pytest.mark.parametrize("shown", [(1, 64, 64), (3, 45, 30), (2, 1, 1)])
def test_sizes(model: variants.Model, height: int, width: int, shown: tuple[int, int, int]) -> None:
    lightness = 100 * torch.rand(2, 1, height, width)
    with torch.inference_mode():
        prediction = model.colorize(lightness, references(*shown))
        alone = model.colorize(lightness)
    assert prediction.ab.shape == alone.ab.shape == (2, 2, -(-height // 4), -(-width // 4))
    assert prediction.ab.isfinite().all()
    assert not torch.equal(prediction.ab, alone.ab)


def test_a_transparent_reference_is_none(model: variants.Model) -> None:
    lightness, shown = 100 * torch.rand(2, 1, 40, 40), references(2, 40, 40)
    nothing = shown.clone()
    nothing[:, :, 3] = 0
    half = shown.clone()
    half[:, 1, 3] = 0
    with torch.inference_mode():
        alone = model.colorize(lightness).ab
        torch.testing.assert_close(model.colorize(lightness, nothing).ab, alone, rtol=0, atol=0)
        torch.testing.assert_close(model.colorize(lightness, half).ab, model.colorize(lightness, shown[:, :1]).ab)


def test_attention_unit(model: variants.Model) -> None:
    """Against softmax and sums in float64, of two references of which one is partly transparent."""
    network = model.network.double()
    shown = references(2, 24, 40).double()
    shown[0, 1, 3, :, :20] = 0
    levels = network.encode(torch.rand(3, 1, 32, 48, dtype=torch.float64))
    said = network._attend(levels, shown).detach().numpy()
    query = network._describe(levels).detach().numpy()
    gates = network.ignore(torch.from_numpy(query)).detach().numpy()
    sharpness = float(network.sharpness.exp().detach())
    keys, values, weights = [], [], []
    for each in shown[0]:
        keys.append(network._describe(network.encode(each[None, :1] * 0.01)).detach().numpy()[0])
        histogram, opaque = (part.detach() for part in _encode(each[None, 1:3], each[None, 3:], keys[-1].shape[1:]))
        values.append(network.told(histogram).detach().numpy()[0])
        weights.append(opaque.numpy()[0, 0] / opaque[0].numel())
    for picture, y, x in [(0, 0, 0), (2, 3, 5), (1, 2, 4)]:
        total, summed = np.exp(gates[picture, 0, y, x]), 0
        for key, value, weight in zip(keys, values, weights, strict=True):
            factor = weight * np.exp(sharpness * np.einsum("c,cyx->yx", query[picture, :, y, x], key))
            total, summed = total + factor.sum(), summed + np.einsum("yx,cyx->c", factor, value)
        np.testing.assert_allclose(said[picture, :, y, x], summed / total, rtol=1e-5)


def test_colors_of_a_reference_unit() -> None:
    """A cell half of which is one bin's color, a quarter of it another's, the rest transparent."""
    first, second = 40, 200
    ab, opacity = torch.zeros(1, 2, 8, 8), torch.ones(1, 1, 8, 8)
    ab[0, :, :4] = torch.from_numpy(color.AB_BINS[first])[:, None, None]
    ab[0, :, 4:, :4] = torch.from_numpy(color.AB_BINS[second])[:, None, None]
    opacity[0, :, 4:, 4:] = 0
    ab[0, :, 4:, 4:] = 100
    histogram, opaque = _encode(ab, opacity, torch.Size((1, 1)))
    assert float(opaque) == pytest.approx(0.75)
    expected = np.zeros(313)
    for at, share in ((first, 2 / 3), (second, 1 / 3)):
        near = np.exp(-((color.AB_BINS - color.AB_BINS[at]).astype(np.float64) ** 2).sum(axis=1) / 50)
        expected += share * near / near.sum()
    np.testing.assert_allclose(histogram[0, :, 0, 0], expected, atol=1e-6)


def test_pictures_may_share_references_or_have_their_own(model: variants.Model) -> None:
    lightness, shown = 100 * torch.rand(2, 1, 32, 32), references(2, 32, 32, 2)
    with torch.inference_mode():
        own = model.colorize(lightness, shown).ab
        alone = [model.colorize(lightness[one : one + 1], shown[one : one + 1]).ab for one in range(2)]
        both = model.colorize(lightness, shown[:1]).ab
    torch.testing.assert_close(own, torch.cat(alone), atol=1e-3, rtol=0)
    torch.testing.assert_close(both[0], own[0], atol=1e-3, rtol=0)
    assert not torch.allclose(both[1], own[1], atol=1e-3)


# --- learning ---


def two_tones(colors: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A square on a ground, one of them dark, one bright; the first color is that of the dark: (4, 32, 32)."""
    dark = np.full((SIZE, SIZE), rng.random() < 0.5)
    y, x = rng.integers(0, 3, 2) * 8
    dark[y : y + 16, x : x + 16] ^= True
    lightness = np.where(dark, 25, 75) + rng.normal(0, 2, dark.shape)
    return np.stack([lightness, *np.where(dark, *colors[:, :, None, None]), np.ones(dark.shape)]).astype(np.float32)


def stripes(rng: np.random.Generator) -> NDArray[np.float32]:
    """What is like nothing in the pictures, in some color: (4, 32, 32)."""
    picture = np.ones((4, SIZE, SIZE), np.float32)
    picture[0] = np.where(np.arange(SIZE) // 2 % 2, 100, 0)
    picture[1:3] = rng.permuted(COLORS, axis=0)[0, :, None, None]
    return picture


def batch(count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures of two tones, L* (N, 1, 32, 32) and ab (N, 2, 8, 8), and references (N, 1, 4, 32, 32): of the same
    colors in another arrangement, which nothing else tells, and unrelated ones."""
    chosen = [rng.permuted(COLORS, axis=0)[:2] for _ in range(count)]
    seen, shown = (torch.from_numpy(np.stack([two_tones(two, rng) for two in chosen])) for _ in range(2))
    unrelated = torch.from_numpy(np.stack([stripes(rng) for _ in range(count)]))
    return seen[:, :1], torch.nn.functional.avg_pool2d(seen[:, 1:3], 4), shown[:, None], unrelated[:, None]


def test_color_follows_a_reference_and_what_is_unrelated_is_ignored() -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = variants.build("reference-cnn", SMALL).train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(90):
        lightness, ab, related, unrelated = batch(8, rng)
        shown = torch.where(torch.from_numpy(rng.random((8, 1, 1, 1, 1)) < 0.7), related, unrelated)
        loss = model.loss(model(lightness, shown), ab)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    lightness, ab, related, unrelated = batch(48, rng)
    model.eval()

    def error(shown: Tensor | None) -> float:
        with torch.inference_mode():
            return float((model.colorize(lightness, shown).ab - ab).square().mean()) ** 0.5

    alone, told, misled = error(None), error(related), error(unrelated)
    assert told < 0.75 * alone
    assert misled < 1.15 * alone
    assert error(torch.cat([related, unrelated], dim=1)) < 0.9 * alone


# --- training ---


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictures(tmp_path)


def test_pairs(dataset: Path) -> None:
    pictures = list_pictures(dataset, ["first", "second"])
    pairs, alone = PairedPictures(pictures, 40, seed=0), TrainingPictures(pictures, 40, seed=0)
    assert len(pairs) == 8
    absent = 0
    for epoch in range(20):
        pairs.epoch = alone.epoch = epoch
        for item in range(16):
            lightness, ab, reference = pairs[item]
            torch.testing.assert_close((lightness, ab), alone[item])
            assert reference.shape == (1, 4, 40, 40)
            assert reference.dtype == torch.float32
            assert float(reference[0, 0].max()) > 20
            assert reference[0, 3].unique().numel() == 1
            absent += int(not reference[0, 3].any())
    assert absent == pytest.approx(0.2 * 320, abs=3 * (320 * 0.2 * 0.8) ** 0.5)
    assert torch.equal(pairs[3][2], pairs[3][2])
    assert not torch.equal(pairs[3][2], pairs[11][2])


def test_references_are_near_or_from_other_films() -> None:
    pictures = [
        Path(name) / f"{number}.png" for name, count in (("a", 300), ("b", 5), ("c", 200)) for number in range(count)
    ]
    pairs, rng = PairedPictures(pictures, 40, seed=0), np.random.default_rng(0)
    for picture in (0, 150, 299, 300, 304, 305, 504):
        near, film, other = ([pairs._other(picture, kind, rng) for _ in range(3000)] for kind in range(3))
        same = [number for number, path in enumerate(pictures) if path.parent == pictures[picture].parent]
        assert set(near) == set(same) & set(range(picture - 60, picture + 61))
        assert set(film) == set(same)
        assert len(set(other)) > 0.99 * (len(pictures) - len(same))
        assert not set(other) & set(same)
    only = PairedPictures(pictures[:300], 40, seed=0)
    assert {only._other(7, 2, rng) for _ in range(5000)} == set(range(300))


def test_a_reference_is_a_view_of_its_picture(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut as large as the picture, at most mirrored, in the thesis's gray."""
    pairs = PairedPictures(list_pictures(dataset, ["first"]), 48, seed=0, views="thesis")
    monkeypatch.setattr(pairs, "_other", lambda *_: 2)
    lab = color.rgb_to_lab(drawing(2))
    shown = pairs[0][2][0].numpy().transpose(1, 2, 0)
    assert any(np.allclose(shown[..., :3], each, atol=1e-3) for each in (lab, lab[:, ::-1]))


def test_a_killed_training_goes_on_exactly(dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0)
    settings = TrainingSettings(epochs=2, batch=2, accumulate=2, crop=32, learning_rate=1e-3, average=0.5, workers=0)

    def run(out: str, told: object = None) -> dict[str, Tensor]:
        path = train(
            [(MANIFEST, dataset)],
            "reference-cnn",
            tmp_path / out,
            network=SMALL,
            settings=settings,
            device="cpu",
            progress=told,  # type: ignore[arg-type]
        )
        return checkpoint.load(path).model.state_dict()

    def kill(now: Progress) -> None:
        if now.update == 3:
            raise InterruptedError

    whole = run("whole")
    with pytest.raises(InterruptedError):
        run("parts", kill)
    for name, tensor in run("parts").items():
        assert torch.equal(tensor, whole[name]), name
    assert EPISODES[2].role == "validation"  # which is measured without references


def test_a_checkpoint_colors_by_references(model: variants.Model, tmp_path: Path) -> None:
    checkpoint.save(model, tmp_path / "weights.safetensors", {})
    again = checkpoint.load(tmp_path / "weights.safetensors").model
    lightness, shown = 100 * torch.rand(1, 1, 32, 32), references(2, 32, 32)
    with torch.inference_mode():
        assert torch.equal(model.colorize(lightness, shown).ab, again.colorize(lightness, shown).ab)


# --- in a film ---


def write(path: Path, rgb: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> Path:
    cv2.imwrite(str(path), np.dstack([rgb[..., ::-1], opacity]))
    return path


def test_what_networks_see_of_references(tmp_path: Path) -> None:
    opacity = np.repeat(np.uint8([[0], [255]]), 24, axis=0) * np.ones((1, 48), np.uint8)
    shown = seen_by_networks(read_references([write(tmp_path / "one.png", drawing(1), opacity)]), 24)
    assert shown.shape == (1, 4, 24, 24)
    luma = np.rint(drawing(1) @ np.array([0.299, 0.587, 0.114])).reshape(24, 2, 24, 2).mean(axis=(1, 3))
    gray = color.gray_lightness((luma / 255).astype(np.float32))
    np.testing.assert_allclose(shown[0, 0], gray, atol=0.5)  # means of codes are rounded
    lab = color.rgb_to_lab(drawing(1)).reshape(24, 2, 24, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shown[0, 1:3], lab[..., 1:].transpose(2, 0, 1), atol=1e-3)
    np.testing.assert_array_equal(shown[0, 3], np.repeat([[0.0], [1.0]], 12, axis=0) * np.ones((1, 24)))


def test_networks_look_at_references_whatever_they_show(model: variants.Model, tmp_path: Path) -> None:
    """At a picture that is none of the film; of `compact` it changes nothing, so neither do reruns render again."""
    film = films.plain(tmp_path / "film.mkv", 4, pixel_format="gray", size=(48, 64))
    opacity = np.full((48, 48), 255, np.uint8)
    foreign = read_references([write(tmp_path / "foreign.png", drawing(1), opacity)])
    chroma, states = {}, {}
    compact = variants.build("compact", NetworkSettings(width=0.25)).eval()
    for name, network in {"reference-cnn": model, "compact": compact}.items():
        weights = tmp_path / f"{name}.safetensors"
        checkpoint.save(network, weights, {})
        for references in ((), foreign):
            painter = Painter([weights], references=references, smooth="none", device="cpu", say=lambda sentence: None)
            target = tmp_path / f"{name}{len(references)}.mkv"
            render(film, target, painter, EncoderSettings(codec="ffv1", pixel_format="yuv444p"))
            with av.open(str(target)) as source:
                frames = np.stack([picture.to_ndarray() for picture in source.decode(video=0)])
            chroma[name, len(references)], states[name, len(references)] = frames, of_painter(painter)
    assert np.array_equal(chroma["compact", 0], chroma["compact", 1])
    assert states["compact", 0] == states["compact", 1]
    assert not np.array_equal(chroma["reference-cnn", 0], chroma["reference-cnn", 1])
    assert np.array_equal(chroma["reference-cnn", 0][:, 0], chroma["reference-cnn", 1][:, 0])
    assert states["reference-cnn", 0] != states["reference-cnn", 1]
