"""Measures of flicker on drawn films, against numbers worked out in float64."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from skimage.color import rgb2lab
from typer.testing import CliRunner

from cartoon_color import cli
from cartoon_color.color import luma_of_rgb
from cartoon_color.errors import InputError
from cartoon_color.evaluation import evaluate
from cartoon_color.evaluation.drawn import DrawnLabels, find_labels
from cartoon_color.evaluation.flicker import Flicker, segment, without_edges
from cartoon_color.evaluation.scores import FLICKER_METRICS, METRICS, PICTURE_METRICS, Picture
from cartoon_color.frames import Frame
from cartoon_color.toyshow.truth import EpisodeTruth, Part, save_truth
from cartoon_color.video import paint
from cartoon_color.video.compose import compose, rgb_to_planes

RGB = NDArray[np.uint8]
RED, BLUE, GREEN, SAND, SKY = (200, 40, 40), (60, 60, 220), (60, 140, 50), (220, 200, 140), (120, 160, 230)


def rooms(*colors: tuple[int, int, int]) -> RGB:
    """Four regions of 22 x 30 pixels each, between lines: (48, 64, 3)."""
    picture = np.full((48, 64, 3), 20, np.uint8)
    for place, color in enumerate(colors):
        row, column = 1 + 24 * (place // 2), 1 + 32 * (place % 2)
        picture[row : row + 22, column : column + 30] = color
    return picture


def measure(
    truth: Sequence[RGB],
    *,
    drawn: DrawnLabels | None = None,
    shots: Sequence[int] | None = None,
    drawings: Sequence[int] | None = None,
    **colored: Sequence[RGB],
) -> dict[str, dict[str, float]]:
    films = {"truth": truth, **colored}
    flicker = Flicker(list(films), "truth", drawn)
    with ThreadPoolExecutor(2) as pool:
        for number in range(len(truth)):
            luma = luma_of_rgb(truth[number], "bt601")
            frame = Frame(
                luma,
                pts=number,
                time_base=Fraction(1, 25),
                index=number,
                shot=0 if shots is None else shots[number],
                drawing=number if drawings is None else drawings[number],
            )
            flicker.add(frame, luma, {name: Picture(film[number]) for name, film in films.items()}, pool)
    return {name: flicker.result(name) for name in films}


def color_distribution(film: Sequence[RGB]) -> float:
    """By SciPy, pair by pair."""
    by_distance = []
    for distance in (1, 2, 4):
        pairs = [
            jensenshannon(*(np.histogram(film[t][..., channel], 256, (0, 256))[0] for t in (at, at + distance))) ** 2
            for at in range(len(film) - distance)
            for channel in range(3)
        ]
        by_distance.append(np.mean(pairs))
    return float(np.mean(by_distance))


STILL = rooms(RED, GREEN, SAND, SKY)
SWITCHED = rooms(BLUE, GREEN, SAND, SKY)


def test_a_constant_film_does_not_flicker() -> None:
    gray = paint(luma_of_rgb(STILL, "bt601"), np.zeros((48, 64, 2), np.float32))
    results = measure([STILL] * 6, same=[STILL] * 6, gray=[gray] * 6, drawings=[0, 0, 2, 3, 3, 3])
    assert results["same"] == results["truth"]
    none = {"cdc": 0, "warp_error": 0, "flow_change": 0, "color_switch": 0, "held_flicker": 0}
    assert results["truth"] == {**none, "exact_regions": 1}
    assert results["gray"] == {**none, "exact_regions": 0}


def test_one_of_four_regions_that_switches() -> None:
    film = [STILL, SWITCHED] * 3
    results = measure([STILL] * 6, switched=film)
    assert results["truth"]["color_switch"] == 0
    values = results["switched"]
    assert values["color_switch"] == 1 / 4
    assert values["exact_regions"] == (4 + 3) / 8
    assert values["cdc"] == pytest.approx(color_distribution(film))
    assert values["warp_error"] == pytest.approx(np.mean((STILL / 255 - SWITCHED / 255) ** 2), rel=1e-5)
    change = np.abs(rgb2lab(STILL)[..., 1:] - rgb2lab(SWITCHED)[..., 1:]).mean()
    assert values["flow_change"] == pytest.approx(change, rel=1e-3)
    assert values["held_flicker"] == 0


def test_a_switch_of_the_truth_is_none() -> None:
    film = [STILL, SWITCHED] * 3
    results = measure(film, still=[STILL] * 6)
    assert [results[name]["color_switch"] for name in ("truth", "still")] == [0, 0]
    assert results["truth"]["cdc"] == pytest.approx(color_distribution(film))
    assert results["truth"]["exact_regions"] == 1
    assert results["still"]["exact_regions"] == (4 + 3) / 8


def test_held_frames() -> None:
    """Each is compared to its drawing, and is no pair along flow."""
    film = [STILL, SWITCHED, STILL, SWITCHED]
    values = measure([STILL] * 4, colored=film, drawings=[0, 0, 0, 3])["colored"]
    change = np.abs(rgb2lab(STILL)[..., 1:] - rgb2lab(SWITCHED)[..., 1:]).mean()
    assert values["held_flicker"] == pytest.approx((change + 0) / 2, rel=1e-3)
    assert values["color_switch"] == 1 / 4  # from drawing 0 to drawing 3
    assert values["exact_regions"] == (4 + 3) / 8


def test_nothing_is_compared_across_a_cut() -> None:
    film = [STILL, STILL, SWITCHED, SWITCHED]
    cut = measure([STILL] * 4, colored=film, shots=[0, 0, 1, 1])["colored"]
    assert [cut[name] for name in ("cdc", "warp_error", "flow_change", "color_switch")] == [0, 0, 0, 0]
    uncut = measure([STILL] * 4, colored=film)["colored"]
    assert min(uncut[name] for name in ("cdc", "warp_error", "flow_change", "color_switch")) > 0


def test_without_pairs_and_regions() -> None:
    """Nothing flickers, no region is off."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8)
    assert measure([noise], gray=[np.full_like(noise, 128)])["gray"] == {
        metric.name: float(metric.name == "exact_regions") for metric in FLICKER_METRICS
    }


def moving(number: int, color: tuple[int, int, int]) -> RGB:
    """A square of 28x28 pixels that moves by 3, on a ground of another luma."""
    picture = np.full((64, 96, 3), (90, 140, 80), np.uint8)
    at = 10 + 3 * number
    picture[18:46, at : at + 28] = color
    return picture


def test_regions_are_followed_along_flow() -> None:
    """The square, of two regions, switches twice between drawings 1 and 3; then it moves on as it is."""
    truth = [moving(number, RED) for number in range(5)]
    colored = [moving(number, BLUE if number == 2 else RED) for number in range(5)]
    results = measure(truth, colored=colored)
    assert results["colored"]["color_switch"] == (0 + 1 + 1 + 0) / 8
    assert results["colored"]["exact_regions"] == 9 / 10
    assert results["truth"]["flow_change"] < results["colored"]["flow_change"] / 5
    # Not followed, the square would leave 3 columns of 28 in another color.
    still = np.mean([(first / 255 - second / 255) ** 2 for first, second in pairwise(truth)])
    assert results["truth"]["warp_error"] < still / 5


@pytest.mark.parametrize("colors", [(RED, GREEN, SAND, SKY), (RED, RED, RED, RED)])
def test_segment_unit(colors: tuple[tuple[int, int, int], ...]) -> None:
    """Lines of 2 pixels part regions, those of the same luma, too."""
    labels, count = segment(luma_of_rgb(rooms(*colors), "bt601"))
    assert np.count_nonzero(np.bincount(labels.ravel(), minlength=count)[1:] >= 20) == 4
    assert labels[4:20, 31:33].max() == 0
    assert len({labels[12, 16], labels[12, 48], labels[36, 16], labels[36, 48]}) == 4
    assert (labels[4:20, 4:28] == labels[12, 16]).all()


def test_without_edges_unit() -> None:
    labels = np.full((12, 14), 3, np.int32)
    labels[:, 7:] = 70_000
    expected = labels.copy()
    expected[:, 6:8] = 0
    np.testing.assert_array_equal(without_edges(labels), expected)


# --- drawn films ---


def write_truth(path: Path, labels: NDArray[np.uint16]) -> Path:
    """Every frame of `labels` is a drawing; parts 1 and 2."""
    parts = (Part("ink", 0, True), Part("ground", 1, True), Part("ball", 2, True))
    colors = np.array([(20, 20, 20), GREEN, RED], np.uint8)
    frames = len(labels)
    truth = EpisodeTruth(
        Fraction(25), labels, np.arange(frames, dtype=np.int32), np.zeros(frames, np.bool_), parts, ("a", "b", "c"),
        colors, rgb2lab(colors[None])[0].astype(np.float32), (), (), (), (),
    )  # fmt: skip
    save_truth(path, truth)
    return path


def jumping(frames: int) -> NDArray[np.uint16]:
    """A ball that is left and right by turns, too far for flow."""
    labels = np.ones((frames, 48, 96), np.uint16)
    for number, picture in enumerate(labels):
        cv2.circle(picture, (20 + 56 * (number % 2), 24), 14, 2, -1)
    return labels


def test_labels_tell_regions_exactly(tmp_path: Path) -> None:
    film, labels = tmp_path / "ball.color.mkv", jumping(6)
    write_truth(tmp_path / "ball.truth.json", labels)
    truth = [np.array([(0, 0, 0), GREEN, RED], np.uint8)[picture] for picture in labels]
    colored = [
        np.array([(0, 0, 0), GREEN, BLUE if number == 3 else RED], np.uint8)[picture]
        for number, picture in enumerate(labels)
    ]
    values = measure(truth, colored=colored, drawn=find_labels(film))["colored"]
    assert values["color_switch"] == 2 / (5 * 2)  # there and back
    assert values["exact_regions"] == 11 / 12


def test_labels_at_another_size(tmp_path: Path) -> None:
    write_truth(tmp_path / "ball.truth.json", jumping(2))
    drawn = find_labels(tmp_path / "ball.color.mkv")
    assert drawn is not None
    assert drawn.count == 3
    half = drawn.at(1, (48, 24), (48, 96))
    assert half.shape == (24, 48)
    np.testing.assert_array_equal(half, jumping(2)[1, ::2, ::2])
    assert find_labels(tmp_path / "other.color.mkv") is None
    for frame, shape in ((2, (48, 96)), (0, (48, 95))):
        with pytest.raises(InputError, match=r"ball\.truth\.json is of another film"):
            drawn.at(frame, (48, 24), shape)


# --- in evaluate ---


@pytest.fixture
def films(tmp_path: Path) -> dict[str, Path]:
    """A square that moves on twos, in 12 frames, then a cut to the rooms; the colored film switches each drawing."""

    def draw(number: int, colors: Callable[[int], tuple[int, int, int]]) -> RGB:
        if number >= 12:
            return cv2.resize(rooms(colors(0), GREEN, SAND, SKY), (96, 64), interpolation=cv2.INTER_NEAREST)
        return moving(number // 2, colors(number // 2))

    made = {}
    for name, colors in (("truth", lambda _: RED), ("colored", lambda each: (BLUE, RED)[each % 2])):
        made[name] = tmp_path / f"{name}.mkv"
        compose(made[name], (rgb_to_planes(draw(number, colors)) for number in range(24)), rate=Fraction(25))
    return made


def test_flicker_is_measured_in_all_frames(films: dict[str, Path]) -> None:
    result = evaluate(films["truth"], [films["colored"]])
    some = evaluate(films["truth"], [films["colored"]], every=5)
    assert (result.frames, some.frames) == (24, 5)
    assert list(result.rows) == ["colored", "gray", "truth"]
    for name, values in result.rows.items():
        assert list(values) == [metric.name for metric in METRICS]
        for metric in FLICKER_METRICS:
            assert values[metric.name] == some.rows[name][metric.name]
    colored, gray, truth = result.rows.values()
    assert colored["color_switch"] == 5 / 10  # six drawings of two regions, and one that stays
    assert gray["color_switch"] == truth["color_switch"] == 0
    assert [gray["flow_change"], gray["held_flicker"]] == pytest.approx([0, 0], abs=1e-5)
    assert truth["exact_regions"] == 1
    assert colored["cdc"] > truth["cdc"]
    assert colored["held_flicker"] < 0.5  # what encoding adds


def test_without_flicker(films: dict[str, Path]) -> None:
    words = ["evaluate", "--truth", str(films["truth"]), str(films["colored"]), "--every", "5", "--json"]
    with_, without = (
        json.loads(CliRunner().invoke(cli.app, words + extra).stdout)["colorized"]["colored"]
        for extra in ([], ["--no-flicker"])
    )
    assert list(without) == [metric.name for metric in PICTURE_METRICS]
    assert without == {name: with_[name] for name in without}
    result = evaluate(films["truth"], [films["colored"]], every=5, flicker=False)
    assert result.to_markdown().count("|") == 5 * (len(PICTURE_METRICS) + 2)
