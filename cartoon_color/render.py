"""One film in, one colored film out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cartoon_color import checkpoint, color
from cartoon_color.config import EncoderSettings
from cartoon_color.device import DeviceName, choose_device, fast_dtype
from cartoon_color.errors import OutputError, SettingsError, TruncatedError
from cartoon_color.frames import Frame, Luma, VideoInfo
from cartoon_color.stages.colorize import Colorize
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.shots import DetectShots
from cartoon_color.streams import Stage, chain, prefetched
from cartoon_color.variants import Colorizer
from cartoon_color.variants.ensemble import MeanEnsemble
from cartoon_color.video import Writer, probe, read

READ_AHEAD = 8
"""Frames decoded before they are asked for."""

Ensemble = Literal["mean"]


@dataclass(frozen=True)
class RenderSummary:
    """What became of a film."""

    source: Path
    output: Path
    frames: int
    drawings: int
    """Frames that went through the network; the others are held."""
    frames_lost: int | None
    """Frames missing where a truncated film was colored up to its break; 0 for a whole film, None if unknown."""
    seconds: float
    variants: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON takes them, with the speed."""
        return {
            **asdict(self),
            "source": str(self.source),
            "output": str(self.output),
            "frames_per_second": round(self.frames / self.seconds, 2) if self.seconds else None,
        }


def output_paths(films: Sequence[Path], output: Path | None) -> list[Path]:
    """Where the colored films go: `NAME.color.mkv` beside each, or in the folder `output`, or the file `output`.

    Raises:
        OutputError: Several films for one file, or two films for one name.
    """
    if output is None:
        paths = [film.with_name(f"{film.stem}.color.mkv") for film in films]
    elif output.is_dir() or str(output).endswith(os.sep):
        paths = [output / f"{film.stem}.color.mkv" for film in films]
    elif len(films) == 1:
        paths = [output]
    else:
        raise OutputError(f"{len(films)} films can't all go to {output}; give a folder that exists, or one ending in /")
    twice = [path for path in paths if paths.count(path) > 1]
    if twice:
        raise OutputError(f"two films would be written to {twice[0]}; color them in two runs with different -o")
    return paths


class Painter:
    """Checkpoints made ready to color films, alone or as an ensemble."""

    def __init__(
        self, weights: Sequence[Path], *, ensemble: Ensemble | None = None, device: DeviceName = "auto"
    ) -> None:
        self.device = choose_device(device)
        self.dtype = fast_dtype(self.device)
        loaded = [checkpoint.load(path) for path in weights]
        models = [entry.model for entry in loaded]
        self.variants = tuple(model.variant.name for model in models)
        if len(models) > 1 and ensemble is None:
            raise SettingsError(
                f"{len(models)} weights were given ({', '.join(map(str, weights))}), which takes --ensemble mean; "
                "or give one of them"
            )
        sizes = {model.settings.input_size for model in models}
        if len(sizes) > 1:
            raise SettingsError(
                f"the weights see pictures of different sizes ({', '.join(map(str, sorted(sizes)))} pixels), "
                "so their mean is not defined; give weights of one input_size"
            )
        self.size = sizes.pop()
        members = [model.to(self.device).colorize for model in models]
        self.colorizer: Colorizer = members[0] if len(members) == 1 else MeanEnsemble(members)

    def stages(self, info: VideoInfo) -> list[Stage]:
        """From luma to chroma, for one film."""
        return [
            DetectShots(),
            MarkHeld(bit_depth=info.bit_depth),
            Colorize(
                self.colorizer,
                size=self.size,
                bit_depth=info.bit_depth,
                color_range=info.color_range,
                device=self.device,
                dtype=self.dtype,
            ),
        ]


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
        progress: Called after every frame with the frames done and, if known, the frames in all.

    Raises:
        InputError: The source can't be used.
        OutputError: The result can't be written; nothing of it is left.
    """
    started = time.monotonic()
    info = probe(source)
    ending = _Ending(keep_going)
    frames = drawings = 0
    with Writer(output, info, encoder, drop=drop, overwrite=overwrite) as writer:
        decoded = ending.guard(read(info, deinterlace=deinterlace))
        shown = -1
        for frame in chain(prefetched(decoded, READ_AHEAD), painter.stages(info)):
            if frame.drawing != shown:
                u, v = _planes(frame, info, writer)
                shown = frame.drawing
                drawings += 1
            writer.write(frame, u, v)
            frames += 1
            if progress is not None:
                progress(frames, info.frames)
    return RenderSummary(
        source, output, frames, drawings, ending.lost(info, frames), time.monotonic() - started, painter.variants
    )


def _planes(frame: Frame, info: VideoInfo, writer: Writer) -> tuple[Luma, Luma]:
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


class _Ending:
    """Remembers whether a film ended or broke off."""

    def __init__(self, keep_going: bool) -> None:
        self.keep_going = keep_going
        self.broken = False

    def guard(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        try:
            yield from frames
        except TruncatedError:
            if not self.keep_going:
                raise
            self.broken = True

    def lost(self, info: VideoInfo, frames: int) -> int | None:
        if not self.broken:
            return 0
        return None if info.frames is None else max(0, info.frames - frames)
