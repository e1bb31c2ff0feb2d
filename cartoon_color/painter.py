"""What colors a film: weights, put together, and the stages around them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from cartoon_color import checkpoint
from cartoon_color.config import RefineSettings, SmoothSettings, Space
from cartoon_color.device import DeviceName, choose_device, fast_dtype
from cartoon_color.errors import SettingsError, WeightsError
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.memory import Memory, check_weights
from cartoon_color.palette import Palette
from cartoon_color.references import Paint, Reference, find_frames, seen_by_networks
from cartoon_color.stages.colorize import Colorize
from cartoon_color.stages.correct import Colors, Correct
from cartoon_color.stages.dedup import MarkHeld
from cartoon_color.stages.dissolve import MixDissolves
from cartoon_color.stages.motion import SharedMotion
from cartoon_color.stages.reference import FollowReferences
from cartoon_color.stages.shots import DetectShots
from cartoon_color.stages.smooth import Smooth
from cartoon_color.streams import Stage
from cartoon_color.variants import Colorizer, Model
from cartoon_color.variants.decoding import Decoded, Decoding
from cartoon_color.variants.ensemble import MaxEnsemble, MeanEnsemble
from cartoon_color.variants.folding import fold

if TYPE_CHECKING:
    from cartoon_color.stages.pictures import Pictures
    from cartoon_color.stages.vote import Voted

Smoothing = Literal["none", "flow", "tracks"]
Ensemble = Literal["mean", "max"]


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
        spline: bool = False,
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
            smooth = "none" if spline else "tracks" if refine is None and decoding == "annealed" else "flow"
        if smooth == "tracks" and refine is not None:
            raise SettingsError(
                "--refine and --smooth tracks both give regions their color; with --refine, take --smooth flow or none"
            )
        if spline and smooth != "none":
            raise SettingsError(
                f"--spline brings color to the film's size, and --smooth {smooth} holds it at a smaller one; "
                "with --spline, take --smooth none"
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
        self.spline = spline
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
        models = [fold(loaded.model) for loaded in checkpoints]
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
        if self.decoding == "annealed":
            return [self._guided(model) for model in models]
        without = [model.variant.name for model in models if model.head.name != "histogram"]
        if without:
            raise WeightsError(
                f"weights of the variant {without[0]} predict a, b without a histogram, so there is nothing to decode "
                f"by {self.decoding}; leave --decoding out, or give weights of another variant"
            )
        return [Decoded(self._guided(model), self.decoding) for model in models]

    @cached_property
    def colorizer(self) -> Colorizer:
        """The model, or the ensemble."""
        if len(self.members) == 1:
            return self.members[0]
        return MaxEnsemble(self.members) if self.ensemble == "max" else MeanEnsemble(self.members, space=self.space)

    @property
    def is_guided(self) -> bool:
        """Whether a network looks at the references, whatever they show."""
        return bool(self.references) and any(model.variant.references for model in self.models)

    def _guided(self, model: Model) -> Colorizer:
        """A model, with the references if it takes them, and telling what it sees if that is compared with anything."""
        tells = len(self.models) == 1 and model.variant.described is not None
        if self.memory is not None or (self.references and tells):
            return model.describe
        if not (self.references and model.variant.references):
            return model.colorize
        shown = torch.from_numpy(seen_by_networks(self.references, model.settings.input_size))
        return partial(model.colorize, references=shown[None].to(self.device))

    @property
    def variants(self) -> tuple[str, ...]:
        """Names, one for each of the weights."""
        return tuple(model.variant.name for model in self.models)

    @cached_property
    def pictures(self) -> Pictures | None:
        """Where the references' regions are looked for, whatever the references show; None if no network's colors are
        to be changed by them in all shots."""
        if not self.references or self.smooth != "tracks" or self.is_guided:
            return None
        from cartoon_color.stages.pictures import Pictures  # Numba takes half a second

        return Pictures(self.references, self.say or (lambda sentence: None))

    def find_references(self, info: VideoInfo, frames: Iterator[Frame]) -> Mapping[int, Paint]:
        """What the references paint, by frame, found in a pass over the film's `frames`."""
        otherwise = "it changes nothing, since only --smooth tracks takes paints from such a picture"
        if self.is_guided:
            otherwise = "the network looks at it all the same"
        elif self.pictures is not None:
            otherwise = "its paints are taken where regions are found again"
        return find_frames(self.references, info, frames, self.say or (lambda sentence: None), otherwise)

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
        corrections: Mapping[int, Colors] | None = None,
    ) -> list[Stage]:
        """As `stages`, for frames whose shots are known; `corrections` are the colors of their tracks, by shot."""
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
                    self.pictures,
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
        if corrections:
            holds.append(Correct(corrections, bit_depth=info.bit_depth, color_range=info.color_range))
        if self.smooth != "none":
            holds.append(MixDissolves(bit_depth=info.bit_depth, color_range=info.color_range))
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
            spline=self.spline,
        )
