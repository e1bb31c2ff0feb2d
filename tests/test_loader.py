"""From extracted pictures to what networks see, and how often each color is met."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from shows import drawing, write_pictures
from torch.utils.data import DataLoader

from cartoon_color import color, variants
from cartoon_color.config import NetworkSettings
from cartoon_color.dataset.extracted import list_pictures, read_picture
from cartoon_color.dataset.loader import PlainPictures, TrainingPictures, _black_and_white, _grain, example
from cartoon_color.dataset.prior import color_prior
from cartoon_color.errors import InputError

NETWORK = NetworkSettings(width=0.25)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_pictures(tmp_path)


@pytest.fixture
def pictures(dataset: Path) -> list[Path]:
    return list_pictures(dataset, ["first", "second"])


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


def test_views_imitate_stocks() -> None:
    """Red is dark on orthochromatic stock, and the mix of a neutral gray is that gray."""
    red, gray = np.full((16, 16, 3), (200, 30, 30), np.uint8), np.full((16, 16, 3), 128, np.uint8)
    rng = np.random.default_rng(0)
    reds = np.array([_black_and_white(red, rng).mean() for _ in range(400)])
    grays = np.array([_black_and_white(gray, rng).mean() for _ in range(400)])
    matrix = (0.299 * 200 + 0.701 * 30) / 255  # 0.32
    assert 0.05 < (reds < 0.2).mean() < 0.16  # 0.1 orthochromatic: (0.04 * 200 + 0.96 * 30) / 255 = 0.14
    assert abs(np.median(reds) - matrix) < 0.04
    assert abs(np.median(grays) - 128 / 255) < 0.01
    assert 0.01 < grays.std() < 0.05


def test_grain_unit() -> None:
    rng = np.random.default_rng(0)
    likeness = []
    for _ in range(40):
        grain = _grain((65, 90), rng)
        assert grain.shape == (65, 90)
        assert grain.dtype == np.float32
        assert abs(grain.mean()) < 0.15
        assert grain.std() == pytest.approx(1, abs=0.05)
        likeness.append(np.corrcoef(grain[:, 1:].ravel(), grain[:, :-1].ravel())[0, 1])
    coarse = np.array(likeness) > 0.3
    assert 8 < coarse.sum() < 32
    assert np.abs(np.array(likeness)[~coarse]).max() < 0.1
