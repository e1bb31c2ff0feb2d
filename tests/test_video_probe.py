"""What a film is like, and films that can't be used."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import cv2
import films
import numpy as np
import pytest

from cartoon_color.errors import InputError
from cartoon_color.frames import StreamInfo
from cartoon_color.video import probe, read


def test_everything_of_a_rich_film_is_told(tmp_path: Path) -> None:
    info = probe(films.rich(tmp_path / "rich.mkv"))
    assert (info.width, info.height, info.pixel_format, info.bit_depth) == (64, 48, "yuv420p", 8)
    assert info.time_base == Fraction(1, 1000)
    assert info.sample_aspect == Fraction(10, 11)
    assert (info.matrix, info.color_range, info.color_primaries, info.color_transfer) == ("bt601", "limited", 5, 6)
    assert (info.range_code, info.matrix_code) == (1, 5)
    assert not info.interlaced
    assert info.video_stream == 0
    assert info.other_streams == (
        StreamInfo(1, "audio", "flac", "ces", "Narrator"),
        StreamInfo(2, "audio", "aac", "eng", "Dub"),
        StreamInfo(3, "subtitle", "subrip", "ces", "Subtitles ces"),
        StreamInfo(4, "subtitle", "ass", "eng", "Subtitles eng"),
        StreamInfo(5, "attachment", "", "", "font.ttf"),
        StreamInfo(6, "video", "png", "", "cover.png"),
    )


@pytest.mark.parametrize(
    ("height", "matrix", "codes"),
    [
        (486, "bt601", (6, 6, 6)),
        (488, "bt601", (5, 5, 6)),
        (576, "bt601", (5, 5, 6)),
        (578, "bt709", (1, 1, 1)),
    ],
)
def test_what_is_left_open_follows_from_the_height(
    tmp_path: Path, height: int, matrix: str, codes: tuple[int, int, int]
) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 1, size=(height, 16)))
    assert info.matrix == matrix
    assert (info.matrix_code, info.color_primaries, info.color_transfer) == codes


def test_primaries_and_transfer_go_with_the_matrix_unless_they_are_given(tmp_path: Path) -> None:
    for given, expected in (
        ({"colorspace": 1}, (1, 1, 1)),
        ({"colorspace": 5, "color_trc": 4}, (5, 5, 4)),
        ({"color_primaries": 1}, (6, 1, 6)),
        ({"colorspace": 9, "color_trc": 16}, (9, 2, 16)),
    ):
        info = probe(films.plain(tmp_path / "film.mkv", 1, **given))
        assert (info.matrix_code, info.color_primaries, info.color_transfer) == expected


@pytest.mark.parametrize(("code", "matrix"), [(1, "bt709"), (5, "bt601"), (6, "bt601"), (9, "bt2020")])
def test_a_given_matrix_counts(tmp_path: Path, code: int, matrix: str) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 1, colorspace=code))
    assert (info.matrix, info.matrix_code) == (matrix, code)


def test_an_unknown_matrix_is_refused(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 1, pixel_format="yuv444p", codec="libx264", colorspace=8)
    with pytest.raises(InputError, match=r"matrix 8 .* not supported"):
        probe(film)


@pytest.mark.parametrize(
    ("pixel_format", "tagged", "expected"),
    [
        ("yuv420p", 0, "limited"),
        ("yuv420p", 1, "limited"),
        ("yuv420p", 2, "full"),
        ("gray", 0, "full"),
        ("gray", 1, "limited"),
        ("gbrp", 0, "full"),
    ],
)
def test_range_and_its_default(tmp_path: Path, pixel_format: str, tagged: int, expected: str) -> None:
    codec = "libx264rgb" if pixel_format == "gbrp" else "ffv1"
    shown = "bgr0" if pixel_format == "gbrp" else pixel_format
    film = films.make(tmp_path / "film.mkv", [films.av.VideoFrame(64, 48, shown)], codec=codec, color_range=tagged)
    info = probe(film)
    assert info.color_range == expected
    assert info.range_code == (2 if expected == "full" else tagged)


def test_rgb_is_told_as_what_luma_is_computed_in(tmp_path: Path) -> None:
    picture = films.av.VideoFrame(64, 48, "gbrp10le")
    info = probe(films.make(tmp_path / "film.mkv", [picture]))
    assert (info.pixel_format, info.converted_from, info.bit_depth) == ("yuv444p10le", "gbrp10le", 10)
    assert (info.color_range, info.range_code, info.matrix, info.matrix_code) == ("full", 2, "bt601", 6)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_rotation_is_clockwise(tmp_path: Path, degrees: int, suffix: str) -> None:
    film = films.plain(tmp_path / f"film{suffix}", 2, codec="libx264", rotation=degrees)
    assert probe(film).rotation == degrees


def test_interlaced_films_are_told_apart(tmp_path: Path) -> None:
    assert probe(films.interlaced(tmp_path / "fields.mkv", 4)).interlaced
    assert not probe(films.plain(tmp_path / "frames.mkv", 4)).interlaced


def test_interlacing_that_only_the_container_tells(tmp_path: Path) -> None:
    assert probe(films.plain(tmp_path / "film.mkv", 4, field_order=2)).interlaced


def test_the_largest_default_stream_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    output = films.av.open(str(path), "w")
    small, large = (
        output.add_stream("ffv1", rate=25, width=width, height=32, time_base=films.MS) for width in (32, 96)
    )
    for stream, width in ((small, 32), (large, 96)):
        stream.disposition = 0
        picture = films.picture_of(0, "yuv420p", 32, width)
        picture.pts, picture.time_base = 0, films.MS
        output.mux([*stream.encode(picture), *stream.encode()])
    output.close()
    info = probe(path)
    assert (info.video_stream, info.width) == (1, 96)
    assert [other.index for other in info.other_streams] == [0]


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    info = probe(films.plain(Path("concat:1.mkv"), 2))
    assert len(list(read(info))) == 2


def test_text_that_is_not_utf8_does_no_harm(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 2, metadata={"title": "XXXXXXXX"})
    film.write_bytes(film.read_bytes().replace(b"XXXXXXXX", "Loupežní".encode("iso-8859-2")))
    assert probe(film).width == 64


def _missing(folder: Path) -> Path:
    return folder / "nothing.mkv"


def _folder(folder: Path) -> Path:
    return folder


def _empty(folder: Path) -> Path:
    (folder / "empty.mkv").touch()
    return folder / "empty.mkv"


def _text(folder: Path) -> Path:
    (folder / "text.mkv").write_text("This is not a film.\n" * 99)
    return folder / "text.mkv"


def _noise(folder: Path) -> Path:
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(9999))
    return folder / "noise.mp4"


def _sound(folder: Path) -> Path:
    with films.av.open(str(folder / "sound.mkv"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        piece = films.av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.int16), format="s16", layout="stereo")
        piece.rate = 8000
        output.mux([*stream.encode(piece), *stream.encode()])
    return folder / "sound.mkv"


def _picture(folder: Path) -> Path:
    cv2.imwrite(str(folder / "picture.png"), np.zeros((48, 64, 3), np.uint8))
    return folder / "picture.png"


def _photo(folder: Path) -> Path:
    cv2.imwrite(str(folder / "picture.jpg"), np.zeros((48, 64, 3), np.uint8))
    return folder / "picture.jpg"


def _subtitles(folder: Path) -> Path:
    (folder / "text.srt").write_text(films.SRT)
    return folder / "text.srt"


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.mkv")
    return folder / "pipe.mkv"


@pytest.mark.parametrize(
    ("film", "sentence"),
    [
        (_missing, "there is no file .*nothing.mkv; give"),
        (_folder, "is a folder; give"),
        (_empty, "is empty"),
        (_text, "can't be opened as a film"),
        (_noise, "can't be opened as a film|no video stream"),
        (_sound, "has no video stream, only audio"),
        (_picture, "is a still picture, not a film"),
        (_photo, "is a still picture, not a film"),
        (_subtitles, "has no video stream, only subtitle"),
        (_pipe, "is not a regular file"),
    ],
)
def test_what_is_no_film_is_refused_in_a_sentence(tmp_path: Path, film, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        probe(film(tmp_path))


def test_a_film_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = films.plain(tmp_path / "film.mkv", 1)
    # Root may read everything, so the answer of the system is a fake one.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="permission denied"):
        probe(film)


def test_a_film_without_a_whole_frame(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 1, codec="libx264", size=(480, 640), options={"qp": "0"})
    content = film.read_bytes()
    middle = content.index(b"\x1f\x43\xb6\x75") + 200
    film.write_bytes(content[:middle])
    with pytest.raises(InputError, match=r"no frame of stream 0 \(h264\) can be decoded"):
        probe(film)
