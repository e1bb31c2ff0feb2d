"""Manifests: which films make up a data set, in which role, and where to get them.

A manifest is a TOML file with a `name`, optionally a `[credits]` profile, and one `[[episodes]]` table a film:

    name = "show"
    [credits]                     # absent: the show's credits are not filtered
    background_hue = [190, 260]
    [[episodes]]
    name = "episode_01"           # folder name of the pictures
    path = "episode_01.mkv"       # relative to the folder of the films; may be left out
    role = "train"                # train, validation, test or secondary
    source = "where to get it"
    license = "MIT"
    sha256 = "..."                # of the file; may be left out or empty
    frames = [0, 480]             # half open; left out for the whole film

The last part of a film can be held out, as a table of its own: the same path, another name, the role validation, and
the frames that the training table leaves out; best cut where a shot ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from cartoon_color.config import CreditsProfile
from cartoon_color.errors import InputError, SettingsError
from cartoon_color.files import read_toml

Role = Literal["train", "validation", "test", "secondary"]

_ROLES: tuple[Role, ...] = get_args(Role)
_REQUIRED = ("name", "role", "source", "license")
_OPTIONAL = ("path", "sha256", "frames")
_NAME = re.compile(r"[^/\\:*?\"<>|\x00-\x1f]+")


@dataclass(frozen=True, slots=True)
class Episode:
    """One film of a show, or a part of it; the unit of the split."""

    name: str
    """Unique in a data set; the folder name of its pictures."""
    path: Path | None
    """The film; None where the manifest names none."""
    role: Role = "train"
    """train, validation, test, or secondary: black and white, or never recolored, so without truth."""
    source: str = ""
    """Where to get the film."""
    license: str = ""
    sha256: str = ""
    """Of the file, in hexadecimal; empty if not known."""
    frames: tuple[int, int] | None = None
    """The part of the film to use, half open; None for all of it."""

    @classmethod
    def of(cls, film: Path) -> Episode:
        """The episode that a film without a manifest is, named like the file."""
        return cls(name=Path(film).stem, path=Path(film))

    def film(self) -> Path:
        """The path of the film.

        Raises:
            InputError: if it is not there; says where to get it.
        """
        hint = f"get it from: {self.source}" if self.source else "give the path of a film"
        if self.path is None:
            raise InputError(f"episode {self.name} has no path in its manifest; {hint}, then add the path")
        if not self.path.is_file():
            raise InputError(f"episode {self.name}: there is no file {self.path}; {hint}")
        return self.path


def check_films(episodes: Iterable[Episode]) -> None:
    """All is well if every film is there.

    Raises:
        InputError: if some are not; names each, and where to get it.
    """
    sentences = []
    for episode in episodes:
        try:
            episode.film()
        except InputError as error:
            sentences.append(str(error))
    if sentences:
        raise InputError("; ".join(sentences))


@dataclass(frozen=True, slots=True)
class Manifest:
    """The films of a data set."""

    name: str
    credits: CreditsProfile | None
    """None if the show's credits are not to be filtered."""
    episodes: tuple[Episode, ...]

    def of_role(self, *roles: Role) -> tuple[Episode, ...]:
        """The episodes of these roles, in the manifest's order."""
        return tuple(episode for episode in self.episodes if episode.role in roles)


def load_manifest(path: Path, films: Path | None = None) -> Manifest:
    """Read the manifest at `path`.

    Args:
        path: a TOML file.
        films: the folder that its paths are relative to; the manifest's own by default.

    Raises:
        InputError: if there is no such file.
        SettingsError: if it is no TOML, or says wrong things; lists them all.
    """
    path = Path(path)
    content = read_toml(path, "manifest", "give the path of a manifest")
    problems: list[str] = []
    problems += [f"unknown key {key}" for key in content if key not in ("name", "credits", "episodes")]
    name = content.get("name", "")
    if not isinstance(name, str) or not name:
        problems.append("name is missing or not a text")
    profile = _profile(content.get("credits"), problems)
    tables = content.get("episodes", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        problems.append("there must be at least one [[episodes]] table")
        tables = []
    folder = path.parent if films is None else Path(films)
    episodes = [_episode(table, number, folder, problems) for number, table in enumerate(tables, start=1)]
    known = [episode for episode in episodes if episode is not None]
    problems += repeated_names(known)
    problems += two_roles(known)
    if problems:
        raise SettingsError(f"the manifest {path} is wrong: " + "; ".join(problems))
    return Manifest(name, profile, tuple(known))


def repeated_names(episodes: Iterable[Episode]) -> list[str]:
    """A sentence for each name that more than one of `episodes` has; letters' case does not tell folders apart."""
    by_name: dict[str, list[Episode]] = {}
    for episode in episodes:
        by_name.setdefault(episode.name.casefold(), []).append(episode)
    return [
        f"{len(same)} episodes are named {same[0].name} ({', '.join(str(episode.path) for episode in same)}); "
        "names must differ"
        for same in by_name.values()
        if len(same) > 1
    ]


def two_roles(episodes: Iterable[Episode]) -> list[str]:
    """A sentence for each two of `episodes` that show the same frames of a film in different roles."""
    return [
        f"{one.name} and {other.name} use the same frames of {one.path} in two roles, {one.role} and {other.role}"
        for one, other in combinations(episodes, 2)
        if one.role != other.role and _same_film(one, other) and _overlap(one.frames, other.frames)
    ]


def _same_film(one: Episode, other: Episode) -> bool:
    return (one.path is not None and one.path == other.path) or (one.sha256 != "" and one.sha256 == other.sha256)


def _overlap(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    return one is None or other is None or (one[0] < other[1] and other[0] < one[1])


def _profile(table: Any, problems: list[str]) -> CreditsProfile | None:
    if table is None:
        return None
    if not isinstance(table, Mapping):
        problems.append("credits must be a table")
        return None
    values: dict[str, Any] = {}
    names = [field.name for field in fields(CreditsProfile)]
    for key, value in table.items():
        if key not in names:
            problems.append(f"credits: unknown key {key}; allowed are {', '.join(names)}")
        elif key.endswith("_hue"):
            if isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)):
                values[key] = (float(value[0]), float(value[1]))
            else:
                problems.append(f"credits: {key} must be two numbers, not {value!r}")
        elif _is_number(value):
            values[key] = float(value)
        else:
            problems.append(f"credits: {key} must be a number, not {value!r}")
    try:
        return CreditsProfile(**values)
    except SettingsError as error:
        problems.append(str(error))
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _episode(table: Mapping[str, Any], number: int, folder: Path, problems: list[str]) -> Episode | None:
    """The episode in `table`, or None after adding to `problems` what is wrong with it."""
    where = f"episode {number} ({table.get('name', 'without a name')})"
    wrong = [f"unknown key {key}" for key in table if key not in (*_REQUIRED, *_OPTIONAL)]
    wrong += [f"{key} is missing" for key in _REQUIRED if key not in table]
    wrong += [
        f"{key} must be a text, not {value!r}"
        for key, value in table.items()
        if key in (*_REQUIRED, "path", "sha256") and not isinstance(value, str)
    ]
    name, role, checksum = (table.get(key) for key in ("name", "role", "sha256"))
    if isinstance(name, str) and not is_folder_name(name):
        wrong.append(f"{name!r} can't be the name of a folder")
    if isinstance(role, str) and role not in _ROLES:
        wrong.append(f"role must be one of {', '.join(_ROLES)}, not {role!r}")
    if isinstance(checksum, str) and not re.fullmatch("([0-9a-fA-F]{64})?", checksum):
        wrong.append("sha256 must be 64 hexadecimal digits or empty")
    part = table.get("frames")
    if part is not None and not (
        isinstance(part, list)
        and len(part) == 2
        and all(isinstance(at, int) and not isinstance(at, bool) for at in part)
        and 0 <= part[0] < part[1]
    ):
        wrong.append(f"frames must be [start, stop] with 0 <= start < stop, not {part!r}")
    problems += [f"{where}: {sentence}" for sentence in wrong]
    if wrong:
        return None
    return Episode(
        name=table["name"],
        path=folder / table["path"] if table.get("path") else None,
        role=table["role"],
        source=table["source"],
        license=table["license"],
        sha256=table.get("sha256", "").lower(),
        frames=None if part is None else (part[0], part[1]),
    )


def is_folder_name(name: str) -> bool:
    """Whether `name` can be a folder's on every system."""
    return _NAME.fullmatch(name) is not None and name.strip(". ") == name
