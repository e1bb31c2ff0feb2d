"""The command line: what it promises, and one sentence for whatever is wrong."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import films
import numpy as np
import pytest

from cartoon_color import cli
from cartoon_color.video import probe, read

RENDER = "render film.mkv --weights small.safetensors"


@dataclass(frozen=True)
class Answer:
    """What a user sees of a command."""

    code: int
    out: str
    err: str


Run = Callable[[str], Answer]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a line of the shell, without the program's name."""
    # The signals belong to pytest.
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    def _run(line: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["cartoon-color", *shlex.split(line)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        return Answer(int(end.value.code or 0), *capsys.readouterr())

    return _run


def _write_weights(path: Path, *, seed: int = 0, size: int = 64, damage: float | None = None) -> None:
    import torch

    from cartoon_color import checkpoint, variants
    from cartoon_color.config import NetworkSettings

    torch.manual_seed(seed)
    model = variants.build("compact", NetworkSettings(width=0.25, input_size=size))
    if damage is not None:
        with torch.no_grad():
            next(model.parameters()).fill_(damage)
    checkpoint.save(model, path, {})


def _write_sound(path: Path) -> None:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.int16), format="s16", layout="stereo")
        frame.rate, frame.pts = 8000, 0
        output.mux(stream.encode(frame))


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films and weights, good and bad. Whoever writes to it has failed."""
    folder = tmp_path_factory.mktemp("stock")
    film = films.plain(folder / "film.mkv", 12)
    for name in ("taken.mkv", "film.color.mkv", "other/film.mkv", "good/taken.color.mkv"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(film, folder / name)
    (folder / "link.mkv").symlink_to(film)
    (folder / "loop.mkv").symlink_to("loop.mkv")
    films.rich(folder / "rich.mkv")
    films.interlaced(folder / "interlaced.mkv")
    _write_sound(folder / "sound.mkv")
    (folder / "broken.mkv").write_bytes((folder / "rich.mkv").read_bytes()[:20_000])
    (folder / "empty.mkv").touch()
    (folder / "text.mkv").write_text("A text, not a film.\n")
    (folder / "bare").mkdir()
    cv2.imwrite(str(folder / "still.png"), np.zeros((48, 64, 3), np.uint8))
    _write_weights(folder / "small.safetensors")
    _write_weights(folder / "second.safetensors", seed=1)
    _write_weights(folder / "larger.safetensors", size=96)
    _write_weights(folder / "nan.safetensors", damage=float("nan"))
    content = (folder / "small.safetensors").read_bytes()
    (folder / "half.safetensors").write_bytes(content[: len(content) // 2])
    (folder / "bits.safetensors").write_bytes(content[:-9] + bytes([content[-9] ^ 255]) + content[-8:])
    (folder / "foreign.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    return folder


def _content(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def _is_sentence(err: str) -> bool:
    return err.startswith("Error: ") and err.count("\n") == 1 and err.endswith("\n") and "Errno" not in err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        # Films.
        ("render none.mkv", "there is no file none.mkv; give"),
        (f"render {'x' * 300}.mkv", r"the name x+.mkv can't be used \(File name too long\); choose another"),
        ("render loop.mkv", "there is no file loop.mkv"),
        ("render ''", r"\. is a folder; give"),
        ("render other", "other is a folder; give"),
        ("render sound.mkv", "sound.mkv has no video stream, only audio; give a film"),
        ("render empty.mkv", r"empty.mkv is empty \(0 bytes\); copy it again"),
        ("render text.mkv", "text.mkv can't be opened as a film .*; try to play it"),
        ("render still.png", "still.png is a still picture, not a film; give a film"),
        ("render interlaced.mkv", "interlaced.mkv is interlaced: .* --deinterlace"),
        ("render small.safetensors", "small.safetensors can't be opened as a film"),
        # Outputs.
        (f"{RENDER} -o nowhere/copy.mkv", "copy.mkv can't be written: there is no folder nowhere; make it first"),
        (f"{RENDER} -o taken.mkv/copy.mkv", "copy.mkv can't be written: there is no folder taken.mkv"),
        (f"{RENDER} -o taken.mkv/", r"the folder taken.mkv can't be made \(.*\); choose another with -o"),
        (f"{RENDER} -o {'x' * 300}/", r"the folder x+ can't be made \(File name too long\); choose another"),
        (f"{RENDER} -o copy.avi", "copy.avi has the ending '.avi'; allowed are .mkv"),
        (f"{RENDER} -o /proc/copy.mkv", "/proc/copy.mkv can't be written"),  # not even root has the right
        (f"{RENDER} -o /proc/", "/proc/film.color.mkv can't be written"),
        (f"{RENDER} -o /proc/new/", "the folder /proc/new can't be made"),
        (f"{RENDER}", "film.color.mkv exists already; allow it to be replaced with --overwrite"),
        (f"{RENDER} -o taken.mkv", "taken.mkv exists already; .*--overwrite"),
        (f"{RENDER} -o film.mkv --overwrite", "film.mkv is both a film to color and an output; write to another place"),
        (f"{RENDER} -o link.mkv --overwrite", "link.mkv is both a film to color and an output"),
        (f"{RENDER} other/film.mkv -o good/", "two films would be written to good/film.color.mkv"),
        (f"{RENDER} rich.mkv -o copy.mkv", "2 films can't all go to copy.mkv; give a folder"),
        ("render rich.mkv -o copy.mp4", "mp4 can't hold stream 3, subtitle, subrip, ces .*-o NAME.mkv.*--drop 3"),
        # Settings.
        (f"{RENDER} -o copy.mkv --crf 999", r"crf must be 0 to 51 for x264 \(lower is better\), got 999"),
        (f"{RENDER} -o copy.mkv --codec ffv1 --crf 1 --preset fast", "ffv1 has no crf, got 1.*; ffv1 has no presets"),
        (f"{RENDER} -o copy.mkv --preset best", "preset of x264 must be one of ultrafast, .*, got 'best'"),
        (f"{RENDER} -o copy.mkv --pixel-format rgb24", "pixel format of x264 must be one of yuv420p, .*, got 'rgb24'"),
        (f"{RENDER} -o copy.mkv --drop 7", r"streams to drop must be among .*, got \[7\]"),
        (f"{RENDER} -o new/ --crf 999", "crf must be"),
        # Weights.
        (f"{RENDER} -o copy.mkv --variant best", "there is no variant 'best'; choose one of: compact, plain"),
        ("render film.mkv -o copy.mkv --weights none.safetensors", "there are no weights at none.safetensors; give"),
        ("render film.mkv -o copy.mkv --weights bare", "there are no .safetensors files in bare; give"),
        ("render film.mkv -o copy.mkv --weights text.mkv", "text.mkv can't be read as safetensors"),
        ("render film.mkv -o copy.mkv --weights half.safetensors", "half.safetensors can't be read as safetensors"),
        ("render film.mkv -o copy.mkv --weights bits.safetensors", "bits.safetensors is damaged: its checksum"),
        ("render film.mkv -o copy.mkv --weights nan.safetensors", "nan.safetensors holds values that are not finite"),
        ("render film.mkv -o copy.mkv --weights foreign.safetensors", "is no checkpoint of cartoon-color"),
        (f"{RENDER} -o copy.mkv --weights second.safetensors", r"2 weights were given \(.*\), .*--ensemble mean"),
        (f"{RENDER} -o copy.mkv --weights larger.safetensors --ensemble mean", r"different sizes \(64, 96 pixels\)"),
        # Other commands.
        ("extract none.mkv --out new", "there is no file none.mkv"),
        ("extract text.mkv --out new", "text.mkv can't be opened as a film"),
        ("extract film.mkv --out text.mkv", "text.mkv"),
        ("extract --out new", "there is nothing to extract; give films"),
        ("extract film --manifest none.toml --out new", "the manifest none.toml can't be read"),
        ("extract film.mkv --out new --threshold nan", "threshold must be at least 0, not nan"),
        ("train --manifest none.toml --dataset other --out new", "the manifest none.toml can't be read"),
        ("train --manifest text.mkv --dataset other --out new", "text.mkv is not valid TOML"),
        ("train --manifest a --manifest b --dataset c --out new", "2 manifests .* one --dataset for each --manifest"),
        ("compare none.mkv --out new.png", "there is no file none.mkv"),
        ("compare film.mkv --out film.mkv", "can't be written to film.mkv; give a name of its own that ends in .png"),
        ("compare film.mkv --out text.mkv/new.png", "the picture text.mkv/new.png can't be written"),
        ("toyshow --out text.mkv", r"can't be written to text.mkv \(.*\); choose another place"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(
    run: Run, stock: Path, monkeypatch: pytest.MonkeyPatch, line: str, sentence: str
) -> None:
    monkeypatch.chdir(stock)
    before = _content(stock)
    answer = run(line)
    assert answer.code == 1
    assert _is_sentence(answer.err), answer.err
    assert re.search(sentence, answer.err), answer.err
    assert answer.out == ""
    assert _content(stock) == before


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("render interlaced.mkv", "--deinterlace"),
        ("render rich.mkv -o copy.mp4", "mp4 can't hold stream 3"),
        ("render film.mkv -o copy.mkv --crf 999", "crf must be"),
        ("render film.mkv", "exists already"),
    ],
)
def test_wrong_films_and_outputs_are_told_before_weights_are_loaded(
    run: Run, stock: Path, monkeypatch: pytest.MonkeyPatch, line: str, sentence: str
) -> None:
    monkeypatch.chdir(stock)
    answer = run(f"{line} --weights none.safetensors")
    assert answer.code == 1
    assert re.search(sentence, answer.err), answer.err


def test_a_device_that_is_not_there(run: Run, stock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(stock)
    answer = run(f"{RENDER} -o copy.mkv --device cuda")
    assert answer.code == 1
    assert _is_sentence(answer.err)
    assert "--device cuda was asked for" in answer.err


def test_a_full_disk(run: Run, stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(stock)
    # What is written to this device goes to a disk that is full.
    (tmp_path / "copy.mkv.part").symlink_to("/dev/full")
    answer = run(f"{RENDER} -o {tmp_path}/copy.mkv --codec ffv1")
    assert answer.code == 1
    assert _is_sentence(answer.err)
    assert "copy.mkv can't be written (no space left on device): the disk is full; make room" in answer.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (48, 1), (37, 53), (8191, 3)])
@pytest.mark.parametrize("codec", ["x264", "ffv1"])
def test_odd_sizes_are_colored_or_told(
    run: Run, stock: Path, tmp_path: Path, codec: str, size: tuple[int, int]
) -> None:
    film, target = films.plain(tmp_path / "film.mkv", 2, size=size, options={"level": "1"}), tmp_path / "copy.mkv"
    answer = run(f"render {film} -o {target} --codec {codec} --weights {stock}/small.safetensors")
    if codec == "ffv1" and size in [(48, 1), (8191, 3)]:
        assert answer.code == 1
        assert _is_sentence(answer.err)
        assert f"ffv1 can't encode {size[1]}x{size[0]} yuv420p" in answer.err
        assert not target.exists()
    else:
        assert answer.code == 0, answer.err
        assert [frame.luma.shape for frame in read(probe(target))] == [size, size]


def test_one_bad_film_does_not_stop_the_others(run: Run, stock: Path, tmp_path: Path) -> None:
    names = ["text.mkv", "film.mkv", "broken.mkv", "taken.mkv", "none.mkv"]
    answer = run(
        f"render {' '.join(str(stock / name) for name in names)} -o {tmp_path}/new/ --weights {stock}/small.safetensors"
    )
    assert answer.code == 1
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["film.color.mkv", "taken.color.mkv"]
    told = answer.err.splitlines()
    assert len(told) == 3
    for name, line in zip(("text.mkv", "broken.mkv", "none.mkv"), told, strict=True):
        assert re.match(rf"Error: .*{name}", line)
    assert [line.split(": ")[0] for line in answer.out.splitlines()] == [
        f"{tmp_path}/new/film.color.mkv",
        f"{tmp_path}/new/taken.color.mkv",
    ]


def test_a_broken_film_tells_how_much_is_lost(run: Run, stock: Path, tmp_path: Path) -> None:
    line = f"render {stock}/broken.mkv -o {tmp_path}/new/ --weights {stock}/small.safetensors"
    answer = run(line)
    assert answer.code == 1
    assert _is_sentence(answer.err)
    assert "--keep-going" in answer.err
    assert not list(tmp_path.iterdir())
    answer = run(f"{line} --keep-going")
    assert answer.code == 0
    assert re.fullmatch(
        r"Warning: .*/broken.mkv is damaged or breaks off; frames that came: \d+, lost: about \d+\.\n", answer.err
    )


@pytest.mark.parametrize(("step", "rounded"), [(512, True), (12288, False)])
def test_rounded_time_stamps_are_told_unless_quiet(
    run: Run, stock: Path, tmp_path: Path, step: int, rounded: bool
) -> None:
    film = films.plain(tmp_path / "film.mp4", 4, codec="libx264", time_base=Fraction(1, 12288), step=step)
    line = f"render {film} --weights {stock}/small.safetensors --overwrite"
    note = f"Note: .mkv files can't hold all time stamps of {film} exactly, so they are rounded; MP4 can "
    (tmp_path / "none.toml").touch()
    for more in ("", f" --corrections {tmp_path}/none.toml"):
        err = run(line + more).err
        assert (note in err) == rounded, err
        assert err.count("Note: ") == rounded
    assert run(f"{line} --quiet").err == ""
    assert run(f"{line} -o {tmp_path}/film.color.mp4").err == ""
    before, after = (
        [frame.pts * frame.time_base for frame in read(probe(tmp_path / name))]
        for name in ("film.mp4", "film.color.mkv")
    )
    assert (before != after) == rounded


def test_an_empty_folder_that_was_there_stays(run: Run, stock: Path, tmp_path: Path) -> None:
    answer = run(f"render {stock}/broken.mkv -o {tmp_path}/ --weights {stock}/small.safetensors")
    assert answer.code == 1
    assert tmp_path.is_dir()
    assert not list(tmp_path.iterdir())


def test_a_film_that_does_not_tell_its_length(run: Run, stock: Path, tmp_path: Path) -> None:
    film = films.plain(tmp_path / "film.h264", 12, codec="libx264")
    assert probe(film).frames is None
    answer = run(f"render {film} --weights {stock}/small.safetensors")
    assert answer.code == 0, answer.err
    assert "12 frames" in answer.out


def test_settings_that_fit_no_film_are_told_once(run: Run, stock: Path, tmp_path: Path) -> None:
    answer = run(
        f"render {stock}/film.mkv {stock}/taken.mkv -o {tmp_path}/ --crf 999 --weights {stock}/small.safetensors"
    )
    assert answer.code == 1
    assert _is_sentence(answer.err)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_no_text(run: Run, stock: Path, tmp_path: Path) -> None:
    film = tmp_path / os.fsdecode(b"\xe9.mkv")  # Latin-1, which a terminal in UTF-8 can't show
    shutil.copy(stock / "film.mkv", film)
    answer = run(f"render {film} --weights {stock}/small.safetensors")
    assert (answer.code, answer.err) == (0, "")  # no progress, as this is no terminal
    assert answer.out.startswith(f"{tmp_path}/\\udce9.color.mkv: 12 frames")
    assert film.with_name(film.stem + ".color.mkv").is_file()


def test_one_variant_of_a_folder_of_weights(run: Run, stock: Path, tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    shutil.copy(stock / "small.safetensors", tmp_path / "weights" / "compact.safetensors")
    words = f"render {stock}/film.mkv -o {tmp_path}/copy.mkv --weights {tmp_path}/weights --variant compact --json"
    answer = run(words)
    assert answer.code == 0
    assert json.loads(answer.out)[0]["variants"] == ["compact"]


def test_json_is_all_that_is_printed(run: Run, stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as if to a terminal
    monkeypatch.chdir(stock)
    answer = run(f"render film.mkv rich.mkv -o {tmp_path} --weights small.safetensors --json")
    assert answer.code == 0
    assert answer.err == ""
    first, second = json.loads(answer.out)
    assert first["seconds"] > 0
    assert first["frames_per_second"] > 0
    assert first == {
        "source": "film.mkv",
        "output": f"{tmp_path}/film.color.mkv",
        "frames": 12,
        "drawings": 12,
        "frames_lost": 0,
        "seconds": first["seconds"],
        "frames_per_second": first["frames_per_second"],
        "variants": ["compact"],
    }
    assert second["source"] == "rich.mkv"


def test_json_tells_what_was_done_beside_an_error(run: Run, stock: Path, tmp_path: Path) -> None:
    answer = run(f"render {stock}/text.mkv {stock}/film.mkv -o {tmp_path} --weights {stock}/small.safetensors --json")
    assert answer.code == 1
    assert [entry["source"] for entry in json.loads(answer.out)] == [f"{stock}/film.mkv"]
    assert _is_sentence(answer.err)


def test_json_of_a_toy_show(run: Run, tmp_path: Path) -> None:
    answer = run(f"toyshow --out {tmp_path}/toy --episodes 1 --seconds 4 --json")
    assert answer.code == 0
    assert answer.err == ""
    assert json.loads(answer.out)


@pytest.mark.parametrize("quiet", [False, True])
def test_progress_is_shown_to_a_terminal_unless_quiet(
    run: Run, stock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet: bool
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    line = f"render {stock}/film.mkv -o {tmp_path} --weights {stock}/small.safetensors"
    answer = run(f"{line} --quiet" if quiet else line)
    assert answer.code == 0
    assert answer.out.startswith(f"{tmp_path}/film.color.mkv: 12 frames, 12 drawings, ")
    assert ("film.mkv" in answer.err and "12/12" in answer.err and "fps" in answer.err) != quiet
    assert (answer.err == "") == quiet
