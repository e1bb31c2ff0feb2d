"""Never half a film under the final name, never a film lost, and a sentence for all that goes wrong."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import films
import numpy as np
import pytest

from cartoon_color.config import EncoderSettings
from cartoon_color.errors import InputError, OutputError, SettingsError, TruncatedError
from cartoon_color.frames import Frame
from cartoon_color.video import Writer, probe, read
from cartoon_color.video.encoders import ENCODERS

FAST = EncoderSettings(preset="ultrafast")
LOSSLESS = EncoderSettings(codec="ffv1")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.rich(tmp_path_factory.mktemp("rich") / "rich.mkv")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _write(writer: Writer, frames: Iterable[Frame]) -> int:
    """Write `frames` with some chroma; how many."""
    return sum(1 for frame in frames if writer.write(frame, *films.chroma(writer, frame.index)) is None)


def _refused(path: Path, film: Path, sentence: str, settings: EncoderSettings = FAST, **more: object) -> None:
    before = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    with pytest.raises(OutputError, match=sentence):
        Writer(path, probe(film), settings, **more)  # type: ignore[arg-type]
    if path.parent.is_dir():
        assert sorted(path.parent.iterdir()) == before


def test_streams_that_the_container_refuses_are_named(tmp_path: Path, rich: Path) -> None:
    _refused(tmp_path / "a.mp4", rich, r"mp4 can't hold stream 3, subtitle, subrip, ces .*-o NAME.mkv.*--drop 3")
    _refused(tmp_path / "b.mp4", rich, r"mp4 can't hold stream 4, subtitle, ass, eng .*--drop 4", drop=[3])
    _refused(tmp_path / "c.mp4", rich, r"mp4 can't hold stream 5, attachment .*--drop 5", drop=[3, 4])
    _, copy = films.color(rich, tmp_path / "d.mp4", drop=[3, 4, 5])
    assert [other.codec for other in copy.other_streams if other.kind != "data"] == ["flac", "aac", "png"]
    assert films.packets(copy.path, copy.other_streams[-1].index)[0][0] == films.COVER


def test_data_that_the_container_refuses(tmp_path: Path) -> None:
    film = tmp_path / "film.ts"
    output = films.av.open(str(film), "w")
    video = output.add_stream("libx264", rate=25, width=64, height=48, time_base=Fraction(1, 90000))
    data = output.add_data_stream("klv")
    for number in range(3):
        picture = films.picture_of(number, "yuv420p", 48, 64)
        picture.pts, picture.time_base = 3600 * number, Fraction(1, 90000)
        output.mux(video.encode(picture))
    output.mux(video.encode())
    packet = films.av.Packet(b"0123456789abcdef\x00")
    packet.stream, packet.pts, packet.dts, packet.time_base = data, 0, 0, Fraction(1, 90000)
    output.mux(packet)
    output.close()
    _refused(tmp_path / "copy.mkv", film, r"matroska can't hold stream 1, data, klv .*; leave it out with --drop 1")
    _, copy = films.color(film, tmp_path / "copy.ts")
    assert films.packets(copy.path, 1)[0][0] == films.packets(film, 1)[0][0]


@pytest.mark.parametrize("drop", [[9], [0]])
def test_only_other_streams_can_be_left_out(tmp_path: Path, rich: Path, drop: list[int]) -> None:
    with pytest.raises(SettingsError, match=rf"streams to drop must be among .*, got \[{drop[0]}\]"):
        Writer(tmp_path / "copy.mkv", probe(rich), FAST, drop=drop)


def test_the_film_has_its_name_only_at_the_end(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 3))
    target, part = tmp_path / "copy.mkv", tmp_path / "copy.mkv.part"
    with Writer(target, info, FAST) as writer:
        for frame in read(info):
            writer.write(frame, *films.chroma(writer, frame.index))
            assert part.exists()
            assert not target.exists()
    assert target.exists()
    assert not part.exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
@pytest.mark.parametrize("written", [0, 2])
def test_an_exception_leaves_nothing(tmp_path: Path, error: type[BaseException], written: int) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 3))
    with pytest.raises(error), Writer(tmp_path / "copy.mkv", info, FAST) as writer:
        _interrupted(writer, islice(read(info), written), error)
    assert _names(tmp_path) == ["film.mkv"]


def _interrupted(writer: Writer, frames: Iterable[Frame], error: type[BaseException]) -> None:
    _write(writer, frames)
    raise error


def test_an_exception_leaves_the_film_that_was_there(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 3))
    (tmp_path / "copy.mkv").write_text("an older film")
    with pytest.raises(KeyboardInterrupt), Writer(tmp_path / "copy.mkv", info, FAST, overwrite=True):
        raise KeyboardInterrupt
    assert (tmp_path / "copy.mkv").read_text() == "an older film"


def test_overwriting_has_to_be_allowed(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 3)
    target = tmp_path / "copy.mkv"
    target.write_text("an older film")
    _refused(target, film, "exists already.*--overwrite")
    _, copy = films.color(film, target, overwrite=True)
    assert len(list(read(copy))) == 3


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 3)
    content = film.read_bytes()
    (tmp_path / "link.mkv").symlink_to(film)
    for target in (film, tmp_path / "link.mkv"):
        _refused(target, film, "is the source itself", overwrite=True)
    assert film.read_bytes() == content


def test_places_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = films.plain(tmp_path / "film.mkv", 1)
    (tmp_path / "folder.mkv").mkdir()
    _refused(tmp_path / "nowhere" / "copy.mkv", film, "there is no folder .*nowhere")
    _refused(tmp_path / "folder.mkv", film, "is a folder")
    _refused(tmp_path / "copy.avi", film, r"ending '.avi'; allowed are .mkv, .mp4")
    _refused(tmp_path / "copy", film, "ending ''")
    _refused(tmp_path / f"{'x' * 250}.mkv", film, "can't be written .*name too long")
    access = os.access
    # Root may write everywhere, so the answer of the system is a fake one.
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK and access(path, mode))
    _refused(tmp_path / "copy.mkv", film, "no rights to write")


@pytest.mark.parametrize("limit", [0, 30_000])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, limit: int) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 24))
    # A limit on the size of files stands in for the end of the disk; both make writing fail.
    old, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        with pytest.raises(OutputError, match=r"copy.mkv can't be written \(file too large\): "):
            films.color(info, tmp_path / "copy.mkv", LOSSLESS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert _names(tmp_path) == ["film.mkv"]


@pytest.mark.parametrize(
    ("codec", "size", "sentence"),
    [
        ("svtav1", (1, 1), "svtav1 needs an even width and height, got 1x1.*ffv1"),
        ("svtav1", (37, 53), "svtav1 needs an even width and height, got 53x37.*ffv1"),
        ("svtav1", (2, 2), "svtav1 can't encode 2x2 yuv420p .*ffv1"),
        ("x265", (1, 1), "x265 can't encode 1x1 yuv444p .*ffv1"),
        ("ffv1", (8191, 3), "ffv1 can't encode 3x8191 yuv420p .*x264"),
    ],
)
def test_sizes_that_an_encoder_refuses(tmp_path: Path, codec: str, size: tuple[int, int], sentence: str) -> None:
    film = films.plain(tmp_path / "film.mkv", 1, size=size, options={"level": "1"})
    _refused(tmp_path / "copy.mkv", film, sentence, EncoderSettings(codec=codec))


def test_a_source_that_is_gone(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 1))
    info.path.unlink()
    with pytest.raises(InputError, match="can't be opened any more"):
        Writer(tmp_path / "copy.mkv", info, FAST)


def test_time_stamps_have_to_grow(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 2))
    first, second = read(info)
    sentence = r"frame 1 .* is shown at 0, the one before it at 0 ticks"
    with pytest.raises(OutputError, match=sentence), Writer(tmp_path / "copy.mkv", info, FAST) as writer:
        _write(writer, [first, second.with_(pts=0)])


def test_planes_of_another_shape_or_depth_are_a_bug(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 1))
    (frame,) = read(info)
    with pytest.raises(ValueError, match="planes must be"), Writer(tmp_path / "copy.mkv", info, FAST) as writer:
        writer.write(frame, frame.luma, frame.luma)
    with pytest.raises(ValueError, match="planes must be uint8"), Writer(tmp_path / "copy.mkv", info, FAST) as writer:
        writer.write(frame, *(part.astype(np.uint16) for part in films.chroma(writer, 0)))


def test_a_film_without_frames_gives_no_copy_that_can_be_mistaken(tmp_path: Path) -> None:
    info = probe(films.plain(tmp_path / "film.mkv", 1))
    with pytest.raises(OutputError, match="no frame"), Writer(tmp_path / "copy.mkv", info, FAST):
        pass
    assert _names(tmp_path) == ["film.mkv"]


def test_what_is_there_of_a_broken_film_can_be_written(tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.mkv", 75, codec="libx264", options={"qp": "0", "preset": "ultrafast"})
    content = film.read_bytes()
    film.write_bytes(content[: len(content) // 2])
    info = probe(film)
    with Writer(tmp_path / "copy.mkv", info, FAST) as writer:
        frames = read(info)
        written = _write(writer, islice(frames, 25))
        with pytest.raises(TruncatedError):
            _write(writer, frames)
    assert len(list(read(probe(tmp_path / "copy.mkv")))) > written


def test_nothing_is_printed(tmp_path: Path, rich: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for codec in ENCODERS:
        films.color(rich, tmp_path / f"{codec}.mkv", EncoderSettings(codec=codec))
    with pytest.raises(OutputError):
        Writer(tmp_path / "copy.mp4", probe(rich), FAST)
    assert capfd.readouterr() == ("", "")
