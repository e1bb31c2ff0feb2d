"""A drawn show of three extracted episodes, for tests of training."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.dataset.manifest import Episode, Manifest

EPISODES = (
    Episode("first", None, "train", "drawn here", "CC0"),
    Episode("second", None, "train", "drawn there", "MIT"),
    Episode("third", None, "validation", "drawn", "CC0"),
    Episode("fourth", None, "test", "never extracted"),
)
MANIFEST = Manifest("drawn", None, EPISODES)
TRAINING_ONLY = Manifest("drawn", None, EPISODES[:2])
PICTURES = {"first": range(5), "second": range(5, 8), "third": range(2, 4)}
"""Numbers of the drawings, by episode."""


def drawing(number: int, size: int = 48) -> NDArray[np.uint8]:
    """A red disk on a blue ground, with a line: (size, size, 3) RGB."""
    picture = np.full((size, size, 3), (90, 140, 220), np.uint8)
    cv2.circle(picture, (12 + 3 * number, 20), 9, (210, 60, 40), -1)
    cv2.line(picture, (0, 30 + number), (size, 34), (20, 20, 20), 2)
    return picture


def write_pictures(folder: Path) -> Path:
    """A folder as `extract` leaves it."""
    for episode, numbers in PICTURES.items():
        pictures = folder / "frames" / episode
        pictures.mkdir(parents=True)
        for number in numbers:
            cv2.imwrite(str(pictures / f"{number:06}.png"), drawing(number)[..., ::-1])
        index = folder / "index" / f"{episode}.json"
        index.parent.mkdir(exist_ok=True)
        index.write_text("{}")
    return folder
