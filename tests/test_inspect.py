"""Inspecting a film: the work list and the pictures of shots say what is in it, whatever its length."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import cv2
import films
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2lab
from typer.testing import CliRunner

from cartoon_color import cli
from cartoon_color.compare import STRIP
from cartoon_color.errors import InputError, OutputError, TruncatedError
from cartoon_color.frames import RGB, Frame, VideoInfo
from cartoon_color.inspection import ShotRow, inspect
from cartoon_color.inspection.picture import HEIGHT, track_colors
from cartoon_color.inspection.timeline import MARGIN, ROWS, Timeline
from cartoon_color.inspection.worklist import to_csv
from cartoon_color.painter import Painter
from cartoon_color.stages.vote import Voted
from cartoon_color.streams import Stage, batched

SHOTS = (16, 12)
"""Frames; each drawing is held for two."""
WIDTH = 128


def drawing(shot: int, number: int) -> NDArray[np.uint8]:
    """(96, 128): a still ground with a still box, and a ball that moves."""
    picture = np.full((96, WIDTH), (200, 90)[shot], np.uint8)
    picture[60:] = (120, 230)[shot]
    cv2.rectangle(picture, (8, 8), (40, 44), (90, 160)[shot], -1)
    cv2.rectangle(picture, (8, 8), (40, 44), 10, 2)
    cv2.circle(picture, (60 + 4 * number, 30), 14, (240, 40)[shot], -1)
    cv2.circle(picture, (60 + 4 * number, 30), 14, 10, 2)
    return picture


def make(path: Path, drawings: Iterable[NDArray[np.uint8]]) -> Path:
    """A film whose time stamps begin at a second."""
    pictures = []
    for codes in drawings:
        picture = av.VideoFrame(WIDTH, 96, "gray")
        films.fill(picture, 0, codes)
        pictures.append(picture)
    return films.make(path, pictures, pts=[1000 + 40 * number for number in range(len(pictures))])


@pytest.fixture(scope="module")
def painter(weights: Path) -> Painter:
    return Painter([weights], device="cpu")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    drawings = [drawing(shot, number // 2) for shot, frames in enumerate(SHOTS) for number in range(frames)]
    return make(tmp_path_factory.mktemp("film") / "film.mkv", drawings)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory, film: Path, painter: Painter) -> Path:
    out = tmp_path_factory.mktemp("inspected") / "new"
    summary = inspect(film, out, painter)
    assert (summary.frames, summary.drawings, summary.shots, summary.frames_lost) == (28, 14, 2, 0)
    return out


def worklist(out: Path) -> list[dict[str, str]]:
    with (out / "worklist.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def picture(path: Path) -> RGB:
    return np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1]


# --- a whole film ---


def test_each_shot_has_its_line_and_its_picture(inspected: Path) -> None:
    assert {path.name for path in inspected.iterdir()} == {"worklist.csv", "shot-0000.png", "shot-0001.png"}
    rows = sorted(worklist(inspected), key=lambda row: row["shot"])
    assert [(row["first_frame"], row["last_frame"], row["drawings"]) for row in rows] == [
        ("0", "15", "8"),
        ("16", "27", "6"),
    ]


class Told:
    """In place of a painter: confidence and tracks as given for each drawing, 4x6; two frames a drawing."""

    smooth = "tracks"
    variants = ("told",)
    lookahead = 4

    def __init__(self, confidence: NDArray[np.float32], tracks: NDArray[np.int32]) -> None:
        self.confidence = confidence
        self.tracks = tracks

    def stages(self, info: VideoInfo, watch: Callable[[Voted], None]) -> list[Stage]:
        self.watch = watch
        return [self]

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for held in batched(frames, self.lookahead):
            marked = [
                frame.with_(
                    shot=int(frame.index >= SHOTS[0]),
                    drawing=frame.index // 2 * 2,
                    chroma=np.zeros((*frame.luma.shape, 2), np.float32),
                )
                for frame in held
            ]
            for frame in marked[::2]:
                number, gray, ab = frame.index // 2, np.zeros((4, 6), np.uint8), np.zeros((4, 6, 2), np.float32)
                tracks = self.tracks[number]
                self.watch(Voted(frame.index, frame.shot, gray, tracks, tracks, ab, ab, self.confidence[number]))
            yield from marked


def test_worklist_says_how_sure_each_shot_is(tmp_path: Path, film: Path) -> None:
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0, 0.6, (14, 4, 6)).astype(np.float32)
    confidence[5] -= confidence[5] / 2  # the least confident of its shot, as is ...
    confidence[12] *= confidence[12]
    tracks = np.ones((14, 4, 6), np.int32)
    tracks[2, 1:] = tracks[9] = 0  # nothing is drawn there
    summary = inspect(film, tmp_path, cast(Painter, Told(confidence, tracks)))
    expected = []
    for shot, first, frames, shown in ((0, 0, 16, 10), (1, 16, 12, 24)):
        own = slice(first // 2, (first + frames) // 2)
        drawn = confidence[own].astype(np.float64)[tracks[own] > 0]
        expected.append((shot, first, first + frames - 1, 0.04 * first, frames // 2, drawn.mean(), drawn, shown))
    for row, wanted in zip(worklist(tmp_path), sorted(expected, key=lambda row: row[5]), strict=True):
        unsure = np.count_nonzero(wanted[6] < 0.2) / len(wanted[6])
        assert [float(cell) for cell in row.values()] == pytest.approx([*wanted[:6], unsure, wanted[7]], abs=6e-5)
    assert summary.confidence == pytest.approx((8 * expected[0][5] + 6 * expected[1][5]) / 14, abs=1e-6)


def test_dissolves_are_not_inspected(tmp_path: Path, painter: Painter) -> None:
    one, other = (drawing(shot, 0).astype(float) for shot in range(2))
    mixed = [(1 - step / 9) * one + step / 9 * other for step in range(1, 9)]
    pictures = [np.rint(luma).astype(np.uint8) for luma in [one] * 20 + mixed + [other] * 20]
    summary = inspect(make(tmp_path / "film.mkv", pictures), tmp_path / "out", painter)
    assert (summary.frames, summary.shots) == (48, 2)
    lines = sorted((int(row["first_frame"]), int(row["last_frame"])) for row in worklist(tmp_path / "out"))
    assert lines == [(0, 19), (28, 47)]


def test_a_shot_that_shows_nothing_comes_last(tmp_path: Path, film: Path) -> None:
    tracks = np.ones((14, 4, 6), np.int32)
    tracks[:8] = 0
    inspect(film, tmp_path, cast(Painter, Told(np.full((14, 4, 6), 0.9, np.float32), tracks)))
    assert [(row["shot"], row["confidence"], row["unsure"]) for row in worklist(tmp_path)] == [
        ("1", "0.9000", "0.0000"),
        ("0", "1.0000", "0.0000"),
    ]


def test_pictures_show_six_views_and_the_timeline(inspected: Path) -> None:
    for shot in range(2):
        shown = picture(inspected / f"shot-{shot:04}.png")
        top = 3 * STRIP + HEIGHT
        assert shown.shape[1] == 3 * 320
        rows = (len(shown) - top - HEIGHT - STRIP) // 18 - 1
        assert 4 <= rows <= ROWS
        assert len(shown) == top + HEIGHT + STRIP + (rows + 1) * 18
        first, below = shown[2 * STRIP : 2 * STRIP + HEIGHT], shown[top : top + HEIGHT]
        gray = first[:, :320]
        assert not np.ptp(gray, axis=-1).any()
        held = next(int(row["shown_frame"]) for row in worklist(inspected) if row["shot"] == str(shot))
        codes = drawing(shot, (held - shot * SHOTS[0]) // 2)
        source = cv2.resize(codes.astype(np.float32), (320, HEIGHT), interpolation=cv2.INTER_AREA)
        np.testing.assert_allclose(gray[..., 0], source, atol=1)
        for colored in (first[:, 320:640], below[:, :320], below[:, 320:640]):
            luma = colored @ np.array([0.299, 0.587, 0.114])
            np.testing.assert_allclose(luma, source, atol=3)
            assert np.ptp(colored, axis=-1).mean() > 3


def test_still_regions_have_one_color_in_the_timeline(inspected: Path) -> None:
    shown = picture(inspected / "shot-0000.png")
    top = 4 * STRIP + 2 * HEIGHT
    for row in range(2):  # wall and floor, the largest
        line = shown[top + (row + 1) * 18 + 7, MARGIN : MARGIN + 8 * 24].astype(int)
        assert np.ptp(line, axis=0).max() <= 2
        assert np.ptp(line[0]) > 3
        assert line.min() < 250


def test_another_inspection_is_not_mixed_with(tmp_path: Path, film: Path, painter: Painter) -> None:
    stale, own = tmp_path / "shot-0077.png", tmp_path / "notes.txt"
    stale.write_bytes(b"old")
    own.write_text("mine")
    with pytest.raises(OutputError, match=r"holds another inspection \(shot-0077.png\); .* --overwrite"):
        inspect(film, tmp_path, painter)
    assert stale.read_bytes() == b"old"
    inspect(film, tmp_path, painter, overwrite=True)
    assert not stale.exists()
    assert own.read_text() == "mine"
    assert len(worklist(tmp_path)) == 2


def test_bad_films_leave_nothing(tmp_path: Path, painter: Painter) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="there is no file"):
        inspect(tmp_path / "nothing.mkv", out, painter)
    with pytest.raises(InputError, match="interlaced"):
        inspect(films.interlaced(tmp_path / "fields.mkv"), out, painter)
    assert not out.exists()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="can't be written"):
        inspect(films.plain(tmp_path / "film.mkv", 2), tmp_path / "file", painter)


def test_a_broken_film_is_seen_as_far_as_it_goes(tmp_path: Path, painter: Painter) -> None:
    content = make(tmp_path / "film.mkv", (drawing(0, number // 10) for number in range(100))).read_bytes()
    (tmp_path / "film.mkv").write_bytes(content[: int(0.6 * len(content))])
    with pytest.raises(TruncatedError):
        inspect(tmp_path / "film.mkv", tmp_path / "out", painter)
    assert not (tmp_path / "out" / "worklist.csv").exists()
    summary = inspect(tmp_path / "film.mkv", tmp_path / "out", painter, keep_going=True, overwrite=True)
    assert summary.frames_lost
    assert 40 < summary.frames < 80
    rows = worklist(tmp_path / "out")
    assert sum(int(row["last_frame"]) - int(row["first_frame"]) + 1 for row in rows) == summary.frames


def test_only_votes_can_be_inspected(tmp_path: Path, film: Path, weights: Path) -> None:
    with pytest.raises(ValueError, match="flow"):
        inspect(film, tmp_path, Painter([weights], smooth="flow", device="cpu"))


def test_command(tmp_path: Path, film: Path, weights: Path) -> None:
    words = ["inspect", str(film), "--out", str(tmp_path / "out"), "--weights", str(weights), "--device", "cpu"]
    result = CliRunner().invoke(cli.app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["variants"] == ["compact"]
    rows = worklist(tmp_path / "out")
    assert (summary["shots"], summary["frames"], summary["drawings"]) == (2, 28, 14)
    mean = sum(float(row["confidence"]) * int(row["drawings"]) for row in rows) / 14
    assert summary["confidence"] == pytest.approx(mean, abs=2e-4)
    result = CliRunner().invoke(cli.app, [*words, "--quiet", "--overwrite"])
    assert result.stdout.startswith(f"{tmp_path / 'out' / 'worklist.csv'}: 2 shots, 14 drawings, confidence 0.")


# --- the parts ---


def test_worklist_is_sorted_by_confidence() -> None:
    rows = [
        ShotRow(number, 10 * number, 10 * number + 9, Fraction(10 * number, 24), 5, confidence, 0.25, 10 * number + 2)
        for number, confidence in enumerate((0.5, 0.25, 1.0, 0.25))
    ]
    lines = to_csv(rows).splitlines()
    assert lines[0] == "shot,first_frame,last_frame,start_seconds,drawings,confidence,unsure,shown_frame"
    assert [line.split(",")[0] for line in lines[1:]] == ["1", "3", "0", "2"]
    assert lines[1] == "1,10,19,0.417,5,0.2500,0.2500,12"


def halves(left: int, right: int) -> NDArray[np.int32]:
    """Tracks (20, 40), the left one larger."""
    tracks = np.full((20, 40), right, np.int32)
    tracks[:, :24] = left
    return tracks


def test_timeline_shows_flicker_as_stripes() -> None:
    timeline = Timeline()
    luma = np.full((20, 40), 100, np.uint8)
    for number in range(6):
        chroma = np.full((20, 40, 2), 20, np.float32)
        chroma[:, 24:] = (-30, 10) if number % 2 else (30, 10)
        # Light that changes is the film's own affair.
        timeline.add(halves(7, 3), luma + np.uint8(10 * number), chroma)
    assert timeline.rows() == [7, 3]
    cells, seen = timeline.cells()
    assert seen.all()
    assert (cells[0] == cells[0, 0]).all()
    assert (cells[1, ::2] == cells[1, 0]).all()
    assert (cells[1, 1::2] == cells[1, 1]).all()
    ab = rgb2lab(np.stack([cells[0, 0], cells[1, 0], cells[1, 1]])[None])[0, :, 1:]
    np.testing.assert_allclose(ab, [(20, 20), (30, 10), (-30, 10)], atol=1)
    np.testing.assert_allclose(cells @ np.array([0.299, 0.587, 0.114]), 125, atol=1)  # the mean luma


def test_timeline_leaves_out_what_is_small_or_not_there() -> None:
    timeline = Timeline()
    luma, chroma = np.full((40, 40), 128, np.uint8), np.zeros((40, 40, 2), np.float32)
    tracks = np.full((40, 40), 5, np.int32)
    tracks[0, 0] = 6  # a pixel of 1600
    tracks[20:] = 0
    timeline.add(tracks, luma, chroma)
    timeline.add(np.full_like(tracks, 9), luma, chroma)
    timeline.add(np.zeros_like(tracks), luma, chroma)
    assert timeline.rows() == [9, 5]
    assert timeline.cells()[1].tolist() == [[False, True, False], [True, False, False]]
    drawn = timeline.draw(MARGIN + 60, 1, track_colors(np.array([9, 5])))
    assert drawn.shape == (3 * 18, MARGIN + 60, 3)
    assert (drawn[18 + 2, MARGIN : MARGIN + 20] == 255).all()
    assert np.abs(drawn[18 + 2, MARGIN + 20 : MARGIN + 40].astype(int) - 128).max() <= 1
    assert (drawn[36 + 2, MARGIN + 20 :] == 255).all()


def test_a_long_shot_does_not_fill_the_memory() -> None:
    timeline = Timeline()
    luma, chroma = np.full((2, 2), 100, np.uint8), np.zeros((2, 2, 2), np.float32)
    for number in range(2000):
        chroma[:] = (40, 0) if number >= 1000 else (-40, 0)
        timeline.add(np.ones((2, 2), np.int32), luma, chroma)
    cells, _ = timeline.cells()
    assert 450 <= cells.shape[1] <= 900  # every fourth
    red = cells[0, :, 0] > cells[0, :, 1]
    assert np.count_nonzero(np.diff(red)) == 1
    assert red.mean() == pytest.approx(0.5, abs=0.01)
    assert timeline.drawings == 2000


def test_nothing_drawn_is_no_error() -> None:
    timeline = Timeline()
    timeline.add(np.zeros((4, 4), np.int32), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.float32))
    assert timeline.draw(640, 0, track_colors(np.array([], np.int64))).shape == (18, 640, 3)


def test_track_colors_are_stable_and_apart() -> None:
    colors = track_colors(np.arange(1, 60)).astype(int)
    np.testing.assert_array_equal(track_colors(np.array([20, 3])), colors[[19, 2]])
    assert np.abs(np.diff(colors, axis=0)).max(axis=1).min() > 60
