"""What references bring: a film against its truth, with more and more of its frames given in their true colors.

    python -m benchmarks.references FILM --truth FILM [--other FILM] [--weights FILE] [--every 4]

Frames given are 1, 2, 5 and 10 that `suggest` chooses, or evenly spaced ones; the middle frame of each shot; and with
--other the middle frame of another film, which is looked for as `render` does, and should change nothing. Network and
votes run once, since no reference changes them; the film as they color it stays in memory meanwhile (1.2 MB a frame at
320x240). Every n-th frame is compared as RGB, as a lossless film would be decoded; those given are not left out.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import groupby, islice
from pathlib import Path

import numpy as np

from cartoon_color import checkpoint, color, metrics
from cartoon_color.compare import png
from cartoon_color.config import EncoderSettings
from cartoon_color.frames import RGB, Frame, VideoInfo
from cartoon_color.inspection.candidates import Candidates, suggested, worth_most
from cartoon_color.painter import Painter
from cartoon_color.references import Paint, find_frames, read_references
from cartoon_color.stages.vote import Voted
from cartoon_color.streams import chain
from cartoon_color.video import Planes, probe, read, read_color
from cartoon_color.video.encoders import choose
from cartoon_color.video.formats import layout

NUMBERS = (1, 2, 5, 10)
BEHIND = 2
"""Stages behind the references."""


def voted(painter: Painter, info: VideoInfo) -> tuple[list[Frame], dict[int, list[int]]]:
    """The film as regions voted, before references and smoothing, and so many frames to color by hand, best first."""
    votes: deque[Voted] = deque()
    shots: dict[int, Candidates] = {}
    frames = []
    for frame in chain(read(info), painter.stages(info, watch=votes.append)[:-BEHIND]):
        frames.append(frame)
        vote = None if frame.held else votes.popleft()
        if not frame.mixed:
            shots.setdefault(frame.shot, Candidates(info.path, frame.shot, Fraction(0))).add(frame, vote)
    plans = [shot.plans(max(NUMBERS)) for shot in shots.values()]
    return frames, {number: [each.frame for each in suggested(worth_most(plans, number))] for number in NUMBERS}


def finished(
    painter: Painter, info: VideoInfo, frames: Iterable[Frame], paints: Mapping[int, Paint]
) -> Iterator[Frame]:
    """What `render` makes of frames that `voted` gave, with colors for some of them."""
    done = len(painter.stages(info)) - BEHIND
    return chain(iter(frames), painter.stages(info, paints)[done:])


def evenly(frames: int, number: int) -> list[int]:
    """The middles of so many equal parts of a film."""
    return [int((part + 0.5) * frames / number) for part in range(number)]


def middles(frames: Iterable[Frame]) -> list[int]:
    """The frame in the middle of each shot."""
    drawn = (frame for frame in frames if not frame.mixed)
    shots = [[frame.index for frame in shot] for _, shot in groupby(drawn, key=lambda frame: frame.shot)]
    return [shot[len(shot) // 2] for shot in shots]


def pictures(film: Path, wanted: Collection[int]) -> dict[int, RGB]:
    """Frames of a film in color, by index."""
    return {
        frame.index: rgb for frame, rgb in islice(read_color(probe(film)), max(wanted) + 1) if frame.index in wanted
    }


def as_rgb(frame: Frame, info: VideoInfo) -> RGB:
    """A colored frame as a lossless film of it would be decoded."""
    choice = choose(EncoderSettings("ffv1"), info)
    depth, span, matrix = info.bit_depth, info.color_range, info.matrix
    u, v = color.chroma_planes(
        frame.luma, frame.chroma, choice.chroma_shape, bit_depth=depth, color_range=span, matrix=matrix
    )
    return Planes([frame.luma, u, v], layout(choice.pixel_format), info).rgb


def measure(frames: Iterable[Frame], info: VideoInfo, truth: Mapping[int, RGB], every: int) -> dict[str, float]:
    """PSNR over RGB and over a, b, in dB, and CIEDE2000 of every n-th frame."""
    rows = []
    for frame in frames:
        if frame.index % every == 0:
            true, rgb = truth[frame.index], as_rgb(frame, info)
            lab, own = color.rgb_to_lab(true), color.rgb_to_lab(rgb)
            error = metrics.mean_squared_error(lab[..., 1:], own[..., 1:])
            rows.append((metrics.psnr(true, rgb), error, metrics.lab_ciede2000(lab, own)))
    psnr, error, ciede = np.mean(rows, axis=0)
    return {
        "psnr": round(psnr, 2),
        "chroma_psnr": round(metrics.chroma_psnr(error), 2),
        "ciede2000": round(ciede, 2),
    }


def foreign(film: Path, info: VideoInfo, frames: Iterator[Frame], say: Callable[[str], None]) -> Mapping[int, Paint]:
    """What the middle frame of another film paints: nothing, unless it is taken for a frame of this one."""
    middle = (probe(film).frames or 1) // 2
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{film.stem}.png"
        path.write_bytes(png(pictures(film, [middle])[middle]))
        return find_frames(read_references([path]), info, frames, say)


def main(words: Sequence[str] | None = None) -> None:
    """Print a table, and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path, metavar="FILM")
    parser.add_argument("--truth", type=Path, required=True, help="the same film in color; may be FILM itself")
    parser.add_argument("--other", type=Path, help="a film in color that shows something else")
    parser.add_argument("--weights", type=Path, default=checkpoint.default_weights())
    parser.add_argument("--every", type=int, default=4, help="compare every n-th frame")
    given = parser.parse_args(words)
    info = probe(given.film)
    painter = Painter([given.weights])
    if any(model.variant.references for model in painter.models):
        parser.error(f"the network of {given.weights} looks at references itself, so it can't run once for all of them")
    if painter.models[0].variant.described is not None:  # as with references, which here come later
        painter.colorizer = painter.models[0].describe
    started = time.monotonic()
    frames, best = voted(painter, info)
    seconds = {"network and votes": round(time.monotonic() - started, 1)}
    chosen = {"no reference": []}
    chosen |= {f"{number} suggested": frames_given for number, frames_given in best.items()}
    chosen |= {f"{number} evenly spaced": evenly(len(frames), number) for number in NUMBERS}
    chosen["the middle of each shot"] = middles(frames)
    known = set(range(0, len(frames), given.every)).union(*chosen.values())
    truth = pictures(given.truth, known)
    if len(truth) < len(known):
        parser.error(f"{given.truth} has fewer frames than the {len(frames)} of {given.film}; give the same film")
    opaque = np.ones((info.height, info.width), np.float32)
    paints: dict[str, Mapping[int, Paint]] = {
        name: {index: Paint(np.ascontiguousarray(color.rgb_to_lab(truth[index])[..., 1:]), opaque) for index in indices}
        for name, indices in chosen.items()
    }
    if given.other is not None:
        paints["a frame of another film"] = foreign(
            given.other, info, iter(frames), lambda sentence: print(sentence, file=sys.stderr)
        )
    started = time.monotonic()
    rows = []
    # Flow and products of matrices, which most of the time goes into, let other threads run.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        measured = pool.map(
            lambda painted: measure(finished(painter, info, frames, painted), info, truth, given.every), paints.values()
        )
        for (name, painted), figures in zip(paints.items(), measured, strict=True):
            rows.append({"references": name, "frames": list(painted), **figures})
            sys.stdout.write(
                f"{name:24} {len(painted):3} given {figures['psnr']:6.2f} dB RGB "
                f"{figures['chroma_psnr']:6.2f} dB chroma {figures['ciede2000']:5.2f} CIEDE2000\n"
            )
            sys.stdout.flush()
    seconds["references"] = round(time.monotonic() - started, 1)
    about = {"film": given.film.name, "frames": len(frames), "weights_sha256": checkpoint.load(given.weights).sha256}
    sys.stdout.write(json.dumps({**about, "rows": rows, "seconds": seconds}) + "\n")


if __name__ == "__main__":
    main()
