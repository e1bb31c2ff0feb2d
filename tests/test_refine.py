"""Refinement in films: one color for each region, of each drawing once, of members or of their mean; ensembles."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import films
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor
from typer.testing import CliRunner

from cartoon_color import checkpoint, cli, color, variants
from cartoon_color.config import NetworkSettings, RefineSettings
from cartoon_color.errors import SettingsError, WeightsError
from cartoon_color.frames import Frame
from cartoon_color.painter import Painter
from cartoon_color.regions.felzenszwalb import segment_graph
from cartoon_color.regions.fill import fill
from cartoon_color.regions.region_growing import grow_regions
from cartoon_color.stages.refine import Refine, RefineMembers
from cartoon_color.streams import chain
from cartoon_color.variants import Prediction
from cartoon_color.variants.ensemble import MaxEnsemble, MeanEnsemble
from cartoon_color.video import probe, read

SHAPE = (40, 56)


def frame(index: int = 0, drawing: int = -1, *, dtype: type = np.uint8, chroma: bool = True) -> Frame:
    """Two gray fields, that meet elsewhere in each drawing; color that runs across them."""
    luma = np.full(SHAPE, 60, dtype)
    luma[:, 20 + max(drawing, index % 50) :] = 200
    if dtype == np.uint16:
        luma *= 4
    a, b = np.meshgrid(np.linspace(-40, 40, SHAPE[1]), np.linspace(-30, 10, SHAPE[0]))
    ab = np.stack([a, b], axis=-1).astype(np.float32)
    return Frame(luma, index, Fraction(1, 25), index, drawing=drawing, chroma=ab if chroma else None)


def refine(method: str = "regiongrow", bit_depth: int = 8, **changes: str) -> Refine:
    return Refine(RefineSettings(method, **changes), bit_depth=bit_depth, color_range="full")


@pytest.mark.parametrize(("dtype", "bit_depth"), [(np.uint8, 8), (np.uint16, 10)])
@pytest.mark.parametrize(("method", "segment"), [("regiongrow", grow_regions), ("felzenszwalb", segment_graph)])
def test_each_region_gets_one_color(
    method: str, segment: Callable[..., NDArray[np.int32]], dtype: type, bit_depth: int
) -> None:
    source = frame(3, dtype=dtype)
    (result,) = refine(method, bit_depth)(iter([source]))
    sides = [result.chroma[:, :23], result.chroma[:, 23:]]
    for side in sides:
        assert np.ptp(side, axis=(0, 1)).max() == 0
    assert not np.allclose(sides[0][0, 0], sides[1][0, 0], atol=10)
    labels = segment(color.luma_to_lightness(source.luma, bit_depth, "full"))
    np.testing.assert_array_equal(result.chroma, fill(source.chroma, labels))


def test_settings_reach_the_fill() -> None:
    source = frame(3)
    # A line too narrow for a region.
    luma = source.luma.copy()
    luma[10:12] = 0
    corners = np.array([(0, 0), (40, 0), (20, 34.64)], np.float32)
    bands = np.repeat(corners, (20, 9, 11), axis=0)[:, None].repeat(SHAPE[1], axis=1)
    source = source.with_(luma=luma, chroma=bands)
    results = {
        (clusters, rest): next(refine(clusters=clusters, rest=rest)(iter([source]))).chroma
        for clusters in ("2", "elbow")
        for rest in ("keep", "nearest")
    }
    for (clusters, rest), chroma in results.items():
        labels = grow_regions(color.luma_to_lightness(luma, 8, "full"))
        np.testing.assert_array_equal(chroma, fill(source.chroma, labels, clusters=clusters, rest=rest))
        assert np.array_equal(chroma[10:12], source.chroma[10:12]) == (rest == "keep")
    assert len({chroma.tobytes() for chroma in results.values()}) == 4


def test_held_frames_share_the_array_of_their_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, seen = refine(), []
    segment = stage.segment
    monkeypatch.setattr(stage, "segment", lambda drawn: seen.append(drawn.index) or segment(drawn))
    frames = [frame(index, index - index % 3) for index in range(9)]
    result = list(stage(iter(frames)))
    assert seen == [0, 3, 6]
    for first, *held in zip(result[::3], result[1::3], result[2::3], strict=True):
        assert all(np.shares_memory(first.chroma, other.chroma) for other in held)
    assert not np.shares_memory(result[0].chroma, result[3].chroma)


def test_there_must_be_color_to_refine() -> None:
    with pytest.raises(ValueError, match="frame 4 has no chroma"):
        list(refine()(iter([frame(4, chroma=False)])))


class Tint:
    """A stage that gives frames the drawn chroma times a factor, and counts how often it is asked."""

    lookahead = 0

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, frames):
        for one in frames:
            yield one.with_(chroma=frame().chroma * np.float32(self.factor))


@pytest.mark.parametrize("space", ["lab", "rgb"])
def test_the_mean_of_refined_members(space: str) -> None:
    source = [frame(index, index - index % 2, chroma=False) for index in range(4)]
    tints = [Tint(factor) for factor in (1, 0.5, -0.3)]
    result = list(RefineMembers(tints, refine(), space=space)(iter(source)))
    members = np.stack([np.stack([one.chroma for one in refine()(tint(iter(source)))]) for tint in tints])
    if space == "lab":
        np.testing.assert_allclose([one.chroma for one in result], members.mean(axis=0), atol=1e-4)
    else:
        light = np.stack([color.luma_to_lightness(one.luma, 8, "full") for one in source[::2] for _ in range(2)])
        np.testing.assert_allclose([one.chroma for one in result], mean_by_skimage(light, members), atol=0.02)
    assert np.shares_memory(result[0].chroma, result[1].chroma)
    with pytest.raises(ValueError, match="at least one member"):
        RefineMembers([], refine())


# --- ensembles ---


def mean_by_skimage(lightness: NDArray[np.float32], members: NDArray[np.float32]) -> NDArray[np.float64]:
    rgb = [
        np.clip(lab2rgb(np.concatenate([lightness[..., None], ab], axis=-1).astype(np.float64)), 0, 1) for ab in members
    ]
    return rgb2lab(np.mean(rgb, axis=0))[..., 1:]


class Fixed:
    """A colorizer that predicts what it is told."""

    def __init__(self, ab: Tensor, logits: Tensor | None = None) -> None:
        self.prediction = Prediction(ab, logits)

    def __call__(self, lightness: Tensor) -> Prediction:
        return self.prediction


@pytest.mark.filterwarnings("ignore:Conversion from CIE-LAB")  # colors out of gamut are among them
def test_the_mean_in_rgb() -> None:
    rng = np.random.default_rng(0)
    members = rng.uniform(-50, 50, (3, 2, 4, 5, 2)).astype(np.float32)
    light = rng.uniform(20, 90, (2, 4, 5)).astype(np.float32)
    lightness = torch.from_numpy(np.repeat(np.repeat(light, 4, axis=1), 4, axis=2)[:, None])
    colorizers = [Fixed(torch.from_numpy(ab).permute(0, 3, 1, 2)) for ab in members]
    mean = MeanEnsemble(colorizers, space="rgb")(lightness)
    assert mean.logits is None
    expected = mean_by_skimage(light, members)
    np.testing.assert_allclose(mean.ab.permute(0, 2, 3, 1).numpy(), expected, atol=0.05)
    assert np.abs(expected - members.mean(axis=0)).max() > 1


def test_the_surest_histogram() -> None:
    logits = torch.zeros(2, 1, 313, 1, 3)
    logits[0, 0, 7, 0] = torch.tensor([9.0, 1.0, 4.0])
    logits[1, 0, 50, 0] = torch.tensor([8.0, 2.0, 4.0])
    logits[1, 0, 51, 0, 2] = 3.9  # another peak beside it makes it less sure
    logits[1] += 5  # which a softmax doesn't see
    ab = torch.stack([torch.full((1, 2, 1, 3), 10.0), torch.full((1, 2, 1, 3), -20.0)])
    one, other = Fixed(ab[0], logits[0]), Fixed(ab[1], logits[1])
    for members in ([one, other], [other, one]):
        result = MaxEnsemble(members)(torch.zeros(1, 1, 4, 12))
        np.testing.assert_array_equal(result.ab[0, 0, 0], [10, -20, 10])
        np.testing.assert_array_equal(result.logits[..., 1], logits[1, ..., 1])
        np.testing.assert_array_equal(result.logits[..., ::2], logits[0, ..., ::2])
    with pytest.raises(ValueError, match="no histogram"):
        MaxEnsemble([one, Fixed(ab[0])])(torch.zeros(1, 1, 4, 12))
    with pytest.raises(ValueError, match="at least one member"):
        MaxEnsemble([])


# --- render ---


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny checkpoints, two with histograms and one without; and a film."""
    folder = tmp_path_factory.mktemp("stock")
    for seed, (file, name) in enumerate([("one", "compact"), ("two", "compact"), ("bare", "plain-l2")]):
        torch.manual_seed(seed)
        width = 0.25 if name == "compact" else 0.05
        settings = NetworkSettings(width=width, input_size=64, temperature=0.1)  # untrained, so hardly sure of anything
        checkpoint.save(variants.build(name, settings), folder / f"{file}.safetensors", {})
    films.plain(folder / "film.mkv", 2, size=(48, 64))
    return folder


def paint(stock: Path, *names: str, **options) -> NDArray[np.float32]:
    painter = Painter([stock / f"{name}.safetensors" for name in names], smooth="none", device="cpu", **options)
    info = probe(stock / "film.mkv")
    return np.stack([one.chroma for one in chain(read(info), painter.stages(info))])


def test_refined_films(stock: Path) -> None:
    settings = RefineSettings("regiongrow", rest="nearest")
    info = probe(stock / "film.mkv")
    labels = [grow_regions(color.luma_to_lightness(one.luma, 8, info.color_range)) for one in read(info)]

    def refined(film: NDArray[np.float32]) -> NDArray[np.float32]:
        large = [cv2.resize(ab, own.shape[::-1]) for ab, own in zip(film, labels, strict=True)]
        return np.stack([fill(ab, own, rest="nearest") for ab, own in zip(large, labels, strict=True)])

    one, two = paint(stock, "one"), paint(stock, "two")
    np.testing.assert_allclose(paint(stock, "one", refine=settings), refined(one), atol=1e-4)
    both = paint(stock, "one", "two", ensemble="mean", refine=settings)
    np.testing.assert_allclose(both, refined(paint(stock, "one", "two", ensemble="mean")), atol=1e-4)
    settings = RefineSettings("regiongrow", rest="nearest", members=True)
    each = paint(stock, "one", "two", ensemble="mean", refine=settings)
    np.testing.assert_allclose(each, (refined(one) + refined(two)) / 2, atol=1e-4)
    assert np.abs(each - both).max() > 0.01


def test_a_maximum_leaves_out_what_has_no_histogram(stock: Path) -> None:
    said: list[str] = []
    surest = paint(stock, "one", "two", ensemble="max", say=said.append)
    assert said == []
    np.testing.assert_array_equal(paint(stock, "one", "bare", "two", ensemble="max", say=said.append), surest)
    assert said == ["Left out of --ensemble max, which compares histograms: plain-l2."]
    np.testing.assert_array_equal(paint(stock, "one", "bare", ensemble="max"), paint(stock, "one"))
    with pytest.raises(WeightsError, match="--ensemble max compares histograms, and plain-l2, plain-l2 predict none"):
        paint(stock, "bare", "bare", ensemble="max")


def test_options_that_dont_go_together(stock: Path) -> None:
    for options in ({"space": "rgb"}, {"refine": RefineSettings("regiongrow", members=True)}):
        for ensemble in (None, "max"):
            with pytest.raises(SettingsError, match="give --ensemble mean with them"):
                Painter([stock / "one.safetensors"], ensemble=ensemble, **options)


def test_the_command_refines(stock: Path, tmp_path: Path) -> None:
    film, weights = str(stock / "film.mkv"), ["--weights", str(stock / "one.safetensors"), "--device", "cpu"]
    words = ["render", film, *weights, "--codec", "ffv1", "--quiet"]
    for name, more in {
        "plain": [],
        "refined": ["--refine", "regiongrow"],
        "more": ["--refine", "felzenszwalb", "--refine-clusters", "elbow", "--refine-rest", "nearest"],
        "mean": ["--weights", str(stock / "two.safetensors"), "--ensemble", "mean", "--ensemble-space", "rgb"],
    }.items():
        result = CliRunner().invoke(cli.app, [*words, "-o", str(tmp_path / f"{name}.mkv"), *more])
        assert result.exit_code == 0, result.output
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 4
    for option in (["--refine-clusters", "2"], ["--refine-rest", "keep"], ["--refine-members"]):
        result = CliRunner().invoke(cli.app, [*words, "-o", str(tmp_path / "no.mkv"), *option])
        assert isinstance(result.exception, SettingsError)
        assert "give --refine regiongrow or felzenszwalb with them" in str(result.exception)
    words += ["-o", str(tmp_path / "max.mkv"), "--ensemble", "max", "--weights", str(stock / "bare.safetensors")]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    assert "Left out of --ensemble max" in result.stderr
