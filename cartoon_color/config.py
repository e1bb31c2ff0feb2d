"""Frozen settings with their defaults, which live here and nowhere else.

The docstring under a field is the help that the command line prints for it.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Literal

from cartoon_color.errors import SettingsError

Views = Literal["film", "thesis"]
Segmentation = Literal["regiongrow", "felzenszwalb"]
Clusters = Literal["2", "elbow"]
Rest = Literal["keep", "nearest"]
Space = Literal["lab", "rgb"]


def help_of(settings: type, name: str) -> str:
    """The docstring under a field, on one line, for the command line's help."""
    for field_, docstring in pairwise(_bodies(settings.__module__)[settings.__name__]):
        match field_, docstring:
            case ast.AnnAssign(target=ast.Name(id=found)), ast.Expr(value=ast.Constant(value=str(text))) if (
                found == name
            ):
                return " ".join(text.split())
    raise LookupError(f"{settings.__name__}.{name} has no docstring")


@cache
def _bodies(module: str) -> dict[str, list[ast.stmt]]:
    """The statements of each class of a module, by name. Parsed once, since `--help` asks for every option."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node.body for node in tree.body if isinstance(node, ast.ClassDef)}


def _too_low(settings: object, least: Mapping[str, float]) -> list[str]:
    """A sentence for each field below its least value, or no number."""
    return [
        f"{name} must be at least {low}, not {getattr(settings, name)}"
        for name, low in least.items()
        if not getattr(settings, name) >= low
    ]


def _check(kind: str, problems: Sequence[str]) -> None:
    """SettingsError with all problems, if there are any."""
    if problems:
        raise SettingsError(f"{kind}: " + "; ".join(problems))


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """What a network is built from; stored with its weights."""

    width: float = 1.0
    """Factor on the number of channels of every layer."""
    temperature: float = 1.0
    """Of the annealed mean over the ab bins: 1 is the expectation, lower is livelier."""
    input_size: int = 256
    """Height and width in pixels of the pictures that the network sees; every film is resized to it."""

    def __post_init__(self) -> None:
        problems = []
        for name in ("width", "temperature"):
            if not 0 < getattr(self, name) < float("inf"):
                problems.append(f"{name} must be above 0, not {getattr(self, name)}")
        _check("network", problems + _too_low(self, {"input_size": 32}))


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How a network is trained."""

    epochs: int = 30
    """Passes over the training pictures; as many are the same budget for every variant."""
    batch: int = 16
    """Pictures that go through the network at once."""
    crop: int = 224
    """Height and width in pixels of the random crops."""
    views: Views = "film"
    """What training shows: film, gray as such a film may have it; or thesis, L* of the color's own CIELAB."""
    balance: float = 1.0
    """Share of each film in the pictures of an epoch: their number to this power; 1 shows each picture once, 0.5 keeps
    a long film from ruling, 0 draws as many from each film."""
    accumulate: int = 1
    """Batches per update; their gradients are averaged."""
    optimizer: Literal["adam", "adamw"] = "adamw"
    """Both with betas 0.9 and 0.999."""
    learning_rate: float = 2e-3
    """Peak rate of the optimizer."""
    schedule: Literal["cosine", "step"] = "cosine"
    """Of the rate: warmed up over the first 3 % of the updates, then lowered along half a cosine; or times 0.3 after
    half of the epochs (the thesis's 15 of 30)."""
    weight_decay: float = 0.05
    """Of AdamW."""
    average: float = 0.998
    """Decay per update of the moving average of the weights, which is what gets saved; 0 saves the weights
    themselves."""
    keep: Literal["best", "last"] = "best"
    """Which weights are the result: those after the epoch that colored the validation episodes best, where there are
    any; or those after the last epoch."""
    seed: int = 0
    """Of the initial weights, the order of the pictures, and their views."""
    workers: int = 2
    """Processes that read pictures; 0 reads in the training process."""

    def __post_init__(self) -> None:
        # Batch normalization needs two pictures.
        least = {
            "epochs": 1,
            "batch": 2,
            "accumulate": 1,
            "crop": 16,
            "weight_decay": 0,
            "average": 0,
            "seed": 0,
            "workers": 0,
        }
        problems = _too_low(self, least)
        if not self.average < 1:
            problems.append(f"average must be below 1, not {self.average}")
        if not 0 <= self.balance <= 1:
            problems.append(f"balance must lie between 0 and 1, not {self.balance}")
        if not self.learning_rate > 0:
            problems.append(f"learning_rate must be above 0, not {self.learning_rate}")
        _check("training", problems)


@dataclass(frozen=True, slots=True)
class CreditsProfile:
    """What a show's credits look like: text on a plain background (thesis 4.1.3; the numbers are Rumcajs's)."""

    background_hue: tuple[float, float] = (190.0, 260.0)
    """Least and greatest hue of the background in degrees."""
    background_saturation: float = 250.0
    """Least saturation of the background, of 255."""
    background_share: float = 0.8
    """The background holds more than this share of the pixels; 0.5 to 1."""
    text_hue: tuple[float, float] = (190.0, 250.0)
    """Least and greatest hue of the text in degrees."""
    text_saturation: float = 120.0
    """Greatest saturation of the text, of 255."""

    def __post_init__(self) -> None:
        problems = []
        for name in ("background_hue", "text_hue"):
            low, high = getattr(self, name)
            if not 0 <= low < high <= 360:
                problems.append(f"{name} must be two rising degrees within 0 to 360, not {[low, high]}")
        for name in ("background_saturation", "text_saturation"):
            if not 0 < getattr(self, name) < 255:
                problems.append(f"{name} must lie between 0 and 255, not {getattr(self, name)}")
        if not 0.5 < self.background_share < 1:
            problems.append(f"background_share must lie between 0.5 and 1, not {self.background_share}")
        _check("credits", problems)


@dataclass(frozen=True, slots=True)
class ShotSettings:
    """When a change of the picture counts as a cut; measured on luma thumbnails of 64x48, in 8-bit codes."""

    ratio: float = 3.0
    """How many times more the picture has to change than it does in the frames around."""
    change: float = 10.0
    """Least mean absolute difference across a cut."""
    histogram: float = 3.0
    """Least distance between the luma histograms across a cut: the mean shift of a pixel in rank order."""
    correlation: float = 0.75
    """Pictures that correlate by this much or more are the same picture, whatever their brightness."""
    share: float = 0.4
    """Where this share of the pixels changes by more than 12 codes, the histograms may be alike."""
    min_length: int = 6
    """Frames before the next cut is looked for."""

    def __post_init__(self) -> None:
        names = ("ratio", "change", "histogram", "correlation", "share", "min_length")
        _check(
            "shots",
            [f"{name} must be above 0, not {getattr(self, name)}" for name in names if not getattr(self, name) > 0],
        )


@dataclass(frozen=True, slots=True)
class HeldSettings:
    """When a frame repeats the drawing before it."""

    threshold: float = 64.0
    """Greatest mean squared luma difference, in 8-bit codes, of any block to the first frame of the drawing."""
    block: int = 16
    """Height and width of a block in pixels."""

    def __post_init__(self) -> None:
        _check("held frames", _too_low(self, {"threshold": 0, "block": 1}))


@dataclass(frozen=True, slots=True)
class SmoothSettings:
    """How color is held along the motion of a shot."""

    drawings: int = 24
    """Drawings that are looked at together; results are given out by the half."""
    frames: int = 48
    """Most frames that wait for that; bounds the memory where drawings are held for long."""
    memory: float = 16.0
    """Drawings that the mean remembers, in each direction."""
    likeness: float = 12.0
    """Difference in lightness, of 255, at which a pixel of the next drawing counts by 1/e."""

    def __post_init__(self) -> None:
        _check("smoothing", _too_low(self, {"drawings": 2, "frames": 2, "memory": 1, "likeness": 0.1}))


@dataclass(frozen=True, slots=True)
class PaletteSettings:
    """How the paints of a show are learned."""

    paints: int = 32
    """Most paints to be told apart."""
    apart: float = 5.0
    """CIEDE2000 below which two paints are one."""

    def __post_init__(self) -> None:
        _check("palette", _too_low(self, {"paints": 1, "apart": 0}))


@dataclass(frozen=True, slots=True)
class ExtractSettings:
    """How training pictures are taken out of an episode (thesis 4.1)."""

    threshold: float = 20.0
    """A frame is kept when its mean squared difference to the last kept frame exceeds this (thesis eq. 4.1)."""
    channels: Literal["rgb", "luma"] = "rgb"
    """What is compared: 8-bit RGB, the mean being over pixels and channels, or luma in 8-bit codes."""
    size: int = 256
    """Height and width of the training pictures in pixels; the aspect ratio of the film is not kept."""
    fade_keep: int = 3
    """Frames that are left of a fade of the cartoon beside credits."""
    allow_gray: bool = False
    """Whether an episode without color is accepted."""
    deinterlace: bool = False
    """Whether an interlaced episode is accepted, and one frame made of two fields (bwdif)."""
    shots: ShotSettings = field(default_factory=ShotSettings)

    def __post_init__(self) -> None:
        problems = _too_low(self, {"threshold": 0, "size": 16, "fade_keep": 0})
        if self.channels not in ("rgb", "luma"):
            problems.append(f"channels must be rgb or luma, not {self.channels}")
        _check("extract", problems)


@dataclass(frozen=True, slots=True)
class RefineSettings:
    """How each region of a drawing gets one color (thesis section 8.4.1)."""

    method: Segmentation = "regiongrow"
    """Give each region one color; regions are found by growing them from seeds, or by merging pixels in a graph
    (Felzenszwalb and Huttenlocher), which leaks less where edges are faint."""
    clusters: Clusters = "2"
    """Of how many clusters of a region's colors the largest gives its color: 2, or as many as the elbow rule says,
    which takes ten times as long."""
    rest: Rest = "keep"
    """What pixels in no region (lines, fine detail) get: their own color, or that of the nearest region."""
    members: bool = False
    """Refine what each of several weights predicts before the mean is taken, not the mean itself."""


Codec = Literal["x264", "x265", "svtav1", "ffv1", "prores"]


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """How the colored film is encoded; checked against the codec and the film when the output is opened."""

    codec: Codec = "x264"
    """x264, x265, svtav1 (small files), ffv1 (lossless) or prores (editing)."""
    crf: int | None = None
    """Quality, lower is better and larger; unset: 16 for x264, 18 for x265, 22 for svtav1. Not for ffv1 and prores."""
    preset: str | None = None
    """Speed against size; unset: medium for x264 and x265, 6 for svtav1; for prores the profile, by subsampling."""
    pixel_format: str | None = None
    """FFmpeg's name of the pixel format; unset: depth and subsampling of the source, 4:2:0 where that is enough."""
