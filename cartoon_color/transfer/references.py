"""Which colored pictures a black-and-white one is given as references: those whose gray looks most alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import luma_to_lightness
from cartoon_color.scaling import squeeze

DESCRIPTOR_SIZE = 16


def gray_descriptor(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a black-and-white picture looks like from afar: its L*, shrunk to 16x16, as (256,) float32.

    Args:
        luma: (H, W) uint8, full range.
    """
    return squeeze(luma_to_lightness(luma, 8, "full"), DESCRIPTOR_SIZE).ravel()


def nearest(descriptor: NDArray[np.float32], others: NDArray[np.float32], number: int) -> NDArray[np.intp]:
    """The `number` nearest of `others` (N, 256) to `descriptor` (256,), by Euclidean distance, nearest first.

    The thesis chose references by hand; this is the repeatable choice in its place. Fewer than N come back where N
    is smaller than `number`.
    """
    distance = np.linalg.norm(others - descriptor, axis=1)
    return np.argsort(distance, kind="stable")[:number]


def evenly_spaced(total: int, number: int) -> Sequence[int]:
    """At most `number` of the indices 0..total-1, from the middles of as many equal parts."""
    number = min(number, total)
    return [(2 * part + 1) * total // (2 * number) for part in range(number)]
