"""What references bring, measured in memory, is what a rendered film shows."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import films
import numpy as np
import pytest
import squares
from skimage.color import deltaE_ciede2000, rgb2lab

from benchmarks import references as benchmark
from cartoon_color.config import EncoderSettings
from cartoon_color.frames import RGB
from cartoon_color.inspection import suggest
from cartoon_color.painter import Painter
from cartoon_color.references import read_references
from cartoon_color.render import render
from cartoon_color.video import probe, read_color

DRAWINGS = 6
"""Of each of two shots; each drawing is shown twice."""
EVERY = 5


def made(path: Path, seeds: tuple[int, ...], u: int) -> Path:
    """A square of its own color that moves, in a shot for each of the seeds, the second one as a negative."""
    pictures = []
    for shot, seed in enumerate(seeds):
        for number in range(DRAWINGS):
            picture = av.VideoFrame(squares.SIZE[1], squares.SIZE[0], "yuv420p")
            films.fill(picture, 0, squares.luma(number, seed) ^ np.uint8(255 * shot))
            rows, columns = squares.place(number)
            for plane, (ground, square) in enumerate(((u, 100), (110 + 9 * seed, 170)), start=1):
                codes = np.full(squares.SIZE, ground, np.uint8)
                codes[rows, columns] = square
                films.fill(picture, plane, codes[::2, ::2])
            pictures += [picture, picture]
    return films.make(path, pictures)


def seen(film: Path) -> list[RGB]:
    return [rgb for _, rgb in read_color(probe(film))]


def test_places_by_hand() -> None:
    assert benchmark.evenly(100, 1) == [50]
    assert benchmark.evenly(770, 5) == [77, 231, 385, 539, 693]


def test_figures_are_those_of_a_rendered_film(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "NUMBERS", (2, 5))  # fewer films, less time
    film, other = made(tmp_path / "film.mkv", (1, 2), 150), films.plain(tmp_path / "other.mkv", 4, size=squares.SIZE)
    words = ["--truth", str(film), "--other", str(other), "--weights", str(weights), "--every", str(EVERY)]
    benchmark.main([str(film), *words])
    printed = capsys.readouterr()
    rows = {row["references"]: row for row in json.loads(printed.out.splitlines()[-1])["rows"]}
    assert len(rows) == 7
    assert all(name in printed.out for name in rows)

    for number in (2, 5):
        out = tmp_path / f"{number}_to_paint"
        chosen = suggest([film], out, Painter([weights], device="cpu"), number=number).suggestions
        assert rows[f"{number} suggested"]["frames"] == [each.frame for each in chosen]
    assert rows["the middle of each shot"]["frames"] == [DRAWINGS, 3 * DRAWINGS]

    truth, row = seen(film), rows["2 evenly spaced"]
    paths = [tmp_path / f"frame_{index:06}.png" for index in row["frames"]]
    for path, index in zip(paths, row["frames"], strict=True):
        cv2.imwrite(str(path), truth[index][..., ::-1])
    painter = Painter([weights], references=read_references(paths), device="cpu")
    render(film, tmp_path / "out.mkv", painter, EncoderSettings("ffv1"))
    pairs = list(zip(truth, seen(tmp_path / "out.mkv"), strict=True))[::EVERY]
    errors = [np.mean((true.astype(float) - colored) ** 2) for true, colored in pairs]
    assert row["psnr"] == pytest.approx(np.mean(10 * np.log10(255**2 / np.array(errors))), abs=0.01)
    labs = [(rgb2lab(true), rgb2lab(colored)) for true, colored in pairs]
    error = np.mean([(true[..., 1:] - colored[..., 1:]) ** 2 for true, colored in labs])
    assert row["chroma_psnr"] == pytest.approx(10 * np.log10(100**2 / error), abs=0.02)
    ciede = np.mean([deltaE_ciede2000(true, colored) for true, colored in labs])
    assert row["ciede2000"] == pytest.approx(ciede, abs=0.01)

    assert row["psnr"] > rows["no reference"]["psnr"] + 3
    figures = ("frames", "psnr", "chroma_psnr", "ciede2000")
    assert [rows["a frame of another film"][key] for key in figures] == [rows["no reference"][key] for key in figures]
    assert "shows no frame of" in printed.err


def test_a_shorter_truth_is_told(tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film, short = made(tmp_path / "film.mkv", (1, 2), 150), made(tmp_path / "short.mkv", (1,), 150)
    with pytest.raises(SystemExit):
        benchmark.main([str(film), "--truth", str(short), "--weights", str(weights)])
    assert "has fewer frames than the 24" in capsys.readouterr().err
