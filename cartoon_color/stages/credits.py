"""Credits: text on a plain background, told by the two main colors of the picture (thesis 4.1.3)."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.config import CreditsProfile
from cartoon_color.frames import RGB

_R, _G, _B = range(3)
_SEXTANTS = ((_R, _B), (_G, _B), (_G, _R), (_B, _R), (_B, _G), (_R, _G))
"""The greatest and the least channel of a color, for each 60 degrees of hue."""
_ROUNDS = 300
"""Of k-means at most; title cards take fewer than 10."""
_DIMMER = 0.98
"""A step of a fade dims at least by this factor; eq. 4.1 lets no smaller one through."""
_RESIDUAL = 3.0
"""Root mean square in codes by which a dimmed picture may differ from the one it was made from."""


@dataclass(frozen=True, slots=True)
class CreditsVerdict:
    """Whether a picture shows credits."""

    credits: bool
    confidence: float
    """How far the verdict is from the other one, 0..1.

    Each condition has a margin: the distance of the measured value from its limit, as a share of the farthest it can
    get on that side. For credits this is the smallest margin, since all conditions must hold; otherwise the margin of
    the condition missed by most. 1 if no two clusters of this picture could meet the conditions.
    """


def judge_credits(picture: RGB, profile: CreditsProfile) -> CreditsVerdict:
    """Whether `picture`, (H, W, 3) uint8, shows credits (thesis 4.1.3).

    Its pixels are split in two clusters by color. It shows credits when the larger has the color of the background and
    more than its share of the pixels, and the smaller has the color of the text. Value is ignored, so that faded
    credits count. A gray cluster has no hue, and passes as far as hue is concerned.
    """
    if not _can_be_credits(picture, profile):
        return CreditsVerdict(credits=False, confidence=1.0)
    background, text, share = two_clusters(picture)
    background_hue, background_saturation = _hue_saturation(background)
    text_hue, text_saturation = _hue_saturation(text)
    margins = [
        _within(background_hue, profile.background_hue),
        _at_least(background_saturation, profile.background_saturation, 0.0, 255.0),
        _within(text_hue, profile.text_hue),
        _at_least(-text_saturation, -profile.text_saturation, -255.0, 0.0),
        _at_least(share, profile.background_share, 0.5, 1.0),
    ]
    worst = min(margins)
    return CreditsVerdict(credits=worst >= 0 and share > profile.background_share, confidence=min(1.0, abs(worst)))


def two_clusters(picture: RGB) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The mean colors of the larger and the smaller of two k-means clusters, and the larger one's share of the pixels.

    Two fixed starts instead of random ones: a split across the main axis of the colors, and the color farthest from the
    mean against the rest; the tighter result counts.
    """
    # Equal pixels are one point with a weight: the same clusters, ten times sooner.
    codes = picture.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    found, counts = np.unique(codes, return_counts=True)
    colors = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.float64)
    weights = counts.astype(np.float64)
    centered = colors - weights @ colors / weights.sum()
    axis = np.linalg.eigh(centered.T * weights @ centered)[1][:, -1]
    farthest = centered[np.argmax((centered * centered).sum(axis=1))]
    starts = (centered @ axis > 0, centered @ farthest > farthest @ farthest / 2)
    _, one, other, share = min((_lloyd(colors, weights, start) for start in starts), key=lambda result: result[0])
    return (one, other, share) if share > 0.5 else (other, one, 1 - share)


def _lloyd(
    colors: NDArray[np.float64], weights: NDArray[np.float64], first: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64], float]:
    """k-means from a split of `colors`, until nothing changes: scatter, the two centers, share of the first."""
    for _ in range(_ROUNDS):
        mass, rest = weights * first, weights * ~first
        if not mass.any() or not rest.any():
            # A picture of one color has one cluster; it stands for both.
            mass = rest = weights
        one, other = mass @ colors / mass.sum(), rest @ colors / rest.sum()
        nearer = ((colors - one) ** 2).sum(axis=1) < ((colors - other) ** 2).sum(axis=1)
        if np.array_equal(nearer, first) or mass is rest:
            break
        first = nearer
    scatter = mass @ ((colors - one) ** 2).sum(axis=1) + rest @ ((colors - other) ** 2).sum(axis=1)
    return float(scatter), one, other, float(mass.sum() / weights.sum())


def _can_be_credits(picture: RGB, profile: CreditsProfile) -> bool:
    """False only if no cluster of `picture` can be the background; 0.4 ms, where looking for one takes 5 to 150.

    A saturation of at least s means that the least channel of the centroid is at most (1 - s/255) times the greatest.
    The cluster holds more than the background's share of the pixels, so its sum over the least channel is no less than
    the sum over that share of the darkest values, and its sum over the greatest no more than that over all pixels.
    """
    levels = np.arange(256)
    counts = [cv2.calcHist([picture], [channel], None, [256], [0, 256]).ravel() for channel in range(3)]
    needed = int(profile.background_share * (picture.shape[0] * picture.shape[1]))
    low, high = profile.background_hue
    for sextant, (greatest, least) in enumerate(_SEXTANTS):
        if 60 * sextant > high or 60 * (sextant + 1) < low:
            continue
        darkest = np.diff(np.minimum(np.cumsum(counts[least]), needed), prepend=0)
        bound = (1 - profile.background_saturation / 255) * float(counts[greatest] @ levels)
        # Sums are rounded, so a picture at the very limit is left to k-means; a black one has no background at all.
        if bound > 0 and float(darkest @ levels) <= 1.001 * bound:
            return True
    return False


def _hue_saturation(color: NDArray[np.float64]) -> tuple[float | None, float]:
    """Hue in degrees, None for gray, and saturation, 0..255, of an RGB color."""
    hue, saturation, _ = colorsys.rgb_to_hsv(*(color / 255).tolist())
    return (360 * hue if saturation > 0 else None), 255 * saturation


def _within(hue: float | None, limits: tuple[float, float]) -> float:
    """Margin of a hue, 1 in the middle of `limits`, -1 opposite."""
    if hue is None:
        return 1.0
    half = (limits[1] - limits[0]) / 2
    off = abs((hue - limits[0] - half + 180) % 360 - 180)
    return _at_least(-off, -half, -180.0, 0.0)


def _at_least(value: float, limit: float, lowest: float, highest: float) -> float:
    """Margin of a value, 0 at `limit`, 1 at `highest`, -1 at `lowest`."""
    return (value - limit) / ((highest - limit) if value >= limit else (limit - lowest))


def faded_beside_credits(pictures: Sequence[NDArray[np.uint8]], shows_credits: Sequence[bool], keep: int) -> set[int]:
    """Positions of pictures to leave out because they fade in or out beside credits (thesis 4.1.3).

    Walking away from the credits, pictures that are dimmed copies of the one before are the credits' own fade; all are
    left out. Then, pictures that are dimmed copies of the one after are the fade of the cartoon, which stays still
    meanwhile; `keep` of them, evenly spaced, are left in.

    Args:
        pictures: thumbnails (h, w, 3) of the kept frames, in order.
        shows_credits: for each, whether it shows credits.
        keep: how many to leave of a fade of the cartoon.
    """
    drop: set[int] = set()
    for position, is_credits in enumerate(shows_credits):
        for step in (-1, 1):
            if is_credits and 0 <= position + step < len(shows_credits) and not shows_credits[position + step]:
                drop |= _walk(pictures, shows_credits, position, step, keep)
    return drop


def _walk(
    pictures: Sequence[NDArray[np.uint8]], shows_credits: Sequence[bool], start: int, step: int, keep: int
) -> set[int]:
    end = -1 if step < 0 else len(pictures)
    at, own = start + step, set()
    while at != end and not shows_credits[at] and _is_dimmed(pictures[at], pictures[at - step]):
        own.add(at)
        at += step
    fade = []
    while end not in (at, at + step) and not shows_credits[at + step] and _is_dimmed(pictures[at], pictures[at + step]):
        fade.append(at)
        at += step
    stay = {fade[index] for index in np.linspace(0, len(fade) - 1, min(keep, len(fade))).round().astype(int)}
    return own | (set(fade) - stay)


def _is_dimmed(picture: NDArray[np.uint8], bright: NDArray[np.uint8]) -> bool:
    """Whether `picture` is `bright` times a factor below 1."""
    a, b = picture.astype(np.float32), bright.astype(np.float32)
    energy = float((b * b).sum())
    if energy == 0:
        return False
    factor = float((a * b).sum()) / energy
    residual = a - factor * b
    return factor <= _DIMMER and float(np.sqrt((residual * residual).mean())) <= _RESIDUAL
