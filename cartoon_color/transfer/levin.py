"""Levin, Lischinski and Weiss 2004, "Colorization Using Optimization" (thesis section 3.1).

Color spreads from scribbles so that every pixel's is the weighted mean of its neighbors', where neighbors of like
luminance weigh more (the paper's eqs. 1 and 2). As in the authors' program, eq. 1 is summed over the pixels without a
scribble, where it reaches zero; a, b of CIELAB stand for its U, V.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from cartoon_color.color import AB_BINS
from cartoon_color.errors import SettingsError
from cartoon_color.frames import Chroma

if TYPE_CHECKING:
    from cartoon_color.variants import Prediction

_REACH = 1
"""Neighbors are the 8 around a pixel."""
_VARIANCE_SHARE = 0.6
_LEAST_WEIGHT = 0.01
_LEAST_VARIANCE = 2e-6
"""From the authors' program: 2 sigma^2 is 0.6 times the variance of the window, and at least so much that the neighbor
most alike weighs 0.01 before weights are made to sum to 1."""


@dataclass(frozen=True, eq=False, slots=True)
class Scribbles:
    """Where the color of a picture is given, and what it is."""

    where: NDArray[np.bool_]
    """(H, W)."""
    ab: Chroma
    """(H, W, 2) CIELAB a, b; read only where there is a scribble."""


def spread_scribbles(luma: NDArray[np.uint8], scribbles: Scribbles) -> Chroma:
    """Color a picture from scribbles, which keep their color exactly.

    Args:
        luma: (H, W) uint8, full range.
        scribbles: of the same height and width.

    Returns:
        (H, W, 2) float32, CIELAB a, b.

    Raises:
        SettingsError: if there are no scribbles.
        ValueError: if shapes differ.
    """
    if scribbles.where.shape != luma.shape or scribbles.ab.shape != (*luma.shape, 2):
        raise ValueError(f"scribbles must fit {luma.shape = }, got {scribbles.where.shape = }, {scribbles.ab.shape = }")
    if not scribbles.where.any():
        raise SettingsError("there are no scribbles to color the picture from; give at least one")
    result = np.array(scribbles.ab, np.float64)
    fixed = scribbles.where.ravel()
    free = ~fixed
    if free.any():
        system = sparse.identity(luma.size, format="csr") - neighbor_weights(luma)
        rows = system[np.flatnonzero(free)]
        given = rows[:, np.flatnonzero(fixed)] @ result[scribbles.where]
        # No row outweighs its diagonal, so that it needs no pivoting; allowing it would take ten times longer.
        solver = splu(
            rows[:, np.flatnonzero(free)].tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        result[~scribbles.where] = solver.solve(-given)
    return result.astype(np.float32)


def neighbor_weights(luma: NDArray[np.uint8]) -> sparse.csr_array:
    """(N, N) float64: row r holds what each neighbor of the r-th pixel weighs (eq. 2); rows sum to 1."""
    side = 2 * _REACH + 1
    value = luma / 255.0
    index = np.pad(np.arange(luma.size).reshape(luma.shape), _REACH, constant_values=-1)
    windows, neighbors = (
        np.lib.stride_tricks.sliding_window_view(plane, (side, side)).reshape(luma.size, -1)
        for plane in (np.pad(value, _REACH), index)
    )
    inside = neighbors >= 0
    number = inside.sum(axis=1)
    mean = np.where(inside, windows, 0).sum(axis=1) / number
    variance = np.where(inside, (windows - mean[:, None]) ** 2, 0).sum(axis=1) / number
    others = inside & (neighbors != np.arange(luma.size)[:, None])
    square = (windows - value.reshape(-1, 1)) ** 2
    least = np.where(others, square, np.inf).min(axis=1)
    spread = np.maximum(np.maximum(_VARIANCE_SHARE * variance, -least / np.log(_LEAST_WEIGHT)), _LEAST_VARIANCE)
    weight = np.where(others, np.exp(-square / spread[:, None]), 0)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(luma.size), others.sum(axis=1))
    return sparse.csr_array((weight[others], (rows, neighbors[others])), shape=(luma.size, luma.size))


def confident_scribbles(prediction: Prediction, shape: tuple[int, int], reach: int = 2) -> Scribbles:
    """Single-pixel scribbles where a network is surest of a color (thesis section 8.4).

    A place of the network's output gets one if the probability of its most probable bin is the highest within `reach`
    places around; its color is that bin's, and it lies at the middle of the pixels that the place stands for.

    Args:
        prediction: of one picture, with logits.
        shape: height and width of the picture.
        reach: distance in places of the network's output.

    Raises:
        SettingsError: if the prediction has no logits.
        ValueError: if it is of several pictures.
    """
    if prediction.logits is None:
        raise SettingsError(
            "scribbles come from a distribution over ab bins, and this variant predicts a, b directly; choose another"
        )
    if len(prediction.logits) != 1:
        raise ValueError(f"scribbles are made for one picture, got {prediction.logits.shape = }")
    from skimage.feature import peak_local_max

    most, best = (plane.cpu().numpy() for plane in prediction.logits[0].float().softmax(dim=0).max(dim=0))
    peaks = peak_local_max(most, min_distance=reach, exclude_border=False)  # type: ignore[no-untyped-call]
    rows, columns = ((2 * peaks[:, axis] + 1) * shape[axis] // (2 * most.shape[axis]) for axis in (0, 1))
    where = np.zeros(shape, np.bool_)
    ab = np.zeros((*shape, 2), np.float32)
    where[rows, columns] = True
    ab[rows, columns] = AB_BINS[best[peaks[:, 0], peaks[:, 1]]]
    return Scribbles(where, ab)
