"""From film to colored film: luma, times and streams stay, only luma decides the color, and failures leave nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import films
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cartoon_color import checkpoint, color, variants
from cartoon_color.config import EncoderSettings, NetworkSettings, RefineSettings
from cartoon_color.errors import InputError, OutputError, SettingsError, TruncatedError, WeightsError
from cartoon_color.frames import Chroma
from cartoon_color.painter import Painter
from cartoon_color.palette import Paint, Palette
from cartoon_color.render import RenderSummary, output_paths, render
from cartoon_color.streams import chain, side_by_side
from cartoon_color.video import probe, read
from cartoon_color.video.formats import component, layout

LOSSLESS = EncoderSettings(codec="ffv1")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three tiny checkpoints; the last one sees larger pictures."""
    folder = tmp_path_factory.mktemp("weights")
    paths = [folder / f"{name}.safetensors" for name in ("first", "second", "large")]
    for seed, (path, size) in enumerate(zip(paths, (64, 64, 96), strict=True)):
        torch.manual_seed(seed)
        checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=size)), path, {})
    return paths


@pytest.fixture(scope="module")
def painter(weights: list[Path]) -> Painter:
    return Painter(weights[:1], device="cpu")


def planes(path: Path) -> list[list[NDArray[Any]]]:
    """Y, U and V codes of every frame."""
    with av.open(f"file:{path}") as source:
        return [
            [component(picture, layout(picture.format.name), index) for index in range(3)]
            for picture in source.decode(video=0)
        ]


def lumas(path: Path) -> list[NDArray[Any]]:
    return [frame.luma for frame in read(probe(path))]


def painted(painter: Painter, film: Path) -> list[Chroma]:
    info = probe(film)
    return [np.asarray(frame.chroma) for frame in chain(read(info), painter.stages(info))]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def truncated(path: Path, start: int = 0) -> Path:
    """A film of 100 frames, 4 s, from `start` in ms, that ends after 60 % of its bytes."""
    content = films.plain(path, 100, pts=range(start, start + 4000, 40)).read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])
    return path


@pytest.mark.parametrize("size", [(48, 64), (37, 53)])
@pytest.mark.parametrize("pixel_format", ["gray", "yuv420p", "yuv444p", "yuv422p10le", "gray10le"])
def test_luma_is_bit_for_bit_that_of_the_source(
    tmp_path: Path, painter: Painter, pixel_format: str, size: tuple[int, int]
) -> None:
    film = films.plain(tmp_path / "film.mkv", 6, pixel_format=pixel_format, size=size)
    summary = render(film, tmp_path / "copy.mkv", painter, LOSSLESS)
    copy = probe(tmp_path / "copy.mkv")
    assert (copy.bit_depth, copy.color_range) == (probe(film).bit_depth, probe(film).color_range)
    assert copy.pixel_format == {"gray": "yuv420p", "gray10le": "yuv420p10le"}.get(pixel_format, pixel_format)
    np.testing.assert_array_equal(lumas(copy.path), [films.drawing(n, *size, copy.bit_depth) for n in range(6)])
    assert all(plane.std() > 0 for frame in planes(copy.path) for plane in frame)
    assert (summary.frames, summary.drawings, summary.frames_lost) == (6, 6, 0)
    assert names(tmp_path) == {"film.mkv", "copy.mkv"}


@pytest.mark.parametrize("pts", [films.VARIABLE, [0, 40, 2000], [7]])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_frames_and_times_are_those_of_the_source(
    tmp_path: Path, painter: Painter, suffix: str, pts: list[int]
) -> None:
    film = films.plain(tmp_path / f"film{suffix}", len(pts), codec="libx264", options={"qp": "0"}, pts=pts)
    before, target = probe(film), tmp_path / f"copy{suffix}"
    assert render(film, target, painter, EncoderSettings(preset="ultrafast")).frames == len(pts)
    after = probe(target)
    assert [frame.pts * after.time_base for frame in read(after)] == [
        frame.pts * before.time_base for frame in read(before)
    ]


def test_nothing_of_a_rich_film_is_lost(tmp_path: Path, painter: Painter) -> None:
    film, target = films.rich(tmp_path / "film.mkv"), tmp_path / "copy.mkv"
    render(film, target, painter, LOSSLESS)
    source, copy = probe(film), probe(target)
    np.testing.assert_array_equal(lumas(target), lumas(film))
    assert [frame.pts for frame in read(copy)] == films.VARIABLE
    assert copy.sample_aspect == source.sample_aspect == Fraction(10, 11)
    assert copy.other_streams == source.other_streams
    assert [stream.kind for stream in copy.other_streams].count("audio") == 2
    for stream in source.other_streams:
        before, after = ([packet[:2] for packet in films.packets(path, stream.index)] for path in (film, target))
        assert before == after
        assert before or stream.kind == "attachment"
    with av.open(str(film)) as first, av.open(str(target)) as second:
        assert second.chapters() == first.chapters()
        assert len(second.chapters()) == 2
        assert {**second.metadata, "ENCODER": ""} == {**first.metadata, "ENCODER": ""}
        assert [stream.disposition for stream in second.streams] == [stream.disposition for stream in first.streams]
        assert second.streams[5].data == films.FONT  # type: ignore[attr-defined]


def test_threads_change_nothing(tmp_path: Path, painter: Painter) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 60))
    with side_by_side(read(info), painter.stages(info), 4) as colored:
        told = [np.asarray(frame.chroma) for frame in colored]
    np.testing.assert_array_equal(told, painted(painter, info.path))


@pytest.mark.parametrize("decoding", ["expectation", "mode", "sampling"])
def test_histograms_are_decoded_as_told(tmp_path: Path, decoding: Any) -> None:
    torch.manual_seed(0)
    path = tmp_path / "cool.safetensors"
    checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=64, temperature=0.05)), path, {})
    film = films.plain(tmp_path / "film.mkv", 3)
    annealed, told = (painted(Painter([path], decoding=way, device="cpu"), film) for way in ("annealed", decoding))
    assert all(np.abs(one - other).max() > 0.5 for one, other in zip(annealed, told, strict=True))
    repeated = painted(Painter([path], decoding=decoding, device="cpu"), film)
    assert all(np.array_equal(one, other) for one, other in zip(told, repeated, strict=True))


def test_a_spline_brings_color_to_the_size_of_the_film(tmp_path: Path, weights: list[Path]) -> None:
    film = films.plain(tmp_path / "film.mkv", 3, size=(48, 64))
    small = painted(Painter(weights[:1], smooth="none", device="cpu"), film)
    large = painted(Painter(weights[:1], spline=True, device="cpu"), film)
    for one, other in zip(small, large, strict=True):
        assert one.shape == (16, 16, 2)
        np.testing.assert_array_equal(other, color.spline_chroma(one, (48, 64)))
    with pytest.raises(SettingsError, match="--smooth flow holds it at a smaller one; with --spline, take --smooth"):
        Painter(weights[:1], spline=True, smooth="flow", device="cpu")


def test_what_has_no_histogram_can_not_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "ab.safetensors"
    checkpoint.save(variants.build("plain-l2", NetworkSettings(width=0.06)), path, {})
    assert Painter([path], device="cpu").models
    with pytest.raises(WeightsError, match=r"plain-l2 predict a, b without a histogram, .* by mode; leave --decoding"):
        _ = Painter([path], decoding="mode", device="cpu").colorizer


def test_streams_can_be_left_out(tmp_path: Path, painter: Painter) -> None:
    film, target = films.rich(tmp_path / "film.mkv"), tmp_path / "copy.mp4"
    render(film, target, painter, EncoderSettings(preset="ultrafast"), drop=[3, 4, 5, 6])
    kept = [(stream.kind, stream.codec) for stream in probe(target).other_streams]
    assert kept[:2] == [("audio", "flac"), ("audio", "aac")]
    assert "subtitle" not in dict(kept)


def test_held_frames_keep_the_codes_of_their_drawing(tmp_path: Path, painter: Painter) -> None:
    def pictures() -> Iterator[av.VideoFrame]:
        rng = np.random.default_rng(0)
        for number in range(18):
            picture = films.picture_of(0, "yuv420p", 48, 64)
            grainy = films.drawing(5 * (number // 3)).astype(int) + rng.integers(-3, 4, (48, 64))
            films.fill(picture, 0, grainy.clip(0, 255).astype(np.uint8))
            yield picture

    film = films.make(tmp_path / "film.mkv", pictures())
    summary = render(film, tmp_path / "copy.mkv", painter, LOSSLESS)
    assert (summary.frames, summary.drawings) == (18, 6)
    copy = planes(tmp_path / "copy.mkv")
    for number, (luma, u, v) in enumerate(copy):
        first = copy[number - number % 3]
        np.testing.assert_array_equal([u, v], first[1:])
        assert number % 3 == 0 or (luma != first[0]).any()
    assert all((one[1] != other[1]).any() for one, other in zip(copy[::3], copy[3::3], strict=False))


def test_a_color_film_is_colored_from_its_luma_alone(tmp_path: Path, painter: Painter) -> None:
    pictures = [films.picture_of(number, "yuv420p", 48, 64) for number in range(4)]
    gray = films.make(tmp_path / "gray.mkv", pictures)
    for number, picture in enumerate(pictures):
        for index in (1, 2):
            films.fill(picture, index, films.drawing(number + index, 24, 32))
    colored = films.make(tmp_path / "colored.mkv", pictures)
    for film in (gray, colored):
        render(film, tmp_path / f"{film.stem}.copy.mkv", painter, LOSSLESS)
    for one, other, source in zip(
        *(planes(tmp_path / name) for name in ("gray.copy.mkv", "colored.copy.mkv", "colored.mkv")), strict=True
    ):
        np.testing.assert_array_equal(one[1:], other[1:])
        assert (other[1] != source[1]).any()


def test_the_planes_hold_what_the_painter_says(tmp_path: Path, painter: Painter) -> None:
    film, target = films.plain(tmp_path / "film.mkv", 3), tmp_path / "copy.mkv"
    render(film, target, painter, LOSSLESS)
    for (luma, *stored), chroma in zip(planes(target), painted(painter, film), strict=True):
        expected = color.chroma_planes(
            luma, chroma, (24, 32), bit_depth=8, color_range=probe(film).color_range, matrix=probe(film).matrix
        )
        np.testing.assert_array_equal(stored, expected)


def test_an_ensemble_is_the_mean_of_its_members(tmp_path: Path, weights: list[Path]) -> None:
    film = films.plain(tmp_path / "film.mkv", 3)
    both = Painter(weights[:2], ensemble="mean", smooth="flow", device="cpu")
    first, second = (np.array(painted(Painter([path], smooth="flow", device="cpu"), film)) for path in weights[:2])
    assert np.abs(first - second).mean() > 0.5
    precision = 1e-3 if both.dtype == torch.float32 else 0.1
    np.testing.assert_allclose(painted(both, film), (first + second) / 2, atol=precision)
    assert render(film, tmp_path / "copy.mkv", both, LOSSLESS).variants == ("compact", "compact")


def test_several_weights_need_a_way_to_put_them_together(weights: list[Path]) -> None:
    with pytest.raises(SettingsError, match=r"2 weights were given .*--ensemble mean"):
        Painter(weights[:2])
    with pytest.raises(WeightsError, match=r"different sizes \(64, 96 pixels\)"):
        _ = Painter(weights, ensemble="mean", device="cpu").colorizer
    assert len(Painter(weights[:1], ensemble="mean", device="cpu").models) == 1


def test_smoothing_that_does_not_go_with_other_settings_is_refused(weights: list[Path]) -> None:
    paints = Palette((Paint("red", (200, 30, 30), 1.0),))
    assert Painter(weights[:1]).smooth == "tracks"
    assert Painter(weights[:1], refine=RefineSettings()).smooth == "flow"
    with pytest.raises(SettingsError, match="--refine and --smooth tracks"):
        Painter(weights[:1], refine=RefineSettings(), smooth="tracks")
    for options in ({"smooth": "flow"}, {"refine": RefineSettings()}):
        with pytest.raises(SettingsError, match="--palette"):
            Painter(weights[:1], palette=paints, **options)


def test_weights_are_loaded_once_and_after_the_output_is_checked(
    tmp_path: Path, weights: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, load = [], checkpoint.load

    def count(path: Path) -> checkpoint.Checkpoint:
        loaded.append(path)
        return load(path)

    monkeypatch.setattr(checkpoint, "load", count)
    film, fresh = films.plain(tmp_path / "film.mkv", 2), Painter(weights[:1], device="cpu")
    with pytest.raises(OutputError):
        render(film, tmp_path / "copy.avi", fresh, LOSSLESS)
    assert not loaded
    for name in ("one.mkv", "two.mkv"):
        render(film, tmp_path / name, fresh, LOSSLESS)
    assert loaded == weights[:1]


def test_a_truncated_film_leaves_nothing(tmp_path: Path, painter: Painter) -> None:
    film = truncated(tmp_path / "film.mkv")
    with pytest.raises(TruncatedError, match=r"film.mkv is damaged or breaks off: \d+ frames .*--keep-going"):
        render(film, tmp_path / "new" / "copy.mkv", painter, LOSSLESS, make_folder=True)
    assert names(tmp_path) == {"film.mkv"}


@pytest.mark.parametrize("start", [0, 10_000])
def test_a_truncated_film_is_colored_up_to_its_break(start: int, tmp_path: Path, painter: Painter) -> None:
    film, target = truncated(tmp_path / "film.mkv", start), tmp_path / "copy.mkv"
    summary = render(film, target, painter, LOSSLESS, keep_going=True)
    assert 50 < summary.frames < 70
    assert summary.frames_lost == 100 - summary.frames
    np.testing.assert_array_equal(lumas(target), [films.drawing(number) for number in range(summary.frames)])


def test_a_whole_film_has_lost_nothing(tmp_path: Path, painter: Painter) -> None:
    film = films.plain(tmp_path / "film.mkv", 3)
    assert render(film, tmp_path / "copy.mkv", painter, LOSSLESS, keep_going=True).frames_lost == 0


def test_an_interlaced_film_is_colored_if_that_is_allowed(tmp_path: Path, painter: Painter) -> None:
    film, target = films.interlaced(tmp_path / "film.mkv"), tmp_path / "copy.mkv"
    with pytest.raises(InputError, match="--deinterlace"):
        render(film, target, painter, LOSSLESS)
    assert not target.exists()
    assert render(film, target, painter, LOSSLESS, deinterlace=True).frames == 24
    assert not probe(target).interlaced


def test_what_was_there_is_replaced_only_by_a_whole_film(tmp_path: Path, painter: Painter) -> None:
    film, broken, target = films.plain(tmp_path / "film.mkv", 3), truncated(tmp_path / "b.mkv"), tmp_path / "copy.mkv"
    target.write_bytes(b"old")
    for source, overwrite, error in ((film, False, OutputError), (broken, True, TruncatedError)):
        with pytest.raises(error):
            render(source, target, painter, LOSSLESS, overwrite=overwrite)
        assert target.read_bytes() == b"old"
    render(film, target, painter, LOSSLESS, overwrite=True)
    assert len(lumas(target)) == 3
    assert names(tmp_path) == {"film.mkv", "b.mkv", "copy.mkv"}


def test_a_folder_is_made_where_that_is_allowed(tmp_path: Path, painter: Painter) -> None:
    film, target = films.plain(tmp_path / "film.mkv", 2), tmp_path / "new" / "deep" / "copy.mkv"
    with pytest.raises(OutputError, match="there is no folder"):
        render(film, target, painter, LOSSLESS)
    render(film, target, painter, LOSSLESS, make_folder=True)
    assert names(target.parent) == {"copy.mkv"}


@pytest.mark.parametrize(("suffix", "total"), [(".mkv", 5), (".h264", None)])
def test_progress_is_told_frame_by_frame(tmp_path: Path, painter: Painter, suffix: str, total: int | None) -> None:
    told: list[tuple[int, int | None]] = []
    film = films.plain(tmp_path / f"film{suffix}", 5, codec="libx264", options={"bf": "0"})
    render(film, tmp_path / "copy.mkv", painter, LOSSLESS, progress=lambda *now: told.append(now))
    assert told == [(number, total) for number in range(1, 6)]


def test_an_error_midway_leaves_no_file_and_no_thread(tmp_path: Path, painter: Painter) -> None:
    film = films.plain(tmp_path / "film.mkv", 40)

    def fail(done: int, total: int | None) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(film, tmp_path / "copy.mkv", painter, LOSSLESS, progress=fail)
    assert names(tmp_path) == {"film.mkv"}
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_a_summary_as_json() -> None:
    summary = RenderSummary(Path("a.mkv"), Path("b.mkv"), 100, 40, None, 4.00004, ("compact",))
    assert json.loads(json.dumps(summary.to_json())) == {
        "source": "a.mkv",
        "output": "b.mkv",
        "frames": 100,
        "drawings": 40,
        "frames_lost": None,
        "seconds": 4.0,
        "frames_per_second": 25.0,
        "variants": ["compact"],
    }


def test_output_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, both = [Path("a/one.mp4")], [Path("a/one.mp4"), Path("b/two.part.mkv")]
    assert output_paths(both, None) == [Path("a/one.color.mkv"), Path("b/two.part.color.mkv")]
    assert output_paths(both, "new/") == [Path("new/one.color.mkv"), Path("new/two.part.color.mkv")]
    assert output_paths(one, "copy.mp4") == [Path("copy.mp4")]
    Path("copy.mp4").mkdir()
    assert output_paths(one, "copy.mp4") == [Path("copy.mp4/one.color.mkv")]


@pytest.mark.parametrize(
    ("names", "output", "sentence"),
    [
        (["a.mkv", "b.mkv"], "copy.mkv", "2 films can't all go to copy.mkv; give a folder"),
        (["a.mkv", "b/a.mp4"], "new/", "two films would be written to new/a.color.mkv"),
        (["a.mkv", "./b/../a.mkv"], None, "two films would be written to"),
        (["a.mkv", "a.color.mkv"], None, "a.color.mkv is both a film to color and an output"),
        (["a.mkv"], "b/../a.mkv", "is both a film to color and an output"),
    ],
)
def test_output_paths_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], output: str | None, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("b").mkdir()
    with pytest.raises(OutputError, match=sentence):
        output_paths([Path(name) for name in names], output)
