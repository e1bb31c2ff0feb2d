"""From regions and drawings to a memory: like ones merged, and how far those of one show differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from cartoon_color.memory.likeness import (
    look_distances,
    look_keys,
    region_distances,
    region_keys,
    regress,
    scale_of,
    unit,
)
from cartoon_color.memory.recall import FIELDS, Entries, Looks, Memory
from cartoon_color.streams import batched

MOST_ENTRIES = 1 << 16
"""Kept of a show; like ones are merged until no more are left."""
MOST_DRAWINGS = 1 << 13
"""Whose looks are kept; more are thinned out evenly."""
WIDTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Of the kernel: from what suits cels, whose paints are exact, to paintings, whose paints vary."""
_NEARLY = 1.05
"""By how much a wider kernel may tell paints worse and still be taken: matches that are few err together."""
_QUERIES = 2000
"""Entries, and drawings, that are looked up in the other episodes."""
_FAMILIAR = 85.0
"""Percentile of the drawings' differences up to which one is familiar: few drawings of another show are as near."""
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
    """A memory that knows how alike what one paint has is in its show, and which drawings can be of it."""
    return Memory(show, tuple(episodes), weights, entries, looks, _width(entries), _familiar(looks))


def _width(entries: Entries) -> float:
    """The widest one by which the paints of some entries are told by those of the other episodes nearly as well as by
    the best one."""
    # The shots of one episode are no stand-in: most show places that none of the others does.
    if len(np.unique(entries.episode)) == 1:
        return WIDTHS[0]
    units = unit(entries.features, scale_of(entries.features))
    keys = region_keys(units, entries.lightness)
    index, part = np.empty((len(entries), 0), np.int64), np.empty((len(entries), 0), np.float32)
    errors, shots = np.zeros(len(WIDTHS)), entries.shots()
    rows = np.random.default_rng(0).permutation(len(entries))[:_QUERIES]
    for asked, inside, distance in region_distances(units[rows], entries.lightness[rows], keys, entries.lightness):
        own = entries.episode[rows[asked], None] == entries.episode[inside]
        able = ~own.all(axis=1)
        apart = np.where(own, np.float32(np.inf), distance)[able]
        nearest, paint, shot = apart.min(axis=1), entries.paint[inside], shots[inside]
        for number, width in enumerate(WIDTHS):
            _, found = regress(apart, nearest, width, shot, paint, index[inside], part[inside], 0)
            errors[number] += np.linalg.norm(found - entries.paint[rows[asked][able]], axis=1).sum()
    return WIDTHS[int(np.flatnonzero(errors <= _NEARLY * errors.min()).max())]


def _familiar(looks: Looks) -> float:
    """How far drawings are from the likest one of another episode (another shot, where there is one episode)."""
    part = looks.episode if len(np.unique(looks.episode)) > 1 else looks.shot
    scaled = looks.look / scale_of(looks.look)[1]
    keys = look_keys(scaled)
    nearest: list[float] = []
    for some in batched(np.random.default_rng(0).permutation(len(scaled))[:_QUERIES].tolist(), 64):
        own = part[some, None] == part
        apart = np.where(own, np.float32(np.inf), look_distances(scaled[some], keys))[~own.all(axis=1)]
        nearest += apart.min(axis=1).tolist()
    # A single shot has nothing to be compared with; what one episode of a show is to another, is taken.
    return float(np.percentile(nearest, _FAMILIAR)) if nearest else 1.0
