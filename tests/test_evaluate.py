"""Colorized films and pictures against the truth."""

from __future__ import annotations

import csv
import json
import sys
from base64 import b64encode
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner
from typer.testing import Result as Answer

from cartoon_color import cli, color, metrics
from cartoon_color.dataset.index import Row, write_rows
from cartoon_color.errors import CartoonColorError, InputError, MissingExtraError, OutputError, SettingsError
from cartoon_color.evaluation import evaluate
from cartoon_color.evaluation.figures import training_curves
from cartoon_color.evaluation.scores import METRICS, PICTURE_METRICS
from cartoon_color.evaluation.tables import Result
from cartoon_color.video import probe, read
from cartoon_color.video.compose import compose, rgb_to_planes

FRAMES = 5
SIZE = (64, 48)
SINDBAD = Path(__file__).parents[1] / "datasets" / "sindbad.toml"


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
        distances = np.concatenate([np.linalg.norm(true - other, axis=-1).ravel() for true, other in labs])
        within = [np.mean(distances <= threshold) for threshold in range(151)]
        expected["auc"] = (sum(within) - (within[0] + within[-1]) / 2) / 150
        for metric, value in expected.items():
            assert result.colorized[name][metric] == pytest.approx(value, rel=1e-5), metric
        # Three colors far from each other, so nothing is smoothed: each weighs the same.
        bins = np.concatenate([color.encode_bins(true)[0][..., 0].ravel() for true, _ in labs])
        curves = np.array([[np.mean(distances[bins == each] <= at) for at in range(151)] for each in np.unique(bins)])
        assert len(curves) == 3
        balanced = np.trapezoid(curves.mean(axis=0)) / 150
        assert result.colorized[name]["auc_rebalanced"] == pytest.approx(balanced, abs=1e-3)
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
    assert (out / "table.tex").read_text().count(r"\textbf") == sum(len(result.best(metric)) for metric in METRICS)

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


def test_without_matplotlib_there_is_still_a_table(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib.*'cartoon-color\[evaluate\]', or leave --out out"):
        evaluate(folders["truth"], [folders["faded"]], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "| faded |" in evaluate(folders["truth"], [folders["faded"]]).to_markdown()


def test_names_of_rows_are_told_apart(folders: dict[str, Path]) -> None:
    taken = folders["faded"].rename(folders["faded"].with_name("gray"))
    result = evaluate(folders["truth"], [taken])
    assert list(result.rows) == [f"{taken.parent.name}/gray", "gray", "truth"]
    assert result.baselines["gray"]["colorfulness"] < 1 < result.colorized[f"{taken.parent.name}/gray"]["colorfulness"]
    with pytest.raises(InputError, match="two of the inputs have the same name"):
        evaluate(folders["truth"], [taken, taken])


def test_the_best_is_bold(folders: dict[str, Path]) -> None:
    result = evaluate(folders["truth"], [folders["swapped"], folders["faded"], folders["first"]], flicker=False)
    lines = {line.split(" | ")[0].strip("| "): line for line in result.to_markdown().splitlines()}
    assert lines["first"].count("**") == 2 * len(PICTURE_METRICS)  # it is the truth
    assert lines["faded"].count("**") == lines["swapped"].count("**") == 2  # as even as the truth, so PA is 0
    assert all("**" not in lines[name] for name in ("gray", "truth"))
    assert lines["truth"].count("exact") == 2
    two = evaluate(folders["truth"], [folders["swapped"], folders["faded"]])
    best = {metric.name: two.best(metric) for metric in METRICS}
    assert best["color_switch"] == {"faded", "swapped"}
    assert best["rmse"] == best["psnr"] == {"faded"}
    assert best["pa"] == {"faded", "swapped"}
    own = two.baselines["truth"]["colorfulness"]
    off = {name: abs(values["colorfulness"] - own) for name, values in two.colorized.items()}
    assert off["swapped"] < off["faded"]
    assert best["colorfulness"] == {"swapped"}


def test_names_are_escaped() -> None:
    values = {metric.name: 1.0 for metric in METRICS}
    result = Result("truth.mkv", 1, SIZE, {"a_b & 50 % | c": values}, {"truth": values})
    assert r"a\_b \& 50 \% | c & " in result.to_latex()
    assert r"| a_b & 50 % \| c | " in result.to_markdown()


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    """Are measured as they are, and shown as they are displayed: 64x48 with pixels 3:2 as 2:1."""
    film = tmp_path / "wide.mov"
    with av.open(str(film), "w") as output:
        stream = output.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        stream.codec_context.sample_aspect_ratio = Fraction(3, 2)
        for number in range(2):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(drawing(number), "rgb24")))
        output.mux(stream.encode(None))
    result = evaluate(film, [film], tmp_path / "out")
    assert result.size == SIZE
    assert cv2.imread(str(tmp_path / "out" / "grid.png")).shape[:2] == (20 + 2 * 180, 3 * 360)


def test_what_cannot_be_written(folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file can't be written .*; choose another folder with --out"):
        evaluate(folders["truth"], [folders["faded"]], tmp_path / "file")
    out = tmp_path / "out"
    out.mkdir()
    (out / "table.md").write_text("an older one")

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="No space left on device"):
        evaluate(folders["truth"], [folders["faded"]], out)
    assert (out / "table.md").read_text() == "an older one"
    assert {path.name for path in out.iterdir()} == {"side_by_side.mkv", "table.md"}


def test_curves_of_a_training_that_is_under_way(tmp_path: Path) -> None:
    run = tmp_path / "plain"
    run.mkdir()
    (run / "plain.csv").write_text("pictures,loss\n16,4.0\n32,2.0\n48")
    assert set(training_curves([run])) == {"training_curves.png", "training_curves.pdf"}
    (run / "plain.csv").write_text("name,colors\nred,2\n")
    with pytest.raises(InputError, match=r"plain\.csv holds no curve; give a folder that train wrote"):
        training_curves([run])


def test_command(folders: dict[str, Path], tmp_path: Path) -> None:
    def answer(*words: object) -> Answer:
        return CliRunner().invoke(cli.app, ["evaluate", *map(str, words)])

    given = ("--truth", folders["truth"], folders["faded"])
    expected = evaluate(folders["truth"], [folders["faded"]], every=2, size=(32, 24))
    assert json.loads(answer(*given, "--json", "--every", 2, "--size", "32x24").stdout) == expected.to_json()
    printed = answer(*given, "--out", tmp_path / "out", "--quiet").stdout
    assert printed == (tmp_path / "out" / "table.md").read_text() + f"{tmp_path / 'out' / 'report.html'}\n"
    for words, sentence in (
        (("--size", "big"), "--size takes a width and a height like 160x120, not 'big'"),
        (("--dataset", tmp_path), "--dataset says where the pictures of a manifest are; give --manifest, too"),
        (("--manifest", SINDBAD), "there are no pictures of the episode 'popeye_sindbad_p1' in dataset, or"),
    ):
        error = answer(*given, *words).exception
        assert isinstance(error, CartoonColorError)
        assert sentence in str(error)


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
    rows = [Row(i, i, Fraction(1, 25), each, None, None, None, 0, False) for i, each in enumerate(decisions)]  # type: ignore[arg-type]
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
    with pytest.raises(SettingsError, match="at 11x11 pixels at least, not at 20x10; use --size"):
        evaluate(truth, [faded_], size=(20, 10))
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
