"""What FFmpeg's pixel formats mean for us: where luma lies, how deep it is, and how to reach it without loss.

Planar and semi-planar formats are taken as they are. Packed ones are unpacked by swscale, which only moves bits there.
RGB has no luma: it is computed here, in full range, rounded to the nearest code (swscale's own is up to 1/256 too dark
above 8 bits).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av
import numpy as np
from av.video.format import VideoFormat
from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray

from cartoon_color.color import LUMA_WEIGHTS
from cartoon_color.errors import InputError
from cartoon_color.frames import Luma, Matrix

_ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

_SUBSAMPLING = {(8, 8): "444", (4, 8): "422", (4, 4): "420", (2, 8): "411", (8, 4): "440", (2, 2): "410"}
_HIGH_BITS = ("p0", "p2", "p4")
"""Semi-planar formats that store 10 or 12 bits in the high bits of 16, by the start of their names."""
_SWAPPED = ("nv21", "nv42")
"""Semi-planar formats with V before U."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How to reach the components of a pixel format."""

    name: str
    """FFmpeg's name of the format."""
    planar: str
    """Format with the same content, one little-endian plane a component; equals `name` for such formats."""
    depth: int
    """Bits a sample, 8 to 16."""
    places: tuple[tuple[int, int, int], ...]
    """Where Y, U, V, or Y, or R, G, B are stored: number of the plane, first value, step; empty for packed formats."""
    shift: int
    """Bits by which the stored codes stand too high."""
    dtype: str
    """NumPy's name of the stored type, with its byte order."""
    rgb: bool
    """Whether luma has to be computed, in full range and with chroma planes of the same size."""
    gray: bool
    """Whether there is no color at all."""

    @property
    def luma_format(self) -> str:
        """FFmpeg's name of the format that frames have for the rest of the program."""
        return f"yuv444p{_tail(self.depth)}" if self.rgb else self.name

    @property
    def full_by_default(self) -> bool:
        """Whether an unspecified range means full range."""
        return self.rgb or self.gray or self.name.startswith("yuvj")


def _tail(depth: int) -> str:
    return "" if depth == 8 else f"{depth}le"


def subsampling(name: str) -> str:
    """444, 422, 420, 411, 440 or 410: how chroma is subsampled in FFmpeg's format `name`; empty for other ways."""
    form = VideoFormat(name, 8, 8)
    return _SUBSAMPLING.get((form.chroma_width(), form.chroma_height()), "")


@lru_cache
def layout(name: str) -> Layout:
    """The layout of FFmpeg's format `name`.

    Raises:
        InputError: if luma is neither stored nor computable, e.g. for float formats.
    """
    # A size has to be given, else the chroma sizes are 0.
    form = VideoFormat(name, 8, 8)
    components = [part for part in form.components if not part.is_alpha]
    depth = max(8, components[0].bits) if components else 0
    chroma = subsampling(name)
    unsupported = not components or depth > 16 or not chroma or form.is_bayer or name.startswith("xyz")
    if unsupported or "f16" in name or "f32" in name:
        raise InputError(
            f"luma can't be taken from pixel format {name}; allowed are Y'CbCr, gray and RGB formats of 8 to 16 bits; "
            "convert the film first"
        )
    rgb = form.is_rgb or form.has_palette
    gray = not rgb and len(components) < 3
    places = () if form.has_palette else _places(name, form)
    shift = 16 - depth if depth > 8 and (name.startswith(_HIGH_BITS) or "msb" in name) else 0
    separate = bool(places) and all(step == 1 for _, _, step in places)
    stem = "gray" if gray else "gbrp" if rgb else f"yuv{chroma}p"
    return Layout(
        name=name,
        planar=name if separate and not shift and not form.is_big_endian else f"{stem}{_tail(depth)}",
        depth=depth,
        places=places,
        shift=shift,
        dtype="u1" if depth == 8 else ">u2" if form.is_big_endian else "<u2",
        rgb=rgb,
        gray=gray,
    )


def _places(name: str, form: VideoFormat) -> tuple[tuple[int, int, int], ...]:
    numbers = [part.plane for part in form.components]
    shown = [part.plane for part in form.components if not part.is_alpha]
    if form.components[0].bits < 8:
        return ()
    if len(set(numbers)) == len(numbers):
        return tuple((number, 0, 1) for number in shown)
    if numbers == [0, 1, 1]:
        first = 1 if name in _SWAPPED else 0
        return (0, 0, 1), (1, first, 2), (1, 1 - first, 2)
    return ()


def to_planar(frame: av.VideoFrame, form: Layout) -> av.VideoFrame:
    """`frame` in the format `form.planar`; itself if it is in that format already.

    Raises:
        InputError: if swscale can't unpack the format.
    """
    if frame.format.name == form.planar:
        return frame
    try:
        # One thread: several write over the ends of their lines, into each other's.
        return frame.reformat(
            format=form.planar,
            interpolation=_ACCURATE,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"pixel format {form.name} can't be unpacked ({error}); convert the film to {form.planar} first"
        ) from error


def component(frame: av.VideoFrame, form: Layout, index: int) -> NDArray[Any]:
    """Component `index` of `frame`, which is of the format `form`, without alpha.

    Returns:
        (H, W) codes, uint8 for 8 bits, else uint16, contiguous: a copy.
    """
    number, first, step = form.places[index]
    plane = frame.planes[number]
    line, height = plane.line_size, plane.height
    buffer: Any = plane
    if line < 0:
        # Stored bottom-up: the buffer that PyAV offers starts at the lowest line and runs out of the memory behind it.
        buffer = (ctypes.c_uint8 * (-line * height)).from_address(plane.buffer_ptr + line * (height - 1))
    kind = np.dtype(form.dtype)
    rows = np.frombuffer(buffer, kind, count=abs(line) * height // kind.itemsize).reshape(height, -1)
    values = (rows[::-1] if line < 0 else rows)[:, first : plane.width * step : step]
    codes = values.astype(kind.newbyteorder("="), order="C")
    return codes >> np.uint16(form.shift) if form.shift else codes


def planes(frame: av.VideoFrame, form: Layout) -> list[NDArray[Any]]:
    """All components of `frame` but alpha, each (H, W) uint8 or uint16: Y, U, V; or Y; or R, G, B."""
    if not form.places:
        frame, form = to_planar(frame, form), layout(form.planar)
    return [component(frame, form, index) for index in range(len(form.places))]


def luma(frame: av.VideoFrame, form: Layout, matrix: Matrix) -> Luma:
    """(H, W) uint8 or uint16 luma of `frame`: the stored codes; for RGB the nearest ones, in full range."""
    if form.rgb:
        parts = [part.astype(np.float32) for part in planes(frame, form)]
        exact = np.rint(sum(np.float32(w) * part for w, part in zip(LUMA_WEIGHTS[matrix], parts, strict=True)))
        return exact.astype(np.uint8) if form.depth == 8 else exact.astype(np.uint16)
    if not form.places:
        frame, form = to_planar(frame, form), layout(form.planar)
    codes: Luma = component(frame, form, 0)
    return codes
