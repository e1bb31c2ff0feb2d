"""Regions colored by the user: reading what is said, finding tracks and look-alikes, rendering what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import films
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.measure import regionprops
from typer.testing import CliRunner

from cartoon_color.cli import app
from cartoon_color.config import EncoderSettings
from cartoon_color.corrections import Correction, read_corrections
from cartoon_color.errors import CartoonColorError, InputError, OutputError, SettingsError
from cartoon_color.frames import Frame
from cartoon_color.incremental import plan as planning
from cartoon_color.incremental import render_corrected
from cartoon_color.incremental.fingerprint import of_painter
from cartoon_color.incremental.ledger import ledger_path, load_ledger
from cartoon_color.incremental.plan import find_shots
from cartoon_color.incremental.render import RenderSummary
from cartoon_color.painter import Painter
from cartoon_color.palette import Paint, Palette
from cartoon_color.references import Paint as ReferencePaint
from cartoon_color.regions.lookalikes import Tracks, describe, find_look_alikes
from cartoon_color.stages.correct import Correct
from cartoon_color.stages.follow import Followed, FollowRegions
from cartoon_color.stages.motion import Gray
from cartoon_color.video import ShotWriter, probe, read

LOSSLESS = EncoderSettings(codec="ffv1", pixel_format="yuv444p")
SIZE = 120, 160
LENGTH = 10
"""Frames of a shot."""
RED = "#b05848"
"""Its BT.601 luma is 113."""
RED_AB = tuple(rgb2lab(np.array([[[0xB0, 0x58, 0x48]]], np.uint8))[0, 0, 1:].tolist())


def left(shot: int, number: int) -> int:
    """Where the square begins."""
    return 20 + 2 * number + 30 * (shot == 2)


def picture(shot: int, number: int) -> NDArray[np.uint8]:
    """A square of one paint and a disk of another one; the second shot shows other things on another ground."""
    luma = np.full(SIZE, (215, 95, 225)[shot], np.uint8)
    if shot == 1:
        cv2.ellipse(luma, (50 + 2 * number, 60), (34, 22), 30, 0, 360, 20, 8)
        cv2.ellipse(luma, (50 + 2 * number, 60), (34, 22), 30, 0, 360, 180, -1)
        luma[80:] = 50
        return luma
    x = left(shot, number)
    cv2.circle(luma, (125, 90), 22, 20, 6)
    cv2.circle(luma, (125, 90), 20, 160, -1)
    luma[32:76, x - 2 : x + 42] = 20
    luma[34:74, x : x + 40] = 113
    return luma


def film(path: Path, shots: tuple[int, ...] = (0, 1, 2), **more: Any) -> Path:
    def pictures() -> Iterator[av.VideoFrame]:
        for shot in shots:
            for number in range(LENGTH):
                frame = av.VideoFrame(SIZE[1], SIZE[0], "yuv420p")
                films.fill(frame, 0, picture(shot, number))
                for index in (1, 2):
                    films.fill(frame, index, np.full((SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8))
                yield frame

    return films.make(path, pictures(), color_range=2, **more)


@pytest.fixture(scope="module")
def painter(weights: Path) -> Painter:
    return Painter([weights], device="cpu")


def correction(number: int = 1, frame: int = 4, point: tuple[int, int] = (48, 54), **more: Any) -> Correction:
    return Correction(number, frame, point, **{"paint": RED, "ab": RED_AB} | more)


def run(
    source: Path,
    target: Path,
    painter: Painter,
    corrections: list[Correction],
    settings: EncoderSettings = LOSSLESS,
    **options: Any,
) -> tuple[RenderSummary, list[str]]:
    said: list[str] = []
    summary = render_corrected(
        source, target, painter, settings, corrections, overwrite=True, say=said.append,
        progress=lambda name: lambda done, total: None, **options,
    )  # fmt: skip
    return summary, said


def planes(path: Path) -> NDArray[np.uint8]:
    """(frames, 3, H, W), of yuv444p."""
    with av.open(f"file:{path}") as source:
        return np.stack([frame.to_ndarray(channel_last=False) for frame in source.decode(video=0)])


def ab_of(planes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """a, b of full-range BT.601 (3, H, W), by its definition and scikit-image."""
    y, u, v = (plane.astype(float) for plane in planes)
    red, blue = y + 1.402 * (v - 128), y + 1.772 * (u - 128)
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    return rgb2lab(np.clip(np.stack([red, green, blue], axis=-1) / 255, 0, 1))[..., 1:]


def square(shot: int, number: int) -> tuple[slice, slice]:
    """What is surely inside of it."""
    return slice(38, 70), slice(left(shot, number) + 4, left(shot, number) + 36)


def contents(path: Path) -> list[bytes]:
    return [packet[0] for packet in films.packets(path, 0)]


@pytest.mark.parametrize("look_alikes", [True, False])
def test_a_region_has_its_color_along_its_track(tmp_path: Path, painter: Painter, look_alikes: bool) -> None:
    source = film(tmp_path / "film.mkv")
    run(source, tmp_path / "plain.mkv", painter, [])
    summary, said = run(source, tmp_path / "copy.mkv", painter, [correction(look_alikes=look_alikes)])
    assert (summary.frames, summary.drawings, summary.frames_lost) == (30, 30, 0)
    before, after = planes(tmp_path / "plain.mkv"), planes(tmp_path / "copy.mkv")
    expected = [picture(shot, number) for shot in range(3) for number in range(LENGTH)]
    np.testing.assert_array_equal(after[:, 0], expected)
    for number in range(LENGTH):
        inside = square(0, number)
        assert np.abs(ab_of(after[number])[inside] - RED_AB).max() < 2
        assert np.abs(ab_of(before[number])[inside] - RED_AB).max() > 10
        away = np.ones(SIZE, np.bool_)
        away[30:78, left(0, number) - 4 : left(0, number) + 44] = False
        np.testing.assert_array_equal(after[number, :, away], before[number, :, away])
        elsewhere = ab_of(after[20 + number])[square(2, number)]
        assert (np.abs(elsewhere - RED_AB).max() < 2) == look_alikes
    np.testing.assert_array_equal(after[10:20], before[10:20])
    own = "correction 1 (frame 4, point 48, 54, #b05848): its track in shot 0, frames 0-9"
    assert said == [own + ("; look-alikes: 1 in shot 2 (20-29)." if look_alikes else ".")]


def test_a_correction_is_of_the_track_that_is_painted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slips(FollowRegions):
        """At frame 4, links the square to the disk's track."""

        def __call__(self, frame: Frame, last: Gray | None) -> Followed:
            found = super().__call__(frame, last)
            if frame.index != 4 or found.regions is None:
                return found
            links = found.tracks.copy()
            links[found.regions.labels[54, 48]] = links[found.regions.labels[90, 125]]
            return replace(found, tracks=links)

    monkeypatch.setattr(planning, "FollowRegions", Slips)
    info = probe(film(tmp_path / "film.mkv", (0,)))
    made = planning.plan([correction(look_alikes=False)], find_shots(read(info), info), info, read(info))
    gray = (frame.with_(chroma=np.zeros((*SIZE, 2), np.float32)) for frame in read(info))
    painted = list(Correct(made.colors, bit_depth=info.bit_depth, color_range=info.color_range)(gray))[4].chroma
    assert painted is not None
    np.testing.assert_allclose(painted[54, 48], RED_AB, atol=0.01)
    np.testing.assert_array_equal(painted[90, 125], 0)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("copy.mkv", EncoderSettings(preset="medium")),
        ("copy.mp4", EncoderSettings(preset="medium")),
        ("copy.ts", EncoderSettings(preset="medium")),
        ("copy.mkv", EncoderSettings(codec="x265", preset="ultrafast")),
        ("copy.mkv", EncoderSettings(codec="svtav1", preset="12")),
    ],
)
def test_a_rerun_renders_only_what_changes(
    tmp_path: Path, painter: Painter, name: str, settings: EncoderSettings
) -> None:
    source, target, fresh = film(tmp_path / "film.mkv"), tmp_path / name, tmp_path / f"fresh{name[4:]}"
    run(source, target, painter, [], settings)
    before = contents(target)
    said = [correction(look_alikes=False)]
    summary, sentences = run(source, target, painter, said, settings)
    assert sentences[-1] == f"2 of 3 shots are taken over from {target}; the others are rendered."
    assert summary.drawings == LENGTH
    after = contents(target)
    assert after[10:] == before[10:]
    assert after[:10] != before[:10]
    if settings.codec != "x264":  # which, with several threads, doesn't give the same bytes each time
        assert run(source, fresh, painter, said, settings)[0].drawings == 3 * LENGTH
        assert films.packets(target, 0) == films.packets(fresh, 0)
    assert run(source, target, painter, said, settings)[0].drawings == 0
    assert contents(target) == after
    frames = list(read(probe(target)))
    assert [round((frame.pts - frames[0].pts) * frame.time_base * 1000) for frame in frames] == list(range(0, 1200, 40))


def dissolving(path: Path) -> Path:
    """Shots of 24 frames, the first of which dissolves into the second in eight frames more; and a third of 12."""
    one, other, third = (picture(shot, 0).astype(float) for shot in range(3))
    mixed = [(1 - step / 9) * one + step / 9 * other for step in range(1, 9)]

    def pictures() -> Iterator[av.VideoFrame]:
        for luma in [one] * 24 + mixed + [other] * 24 + [third] * 12:
            frame = av.VideoFrame(SIZE[1], SIZE[0], "yuv420p")
            films.fill(frame, 0, np.rint(luma).astype(np.uint8))
            for index in (1, 2):
                films.fill(frame, index, np.full((SIZE[0] // 2, SIZE[1] // 2), 128, np.uint8))
            yield frame

    return films.make(path, pictures(), color_range=2)


def test_a_correction_colors_the_dissolve_into_the_next_shot(tmp_path: Path, painter: Painter) -> None:
    source, target, fresh = dissolving(tmp_path / "film.mkv"), tmp_path / "copy.mkv", tmp_path / "fresh.mkv"
    lossless = EncoderSettings(codec="ffv1", pixel_format="yuv444p")
    run(source, target, painter, [], lossless)
    before, plain = contents(target), planes(target)
    info = probe(source)
    shots = find_shots(read(info), info)
    assert [(shot.start, shot.stop, shot.mixed) for shot in shots] == [
        (0, 24, False), (24, 32, True), (32, 56, False), (56, 68, False)
    ]  # fmt: skip
    said = [correction(look_alikes=False)]
    _, sentences = run(source, target, painter, said, lossless)
    assert sentences[-1] == f"2 of 4 shots are taken over from {target}; the others are rendered."
    after = contents(target)
    assert after[32:] == before[32:]
    inside, colored = square(0, 0), planes(target)
    moved = [np.abs(ab_of(colored[at])[inside] - ab_of(plain[at])[inside]).mean() for at in (23, *range(24, 33))]
    assert all(earlier > later for earlier, later in pairwise(moved))
    assert moved[1] > 0.7 * moved[0] > 0
    assert moved[-1] == 0
    run(source, fresh, painter, said, lossless)
    assert films.packets(target, 0) == films.packets(fresh, 0)
    said.append(correction(2, 40, (10, 100), look_alikes=False))  # of what it dissolves into
    assert run(source, fresh, painter, said, lossless)[1][-1].startswith("2 of 4")
    assert contents(fresh)[:24] == after[:24]
    assert contents(fresh)[31] != after[31]


def test_references_and_settings_change_shots_too(tmp_path: Path, painter: Painter, weights: Path) -> None:
    source, target = film(tmp_path / "film.mkv"), tmp_path / "copy.mkv"

    class Referring(Painter):
        def find_references(self, info: Any, frames: Any) -> dict[int, ReferencePaint]:
            return {14: ReferencePaint(np.full((12, 16, 2), 30, np.float32), np.ones((12, 16), np.float32))}

    plain = Painter([weights], smooth="flow", device="cpu")
    assert run(source, target, plain, [])[0].drawings == 3 * LENGTH
    before = contents(target)
    referring = Referring([weights], references=[None], smooth="flow", device="cpu")  # type: ignore[list-item]
    assert run(source, target, referring, [])[0].drawings == LENGTH
    after = contents(target)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True] * 10 + [False] * 10 + [True] * 10
    assert run(source, target, referring, [], EncoderSettings(codec="ffv1"))[0].drawings == 3 * LENGTH
    speaking = Painter([weights], references=[None], device="cpu")  # type: ignore[list-item]
    assert of_painter(speaking) != of_painter(painter)  # where regions vote, a reference may change any shot
    palette = Palette((Paint("red", (200, 30, 30), 0.5), Paint("blue", (30, 30, 200), 0.5)))
    assert run(source, target, Painter([weights], palette=palette, device="cpu"), [])[0].drawings == 3 * LENGTH


def test_nothing_is_taken_over_from_a_film_that_was_changed(tmp_path: Path, painter: Painter) -> None:
    source, target = film(tmp_path / "film.mkv"), tmp_path / "copy.mkv"
    run(source, target, painter, [])
    whole = target.read_bytes()
    first = contents(target)[3]
    assert whole.count(first) == 1
    target.write_bytes(whole.replace(first, bytes(len(first))))
    assert run(source, target, painter, [])[0].drawings == LENGTH
    ledger_path(target).write_bytes(b"no ledger")
    assert load_ledger(ledger_path(target)) is None
    assert run(source, target, painter, [])[0].drawings == 3 * LENGTH
    target.unlink()
    assert run(source, target, painter, [])[0].drawings == 3 * LENGTH
    film(source, (0, 2, 1))
    assert run(source, target, painter, [])[0].drawings == 3 * LENGTH


def test_all_other_streams_and_times_are_carried_over(tmp_path: Path, painter: Painter) -> None:
    source, target = films.rich(tmp_path / "film.mkv"), tmp_path / "copy.mkv"
    for _ in range(2):
        run(source, target, painter, [], EncoderSettings(preset="fast"))
        assert [frame.pts for frame in read(probe(target))] == films.VARIABLE
        assert probe(target).other_streams == probe(source).other_streams
        assert probe(target).sample_aspect == Fraction(10, 11)
        for stream in probe(source).other_streams:
            one, other = ([packet[:2] for packet in films.packets(path, stream.index)] for path in (source, target))
            assert one == other


@pytest.mark.parametrize("lengths", [(1,), (1, 1, 2, 1), (3, 40, 1)])
@pytest.mark.parametrize("codec", ["x264", "x265"])
def test_short_shots_are_shown_at_their_times(tmp_path: Path, codec: Any, lengths: tuple[int, ...]) -> None:
    source = films.plain(tmp_path / "film.mkv", sum(lengths), codec="libx264", options={"qp": "0"})
    info = probe(source)
    with ShotWriter(tmp_path / "copy.mp4", info, EncoderSettings(codec, preset="fast")) as writer:
        frames = read(info)
        for length in lengths:
            writer.begin_shot()
            for _, frame in zip(range(length), frames, strict=False):
                writer.write(frame, *films.chroma(writer, frame.index))
    copy = probe(tmp_path / "copy.mp4")
    assert [frame.pts * copy.time_base for frame in read(copy)] == [n * Fraction(40, 1000) for n in range(sum(lengths))]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ([{"frame": 30}], r"correction 1 \(frame 30, .*\): the film's frames are 0 to 29"),
        ([{"point": (160, 3)}], r"correction 1 .*: the picture's points are 0, 0 to 159, 119"),
        ([{"point": (27, 54)}], r"correction 1 .*: the point is on a line or an edge; choose one inside of a region"),
        (
            [{}, {"number": 2, "frame": 8, "point": (56, 54), "paint": "#00ff00", "ab": (-86, 83)}],
            r"correction 1 .* and correction 2 \(frame 8, point 56, 54, #00ff00\) are of the same region; leave one",
        ),
        ([{"frame": 77}, {"number": 2, "point": (0, 120)}], r"0 to 29; correction 2 .*: the picture's points"),
    ],
)
def test_corrections_that_can_not_be_made_leave_the_film_alone(
    tmp_path: Path, painter: Painter, said: list[dict[str, Any]], sentence: str
) -> None:
    source, target = film(tmp_path / "film.mkv"), tmp_path / "copy.mkv"
    target.write_bytes(b"earlier")
    with pytest.raises(SettingsError, match="the corrections can't be made: .*" + sentence):
        run(source, target, painter, [correction(**each) for each in said])
    assert target.read_bytes() == b"earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"film.mkv", "copy.mkv"}


def test_a_frame_of_a_dissolve_can_not_be_corrected(tmp_path: Path, painter: Painter) -> None:
    source = dissolving(tmp_path / "film.mkv")
    with pytest.raises(SettingsError, match=r"the frame is in a dissolve; choose one before or after it"):
        run(source, tmp_path / "copy.mkv", painter, [correction(frame=27)])


def test_a_frame_that_shows_nothing_can_not_be_corrected(tmp_path: Path, painter: Painter) -> None:
    black = films.make(
        tmp_path / "black.mkv", [av.VideoFrame.from_ndarray(np.full((180, 160), 128, np.uint8), format="yuv420p")] * 8
    )
    with pytest.raises(SettingsError, match=r"the frame shows nothing; choose another one"):
        run(black, tmp_path / "copy.mkv", painter, [correction()])


def test_a_rerun_that_fails_leaves_the_earlier_film(tmp_path: Path, weights: Path, painter: Painter) -> None:
    source, target = film(tmp_path / "film.mkv"), tmp_path / "copy.mkv"
    run(source, target, painter, [])
    earlier = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    class Failing(Painter):
        def stages_after_shots(self, *arguments: Any, **more: Any) -> Any:
            raise OutputError("no")

    with pytest.raises(OutputError, match="no"):
        run(source, target, Failing([weights], device="cpu"), [correction()])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == earlier


def test_what_is_said_of_a_region_itself_counts_more_than_what_it_looks_like(tmp_path: Path, painter: Painter) -> None:
    source, green = film(tmp_path / "film.mkv"), (-40.0, 30.0)
    other = correction(2, 24, (76, 54), paint="#408030", ab=green)
    _, said = run(source, tmp_path / "copy.mkv", painter, [correction(), other])
    assert [sentence.split(";")[1] for sentence in said] == [" look-alikes: 0.", " look-alikes: 0."]
    after = planes(tmp_path / "copy.mkv")
    assert np.abs(ab_of(after[2])[square(0, 2)] - RED_AB).max() < 2
    assert np.abs(ab_of(after[27])[square(2, 7)] - green).max() < 2


def test_tracks_are_painted_in_their_own_shot_and_held_frames_share_them() -> None:
    guess = np.full((*SIZE, 2), 5, np.float32)
    frames = [
        Frame(picture(0, index // 2), index, Fraction(1, 25), index, shot=index // 8, drawing=index - index % 2,
              chroma=guess)
        for index in range(16)
    ]  # fmt: skip
    tracks = Correct({1: {1: (30.0, 40.0), 2: (-20.0, 10.0), 3: (0.0, 50.0)}}, bit_depth=8, color_range="full")
    colored = list(tracks(iter(frames)))
    assert [frame.index for frame in colored] == list(range(16))
    assert all(frame.chroma is not None and (frame.chroma == 5).all() for frame in colored[:8])
    for one, held in zip(colored[8::2], colored[9::2], strict=True):
        assert one.chroma is not None
        np.testing.assert_array_equal(one.chroma, held.chroma)  # type: ignore[arg-type]
        assert {tuple(ab) for ab in one.chroma.reshape(-1, 2).tolist()} >= {(30, 40), (-20, 10)}


def test_paints_are_darker_in_fades() -> None:
    guess = np.full((*SIZE, 2), 5, np.float32)
    frames = [
        Frame(picture(0, index), index, Fraction(1, 25), index, chroma=guess, light=1 - index / 4) for index in range(3)
    ]
    colored = Correct({0: {2: (-20.0, 10.0)}}, bit_depth=8, color_range="full")(iter(frames))
    for frame in colored:
        assert frame.chroma is not None
        assert (-20 * frame.light, 10 * frame.light) in {tuple(ab) for ab in frame.chroma.reshape(-1, 2).tolist()}


def test_shots_are_those_of_the_film(tmp_path: Path) -> None:
    info = probe(film(tmp_path / "film.mkv"))
    assert [(shot.start, shot.stop) for shot in find_shots(read(info), info)] == [(0, 10), (10, 20), (20, 30)]


def test_regions_are_described_by_their_shape_and_surroundings() -> None:
    labels = np.ones((40, 60), np.int32)
    labels[10:20, 20:50] = 2
    cv2.ellipse(labels, (15, 28), (9, 5), 0, 0, 360, 3, -1)
    light = np.array([0, 30, 70, 90], np.float32)
    described = describe(labels, light)
    for region in regionprops(labels):
        row = described[region.label]
        axes = region.axis_major_length / region.axis_minor_length
        np.testing.assert_allclose(row[:2], [light[region.label], np.log(region.area / 2400) / 2], rtol=1e-5)
        np.testing.assert_allclose(row[2], np.log(axes), rtol=0.01)  # there, pixels are points
    box = described[2]
    np.testing.assert_allclose(box[2], np.log(3), rtol=1e-5)
    np.testing.assert_allclose(box[3], np.log(80**2 / (16 * 300)) / 2, rtol=1e-5)
    np.testing.assert_allclose(box[4], np.log(np.pi / 3), rtol=0.01)  # a rectangle fills that part of its ellipse
    np.testing.assert_allclose(box[5:9], [0, 30, 30, 30])
    np.testing.assert_allclose(box[9:], [0, 0.7, 0.3, 0, 0, 0], atol=1e-5)  # 30 / 100 * 6 - 0.5 = 1.3
    assert described[1, 5] > 0.4


def tracks(features: list[list[float]], spans: list[tuple[int, int]] | None = None, known: int = 1) -> Tracks:
    count = len(features)
    first, last = np.array(spans or [(0, 9)] * count, np.int32).T
    rows = np.zeros((count, 15), np.float32)
    rows[:, :2] = features
    return Tracks(np.arange(1, count + 1, dtype=np.int32), first, last, rows, np.full(count, bool(known)))


def test_look_alikes_are_near_and_nearest() -> None:
    shot = tracks([[50, 0], [56, 0]])  # two units of gray apart
    assert find_look_alikes(shot, 0, tracks([[51.5, 0], [55, 0], [50, 0.9], [50, 0.6]])) == {1: 0.25, 4: 4}
    assert find_look_alikes(shot, 1, tracks([[51.5, 0], [55, 0]])) == {2: pytest.approx(1 / 9)}
    assert find_look_alikes(shot, 0, tracks([[50, 0]], known=0)) == {}
    same = tracks([[50, 0], [50, 0], [50, 0]], [(0, 9), (5, 14), (12, 20)])
    assert find_look_alikes(same, 0, same) == {3: 0}


PALETTE = {"rust": (176, 88, 72), "sky": (150, 204, 240)}


def test_corrections_are_read(tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    path.write_text(
        '[[correction]]\nframe = 4\npoint = [48, 54]\npaint = "rust"\n\n'
        '[[correction]]\nframe = 0\npoint = [0, 1]\npaint = "#B05848"\nlook_alikes = false\n'
    )
    first, second = read_corrections(path, PALETTE)
    assert (first.number, first.frame, first.point, first.paint, first.look_alikes) == (1, 4, (48, 54), "rust", True)
    assert (second.number, second.frame, second.point, second.look_alikes) == (2, 0, (0, 1), False)
    assert first.ab == second.ab == pytest.approx(RED_AB, abs=0.05)
    path.write_text("")
    assert read_corrections(path) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[correction]\n", "is not valid TOML"),
        ("[corection]\n", "unknown key corection; allowed is correction"),
        ("correction = 3\n", "corrections are tables, such as"),
        ("[[correction]]\nframe = 1\n", "correction 1: point is missing; correction 1: paint is missing"),
        (
            "F\npoint = [1, 2]\npaint = '#123456'\nelsewhere = 1",
            "unknown key elsewhere; allowed are frame, point, paint",
        ),
        ("F\npoint = [1, 2]\npaint = 'rust'", "paint must be a color such as #c03028 or, with --palette, a name"),
        ("F\npoint = [1, 2]\npaint = '#12345'", "not '#12345'"),
        ("F\npoint = [1, -2]\npaint = '#123456'", r"point must be two whole numbers from 0, \[x, y\], not \[1, -2\]"),
        ("F\npoint = 7\npaint = '#123456'", "point must be two whole numbers"),
        (
            "[[correction]]\nframe = -1\npoint = [1, 2]\npaint = '#123456'",
            "frame must be a whole number from 0, not -1",
        ),
        ("[[correction]]\nframe = true\npoint = [1, 2]\npaint = '#123456'", "frame must be a whole number"),
        ("F\npoint = [1, 2]\npaint = '#123456'\nlook_alikes = 'no'", "look_alikes must be true or false, not 'no'"),
    ],
)
def test_wrong_files_are_told(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "film.toml"
    path.write_text(text.replace("F\n", "[[correction]]\nframe = 1\n"))
    with pytest.raises(SettingsError, match=sentence):
        read_corrections(path)


def test_paints_that_are_not_in_the_palette_are_told(tmp_path: Path) -> None:
    path = tmp_path / "film.toml"
    path.write_text("[[correction]]\nframe = 1\npoint = [1, 2]\npaint = 'red'\n")
    with pytest.raises(SettingsError, match=r"a name of the palette \(rust, sky\), not 'red'"):
        read_corrections(path, PALETTE)
    with pytest.raises(InputError, match=r"the corrections file .*gone.toml can't be read .*; write one, e\.g\."):
        read_corrections(tmp_path / "gone.toml")


def test_the_command_takes_corrections_of_one_film(tmp_path: Path, weights: Path) -> None:
    source, target, path = film(tmp_path / "film.mkv"), tmp_path / "copy.mkv", tmp_path / "film.toml"
    path.write_text(f'[[correction]]\nframe = 4\npoint = [48, 54]\npaint = "{RED}"\n')
    command = ["render", str(source), "-o", str(target), "--weights", str(weights), "--corrections", str(path)]
    told = CliRunner().invoke(app, [*command, "--codec", "ffv1", "--quiet"], catch_exceptions=False)
    assert told.exit_code == 0
    assert "look-alikes: 1 in shot 2 (20-29)." in told.stderr
    assert "30 frames, 30 drawings" in told.stdout
    with pytest.raises(OutputError, match="exists already; allow it to be replaced with --overwrite"):
        CliRunner().invoke(app, command, catch_exceptions=False, standalone_mode=False)
    with pytest.raises(CartoonColorError, match=r"--corrections are those of one film, and 2 were given"):
        CliRunner().invoke(
            app, ["render", str(source), str(tmp_path / "other.mkv"), *command[-2:]],
            catch_exceptions=False, standalone_mode=False,
        )  # fmt: skip
