"""One film in, one colored film out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from cartoon_color import checkpoint, color
from cartoon_color.config import EncoderSettings, RefineSettings, SmoothSettings, Space
from cartoon_color.device import DeviceName, choose_device, fast_dtype
from cartoon_color.errors import OutputError, SettingsError, WeightsError
from cartoon_color.frames import Frame, Luma, VideoInfo
from cartoon_color.memory import Memory, check_weights
from cartoon_color.palette import Palette
from cartoon_color.references import Paint, Reference, find_frames
from cartoon_color.stages.colorize import Colorize
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.motion import SharedMotion
from cartoon_color.stages.reference import FollowReferences
from cartoon_color.stages.shots import DetectShots
from cartoon_color.stages.smooth import Smooth
from cartoon_color.streams import Stage, chain, prefetched
from cartoon_color.variants import Colorizer, Model
from cartoon_color.variants.decoding import Decoded, Decoding
from cartoon_color.variants.ensemble import MaxEnsemble, MeanEnsemble
from cartoon_color.video import Ending, Writer, probe, read

if TYPE_CHECKING:
    from cartoon_color.stages.vote import Voted

READ_AHEAD = 8
"""Frames decoded before they are asked for."""

Smoothing = Literal["none", "flow", "tracks"]
Ensemble = Literal["mean", "max"]


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


class Painter:
    """Checkpoints that color films, alone or as an ensemble.

    They are loaded when the first film needs them, so what is wrong with films and outputs is told before.
    """

    def __init__(
        self,
        weights: Sequence[Path],
        *,
        ensemble: Ensemble | None = None,
        space: Space = "lab",
        refine: RefineSettings | None = None,
        smooth: Smoothing | None = None,
        palette: Palette | None = None,
        memory: Memory | None = None,
        decoding: Decoding = "annealed",
        references: Sequence[Reference] = (),
        device: DeviceName = "auto",
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Choose what to load, how it is put together, refined and held; `say` is told what is left out.

        Raises:
            SettingsError: Several weights but no way to put them together, settings that don't go together, or a
                device that isn't there.
        """
        if len(weights) > 1 and ensemble is None:
            raise SettingsError(
                f"{len(weights)} weights were given ({', '.join(map(str, weights))}), which takes --ensemble mean "
                "or max; or give one of them"
            )
        if ensemble != "mean" and (space != "lab" or (refine is not None and refine.members)):
            raise SettingsError(
                "--ensemble-space rgb and --refine-members say how a mean is taken; give --ensemble mean with them"
            )
        if smooth is None:
            smooth = "tracks" if refine is None and decoding == "annealed" else "flow"
        if smooth == "tracks" and refine is not None:
            raise SettingsError(
                "--refine and --smooth tracks both give regions their color; with --refine, take --smooth flow or none"
            )
        if palette is not None and smooth != "tracks":
            raise SettingsError("--palette is what regions vote for; give it with --smooth tracks and without --refine")
        if memory is not None and (smooth != "tracks" or decoding != "annealed" or len(weights) > 1):
            raise SettingsError(
                "--memory tells regions what to vote for, as one network describes them; give it with --smooth tracks, "
                "with one of the weights, and without --refine and --decoding"
            )
        self.weights = weights
        self.ensemble = ensemble
        self.space: Space = space
        self.refine = refine
        self.smooth: Smoothing = smooth
        self.palette = palette
        self.memory = memory
        self.decoding = decoding
        self.references = references
        self.say = say
        self.device = choose_device(device)
        self.dtype = fast_dtype(self.device)

    @cached_property
    def models(self) -> list[Model]:
        """One for each of the weights, on the device.

        Raises:
            WeightsError: Weights that can't be used, or not together.
        """
        checkpoints = [checkpoint.load(path) for path in self.weights]
        if self.memory is not None:
            check_weights(self.memory, checkpoints[0].sha256)
        models = [loaded.model for loaded in checkpoints]
        sizes = {model.settings.input_size for model in models}
        if len(sizes) > 1:
            raise WeightsError(
                f"the weights see pictures of different sizes ({', '.join(map(str, sorted(sizes)))} pixels), "
                "so they can't be put together; give weights of one input_size"
            )
        return [model.to(self.device) for model in models]

    @cached_property
    def members(self) -> list[Colorizer]:
        """What colors: each model, but for a maximum those that predict histograms.

        Raises:
            WeightsError: A maximum, or another decoding, of weights without histograms.
        """
        models = self.models
        if self.ensemble == "max":
            models = [model for model in models if model.head.name == "histogram"]
            bare = ", ".join(model.variant.name for model in self.models if model not in models)
            if not models:
                raise WeightsError(f"--ensemble max compares histograms, and {bare} predict none; take --ensemble mean")
            if bare and self.say is not None:
                self.say(f"Left out of --ensemble max, which compares histograms: {bare}.")
        if self.memory is not None:
            return [model.describe for model in models]
        if self.decoding == "annealed":
            return [model.colorize for model in models]
        without = [model.variant.name for model in models if model.head.name != "histogram"]
        if without:
            raise WeightsError(
                f"weights of the variant {without[0]} predict a, b without a histogram, so there is nothing to decode "
                f"by {self.decoding}; leave --decoding out, or give weights of another variant"
            )
        return [Decoded(model.colorize, self.decoding) for model in models]

    @cached_property
    def colorizer(self) -> Colorizer:
        """The model, or the ensemble."""
        if len(self.members) == 1:
            return self.members[0]
        return MaxEnsemble(self.members) if self.ensemble == "max" else MeanEnsemble(self.members, space=self.space)

    @property
    def variants(self) -> tuple[str, ...]:
        """Names, one for each of the weights."""
        return tuple(model.variant.name for model in self.models)

    def find_references(self, info: VideoInfo, frames: Iterator[Frame]) -> Mapping[int, Paint]:
        """What the references paint, by frame, found in a pass over the film's `frames`."""
        return find_frames(self.references, info, frames, self.say or (lambda sentence: None))

    def stages(
        self,
        info: VideoInfo,
        paints: Mapping[int, Paint] | None = None,
        watch: Callable[[Voted], None] | None = None,
    ) -> list[Stage]:
        """From luma to chroma, for one film.

        Args:
            info: The film.
            paints: What references say of its frames.
            watch: Called with what the vote made of each drawing, where regions vote.
        """
        return [DetectShots(bit_depth=info.bit_depth), *self.stages_after_shots(info, paints, watch)]

    def stages_after_shots(
        self,
        info: VideoInfo,
        paints: Mapping[int, Paint] | None = None,
        watch: Callable[[Voted], None] | None = None,
    ) -> list[Stage]:
        """As `stages`, for frames whose shots are known."""
        holds: list[Stage] = []
        shared = SharedMotion()
        after = SmoothSettings()
        if self.smooth == "tracks":
            from cartoon_color.stages.vote import AFTER, Vote  # Numba takes half a second

            after = AFTER
            holds.append(
                Vote(
                    self.palette,
                    self.memory,
                    bit_depth=info.bit_depth,
                    color_range=info.color_range,
                    shared=shared,
                    watch=watch,
                )
            )
        if paints:
            holds.append(FollowReferences(paints, bit_depth=info.bit_depth, color_range=info.color_range))
        if self.smooth != "none":
            holds.append(Smooth(after, bit_depth=info.bit_depth, color_range=info.color_range, shared=shared))
        return [MarkHeld(bit_depth=info.bit_depth), *self._colors(info), *holds]

    def _colors(self, info: VideoInfo) -> list[Stage]:
        """What gives each drawing its chroma."""
        if self.refine is None:
            return [self._colorize(self.colorizer, info)]
        from cartoon_color.stages.refine import Refine, RefineMembers  # Numba takes half a second

        refine = Refine(self.refine, bit_depth=info.bit_depth, color_range=info.color_range)
        if self.refine.members:
            members = [self._colorize(member, info) for member in self.members]
            return [RefineMembers(members, refine, space=self.space)]
        return [self._colorize(self.colorizer, info), refine]

    def _colorize(self, colorizer: Colorizer, info: VideoInfo) -> Colorize:
        return Colorize(
            colorizer,
            size=self.models[0].settings.input_size,
            bit_depth=info.bit_depth,
            color_range=info.color_range,
            device=self.device,
            dtype=self.dtype,
            evidence=self.smooth == "tracks",
        )


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
        closing(cast("Generator[Frame, None, None]", decoded)),
    ):
        shown = -1
        for frame in chain(decoded, painter.stages(info, paints)):
            if frame.drawing != shown:
                u, v = chroma_planes(frame, info, writer)
                shown = frame.drawing
                drawings += 1
            writer.write(frame, u, v)
            frames += 1
            if progress is not None:
                progress(frames, info.frames)
    return RenderSummary(
        source, output, frames, drawings, ending.lost(info, frames), time.monotonic() - started, painter.variants
    )


@contextmanager
def made_folder(folder: Path, *, make: bool) -> Iterator[None]:
    """Make `folder` if it isn't there; if then nothing comes into it, it doesn't stay."""
    new = make and not folder.exists()
    try:
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
