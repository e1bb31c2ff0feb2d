"""The one pass over all films that measures and draws."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from cartoon_color import metrics
from cartoon_color.color import luma_of_rgb
from cartoon_color.compare import png, tile
from cartoon_color.dataset.index import read_rows
from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.evaluation.baselines import Baseline, baselines
from cartoon_color.evaluation.drawn import find_labels
from cartoon_color.evaluation.figures import cumulative_errors, load_pyplot, training_curves
from cartoon_color.evaluation.flicker import Flicker
from cartoon_color.evaluation.report import report
from cartoon_color.evaluation.scores import Picture, Scores, Truth
from cartoon_color.evaluation.sheet import TILE_HEIGHT, Moments, mosaic
from cartoon_color.evaluation.sources import Source, name_sources, together
from cartoon_color.evaluation.tables import Result
from cartoon_color.files import write_atomically
from cartoon_color.frames import RGB, Frame, Luma
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.shots import DetectShots
from cartoon_color.streams import chain
from cartoon_color.video import paint, probe
from cartoon_color.video.compose import compose, rgb_to_planes

FILM = "side_by_side.mkv"
TRUTH = "truth"
"""The name of the last row and column."""
PICTURE_RATE = Fraction(5)
"""Frames a second at which pictures of a folder follow each other."""


def evaluate(
    truth: Path,
    colorized: Sequence[Path],
    out: Path | None = None,
    *,
    training: Sequence[Path] = (),
    runs: Sequence[Path] = (),
    attached: Sequence[Path] = (),
    index: Path | None = None,
    size: tuple[int, int] | None = None,
    every: int = 1,
    flicker: bool = True,
    progress: Callable[[int, int | None], None] | None = None,
) -> Result:
    """Measure colorized films, or folders of pictures, against the truth; and baselines beside them.

    Args:
        truth: The film in color, or a folder of PNG files.
        colorized: Likewise, with the same frames.
        out: Folder for tables, figures, grid, film and report; None measures only.
        training: Extracted pictures of the training episodes, which the baselines and the prior are learned from.
        runs: Folders of `train`, whose curves are drawn.
        attached: Pictures (.png) and tables (.csv) that the report shows as well.
        index: Of the truth, from `extract`: only frames that it kept are compared; the film side by side has all.
        size: Width and height to compare at; the truth's own by default.
        every: Every n-th frame is compared, and is in the film side by side.
        flicker: Whether flicker and the colors of regions are measured, too, in all frames.
        progress: Called with the number of frames read, and of all if it is known.

    Raises:
        InputError: Something can't be read, or the films' frames don't match.
        MissingExtraError: `out` is given and matplotlib is not installed.
        OutputError: Something can't be written.
    """
    if every < 1:
        raise SettingsError(f"every must be at least 1, got {every}")
    for path in attached:
        if path.suffix not in (".png", ".csv") or not path.is_file():
            raise InputError(f"{path} can't be shown in a report; give .png and .csv files that are there")
    if index is not None and truth.is_dir():
        raise SettingsError(f"an index counts the frames of a film, but {truth} is a folder; leave the index out")
    if out is not None:
        load_pyplot()  # if it is missing, better told now than after the films
    figures = training_curves(runs) if out is not None and runs else {}
    kept = None if index is None else {row.index for row in read_rows(index) if row.decision == "kept"}
    known = baselines(training)
    sources = name_sources(colorized, [*known, TRUTH])
    run = _Pass(Source(truth, TRUTH), sources, known, kept, size, every, flicker, progress)
    if out is None:
        for _ in run.frames(draw=False):
            pass
        return run.result()
    try:
        out.mkdir(parents=True, exist_ok=True)
        rate = PICTURE_RATE if truth.is_dir() else probe(truth).rate or Fraction(25)
        compose(out / FILM, (rgb_to_planes(frame) for frame in run.frames(draw=True)), rate=rate / every)
        result = run.result()
        figures |= cumulative_errors({source.name: run.scores[source.name] for source in sources})
        figures["grid.png"] = png(run.moments.grid(run.names))
        files = {name: text.encode() for name, text in result.tables().items()} | figures
        shown = {name: content for name, content in figures.items() if name.endswith(".png")}
        files["report.html"] = report(result, shown, FILM, attached).encode()
        for name, content in files.items():
            write_atomically(out / name, content)
    except OSError as error:
        raise OutputError(f"{out} can't be written ({error.strerror}); choose another folder with --out") from None
    return result


class _Pass:
    """All sources, read once."""

    def __init__(
        self,
        truth: Source,
        sources: list[Source],
        known: dict[str, Baseline],
        kept: set[int] | None,
        size: tuple[int, int] | None,
        every: int,
        flicker: bool,
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        self._truth, self._sources, self._known, self._kept = truth, sources, known, kept
        self._size, self._every, self._progress = size, every, progress
        self.scores = {name: Scores() for name in [*(source.name for source in sources), *known, TRUTH]}
        self.flicker = Flicker(list(self.scores), TRUTH, find_labels(truth.path)) if flicker else None
        self.moments = Moments()
        self.names = ["input", *(source.name for source in sources), TRUTH]
        self._shape = (0, 0)

    def frames(self, *, draw: bool) -> Iterator[RGB]:
        """Measure each frame that counts; with `draw`, also give every n-th with all inputs side by side."""
        film = None if self._truth.path.is_dir() else probe(self._truth.path)
        total, aspect = (None, Fraction(1)) if film is None else (film.frames, film.sample_aspect)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for frame, picture, others in self._marked():
                if self._progress is not None:
                    self._progress(frame.index + 1, total)
                due = not frame.index % self._every
                counts = due and (self._kept is None or frame.index in self._kept)
                if counts or self.flicker is not None:
                    self._measure(pool, frame, counts, *(self._scaled(each) for each in (picture, *others)))
                if draw and due:
                    tiles = [tile(shown, TILE_HEIGHT, aspect) for shown in (_gray(frame.luma), *others, picture)]
                    if counts:
                        self.moments.add(tiles)
                    yield mosaic(self.names, tiles)
        if not self.scores[TRUTH].frames:
            raise SettingsError(f"none of the frames of {self._truth.path} was to be compared; choose others")

    def _marked(self) -> Iterator[tuple[Frame, RGB, list[RGB]]]:
        """All frames, with shots and drawings where they matter, told from the truth's luma; what a stage holds back,
        waits here in color."""
        waiting: deque[tuple[RGB, list[RGB]]] = deque()

        def lumas() -> Iterator[Frame]:
            for number, (_, picture, others) in enumerate(together(self._truth, self._sources)):
                waiting.append((picture, others))
                yield Frame(luma_of_rgb(picture, "bt601"), pts=number, time_base=Fraction(1), index=number)

        for frame in chain(lumas(), [] if self.flicker is None else [DetectShots(), MarkHeld()]):
            yield frame, *waiting.popleft()

    def _measure(self, pool: ThreadPoolExecutor, frame: Frame, counts: bool, picture: RGB, *colored: RGB) -> None:
        self._shape = picture.shape[:2]
        luma = luma_of_rgb(picture, "bt601")
        given = dict(zip(self.names[1:-1], colored, strict=True))
        true = Truth(picture) if counts else Picture(picture)

        def look(name: str) -> Picture:
            if name == TRUTH:
                return true
            return Picture(given[name] if name in given else paint(luma, self._known[name](luma)))

        # NumPy and OpenCV let other threads run meanwhile.
        pictures = dict(zip(self.scores, pool.map(look, self.scores), strict=True))
        if self.flicker is not None:
            self.flicker.add(frame, luma, pictures, pool)
        if isinstance(true, Truth):
            list(pool.map(lambda name: self.scores[name].add(true, pictures[name]), self.scores))

    def result(self) -> Result:
        """What was measured."""
        results = {name: score.result() for name, score in self.scores.items()}
        if self.flicker is not None:
            results = {name: values | self.flicker.result(name) for name, values in results.items()}
        own = {source.name: results.pop(source.name) for source in self._sources}
        height, width = self._shape
        return Result(str(self._truth.path.name), self.scores[TRUTH].frames, (width, height), own, results)

    def _scaled(self, picture: RGB) -> RGB:
        if self._size is not None and picture.shape[1::-1] != self._size:
            picture = np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA), np.uint8)
        if min(picture.shape[:2]) < metrics.SSIM_WINDOW:
            width, height = picture.shape[1::-1]
            raise SettingsError(f"pictures are compared at 11x11 pixels at least, not at {width}x{height}; use --size")
        return picture


def _gray(luma: Luma) -> RGB:
    return np.repeat(luma[..., None].astype(np.uint8), 3, axis=-1)
