"""The one pass over a film that looks at its colors and keeps nothing of a shot but numbers and one drawing."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.compare import png
from cartoon_color.errors import OutputError
from cartoon_color.files import write_atomically
from cartoon_color.frames import RGB, Chroma, Frame, Luma, VideoInfo
from cartoon_color.inspection.picture import draw_shot
from cartoon_color.inspection.timeline import Timeline
from cartoon_color.inspection.watch import full_range, watched
from cartoon_color.inspection.worklist import UNSURE, WORKLIST, ShotRow, to_csv
from cartoon_color.painter import Painter
from cartoon_color.render import READ_AHEAD
from cartoon_color.stages.vote import Voted
from cartoon_color.streams import prefetched
from cartoon_color.video import Ending, probe, read


@dataclass(frozen=True)
class InspectionSummary:
    """What was found in a film."""

    source: Path
    out: Path
    """Folder of the pictures and the work list."""
    frames: int
    drawings: int
    shots: int
    frames_lost: int | None
    """As in a render's summary."""
    confidence: float
    """0..1, mean over the film's drawings."""
    unsure: float
    """Share of the drawings' area that is below `UNSURE`, mean likewise."""
    seconds: float
    variants: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them."""
        return {
            "source": str(self.source),
            "worklist": str(self.out / WORKLIST),
            "frames": self.frames,
            "drawings": self.drawings,
            "shots": self.shots,
            "frames_lost": self.frames_lost,
            "confidence": round(self.confidence, 4),
            "unsure": round(self.unsure, 4),
            "seconds": round(self.seconds, 3),
            "variants": list(self.variants),
        }


def inspect(
    source: Path,
    out: Path,
    painter: Painter,
    *,
    deinterlace: bool = False,
    keep_going: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> InspectionSummary:
    """Color a film without writing it; draw a picture of each shot, and list the shots, least confident first.

    Args:
        source: Whatever FFmpeg decodes.
        out: Folder for `shot-NNNN.png` and `worklist.csv`; it is made if it isn't there.
        painter: What colors; its regions vote (smooth "tracks").
        deinterlace: Make one frame of the two fields of an interlaced film.
        keep_going: Look at a broken film up to where it breaks off.
        overwrite: Whether pictures and list of another inspection in `out` may be replaced.
        progress: Called after every frame with the frames done and, if known, the frames in all.

    Raises:
        InputError: The source can't be used.
        OutputError: `out` holds another inspection, or can't be written.
        WeightsError: The painter's weights can't be used.
    """
    started = time.monotonic()
    info = probe(source)
    ending = Ending(keep_going)
    decoded = prefetched(ending.guard(read(info, deinterlace=deinterlace)), READ_AHEAD)
    rows: list[ShotRow] = []
    frames = 0
    with closing(decoded):
        try:
            old = _old(out, overwrite=overwrite)
            colored = watched(decoded, painter, info)
            out.mkdir(parents=True, exist_ok=True)
            for path in old:
                path.unlink()
            shot: _Shot | None = None
            origin = Fraction(0)
            for frame, voted in colored:
                frames += 1
                if progress is not None:
                    progress(frames, info.frames)
                if frame.mixed:  # colored by what is around
                    continue
                if shot is None or frame.shot != shot.first.shot:
                    if shot is None:
                        origin = frame.pts * frame.time_base
                    else:
                        rows.append(shot.finish(out, origin))
                    shot = _Shot(frame, info)
                shot.add(frame, voted)
            if shot is not None:
                rows.append(shot.finish(out, origin))
            write_atomically(out / WORKLIST, to_csv(rows).encode())
        except OSError as error:
            raise OutputError(f"{out} can't be written ({error.strerror}); choose another folder with --out") from None
    drawings = sum(row.drawings for row in rows)
    return InspectionSummary(
        source,
        out,
        frames,
        drawings,
        len(rows),
        ending.lost(info, frames),
        sum(row.confidence * row.drawings for row in rows) / max(1, drawings),
        sum(row.unsure * row.drawings for row in rows) / max(1, drawings),
        time.monotonic() - started,
        painter.variants,
    )


def _old(out: Path, *, overwrite: bool) -> list[Path]:
    """Pictures and list of another inspection."""
    old = [path for path in (out / WORKLIST, *sorted(out.glob("shot-*.png"))) if path.exists()]
    if old and not overwrite:
        raise OutputError(
            f"{out} holds another inspection ({old[0].name}); choose another --out, or replace it with --overwrite"
        )
    return old


@dataclass(frozen=True, eq=False, slots=True)
class _Shown:
    """The drawing that a shot's picture shows."""

    confidence: float
    position: int
    voted: Voted
    luma: NDArray[np.uint8]
    chroma: Chroma


class _Shot:
    """What is kept of a shot."""

    def __init__(self, first: Frame, info: VideoInfo) -> None:
        self.first = first.with_(chroma=None)
        self._last = first.index
        self._info = info
        self._timeline = Timeline()
        self._pixels = self._confidence = self._unsure = 0.0
        self._shown: _Shown | None = None

    def add(self, frame: Frame, voted: Voted | None) -> None:
        """The next frame, in its final chroma, with what the vote made of its drawing unless that is held."""
        self._last = frame.index
        if voted is None:
            return
        size = voted.gray.shape[::-1]
        luma = full_range(cast(Luma, cv2.resize(frame.luma, size, interpolation=cv2.INTER_AREA)), self._info)
        chroma = np.asarray(cv2.resize(cast(Chroma, frame.chroma), size, interpolation=cv2.INTER_AREA), np.float32)
        drawn = voted.confidence[voted.tracks > 0]
        self._pixels += drawn.size
        self._confidence += float(drawn.sum(dtype=np.float64))
        self._unsure += int(np.count_nonzero(drawn < UNSURE))
        confidence = float(drawn.mean(dtype=np.float64)) if drawn.size else 1.0
        if self._shown is None or confidence < self._shown.confidence:
            self._shown = _Shown(confidence, self._timeline.drawings, voted, luma, chroma)
        self._timeline.add(voted.tracks, luma, chroma)

    def finish(self, out: Path, origin: Fraction) -> ShotRow:
        """Draw the shot's picture into `out`, and give its row; `origin` is the time of the film's first frame."""
        if self._shown is None:
            raise ValueError(f"shot {self.first.shot} has no drawing")
        drawn = max(1.0, self._pixels)
        row = ShotRow(
            self.first.shot,
            self.first.index,
            self._last,
            self.first.pts * self.first.time_base - origin,
            self._timeline.drawings,
            self._confidence / drawn if self._pixels else 1.0,
            self._unsure / drawn,
            self._shown.voted.drawing,
        )
        write_atomically(out / row.picture, png(self._draw(row, self._shown)))
        return row

    def _draw(self, row: ShotRow, shown: _Shown) -> RGB:
        minutes, seconds = divmod(float(row.start_seconds), 60)
        titles = (
            f"Shot {row.shot} at {minutes:.0f}:{seconds:04.1f}, frames {row.first_frame} to {row.last_frame}: "
            f"confidence {row.confidence:.2f}, unsure {100 * row.unsure:.0f} %. "
            f"Shown: frame {row.shown_frame}, the least confident ({shown.confidence:.2f})",
            f"Color of the {len(self._timeline.rows())} largest tracks in {row.drawings} drawings "
            "(numbers as in the regions; the mark is the drawing shown above)",
        )
        aspect = self._info.sample_aspect
        return draw_shot(titles, shown.voted, shown.luma, shown.chroma, self._timeline, shown.position, aspect)
