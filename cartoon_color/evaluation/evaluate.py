"""The one pass over all films that measures and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import luma_of_rgb
from cartoon_color.dataset.index import read_rows
from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.evaluation.baselines import Baseline, baselines
from cartoon_color.evaluation.figures import cumulative_errors, training_curves
from cartoon_color.evaluation.report import report
from cartoon_color.evaluation.scores import Scores, Truth
from cartoon_color.evaluation.sheet import Moments, mosaic, tile
from cartoon_color.evaluation.sources import Source, name_sources, together
from cartoon_color.evaluation.tables import Result
from cartoon_color.frames import RGB
from cartoon_color.video import paint, probe
from cartoon_color.video.compose import compose, rgb_to_planes

FILM = "side_by_side.mkv"
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
        progress: Called with the number of frames read, and of all if it is known.

    Raises:
        InputError: Something can't be read, or the films' frames don't match.
        MissingExtraError: `out` is given and matplotlib is not installed.
        OutputError: Something can't be written.
    """
    if every < 1 or (size is not None and min(size) < 11):
        raise SettingsError(f"every must be at least 1 and the size at least 11x11, got {every} and {size}")
    for path in attached:
        if path.suffix not in (".png", ".csv") or not path.is_file():
            raise InputError(f"{path} can't be shown in a report; give .png and .csv files that are there")
    if index is not None and truth.is_dir():
        raise SettingsError(f"an index counts the frames of a film, but {truth} is a folder; leave the index out")
    known, prior = baselines(training)
    sources = name_sources(list(colorized))
    reference = Source(truth, truth.stem)
    kept = None if index is None else {row.index for row in read_rows(index) if row.decision == "kept"}
    run = _Pass(reference, sources, known, kept, size, every, progress)
    if out is None:
        for _ in run.frames():
            pass
        return run.result(prior)
    figures = training_curves(runs, _made(out)) if runs else []
    rate = PICTURE_RATE if truth.is_dir() else probe(truth).rate or Fraction(25)
    compose(_made(out) / FILM, (rgb_to_planes(frame) for frame in run.frames()), rate=rate / every)
    result = run.result(prior)
    figures += cumulative_errors({source.name: run.scores[source.name] for source in sources}, out)
    try:
        for name, text in result.tables().items():
            (out / name).write_text(text)
        grid = out / "grid.png"
        grid.write_bytes(cv2.imencode(".png", run.moments.grid(run.names)[..., ::-1])[1].tobytes())
        pictures = [path for path in [*figures, grid] if path.suffix == ".png"]
        (out / "report.html").write_text(report(result, pictures, FILM, attached))
    except OSError as error:
        raise OutputError(f"{out} can't be written ({error.strerror}); choose another folder with --out") from None
    return result


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} can't be made ({error.strerror}); choose another with --out") from None
    return folder


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
        progress: Callable[[int, int | None], None] | None,
    ) -> None:
        self._truth, self._sources, self._known, self._kept = truth, sources, known, kept
        self._size, self._every, self._progress = size, every, progress
        self.scores = {name: Scores() for name in [*(source.name for source in sources), *known, "truth"]}
        self.moments = Moments()
        self.names = ["input", *(source.name for source in sources), "truth"]
        self._shape = (0, 0)

    def frames(self) -> Iterator[RGB]:
        """Measure each frame, and give all inputs side by side."""
        total = None if self._truth.path.is_dir() else probe(self._truth.path).frames
        for number, (_, picture, others) in enumerate(together(self._truth, self._sources)):
            if self._progress is not None:
                self._progress(number + 1, total)
            if number % self._every:
                continue
            true, *scaled = (self._scaled(each) for each in (picture, *others))
            luma = luma_of_rgb(true, "bt601")
            tiles = [tile(shown) for shown in (_gray(luma), *scaled, true)]
            if self._kept is None or number in self._kept:
                self._measure(Truth(true), scaled, luma)
                self.moments.add(tiles)
            yield mosaic(self.names, tiles)
        if not self.scores["truth"].frames:
            raise SettingsError(f"none of the frames of {self._truth.path} was to be compared; choose others")

    def _measure(self, true: Truth, colored: list[RGB], luma: NDArray[np.uint8]) -> None:
        self._shape = true.rgb.shape[:2]
        for source, picture in zip(self._sources, colored, strict=True):
            self.scores[source.name].add(true, picture)
        for name, baseline in self._known.items():
            self.scores[name].add(true, paint(luma, baseline(luma)))
        self.scores["truth"].add(true, true.rgb)

    def result(self, prior: NDArray[np.float32] | None) -> Result:
        """What was measured."""
        results = {name: score.result(prior) for name, score in self.scores.items()}
        own = {source.name: results.pop(source.name) for source in self._sources}
        height, width = self._shape
        return Result(str(self._truth.path.name), self.scores["truth"].frames, (width, height), own, results)

    def _scaled(self, picture: RGB) -> RGB:
        if self._size is None or picture.shape[1::-1] == self._size:
            return picture
        return np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA), np.uint8)


def _gray(luma: NDArray[np.uint8]) -> RGB:
    return np.repeat(luma[..., None], 3, axis=-1)
