"""Studies: the drawn show's, whole, killed and continued; the others' plans; and what is wrong with configurations."""

from __future__ import annotations

import base64
import csv
import json
import re
import signal
import subprocess
import sys
import time
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from cartoon_color import cli
from cartoon_color.cli import reproduce
from cartoon_color.compare import STRIP
from cartoon_color.errors import CartoonColorError, InputError, MissingExtraError, OutputError, SettingsError
from cartoon_color.study import read_study
from cartoon_color.video import probe

PIPELINES = Path(__file__).parents[1] / "pipelines"
STUDIES = sorted(path.parent.name for path in PIPELINES.glob("*/config.yaml"))
THESIS = ["plain", "plain-no-rebalance", "plain-dropout", "plain-l2", "residual", "residual-no-rebalance"]
NAMES = [*THESIS, "mean", "mean-histogram"]
REFINED = [f"{name}-{how}" for how in ("regiongrow", "felzenszwalb") for name in THESIS]
REFINED += ["mean-of-regiongrow", "mean-of-felzenszwalb", "mean-of-tracks"]
MEANS = ["mean-of-regiongrow", "mean-of-tracks"]
OF_STUDIES = {"rumcajs": REFINED, "sindbad": MEANS, "toyshow": MEANS}
METHODS = ["welsh", "deshpande", "levin", *THESIS]
BASELINES = ["gray", "mean a, b", "mean a, b for this L", "nearest training frame", "truth"]

FRAMES, EVERY = 48, 8
SMALL_NAMES = [*NAMES, "plain-l2-regiongrow"]
SMALL = {
    "refined": {"plain-l2-regiongrow": {"of": "plain-l2", "refine": "regiongrow"}},
    "toyshow": {"seconds": 2},
    "train": {"width": 0.05, "epochs": 1, "batch": 8, "accumulate": 1, "crop": 48, "workers": 0},
    "render": {"preset": "ultrafast", "smooth": "none"},
    "evaluate": {"size": "88x66", "every": EVERY},
    "transfer": {"images": 1},
}
EPISODES = {"episode_01.color.mkv": "test", "episode_02.color.mkv": "train", "episode_03.bw.mkv": "secondary"}


def configuration(study: str) -> dict[str, Any]:
    content = yaml.safe_load((PIPELINES / study / "config.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def write_manifest(path: Path, episodes: dict[str, str]) -> Path:
    tables = [
        f'[[episodes]]\nname = "{name[:10]}"\npath = "{name}"\nrole = "{role}"\nsource = "the shop"\nlicense = "MIT"\n'
        for name, role in episodes.items()
    ]
    path.write_text('name = "show"\n[credits]\n' + "".join(tables), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of the drawn show's study, with less of everything but steps."""
    folder = tmp_path_factory.mktemp("a study's")
    manifest = write_manifest(folder / "manifest.toml", EPISODES)
    content = configuration("toyshow") | {"manifest": manifest.name} | SMALL
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def command(*words: object) -> list[str]:
    return [sys.executable, "-c", "from cartoon_color.cli import main; main()", "reproduce", *map(str, words)]


def jobs(log: str) -> dict[str, int]:
    """What Snakemake was about to do: rules with the number of their jobs."""
    table = log[log.index("Job stats:") :].split("\n\n")[0]
    return {rule: int(count) for rule, count in re.findall(r"^([a-z]+) +(\d+)$", table, re.MULTILINE)}


def times(folder: Path, *patterns: str) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for pattern in patterns for path in folder.glob(pattern)}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_drawn_show_from_films_to_report(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    run = command(small, "--out", out)
    # Two small trainings beside each other are faster; a profile of Snakemake's says so.
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text("set-threads: {train: 1}\n")
    monkeypatch.setenv("SNAKEMAKE_PROFILE", str(tmp_path / "profile"))
    # Killed in a later training, with no time to end its jobs.
    with (tmp_path / "first.log").open("w") as log, subprocess.Popen(run, stdout=log, stderr=log) as process:
        while not any(out.glob("runs/*.done")) or len(list(out.glob("runs/*/"))) < 2:
            assert process.poll() is None, (tmp_path / "first.log").read_text()
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    trained = [path.stem for path in out.glob("runs/*.done")]
    before = times(out, "show/*", "dataset/index/*", *(f"runs/{name}/*.safetensors" for name in trained))
    assert len(before) >= 12
    counts = {"draw": 1, "extract": 2, "train": 6, "render": 18, "evaluate": 1, "compare": 1, "transfer": 1, "all": 1}
    assert jobs((tmp_path / "first.log").read_text()) == counts | {"total": sum(counts.values())}

    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{out}/evaluation/episode_01/report.html"
    assert times(out, *(str(path.relative_to(out)) for path in before)) == before
    left = jobs(done.stderr)
    assert "draw" not in left
    # Another may have ended between the look and the kill.
    assert 0 < left["train"] <= 6 - len(trained)

    check_films(out)
    check_evaluation(out / "evaluation" / "episode_01")
    check_transfer(out / "transfer")
    sheet = cv2.imread(str(out / "secondary" / "episode_03.png"))
    assert sheet is not None
    assert sheet.shape == (STRIP + 4 * 240, (1 + len(SMALL_NAMES)) * 320, 3)
    input_, colored = np.split(sheet[STRIP:].astype(int), [320], axis=1)
    assert np.ptp(input_, axis=-1).max() <= 2
    assert np.ptp(colored, axis=-1).max() > 2

    again = subprocess.run(run, capture_output=True, text=True)
    assert again.returncode == 0
    assert "Nothing to be done" in again.stderr
    assert again.stdout.splitlines() == [f"{out}/evaluation/episode_01/report.html"]


def check_films(out: Path) -> None:
    for source in ("episode_01.color.mkv", "episode_03.bw.mkv"):
        folder = out / "films" / source[:10]
        assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.mkv" for name in SMALL_NAMES)
        for path in folder.iterdir():
            assert probe(path).frames == probe(out / "show" / source).frames == FRAMES


def check_evaluation(folder: Path) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    assert list(metrics["colorized"]) == SMALL_NAMES
    assert list(metrics["baselines"]) == BASELINES
    values = [value for row in metrics["colorized"].values() for value in row.values()]
    assert len(values) > 8 * len(SMALL_NAMES)
    assert np.isfinite(values).all()
    with (folder / "table.csv").open(newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == [*SMALL_NAMES, *BASELINES]
    for name in ("cumulative_errors", "training_curves"):
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert probe(folder / "side_by_side.mkv").frames == FRAMES / EVERY
    assert metrics["frames"] == kept(folder.parents[1] / "dataset" / "index" / "episode_01.csv")

    page = (folder / "report.html").read_text()
    rows = [name for name, _ in re.findall(r"<tr><td>([^<]*)</td>((?:<td>.*?</td>)+)</tr>", page)]
    assert rows == [*SMALL_NAMES, *BASELINES, *METHODS]
    assert 'href="side_by_side.mkv"' in page
    pictures = dict(re.findall(r'<img alt="([^"]*)" src="data:image/png;base64,([^"]*)">', page))
    assert set(pictures) == {"cumulative_errors.png", "training_curves.png", "grid.png", "episode_03.png"}
    secondary = folder.parents[1] / "secondary"
    for path in [*folder.glob("*.png"), *secondary.glob("*.png")]:
        assert base64.b64decode(pictures.pop(path.name)) == path.read_bytes()
    assert not pictures


def kept(index: Path) -> int:
    """The frames that are compared: every n-th, if it shows a new drawing and no credits."""
    with index.open(newline="") as file:
        return sum(row["decision"] == "kept" for row in list(csv.DictReader(file))[::EVERY])


def check_transfer(folder: Path) -> None:
    with (folder / "table.csv").open(newline="") as file:
        assert [row["method"] for row in csv.DictReader(file)] == METHODS


def test_there_are_three_studies() -> None:
    assert STUDIES == ["rumcajs", "sindbad", "toyshow"]


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_trains_the_thesis_variants(name: str, tmp_path: Path) -> None:
    content = configuration(name)
    manifest = (PIPELINES / name / content["manifest"]).read_text(encoding="utf-8")
    for film in re.findall(r'^path = "(.*)"', manifest, re.MULTILINE):
        (tmp_path / film).touch()
    study = read_study(content | {"films": str(tmp_path)}, PIPELINES / name)
    assert list(study.members) == NAMES + OF_STUDIES[name]
    assert study.members["mean"] == tuple(THESIS)
    assert set(THESIS) - set(study.members["mean-histogram"]) == {"plain-l2"}  # it has no histogram (thesis 8.4.2)
    assert len(study.show.of_role("test")) == 1


def test_the_plan_for_rumcajs(tmp_path: Path) -> None:
    for number in (*range(1, 14), 25):
        (tmp_path / f"rumcajs_{number:02}.mkv").touch()
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(PIPELINES / "Snakefile"), "--cores", "2", "-n", "-p"]
    words += ["--configfile", str(PIPELINES / "rumcajs" / "config.yaml"), "--directory", str(tmp_path / "out")]
    done = subprocess.run([*words, "--config", f"films={tmp_path}"], capture_output=True, text=True)
    plan = done.stdout + done.stderr
    assert done.returncode == 0, plan
    counts = {"extract": 13, "train": 6, "render": 46, "evaluate": 1, "compare": 1, "transfer": 1, "all": 1}
    assert jobs(plan) == counts | {"total": sum(counts.values())}
    # As the thesis trains them: nothing but the variants' own recipes.
    trainings = re.findall(r"cartoon-color train .*--variant (\S+) --out (\S+) *$", plan, re.MULTILINE)
    assert sorted(trainings) == sorted((name, f"runs/{name}") for name in THESIS)
    films = dict(
        re.findall(r"cartoon-color render \S+rumcajs_01.mkv -o films/rumcajs_01/(\S+).mkv (.*?) *$", plan, re.M)
    )
    assert sorted(films) == sorted(NAMES + REFINED)
    alone = "--weights runs/plain-l2/plain-l2.safetensors --ensemble mean --quiet --smooth none"
    assert films["plain-l2"] == alone
    assert films["plain-l2-felzenszwalb"] == alone + " --refine felzenszwalb"
    assert films["mean-of-regiongrow"] == films["mean"] + " --refine regiongrow --refine-members"
    assert films["mean-of-tracks"] == films["mean-histogram"].replace("--smooth none", "--smooth tracks")
    judged = next(line for line in plan.splitlines() if "cartoon-color evaluate" in line)
    assert re.findall(r"films/rumcajs_01/(\S+).mkv", judged) == NAMES + REFINED
    assert not (tmp_path / "out" / "runs").exists()


def fails(kind: type[CartoonColorError], *words: object) -> str:
    """The sentence with which `reproduce` gives up."""
    result = CliRunner().invoke(cli.app, ["reproduce", *map(str, words)])
    assert isinstance(result.exception, kind), result.exception
    return str(result.exception)


def test_missing_episodes_are_told_with_their_source(tmp_path: Path) -> None:
    (tmp_path / "rumcajs_01.mkv").touch()
    sentence = fails(InputError, "rumcajs", "--films", tmp_path, "--out", tmp_path / "out")
    assert "rumcajs_01" not in sentence
    for number in (*range(2, 14), 25):
        assert f"there is no file {tmp_path}/rumcajs_{number:02}.mkv; get it from: " in sentence
    assert 'DVD "O loupežníku Rumcajsovi 1" (2005), episode 13' in sentence
    assert not (tmp_path / "out").exists()


def test_unknown_studies_are_told_the_known_ones(tmp_path: Path) -> None:
    sentence = fails(InputError, "krtek", "--out", tmp_path / "out")
    assert sentence.endswith(": rumcajs, sindbad, toyshow")


def test_without_the_checkout_its_folder_is_asked_for(tmp_path: Path) -> None:
    sentence = fails(InputError, "toyshow", "--out", tmp_path / "out", "--pipelines", tmp_path)
    assert sentence == f"there is no {tmp_path}/Snakefile; clone the repository, and give its folder with --pipelines"


def test_without_snakemake_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduce, "find_spec", lambda name: None)
    assert "pip install 'cartoon-color[pipelines]'" in fails(MissingExtraError, "toyshow", "--out", tmp_path / "out")


def test_a_folder_in_use_is_left_alone(small: Path, tmp_path: Path) -> None:
    with (tmp_path / ".reproduce").open("w") as other:
        flock(other, LOCK_EX)
        assert "is in use by another run" in fails(OutputError, small, "--out", tmp_path)
    assert not (tmp_path / "show").exists()


def test_a_folder_that_cant_be_written(small: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "(Not a directory); choose another --out" in fails(OutputError, small, "--out", tmp_path / "file" / "out")


def test_a_failed_job_ends_the_study_with_exit_code_1(small: Path, tmp_path: Path) -> None:
    content = yaml.safe_load(small.read_text()) | {"toyshow": {"seconds": 1}}
    path = tmp_path / "wrong.yaml"
    path.write_text(yaml.safe_dump(content | {"manifest": str(small.parent / "manifest.toml")}))
    done = subprocess.run(command(path, "--out", tmp_path / "out"), capture_output=True, text=True)
    assert done.returncode == 1
    assert "Error: --seconds: must be greater than or equal to 2, got '1'; see" in done.stderr
    assert done.stderr.endswith(
        "The study stopped for what stands above. Given again, the same command goes on from there.\n"
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"variant": {}}, "unknown key variant; allowed are manifest, films, toyshow, variants, "),
        ({"manifest": 3}, "manifest must be the path of a file, not 3"),
        ({"films": ["a"]}, "films must be the path of a folder, not ['a']"),
        ({"variants": {}}, "variants must name at least one variant to train"),
        ({"variants": ["plain"]}, "variants must be a table, not ['plain']"),
        ({"variants": {"plain": 3}}, "plain must be a table of options with texts, numbers, true or false, not 3"),
        ({"train": {"width": [1]}}, "train must be a table of options"),
        ({"ensembles": {"mean": ["plain", "other"]}}, "ensembles: mean must be two or more of plain, residual, not ["),
        ({"ensembles": {"mean": ["plain"]}}, "ensembles: mean must be two or more of plain, residual, not ["),
        ({"ensembles": {"plain": ["plain", "residual"]}}, "ensembles: 'plain' is a variant's name"),
        ({"refined": {"soft": {"of": "mean"}}}, "refined: soft must be of one of plain, residual, not 'mean'"),
        ({"refined": {"soft": {"refine": "regiongrow"}}}, "refined: soft must be of one of plain, residual, not None"),
        (
            {"refined": {"soft": {"of": "plain"}}},
            "refined: soft must say how, as refine: regiongrow, or smooth: tracks",
        ),
        ({"refined": {"plain": {"of": "plain"}}}, "refined: 'plain' is another film's name"),
        ({"refined": {"soft": 3}}, "refined: soft must be a table of options"),
        ({"ensembles": {"a/b": ["plain", "residual"]}}, "ensembles: 'a/b' is a variant's name, or none for a file"),
    ],
)
def test_wrong_configurations(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.toml", EPISODES)
    right = {"manifest": "manifest.toml", "toyshow": {}, "variants": {"plain": None, "residual": {"batch": 8}}}
    read_study(right, tmp_path)
    with pytest.raises(SettingsError, match="the configuration of the study is wrong: ") as caught:
        read_study(right | change, tmp_path)
    assert sentence in str(caught.value)


def test_a_study_needs_both_roles(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.toml", {"episode_01.color.mkv": "test"})
    with pytest.raises(SettingsError, match="has no episode of the role train; a study needs both"):
        read_study({"manifest": "manifest.toml", "toyshow": {}, "variants": {"plain": None}}, tmp_path)


def test_options_of_a_variant_replace_those_of_all(tmp_path: Path) -> None:
    write_manifest(tmp_path / "manifest.toml", EPISODES)
    content = {"manifest": "manifest.toml", "toyshow": None, "variants": {"plain": None, "residual": {"batch": 4}}}
    content |= {"train": {"batch": 8, "crop": 64}, "render": {"deinterlace": True, "quiet": False}}
    content |= {"refined": {"even": {"of": "residual", "refine": "regiongrow", "refine-clusters": 2}}}
    study = read_study(content, tmp_path)
    assert study.members["even"] == ("residual",)
    assert study.words("render", "even") == ["--deinterlace", "--refine", "regiongrow", "--refine-clusters", "2"]
    assert study.words("render", "residual") == ["--deinterlace"]
    assert study.words("train", "plain") == ["--batch", "8", "--crop", "64"]
    assert study.words("train", "residual") == ["--batch", "4", "--crop", "64"]
    assert study.words("render") == ["--deinterlace"]
    assert study.words("evaluate") == []


@pytest.mark.parametrize(("text", "sentence"), [("a: [", "is not valid YAML"), ("- a", "must be a table of settings")])
def test_files_that_are_no_configuration(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    assert sentence in fails(SettingsError, path, "--out", tmp_path / "out")
