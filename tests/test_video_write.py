"""The colored copy: everything of the source, luma bit for bit, and never half a film under the final name."""

from __future__ import annotations

import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import films
import numpy as np
import pytest

from cartoon_color.config import EncoderSettings
from cartoon_color.errors import OutputError
from cartoon_color.video import Writer, probe, read
from cartoon_color.video.encoders import ENCODERS
from cartoon_color.video.formats import component, layout

FAST = EncoderSettings(preset="ultrafast")
LOSSLESS = EncoderSettings(codec="ffv1")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.rich(tmp_path_factory.mktemp("rich") / "rich.mkv")


@pytest.mark.parametrize("codec", ["x264", "x265", "svtav1", "ffv1", "prores"])
def test_nothing_of_a_rich_film_is_lost(tmp_path: Path, rich: Path, codec: str) -> None:
    source, copy = films.color(rich, tmp_path / "copy.mkv", EncoderSettings(codec=codec))
    assert [frame.pts for frame in read(copy)] == films.VARIABLE
    assert (copy.width, copy.height, copy.time_base, copy.rate) == (64, 48, films.MS, source.rate)
    assert copy.sample_aspect == Fraction(10, 11)
    for name in ("matrix", "matrix_code", "color_range", "range_code", "color_primaries", "color_transfer", "rotation"):
        assert getattr(copy, name) == getattr(source, name), name
    assert copy.other_streams == source.other_streams
    for other in source.other_streams:
        # Sound has no durations in Matroska: FFmpeg's reader estimates them, from what it has read so far.
        parts = 2 if other.kind == "audio" else 3
        before, after = (
            [packet[:parts] for packet in films.packets(info.path, other.index)] for info in (source, copy)
        )
        assert before == after
        assert before or other.kind == "attachment"
    with films.av.open(str(rich)) as first, films.av.open(str(copy.path)) as second:
        assert second.metadata["title"] == "Loupežník Rumcajs"
        assert {**second.metadata, "ENCODER": ""} == {**first.metadata, "ENCODER": ""}
        assert second.chapters() == first.chapters()
        assert len(second.chapters()) == 2
        for before_, after_ in zip(first.streams, second.streams, strict=True):
            assert after_.disposition == before_.disposition
            own = {"DURATION": "", "ENCODER": ""}
            assert {**after_.metadata, **own} == {**before_.metadata, **own}
        assert [second.streams[index].disposition for index in range(1, 5)] == [1, 2, 64, 64]
        assert second.streams[5].data == films.FONT  # type: ignore[attr-defined]
        assert second.streams[5].mimetype == "application/x-truetype-font"  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(48, 64), (37, 53)])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le", "yuv422p12le", "yuv444p16le", "gray", "gray10le"])
def test_ffv1_gives_back_the_luma_of_the_source(tmp_path: Path, pixel_format: str, size: tuple[int, int]) -> None:
    film = films.plain(tmp_path / "film.mkv", 3, pixel_format=pixel_format, size=size)
    source, copy = films.color(film, tmp_path / "copy.mkv", LOSSLESS)
    assert copy.bit_depth == source.bit_depth
    assert copy.color_range == source.color_range
    for number, frame in enumerate(read(copy)):
        np.testing.assert_array_equal(frame.luma, films.drawing(number, *size, source.bit_depth))


@pytest.mark.parametrize("color_range", [1, 2])
@pytest.mark.parametrize("size", [(48, 64), (37, 53)])
def test_the_encoder_of_x264_gets_luma_unchanged(tmp_path: Path, color_range: int, size: tuple[int, int]) -> None:
    film = films.plain(tmp_path / "film.mkv", 3, size=size, color_range=color_range)
    _, copy = films.color(film, tmp_path / "copy.mkv", EncoderSettings(crf=0, preset="ultrafast"))
    assert copy.range_code == color_range
    for number, frame in enumerate(read(copy)):
        np.testing.assert_array_equal(frame.luma, films.drawing(number, *size))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_chroma_is_what_was_given(tmp_path: Path, pixel_format: str) -> None:
    film = films.plain(tmp_path / "film.mkv", 3, pixel_format=pixel_format)
    info = probe(film)
    with Writer(tmp_path / "copy.mkv", info, LOSSLESS) as writer:
        given = [films.chroma(writer, number) for number in range(3)]
        for frame in read(info):
            writer.write(frame, *given[frame.index])
    assert writer.pixel_format == pixel_format
    with films.av.open(str(tmp_path / "copy.mkv")) as copy:
        for picture, planes in zip(copy.decode(video=0), given, strict=True):
            for index in (1, 2):
                stored = component(picture, layout(pixel_format), index)
                np.testing.assert_array_equal(stored, planes[index - 1])


def test_a_deeper_encoder_gets_shifted_codes(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 3)
    settings = replace(LOSSLESS, pixel_format="yuv420p10le")
    _, copy = films.color(film, tmp_path / "copy.mkv", settings)
    for number, frame in enumerate(read(copy)):
        np.testing.assert_array_equal(frame.luma, films.drawing(number).astype(np.uint16) << 2)


def test_rgb_sources_are_written_as_their_luma(tmp_path: Path) -> None:
    picture = films.av.VideoFrame(64, 48, "gbrp")
    for index in range(3):
        films.fill(picture, index, films.drawing(index))
    film = films.make(tmp_path / "film.mkv", [films.converted(picture, "bgr0")])
    source, copy = films.color(film, tmp_path / "copy.mkv", LOSSLESS)
    assert (copy.pixel_format, copy.color_range, copy.matrix, copy.range_code) == ("yuv444p", "full", "bt601", 2)
    ((before,), (after,)) = (list(read(info)) for info in (source, copy))
    np.testing.assert_array_equal(after.luma, before.luma)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov", ".nut", ".ts"])
def test_times_are_kept(tmp_path: Path, suffix: str) -> None:
    film = films.plain(tmp_path / f"film{suffix}", 24, codec="libx264", options={"qp": "0"}, pts=films.VARIABLE)
    source, copy = films.color(film, tmp_path / f"copy{suffix}")
    before, after = ([frame.pts * info.time_base for frame in read(info)] for info in (source, copy))
    assert before == after
    if suffix != ".ts":
        assert before == [pts * films.MS for pts in films.VARIABLE]


def test_matroska_rounds_finer_times_to_milliseconds(tmp_path: Path) -> None:
    ticks = Fraction(1, 30000)
    film = films.plain(tmp_path / "film.mp4", 24, codec="libx264", time_base=ticks, step=1001)
    source, copy = films.color(film, tmp_path / "copy.mkv")
    for before, after in zip(read(source), read(copy), strict=True):
        assert abs(before.pts * source.time_base - after.pts * copy.time_base) <= Fraction(1, 2000)


def test_durations_are_kept_where_the_container_can(tmp_path: Path) -> None:
    # With B-frames MP4 counts from one decoding to the next, so nothing can be told.
    film = films.plain(tmp_path / "film.mp4", 24, codec="ffv1", pts=films.VARIABLE)
    source, copy = films.color(film, tmp_path / "copy.mp4", LOSSLESS)
    before, after = ([frame.duration * info.time_base for frame in read(info)] for info in (source, copy))
    assert before == after


def test_sound_that_starts_before_the_picture(tmp_path: Path) -> None:
    film = films.with_sound(tmp_path / "film.mp4")
    assert films.packets(film, 1)[0][1] == Fraction(-1024, 8000)
    source, copy = films.color(film, tmp_path / "copy.mp4")
    assert [packet[:2] for packet in films.packets(copy.path, 1)] == [packet[:2] for packet in films.packets(film, 1)]
    assert [frame.pts for frame in read(copy)] == [frame.pts for frame in read(source)]
    _, shifted = films.color(film, tmp_path / "copy.mkv")
    later = films.packets(shifted.path, 1)[0][1] - Fraction(-1024, 8000)
    for before, after in zip(read(source), read(shifted), strict=True):
        assert after.pts * shifted.time_base - before.pts * source.time_base == later


def test_chapters_of_mp4_are_not_doubled(tmp_path: Path) -> None:
    film = films.with_sound(tmp_path / "film.mp4")
    assert [other.codec for other in probe(film).other_streams] == ["aac", "bin_data"]
    for suffix in (".mp4", ".mkv"):
        _, copy = films.color(film, tmp_path / f"copy{suffix}")
        with films.av.open(str(copy.path)) as container:
            assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["Předtitulky", "The story"]
            assert [stream.type for stream in container.streams if stream.type != "data"] == ["video", "audio"]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_kept(tmp_path: Path, suffix: str, degrees: int) -> None:
    film = films.plain(tmp_path / f"film{suffix}", 2, codec="libx264", rotation=degrees)
    assert films.color(film, tmp_path / f"copy{suffix}")[1].rotation == degrees


HELD = {
    ".mkv": ("x264", "x265", "svtav1", "ffv1", "prores"),
    ".webm": ("svtav1",),
    ".mp4": ("x264", "x265", "svtav1", "ffv1"),
    ".mov": ("x264", "x265", "prores"),
    ".m4v": ("x264",),
    ".nut": ("x264", "x265"),
    ".ts": ("x264", "x265"),
}


@pytest.mark.parametrize("suffix", HELD)
@pytest.mark.parametrize("codec", ENCODERS)
def test_every_pair_of_codec_and_container_keeps_aspect_and_colors_or_is_refused(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    film = films.plain(tmp_path / "film.mkv", 2, colorspace=1, color_primaries=1, color_trc=1, color_range=1)
    info = replace(probe(film), sample_aspect=Fraction(10, 11))
    if codec not in HELD[suffix]:
        with pytest.raises(OutputError, match=f"{suffix} files can't hold {codec}"):
            Writer(tmp_path / f"copy{suffix}", info, EncoderSettings(codec=codec))
        assert not list(tmp_path.glob("copy*"))
        return
    _, copy = films.color(info, tmp_path / f"copy{suffix}", EncoderSettings(codec=codec))
    assert copy.sample_aspect == Fraction(10, 11)
    assert (copy.matrix_code, copy.color_primaries, copy.color_transfer, copy.range_code) == (1, 1, 1, 1)
    assert len(list(read(copy))) == 2


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mkv", "x264"), (".mkv", "ffv1"), (".mov", "prores"), (".mp4", "x264"), (".ts", "x265")]
)
@pytest.mark.parametrize(("height", "codes"), [(480, (6, 6, 6)), (576, (5, 5, 6)), (720, (1, 1, 1))])
def test_the_copy_says_by_which_matrix_its_chroma_was_computed(
    tmp_path: Path, suffix: str, codec: str, height: int, codes: tuple[int, int, int]
) -> None:
    film = films.plain(tmp_path / "film.mkv", 2, size=(height, 64))
    _, copy = films.color(film, tmp_path / f"copy{suffix}", EncoderSettings(codec=codec))
    with films.av.open(str(copy.path)) as container:
        picture = next(container.decode(video=0))
        assert (picture.colorspace, picture.color_primaries, picture.color_trc) == codes
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == codes


@pytest.mark.parametrize("aspect", [Fraction(16, 15), Fraction(10, 11), Fraction(64, 45), Fraction(3, 4)])
@pytest.mark.parametrize("title", ["", "Picture", "Long " * 40])
def test_sample_aspect_of_ffv1_in_matroska(tmp_path: Path, aspect: Fraction, title: str) -> None:
    film = films.plain(tmp_path / "film.mkv", 3, metadata={"title": title} if title else {})
    info = replace(probe(film), sample_aspect=aspect)
    _, copy = films.color(info, tmp_path / "copy.mkv", LOSSLESS)
    assert copy.sample_aspect == aspect
    assert len(list(read(copy))) == 3
    with films.av.open(str(copy.path)) as container:
        assert container.streams[0].metadata.get("title", "") == title
        # The index still leads to the frames.
        container.seek(80, stream=container.streams[0])
        assert next(container.decode(video=0)).pts == 80


def test_the_checksum_of_the_patched_header_is_right(tmp_path: Path) -> None:
    info = replace(probe(films.plain(tmp_path / "film.mkv", 2)), sample_aspect=Fraction(10, 11))
    _, copy = films.color(info, tmp_path / "copy.mkv", LOSSLESS)
    content = copy.path.read_bytes()
    # The first one is its entry in the table of contents.
    start = content.index(b"\x16\x54\xae\x6b", content.index(b"\x15\x49\xa9\x66") + 100) + 4
    width = 9 - content[start].bit_length()
    size = int.from_bytes(content[start : start + width], "big") & ((1 << 7 * width) - 1)
    tracks = content[start + width : start + width + size]
    assert tracks[:2] == b"\xbf\x84"
    assert int.from_bytes(tracks[2:6], "little") == zlib.crc32(tracks[6:])


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_time_codes_of_mov_are_kept(tmp_path: Path, suffix: str) -> None:
    film = films.with_sound(tmp_path / "film.mov", timecode=True)
    assert [other.kind for other in probe(film).other_streams] == ["audio", "data", "data"]
    _, copy = films.color(film, tmp_path / f"copy{suffix}")
    with films.av.open(str(copy.path)) as container:
        tags = {key.lower(): value for key, value in container.streams.video[0].metadata.items()}
        assert tags["timecode"] == "01:00:00:00"
        assert len(container.streams) == (2 if suffix == ".mkv" else 4)


def test_streams_can_be_left_out(tmp_path: Path, rich: Path) -> None:
    _, copy = films.color(rich, tmp_path / "copy.mkv", drop=[1, 4, 6])
    assert [(other.kind, other.title) for other in copy.other_streams] == [
        ("audio", "Dub"),
        ("subtitle", "Subtitles ces"),
        ("attachment", "font.ttf"),
    ]
    assert films.packets(copy.path, 1)[3][0] == films.packets(rich, 2)[3][0]


def test_the_order_of_streams_is_kept(tmp_path: Path) -> None:
    source, copy = films.color(films.sound_first(tmp_path / "film.mkv"), tmp_path / "copy.mkv")
    assert copy.video_stream == source.video_stream == 1
    assert [other.kind for other in copy.other_streams] == ["audio"]


def test_text_that_is_not_utf8_is_carried_over_as_it_is(tmp_path: Path) -> None:
    title = "Loupežní".encode("iso-8859-2")
    film = films.plain(tmp_path / "film.mkv", 2, metadata={"title": "XXXXXXXX"})
    film.write_bytes(film.read_bytes().replace(b"XXXXXXXX", title))
    _, copy = films.color(film, tmp_path / "copy.mkv")
    assert title in copy.path.read_bytes()


def test_a_colon_in_the_name_of_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _, copy = films.color(films.plain(Path("film.mkv"), 2), Path("a:b%d.mkv"))
    assert len(list(read(copy))) == 2


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (2, 5000), (2, 2)])
def test_ffv1_takes_odd_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    _, copy = films.color(films.plain(tmp_path / "film.mkv", 1, size=size), tmp_path / "copy.mkv", LOSSLESS)
    (frame,) = read(copy)
    np.testing.assert_array_equal(frame.luma, films.drawing(0, *size))
