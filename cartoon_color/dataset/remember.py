"""From the pictures of color episodes to the memory of a show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from cartoon_color.checkpoint import Checkpoint
from cartoon_color.color import luma_of_rgb, rgb_to_lab
from cartoon_color.dataset.extracted import list_pictures, read_picture
from cartoon_color.dataset.index import EpisodeFiles, read_fingerprint, read_rows
from cartoon_color.device import fast_dtype
from cartoon_color.errors import InputError
from cartoon_color.frames import RGB, Chroma, Frame
from cartoon_color.memory import Memory
from cartoon_color.memory.making import joined, joined_looks, make, merged
from cartoon_color.memory.recall import Entries, Looks
from cartoon_color.regions import Labels
from cartoon_color.regions.vote import mean_in
from cartoon_color.scaling import squeeze
from cartoon_color.stages.colorize import Colorize
from cartoon_color.stages.follow import FollowRegions
from cartoon_color.stages.motion import small_size
from cartoon_color.variants.folding import fold

_LEAST = 20
"""Pixels of the inner part of a region that is remembered."""


def remember(
    dataset: Path,
    show: str,
    episodes: Sequence[str],
    checkpoint: Checkpoint,
    device: torch.device,
    *,
    known: Memory | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Memory:
    """A memory of all drawings of extracted episodes; of dissolves, which show two of them, there is none.

    Args:
        dataset: Folder that extract filled.
        show: Its name.
        episodes: Those to look at.
        checkpoint: The network that describes regions.
        device: Where it runs.
        known: A memory that these are added to; what it has of episodes of these names is kept, and they are not
            looked at again.
        progress: Called with the pictures done, and in all.

    Raises:
        InputError: An episode isn't extracted, or no region is found.
        WeightsError: The network can't describe regions.
    """
    names = [] if known is None else list(known.episodes)
    new = [episode for episode in episodes if episode not in names]
    parts = [] if known is None else [known.entries]
    looks = [] if known is None else [known.looks]
    total = sum(len(_drawings(dataset, episode)) for episode in new)
    done = 0
    for episode in new:
        regions: list[Entries] = []
        for frame, rgb in _described(dataset, episode, checkpoint, device):
            at = np.array([len(names)], np.int32), np.array([frame.shot], np.int32)
            assert frame.description is not None
            looks.append(Looks(frame.description.look[None], *at))
            regions += _regions(frame, rgb, *at)
            done += 1
            if progress is not None:
                progress(done, total)
        names.append(episode)
        looks = [joined_looks(looks)]
        if regions:
            parts = [merged(joined([*parts, *regions]))]
    if not parts:
        raise InputError(
            f"there is nothing to remember of {show}: its pictures show no regions; give episodes with drawings"
        )
    return make(show, names, checkpoint.sha256, parts[0], looks[0])


def _described(
    dataset: Path, episode: str, checkpoint: Checkpoint, device: torch.device
) -> Iterator[tuple[Frame, RGB]]:
    """The pictures of an episode in their order, as a black-and-white film has them and in color, at the size at which
    its drawings will be looked at: lines and small parts come out otherwise at another."""
    model = fold(checkpoint.model).to(device)
    size = model.settings.input_size
    colorize = Colorize(
        model.describe, size=size, bit_depth=8, color_range="full", device=device, dtype=fast_dtype(device)
    )
    files = EpisodeFiles(dataset, episode)
    film: dict[str, int] = read_fingerprint(files.fingerprint) or {}
    waiting: list[RGB] = []

    def frames() -> Iterator[Frame]:
        for index, shot in _drawings(dataset, episode).items():
            rgb = read_picture(files.picture(index))
            shape = film.get("height", int(rgb.shape[0])), film.get("width", int(rgb.shape[1]))
            waiting.append(_resized(rgb, small_size(shape)))
            gray = luma_of_rgb(squeeze(rgb, size), "bt601")
            yield Frame(gray, index, Fraction(1), index, shot=shot)

    for frame in colorize(frames()):
        rgb = waiting.pop(0)
        yield frame.with_(luma=luma_of_rgb(rgb, "bt601")), rgb


def _drawings(dataset: Path, episode: str) -> dict[int, int]:
    """The shots of an episode's pictures, by their frames, without those of dissolves."""
    pictures = {int(path.stem) for path in list_pictures(dataset, [episode])}
    rows = read_rows(EpisodeFiles(dataset, episode).rows)
    return {row.index: row.shot for row in rows if row.index in pictures and not row.mixed}


def _resized(rgb: RGB, size: tuple[int, int]) -> RGB:
    """At another width and height."""
    method = cv2.INTER_AREA if size[0] * size[1] < rgb.shape[0] * rgb.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)


def _regions(frame: Frame, rgb: RGB, episode: NDArray[np.int32], shot: NDArray[np.int32]) -> list[Entries]:
    """The regions of a drawing; an empty list if it shows none."""
    found = FollowRegions(bit_depth=8, color_range="full")(frame, None)
    if found.regions is None or frame.description is None:
        return []
    labels, inner = found.regions.labels, found.regions.inner
    lab = rgb_to_lab(rgb)
    kept = np.flatnonzero(np.bincount(labels[inner], minlength=len(found.lightness)) >= _LEAST)
    if not len(kept):
        return []
    return [
        Entries(
            mean_in(labels, inner, frame.description.features.astype(np.float32))[kept],
            found.lightness[kept],
            _medians(labels, inner, lab[..., 1:])[kept],
            np.asarray(found.regions.area[kept] / labels.size, np.float32),
            np.repeat(episode, len(kept)),
            np.repeat(shot, len(kept)),
        )
    ]


def _medians(labels: Labels, inner: NDArray[np.bool_], ab: Chroma) -> NDArray[np.float32]:
    """Median a, b of the inner pixels of each region, (n + 1, 2)."""
    order = np.argsort(labels[inner], kind="stable")
    regions, colors = labels[inner][order], ab[inner][order]
    medians = np.zeros((int(labels.max()) + 1, 2), np.float32)
    numbers, starts = np.unique(regions, return_index=True)
    for number, part in zip(numbers, np.split(colors, starts[1:]), strict=True):
        medians[number] = np.median(part, axis=0)
    return medians
