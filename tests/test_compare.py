"""Films side by side: every cell shows its film at its moment."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.compare import compare
from cartoon_color.errors import InputError, OutputError, SettingsError


def paint(film: int, moment: int) -> tuple[int, int, int]:
    return (200, 20 * moment, 100) if film == 0 else (30, 80, 20 * moment)


def write(
    path: Path, film: int, count: int = 8, size: tuple[int, int] = (64, 48), aspect: Fraction | None = None
) -> Path:
    """A film without loss whose every frame is one flat color."""
    with av.open(str(path), "w") as output:
        codec = "ffv1" if path.suffix == ".mkv" else "qtrle"
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "rgb24"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for moment in range(count):
            rgb = np.full((size[1], size[0], 3), paint(film, moment), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=stream.pix_fmt)))
        output.mux(stream.encode(None))
    return path


def shown(sheet: Path) -> NDArray[np.uint8]:
    return cv2.imread(str(sheet), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.fixture
def pair(tmp_path: Path) -> list[Path]:
    return [write(tmp_path / "one.mkv", 0), write(tmp_path / "two.mkv", 1, size=(32, 48))]


@pytest.mark.parametrize(("rows", "moments"), [(1, [4]), (2, [2, 6]), (4, [1, 3, 5, 7]), (20, list(range(8)))])
def test_compare_unit(pair: list[Path], tmp_path: Path, rows: int, moments: Sequence[int]) -> None:
    out = tmp_path / "deep" / "sheet.png"
    compare(pair, out, rows=rows)
    sheet = shown(out)
    assert sheet.shape == (20 + 240 * len(moments), 320 + 160, 3)
    for name in np.split(sheet[:20], [320], axis=1):  # in black on white
        assert name.min() < 100 < 250 < name.max()
    for row, moment in enumerate(moments):
        cells = sheet[20 + 240 * row :][:240]
        assert np.abs(cells[:, :320].astype(int) - paint(0, moment)).max() <= 1
        assert np.abs(cells[:, 320:].astype(int) - paint(1, moment)).max() <= 1
    assert [entry.name for entry in out.parent.iterdir()] == ["sheet.png"]


def test_compare_shows_the_display_aspect(tmp_path: Path) -> None:
    film = write(tmp_path / "wide.mov", 0, aspect=Fraction(3, 2))
    compare([film], tmp_path / "sheet.png", rows=1)
    assert shown(tmp_path / "sheet.png").shape == (260, 480, 3)


def test_compare_exception_settings(pair: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="got 0 films"):
        compare([], tmp_path / "sheet.png")
    with pytest.raises(SettingsError, match="0 rows"):
        compare(pair, tmp_path / "sheet.png", rows=0)
    assert not (tmp_path / "sheet.png").exists()


def test_compare_exception_films(pair: list[Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.mkv"):
        compare([pair[0], tmp_path / "none.mkv"], tmp_path / "sheet.png")
    short = write(tmp_path / "short.mkv", 1, count=4)
    with pytest.raises(InputError, match=r"short\.mkv has fewer frames"):
        compare([pair[0], short], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()


def test_compare_exception_output(pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OutputError, match=r"can't be written: .*; choose another place"):
        compare(pair, pair[0] / "sheet.png")
    out = tmp_path / "sheet.png"
    out.write_bytes(b"an older one")

    def full(self: Path, _: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        compare(pair, out)
    assert out.read_bytes() == b"an older one"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["one.mkv", "sheet.png", "two.mkv"]
