"""Colorized films and pictures against the truth."""

from __future__ import annotations

import csv
import json
from base64 import b64encode
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from cartoon_color import color, metrics
from cartoon_color.dataset.index import Row, write_rows
from cartoon_color.errors import InputError, SettingsError
from cartoon_color.evaluation import evaluate
from cartoon_color.evaluation.scores import METRICS
from cartoon_color.video import probe, read
from cartoon_color.video.compose import compose, rgb_to_planes

FRAMES = 5
SIZE = (64, 48)


def drawing(number: int) -> NDArray[np.uint8]:
    """A green hill, a red ball that rolls: (48, 64, 3) RGB."""
    picture = np.full((48, 64, 3), (120, 160, 230), np.uint8)
    cv2.rectangle(picture, (0, 30), (64, 48), (60, 140, 50), -1)
    cv2.circle(picture, (10 + 8 * number, 28), 7, (200, 40, 40), -1)
    return picture


def faded(number: int) -> NDArray[np.uint8]:
    """Half of the color gone."""
    picture = drawing(number).astype(float)
    return np.rint((picture + picture.mean(axis=-1, keepdims=True)) / 2).astype(np.uint8)


def swapped(number: int) -> NDArray[np.uint8]:
    """Red and blue exchanged."""
    return drawing(number)[..., ::-1].copy()


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    made = {}
    for name, draw in (("truth", drawing), ("faded", faded), ("swapped", swapped), ("first", drawing)):
        made[name] = tmp_path / name
        made[name].mkdir()
        for number in range(FRAMES):
            cv2.imwrite(str(made[name] / f"{number:06}.png"), draw(number)[..., ::-1])
    return made


# --- metrics, against numbers computed otherwise ---


@pytest.fixture
def noisy() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    truth = np.repeat(np.repeat(rng.normal(0, 30, (6, 8, 2)), 4, 0), 4, 1)
    return truth, truth + rng.normal(0, 1, truth.shape)


def test_perceivable_artifacts_unit(noisy: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    """Equation 8.4, neighbor by neighbor, in loops."""

    def even(ab: NDArray[np.float64], row: int, column: int) -> bool:
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            y, x = row + down, column + right
            if 0 <= y < ab.shape[0] and 0 <= x < ab.shape[1] and np.hypot(*(ab[y, x] - ab[row, column])) >= 2:
                return False
        return True

    truth, colored = noisy
    places = [(y, x) for y in range(24) for x in range(32) if even(truth, y, x)]
    kept = [place for place in places if even(colored, *place)]
    assert 0.1 < 1 - len(kept) / len(places) < 0.9
    assert metrics.perceivable_artifacts(truth, colored) == pytest.approx(1 - len(kept) / len(places))
    assert metrics.perceivable_artifacts(truth, truth) == 0
    rough = np.random.default_rng(1).normal(0, 50, (8, 8, 2))
    assert metrics.perceivable_artifacts(rough, rough) == 0


def test_even_pixels_have_even_neighbors(noisy: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    """In a picture of flat 4x4 blocks, exactly the pixels off every border are evenly colored."""
    cross = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    blocks = np.add.outer(np.arange(24) // 4 * 8, np.arange(32) // 4)
    border = maximum_filter(blocks, footprint=cross) != -maximum_filter(-blocks, footprint=cross)
    np.testing.assert_array_equal(metrics._evenly_colored(noisy[0]), ~border)


def test_colorfulness_unit() -> None:
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (9, 7, 3)).astype(np.uint8)
    values = [tuple(map(float, pixel)) for pixel in rgb.reshape(-1, 3)]
    rg, yb = [r - g for r, g, _ in values], [0.5 * (r + g) - b for r, g, b in values]
    deviation = (np.var(rg) + np.var(yb)) ** 0.5
    assert metrics.colorfulness(rgb) == pytest.approx(deviation + 0.3 * (np.mean(rg) ** 2 + np.mean(yb) ** 2) ** 0.5)
    assert metrics.colorfulness(np.full((4, 4, 3), 90, np.uint8)) == 0


def test_difference_and_raw_accuracy_unit() -> None:
    truth = np.zeros((1, 4, 3), np.uint8)
    colored = np.array([[[0, 0, 0], [12, 16, 0], [12, 16, 1], [255, 255, 255]]], np.uint8)
    assert metrics.raw_accuracy(truth, colored) == 0.5  # distances 0, 20, 20.02, 442
    assert metrics.difference(truth, colored) == pytest.approx(100 * (28 + 29 + 765) / 255 / 12)
    assert metrics.difference(colored, truth) == metrics.difference(truth, colored)  # no wrapping around


def test_area_under_curve_unit(noisy: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    truth, colored = noisy[0], noisy[0] + np.array([29.94, 39.92])
    bins = color.encode_bins(truth.astype(np.float32))[0][..., 0]
    counts = metrics.ab_error_counts(truth, colored, bins)
    assert counts.sum() == 24 * 32
    # A distance of 49.9 everywhere: 0 up to a threshold of 49, 1 from 50 on, a line between.
    assert metrics.area_under_curve(counts) == pytest.approx((0.5 + 100) / 150)
    half = truth.copy()
    chosen = bins == bins[0, 0]
    half[~chosen] += np.array([29.94, 39.92])
    counts = metrics.ab_error_counts(truth, half, bins)
    weights = np.ones(313)
    weights[bins[0, 0]] = 7
    share = 7 * chosen.sum() / (7 * chosen.sum() + (~chosen).sum())
    assert metrics.area_under_curve(counts, weights) == pytest.approx(share + (1 - share) * 100.5 / 150)


def test_structural_similarity_unit() -> None:
    """Against the definition, with SciPy's Gaussian, for one channel repeated."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (32, 40)).astype(np.uint8)
    second = np.clip(first + rng.normal(0, 20, first.shape), 0, 255).astype(np.uint8)

    def blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return gaussian_filter(values, 1.5, truncate=3.5)

    a, b = first.astype(float), second.astype(float)
    mean_a, mean_b = blur(a), blur(b)
    var_a, var_b, both = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2, blur(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ssim = (2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    expected = ssim[5:-5, 5:-5].mean()
    repeated = [np.repeat(picture[..., None], 3, axis=-1) for picture in (first, second)]
    assert metrics.structural_similarity(*repeated) == pytest.approx(expected, abs=1e-6)


# --- evaluate ---


def test_every_number_of_the_result(folders: dict[str, Path]) -> None:
    result = evaluate(folders["truth"], [folders["faded"], folders["swapped"]])
    assert (result.frames, result.size) == (FRAMES, SIZE)
    assert list(result.rows) == ["faded", "swapped", "gray", "truth"]
    for name, draw in (("faded", faded), ("swapped", swapped)):
        pairs = [(drawing(number), draw(number)) for number in range(FRAMES)]
        labs = [(color.rgb_to_lab(true)[..., 1:], color.rgb_to_lab(other)[..., 1:]) for true, other in pairs]
        expected = {
            "rmse": np.mean([metrics.alpha_beta_rmse(*pair) for pair in pairs]),
            "psnr": np.mean([metrics.psnr(*pair) for pair in pairs]),
            "pa": np.mean([metrics.perceivable_artifacts(*pair) for pair in labs]),
            "ciede2000": np.mean([metrics.ciede2000(*pair) for pair in pairs]),
            "chroma_psnr": 10 * np.log10(1e4 / np.mean([(true - other) ** 2 for true, other in labs])),
            "ssim": np.mean([metrics.structural_similarity(*pair) for pair in pairs]),
            "raw_accuracy": np.mean([metrics.raw_accuracy(*pair) for pair in pairs]),
            "difference": np.mean([metrics.difference(*pair) for pair in pairs]),
            "colorfulness": np.mean([metrics.colorfulness(other) for _, other in pairs]),
        }
        for metric, value in expected.items():
            assert result.colorized[name][metric] == pytest.approx(value, rel=1e-5), metric
    exact = result.baselines["truth"]
    assert [exact[name] for name in ("rmse", "pa", "ciede2000", "difference")] == [0, 0, 0, 0]
    assert [exact[name] for name in ("ssim", "auc", "auc_rebalanced", "raw_accuracy")] == pytest.approx([1, 1, 1, 1])
    assert result.baselines["gray"]["colorfulness"] < 1
    assert set(exact) == {metric.name for metric in METRICS}


def test_files(folders: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "plain"
    run.mkdir()
    (run / "plain.csv").write_text("pictures,loss\n16,4.0\n32,2.0\n48,1.5\n")
    out = tmp_path / "out"
    result = evaluate(folders["truth"], [folders["faded"], folders["swapped"]], out, runs=[run])
    figures = {f"{stem}{suffix}" for stem in ("cumulative_errors", "training_curves") for suffix in (".png", ".pdf")}
    tables = {"table.md", "table.csv", "table.tex", "metrics.json"}
    assert {path.name for path in out.iterdir()} == figures | tables | {"grid.png", "side_by_side.mkv", "report.html"}
    assert json.loads((out / "metrics.json").read_text()) == result.to_json()

    with (out / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["faded", "swapped", "gray", "truth"]
    assert float(rows[1]["rmse"]) == result.colorized["swapped"]["rmse"]
    markdown = (out / "table.md").read_text().splitlines()
    assert markdown[2].startswith(f"| faded | **{result.colorized['faded']['rmse']:.4f}** |")
    assert (out / "table.tex").read_text().count(r"\textbf") == len(METRICS)

    page = (out / "report.html").read_text()
    for text in (*result.rows, *(metric.label for metric in METRICS), "side_by_side.mkv"):
        assert text in page
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page
    grid = cv2.imread(str(out / "grid.png"))
    assert grid.shape[:2] == (20 + FRAMES * 180, 4 * 240)
    film = probe(out / "side_by_side.mkv")
    assert (film.width, film.height) == (2 * 240, 2 * 200)
    assert sum(1 for _ in read(film)) == FRAMES


def test_films_and_every_nth_frame(folders: dict[str, Path], tmp_path: Path) -> None:
    films = {}
    for name, draw in (("truth", drawing), ("faded", faded)):
        films[name] = tmp_path / f"{name}.mkv"
        compose(films[name], (rgb_to_planes(draw(number)) for number in range(FRAMES)), rate=Fraction(25))
    told: list[tuple[int, int | None]] = []
    result = evaluate(
        films["truth"], [films["faded"]], every=2, size=(32, 24), progress=lambda *seen: told.append(seen)
    )
    assert (result.frames, result.size) == (3, (32, 24))
    assert [done for done, _ in told] == [1, 2, 3, 4, 5]
    pictures = evaluate(folders["truth"], [folders["faded"]], every=2, size=(32, 24))
    assert result.colorized["faded"]["ciede2000"] == pytest.approx(pictures.colorized["faded"]["ciede2000"], abs=0.5)


@pytest.fixture
def films(tmp_path: Path) -> dict[str, Path]:
    """The colored one is right in every other frame."""
    made = {"truth": tmp_path / "truth.mkv", "faded": tmp_path / "faded.mkv"}
    for path, draws in zip(made.values(), ((drawing, drawing), (faded, drawing)), strict=True):
        compose(path, (rgb_to_planes(draws[number % 2](number)) for number in range(FRAMES)), rate=Fraction(25))
    return made


def write_index(path: Path, decisions: list[str]) -> Path:
    rows = [Row(i, i, Fraction(1, 25), each, None, None, None, 0) for i, each in enumerate(decisions)]  # type: ignore[arg-type]
    write_rows(path, rows)
    return path


def test_only_frames_that_the_index_keeps_are_compared(films: dict[str, Path], tmp_path: Path) -> None:
    index = write_index(tmp_path / "truth.csv", ["credits", "kept", "duplicate", "fade", "kept"])
    result = evaluate(films["truth"], [films["faded"]], tmp_path / "out", index=index)
    alone = [evaluate(films["truth"], [films["faded"]], index=_only(tmp_path, number)) for number in (1, 4)]
    assert result.frames == 2
    assert probe(tmp_path / "out" / "side_by_side.mkv").frames == FRAMES
    expected = np.mean([each.colorized["faded"]["rmse"] for each in alone])
    assert result.colorized["faded"]["rmse"] == pytest.approx(expected)
    assert alone[0].colorized["faded"]["rmse"] != alone[1].colorized["faded"]["rmse"]


def _only(folder: Path, number: int) -> Path:
    return write_index(folder / f"{number}.csv", ["kept" if i == number else "duplicate" for i in range(FRAMES)])


def test_an_index_that_keeps_nothing_is_told(films: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none of the frames of .*truth\.mkv was to be compared"):
        evaluate(films["truth"], [films["faded"]], index=write_index(tmp_path / "none.csv", ["credits"] * FRAMES))


def test_the_report_shows_what_is_attached(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "transfer").mkdir()
    table, picture = tmp_path / "transfer" / "table.csv", folders["swapped"] / "000000.png"
    table.write_text("method,psnr\nwelsh & co,15.123456\n")
    evaluate(folders["truth"], [folders["faded"]], tmp_path / "out", attached=[table, picture])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h2>Transfer: table</h2>\n<table><tr><th>method</th><th>psnr</th></tr>" in page
    assert "<tr><td>welsh &amp; co</td><td>15.12</td></tr>" in page
    assert b64encode(picture.read_bytes()).decode() in page


def test_baselines_unit(folders: dict[str, Path]) -> None:
    """Learned from the very pictures that are compared."""
    training = sorted(folders["truth"].glob("*.png"))
    result = evaluate(folders["truth"], [folders["faded"]], training=training)
    assert list(result.baselines) == ["gray", "mean a, b", "mean a, b for this L", "nearest training frame", "truth"]
    errors = {name: values["ciede2000"] for name, values in result.baselines.items()}
    assert errors["nearest training frame"] < 1  # each is its own nearest
    assert errors["mean a, b for this L"] < errors["mean a, b"]
    ab = np.concatenate([color.rgb_to_lab(drawing(number))[..., 1:].reshape(-1, 2) for number in range(FRAMES)])
    spread = float(((ab - ab.mean(axis=0)) ** 2).mean())
    assert result.baselines["mean a, b"]["chroma_psnr"] == pytest.approx(10 * np.log10(1e4 / spread), abs=0.5)


def test_evaluate_exception(folders: dict[str, Path], tmp_path: Path) -> None:
    truth, faded_ = folders["truth"], folders["faded"]
    with pytest.raises(SettingsError, match="every must be at least 1"):
        evaluate(truth, [faded_], every=0)
    with pytest.raises(SettingsError, match=r"an index counts the frames of a film, but .*truth is a folder"):
        evaluate(truth, [faded_], index=tmp_path / "truth.csv")
    for wrong in (tmp_path / "gone.png", truth):
        with pytest.raises(InputError, match=f"{wrong.name} can't be shown in a report"):
            evaluate(truth, [faded_], tmp_path / "out", attached=[wrong])
    (faded_ / "000004.png").unlink()
    with pytest.raises(InputError, match=r"faded has 4 frames, fewer than .*truth"):
        evaluate(truth, [faded_])
    with pytest.raises(InputError, match=r"truth has more frames than the 4"):
        evaluate(faded_, [truth])
    (faded_ / "000000.png").rename(faded_ / "000009.png")
    with pytest.raises(InputError, match=r"has 000001\.png where .* has 000000\.png"):
        evaluate(truth, [faded_])
    cv2.imwrite(str(folders["first"] / "000000.png"), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InputError, match=r"first is 20x20, .*truth is 64x48"):
        evaluate(truth, [folders["first"]])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no \.png files in"):
        evaluate(tmp_path / "empty", [truth])
    with pytest.raises(InputError, match="no curves"):
        evaluate(truth, [folders["swapped"]], tmp_path / "out", runs=[tmp_path / "empty"])
