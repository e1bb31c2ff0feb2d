"""Luma exactly as stored, time stamps exactly as given, and no silence about what is missing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import films
import numpy as np
import pytest
from av.video.format import VideoFormat, names

from cartoon_color.errors import InputError, TruncatedError
from cartoon_color.frames import Frame
from cartoon_color.video import probe, read, read_color
from cartoon_color.video.formats import layout, luma, planes
from cartoon_color.video.read import _decoded

X264 = {"codec": "libx264", "options": {"qp": "0", "preset": "ultrafast"}}
PLANAR = [
    ("yuv420p", {}),
    ("yuv422p", {}),
    ("yuv444p", {}),
    ("yuv411p", {}),
    ("yuv410p", {}),
    ("yuv440p", {}),
    ("yuva420p", {}),
    ("yuv420p9le", {}),
    ("yuv420p10le", {}),
    ("yuv422p12le", {}),
    ("yuv444p14le", {}),
    ("yuv420p16le", {}),
    ("gray", {}),
    ("gray10le", {}),
    ("gray16le", {}),
    ("yuv420p", X264),
    ("yuv422p10le", X264),
]


@pytest.mark.parametrize(("pixel_format", "more"), PLANAR)
@pytest.mark.parametrize("size", [(48, 64), (37, 53)])
def test_luma_is_what_was_stored(tmp_path: Path, pixel_format: str, more: dict, size: tuple[int, int]) -> None:
    if more and size[1] % 2:
        pixel_format = pixel_format.replace("420", "444").replace("422", "444")
    film = films.plain(tmp_path / "film.mkv", 3, pixel_format=pixel_format, size=size, **more)
    info = probe(film)
    frames = list(read(info))
    assert len(frames) == 3
    for number, frame in enumerate(frames):
        expected = films.drawing(number, *size, info.bit_depth)
        assert frame.luma.dtype == expected.dtype
        np.testing.assert_array_equal(frame.luma, expected)
        assert frame.luma.flags.c_contiguous


@pytest.mark.parametrize("pixel_format", ["yuv420p10be", "yuv444p16be", "gray16be", "nv12", "nv21", "yuyv422"])
@pytest.mark.parametrize("size", [(48, 64), (37, 54)])
def test_luma_of_raw_formats(tmp_path: Path, pixel_format: str, size: tuple[int, int]) -> None:
    form = layout(pixel_format)

    def pictures():
        for number in range(3):
            picture = films.av.VideoFrame(size[1], size[0], form.planar)
            films.fill(picture, 0, films.drawing(number, *size, form.depth))
            yield films.converted(picture, pixel_format)

    info = probe(films.make(tmp_path / "film.nut", pictures(), codec="rawvideo"))
    assert info.pixel_format == pixel_format
    for number, frame in enumerate(read(info)):
        np.testing.assert_array_equal(frame.luma, films.drawing(number, *size, form.depth))


def _formats() -> list[str]:
    known = []
    for name in sorted(names):
        with suppress(InputError):
            if layout(name) and VideoFormat(name, 8, 8).components[0].bits >= 8:
                known.append(name)
    return known


def _made(name: str, parts: list[np.ndarray]) -> films.av.VideoFrame:
    """A picture of format `name` with given components: put in place for planar formats, else packed by swscale."""
    form = layout(name)
    height, width = parts[0].shape
    planar = name if form.places and all(step == 1 for _, _, step in form.places) else form.planar
    picture = films.av.VideoFrame(width, height, planar)
    for part, (index, _, _) in zip(parts, layout(planar).places, strict=True):
        films.fill(picture, index, part << (layout(planar).shift))
    return picture if planar == name else films.converted(picture, name)


def test_every_format_gives_back_its_codes() -> None:
    made, random = 0, np.random.default_rng(1)
    for name in _formats():
        form = layout(name)
        sizes = [(plane.height, plane.width) for plane in films.av.VideoFrame(40, 24, form.planar).planes]
        count = 1 if form.gray else 3
        kind = np.uint8 if form.depth == 8 else np.uint16
        parts = [random.integers(0, 1 << form.depth, size).astype(kind) for size in sizes[:count]]
        try:
            picture = _made(name, parts)
        except films.av.FFmpegError:
            continue
        for codes, expected in zip(planes(picture, form), parts, strict=True):
            np.testing.assert_array_equal(codes, expected, err_msg=name)
        if not form.rgb:
            np.testing.assert_array_equal(luma(picture, form, "bt601"), parts[0], err_msg=name)
        made += 1
    assert made > 150


@pytest.mark.parametrize("name", ["grayf32le", "gbrpf32le", "rgbf16le", "gray32le", "bayer_rggb8", "xyz12le", "cuda"])
def test_formats_without_luma_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"luma can't be taken from pixel format {name}"):
        layout(name)


def test_time_stamps_are_those_of_the_film(tmp_path: Path) -> None:
    info = probe(films.rich(tmp_path / "film.mkv"))
    frames = list(read(info))
    assert [frame.pts for frame in frames] == films.VARIABLE
    assert [frame.index for frame in frames] == list(range(len(films.VARIABLE)))
    assert {frame.time_base for frame in frames} == {films.MS}


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".nut"])
def test_time_stamps_in_order_of_showing(tmp_path: Path, suffix: str) -> None:
    stamps = [100, 140, 180, 190, 200, 400, 440, 480, 520, 560]
    film = films.plain(tmp_path / f"film{suffix}", 10, codec="libx264", options={"preset": "medium"}, pts=stamps)
    info = probe(film)
    assert [frame.pts * info.time_base * 1000 for frame in read(info)] == stamps


def test_frames_without_time_stamps_follow_by_the_rate(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.h264", 6, codec="libx264", options={"preset": "medium"}))
    times = [frame.pts * info.time_base for frame in read(info)]
    assert times == [Fraction(number, 25) for number in range(6)]


def test_an_interlaced_film_is_refused_at_once(tmp_path: Path) -> None:
    info = probe(films.interlaced(tmp_path / "film.mkv"))
    for reader in (read, read_color):
        with pytest.raises(InputError, match=r"is interlaced.*--deinterlace"):
            reader(info)


def _combing(codes: np.ndarray) -> float:
    lines = codes.astype(np.int64)
    return float(np.abs(lines[1:-1:2] - (lines[:-2:2] + lines[2::2]) / 2).mean())


def test_deinterlacing_keeps_number_and_time(tmp_path: Path) -> None:
    info = probe(films.interlaced(tmp_path / "film.mkv"))
    stored = [frame.luma for frame in read(replace(info, interlaced=False))]
    frames = list(read(info, deinterlace=True))
    assert [frame.pts for frame in frames] == [40 * number for number in range(24)]
    assert [frame.luma.shape for frame in frames] == [(48, 64)] * 24
    combed, clean = (np.mean([_combing(codes) for codes in film]) for film in (stored, [f.luma for f in frames]))
    assert clean < combed / 4


@pytest.mark.parametrize("count", [1, 2, 3])
def test_deinterlacing_of_few_frames(tmp_path: Path, count: int) -> None:
    info = probe(films.interlaced(tmp_path / "film.mkv", count))
    assert [frame.pts for frame in read(info, deinterlace=True)] == [40 * number for number in range(count)]


def test_deinterlacing_leaves_what_stands_still(tmp_path: Path) -> None:
    info = probe(films.interlaced(tmp_path / "film.mkv", moving=False))
    stored = [frame.luma for frame in read(replace(info, interlaced=False))]
    for frame, codes in zip(read(info, deinterlace=True), stored, strict=True):
        np.testing.assert_array_equal(frame.luma, codes)


def test_deinterlacing_leaves_progressive_frames(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 5))
    for number, frame in enumerate(read(info, deinterlace=True)):
        np.testing.assert_array_equal(frame.luma, films.drawing(number))


def test_deinterlacing_believes_the_container(tmp_path: Path) -> None:
    film = films.interlaced(tmp_path / "fields.mkv")
    pictures = list(films.av.open(str(film)).decode(video=0))
    marked = films.make(
        tmp_path / "marked.mkv", (picture.reformat(format="yuv422p") for picture in pictures), field_order=2
    )
    info = probe(marked)
    combed = np.mean([_combing(frame.luma) for frame in read(replace(info, interlaced=False))])
    assert np.mean([_combing(frame.luma) for frame in read(info, deinterlace=True)]) < combed / 4


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv444p", "gray", "gbrp10le"])
def test_deinterlacing_of_other_formats(tmp_path: Path, pixel_format: str) -> None:
    pictures = [films.av.VideoFrame(64, 48, pixel_format) for _ in range(3)]
    for picture in pictures:
        for plane in picture.planes:
            np.frombuffer(plane, np.uint8)[:] = 1  # type: ignore[call-overload]
    info = probe(films.make(tmp_path / "film.mkv", pictures, field_order=2))
    assert info.interlaced
    frames = list(read_color(info, deinterlace=True))
    assert len(frames) == 3
    assert frames[0][1].shape == (48, 64, 3)


def _until(error: type[InputError], frames: Iterator[Frame]) -> tuple[list[Frame], str]:
    got: list[Frame] = []
    with pytest.raises(error) as caught:
        deque(map(got.append, frames))
    assert caught.type is error
    return got, str(caught.value)


@pytest.mark.parametrize(
    ("suffix", "more"),
    [
        (".mkv", {}),
        (".mkv", X264),
        (".mp4", X264 | {"container_options": {"movflags": "faststart"}}),
    ],
)
def test_a_film_that_breaks_off_gives_what_it_has(tmp_path: Path, suffix: str, more: dict) -> None:
    film = films.plain(tmp_path / f"film{suffix}", 75, **more)
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    frames, sentence = _until(TruncatedError, read(probe(film)))
    assert 25 <= len(frames) <= 40
    for number, frame in enumerate(frames[:-1]):
        np.testing.assert_array_equal(frame.luma, films.drawing(number))
    assert f"{len(frames)} frames could be decoded" in sentence
    assert "3.0 s are promised" in sentence
    assert "--keep-going" in sentence


AVI = {"time_base": Fraction(1, 25), "step": 1}
FAST_START = {"container_options": {"movflags": "faststart"}}


@pytest.mark.parametrize(
    ("suffix", "more"),
    [
        (".mkv", {"codec": "libx264", "options": {"preset": "medium"}}),
        (".mkv", {"container_options": {"cluster_time_limit": "200"}}),
        (".mp4", X264 | FAST_START),
        (".mov", X264 | FAST_START),
        (".avi", AVI),
        (".avi", AVI | {"codec": "mpeg4"}),
    ],
)
@pytest.mark.parametrize("share", [0.6, 0.95])
def test_less_than_a_second_may_not_be_missing(tmp_path: Path, suffix: str, more: dict, share: float) -> None:
    film = films.plain(tmp_path / f"film{suffix}", 24, **more)
    whole = film.read_bytes()
    for content in (whole, whole + whole, whole + bytes(99)):
        film.write_bytes(content)
        assert len(list(read(probe(film)))) in (24, 48)
    film.write_bytes(whole[: int(len(whole) * share)])
    frames, sentence = _until(TruncatedError, read(probe(film)))
    assert 1 <= len(frames) <= 24
    assert f"the file is {len(whole) - int(len(whole) * share)} bytes shorter than it says" in sentence


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_live_film_ends_where_it_ends(tmp_path: Path, suffix: str) -> None:
    live = {".mkv": {"live": "1"}, ".mp4": {"movflags": "empty_moov+frag_keyframe"}}[suffix]
    film = films.plain(tmp_path / f"film{suffix}", 24, **X264, container_options=live)
    assert len(list(read(probe(film)))) == 24
    if suffix == ".mkv":
        assert film.read_bytes().index(b"\x18\x53\x80\x67\x01" + b"\xff" * 7)  # a segment of unknown size
        film.write_bytes(film.read_bytes()[:-200])
        assert len(list(read(probe(film)))) < 24


def test_a_whole_film_is_not_called_broken_because_its_sound_is_longer(tmp_path: Path) -> None:
    info = probe(films.sound_first(tmp_path / "film.mkv", 4, seconds=4))
    assert len(list(read(info))) == 4


def test_the_last_frames_come_whatever_the_number_of_the_stream(tmp_path: Path) -> None:
    info = probe(films.sound_first(tmp_path / "film.mkv", 24))
    assert info.video_stream == 1
    for number, frame in enumerate(frames := list(read(info))):
        np.testing.assert_array_equal(frame.luma, films.drawing(number))
    assert len(frames) == 24


class _Hiccup:
    """A container that yields an empty packet after every other one, as FFmpeg does for some damaged films."""

    def __init__(self, container: films.av.container.InputContainer) -> None:
        self.streams, self.duration, self.format = container.streams, container.duration, container.format
        self._container = container

    def demux(self) -> Iterator[films.av.Packet]:
        for packet in self._container.demux():
            yield packet
            yield films.av.Packet()


def test_empty_packets_do_not_end_a_film(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 24, **X264))
    with films.av.open(str(info.path)) as container:
        assert len(list(_decoded(_Hiccup(container), container.streams.video[0], info))) == 24  # type: ignore[arg-type]


def test_damage_in_the_middle_costs_only_what_is_damaged(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mp4", 75, codec="libx264", options={"qp": "0", "preset": "ultrafast", "g": "5"})
    content = bytearray(film.read_bytes())
    with films.av.open(str(film)) as source:
        packet = [packet for packet in source.demux() if packet.size][34]
    content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    film.write_bytes(content)
    frames, sentence = _until(TruncatedError, read(probe(film)))
    assert len(frames) == 74
    np.testing.assert_array_equal(frames[-1].luma, films.drawing(74))
    assert "damaged packets are left out (1)" in sentence


def test_a_change_of_size_is_an_error_at_its_frame(tmp_path: Path) -> None:
    ticks = {"codec": "libx264", "time_base": Fraction(1, 90000), "step": 3600}
    first = films.plain(tmp_path / "a.ts", 10, **ticks)
    second = films.plain(tmp_path / "b.ts", 10, size=(64, 96), **ticks)
    both = tmp_path / "both.ts"
    both.write_bytes(first.read_bytes() + second.read_bytes())
    frames, sentence = _until(InputError, read(probe(both)))
    assert len(frames) == 10
    assert "changes at frame 10 from 64x48 yuv420p to 96x64 yuv420p" in sentence


def test_a_film_that_was_replaced_after_the_look_at_it(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 2)
    info = probe(film)
    films.plain(film, 2, size=(64, 96))
    with pytest.raises(InputError, match="changes at frame 0"):
        list(read(info))
    films.with_sound(tmp_path / "film.mp4").rename(film)
    with pytest.raises(InputError, match="has changed since"):
        list(read(info))


def test_reading_can_be_given_up(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 24))
    threads = threading.active_count()
    frames = read(info)
    assert len(list(islice(frames, 3))) == 3
    frames.close()  # type: ignore[attr-defined]
    assert threading.active_count() == threads
    assert next(frames, None) is None


def test_luma_outlives_the_film(tmp_path: Path) -> None:
    frames = list(read(probe(films.plain(tmp_path / "film.mkv", 24, **X264))))
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.luma, films.drawing(number))
