"""Manifests: what they say, what is wrong with them, all at once."""

import re
from pathlib import Path

import pytest

from cartoon_color.config import CreditsProfile
from cartoon_color.dataset.manifest import Episode, load_manifest
from cartoon_color.errors import InputError, SettingsError

DATASETS = sorted((Path(__file__).parent.parent / "datasets").glob("*.toml"))
SHA = "ab" * 32
GOOD = f"""
name = "show"
[credits]
background_hue = [200, 250]
background_share = 0.75
[[episodes]]
name = "one"
path = "one.mkv"
role = "train"
source = "a DVD"
license = "MIT"
sha256 = "{SHA}"
frames = [0, 10]
[[episodes]]
name = "two"
path = "one.mkv"
role = "test"
source = "a DVD"
license = "MIT"
frames = [10, 20]
[[episodes]]
name = "three"
role = "secondary"
source = "a DVD"
license = "MIT"
sha256 = ""
"""


def manifest(folder: Path, text: str) -> Path:
    path = folder / "show.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_everything(tmp_path: Path) -> None:
    show = load_manifest(manifest(tmp_path, GOOD))
    assert show.name == "show"
    assert show.credits == CreditsProfile(background_hue=(200.0, 250.0), background_share=0.75)
    assert show.episodes[0] == Episode("one", tmp_path / "one.mkv", "train", "a DVD", "MIT", SHA, (0, 10))
    assert show.episodes[2] == Episode("three", None, "secondary", "a DVD", "MIT")
    assert [episode.name for episode in show.of_role("test", "train")] == ["one", "two"]


def test_films_may_lie_elsewhere(tmp_path: Path) -> None:
    show = load_manifest(manifest(tmp_path, GOOD), films=tmp_path / "films")
    assert show.episodes[0].path == tmp_path / "films" / "one.mkv"


def test_no_credits_table_means_no_filter(tmp_path: Path) -> None:
    text = re.sub(r"\[credits\].*?(?=\[\[)", "", GOOD, count=1, flags=re.DOTALL)
    assert load_manifest(manifest(tmp_path, text)).credits is None


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    text = """
color = true
[credits]
text_hue = [250, 190]
glow = 3
[[episodes]]
name = "one"
path = "a.mkv"
role = "training"
frame = [0, 9]
source = "x"
license = "x"
sha256 = "12"
[[episodes]]
name = "two"
path = "b.mkv"
role = "train"
source = "x"
license = "x"
[[episodes]]
name = "Two"
path = "b.mkv"
role = "test"
source = "x"
license = "x"
[[episodes]]
name = "up/down"
role = "test"
frames = [5, 5]
[[episodes]]
name = "a/b"
role = "test"
source = "x"
license = "x"
"""
    with pytest.raises(SettingsError) as caught:
        load_manifest(manifest(tmp_path, text))
    message = str(caught.value)
    for part in (
        "unknown key color",
        "name is missing",
        "unknown key glow",
        "text_hue must be two rising degrees",
        "unknown key frame",
        "role must be one of train, validation, test, secondary, not 'training'",
        "sha256 must be 64",
        "2 episodes are named two",
        "in two roles, train and test",
        "source is missing",
        "license is missing",
        "frames must be [start, stop]",
        "'up/down' can't be the name of a folder",
        "'a/b' can't be the name of a folder",
    ):
        assert part in message, part
    assert "\n" not in message


@pytest.mark.parametrize("name", [".", "..", "", "a\\b", "a:b", " a", "a.", "a\nb"])
def test_a_name_must_be_a_folders(tmp_path: Path, name: str) -> None:
    text = GOOD.replace('"one"', repr(name).replace("'", '"'), 1)
    with pytest.raises(SettingsError, match="can't be the name of a folder"):
        load_manifest(manifest(tmp_path, text))


def test_the_same_film_twice_is_no_problem_in_one_role_or_apart(tmp_path: Path) -> None:
    assert len(load_manifest(manifest(tmp_path, GOOD.replace('"test"', '"train"'))).episodes) == 3
    with pytest.raises(SettingsError, match="two roles"):
        load_manifest(manifest(tmp_path, GOOD.replace("[10, 20]", "[9, 20]")))


@pytest.mark.parametrize(
    ("text", "error", "part"),
    [
        ("name = ", SettingsError, "not valid TOML"),
        ('name = "x"', SettingsError, r"at least one \[\[episodes\]\]"),
        ('name = "x"\ncredits = 3\nepisodes = [1]', SettingsError, "credits must be a table"),
        (GOOD.replace('"MIT"', "3"), SettingsError, "license must be a text, not 3"),
        (GOOD.replace("0.75", '"much"'), SettingsError, "background_share must be a number"),
        (GOOD.replace("[200, 250]", "[200]"), SettingsError, "background_hue must be two numbers"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, error: type[Exception], part: str) -> None:
    with pytest.raises(error, match=part):
        load_manifest(manifest(tmp_path, text))


def test_a_missing_manifest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.toml can't be read"):
        load_manifest(tmp_path / "nothing.toml")


def test_a_missing_film_tells_where_to_get_it(tmp_path: Path) -> None:
    show = load_manifest(manifest(tmp_path, GOOD))
    with pytest.raises(InputError, match=r"episode one: there is no file .*one\.mkv; get it from: a DVD"):
        show.episodes[0].film()
    with pytest.raises(InputError, match="episode three has no path"):
        show.episodes[2].film()
    (tmp_path / "one.mkv").write_bytes(b"film")
    assert show.episodes[0].film() == tmp_path / "one.mkv"


def test_the_manifests_of_the_project() -> None:
    assert [path.stem for path in DATASETS] == ["default", "drawings", "rumcajs", "sindbad"]
    for path in DATASETS:
        for episode in load_manifest(path).episodes:
            assert episode.path is not None
            assert episode.path.parent == path.parent, "a machine's path"
            # Others have neither that show's very files nor that film, which is composed by whoever trains.
            assert episode.sha256 or path.stem in ("drawings", "rumcajs")
    rumcajs = load_manifest(DATASETS[2])
    # Thesis 4.1.4 and chapter 8.
    assert len(rumcajs.of_role("train")) == 12
    assert [episode.name for episode in rumcajs.of_role("test", "secondary")] == ["rumcajs_01", "rumcajs_25"]
    assert rumcajs.credits == CreditsProfile()
