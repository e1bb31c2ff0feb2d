"""Which colored pictures a black-and-white one is given as references: those whose gray looks most alike.

The thesis chose them by hand (section 8.3); this is a repeatable choice in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import luma_of_rgb, luma_to_lightness
from cartoon_color.dataset.extracted import read_picture
from cartoon_color.frames import RGB
from cartoon_color.scaling import squeeze
from cartoon_color.transfer.deshpande import EXAMPLES, MATCHES, Example

DESCRIPTOR_SIZE = 16


def gray_descriptor(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a black-and-white picture looks like from afar: its L*, shrunk to 16x16, as (256,) float32.

    Args:
        luma: (H, W) uint8, full range.
    """
    return squeeze(luma_to_lightness(luma, 8, "full"), DESCRIPTOR_SIZE).ravel()


def nearest(descriptor: NDArray[np.float32], others: NDArray[np.float32], number: int) -> NDArray[np.intp]:
    """Which of `others` (N, 256) are nearest to `descriptor` (256,) by Euclidean distance, nearest first; at most N."""
    distance = np.linalg.norm(others - descriptor, axis=1)
    return np.argsort(distance, kind="stable")[:number]


def evenly_spaced(total: int, number: int) -> list[int]:
    """At most `number` of the indices 0..total-1: the middles of as many equal parts."""
    number = min(number, total)
    return [(2 * part + 1) * total // (2 * number) for part in range(number)]


class References:
    """Colored pictures to choose from."""

    def __init__(self, pictures: Sequence[Path], progress: Callable[[], None] | None = None) -> None:
        """Look at all pictures once.

        Args:
            pictures: in folders named like their episodes.
            progress: called after each.
        """
        self.pictures = pictures
        descriptors = []
        for path in pictures:
            descriptors.append(gray_descriptor(luma_of_rgb(read_picture(path), "bt601")))
            if progress is not None:
                progress()
        self._descriptors = np.stack(descriptors)
        self._episodes = np.array([path.parent.name for path in pictures])

    def of(self, luma: NDArray[np.uint8], number: int = MATCHES) -> list[RGB]:
        """The pictures nearest to a black-and-white one (H, W), nearest first."""
        return self._read(nearest(gray_descriptor(luma), self._descriptors, number))

    def examples(self, number: int = EXAMPLES) -> list[Example]:
        """Evenly spaced pictures, each with its nearest from other episodes.

        Its own episode, where almost the same picture comes before and after, would teach to copy references blindly;
        it serves only if there is no other.
        """
        examples = []
        for position in evenly_spaced(len(self.pictures), number):
            others = np.flatnonzero(self._episodes != self._episodes[position])
            if not len(others):
                others = np.delete(np.arange(len(self.pictures)), position)
            found = nearest(self._descriptors[position], self._descriptors[others], MATCHES)
            examples.append(Example(read_picture(self.pictures[position]), self._read(others[found])))
        return examples

    def _read(self, positions: NDArray[np.intp]) -> list[RGB]:
        return [read_picture(self.pictures[position]) for position in positions]
