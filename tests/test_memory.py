"""The memory of a show: what it recalls, what it doesn't know, its file, its command, and films colored by it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from typer.testing import CliRunner

from cartoon_color import checkpoint, variants
from cartoon_color.cli import app
from cartoon_color.color import AB_BINS, luma_of_rgb
from cartoon_color.config import NetworkSettings
from cartoon_color.dataset.index import COLUMNS
from cartoon_color.dataset.remember import _described, remember
from cartoon_color.errors import InputError, OutputError, SettingsError, WeightsError
from cartoon_color.frames import Description, Frame
from cartoon_color.memory import Memory, load_memory, save_memory
from cartoon_color.memory.files import FORMAT
from cartoon_color.memory.likeness import regress
from cartoon_color.memory.making import WIDTHS, make, merged
from cartoon_color.memory.recall import KNOWN, Entries, Looks, Recalled
from cartoon_color.painter import Painter
from cartoon_color.regions.vote import mean_in
from cartoon_color.stages.vote import Vote
from tests.shows import write_pictures

RED, BLUE = (60.0, 40.0), (20.0, -60.0)


def entries(rng: np.random.Generator, count: int, *, features: int = 8, episodes: int = 2) -> Entries:
    """Red ones that look up, and blue ones that look down; L* 40 to 60."""
    red = np.arange(count) % 2 == 0
    look = rng.normal(0, 0.3, (count, features))
    look += np.where(red, 3, -3)[:, None]
    lightness = np.sort(rng.uniform(40, 60, count))
    return Entries(
        look.astype(np.float32),
        lightness.astype(np.float32),
        np.where(red[:, None], RED, BLUE).astype(np.float32),
        rng.uniform(0.01, 0.1, count).astype(np.float32),
        (np.arange(count) // 2 % episodes).astype(np.int32),
        (np.arange(count) // 4 % 3).astype(np.int32),
    )


def looks(rng: np.random.Generator, count: int = 20) -> Looks:
    numbers = np.arange(count).astype(np.int32)
    return Looks(rng.normal(0, 1, (count, 6)).astype(np.float32), numbers % 2, numbers)


@pytest.fixture
def show() -> Memory:
    rng = np.random.default_rng(1)
    return make("drawn", ["first", "second"], "0" * 64, entries(rng, 200), looks(rng))


# --- recalling ---


def test_recall_is_a_kernel_regression(show: Memory) -> None:
    """Against the definition in float64, over all entries, each shot counting as much as its likest region."""
    rng = np.random.default_rng(2)
    shots = np.where(show.entries.paint[:, 0] == RED[0], 0, np.arange(200) % 7).astype(np.int32)  # red in few of them
    show = make(show.show, show.episodes, show.weights, replace(show.entries, shot=shots), show.looks)
    kept = show.entries.features.astype(np.float64)
    asked = np.concatenate([kept[::5], np.zeros((40, 8))]) + rng.normal(0, 0.7, (80, 8))  # near some, and between all
    lightness = rng.uniform(40, 60, 80)
    mean, deviation = kept.mean(axis=0), kept.std(axis=0)
    units = [
        each / np.linalg.norm(each, axis=1, keepdims=True)
        for each in ((asked - mean) / deviation, (kept - mean) / deviation)
    ]
    apart = lightness[:, None] - show.entries.lightness
    distance = 1 - units[0] @ units[1].T + (apart / 10) ** 2 / 2
    weight = np.exp(-distance / (show.width * distance.min(axis=1, keepdims=True) + 0.001))
    shots = show.entries.episode * 10 + shots
    for shot in np.unique(shots):
        own = weight[:, shots == shot]
        weight[:, shots == shot] *= own.max(axis=1, keepdims=True) / np.maximum(own.sum(axis=1, keepdims=True), 1e-300)
    expected = weight @ show.entries.paint / weight.sum(axis=1, keepdims=True)
    found = show.recall(asked.astype(np.float32), lightness.astype(np.float32))
    np.testing.assert_allclose(found.ab, expected, atol=0.3)
    np.testing.assert_allclose(found.votes.sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(found.votes @ AB_BINS, expected, atol=2)  # soft encoding shifts colors a little
    np.testing.assert_allclose(found.known, np.clip(2 - distance.min(axis=1) / KNOWN, 0, 1), atol=0.02)


def test_a_shot_speaks_once_unit() -> None:
    """Three regions of one shot and one of another, equally near: half each; and by what is nearest in each shot."""
    paint = np.float32([RED, RED, RED, BLUE])
    shot, index = np.int64([4, 4, 4, 1]), np.int64([[0], [0], [0], [1]])
    part = np.ones((4, 1), np.float32)
    near = np.full((2, 4), 0.1, np.float32)
    near[1, :3] = 0.1 + 0.051 * np.log(2)  # with a width of 0.5, 1/e is another 0.05 and 0.001 away
    votes, ab = regress(near, near.min(axis=1), 0.5, shot, paint, index, part, 2)
    np.testing.assert_allclose(votes, [[1 / 2, 1 / 2], [1 / 3, 2 / 3]], atol=1e-4)
    np.testing.assert_allclose(ab, votes @ np.float32([RED, BLUE]), atol=0.01)


def test_likeness_decides_between_paints_of_one_gray(show: Memory) -> None:
    up, down = np.zeros((2, 1, 8), np.float32)
    up[:], down[:] = 3, -3
    for look, paint in ((up, RED), (down, BLUE)):
        found = show.recall(look, np.full(1, 50, np.float32))
        np.testing.assert_allclose(found.ab[0], paint, atol=1)
        assert found.known[0] == 1


def test_the_network_decides_between_paints_that_are_as_likely_by_hand() -> None:
    """Two paints, half of the votes each; the network gives one 0.097 where it usually gives 0.017, and the other
    0.037 and 0.027: ((0.1 / 0.02) / (0.04 / 0.03))^(1/2)."""
    votes, guess = np.zeros((2, 3, 313), np.float32)
    votes[0, [20, 300]] = 0.5
    votes[1, 20] = 1  # nothing to decide
    guess[:, 20], guess[:, 300], guess[:, 150] = 0.037, 0.097, 0.866
    usual = np.full(313, 0.003, np.float32)
    usual[20], usual[300] = 0.027, 0.017
    said = Recalled(votes, votes @ np.asarray(AB_BINS, np.float32) + 1, np.ones(3, np.float32))
    told = said.weighed(guess, usual)
    ratio = np.sqrt((0.1 / 0.02) / (0.04 / 0.03))
    share = ratio / (1 + ratio)
    np.testing.assert_allclose(told.votes[0, [20, 150, 300]], [1 - share, 0, share], atol=1e-5)
    np.testing.assert_allclose(told.ab[0], (1 - share) * AB_BINS[20] + share * AB_BINS[300] + 1, atol=1e-3)
    np.testing.assert_allclose(told.votes[1], votes[1], atol=1e-6)
    assert not told.votes[2].any()  # of what is unknown
    np.testing.assert_allclose(said.weighed(guess, guess[0]).votes, votes, atol=1e-6)  # what it always guesses
    np.testing.assert_allclose(told.ab[2], 1)


def test_what_is_unlike_anything_is_unknown(show: Memory) -> None:
    strange = np.zeros((2, 8), np.float32)
    strange[:, 5] = 9, -9
    assert show.recall(strange, np.full(2, 50, np.float32)).known.tolist() == [0, 0]
    black = show.recall(np.full((1, 8), 3, np.float32), np.zeros(1, np.float32))
    assert black.known[0] == 0
    assert not black.votes.any()


def test_drawings_of_another_show_are_unfamiliar(show: Memory) -> None:
    assert show.familiarity(show.looks.look[3]) == 1
    assert show.familiarity(show.looks.look[3] + 20) == 0


def test_no_regions_in_a_drawing(show: Memory) -> None:
    found = show.recall(np.zeros((0, 8), np.float32), np.zeros(0, np.float32))
    assert (found.votes.shape, found.ab.shape, found.known.shape) == ((0, 313), (0, 2), (0,))


@pytest.mark.parametrize("episodes", [1, 2])
def test_what_was_drawn_again_gets_its_own_paint_and_what_is_only_alike_a_mean(episodes: int) -> None:
    """Red and blue in turns around a circle: what is nearest in another shot or episode is always of the other paint,
    so leaving one out tells nothing of what comes again."""
    rng = np.random.default_rng(3)
    angle = np.arange(24) * np.pi / 12
    circle = np.zeros((24, 8), np.float32)
    circle[:, 0], circle[:, 1] = np.cos(angle), np.sin(angle)
    gray = np.full(12, 50, np.float32)
    told = replace(entries(rng, 12, episodes=episodes), features=circle[::2], lightness=gray)
    memory = make("drawn", ["a", "b"][:episodes], "", told, looks(rng))
    np.testing.assert_allclose(memory.recall(circle[::2], gray).ab, told.paint, atol=0.1)
    mean = (np.array(RED) + BLUE) / 2
    np.testing.assert_allclose(memory.recall(circle[1::2], gray).ab, np.tile(mean, (12, 1)), atol=0.1)


def around(rng: np.random.Generator, told: float, noise: float) -> Entries:
    """Regions around a circle, whose place there tells so much of their paint; so much of it is noise."""
    angle = rng.uniform(-np.pi, np.pi, 400)
    circle = np.zeros((400, 8), np.float32)
    circle[:, 0], circle[:, 1] = np.cos(angle), np.sin(angle)
    return replace(
        entries(rng, 400),
        features=circle + rng.normal(0, 0.1, (400, 8)).astype(np.float32),
        lightness=np.full(400, 50, np.float32),
        paint=(told * circle[:, :2] + rng.normal(0, noise, (400, 2))).astype(np.float32),
    )


def test_width_follows_from_the_other_episodes() -> None:
    """Where looks tell paints, the nearest match counts most; where paints vary at random, many are averaged; a single
    episode's shots tell nothing of that."""
    rng = np.random.default_rng(3)
    told, noise = around(rng, 60, 0), around(rng, 0, 30)
    narrow, wide = (make("drawn", ["a", "b"], "", each, looks(rng)).width for each in (told, noise))
    assert (narrow, wide) == (WIDTHS[0], WIDTHS[-1])
    assert make("drawn", ["a"], "", noise.of(noise.episode == 0), looks(rng)).width == narrow


def test_a_wider_kernel_is_taken_that_tells_paints_nearly_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    varied = around(rng, 10, 20)
    assert make("drawn", ["a", "b"], "", varied, looks(rng)).width == WIDTHS[-1]
    monkeypatch.setattr("cartoon_color.memory.making._NEARLY", 1.0)
    assert make("drawn", ["a", "b"], "", varied, looks(rng)).width == 2


def test_how_far_drawings_of_a_show_differ_by_hand() -> None:
    """Each in units of the deviation, which is 5, to the nearest of another episode, or of another shot."""
    rng = np.random.default_rng(5)
    kept = entries(rng, 4)
    steps = np.array([[0], [10], [0], [10]], np.float32), np.arange(4, dtype=np.int32)
    two = make("drawn", ["a", "b"], "", kept, Looks(steps[0], np.array([0, 0, 1, 1], np.int32), steps[1]))
    assert two.familiar == pytest.approx(0, abs=1e-5)
    split = make("drawn", ["a", "b"], "", kept, Looks(steps[0], np.array([0, 1, 0, 1], np.int32), steps[1]))
    assert split.familiar == pytest.approx(4, rel=1e-3)
    alone = make("drawn", ["a"], "", kept, Looks(steps[0], np.zeros(4, np.int32), np.array([0, 1, 0, 1], np.int32)))
    assert alone.familiar == pytest.approx(4, rel=1e-3)
    shot = make("drawn", ["a"], "", kept, Looks(steps[0], np.zeros(4, np.int32), np.zeros(4, np.int32)))
    assert shot.familiar > 0


# --- merging ---


def test_like_entries_merge_and_paints_stay_apart() -> None:
    kept = entries(np.random.default_rng(5), 3000)
    few = merged(kept, 300)
    assert len(few) <= 300
    assert (np.diff(few.lightness) >= 0).all()
    assert few.weight.sum() == pytest.approx(kept.weight.sum(), rel=1e-5)
    means = [each.weight.astype(np.float64) @ each.features / each.weight.sum() for each in (kept, few)]
    np.testing.assert_allclose(*means, atol=1e-4)
    red = np.isclose(few.paint, RED).all(axis=1)
    assert (red | np.isclose(few.paint, BLUE).all(axis=1)).all()
    np.testing.assert_array_equal(few.features[:, 0] > 0, red)
    assert set(few.episode.tolist()) == {0, 1}


def test_means_in_regions_by_hand() -> None:
    labels = np.array([[1, 1, 2, 2]] * 4, np.int32)
    inner = labels > 0
    inner[0] = False
    picture = np.arange(8, dtype=np.float32).reshape(2, 2, 2)
    # Of region 1, one row lies in the upper cell, and two in the lower.
    np.testing.assert_allclose(mean_in(labels, inner, picture)[1:], [[8 / 3, 11 / 3], [14 / 3, 17 / 3]], rtol=1e-6)


# --- files ---


def test_round_trip(show: Memory, tmp_path: Path) -> None:
    save_memory(show, tmp_path / "made" / "show.memory")
    again = load_memory(tmp_path / "made" / "show.memory")
    assert (again.show, again.episodes, again.weights) == (show.show, show.episodes, show.weights)
    assert (again.width, again.familiar) == (show.width, show.familiar)
    np.testing.assert_array_equal(again.entries.paint, show.entries.paint)
    np.testing.assert_allclose(again.entries.features, show.entries.features, atol=4e-3)
    np.testing.assert_array_equal(again.entries.shot, show.entries.shot)
    np.testing.assert_array_equal(again.looks.episode, show.looks.episode)
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["show.memory"]


def test_files_that_are_none(show: Memory, tmp_path: Path) -> None:
    path = tmp_path / "show.memory"
    with pytest.raises(InputError, match="there is no memory at"):
        load_memory(path)
    path.write_text("not a memory")
    with pytest.raises(InputError, match="is no memory of a show, or damaged"):
        load_memory(path)
    save_file({"features": np.zeros((1, 2), np.float16)}, path, {"format": "cartoon-color memory/0"})
    with pytest.raises(InputError, match=r"no memory of a show that this version reads .*memory/0"):
        load_memory(path)
    save_file({"features": np.zeros((1, 2), np.float16)}, path, {"format": FORMAT})
    with pytest.raises(InputError, match="is damaged"):
        load_memory(path)
    save_memory(show, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_memory(path)


# --- in the vote ---


def boxes() -> np.ndarray:
    picture = np.full((120, 160), 220, np.uint8)
    for left in (10, 100):
        cv2.rectangle(picture, (left, 30), (left + 40, 80), 10, 2)
        picture[32:79, left + 2 : left + 39] = 150
    return picture


def voted(frame_look: float, *, shaded: bool = False) -> np.ndarray:
    """The color of two boxes that the network sees in blue, and of which the memory knows one as red."""
    picture = boxes()
    if shaded:
        picture[32:79, 12:49] = np.linspace(110, 190, 37)
    ab = np.full((120, 160, 2), BLUE, np.float32)
    evidence = np.tile(np.eye(313, dtype=np.float32)[np.square(AB_BINS - BLUE).sum(axis=1).argmin()], (30, 40, 1))
    features = np.zeros((30, 40, 2), np.float32)
    features[:, 20:, 1] = 9  # the right half is nothing the memory has seen
    features[:, :20, 0] = 1
    kept = Entries(
        np.array([[1, 0], [-1, 0], [1, 0.1], [-1, 0.1]], np.float32),
        np.full(4, 62, np.float32),
        np.array([RED, BLUE, RED, BLUE], np.float32),
        np.ones(4, np.float32),
        np.array([0, 0, 1, 1], np.int32),
        np.zeros(4, np.int32),
    )
    look = Looks(np.array([[0.0], [0.1], [1], [1.1]], np.float32), np.array([0, 1, 0, 1]), np.zeros(4, np.int32))
    memory = Memory("drawn", ("a", "b"), "", kept, look, 1.0, 0.3)
    frame = Frame(
        picture,
        0,
        Fraction(1, 24),
        0,
        chroma=ab,
        evidence=evidence,
        description=Description(features, np.array([frame_look], np.float32)),
    )
    (out,) = Vote(memory=memory, bit_depth=8, color_range="full")(iter([frame]))
    assert out.description is frame.description  # references look at it, too
    assert out.chroma is not None
    return out.chroma


def test_known_regions_take_the_memorys_paint_and_others_the_networks() -> None:
    chroma = voted(0.05)
    np.testing.assert_allclose(chroma[55, 30], RED, atol=1)
    np.testing.assert_allclose(chroma[55, 120], BLUE, atol=1)


def test_painted_regions_are_moved_to_the_memorys_paint() -> None:
    np.testing.assert_allclose(voted(0.05, shaded=True)[55, 30], RED, atol=1)


def test_a_drawing_of_another_show_keeps_the_networks_colors() -> None:
    np.testing.assert_allclose(voted(30)[55, [30, 120]], [BLUE, BLUE], atol=1)


# --- making, and the commands ---


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = write_pictures(tmp_path / "dataset")
    for pictures in (folder / "frames").iterdir():
        with (folder / "index" / f"{pictures.name}.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for picture in sorted(pictures.iterdir()):
                number = int(picture.stem)
                table.writerow([number, number, "1/24", "kept", "", "", "", number // 3, 0])
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    path = tmp_path / "compact.safetensors"
    checkpoint.save(variants.build("compact", NetworkSettings(width=0.25, input_size=64)), path, {})
    return path


def test_every_drawing_is_remembered_with_its_paints(dataset: Path, weights: Path) -> None:
    loaded = checkpoint.load(weights)
    made = remember(dataset, "drawn", ["first", "second"], loaded, torch.device("cpu"))
    assert made.episodes == ("first", "second")
    assert len(made.looks.look) == 8
    assert made.weights == loaded.sha256
    red, sky = (
        cv2.cvtColor(np.full((1, 1, 3), rgb, np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0, 1:]
        for rgb in ((210, 60, 40), (90, 140, 220))
    )
    for paint in (red, sky):
        assert np.hypot(*(made.entries.paint - paint).T).min() < 3


@pytest.mark.parametrize(("film", "seen"), [((528, 704), (264, 352)), ((40, 60), (40, 60)), (None, (48, 48))])
def test_drawings_are_remembered_at_the_size_at_which_films_are_looked_at(
    film: tuple[int, int] | None, seen: tuple[int, int], dataset: Path, weights: Path
) -> None:
    facts = {} if film is None else {"height": film[0], "width": film[1]}
    (dataset / "index" / "first.json").write_text(json.dumps(facts))
    frames = list(_described(dataset, "first", checkpoint.load(weights), torch.device("cpu")))
    assert len(frames) == 5
    for frame, rgb in frames:
        assert frame.luma.shape == rgb.shape[:2] == seen
        assert frame.description is not None
        np.testing.assert_array_equal(frame.luma, luma_of_rgb(rgb, "bt601"))


def test_dissolves_are_not_remembered(dataset: Path, weights: Path) -> None:
    path = dataset / "index" / "first.csv"
    header, first, *others = path.read_text().split()
    path.write_text("\n".join([header, first, *(f"{other[:-1]}1" for other in others)]) + "\n")
    (dataset / "index" / "first.json").write_text("{}")
    loaded, cpu = checkpoint.load(weights), torch.device("cpu")
    assert [frame.index for frame, _ in _described(dataset, "first", loaded, cpu)] == [int(first.split(",")[0])]
    done: list[tuple[int, int]] = []
    remember(dataset, "drawn", ["first"], loaded, cpu, progress=lambda number, of: done.append((number, of)))
    assert done == [(1, 1)]


def test_episodes_are_added(dataset: Path, weights: Path) -> None:
    loaded, cpu = checkpoint.load(weights), torch.device("cpu")
    whole = remember(dataset, "drawn", ["first", "second"], loaded, cpu)
    first = remember(dataset, "drawn", ["first"], loaded, cpu)
    done: list[int] = []
    both = remember(
        dataset, "drawn", ["first", "second"], loaded, cpu, known=first, progress=lambda n, of: done.append(of)
    )
    assert done == [3] * 3  # the pictures of the second
    assert both.episodes == whole.episodes
    np.testing.assert_allclose(both.entries.weight.sum(), whole.entries.weight.sum(), rtol=1e-5)
    assert set(both.entries.episode.tolist()) == {0, 1}


def test_blank_pictures_are_told(dataset: Path, weights: Path) -> None:
    for picture in (dataset / "frames" / "first").iterdir():
        cv2.imwrite(str(picture), np.full((48, 48, 3), 90, np.uint8))
    with pytest.raises(InputError, match="nothing to remember of drawn"):
        remember(dataset, "drawn", ["first"], checkpoint.load(weights), torch.device("cpu"))


def manifest(folder: Path, *roles: str) -> Path:
    path = folder / "show.toml"
    tables = [
        f'[[episodes]]\nname = "{name}"\nrole = "{role}"\nsource = "drawn here"\nlicense = "MIT"\n'
        for name, role in zip(("first", "second"), roles, strict=False)
    ]
    path.write_text('name = "drawn"\n' + "\n".join(tables))
    return path


def test_the_command_makes_and_extends(dataset: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "show.memory"
    command = ["memory", "--dataset", str(dataset), "--out", str(out), "--weights", str(weights), "--json"]

    def run(*more: str) -> object:
        answer = CliRunner().invoke(app, [*command, "--manifest", str(manifest(tmp_path, *more[:2])), *more[2:]])
        return json.loads(answer.stdout) if answer.exit_code == 0 else answer.exception

    made = run("train", "test")
    assert isinstance(made, dict)
    assert (made["episodes"], made["drawings"]) == (["first"], 5)
    assert isinstance(run("train", "train"), OutputError)
    added = run("train", "train", "--add")
    assert isinstance(added, dict)
    assert (added["episodes"], added["drawings"]) == (["first", "second"], 8)
    assert isinstance(run("test", "test", "--overwrite"), SettingsError)


def test_weights_that_dont_fit(show: Memory, weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="made with other weights"):
        _ = Painter([weights], memory=show).members
    plain = tmp_path / "plain.safetensors"
    checkpoint.save(variants.build("plain", NetworkSettings(width=0.05, input_size=64)), plain, {})
    loaded = checkpoint.load(plain)
    with pytest.raises(WeightsError, match="the variant plain can't describe regions"):
        loaded.model.describe(torch.zeros(1, 1, 64, 64))


@pytest.mark.parametrize(
    "options", [{"smooth": "flow"}, {"decoding": "mode"}, {"decoding": "mode", "smooth": "tracks"}]
)
def test_a_memory_needs_votes(options: dict, show: Memory, weights: Path) -> None:
    with pytest.raises(SettingsError, match="--memory tells regions what to vote for"):
        Painter([weights], memory=show, **options)


def test_describing_changes_no_color(weights: Path) -> None:
    model = checkpoint.load(weights).model
    lightness = torch.rand(2, 1, 64, 64) * 100
    with torch.inference_mode():
        plain, described = model.colorize(lightness), model.describe(lightness)
    assert torch.equal(plain.ab, described.ab)
    assert plain.features is None
    assert described.features is not None
    assert described.look is not None
    assert described.features.shape[2:] == (16, 16)
    with torch.inference_mode():
        stem = model.network.stem(lightness * 0.01 - 0.5)
        deep = model.network.down[1](model.network.down[0](stem)).numpy()
    torch.testing.assert_close(described.features, stem)
    expected = np.concatenate([deep.mean(axis=(2, 3)), deep.std(axis=(2, 3))], axis=1)
    np.testing.assert_allclose(described.look.numpy(), expected, rtol=1e-3, atol=1e-5)
