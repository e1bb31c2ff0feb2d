"""How many regions of recurring characters have the truth's color: Popeye and the bird in Sindbad's part 4a.

    python -m benchmarks.characters popeye_sindbad_p4a.mp4 COLORED...

The boxes were drawn by hand around the two of them, whom parts 1 to 3 show as well, in every 24th or 48th frame, and go
straight from one to the next within a shot; every 8th frame is looked at. A region counts if all of it lies in a box,
so grounds don't, but for what of painted rock and sky is small. Regions and what "the truth's color" means are those of
`evaluate`; films are compared at 256x192, as there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color import color, metrics
from cartoon_color.evaluation.flicker import LEAST_PIXELS, segment
from cartoon_color.frames import RGB
from cartoon_color.video import probe, read_color

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, as shares of the picture's sides."""

SIZE = (256, 192)
EVERY = 8
CUTS = (16, 305)
"""Frames that begin a shot."""
POPEYE: dict[int, Box] = {
    0: (0.43, 0.38, 0.78, 0.82),
    8: (0.46, 0.42, 0.72, 0.79),
    312: (0.61, 0.53, 0.77, 0.86),
    336: (0.58, 0.58, 0.77, 0.86),
    384: (0.60, 0.50, 0.83, 0.86),
    432: (0.59, 0.50, 0.84, 0.86),
    480: (0.57, 0.52, 0.89, 0.86),
    528: (0.68, 0.50, 0.95, 0.86),
    576: (0.75, 0.50, 0.97, 0.90),
    624: (0.73, 0.62, 0.91, 0.90),
    672: (0.70, 0.62, 0.90, 0.90),
    720: (0.72, 0.50, 0.93, 0.90),
}
BIRD: dict[int, Box] = {
    24: (0.00, 0.00, 0.76, 0.37),
    48: (0.28, 0.00, 0.92, 0.36),
    72: (0.05, 0.00, 0.88, 0.45),
    96: (0.00, 0.00, 0.90, 0.75),
    120: (0.00, 0.00, 1.00, 0.63),
    144: (0.13, 0.00, 0.84, 0.80),
    168: (0.20, 0.00, 0.90, 0.68),
    192: (0.43, 0.00, 1.00, 0.71),
    216: (0.50, 0.28, 1.00, 0.82),
    240: (0.45, 0.45, 0.80, 0.92),
    264: (0.26, 0.46, 0.63, 0.84),
    288: (0.78, 0.28, 1.00, 1.00),
    312: (0.05, 0.00, 0.76, 0.20),
    336: (0.25, 0.03, 0.58, 0.30),
}


def placed(boxes: Mapping[int, Box]) -> dict[int, Box]:
    """Boxes in every `EVERY`-th frame, on the way between those that are given, but not across a cut."""
    ends = sorted(boxes)
    return {
        index: _between(boxes[one], boxes[other], (index - one) / (other - one))
        for one, other in pairwise(ends)
        if not any(one < cut <= other for cut in CUTS)
        for index in range(one, other + 1, EVERY)
    }


def _between(one: Box, other: Box, share: float) -> Box:
    left, top, right, bottom = ((1 - share) * a + share * b for a, b in zip(one, other, strict=True))
    return left, top, right, bottom


def within(labels: NDArray[np.int32], count: int, box: Box) -> NDArray[np.bool_]:
    """(count,), the labels (H, W) of which no pixel lies outside of the box; never 0."""
    height, width = labels.shape
    left, top, right, bottom = box
    part = labels[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]
    everywhere, inside = (np.bincount(each.ravel(), minlength=count) for each in (labels, part))
    whole = (everywhere == inside) & (everywhere > 0)
    whole[0] = False
    return np.asarray(whole)


def exact(truth: RGB, colored: RGB, box: Box) -> tuple[int, int]:
    """How many of the regions in the box have the truth's color, and how many there are."""
    labels, count = segment(cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY))
    chosen = within(labels, count, box)
    chosen &= np.bincount(labels.ravel(), minlength=count) >= LEAST_PIXELS
    true, own = (
        metrics.medians_by_label(color.rgb_to_lab(each)[..., 1:], labels, count)[chosen] for each in (truth, colored)
    )
    return int((metrics.ab_differences(true, own) <= metrics.AB_SWITCH).sum()), int(chosen.sum())


def shown(film: Path, frames: Iterable[int]) -> Iterator[tuple[int, RGB]]:
    """Some frames of a film."""
    wanted = set(frames)
    for frame, rgb in read_color(probe(film)):
        if frame.index in wanted:
            yield frame.index, np.asarray(cv2.resize(rgb, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


def counted(truth: Path, colored: Path, boxes: Mapping[int, Box]) -> tuple[int, int]:
    """How many regions in boxes, by frame, have the truth's color, and how many there are."""
    pairs = zip(shown(truth, boxes), shown(colored, boxes), strict=True)
    counts = [exact(true, own, boxes[index]) for (index, true), (_, own) in pairs]
    right, of = (sum(column) for column in zip(*counts, strict=True))
    return right, of


def main() -> None:
    """Print a line for each film."""
    truth, *films = map(Path, sys.argv[1:])
    for film in films:
        counts = {name: counted(truth, film, placed(boxes)) for name, boxes in (("Popeye", POPEYE), ("the bird", BIRD))}
        right, of = (sum(column) for column in zip(*counts.values(), strict=True))
        words = [f"{name} {own / each:.3f} of {each}" for name, (own, each) in [*counts.items(), ("both", (right, of))]]
        sys.stdout.write(f"{film}: {', '.join(words)} regions\n")


if __name__ == "__main__":
    main()
