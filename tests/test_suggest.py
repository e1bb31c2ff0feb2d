"""Suggesting frames to color: those that settle most, by hand and by exhaustion, as pictures that are found again."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
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
from cartoon_color.errors import InputError, OutputError, TruncatedError
from cartoon_color.frames import RGB, Frame, VideoInfo
from cartoon_color.inspection import SuggestionSummary, suggest
from cartoon_color.painter import Painter
from cartoon_color.references import find_frames, read_references
from cartoon_color.stages.vote import Voted
from cartoon_color.streams import Stage, batched
from cartoon_color.video import probe, read

REACH = 256
"""Frames that a reference reaches backwards, as docs/cli.md says."""


@dataclass
class Drawing:
    """What the vote is told to say of a drawing of two frames; (8, 8)."""

    shot: int
    tracks: NDArray[np.int32]
    confidence: NDArray[np.float32]
    contrast: int = 200
    ab: tuple[float, float] = (0, 0)
    mixed: bool = False


class Told:
    """In place of a painter: votes as given, by the name of the film."""

    smooth = "tracks"
    variants = ("told",)
    lookahead = 4

    def __init__(self, **drawings: Sequence[Drawing]) -> None:
        self.drawings = drawings

    def stages(self, info: VideoInfo, watch: Callable[[Voted], None]) -> list[Stage]:
        self.watch = watch
        self.film = self.drawings[info.path.stem]
        return [self]

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        nothing = np.zeros((8, 8, 2), np.float32)
        for held in batched(frames, self.lookahead):
            marked = []
            for frame in held:
                said = self.film[frame.index // 2]
                chroma = np.full((*frame.luma.shape, 2), said.ab, np.float32)
                drawing = frame.index // 2 * 2
                marked.append(frame.with_(shot=said.shot, mixed=said.mixed, drawing=drawing, chroma=chroma))
            for frame in marked[::2]:
                said = self.film[frame.index // 2]
                gray = np.zeros((8, 8), np.uint8)
                gray[4:] = said.contrast
                tracks = said.tracks
                self.watch(Voted(frame.index, said.shot, gray, tracks, tracks, nothing, nothing, said.confidence))
            yield from marked


def made(path: Path, drawings: int, size: tuple[int, int] = (48, 64)) -> Path:
    """A film of `drawings`, two frames each, whose time stamps begin at a second: a disk that moves over a ramp."""
    pictures = []
    for number in range(drawings):
        codes = np.tile(np.linspace(40, 220, size[1]).astype(np.uint8), (size[0], 1))
        cv2.circle(codes, (10 + 3 * number % 50, 20), 9, 5, -1)
        for _ in range(2):
            picture = av.VideoFrame(size[1], size[0], "gray")
            films.fill(picture, 0, codes)
            pictures.append(picture)
    return films.make(path, pictures, pts=[1000 + 40 * number for number in range(len(pictures))])


def parts(shot: int, *tracks: tuple[int, int, float], contrast: int = 200, ab: tuple[float, float] = (0, 0)) -> Drawing:
    """A drawing of tracks, each of so many pixels and so much confidence; 0 is drawn on the rest."""
    numbers, confidence = np.zeros(64, np.int32), np.zeros(64, np.float32)
    start = 0
    for number, pixels, sure in tracks:
        numbers[start : start + pixels] = number
        confidence[start : start + pixels] = sure
        start += pixels
    return Drawing(shot, numbers.reshape(8, 8), confidence.reshape(8, 8), contrast, ab)


def run(tmp_path: Path, number: int = 5, **drawings: Sequence[Drawing]) -> SuggestionSummary:
    """Suggestions for films that are made of `drawings`."""
    paths = []
    for name, said in drawings.items():
        paths.append(tmp_path / f"{name}.mkv")
        if not paths[-1].exists():
            made(paths[-1], len(said))
    return suggest(paths, tmp_path / "out", cast(Painter, Told(**drawings)), number=number)


def listed(out: Path) -> list[dict[str, str]]:
    with (out / "suggestions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def picture(path: Path) -> RGB:
    return np.asarray(cv2.imread(str(path)), np.uint8)[..., ::-1]


BY_HAND = (
    parts(0, (1, 64, 0.75)),
    parts(0, (1, 32, 0.75), (2, 32, 0.0)),
    parts(1, (5, 48, 0.375), (6, 16, 0.75)),
)
"""Doubt is 1 - 2/3 confidence: 32 in the first drawing, all of track 1; 16 and 32 of track 2 in the second; 36 and 8 in
the third. Frames 0, 2 and 4, each for two frames."""
AWAY = float(np.exp(-2 / 128))
"""What of a share is left two frames away."""


def worth(*gains: tuple[float, float, float]) -> float:
    """Frames in which the doubt falls by e: whole doubt, and what was and is settled of it, of drawings of two."""
    return 2 * sum(
        float(np.log((0.1 * whole + 0.9 * (whole - was)) / (0.1 * whole + 0.9 * (whole - now))))
        for whole, was, now in gains
    )


def test_choice_by_hand_unit(tmp_path: Path) -> None:
    """The second drawing shows half of track 1 and all of 2, so it finishes neither; the others finish their own."""
    summary = run(tmp_path, film=BY_HAND)
    assert (summary.doubt, summary.drawings) == (pytest.approx(124), 3)
    chosen = [(each.frame, each.settled, each.worth) for each in summary.suggestions]
    first = 32 + 16 * AWAY
    assert chosen[0] == (0, pytest.approx(first), pytest.approx(worth((32, 0, 32), (48, 0, 16 * AWAY))))
    assert chosen[1] == (4, pytest.approx(44), pytest.approx(worth((44, 0, 44))))
    second = 32 + max(0, 8 - 16 * AWAY)
    assert chosen[2] == (2, pytest.approx(second), pytest.approx(worth((48, 16 * AWAY, 32 + 16 * AWAY))))
    rows = listed(tmp_path / "out")
    assert [(row["rank"], row["frame"], row["shot"]) for row in rows] == [
        ("1", "0", "0"),
        ("2", "4", "1"),
        ("3", "2", "0"),
    ]
    settles = np.array([first, 44, second]) / 124
    assert [float(row["settles"]) for row in rows] == pytest.approx(settles.tolist(), abs=6e-5)
    assert [float(row["cumulative"]) for row in rows] == pytest.approx(settles.cumsum().tolist(), abs=6e-5)
    assert [float(row["seconds"]) for row in rows] == [0.0, 0.16, 0.08]
    assert {row["film"] for row in rows} == {str(tmp_path / "film.mkv")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "suggestions.csv",
        "film.000000.png",
        "film.000002.png",
        "film.000004.png",
    }


def test_films_share_the_number(tmp_path: Path) -> None:
    other = (parts(0, (1, 40, 0.0)), parts(0, (1, 40, 0.0), (2, 24, 0.75)))
    summary = run(tmp_path, number=3, film=BY_HAND, other=other)
    rows = listed(tmp_path / "out")
    assert [row["picture"] for row in rows] == ["other.000002.png", "film.000000.png", "film.000004.png"]
    assert summary.doubt == pytest.approx(124 + 40 + 52)


def test_what_is_seen_for_long_comes_first(tmp_path: Path) -> None:
    """The second of two like shots goes on three times as long."""
    shown = [parts(0, (1, 64, 0.5)), *[parts(1, (2, 64, 0.5))] * 3]
    assert run(tmp_path, number=1, film=shown).suggestions[0].shot == 1


def test_each_is_best_beside_the_others_within_the_reach_of_references(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    certain = rng.uniform(0, 1, 9).astype(np.float32)
    said = []
    for number in range(190):
        tracks = rng.integers(0, 4, (8, 8)) + min(5, number // 30)
        confidence = certain[tracks]
        said.append(Drawing(int(number >= 160), tracks.astype(np.int32), confidence))
    area = np.array([[np.count_nonzero(each.tracks == track) for track in range(9)] for each in said], np.float64)
    doubt = area * (1 - 2 / 3 * certain.astype(np.float64))
    area[:, 0] = doubt[:, 0] = 0
    shots = np.array([each.shot for each in said])

    most = np.stack([area[shots == shot].max(axis=0) for shot in range(2)])[shots]
    share = area / np.maximum(most, 1)
    frames = 2 * np.arange(len(said))
    reached = (shots[:, None] == shots) & (frames[:, None] - REACH <= frames)  # by row, column
    near = reached * np.exp(-np.abs(frames[:, None] - frames) / 128)

    def settled(chosen: Sequence[int]) -> NDArray[np.float64]:
        best = np.zeros_like(area)
        for each in chosen:
            best = np.maximum(best, near[each][:, None] * share[each])
        return (doubt * best).sum(axis=1)

    def value(chosen: Sequence[int]) -> float:
        whole = doubt.sum(axis=1)
        return -2 * float(np.log(0.1 + 0.9 * (whole - settled(chosen)) / whole).sum())

    summary = run(tmp_path, number=4, film=said)
    assert summary.doubt == pytest.approx(doubt.sum(), rel=1e-6)
    chosen = [each.frame // 2 for each in summary.suggestions]
    for step, each in enumerate(summary.suggestions):
        elsewhere = [*chosen[:step], *chosen[step + 1 :]]
        moved = [value([*elsewhere, other]) for other in np.flatnonzero(shots == each.shot)]
        assert value(chosen) == pytest.approx(max(moved), rel=1e-9)
        more = settled(chosen[: step + 1]).sum() - settled(chosen[:step]).sum()
        assert each.settled == pytest.approx(more, rel=1e-4)
    assert summary.suggestions[0].worth == pytest.approx(value(chosen[:1]))
    greedy: list[int] = []
    while len(greedy) < 4:
        greedy.append(max(range(len(said)), key=lambda other: value([*greedy, other])))
    assert value(chosen) > 1.005 * value(greedy)
    assert len(set(chosen)) == 4


def test_long_shots_are_thinned_evenly(tmp_path: Path) -> None:
    said = [parts(0, (1, 40, 0.75)) for _ in range(450)]
    said[402] = parts(0, (1, 40, 0.75), (2, 16, 0.0))  # every fourth is kept
    said[404] = parts(0, (1, 40, 0.75), (3, 24, 0.0))
    summary = run(tmp_path, film=said)
    assert summary.doubt == pytest.approx(450 * 20 + 16 + 24)
    chosen = [each.frame for each in summary.suggestions]
    assert all(frame % 8 == 0 for frame in chosen)
    assert 808 in chosen  # for track 3; 2 is in none that is kept
    spread = sorted(frame for frame in chosen if frame != 808)
    assert all(100 < later - frame < 400 for frame, later in pairwise(spread))


def test_dark_drawings_are_not_suggested(tmp_path: Path) -> None:
    black = parts(0)
    dim, bright = (parts(0, (1, 64, 0.5), contrast=contrast) for contrast in (40, 150))
    assert run(tmp_path, film=[black, dim, bright, dim]).suggestions[0].frame == 4


def test_dissolves_are_not_suggested(tmp_path: Path) -> None:
    doubtful = replace(parts(1, (3, 64, 0.0)), mixed=True)
    summary = run(tmp_path, film=[parts(0, (1, 64, 0.5)), doubtful, doubtful, parts(2, (4, 64, 0.5))])
    assert sorted(each.frame for each in summary.suggestions) == [0, 6]
    assert summary.drawings == 4


def test_no_doubt_no_suggestion(tmp_path: Path) -> None:
    assert run(tmp_path, film=[parts(0), parts(0)]).suggestions == ()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["suggestions.csv"]
    assert listed(tmp_path / "out") == []


def test_pictures_show_the_film_in_its_present_colors(tmp_path: Path) -> None:
    said = [parts(0, (1, 64, 0.5), ab=(-20, 5)), parts(1, (1, 64, 0.5), ab=(15, -25))]
    run(tmp_path, film=said)
    for frame in read(probe(tmp_path / "film.mkv")):
        if frame.index % 2 == 0:
            shown = picture(tmp_path / "out" / f"film.{frame.index:06}.png")
            np.testing.assert_allclose(shown @ np.array([0.299, 0.587, 0.114]), frame.luma, atol=1)
            middle = (frame.luma > 110) & (frame.luma < 160)  # in sRGB at any hue
            ab = rgb2lab(shown)[middle][:, 1:]
            np.testing.assert_allclose(ab, np.broadcast_to(said[frame.index // 2].ab, ab.shape), atol=1.5)


def test_suggestions_are_found_again_as_references(tmp_path: Path) -> None:
    said = [parts(number // 3, (1, 64 - number, 0.5), ab=(30 - 10 * number, 20)) for number in range(6)]
    run(tmp_path, film=said, number=6)
    info = probe(tmp_path / "film.mkv")
    told: list[str] = []
    paths = sorted((tmp_path / "out").glob("*.png"))
    paints = find_frames(read_references(paths), info, read(info), told.append)
    assert not told
    assert [f"film.{index:06}.png" for index in paints] == [path.name for path in paths]
    assert len(paints) >= 2
    for index, paint in paints.items():
        np.testing.assert_allclose(np.median(paint.chroma, axis=(0, 1)), said[index // 2].ab, atol=1.5)


def test_painted_pictures_are_not_lost(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    painted, other = out / "film.000002.png", out / "film.000777.png"
    painted.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"holds other suggestions \(film.000002.png\).* --overwrite"):
        run(tmp_path, film=BY_HAND)
    other.write_bytes(b"mine, too")
    suggest([tmp_path / "film.mkv"], out, cast(Painter, Told(film=BY_HAND)), overwrite=True)
    assert picture(painted).shape == (48, 64, 3)
    assert other.read_bytes() == b"mine, too"


def test_bad_input_leaves_nothing(tmp_path: Path, weights: Path) -> None:
    painter = Painter([weights], device="cpu")
    film, out = made(tmp_path / "film.mkv", 2), tmp_path / "out"
    with pytest.raises(InputError, match="there is no file"):
        suggest([film, tmp_path / "nothing.mkv"], out, painter)
    with pytest.raises(InputError, match="interlaced"):
        suggest([film, films.interlaced(tmp_path / "fields.mkv")], out, painter)
    with pytest.raises(OutputError, match="two films are called film"):
        suggest([film, tmp_path / "other" / "film.mp4"], out, painter)
    with pytest.raises(ValueError, match="flow"):
        suggest([film], tmp_path / "flow", Painter([weights], smooth="flow", device="cpu"))
    assert not out.exists()
    with pytest.raises(OutputError, match="can't be written"):
        suggest([film], film, painter)


def test_command(tmp_path: Path, weights: Path) -> None:
    film, out = made(tmp_path / "film.mkv", 8, (96, 128)), tmp_path / "out"
    words = ["suggest", str(film), "--out", str(out), "--weights", str(weights), "--device", "cpu", "-n", "2"]
    result = CliRunner().invoke(cli.app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["frames"] == {str(film): 16}
    assert summary["frames_lost"] == {str(film): 0}
    assert 1 <= len(summary["suggestions"]) <= 2
    assert [{key: str(value) for key, value in row.items()} for row in summary["suggestions"]] == listed(out)
    assert 0 < float(listed(out)[0]["settles"]) <= 1


def test_a_broken_film_is_seen_as_far_as_it_goes(tmp_path: Path, weights: Path) -> None:
    film, out = made(tmp_path / "film.mkv", 40, (96, 128)), tmp_path / "out"
    content = film.read_bytes()
    film.write_bytes(content[: int(0.6 * len(content))])
    words = ["suggest", str(film), "--out", str(out), "--weights", str(weights), "--device", "cpu", "--quiet"]
    with pytest.raises(TruncatedError):
        suggest([film], out, cast(Painter, Told(film=[parts(0, (1, 64, 0.5))] * 40)))
    assert not list(out.iterdir())
    result = CliRunner().invoke(cli.app, [*words, "--keep-going"])
    assert result.exit_code == 0, result.output
    assert "breaks off; frames that came: " in result.stderr
    assert result.stdout.startswith(f"{out / listed(out)[0]['picture']}: settles ")
