"""The comparators beside networks: what a run writes, what it measures, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from typer.testing import CliRunner

from cartoon_color import checkpoint, cli, color, variants
from cartoon_color.config import NetworkSettings
from cartoon_color.dataset.index import EpisodeFiles
from cartoon_color.dataset.manifest import Episode, Manifest
from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.transfer import comparison, deshpande
from cartoon_color.transfer.comparison import compare_methods, one_thread
from cartoon_color.transfer.references import References, evenly_spaced, gray_descriptor, nearest
from cartoon_color.video import paint

METHODS = ["welsh", "deshpande", "levin", "small"]
EPISODES = {"first": "train", "second": "train", "third": "test"}
TOML = 'name = "drawn"\n' + "".join(
    f'[[episodes]]\nname = "{name}"\nrole = "{role}"\nsource = "drawn here"\nlicense = "CC0"\n'
    for name, role in EPISODES.items()
)
MANIFEST = Manifest("drawn", None, tuple(Episode(name, None, role) for name, role in EPISODES.items()))  # type: ignore[arg-type]


def drawing(shift: int) -> NDArray[np.uint8]:
    """A red disk before blue: (32, 40, 3)."""
    picture = np.full((32, 40, 3), (150, 190, 240), np.uint8)
    cv2.circle(picture, (10 + shift, 14), 7, (150, 40, 40), -1)
    return picture


def write_weights(path: Path) -> Path:
    torch.manual_seed(0)
    checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=32)), path, {})
    return path


def draw_dataset(folder: Path) -> Path:
    for number, episode in enumerate(EPISODES):
        files = EpisodeFiles(folder, episode)
        files.pictures.mkdir(parents=True)
        for index in range(4):
            cv2.imwrite(str(files.picture(index)), drawing(4 * index + number)[..., ::-1])
        files.fingerprint.parent.mkdir(exist_ok=True)
        files.fingerprint.write_text("{}")
    return folder


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(path))[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One run of the command over two of the four test pictures."""
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "show.toml").write_text(TOML)
    draw_dataset(folder / "dataset")
    write_weights(folder / "small.safetensors")
    names = {"--manifest": "show.toml", "--dataset": "dataset", "--weights": "small.safetensors", "--out": "out"}
    words = [word for option, name in names.items() for word in (option, str(folder / name))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deshpande, "_PIXELS_PER_TREE", 500)
        result = CliRunner().invoke(cli.app, ["transfer", *words, "--images", "2", "--json"])
    assert result.exit_code == 0, result.output
    return SimpleNamespace(folder=folder, out=folder / "out", told=json.loads(result.stdout))


def test_every_method_colors_every_picture(made):
    assert made.told["pictures"] == ["third/000001.png", "third/000003.png"]
    written = {str(path.relative_to(made.out)) for path in made.out.rglob("*.png")}
    assert written == {f"{method}/{picture}" for method in METHODS for picture in made.told["pictures"]}


def test_luma_is_kept(made):
    for picture in made.told["pictures"]:
        luma = color.luma_of_rgb(read(made.folder / "dataset" / "frames" / picture), "bt601").astype(int)
        for method in METHODS:
            colored = read(made.out / method / picture)
            assert np.abs(color.luma_of_rgb(colored, "bt601") - luma).max() <= 1


def test_measures_are_those_of_what_was_written(made):
    """Against scikit-image, and eq. 8.2 in float64."""
    assert [row["method"] for row in made.told["results"]] == METHODS
    for row in made.told["results"]:
        measured = []
        for picture in made.told["pictures"]:
            truth = read(made.folder / "dataset" / "frames" / picture)
            colored = read(made.out / row["method"] / picture)
            one, other = rgb2lab(truth), rgb2lab(colored)
            measured.append(
                (
                    np.linalg.norm(alpha_beta(truth) - alpha_beta(colored), axis=-1).mean(),
                    peak_signal_noise_ratio(truth, colored),
                    deltaE_ciede2000(one, other).mean(),
                    np.square(one - other)[..., 1:].mean(),
                )
            )
        rmse, psnr, ciede2000, error = np.mean(measured, axis=0)
        assert row["rmse"] == pytest.approx(rmse, rel=1e-4)
        assert row["psnr"] == pytest.approx(psnr, rel=1e-4)
        assert row["ciede2000"] == pytest.approx(ciede2000, rel=1e-3)
        assert row["chroma_psnr"] == pytest.approx(10 * np.log10(10_000 / error), rel=1e-4)
        assert row["seconds"] > 0


def alpha_beta(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    red, green, blue = np.moveaxis(picture / 255, -1, 0)
    light = (red + green + blue) / 3 + 1e-4
    return np.stack([(blue - (red + green) / 2) / light, (red - green) / light], axis=-1)


def test_comparators_do_better_than_an_untrained_network(made):
    chroma = {row["method"]: row["chroma_psnr"] for row in made.told["results"]}
    assert min(chroma["welsh"], chroma["deshpande"]) > chroma["small"] + 3


def test_networks_may_run_in_bfloat16(made, monkeypatch):
    """As they do where the processor has it, or any that imitates it."""
    monkeypatch.setattr(comparison, "fast_dtype", lambda device: torch.bfloat16)
    model = checkpoint.load(made.folder / "small.safetensors").model
    luma = np.full((48, 64), 128, np.uint8)
    spread, colored = comparison._spread(model)(luma, ()), comparison._color(model)(luma, ())
    assert spread.shape == colored.shape == (48, 64, 2)
    assert spread.dtype == colored.dtype == np.float32


def test_tables_say_the_same(made):
    assert json.loads((made.out / "table.json").read_text()) == made.told
    rows = list(csv.DictReader((made.out / "table.csv").read_text().splitlines()))
    assert [row["method"] for row in rows] == METHODS
    assert [float(row["psnr"]) for row in rows] == [row["psnr"] for row in made.told["results"]]
    text = (made.out / "table.md").read_text()
    for row in made.told["results"]:
        assert f"| {row['method']} | {row['rmse']:.4f} | {row['psnr']:.2f} | {row['ciede2000']:.2f} |" in text


def test_painting_keeps_luma_and_gives_the_color():
    picture = drawing(3)
    painted = paint(color.luma_of_rgb(picture, "bt601"), color.rgb_to_lab(picture)[..., 1:])
    assert np.abs(painted.astype(int) - picture).max() <= 3


def test_one_thread_is_given_back():
    before = torch.get_num_threads(), cv2.getNumThreads()
    cv2.setNumThreads(2)
    with one_thread():
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 1)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (before[0], 2)
    cv2.setNumThreads(before[1])


# --- references ------------------------------------------------------------------------------------------------------


def test_nearest_finds_the_same_picture_first():
    pictures = [color.luma_of_rgb(drawing(shift), "bt601") for shift in (0, 4, 12, 20)]
    others = np.stack([gray_descriptor(picture) for picture in pictures])
    assert others.shape == (4, 256)
    assert nearest(others[1], others, 3).tolist() == [1, 0, 2]
    assert len(nearest(others[1], others, 9)) == 4


@pytest.mark.parametrize(("total", "number", "chosen"), [(10, 2, [2, 7]), (3, 9, [0, 1, 2]), (7, 1, [3])])
def test_evenly_spaced(total, number, chosen):
    assert evenly_spaced(total, number) == chosen


def test_examples_take_their_references_from_other_episodes(tmp_path):
    dataset = draw_dataset(tmp_path)
    first, second = (sorted((dataset / "frames" / name).glob("*.png")) for name in ("first", "second"))
    examples = References([*first, *second]).examples(2)
    assert np.array_equal(examples[0].rgb, read(first[2]))
    assert [match.tolist() for match in examples[0].matches[:1]] == [read(second[2]).tolist()]
    assert len(examples[0].matches) == 4
    alone = References(first).examples(1)[0]
    assert len(alone.matches) == 3
    assert not any(np.array_equal(alone.rgb, match) for match in alone.matches)


# --- what is refused -------------------------------------------------------------------------------------------------


def compare(folder: Path, manifest: Manifest = MANIFEST, **changes: Any) -> None:
    weights = changes.get("weights", [folder / "small.safetensors"])
    compare_methods(manifest, changes.get("dataset", folder / "dataset"), weights, changes.get("out", folder / "x"), 1)


@pytest.mark.parametrize("role", ["train", "test"])
def test_both_roles_are_needed(made, role):
    manifest = Manifest("drawn", None, tuple(episode for episode in MANIFEST.episodes if episode.role != role))
    with pytest.raises(SettingsError, match=f"drawn has no {role} episodes"):
        compare(made.folder, manifest)


def test_pictures_are_needed(made, tmp_path):
    with pytest.raises(InputError, match="no pictures of the episode 'first'"):
        compare(made.folder, dataset=tmp_path)


def test_methods_have_names_of_their_own(made, tmp_path):
    with pytest.raises(SettingsError, match="two methods named welsh"):
        compare(made.folder, weights=[write_weights(tmp_path / "welsh.safetensors")])
    both = [made.folder / "small.safetensors", write_weights(tmp_path / "small.safetensors")]
    with pytest.raises(SettingsError, match="two methods named small"):
        compare(made.folder, weights=both)


def test_a_file_in_the_way(made, tmp_path, monkeypatch):
    monkeypatch.setattr(deshpande, "_PIXELS_PER_TREE", 500)
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="can't be written"):
        compare(made.folder, out=tmp_path / "out")
