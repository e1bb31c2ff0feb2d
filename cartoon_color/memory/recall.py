"""What a memory holds, and how it answers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import AB_BINS, Float, encode_bins
from cartoon_color.memory.likeness import (
    falling,
    look_distances,
    look_keys,
    region_distances,
    region_keys,
    regress,
    scale_of,
    unit,
)

KNOWN = 0.1
"""Distance to the nearest region up to which a region is known; from twice that on it is unknown."""

_UNLIKELY = np.float32(0.003)
"""Added to what a network guesses, so that its word isn't the last: about the share of each bin in an even guess."""


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """N regions."""

    features: Float
    """(N, C), as the network gives them."""
    lightness: Float
    """(N,), L* of their gray."""
    paint: Float
    """(N, 2), CIELAB a, b: the median."""
    weight: Float
    """(N,), area as a part of the picture, summed over what was merged."""
    episode: NDArray[np.int32]
    """(N,), number in the memory's list."""
    shot: NDArray[np.int32]
    """(N,), of that episode: the first, where several were merged."""

    def __len__(self) -> int:
        return len(self.lightness)

    def shots(self) -> NDArray[np.int64]:
        """(N,): the shots of all episodes numbered from 0, as each occurs."""
        both = np.column_stack([self.episode, self.shot])
        return np.asarray(np.unique(both, axis=0, return_inverse=True)[1], np.int64).reshape(-1)

    def of(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Entries:
        """Some of them."""
        return Entries(*(getattr(self, name)[rows] for name in FIELDS))


FIELDS = tuple(each.name for each in fields(Entries))


@dataclass(frozen=True, eq=False, slots=True)
class Looks:
    """D whole drawings."""

    look: Float
    """(D, K), as the network gives it."""
    episode: NDArray[np.int32]
    """(D,)."""
    shot: NDArray[np.int32]
    """(D,)."""

    def of(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Looks:
        """Some of them."""
        return Looks(self.look[rows], self.episode[rows], self.shot[rows])


@dataclass(frozen=True, eq=False, slots=True)
class Recalled:
    """What the memory says of n regions."""

    votes: Float
    """(n, 313), histograms over `color.AB_BINS`; each sums to 1, or is 0 where nothing is of that gray."""
    ab: Float
    """(n, 2), their mean paint."""
    known: Float
    """(n,), 0..1: whether anything like them was seen."""

    def weighed(self, guess: Float, usual: Float) -> Recalled:
        """The same, votes multiplied by how much more than usual a network guesses them, and the mean moved along.

        Where the likest regions have different paints, the network says which. What it guesses everywhere, as gray
        where it knows nothing, says nothing. Of the ratio, the square root is taken, since both saw the same gray.

        Args:
            guess: (n, 313), histograms that sum to 1.
            usual: (313,), their mean over the drawing.
        """
        votes = self.votes * np.sqrt((guess + _UNLIKELY) / (usual + _UNLIKELY))
        votes /= np.maximum(votes.sum(axis=1, keepdims=True), 1e-9)
        return Recalled(votes, self.ab + (votes - self.votes) @ np.asarray(AB_BINS, np.float32), self.known)


@dataclass(frozen=True)
class Memory:
    """Regions and drawings of a show's color episodes."""

    show: str
    episodes: tuple[str, ...]
    weights: str
    """Checksum of the weights whose features are kept."""
    entries: Entries
    """In the order of their lightness."""
    looks: Looks
    width: float
    """How much further than the nearest region one counts by 1/e, as a part of the distance to that."""
    familiar: float
    """Difference to the likest drawing up to which a drawing can be of the show; from twice that on it can't."""

    @cached_property
    def _scale(self) -> tuple[Float, Float]:
        return scale_of(self.entries.features)

    @cached_property
    def _keys(self) -> Float:
        return region_keys(unit(self.entries.features, self._scale), self.entries.lightness)

    @cached_property
    def _look_scale(self) -> Float:
        return scale_of(self.looks.look)[1]

    @cached_property
    def _look_keys(self) -> Float:
        return look_keys(self.looks.look / self._look_scale)

    @cached_property
    def _bins(self) -> tuple[NDArray[np.int64], Float]:
        """The soft encoding of the paints."""
        return encode_bins(self.entries.paint)

    @cached_property
    def _shots(self) -> NDArray[np.int64]:
        return self.entries.shots()

    def recall(self, features: Float, lightness: Float) -> Recalled:
        """The paints of regions.

        Args:
            features: (n, C), the mean of the network's features over each.
            lightness: (n,), L* of the gray of each.
        """
        asked = unit(features, self._scale)
        index, part = self._bins
        votes = np.zeros((len(asked), len(AB_BINS)), np.float32)
        ab = np.zeros((len(asked), 2), np.float32)
        known = np.zeros(len(asked), np.float32)
        for rows, inside, distance in region_distances(asked, lightness, self._keys, self.entries.lightness):
            nearest = distance.min(axis=1)
            votes[rows], ab[rows] = regress(
                distance,
                nearest,
                self.width,
                self._shots[inside],
                self.entries.paint[inside],
                index[inside],
                part[inside],
                len(AB_BINS),
            )
            known[rows] = falling(nearest, KNOWN)
        return Recalled(votes, ab, known)

    def familiarity(self, look: Float) -> float:
        """Whether a drawing of that look, (K,), can be of the show: 0..1."""
        nearest = look_distances((look / self._look_scale)[None], self._look_keys).min(axis=1)
        return float(falling(nearest, self.familiar)[0])
