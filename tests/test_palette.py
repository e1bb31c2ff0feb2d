"""The paints of a show: learned from pictures whose paints are known, written, and read again."""

from __future__ import annotations

import json
import tomllib
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from typer.testing import CliRunner

from cartoon_color.cli import app
from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.palette import Paint, Palette, check_place, draw, load_palette, save_palette
from cartoon_color.palette.learning import learn
from cartoon_color.toyshow.film import Studio
from cartoon_color.toyshow.paints import EQUAL_GRAY, NAMES, PAINTS
from cartoon_color.toyshow.script import NOVELTIES, write_script

INK = (26, 22, 24)
SHOW = ((206, 46, 40), (40, 126, 66), (150, 204, 240), (246, 204, 168), (62, 96, 164), (226, 172, 58))


def picture(paints: tuple[tuple[int, int, int], ...], seed: int, grain: float = 1.5) -> NDArray[np.uint8]:
    """Cells of the paints, each within lines, drawn at twice the size, shrunk to 256x256, with grain."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros((512, 512, 3), np.float32)
    cell = 64
    for row in range(8):
        for column in range(8):
            drawn[row * cell :, column * cell :] = paints[(row * 8 + column + seed) % len(paints)]
    lines = np.zeros((512, 512), np.uint8)
    for at in range(0, 512, cell):
        cv2.line(lines, (at, 0), (at + 20, 511), 255, 2)
        cv2.line(lines, (0, at + 10), (511, at), 255, 2)
    drawn[lines > 0] = INK
    small = cv2.resize(drawn, (256, 256), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small + rng.normal(0, grain, (256, 256, 1))), 0, 255).astype(np.uint8)


def lab(rgb: object) -> NDArray[np.float64]:
    return np.asarray(rgb2lab(np.array(rgb, np.uint8)[None])[0])


def differences(palette: Palette, truth: object) -> NDArray[np.float64]:
    """CIEDE2000 by scikit-image of each paint (rows) to each of the truth's (columns)."""
    return np.asarray(deltaE_ciede2000(lab([paint.rgb for paint in palette.paints])[:, None], lab(truth)[None]))


def test_known_paints_come_back_and_nothing_else():
    palette = learn(picture(SHOW, seed) for seed in range(12))
    found = differences(palette, SHOW)
    assert len(palette.paints) == len(SHOW)
    assert sorted(found.argmin(axis=1)) == list(range(len(SHOW)))
    assert found.min(axis=1).max() < 1
    assert palette.share.sum() == pytest.approx(1, abs=0.03)
    assert list(palette.share) == sorted(palette.share, reverse=True)


def test_paints_within_reach_are_one_and_beyond_it_two():
    close = ((120, 120, 200), (136, 130, 206), (230, 220, 90))
    gap = float(deltaE_ciede2000(lab(close[:1]), lab(close[1:2]))[0])
    assert 2 < gap < 5
    pictures = [picture(close, seed, grain=0.5) for seed in range(6)]
    assert len(learn(pictures, apart=gap - 0.7).paints) == 3
    assert len(learn(pictures, apart=gap + 0.7).paints) == 2


@pytest.mark.parametrize("pair", EQUAL_GRAY)
def test_paints_of_equal_gray_stay_two(pair):
    rgb = tuple(PAINTS[name] for name in pair)
    palette = learn(picture(rgb, seed) for seed in range(4))
    assert len(palette.paints) == 2
    assert abs(palette.gray[0] - palette.gray[1]) < 1
    assert np.linalg.norm(palette.ab[0] - palette.ab[1]) > 20


def test_shades_do_not_make_paints_muddy():
    """Fades toward black spread a paint's color; the paint keeps that of its peak."""
    flat = np.full((64, 64, 3), SHOW[2], np.float32)
    fade = [np.rint(flat * level).astype(np.uint8) for level in np.linspace(1, 0.85, 40)]
    palette = learn([*fade, *(flat.astype(np.uint8) for _ in range(40))], apart=12.0)
    assert len(palette.paints) == 1
    assert palette.paints[0].rgb == pytest.approx(SHOW[2], abs=3)


def test_too_many_paints_merge_and_the_distinct_stay():
    palette = learn((picture(SHOW, seed) for seed in range(6)), paints=5)
    assert len(palette.paints) == 5
    closest = min(combinations(range(len(SHOW)), 2), key=lambda pair: differences(palette_of(SHOW), SHOW)[pair])
    missing = set(range(len(SHOW))) - set(differences(palette, SHOW).argmin(axis=1).tolist())
    assert len(missing) == 1
    assert missing <= set(closest)


def palette_of(colors: tuple[tuple[int, int, int], ...]) -> Palette:
    return Palette(tuple(Paint(f"paint {n}", rgb, 0.1) for n, rgb in enumerate(colors)))


def test_arrays_by_hand():
    palette = palette_of(((0, 0, 255), (255, 255, 255), (206, 46, 40)))
    np.testing.assert_allclose(palette.ab, lab([paint.rgb for paint in palette.paints])[:, 1:], atol=0.02)
    luma = 0.299 * 206 + 0.587 * 46 + 0.114 * 40
    grays = [[0.114 * 255] * 3, [255] * 3, [luma] * 3]
    np.testing.assert_allclose(palette.gray, rgb2lab(np.array(grays)[None] / 255)[0, :, 0], atol=0.02)
    assert palette.ab.dtype == palette.gray.dtype == palette.share.dtype == np.float32
    assert palette.ab.shape == (3, 2)


def test_a_drawn_shows_paints_are_found():
    """Pictures straight from the drawing code, whose labels tell the paint of every pixel."""
    studio = Studio((256, 256), seed=3)
    rng = np.random.default_rng(3)
    scripts = write_script(NOVELTIES[0], 6, 4.0, 256.0, rng)
    pictures, area = [], np.zeros(len(NAMES))
    for script in scripts:
        for time in (0.0, 2.0):
            rgb, labels = studio.scene(script, time, time / 4)
            paint = {0: 0} | {n: NAMES.index(name) for n, (_, name) in enumerate(studio.parts.paints.items(), start=1)}
            area += np.bincount(np.vectorize(paint.get)(labels).ravel(), minlength=len(NAMES))
            pictures.append(rgb)
    area[0] = 0  # lines
    large = [name for name, share in zip(NAMES, area / area.sum(), strict=True) if share > 0.005]
    reached = differences(learn(pictures), [PAINTS[name] for name in large]).min(axis=0) < 5
    assert len(large) >= 15
    missed = [name for name, found in zip(large, reached, strict=True) if not found]
    assert reached.mean() >= 0.8, f"found {reached.mean():.0%}, but not {', '.join(missed)}"


@pytest.mark.parametrize(
    "pictures", [[], [np.indices((32, 32)).sum(0)[..., None].repeat(3, 2).astype(np.uint8) % 2 * 255]]
)
def test_nothing_flat(pictures):
    with pytest.raises(InputError, match="no flat areas"):
        learn(pictures)


def test_settings_are_checked():
    with pytest.raises(SettingsError, match=r"paints must be at least 1, not 0; apart must be at least 0, not -1"):
        learn([], paints=0, apart=-1)


def test_round_trip(tmp_path):
    palette = learn(picture(SHOW, seed) for seed in range(3))
    path = tmp_path / "new" / "show.palette.toml"
    save_palette(palette, path)
    assert load_palette(path) == palette
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["paint"]
    assert [set(table) for table in tables] == [{"name", "color", "share"}] * len(SHOW)
    assert sorted(file.name for file in path.parent.iterdir()) == ["show.palette.png", "show.palette.toml"]
    np.testing.assert_array_equal(cv2.imread(str(path.with_suffix(".png")))[..., ::-1], draw(palette))


def test_any_name_is_kept(tmp_path):
    palette = Palette((Paint('Popeye\'s "blue" \\ größer', (1, 2, 3), 0.25),))
    save_palette(palette, tmp_path / "show.toml")
    assert load_palette(tmp_path / "show.toml") == palette


def test_the_picture_shows_every_paint():
    sheet = draw(palette_of(SHOW))
    for color in SHOW:
        assert (sheet == color).all(axis=2).sum() > 10_000
    assert (sheet.max(axis=2) < 60).sum() > 500, "no text"


GOOD = '[[paint]]\nname = "red"\ncolor = "#ff0000"\nshare = 0.5\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["at least one [[paint]] table"]),
        ("paint = 3", ["at least one [[paint]] table"]),
        ("[[paint", ["not valid TOML"]),
        (f"size = 3\n{GOOD}", ["unknown key size"]),
        (GOOD + GOOD, ["2 paints are named red; names must differ"]),
        (GOOD.replace("#ff0000", "#ff00"), ["paint 1 (red): color must be # and six", "'#ff00'"]),
        (GOOD.replace('"#ff0000"', "12"), ["color must be", "12"]),
        (GOOD.replace('"red"', '" "'), ["name must be a text"]),
        (GOOD.replace("0.5", "1.5"), ["share must be a number above 0 and up to 1, not 1.5"]),
        (GOOD.replace("0.5", "nan"), ["share must be"]),
        (GOOD.replace("0.5", "true"), ["share must be"]),
        (
            f'{GOOD}hue = 3\n[[paint]]\nname = "b"',
            ["(red): unknown key hue", "paint 2 (b): color is missing", "share is"],
        ),
    ],
)
def test_hand_edited_errors(tmp_path, text, told):
    path = tmp_path / "show.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_palette(path)
    for words in (str(path), *told):
        assert words in str(error.value)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cartoon-color palette"):
        load_palette(tmp_path / "none.toml")


def test_places(tmp_path):
    with pytest.raises(OutputError, match=r"ends in \.toml"):
        check_place(tmp_path / "show.png", overwrite=True)
    (tmp_path / "show.png").touch()
    with pytest.raises(OutputError, match=r"show\.png exists already; .*--overwrite"):
        check_place(tmp_path / "show.toml", overwrite=False)
    check_place(tmp_path / "show.toml", overwrite=True)


def test_command_uses_training_episodes_only(tmp_path: Path):
    roles = {"first": ("train", SHOW[:3]), "second": ("validation", SHOW[3:])}
    manifest = 'name = "show"\n'
    for name, (role, paints) in roles.items():
        manifest += f'[[episodes]]\nname = "{name}"\nrole = "{role}"\nsource = "drawn"\nlicense = "MIT"\n'
        (tmp_path / "frames" / name).mkdir(parents=True)
        (tmp_path / "index").mkdir(exist_ok=True)
        (tmp_path / "index" / f"{name}.json").write_text("{}", encoding="utf-8")
        cv2.imwrite(str(tmp_path / "frames" / name / "000000.png"), picture(paints, 1)[..., ::-1])
    (tmp_path / "show.toml").write_text(manifest, encoding="utf-8")
    out = tmp_path / "show.palette.toml"
    command = ["palette", "--manifest", f"{tmp_path}/show.toml", "--dataset", str(tmp_path), "--out", str(out)]
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.split() == [str(out), str(out.with_suffix(".png"))]
    palette = load_palette(out)
    assert len(palette.paints) == 3
    assert differences(palette, SHOW[:3]).min(axis=1).max() < 1
    assert isinstance(CliRunner().invoke(app, command).exception, OutputError)
    again = CliRunner().invoke(app, [*command, "--overwrite", "--json"])
    assert len(json.loads(again.stdout)["paints"]) == 3
