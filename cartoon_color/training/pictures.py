"""Which pictures a training sees, and which ones it is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cartoon_color.dataset.extracted import has_pictures, list_pictures
from cartoon_color.dataset.manifest import Manifest, Role, two_roles
from cartoon_color.errors import InputError, SettingsError

Datasets = Sequence[tuple[Manifest, Path]]
"""Manifests, each with the folder that `cartoon-color extract` filled from it."""


def find_pictures(datasets: Datasets) -> tuple[list[Path], list[Path]]:
    """Pictures of the training episodes, and of the validation episodes.

    Raises:
        SettingsError: A film or a folder of pictures has two roles, if in two manifests; or no episode is for training.
        InputError: Episodes have not been extracted; names all of them, and where to get them.
    """
    shared = two_roles([episode for manifest, _ in datasets for episode in manifest.episodes]) + _two_roles(datasets)
    if shared:
        raise SettingsError("the manifests can't be used together: " + "; ".join(shared))
    if not any(manifest.of_role("train") for manifest, _ in datasets):
        names = " and ".join(manifest.name for manifest, _ in datasets)
        raise SettingsError(f"no episode of {names} has the role train; give it to those to learn from")
    missing = [
        f"{episode.name} in {folder}" + (f" (from: {episode.source})" if episode.source else "")
        for manifest, folder in datasets
        for episode in manifest.of_role("train", "validation")
        if not has_pictures(folder, episode.name)
    ]
    if missing:
        raise InputError(
            f"these episodes are not extracted, or not to their ends: {'; '.join(missing)}; "
            "extract them first: cartoon-color extract --manifest MANIFEST --out DATASET"
        )
    return _of_role(datasets, "train"), _of_role(datasets, "validation")


def _two_roles(datasets: Datasets) -> list[str]:
    """A sentence for each folder of pictures that manifests give different roles, whatever films they name."""
    roles: dict[Path, list[Role]] = {}
    for manifest, folder in datasets:
        for episode in manifest.episodes:
            roles.setdefault(folder.resolve() / "frames" / episode.name, []).append(episode.role)
    return [
        f"the pictures in {place} have the roles {' and '.join(sorted(set(found)))}; give them one"
        for place, found in roles.items()
        if len(set(found)) > 1
    ]


def _of_role(datasets: Datasets, role: Role) -> list[Path]:
    return [
        picture
        for manifest, folder in datasets
        for picture in list_pictures(folder, [episode.name for episode in manifest.of_role(role)])
    ]


def describe(manifest: Manifest) -> list[dict[str, str]]:
    """The training episodes of a show, for the checkpoint."""
    return [
        {"name": episode.name, "license": episode.license, "source": episode.source}
        for episode in manifest.of_role("train")
    ]
