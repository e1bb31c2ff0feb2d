"""From a film to a data set: what is kept, what is written, and what happens the second time."""

import csv
import errno
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cartoon_color.config import CreditsProfile, ExtractSettings
from cartoon_color.dataset import pictures
from cartoon_color.dataset.extract import choose_episodes, extract
from cartoon_color.dataset.index import COLUMNS, EpisodeFiles, read_rows
from cartoon_color.dataset.manifest import Episode
from cartoon_color.errors import InputError, OutputError, SettingsError

HEIGHT, WIDTH = 96, 128
Picture = NDArray[np.uint8]


def film(path: Path, pictures: Sequence[Picture]) -> Path:
    """A lossless RGB film, 25 frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = 500 + 40 * index, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def painting(seed: int) -> Picture:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3)).astype(np.float32)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR).astype(np.uint8)


def title() -> Picture:
    picture = np.full((HEIGHT, WIDTH, 3), (0, 20, 200), np.uint8)
    picture[40:52, 30:90:4] = (235, 238, 250)
    return picture


def cartoon() -> list[Picture]:
    """Title; fade in, 12 steps; a drawing on twos with a little grain; a cut; a still; fade out; title."""
    rng = np.random.default_rng(0)
    made = [title()] * 3
    made += [(painting(1) * level).astype(np.uint8) for level in np.linspace(0, 1, 12)]
    for step in range(8):
        picture = painting(1)
        picture[30:60, 10 * step : 10 * step + 20] = (200, 30, 30)
        made += [np.clip(picture + rng.integers(-2, 3, picture.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    made += [painting(2)] * 10
    made += [(painting(2) * level).astype(np.uint8) for level in np.linspace(0.9, 0, 10)]
    return [*made, title(), title()]


CARTOON = cartoon()


def kept_by_eq_4_1(pictures: Sequence[Picture], threshold: float = 20) -> list[int]:
    kept: list[int] = []
    for index, picture in enumerate(pictures):
        if not kept or np.mean((picture.astype(np.float64) - pictures[kept[-1]]) ** 2) > threshold:
            kept.append(index)
    return kept


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `folder`, with its time of change and content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def episode(tmp_path: Path) -> Episode:
    return Episode.of(film(tmp_path / "pilot.mkv", CARTOON))


def test_keeps_what_eq_4_1_keeps(tmp_path: Path, episode: Episode) -> None:
    done: list[int] = []
    summary = extract(episode, tmp_path / "out", progress=done.append)
    expected = kept_by_eq_4_1(CARTOON)
    assert 20 < len(expected) < len(CARTOON) - 15
    files = EpisodeFiles(tmp_path / "out", "pilot")
    assert sorted(path.name for path in files.pictures.iterdir()) == [f"{index:06d}.png" for index in expected]
    assert (summary.frames, summary.kept, summary.credits, summary.fades) == (len(CARTOON), len(expected), 0, 0)
    assert summary.duplicates == len(CARTOON) - len(expected)
    assert not summary.skipped
    assert done == list(range(1, len(CARTOON) + 1))
    json.dumps(summary.to_json())
    for index in expected[::5]:
        written = cv2.cvtColor(cv2.imread(str(files.picture(index))), cv2.COLOR_BGR2RGB)
        np.testing.assert_array_equal(written, cv2.resize(CARTOON[index], (256, 256)), strict=True)


def test_the_index_has_a_row_for_every_frame(tmp_path: Path, episode: Episode) -> None:
    summary = extract(episode, tmp_path / "out", None, CreditsProfile())
    with (tmp_path / "out/index/pilot.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    assert tuple(lines[0]) == COLUMNS
    assert [int(line[0]) for line in lines[1:]] == list(range(len(CARTOON)))
    rows = read_rows(tmp_path / "out/index/pilot.csv")
    assert [row.pts * row.time_base for row in rows] == [Fraction(500 + 40 * index, 1000) for index in range(len(rows))]
    assert rows[0].distance is None
    for row in rows[1:]:
        assert row.distance is not None
        assert (row.distance > 20) == (row.decision != "duplicate")
        assert (row.credits is None) == (row.confidence is None) == (row.decision == "duplicate")
        assert row.credits is None or row.credits == (row.decision == "credits")
    # Fades are no cuts; the painting's other shot and the last title, which comes abruptly, are.
    assert [rows[index].shot for index in (14, 30, 31, 40)] == [rows[14].shot] * 2 + [rows[14].shot + 1] * 2
    assert summary.shots == rows[-1].shot + 1


def test_credits_go_and_fades_beside_them_are_thinned(tmp_path: Path, episode: Episode) -> None:
    plain = {row.index: row for row in _rows(extract, episode, tmp_path / "plain", None)}
    rows = _rows(extract, episode, tmp_path / "out", CreditsProfile())
    assert [row.index for row in rows if row.decision == "credits"] == [0, len(CARTOON) - 2]
    fade_in, fade_out = range(3, 14), range(len(CARTOON) - 12, len(CARTOON) - 2)
    for fade in (fade_in, fade_out):
        unique = [index for index in fade if plain[index].decision == "kept"]
        left = [index for index in unique if rows[index].decision == "kept"]
        assert len(unique) >= 8
        assert len(left) == ExtractSettings().fade_keep
    faded = {row.index for row in rows if row.decision == "fade"}
    assert faded <= {*fade_in, *fade_out}
    files = EpisodeFiles(tmp_path / "out", "pilot")
    assert {int(path.stem) for path in files.pictures.iterdir()} == {
        row.index for row in rows if row.decision == "kept"
    }


def _rows(run: Callable[..., object], episode: Episode, out: Path, profile: CreditsProfile | None) -> list:
    run(episode, out, None, profile)
    return read_rows(out / "index" / f"{episode.name}.csv")


def test_the_second_run_does_no_work(tmp_path: Path, episode: Episode, monkeypatch: pytest.MonkeyPatch) -> None:
    first = extract(episode, tmp_path / "out")
    before = state(tmp_path / "out")
    monkeypatch.setattr("cartoon_color.dataset.extract.probe", lambda path: pytest.fail("opened the film"))
    monkeypatch.setattr("cartoon_color.dataset.extract._sha256", lambda path: pytest.fail("read the film"))
    second = extract(episode, tmp_path / "out")
    assert second.skipped
    assert (second.frames, second.kept, second.shots) == (first.frames, first.kept, first.shots)
    assert state(tmp_path / "out") == before


def test_a_film_that_was_only_touched_is_not_done_again(
    tmp_path: Path, episode: Episode, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract(episode, tmp_path / "out")
    before = state(tmp_path / "out/frames")
    (tmp_path / "pilot.mkv").touch()
    assert extract(episode, tmp_path / "out").skipped
    assert state(tmp_path / "out/frames") == before
    # The new time is remembered, so the checksum is needed once only.
    monkeypatch.setattr("cartoon_color.dataset.extract._sha256", lambda path: pytest.fail("read the film"))
    assert extract(episode, tmp_path / "out").skipped


def test_another_film_other_settings_or_lost_pictures_are_done_again(tmp_path: Path, episode: Episode) -> None:
    out = tmp_path / "out"
    extract(episode, out)
    coarse = extract(episode, out, ExtractSettings(threshold=500))
    assert not coarse.skipped
    assert coarse.kept == len(kept_by_eq_4_1(CARTOON, 500)) == len(list((out / "frames/pilot").iterdir()))
    assert not extract(episode, out, ExtractSettings(threshold=500), CreditsProfile()).skipped
    next((out / "frames/pilot").iterdir()).unlink()
    assert not extract(episode, out, ExtractSettings(threshold=500), CreditsProfile()).skipped
    film(tmp_path / "pilot.mkv", CARTOON[:20])
    shorter = extract(episode, out)
    assert not shorter.skipped
    assert shorter.frames == 20


def test_a_killed_run_is_finished_by_the_next(tmp_path: Path, episode: Episode) -> None:
    out = tmp_path / "out"
    extract(episode, out, ExtractSettings(threshold=0))
    script = (
        "import os, sys; from pathlib import Path\n"
        "from cartoon_color.dataset.extract import extract; from cartoon_color.dataset.manifest import Episode\n"
        "extract(Episode.of(Path(sys.argv[1])), Path(sys.argv[2]),"
        " progress=lambda done: os._exit(9) if done == 30 else None)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(episode.path), str(out)], check=False)
    assert killed.returncode == 9
    left = list((out / "frames/pilot").iterdir())
    assert left
    assert not list((out / "index").iterdir())
    (out / "frames/pilot/000001.png").write_bytes(b"stale")
    (out / "frames/pilot/000002.png.part").write_bytes(b"half")
    summary = extract(episode, out)
    assert not summary.skipped
    assert [int(path.stem) for path in sorted((out / "frames/pilot").iterdir())] == kept_by_eq_4_1(CARTOON)
    assert len(read_rows(out / "index/pilot.csv")) == len(CARTOON)
    assert not list(out.rglob("*.part"))


def test_an_error_leaves_no_pictures_behind(tmp_path: Path, episode: Episode) -> None:
    def stop(done: int) -> None:
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(episode, tmp_path / "out", progress=stop)
    assert state(tmp_path / "out") == {}


def test_the_fingerprint_names_what_it_was_made_from(tmp_path: Path, episode: Episode) -> None:
    extract(episode, tmp_path / "out")
    found = json.loads((tmp_path / "out/index/pilot.json").read_text(encoding="utf-8"))
    assert found["source"]["name"] == "pilot.mkv"
    assert found["source"]["size"] == (tmp_path / "pilot.mkv").stat().st_size
    assert len(found["source"]["sha256"]) == 64
    assert found["settings"]["threshold"] == 20.0
    assert found["matrix"] == "bt601"
    assert found["counts"]["frames"] == len(CARTOON)
    assert str(tmp_path) not in json.dumps(found)


def test_a_part_of_a_film(tmp_path: Path, episode: Episode) -> None:
    part = Episode("part", episode.path, frames=(15, 25))
    summary = extract(part, tmp_path / "out")
    assert summary.frames == 10
    assert [row.index for row in read_rows(tmp_path / "out/index/part.csv")] == list(range(15, 25))
    assert (tmp_path / "out/frames/part/000015.png").is_file()
    with pytest.raises(InputError, match=r"\[40, 400\].*has only 13 of them"):
        extract(Episode("part", episode.path, frames=(40, 400)), tmp_path / "out")


def test_luma_may_be_compared(tmp_path: Path) -> None:
    # Red and green of the same luma: equal for luma, unlike for RGB.
    red, green = np.zeros((HEIGHT, WIDTH, 3), np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 0], green[..., 1] = 196, 100
    episode = Episode.of(film(tmp_path / "flat.mkv", [red, green]))
    assert extract(episode, tmp_path / "out").kept == 2
    assert extract(episode, tmp_path / "out", ExtractSettings(channels="luma")).kept == 1


def test_a_gray_episode(tmp_path: Path) -> None:
    gray = [np.repeat(picture[..., :1], 3, axis=2) for picture in CARTOON[10:20]]
    episode = Episode.of(film(tmp_path / "old.mkv", gray))
    with pytest.raises(InputError, match=r"episode old: .*old\.mkv is black and white in all of its 10 frames"):
        extract(episode, tmp_path / "out")
    assert state(tmp_path / "out") == {}
    assert extract(episode, tmp_path / "out", ExtractSettings(allow_gray=True)).kept > 0


def test_not_the_film_of_the_manifest(tmp_path: Path, episode: Episode) -> None:
    other = Episode("pilot", episode.path, source="a DVD", sha256="0" * 64)
    with pytest.raises(InputError, match=r"not the film that the manifest means.*get it from: a DVD"):
        extract(other, tmp_path / "out")
    extract(episode, tmp_path / "out")
    with pytest.raises(InputError, match="not the film that the manifest means"):
        extract(other, tmp_path / "out")


def test_what_is_not_ours_is_not_removed(tmp_path: Path, episode: Episode) -> None:
    mine = tmp_path / "out/frames/pilot/notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(OutputError, match=r"holds notes\.txt, which is no extracted picture"):
        extract(episode, tmp_path / "out")
    assert mine.read_text() == "mine"


def test_a_folder_that_is_none(tmp_path: Path, episode: Episode) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"episode pilot can't be written to .*out"):
        extract(episode, tmp_path / "out")


def test_a_full_disk(tmp_path: Path, episode: Episode, monkeypatch: pytest.MonkeyPatch) -> None:
    written = pictures.write_atomically

    def fills_up(path: Path, content: bytes) -> None:
        if path.name >= "000020":
            raise OSError(errno.ENOSPC, "No space left on device")
        written(path, content)

    monkeypatch.setattr(pictures, "write_atomically", fills_up)
    with pytest.raises(OutputError, match=r"No space left on device.*free space"):
        extract(episode, tmp_path / "out")
    assert state(tmp_path / "out") == {}


def test_choosing_episodes(tmp_path: Path, episode: Episode) -> None:
    manifest = tmp_path / "show.toml"
    entry = (
        '[[episodes]]\nname = "{}"\npath = "pilot.mkv"\nrole = "{}"\nsource = "x"\nlicense = "x"\nframes = [{}, {}]\n'
    )
    manifest.write_text(
        'name = "show"\n[credits]\n' + entry.format("one", "train", 9, 20) + entry.format("old", "secondary", 0, 9)
    )
    chosen, profile = choose_episodes([], manifest)
    assert [one.name for one in chosen] == ["one"]
    assert profile == CreditsProfile()
    assert [one.name for one in choose_episodes(["old", str(episode.path)], manifest)[0]] == ["old", "pilot"]
    assert choose_episodes([str(episode.path)]) == ((episode,), None)
    with pytest.raises(SettingsError, match=r"two is neither a film nor an episode of .*it has one, old"):
        choose_episodes(["two"], manifest)
    with pytest.raises(SettingsError, match="nothing to extract"):
        choose_episodes([])
    with pytest.raises(InputError, match=r"there is no file no\.mkv; .*there is no file neither\.mkv"):
        choose_episodes(["no.mkv", str(episode.path), "neither.mkv"])
    (tmp_path / "b").mkdir()
    film(tmp_path / "b/Pilot.mkv", CARTOON[:1])
    with pytest.raises(SettingsError, match=r"2 episodes are named pilot.*rename a film"):
        choose_episodes([str(episode.path), str(tmp_path / "b/Pilot.mkv")])


def test_the_index_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "pilot.csv"
    with pytest.raises(InputError, match="can't be read"):
        read_rows(path)
    path.write_text(",".join(COLUMNS) + "\n0,0,1/25,gone,,,,0\n")
    with pytest.raises(InputError, match=r"wrong line .*'gone'"):
        read_rows(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="wrong line"):
        read_rows(path)
