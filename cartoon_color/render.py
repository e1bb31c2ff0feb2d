"""One film in, one colored film out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cartoon_color import color
from cartoon_color.config import EncoderSettings
from cartoon_color.errors import OutputError
from cartoon_color.frames import Frame, Luma, VideoInfo
from cartoon_color.painter import Painter
from cartoon_color.references import Paint
from cartoon_color.streams import prefetched, side_by_side
from cartoon_color.video import Ending, Writer, probe, read

READ_AHEAD = 8
"""Frames decoded before they are asked for."""
_AHEAD = 4
"""Frames that a stage is ahead of the next one; behind the network, 5 MB each."""


@dataclass(frozen=True)
class RenderSummary:
    """What became of a film."""

    source: Path
    output: Path
    frames: int
    drawings: int
    """Frames that went through the network; the others are held."""
    frames_lost: int | None
    """Frames missing in the end, by the length that the film promises; 0 for a whole film, None if it doesn't say."""
    seconds: float
    variants: tuple[str, ...]
    times_rounded: bool = False
    """Whether the container of `output` can't hold all time stamps exactly (`Writer.rounds`)."""

    def to_json(self) -> dict[str, str | int | float | list[str] | None]:
        """The fields as JSON takes them, with the speed."""
        return {
            "source": str(self.source),
            "output": str(self.output),
            "frames": self.frames,
            "drawings": self.drawings,
            "frames_lost": self.frames_lost,
            "seconds": round(self.seconds, 3),
            "frames_per_second": round(self.frames / self.seconds, 2) if self.seconds else None,
            "variants": list(self.variants),
        }


def is_folder(output: str) -> bool:
    """Whether `output`, as the user wrote it, means a folder: one is there, or the name ends in a slash."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def output_paths(films: Sequence[Path], output: str | None) -> list[Path]:
    """Where the colored films go: `NAME.color.mkv` beside each, or in the folder `output`, or the file `output`.

    Raises:
        OutputError: Several films for one file, two films for one name, or an output that is to be read as well.
    """
    if output is None:
        paths = [film.parent / f"{film.stem}.color.mkv" for film in films]
    elif is_folder(output):
        paths = [Path(output) / f"{film.stem}.color.mkv" for film in films]
    elif len(films) == 1:
        paths = [Path(output)]
    else:
        raise OutputError(f"{len(films)} films can't all go to {output}; give a folder that exists, or one ending in /")
    # Path.resolve fails where links go in circles.
    sources, seen = {os.path.realpath(film) for film in films}, set()
    for path in paths:
        place = os.path.realpath(path)
        if place in seen:
            raise OutputError(f"two films would be written to {path}; color them in two runs with different -o")
        if place in sources:
            raise OutputError(f"{path} is both a film to color and an output; write to another place with -o")
        seen.add(place)
    return paths


def render(
    source: Path,
    output: Path,
    painter: Painter,
    encoder: EncoderSettings,
    *,
    drop: Collection[int] = (),
    deinterlace: bool = False,
    keep_going: bool = False,
    overwrite: bool = False,
    make_folder: bool = False,
    progress: Callable[[int, int | None], None] | None = None,
) -> RenderSummary:
    """Color a film; luma, time stamps and all other streams stay what they are.

    Args:
        source: Whatever FFmpeg decodes; a color film is colored from its luma alone.
        output: The colored film; its suffix chooses the container.
        painter: What colors.
        encoder: How the picture is encoded.
        drop: Streams of the source to leave out, by number.
        deinterlace: Make one frame of the two fields of an interlaced film.
        keep_going: Color a broken film up to where it breaks off.
        overwrite: Whether `output` may exist.
        make_folder: Whether the folder of `output` is made if it isn't there.
        progress: Called after every frame with the frames done and, if known, the frames in all.

    Raises:
        InputError: The source can't be used.
        OutputError: The result can't be written; nothing of it is left.
        SettingsError: `encoder` or `drop` are wrong.
        WeightsError: The painter's weights can't be used.
    """
    started = time.monotonic()
    info = probe(source)
    paints: Mapping[int, Paint] = {}
    if painter.references:
        with closing(cast("Generator[Frame, None, None]", read(info, deinterlace=deinterlace))) as seen:
            paints = painter.find_references(info, Ending(keep_going).guard(seen))
    ending = Ending(keep_going)
    decoded = prefetched(ending.guard(read(info, deinterlace=deinterlace)), READ_AHEAD)
    frames = drawings = 0
    with (
        made_folder(output.parent, make=make_folder),
        Writer(output, info, encoder, drop=drop, overwrite=overwrite) as writer,
        # However the film ends, the thread that decodes it is waited for.
        closing(decoded),
        side_by_side(decoded, painter.stages(info, paints), _AHEAD) as colored,
    ):
        shown = -1
        for frame in colored:
            if frame.drawing != shown:
                u, v = chroma_planes(frame, info, writer)
                shown = frame.drawing
                drawings += 1
            writer.write(frame, u, v)
            frames += 1
            if progress is not None:
                progress(frames, info.frames)
    lost, seconds = ending.lost(info, frames), time.monotonic() - started
    return RenderSummary(source, output, frames, drawings, lost, seconds, painter.variants, writer.rounds)


@contextmanager
def made_folder(folder: Path, *, make: bool) -> Iterator[None]:
    """Make `folder` if it isn't there; if then nothing comes into it, it doesn't stay."""
    try:
        new = make and not folder.exists()
        if make:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {folder} can't be made ({error.strerror}); choose another with -o") from None
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):
                folder.rmdir()
        raise


def chroma_planes(frame: Frame, info: VideoInfo, writer: Writer) -> tuple[Luma, Luma]:
    """U and V of a colored frame, as `writer` takes them."""
    if frame.chroma is None:
        raise ValueError(f"frame {frame.index} has no chroma")
    return color.chroma_planes(
        frame.luma,
        frame.chroma,
        writer.chroma_shape,
        bit_depth=info.bit_depth,
        color_range=info.color_range,
        matrix=info.matrix,
    )
