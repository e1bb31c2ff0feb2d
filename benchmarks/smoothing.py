"""What votes, tracks and smoothing cost: all of render between the network's output and the chroma planes.

    python -m benchmarks.smoothing FILM [--frames 200] [--parts 20]

Film and output of the embedded weights are held in memory, 5 MB a drawing.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2

from cartoon_color import checkpoint, color
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.painter import Painter
from cartoon_color.stages.colorize import Colorize
from cartoon_color.streams import Stage, chain
from cartoon_color.video import probe, read


class Case:
    """Frames with their network's color and evidence, and what follows that."""

    def __init__(self, film: Path, frames: int) -> None:
        self._info: VideoInfo = probe(film)
        self._painter = Painter([checkpoint.default_weights()], device="cpu")
        before, _ = self._stages()
        self._frames: list[Frame] = list(islice(chain(read(self._info), before), frames))
        self.drawings = sum(not frame.held for frame in self._frames)

    def _stages(self) -> tuple[Sequence[Stage], Sequence[Stage]]:
        """Up to the network, and after it."""
        stages = self._painter.stages(self._info)
        colorize = next(place for place, stage in enumerate(stages) if isinstance(stage, Colorize))
        return stages[: colorize + 1], stages[colorize + 1 :]

    def run(self) -> None:
        """Make the chroma planes of every drawing."""
        info = self._info
        shape = -(-info.height // 2), -(-info.width // 2)
        depth, span, matrix = info.bit_depth, info.color_range, info.matrix
        for frame in chain(iter(self._frames), self._stages()[1]):
            if not frame.held and frame.chroma is not None:
                color.chroma_planes(frame.luma, frame.chroma, shape, bit_depth=depth, color_range=span, matrix=matrix)

    def cost(self, threads: int, repeats: int = 3) -> tuple[float, float]:
        """Milliseconds a drawing with so many threads of OpenCV: processor time and wall time, the least of some runs,
        the others being slower for reasons outside of the program."""
        cv2.setNumThreads(threads)
        self.run()  # what is compiled or made at first use
        costs = []
        for _ in range(repeats):
            wall, processor = time.perf_counter(), time.process_time()
            self.run()
            costs.append((time.process_time() - processor, time.perf_counter() - wall))
        processor, wall = (min(each) * 1000 / self.drawings for each in zip(*costs, strict=True))
        return processor, wall

    def parts(self, number: int) -> list[tuple[float, str]]:
        """The functions that take most of the processor time themselves, in milliseconds a drawing."""
        profile = cProfile.Profile(time.process_time)
        profile.runcall(self.run)
        parts = []
        for (path, line, name), (_, _, own, *_) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
            parts.append((1000 * own / self.drawings, f"{Path(path).name}:{line} {name}"))
        return sorted(parts, reverse=True)[:number]


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--parts", type=int, default=20)
    given = parser.parse_args()
    case = Case(given.film, given.frames)
    for threads in (1, 2):
        processor, wall = case.cost(threads)
        sys.stdout.write(f"{threads} threads: {processor:5.1f} ms of processor time a drawing, {wall:5.1f} ms wall\n")
    cv2.setNumThreads(1)
    for milliseconds, name in case.parts(given.parts):
        sys.stdout.write(f"{milliseconds:8.2f} {name}\n")


if __name__ == "__main__":
    main()
