"""What is known of a film that was rendered shot by shot: a file beside it, without which a rerun starts anew.

Nothing in it is trusted that can be checked: a shot is taken over only if source, settings and corrections have the
checksums noted here, and its packets in the film still have theirs.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from cartoon_color.files import write_atomically
from cartoon_color.regions.lookalikes import Tracks

_FIELDS = tuple(each.name for each in fields(Tracks))


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """A shot of the source, and what is in the colored film of it."""

    start: int
    """Half open, in indices of frames."""
    stop: int
    mixed: bool = False
    """Whether it is a dissolve."""
    tracks: Tracks | None = None
    """None where nobody looked."""
    state: str = ""
    """Checksum of all that its packets hang on."""
    digest: str = ""
    """Checksum of its packets."""


@dataclass(frozen=True, eq=False, slots=True)
class Ledger:
    """The shots of a film."""

    source: str
    """Checksum of all that shots and tracks hang on."""
    shots: tuple[Shot, ...]


def ledger_path(film: Path) -> Path:
    """Where the ledger of a colored film lies."""
    return film.with_name(film.name + ".shots.npz")


def save_ledger(ledger: Ledger, path: Path) -> None:
    """Write it, atomically; OSError if that can't be."""
    shots = ledger.shots
    facts = {
        "source": ledger.source,
        "shots": [(shot.start, shot.stop, shot.mixed, shot.state, shot.digest) for shot in shots],
    }
    arrays: dict[str, Any] = {"facts": np.array(json.dumps(facts))}
    for place, shot in enumerate(shots):
        if shot.tracks is not None:
            arrays |= {f"{place} {name}": getattr(shot.tracks, name) for name in _FIELDS}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_atomically(path, content.getvalue())


def load_ledger(path: Path) -> Ledger | None:
    """The ledger at `path`; None if it is missing or damaged."""
    try:
        with np.load(path) as arrays:
            facts = json.loads(str(arrays["facts"]))
            shots = []
            for place, (start, stop, mixed, state, digest) in enumerate(facts["shots"]):
                followed = f"{place} {_FIELDS[0]}" in arrays
                tracks = Tracks(*(arrays[f"{place} {name}"] for name in _FIELDS)) if followed else None
                shots.append(Shot(start, stop, mixed, tracks, state, digest))
            return Ledger(facts["source"], tuple(shots))
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None
