"""The labels of a drawn episode, which tell its regions exactly."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.errors import InputError
from cartoon_color.toyshow.truth import EpisodeTruth, load_truth


class DrawnLabels:
    """Which drawn part every pixel of a frame shows; a part keeps its label through the whole show."""

    def __init__(self, path: Path, truth: EpisodeTruth) -> None:
        self.count = len(truth.parts)
        self._path, self._truth = path, truth

    def at(self, frame: int, size: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.int32]:
        """(height, width), 0 = line art.

        Args:
            frame: Number of the frame.
            size: Width and height that are wanted; the nearest pixel is taken.
            shape: (H, W) of the film.

        Raises:
            InputError: The film isn't the one that was drawn with these labels.
        """
        if frame >= len(self._truth.drawing) or shape != self._truth.labels.shape[1:]:
            raise InputError(
                f"{self._path} is of another film; draw the show again with toyshow, or move the file away"
            )
        return np.asarray(cv2.resize(self._truth.labels_at(frame), size, interpolation=cv2.INTER_NEAREST), np.int32)


def find_labels(film: Path) -> DrawnLabels | None:
    """What `toyshow` wrote beside a film that it drew (NAME.truth.json beside NAME.color.mkv), if it is there."""
    path = film.with_name(film.name.removesuffix(".color.mkv") + ".truth.json")
    return DrawnLabels(path, load_truth(path)) if path.is_file() else None
