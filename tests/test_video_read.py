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
from cartoon_color.video.rgb import rgb_matrix

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


@pytest.mark.parametrize(
    ("pixel_format", "weights"), [("gbrp", (0.299, 0.587, 0.114)), ("gbrp12le", (0.299, 0.587, 0.114))]
)
def test_luma_of_rgb_is_the_nearest_code(tmp_path: Path, pixel_format: str, weights: tuple[float, ...]) -> None:
    depth = 8 if pixel_format == "gbrp" else 12
    picture = films.av.VideoFrame(64, 48, pixel_format)
    green, blue, red = (films.drawing(seed * 13, depth=depth) for seed in range(3))
    for index, codes in enumerate((green, blue, red)):
        films.fill(picture, index, codes)
    if depth == 8:
        picture = picture.reformat(format="bgr0")
    info = probe(films.make(tmp_path / "film.mkv", [picture]))
    (frame,) = read(info)
    exact = sum(weight * codes.astype(np.float64) for weight, codes in zip(weights, (red, green, blue), strict=True))
    assert np.abs(frame.luma - exact).max() <= 0.5 + 1e-3
    ((_, rgb),) = read_color(info)
    scale = 255 / ((1 << depth) - 1)
    np.testing.assert_array_equal(rgb, np.rint(np.dstack([red, green, blue]) * scale))


def test_a_palette_counts_as_rgb(tmp_path: Path) -> None:
    picture = films.av.VideoFrame(64, 48, "gray")
    films.fill(picture, 0, np.repeat(np.arange(48, dtype=np.uint8)[:, None] * 5, 64, axis=1))
    info = probe(films.make(tmp_path / "film.mov", [picture], codec="png"))
    assert (info.converted_from, info.pixel_format, info.color_range) == ("", "gray", "full")
    film = films.make(tmp_path / "film.gif", [picture] * 3, codec="gif", time_base=Fraction(1, 100), step=4)
    info = probe(film)
    assert info.converted_from
    for frame in read(info):
        np.testing.assert_allclose(frame.luma, np.repeat(np.arange(48)[:, None] * 5, 64, axis=1), atol=1)


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


def test_pictures_and_luma_come_from_the_same_frame(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 5))
    for number, (frame, rgb) in enumerate(read_color(info)):
        np.testing.assert_array_equal(frame.luma, films.drawing(number))
        assert (rgb.shape, rgb.dtype) == ((48, 64, 3), np.uint8)


def _exact(parts: list[np.ndarray], matrix: str, color_range: str, depth: int) -> np.ndarray:
    """Y'CbCr to R'G'B' as BT.2100 writes it, in float64."""
    kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}[matrix]
    y, u, v = (part.astype(np.float64) for part in parts)
    unit = 2 ** (depth - 8)
    if color_range == "limited":
        y, u, v = (y - 16 * unit) / (219 * unit), (u - 128 * unit) / (224 * unit), (v - 128 * unit) / (224 * unit)
    else:
        top = 2**depth - 1
        y, u, v = y / top, (u - 128 * unit) / top, (v - 128 * unit) / top
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.dstack([red, green, blue]) * 255, 0, 255)


@pytest.mark.parametrize("matrix", ["bt601", "bt709", "bt2020"])
@pytest.mark.parametrize("color_range", ["limited", "full"])
@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv444p10le"])
def test_rgb_by_matrix_and_range(tmp_path: Path, matrix: str, color_range: str, pixel_format: str) -> None:
    depth = 8 if pixel_format == "yuv444p" else 10
    random = np.random.default_rng(3)
    picture = films.av.VideoFrame(64, 48, pixel_format)
    kind = np.uint8 if depth == 8 else np.uint16
    parts = [random.integers(0, 1 << depth, (48, 64)).astype(kind) for _ in range(3)]
    for index, part in enumerate(parts):
        films.fill(picture, index, part)
    codes = {"bt601": 5, "bt709": 1, "bt2020": 9}
    info = probe(
        films.make(
            tmp_path / "film.mkv",
            [picture],
            colorspace=codes[matrix],
            color_range=2 if color_range == "full" else 1,
        )
    )
    assert (info.matrix, info.color_range) == (matrix, color_range)
    ((_, rgb),) = read_color(info)
    error = np.abs(rgb - _exact(parts, matrix, color_range, depth))
    assert error.max() <= 1.2
    assert error.mean() <= 0.3


def test_chroma_of_420_lies_at_the_left(tmp_path: Path) -> None:
    picture = films.av.VideoFrame(64, 48, "yuv420p")
    films.fill(picture, 0, np.full((48, 64), 128, np.uint8))
    films.fill(picture, 1, np.full((24, 32), 128, np.uint8))
    films.fill(picture, 2, np.repeat(np.arange(32, dtype=np.uint8)[None] * 4 + 64, 24, axis=0))
    info = probe(films.make(tmp_path / "film.mkv", [picture]))
    ((_, rgb),) = read_color(info)
    # Cr grows by 2 a column of luma and equals a sample of chroma at even ones.
    slope = rgb_matrix("bt601", "limited", 8)[0]
    expected = np.clip(slope @ np.array([[128] * 63, [128] * 63, 64 + 2 * np.arange(63), [1] * 63]), 0, 255)
    assert np.abs(rgb[20, :63, 0] - expected).max() <= 1


@pytest.mark.parametrize(("color_range", "top"), [(1, 235), (2, 255)])
def test_rgb_of_gray(tmp_path: Path, color_range: int, top: int) -> None:
    picture = films.av.VideoFrame(64, 48, "gray")
    films.fill(picture, 0, np.full((48, 64), top, np.uint8))
    ((_, rgb),) = read_color(probe(films.make(tmp_path / "film.mkv", [picture], color_range=color_range)))
    assert (rgb == 255).all()


def test_planes_of_rgb_come_as_red_green_blue() -> None:
    picture = films.av.VideoFrame(4, 2, "rgb24")
    rows = np.frombuffer(picture.planes[0], np.uint8).reshape(2, -1)  # type: ignore[call-overload]
    rows[:, :12] = np.tile([10, 20, 30], 4)
    assert [part[0, 0] for part in planes(picture, layout("rgb24"))] == [10, 20, 30]


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


def test_a_whole_film_is_not_called_broken_because_its_sound_is_longer(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    output = films.av.open(str(path), "w")
    video = output.add_stream("ffv1", rate=25, width=64, height=48, time_base=films.MS)
    sound = output.add_stream("pcm_s16le", rate=8000)
    for number in range(4):
        picture = films.picture_of(number, "yuv420p", 48, 64)
        picture.pts, picture.time_base = 40 * number, films.MS
        output.mux(video.encode(picture))
    for number in range(40):
        piece = films.av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="stereo")
        piece.rate, piece.pts, piece.time_base = 8000, number * 800, Fraction(1, 8000)
        output.mux(sound.encode(piece))
    output.close()
    assert len(list(read(probe(path)))) == 4


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
