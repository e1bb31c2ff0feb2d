"""The types that everything else speaks of: a frame, and what a film is like."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W), code values exactly as decoded."""
Chroma = NDArray[np.float32]
"""(H, W, 2), CIELAB a and b (D65)."""
RGB = NDArray[np.uint8]
"""(H, W, 3), sRGB, full range."""

ColorRange = Literal["limited", "full"]
Matrix = Literal["bt601", "bt709", "bt2020"]


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


@dataclass(frozen=True, eq=False, slots=True)
class Description:
    """What a network sees in a drawing."""

    features: NDArray[np.float16]
    """(h, w, C) float16, at each place."""
    look: NDArray[np.float32]
    """(K,) float32, in the drawing as a whole."""


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture at one time stamp. Stages give it a shot, a drawing and chroma; its luma never changes."""

    luma: Luma
    """(H, W) uint8 or uint16 code values (10-bit films use 0..1023), as decoded; read-only."""
    pts: int
    """Presentation time stamp, in ticks of `time_base`."""
    time_base: Fraction
    """Length of a tick in seconds."""
    index: int
    """Position among the decoded frames, from 0."""
    duration: int = 0
    """In ticks; 0 where the source doesn't say."""
    shot: int = 0
    """Number of the shot, from 0, growing by 1 at each cut; a dissolve counts as a shot."""
    mixed: bool = False
    """Whether the frame is in a dissolve: a mixture of the shots before and after."""
    drawing: int = -1
    """Index of the frame that first showed this drawing; equals `index` unless the frame is held."""
    chroma: Chroma | None = None
    """(h, w, 2) float32 CIELAB a, b of the whole picture, at any size; None before colorization; read-only."""

    evidence: NDArray[np.float32] | None = None
    """(h, w, 313) float32, the network's probabilities over `color.AB_BINS` at its output size; None where no stage
    votes with them."""
    description: Description | None = None
    """What the network sees, with the first frame of a drawing; None where there are several, or it can't tell."""
    flat: NDArray[np.uint16] | None = None
    """At the size of `chroma`, (h, w): numbers of the regions that have one color each, 0 for what is painted; None
    where regions aren't told."""
    given: NDArray[np.float16] | None = None
    """(h, w) 0..1, likewise: how far `chroma` is what someone painted, and stays as it is; None where nobody did."""
    light: float = 1.0
    """0..1: by what a fade darkens the drawing, as a factor of a, b and of L* + 16. Stages hold colors as they are in
    full light, up to smoothing."""

    def __post_init__(self) -> None:
        if self.luma.ndim != 2 or self.luma.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"luma must be (H, W) uint8 or uint16, got {self.luma.shape = }, {self.luma.dtype = }")
        object.__setattr__(self, "luma", _read_only(self.luma))
        if self.drawing < 0:
            object.__setattr__(self, "drawing", self.index)
        if self.chroma is not None:
            if self.chroma.ndim != 3 or self.chroma.shape[2] != 2 or self.chroma.dtype != np.float32:
                raise ValueError(
                    f"chroma must be (h, w, 2) float32, got {self.chroma.shape = }, {self.chroma.dtype = }"
                )
            object.__setattr__(self, "chroma", _read_only(self.chroma))

    @property
    def held(self) -> bool:
        """Whether the frame repeats an earlier drawing."""
        return self.drawing != self.index

    def with_(self, **changes: Any) -> Frame:
        """A copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream of the source other than the one to color."""

    index: int
    """Number within the source, as FFmpeg counts."""
    kind: str
    """video, audio, subtitle, data or attachment."""
    codec: str
    """FFmpeg's name of the codec; empty if unknown."""
    language: str = ""
    """ISO 639 code as the source spells it; empty if not given."""
    title: str = ""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a film is like; everything here is carried over to its colored copy."""

    path: Path
    width: int
    height: int
    time_base: Fraction
    """Seconds a tick of the frames' time stamps."""
    rate: Fraction | None
    """Average frames per second; None where the container doesn't say. Never used for timing."""
    frames: int | None
    """As the container promises, or as duration and rate say; an estimate, for progress only."""
    sample_aspect: Fraction
    """Width of a sample over its height; 1 where the source doesn't say."""
    rotation: int
    """Clockwise degrees a player turns the picture: 0, 90, 180 or 270."""
    pixel_format: str
    """FFmpeg's name of the decoded format."""
    bit_depth: int
    """Bits a luma sample, 8 to 16."""
    color_range: ColorRange
    """Range of the luma codes; unspecified counts as full for gray formats and yuvj, else as limited."""
    matrix: Matrix
    """From Y'CbCr to R'G'B'; unspecified counts as BT.601 up to 576 lines, BT.709 above."""
    color_primaries: int
    """FFmpeg's code, carried over; where the source leaves it open, what goes with the matrix, if anything, else 2."""
    color_transfer: int
    """As `color_primaries`."""
    interlaced: bool
    video_stream: int
    """Number of the stream to color, as FFmpeg counts."""
    other_streams: tuple[StreamInfo, ...] = field(default=())
    range_code: int = 0
    """FFmpeg's code of the range (0 = unspecified), carried over."""
    matrix_code: int = 2
    """FFmpeg's code of `matrix`, carried over; where the source leaves it open, 6 or 5 (BT.601 of 525 or 625 lines) or
    1 (BT.709), by the height."""
    converted_from: str = ""
    """RGB format of a film stored as such: its luma is computed, in `pixel_format`. Empty for Y'CbCr and gray."""
    container: str = ""
    """FFmpeg's name of the source's container, e.g. "matroska,webm"."""
