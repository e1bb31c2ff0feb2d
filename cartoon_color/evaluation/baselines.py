"""What any colorization has to beat: colorings that need no network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import luma_of_rgb, luma_to_lightness, rgb_to_lab
from cartoon_color.dataset.extracted import read_picture, thin_out
from cartoon_color.frames import Chroma
from cartoon_color.scaling import squeeze
from cartoon_color.transfer.references import gray_descriptor, nearest

MOST_PICTURES = 1024
"""Of the training set; more are thinned out."""

Baseline = Callable[[NDArray[np.uint8]], Chroma]
"""From luma (H, W), BT.601 in 8 bits, full range, to a, b (H, W, 2)."""

_SIZE = 128


class TrainingSet:
    """The colors of the training episodes, learned from their extracted pictures."""

    def __init__(self, pictures: Sequence[Path]) -> None:
        chosen = thin_out(pictures, MOST_PICTURES)
        total, count, descriptors, chroma = np.zeros((101, 2)), np.zeros(101), [], []
        for path in chosen:
            rgb = squeeze(read_picture(path), _SIZE)
            luma = luma_of_rgb(rgb, "bt601")
            level = np.rint(luma_to_lightness(luma, 8, "full")).astype(int).ravel()
            ab = np.asarray(rgb_to_lab(rgb)[..., 1:], np.float32)
            count += np.bincount(level, minlength=101)
            for channel in range(2):
                total[:, channel] += np.bincount(level, ab[..., channel].ravel(), 101)
            descriptors.append(gray_descriptor(luma))
            chroma.append(ab.astype(np.float16))
        self._mean = (total.sum(axis=0) / count.sum()).astype(np.float32)
        known = np.flatnonzero(count)
        by_level = total[known] / count[known, None]
        levels = [np.interp(np.arange(101), known, by_level[:, channel]) for channel in range(2)]
        self._by_level = np.stack(levels, axis=-1).astype(np.float32)
        self._descriptors, self._chroma = np.stack(descriptors), chroma

    def mean(self, luma: NDArray[np.uint8]) -> Chroma:
        """The mean a, b of all pixels."""
        return np.broadcast_to(self._mean, (*luma.shape, 2)).copy()

    def mean_by_lightness(self, luma: NDArray[np.uint8]) -> Chroma:
        """The mean a, b of the pixels of the same L*, rounded."""
        level = np.rint(luma_to_lightness(luma, 8, "full")).astype(int)
        return np.asarray(self._by_level[level])

    def nearest_frame(self, luma: NDArray[np.uint8]) -> Chroma:
        """a, b of the picture whose gray looks most alike (`transfer.references`)."""
        found = nearest(gray_descriptor(luma), self._descriptors, 1)[0]
        return np.asarray(cv2.resize(self._chroma[found].astype(np.float32), luma.shape[::-1]))


def gray(luma: NDArray[np.uint8]) -> Chroma:
    """No color."""
    return np.zeros((*luma.shape, 2), np.float32)


def baselines(pictures: Sequence[Path]) -> dict[str, Baseline]:
    """The baselines by name; without training pictures, gray alone."""
    if not pictures:
        return {"gray": gray}
    known = TrainingSet(pictures)
    return {
        "gray": gray,
        "mean a, b": known.mean,
        "mean a, b for this L": known.mean_by_lightness,
        "nearest training frame": known.nearest_frame,
    }
