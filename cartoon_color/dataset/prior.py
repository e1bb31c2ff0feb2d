"""How often each color is met in a show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cartoon_color import color
from cartoon_color.dataset.extracted import read_picture, thin_out
from cartoon_color.dataset.loader import example

MOST_PICTURES = 4096
"""More are thinned out."""

_REACH = 120
"""Colors are counted at whole a and b within this; 8-bit pictures are no finer."""


def color_prior(pictures: Sequence[Path]) -> NDArray[np.float32]:
    """Share of the pixels, at the network's output size, whose nearest ab bin is each of the 313 (thesis section 5.3).

    Returns:
        (313,), sums to 1.
    """
    chosen = thin_out(pictures, MOST_PICTURES)
    whole = np.arange(-_REACH, _REACH + 1, dtype=np.float32)
    counts = np.zeros((len(whole), len(whole)))
    for path in chosen:
        a, b = (example(read_picture(path), None)[1].numpy().clip(-_REACH, _REACH) + _REACH).round().astype(int)
        np.add.at(counts, (a.ravel(), b.ravel()), 1)
    nearest = color.encode_bins(np.stack(np.meshgrid(whole, whole, indexing="ij"), axis=-1))[0][..., 0]
    prior = np.bincount(nearest.ravel(), counts.ravel(), len(color.AB_BINS))
    return np.asarray(prior / prior.sum(), np.float32)
