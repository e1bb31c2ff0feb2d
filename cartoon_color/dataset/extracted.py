"""The pictures that an extraction left: which there are, and what they show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from cartoon_color.errors import InputError
from cartoon_color.frames import RGB


def list_pictures(dataset: Path, episodes: Sequence[str]) -> list[Path]:
    """The extracted pictures of some episodes, in order; InputError where an episode has none, or not yet all."""
    for episode in episodes:
        if not has_pictures(dataset, episode):
            raise InputError(
                f"there are no pictures of the episode {episode!r} in {dataset}, or not yet all; "
                "extract it first: cartoon-color extract --manifest MANIFEST --out DATASET"
            )
    return [picture for episode in episodes for picture in sorted((dataset / "frames" / episode).glob("*.png"))]


def has_pictures(dataset: Path, episode: str) -> bool:
    """Whether an episode has been extracted to its end."""
    finished = (dataset / "index" / f"{episode}.json").is_file()  # written last
    return finished and any((dataset / "frames" / episode).glob("*.png"))


def read_picture(path: Path) -> RGB:
    """One extracted picture, (H, W, 3) uint8."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InputError(f"{path} can't be read as a picture; delete its episode's index and extract it again")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def thin_out(pictures: Sequence[Path], most: int) -> Sequence[Path]:
    """At most so many of them, evenly, since neighbors show nearly the same."""
    return pictures[:: -(-len(pictures) // most)]
