"""From decoded frames to sRGB, and the luma of RGB films."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import films
import numpy as np
import pytest

from cartoon_color.video import probe, read, read_color
from cartoon_color.video.formats import layout, planes
from cartoon_color.video.rgb import rgb_matrix


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
