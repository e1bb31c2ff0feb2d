"""The choice of encoder and pixel format, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import films
import pytest

from cartoon_color.config import EncoderSettings
from cartoon_color.errors import OutputError, SettingsError
from cartoon_color.frames import VideoInfo
from cartoon_color.video import probe
from cartoon_color.video.encoders import choose

FAST = EncoderSettings(preset="ultrafast")


def _info(tmp_path: Path, pixel_format: str, size: tuple[int, int] = (48, 64)) -> VideoInfo:
    return probe(films.plain(tmp_path / "film.mkv", 1, pixel_format=pixel_format, size=size))


@pytest.mark.parametrize(
    ("codec", "source", "size", "expected"),
    [
        ("x264", "yuv420p", (48, 64), "yuv420p"),
        ("x264", "yuv420p", (37, 53), "yuv444p"),
        ("x264", "yuv420p", (37, 54), "yuv422p"),
        ("x264", "gray", (48, 64), "yuv420p"),
        ("x264", "gray10le", (48, 64), "yuv420p10le"),
        ("x264", "yuv422p", (48, 64), "yuv422p"),
        ("x264", "yuv444p10le", (48, 64), "yuv444p10le"),
        ("x264", "yuv420p9le", (48, 64), "yuv420p10le"),
        ("x264", "yuv411p", (48, 64), "yuv444p"),
        ("x265", "yuv422p12le", (48, 64), "yuv422p12le"),
        ("svtav1", "yuv444p", (48, 64), "yuv420p"),
        ("svtav1", "yuv420p10le", (48, 64), "yuv420p10le"),
        ("ffv1", "yuv420p", (37, 53), "yuv420p"),
        ("ffv1", "yuv444p14le", (37, 53), "yuv444p14le"),
        ("prores", "yuv420p", (48, 64), "yuv422p10le"),
        ("prores", "yuv444p", (48, 64), "yuv444p10le"),
    ],
)
def test_choice_of_pixel_format(tmp_path: Path, codec: str, source: str, size: tuple[int, int], expected: str) -> None:
    choice = choose(EncoderSettings(codec=codec), _info(tmp_path, source, size))
    form = films.VideoFormat(expected, size[1], size[0])
    assert choice.pixel_format == expected
    assert choice.chroma_shape == (form.chroma_height(), form.chroma_width())
    assert choice.bit_depth == form.components[0].bits


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"codec": "h264"}, SettingsError, "no codec 'h264'; allowed are x264, x265, svtav1, ffv1, prores"),
        ({"crf": 52}, SettingsError, "crf must be 0 to 51 for x264 .*, got 52"),
        ({"crf": -1, "preset": "warp"}, SettingsError, "crf must be .*; preset of x264 must be one of .*, got 'warp'"),
        ({"codec": "svtav1", "crf": 64}, SettingsError, "crf must be 1 to 63 for svtav1"),
        ({"codec": "svtav1", "preset": "fast"}, SettingsError, "preset of svtav1 must be one of 0, 1"),
        ({"codec": "ffv1", "crf": 3}, SettingsError, "ffv1 has no crf, got 3"),
        ({"codec": "ffv1", "preset": "fast"}, SettingsError, "ffv1 has no presets"),
        ({"codec": "prores", "crf": 3}, SettingsError, "prores has no crf"),
        ({"pixel_format": "rgb24"}, SettingsError, "pixel format of x264 must be one of yuv420p, .*got 'rgb24'"),
        ({"pixel_format": "yuv420p"}, OutputError, "yuv420p holds 8 bits a sample, and the film has 10"),
    ],
)
def test_wrong_settings(tmp_path: Path, settings: dict, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        choose(EncoderSettings(**settings), _info(tmp_path, "yuv420p10le"))


def test_depths_that_an_encoder_lacks(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"x264 holds at most 10 bits a sample, and the film has 12; .*ffv1"):
        choose(FAST, _info(tmp_path, "yuv420p12le"))


def test_odd_sizes_and_an_explicit_format(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="x264 needs an even size for yuv420p, got 53x37; choose a 4:4:4 format"):
        choose(replace(FAST, pixel_format="yuv420p"), _info(tmp_path, "yuv420p", (37, 53)))
