"""Welsh, Ashikhmin and Mueller 2002, "Transferring Color to Greyscale Images" (thesis section 3.2).

As in the paper: luminance remapping, 200 jittered samples of the reference, matching by luminance and its standard
deviation in 5x5 neighborhoods, half each; and swatches, of 50 samples each, whose colored pixels then color the rest by
the L2 distance of their neighborhoods. Different: a, b of CIELAB and its L* stand for the paper's l, alpha, beta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cartoon_color.color import luma_of_rgb, luma_to_lightness, rgb_to_lab
from cartoon_color.errors import SettingsError
from cartoon_color.frames import RGB, Chroma

NEIGHBORHOOD = 5
SAMPLES = 200
SWATCH_SAMPLES = 50

_Float = NDArray[np.float32]
Box = tuple[slice, slice]
"""Rows and columns of a rectangle, each with a start and a stop."""


@dataclass(frozen=True, slots=True)
class Swatch:
    """A rectangle of the black-and-white picture, and the rectangle of the reference that has its color."""

    target: Box
    source: Box


def transfer_color(luma: NDArray[np.uint8], reference: RGB, seed: int = 0, samples: int = SAMPLES) -> Chroma:
    """Color a picture like a reference (the paper's general procedure, section 3.1).

    Args:
        luma: (H, W) uint8, full range.
        reference: (h, w, 3) uint8, of any size.
        seed: of the jitter.
        samples: taken from the reference, one a cell of a grid.

    Returns:
        (H, W, 2) float32, CIELAB a, b.
    """
    target = _lightness(luma)
    source, ab = _lightness_and_color(reference)
    rng = np.random.default_rng(seed)
    return _match(_statistics(target), *_sample(_remap(source, target), ab, samples, rng))


def transfer_swatches(
    luma: NDArray[np.uint8], reference: RGB, swatches: Sequence[Swatch], seed: int = 0, samples: int = SWATCH_SAMPLES
) -> Chroma:
    """Color a picture with the help of swatches (the paper's section 3.2).

    Args:
        luma: (H, W) uint8, full range.
        reference: (h, w, 3) uint8, of any size.
        swatches: pairs of rectangles; luminance is remapped from each one's source to its target.
        seed: of the jitter.
        samples: taken from each swatch, in the reference, and once more in the colored picture.

    Returns:
        (H, W, 2) float32, CIELAB a, b.

    Raises:
        SettingsError: if there are no swatches, or a rectangle is empty or reaches out of its picture.
    """
    if not swatches:
        raise SettingsError("coloring by swatches needs at least one swatch; give one, or color by the whole reference")
    for swatch in swatches:
        _check(swatch.target, luma.shape, "black-and-white picture")
        _check(swatch.source, reference.shape, "reference")
    target, deviation = _lightness(luma), _deviation(_lightness(luma))
    source, ab = _lightness_and_color(reference)
    rng = np.random.default_rng(seed)
    patches = _neighborhoods(target)
    result = np.zeros((*luma.shape, 2), np.float32)
    known, colors = [], []
    for swatch in swatches:
        statistics = np.stack([target[swatch.target], deviation[swatch.target]], axis=-1)
        remapped = _remap(source[swatch.source], target[swatch.target])
        result[swatch.target] = _match(statistics, *_sample(remapped, ab[swatch.source], samples, rng))
        rows, columns = _jittered(result[swatch.target].shape, samples, rng)
        known.append(patches[swatch.target][rows, columns])
        colors.append(result[swatch.target][rows, columns])
    everywhere = _match(patches, np.concatenate(known), np.concatenate(colors))
    for swatch in swatches:
        everywhere[swatch.target] = result[swatch.target]
    return everywhere


def _check(box: Box, shape: tuple[int, ...], where: str) -> None:
    for part, size in zip(box, shape[:2], strict=True):
        if not 0 <= part.start < part.stop <= size:
            raise SettingsError(
                f"a swatch of {part.start}..{part.stop} doesn't lie in the {where}, which has 0..{size}; "
                "give a start below its stop, both within"
            )


def _lightness(luma: NDArray[np.uint8]) -> _Float:
    return luma_to_lightness(luma, 8, "full")


def _lightness_and_color(reference: RGB) -> tuple[_Float, Chroma]:
    """L* of the gray that a black-and-white copy of the reference would show, and a, b of its color."""
    return _lightness(luma_of_rgb(reference, "bt601")), rgb_to_lab(reference)[..., 1:]


def _deviation(lightness: _Float) -> _Float:
    """Standard deviation within 5x5, mirrored at the border."""
    centered = lightness.astype(np.float64) - lightness.mean()
    mean, square = (
        cv2.blur(value, (NEIGHBORHOOD, NEIGHBORHOOD), borderType=cv2.BORDER_REFLECT_101)
        for value in (centered, centered**2)
    )
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)), np.float32)


def _statistics(lightness: _Float) -> _Float:
    return np.stack([lightness, _deviation(lightness)], axis=-1)


def _remap(source: _Float, target: _Float) -> _Float:
    """`source`, shifted and scaled to the mean and the standard deviation of `target` (Hertzmann et al. 2001)."""
    spread = source.std()
    scale = target.std() / spread if spread > 0 else 1.0
    return np.asarray((source - source.mean()) * scale + target.mean(), np.float32)


def _jittered(shape: tuple[int, ...], samples: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], ...]:
    """Rows and columns of about `samples` pixels, a random one in each cell of a grid."""
    height, width = shape[:2]
    down = min(height, max(1, round(float(np.sqrt(samples * height / width)))))
    across = min(width, max(1, round(samples / down)))
    row, column = np.meshgrid(np.arange(down), np.arange(across), indexing="ij")
    jitter = rng.random((2, down, across))
    return (
        ((row + jitter[0]) * height / down).astype(np.intp).ravel(),
        ((column + jitter[1]) * width / across).astype(np.intp).ravel(),
    )


def _sample(lightness: _Float, ab: Chroma, samples: int, rng: np.random.Generator) -> tuple[_Float, Chroma]:
    """Statistics (S, 2) and colors (S, 2) of jittered samples."""
    chosen = _jittered(lightness.shape, samples, rng)
    return _statistics(lightness)[chosen], ab[chosen]


def _neighborhoods(lightness: _Float) -> _Float:
    """(H, W) to the 25 values around each pixel, (H, W, 25), mirrored at the border."""
    padded = np.pad(lightness, NEIGHBORHOOD // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (NEIGHBORHOOD, NEIGHBORHOOD))
    return windows.reshape(*lightness.shape, -1)


def _match(features: _Float, known: _Float, colors: Chroma) -> Chroma:
    """To each of `features` (..., F) the color (S, 2) of the nearest of `known` (S, F).

    Two features, luminance and deviation, are halves of one error, so their differences add up; in neighborhoods they
    add up squared.
    """
    norm = 1 if features.shape[-1] == 2 else 2
    _, index = cKDTree(known).query(features.reshape(-1, features.shape[-1]), p=norm)
    return np.asarray(colors[index]).reshape(*features.shape[:-1], 2)
