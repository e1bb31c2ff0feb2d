"""Studies: what a configuration of `pipelines/` asks for, checked, for the Snakefile and for `reproduce`.

manifest: ../../datasets/show.toml   # of the show; relative to the configuration
films: /media/show                   # folder of its films, relative likewise; by default the manifest's own
toyshow: {seconds: 20}               # options of `toyshow`, which then draws the films
variants:                            # what to train; under each the options of `train` that are its own
  plain:
  residual: {batch: 8}
ensembles:                           # the variants whose mean each one is
  mean: [plain, residual]
refined:                             # a variant or an ensemble with options of `render` that refine or smooth its films
  plain-regiongrow: {of: plain, refine: regiongrow}
  plain-tracks: {of: plain, smooth: tracks}
extract: {deinterlace: true}         # options of commands, without the dashes; true for one that takes no value
train: {epochs: 30}
render: {}
evaluate: {}
transfer: {images: 20}               # left out: no comparison with classical methods
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cartoon_color.dataset.manifest import Manifest, check_films, is_folder_name, load_manifest
from cartoon_color.errors import SettingsError

_COMMANDS = ("extract", "train", "render", "evaluate", "transfer")
_KEYS = ("manifest", "films", "toyshow", "variants", "ensembles", "refined", *_COMMANDS)

DRAWN_FILMS = Path("show")
"""Where `toyshow` draws; in the folder of the study."""


@dataclass(frozen=True, slots=True)
class Study:
    """A show, and what to do with it."""

    manifest: Path
    show: Manifest
    variants: Mapping[str, Mapping[str, Any]]
    """Options of `train` that are a variant's own, by its name."""
    members: Mapping[str, tuple[str, ...]]
    """Whatever colors films, with its variants: each variant, each ensemble, and what is refined of them."""
    refined: Mapping[str, Mapping[str, Any]]
    """Options of `render` that are a refined film's own, by its name."""
    options: Mapping[str, Mapping[str, Any]]
    """Of commands, by their names; those of `transfer` and `toyshow` are there only if the command is wanted."""

    @property
    def drawn(self) -> bool:
        """Whether the films are drawn by the study itself."""
        return "toyshow" in self.options

    def film(self, episode: str) -> str:
        """Path of an episode's film."""
        return next(str(known.path) for known in self.show.episodes if known.name == episode)

    def words(self, command: str, name: str = "") -> list[str]:
        """The options of a command, as words of a command line; those of a variant or a refined film replace all's."""
        own = {"train": self.variants, "render": self.refined}.get(command, {}).get(name, {})
        words = []
        for option, value in {**self.options[command], **own}.items():
            if value is not False:
                words += [f"--{option}"] if value is True else [f"--{option}", str(value)]
        return words


def read_study(content: Mapping[str, Any], folder: Path) -> Study:
    """What a configuration, read from a file in `folder`, asks for.

    Raises:
        SettingsError: if it, or its manifest, says wrong things; lists all of them.
        InputError: if the manifest or films are missing; says where to get them.
    """
    problems = [f"unknown key {key}; allowed are {', '.join(_KEYS)}" for key in content if key not in _KEYS]
    problems += [
        f"{key} must be the path of a {'file' if key == 'manifest' else 'folder'}, not {content[key]!r}"
        for key in ("manifest", "films")
        if not isinstance(content.get(key, "" if key == "films" else None), str)
    ]
    variants = {str(name): _options(name, own, problems) for name, own in _table("variants", content, problems).items()}
    if not variants:
        problems.append("variants must name at least one variant to train")
    members: dict[str, tuple[str, ...]] = {name: (name,) for name in variants}
    for name, names in _table("ensembles", content, problems).items():
        if name in variants or not is_folder_name(str(name)):
            problems.append(f"ensembles: {name!r} is a variant's name, or none for a file; choose another")
        elif not isinstance(names, list) or len(names) < 2 or not all(member in variants for member in names):
            problems.append(f"ensembles: {name} must be two or more of {', '.join(variants)}, not {names!r}")
        else:
            members[name] = tuple(names)
    refined = _refined(content, members, problems)
    options = {key: _options(key, content[key], problems) for key in (*_COMMANDS, "toyshow") if key in content}
    if problems:
        raise SettingsError("the configuration of the study is wrong: " + "; ".join(problems))
    manifest = (folder / content["manifest"]).resolve()
    films = content.get("films")
    show = load_manifest(manifest, DRAWN_FILMS if "toyshow" in options else None if films is None else folder / films)
    missing = [role for role in ("train", "test") if not show.of_role(role)]
    if missing:
        raise SettingsError(
            f"the manifest {manifest} has no episode of the role {' or '.join(missing)}; a study needs both"
        )
    if "toyshow" not in options:
        check_films(show.episodes)
    options = {key: {} for key in ("extract", "train", "render", "evaluate")} | options
    return Study(manifest, show, variants, members, refined, options)


def _refined(
    content: Mapping[str, Any], members: dict[str, tuple[str, ...]], problems: list[str]
) -> Mapping[str, Mapping[str, Any]]:
    """The own options of each refined film; its variants are added to `members`."""
    refined, known = {}, dict(members)
    for name, table in _table("refined", content, problems).items():
        own = dict(_options(f"refined: {name}", table, problems))
        of = own.pop("of", None)
        if name in known or not is_folder_name(str(name)):
            problems.append(f"refined: {name!r} is another film's name, or none for a file; choose another")
        elif of not in known:
            problems.append(f"refined: {name} must be of one of {', '.join(known)}, not {of!r}")
        elif not own.keys() & {"refine", "smooth"}:
            problems.append(f"refined: {name} must say how, as refine: regiongrow, or smooth: tracks")
        else:
            refined[name], members[name] = own, known[of]
    return refined


def _table(key: str, content: Mapping[str, Any], problems: list[str]) -> Mapping[str, Any]:
    table = content.get(key) or {}
    if not isinstance(table, Mapping):
        problems.append(f"{key} must be a table, not {table!r}")
        return {}
    return table


def _options(name: str, table: Any, problems: list[str]) -> Mapping[str, Any]:
    if table is None:
        return {}
    if not isinstance(table, Mapping) or not all(isinstance(value, str | int | float) for value in table.values()):
        problems.append(f"{name} must be a table of options with texts, numbers, true or false, not {table!r}")
        return {}
    return {str(option): value for option, value in table.items()}
