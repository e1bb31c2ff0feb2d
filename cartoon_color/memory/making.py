"""From regions and drawings to a memory: like ones merged, and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from cartoon_color.memory.likeness import (
    kernel,
    look_distances,
    look_keys,
    region_distances,
    region_keys,
    scale_of,
    unit,
)
from cartoon_color.memory.recall import FIELDS, Calibration, Entries, Looks, Memory
from cartoon_color.streams import batched

MOST_ENTRIES = 1 << 15
"""Kept of a show; like ones are merged until no more are left."""
MOST_DRAWINGS = 1 << 13
"""Whose looks are kept; more are thinned out evenly."""
SHARPNESS = (0.003, 0.01, 0.03, 0.1)
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


def merged(entries: Entries, most: int = MOST_ENTRIES) -> Entries:
    """The entries with like ones merged until at most `most` are left, ordered by lightness."""
    features = unit(entries.features, scale_of(entries.features))
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
    return Entries(*(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS))


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
    units = unit(entries.features, scale_of(entries.features))
    keys = region_keys(units, entries.lightness)
    errors = np.zeros(len(SHARPNESS))
    regions: list[float] = []
    rows = np.random.default_rng(0).permutation(len(entries))[:_QUERIES]
    for asked, inside, distance in region_distances(units[rows], entries.lightness[rows], keys, entries.lightness):
        asking = rows[asked]
        own = part[asking, None] == part[inside]
        able = ~own.all(axis=1)
        asking, distance = asking[able], np.where(own, np.float32(1e3), distance)[able]
        nearest = distance.min(axis=1, keepdims=True)
        regions += nearest[:, 0].tolist()
        for number, sharpness in enumerate(SHARPNESS):
            found = kernel(distance - nearest, sharpness) @ entries.paint[inside]
            wrong = np.square(found - entries.paint[asking]).sum(axis=1)
            errors[number] += wrong @ entries.weight[asking]
    scaled = looks.look / scale_of(looks.look)[1]
    drawings: list[float] = []
    look_keyed = look_keys(scaled)
    for some in batched(np.random.default_rng(0).permutation(len(scaled))[:_QUERIES].tolist(), 64):
        own = look_part[some, None] == look_part
        apart = np.where(own, np.float32(np.inf), look_distances(scaled[some], look_keyed))[~own.all(axis=1)]
        drawings += apart.min(axis=1).tolist()
    # A single shot has nothing to be compared with; what one episode of a show is to another, is taken.
    known = float(np.percentile(regions, _KNOWN)) if regions else 0.1
    familiar = float(np.percentile(drawings, _FAMILIAR)) if drawings else 1.0
    return Calibration(SHARPNESS[int(errors.argmin())], known, familiar)
