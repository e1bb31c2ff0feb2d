"""What is known of a drawn episode: which part and which paint every pixel shows, and where cuts and credits lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cartoon_color.errors import InputError
from cartoon_color.files import replacing, write_atomically
from cartoon_color.toyshow.canvas import PartList
from cartoon_color.toyshow.film import Film
from cartoon_color.toyshow.paints import INDEX, LAB, NAMES, SRGB
from cartoon_color.toyshow.script import ShotScript
from cartoon_color.toyshow.timeline import Span, Timeline


@dataclass(frozen=True, slots=True)
class Part:
    """A part that keeps its label through the whole show."""

    name: str
    """Owner and part, e.g. `pip.cap`."""
    paint: int
    """Index of its paint."""
    flat: bool
    """Whether all of it shows exactly its paint; painted backgrounds vary around theirs."""


@dataclass(frozen=True, slots=True)
class ShotTruth:
    """One shot or title card."""

    start: int
    stop: int
    """Frames, half open."""
    background: str
    """Its name; `card` for credits."""
    moving: bool
    """Whether the camera pans or zooms."""
    cast: tuple[str, ...]
    """Names of characters and props, from back to front."""

    @property
    def credits(self) -> bool:
        """Whether this is a title card."""
        return self.background == "card"


@dataclass(frozen=True, eq=False, slots=True)
class EpisodeTruth:
    """All that is known of one episode."""

    rate: Fraction
    """Frames a second."""
    labels: NDArray[np.uint16]
    """(drawings, H, W), label of every pixel of every unique drawing; 0 = line art.

    One label is one part, in as many areas as its owner's other parts leave of it. In a dissolve, these are the labels
    of the picture that weighs more.
    """
    drawing: NDArray[np.int32]
    """(frames,), which of `labels` each frame shows."""
    held: NDArray[np.bool_]
    """(frames,), whether a frame repeats the one before, but for grain."""
    parts: tuple[Part, ...]
    """By label; number 0 is the line art."""
    paints: tuple[str, ...]
    """Names of the paints, by index."""
    srgb: NDArray[np.uint8]
    """(paints, 3)."""
    lab: NDArray[np.float32]
    """(paints, 3) CIELAB (D65)."""
    shots: tuple[ShotTruth, ...]
    """With the title cards."""
    cuts: tuple[int, ...]
    """First frames of the shots that begin with a cut, rather than with a fade or after a dissolve."""
    fades: tuple[Span, ...]
    """Frames darker than drawn; credits fade, too."""
    dissolves: tuple[Span, ...]
    """Frames that mix two shots."""

    @property
    def credits(self) -> NDArray[np.bool_]:
        """(frames,), whether a frame shows a title card, fading ones included."""
        flags = np.zeros(len(self.drawing), np.bool_)
        for shot in self.shots:
            flags[shot.start : shot.stop] = shot.credits
        return flags

    def labels_at(self, frame: int) -> NDArray[np.int32]:
        """(H, W), label of every pixel of a frame; 0 = line art."""
        return np.asarray(self.labels[self.drawing[frame]], np.int32)

    def paint_at(self, frame: int) -> NDArray[np.int32]:
        """(H, W), index of the paint of every pixel of a frame; 0, the ink, for line art."""
        paints = np.array([part.paint for part in self.parts], np.int32)
        return paints[self.labels_at(frame)]


def make_truth(
    film: Film, timeline: Timeline, scripts: list[ShotScript], parts: PartList, rate: Fraction
) -> EpisodeTruth:
    """Gather what is known of a film."""
    first, *middle, last = timeline.shots
    shots = [
        ShotTruth(*span, script.background, script.moving, tuple(role.name for role in script.cast))
        for span, script in zip(middle, scripts, strict=True)
    ]
    return EpisodeTruth(
        rate=rate,
        labels=np.stack(film.labels),
        drawing=film.drawing,
        held=film.held,
        parts=tuple(Part(n, INDEX[paint], n not in parts.textured) for n, paint in parts.paints.items()),
        paints=NAMES,
        srgb=SRGB,
        lab=LAB,
        shots=(ShotTruth(*first, "card", False, ()), *shots, ShotTruth(*last, "card", False, ())),
        cuts=timeline.cuts,
        fades=timeline.fades,
        dissolves=timeline.dissolves,
    )


def save_truth(path: Path, truth: EpisodeTruth) -> None:
    """Write `path` (JSON) and next to it the label pictures (.npz). Raises OSError."""
    facts = {
        "rate": str(truth.rate),
        "parts": [{"name": p.name, "paint": p.paint, "flat": p.flat} for p in truth.parts],
        "paints": [
            {"name": name, "srgb": rgb.tolist(), "lab": [round(float(v), 3) for v in lab]}
            for name, rgb, lab in zip(truth.paints, truth.srgb, truth.lab, strict=True)
        ],
        "shots": [
            {"start": s.start, "stop": s.stop, "background": s.background, "moving": s.moving, "cast": s.cast}
            for s in truth.shots
        ],
        "cuts": truth.cuts,
        "fades": truth.fades,
        "dissolves": truth.dissolves,
        "credits": [(s.start, s.stop) for s in truth.shots if s.credits],
        "held": np.flatnonzero(truth.held).tolist(),
    }
    with replacing(path.with_suffix(".npz")) as part, part.open("wb") as file:
        np.savez_compressed(file, labels=truth.labels, drawing=truth.drawing)
    write_atomically(path, (json.dumps(facts, indent=1) + "\n").encode())


def load_truth(path: Path) -> EpisodeTruth:
    """Read what `save_truth` wrote; `path` is the JSON file. Raises InputError."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        with np.load(path.with_suffix(".npz")) as arrays:
            labels, drawing = arrays["labels"], arrays["drawing"]
        held = np.zeros(len(drawing), np.bool_)
        held[facts["held"]] = True
        return EpisodeTruth(
            rate=Fraction(facts["rate"]),
            labels=labels,
            drawing=drawing,
            held=held,
            parts=tuple(Part(**part) for part in facts["parts"]),
            paints=tuple(paint["name"] for paint in facts["paints"]),
            srgb=np.array([paint["srgb"] for paint in facts["paints"]], np.uint8),
            lab=np.array([paint["lab"] for paint in facts["paints"]], np.float32),
            shots=tuple(ShotTruth(**{**shot, "cast": tuple(shot["cast"])}) for shot in facts["shots"]),
            cuts=tuple(facts["cuts"]),
            fades=tuple((a, b) for a, b in facts["fades"]),
            dissolves=tuple((a, b) for a, b in facts["dissolves"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the truth of a toy show: {error}; draw it again with toyshow") from error
