"""The memory of a show: how the regions of its color episodes look in gray, and how they were painted.

A region is described by what the network sees of it (the mean of an early layer's features, which tell texture, lines
and what is around) and by its gray. Its paint is recalled as a mean over the likest regions of the color episodes, or
as the histogram of their paints: a kernel regression (Nadaraya 1964, Watson 1964), so no training is needed, and
neighbors of one look but different paints share the votes. How sharp the kernel is, and how far is too far, is told by
leaving out one episode at a time. What is unlike anything there is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialize
from scipy.sparse import csr_array

from cartoon_color.color import AB_BINS, Float, encode_bins
from cartoon_color.errors import InputError, OutputError, WeightsError
from cartoon_color.files import write_atomically

FORMAT = "cartoon-color memory/1"
MOST_ENTRIES = 1 << 16
"""Kept of a show; like ones are merged until no more are left."""
MOST_DRAWINGS = 1 << 14
"""Whose looks are kept; more are thinned out evenly."""
_SHADE = 10.0
"""Difference in L* that counts as much as features at right angles, halved."""
_REACH = 15.0
"""Difference in L* beyond which nothing is looked for."""
_SHARPNESS = (0.003, 0.01, 0.03, 0.1)
"""Distances at which a match counts by 1/e, of which leaving out episodes chooses one."""
_QUERIES = 2000
"""Entries that are looked up for that."""
_KNOWN = 95.0
"""Percentile of the distances to the nearest region of another episode up to which a region is known; from twice that
on it is unknown, ..."""
_FAMILIAR = 75.0
"""... and the same of whole drawings: few drawings of another show are as near, while some regions always are."""
_CELLS = (
    (2.0, 4.0, 24),
    (2.0, 4.0, 16),
    (4.0, 6.0, 12),
    (4.0, 8.0, 8),
    (6.0, 12.0, 6),
    (10.0, 20.0, 4),
    (20.0, 40.0, 2),
)
"""What is merged, from fine to coarse: entries of one episode within so much of L* and of a, b, on the same side of so
many random planes (Charikar 2002, Similarity estimation techniques from rounding algorithms)."""
_AT_ONCE = 16
"""Regions of like gray that are looked up together."""


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

    def of(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Entries:
        """Some of them."""
        return Entries(*(getattr(self, name)[rows] for name in _FIELDS))


_FIELDS = ("features", "lightness", "paint", "weight", "episode", "shot")


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


@dataclass(frozen=True)
class Calibration:
    """What leaving out one episode at a time (one shot, where there is one episode) tells."""

    sharpness: float
    """Distance at which a match counts by 1/e."""
    known: float
    """Distance to the nearest region up to which a region is known."""
    familiar: float
    """The same for whole drawings."""


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
    calibration: Calibration

    @cached_property
    def _scale(self) -> tuple[Float, Float]:
        return _scale_of(self.entries.features)

    @cached_property
    def _unit(self) -> Float:
        return _unit(self.entries.features, self._scale)

    @cached_property
    def _look_deviation(self) -> Float:
        return _scale_of(self.looks.look)[1]

    @cached_property
    def _bins(self) -> csr_array:
        """(N, 313), the soft encoding of the paints."""
        index, weight = encode_bins(self.entries.paint)
        starts = np.arange(len(index) + 1) * index.shape[1]
        return csr_array((weight.ravel(), index.ravel(), starts), shape=(len(index), len(AB_BINS)))

    def recall(self, features: Float, lightness: Float) -> Recalled:
        """The paints of regions.

        Args:
            features: (n, C), the mean of the network's features over each.
            lightness: (n,), L* of the gray of each.
        """
        asked = _unit(features, self._scale)
        votes = np.zeros((len(asked), len(AB_BINS)), np.float32)
        ab = np.zeros((len(asked), 2), np.float32)
        known = np.zeros(len(asked), np.float32)
        for rows, inside, distance in _distances(asked, lightness, self._unit, self.entries.lightness):
            nearest = distance.min(axis=1, keepdims=True)
            weight = _kernel(distance - nearest, self.calibration.sharpness)
            votes[rows] = (self._bins[inside].T @ weight.T).T
            ab[rows] = weight @ self.entries.paint[inside]
            known[rows] = _falling(nearest[:, 0], self.calibration.known)
        return Recalled(votes, ab, known)

    def familiarity(self, look: Float) -> float:
        """Whether a drawing of that look, (K,), can be of the show: 0..1."""
        nearest = np.square((self.looks.look - look) / self._look_deviation).mean(axis=1).min()
        return float(_falling(np.asarray(nearest, np.float32), self.calibration.familiar))


def _falling(distance: Float, limit: float) -> Float:
    """1 up to the limit, 0 from twice that on."""
    return np.asarray(np.clip(2 - distance / max(limit, 1e-6), 0, 1), np.float32)


def _scale_of(features: Float) -> tuple[Float, Float]:
    """Mean and standard deviation of each feature."""
    return features.mean(axis=0), features.std(axis=0) + np.float32(1e-3)


def _unit(features: Float, scale: tuple[Float, Float]) -> Float:
    """Features of mean 0 and deviation 1 in the show, then of length 1."""
    normal = (features - scale[0]) / scale[1]
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6), np.float32)


def _kernel(distance: Float, sharpness: float) -> Float:
    """Weights that sum to 1 in each row."""
    # Numbers too small to be normalized take twenty times as long.
    weight = np.exp(np.maximum(distance / np.float32(-sharpness), np.float32(-30)))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True), np.float32)


def _distances(
    asked: Float, lightness: Float, kept: Float, shades: Float
) -> Iterator[tuple[NDArray[np.intp], slice, Float]]:
    """For some of the n asked at a time: which, a slice of the kept of like gray, and distances (m, k) to these.

    The distance is 1 less the cosine of the features, and half the squared difference of L* in units of `_SHADE`.
    """
    order = np.argsort(lightness, kind="stable")
    for start in range(0, len(order), _AT_ONCE):
        rows = order[start : start + _AT_ONCE]
        first, last = lightness[rows[0]], lightness[rows[-1]]
        inside = slice(*np.searchsorted(shades, (first - _REACH, last + _REACH)).tolist())
        if inside.start < inside.stop:
            apart = (lightness[rows, None] - shades[inside]) / np.float32(_SHADE)
            yield rows, inside, np.asarray(1 - asked[rows] @ kept[inside].T + apart * apart / 2, np.float32)


# --- making ----------------------------------------------------------------------------------------------------------


def merged(entries: Entries, most: int = MOST_ENTRIES) -> Entries:
    """The entries with like ones merged until at most `most` are left, ordered by lightness."""
    features = _unit(entries.features, _scale_of(entries.features))
    planes = np.random.default_rng(0).standard_normal((features.shape[1], 24)).astype(np.float32)
    sides = features @ planes > 0
    for shade, color, bits in _CELLS:
        cells = np.column_stack(
            [
                entries.episode,
                np.floor(entries.lightness / shade),
                np.floor(entries.paint / color),
                sides[:, :bits] @ (1 << np.arange(bits)),
            ]
        ).astype(np.int64)
        _, first, cell = np.unique(cells, axis=0, return_index=True, return_inverse=True)
        if len(first) <= most:
            break
    count = np.bincount(cell, entries.weight)
    share = csr_array((entries.weight / count[cell], (cell, np.arange(len(cell)))))
    return _by_lightness(
        replace(
            entries.of(first),
            features=np.asarray(share @ entries.features, np.float32),
            lightness=np.asarray(share @ entries.lightness, np.float32),
            paint=np.asarray(share @ entries.paint, np.float32),
            weight=count.astype(np.float32),
        )
    )


def _by_lightness(entries: Entries) -> Entries:
    return entries.of(np.argsort(entries.lightness, kind="stable"))


def joined(parts: Sequence[Entries]) -> Entries:
    """Several as one."""
    return Entries(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


def joined_looks(parts: Sequence[Looks]) -> Looks:
    """Several as one, thinned out evenly to `MOST_DRAWINGS`."""
    whole = Looks(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("look", "episode", "shot")))
    count = len(whole.look)
    return whole.of(np.unique(np.linspace(0, count - 1, min(count, MOST_DRAWINGS)).round().astype(np.intp)))


def make(show: str, episodes: Sequence[str], weights: str, entries: Entries, looks: Looks) -> Memory:
    """A memory that knows how far it can be trusted."""
    return Memory(show, tuple(episodes), weights, entries, looks, _calibrated(entries, looks))


def _calibrated(entries: Entries, looks: Looks) -> Calibration:
    """Look each of some entries up in the other episodes."""
    several = len(np.unique(entries.episode)) > 1
    part, look_part = (entries.episode, looks.episode) if several else (entries.shot, looks.shot)
    units = _unit(entries.features, _scale_of(entries.features))
    errors, total = np.zeros(len(_SHARPNESS)), 1e-9
    regions: list[float] = []
    rows = np.random.default_rng(0).permutation(len(entries))[:_QUERIES]
    for asked, inside, distance in _distances(units[rows], entries.lightness[rows], units, entries.lightness):
        asking = rows[asked]
        own = part[asking, None] == part[inside]
        able = ~own.all(axis=1)
        asking, distance = asking[able], np.where(own, np.float32(1e3), distance)[able]
        nearest = distance.min(axis=1, keepdims=True)
        regions += nearest[:, 0].tolist()
        total += entries.weight[asking].sum()
        for number, sharpness in enumerate(_SHARPNESS):
            found = _kernel(distance - nearest, sharpness) @ entries.paint[inside]
            wrong = np.square(found - entries.paint[asking]).sum(axis=1)
            errors[number] += wrong @ entries.weight[asking]
    _, deviation = _scale_of(looks.look)
    drawings: list[float] = []
    for row in np.random.default_rng(0).permutation(len(looks.look))[:_QUERIES]:
        others = looks.look[look_part != look_part[row]]
        if len(others):
            drawings.append(float(np.square((others - looks.look[row]) / deviation).mean(axis=1).min()))
    # A single shot has nothing to be compared with: what is as near as it is to itself on the mean.
    known = float(np.percentile(regions, _KNOWN)) if regions else 0.1
    familiar = float(np.percentile(drawings, _FAMILIAR)) if drawings else 1.0
    return Calibration(_SHARPNESS[int(errors.argmin())], known, familiar)


# --- files -----------------------------------------------------------------------------------------------------------


def save_memory(memory: Memory, path: Path) -> None:
    """Write a memory as safetensors; features take half floats.

    Raises:
        OutputError: It can't be written.
    """
    arrays = {name: getattr(memory.entries, name) for name in _FIELDS}
    arrays |= {"look": memory.looks.look, "look_episode": memory.looks.episode, "look_shot": memory.looks.shot}
    arrays["features"], arrays["look"] = arrays["features"].astype(np.float16), arrays["look"].astype(np.float16)
    told = {
        "format": FORMAT,
        "show": memory.show,
        "episodes": json.dumps(memory.episodes),
        "weights": memory.weights,
        "calibration": json.dumps(astuple(memory.calibration)),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, serialize({name: np.ascontiguousarray(array) for name, array in arrays.items()}, told))
    except OSError as error:
        raise OutputError(f"the memory {path} can't be written: {error.strerror}; choose another place") from None


def load_memory(path: Path) -> Memory:
    """Read a memory.

    Raises:
        InputError: There is no such file, or it is none, or of another version, or damaged.
    """
    if not path.is_file():
        raise InputError(f"there is no memory at {path}; make one: cartoon-color memory --help")
    try:
        with safe_open(path, framework="numpy") as file:
            told = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no memory of a show, or damaged ({error}); make it again") from None
    if told.get("format") != FORMAT:
        raise InputError(
            f"{path} is no memory of a show that this version reads (format {told.get('format')!r}, expected "
            f"{FORMAT!r}); make it again: cartoon-color memory --help"
        )
    try:
        entries = Entries(
            *(arrays[name].astype(np.float32) for name in _FIELDS[:4]), *(arrays[name] for name in _FIELDS[4:])
        )
        looks = Looks(arrays["look"], arrays["look_episode"], arrays["look_shot"])
        calibration = Calibration(*json.loads(told["calibration"]))
        return Memory(told["show"], tuple(json.loads(told["episodes"])), told["weights"], entries, looks, calibration)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the memory {path} is damaged ({error}); make it again") from None


def check_weights(memory: Memory, sha256: str) -> None:
    """Whether these weights see regions as the memory keeps them.

    Raises:
        WeightsError: The memory was made with other ones.
    """
    if memory.weights != sha256:
        raise WeightsError(
            f"the memory of {memory.show} was made with other weights (checksum {memory.weights[:12]}) than these "
            f"({sha256[:12]}), so regions can't be compared; make it again with these: cartoon-color memory --weights"
        )
