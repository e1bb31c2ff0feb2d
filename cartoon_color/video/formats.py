"""What FFmpeg's pixel formats mean for us: where luma lies, how deep it is, and how to reach it without loss.

Most formats keep Y in a plane of its own, which is taken as it is. Packed Y'CbCr is unpacked by swscale, which moves
bits and computes nothing there. RGB has no luma: it is computed here, in full range, rounded to the nearest code
(swscale's own is up to 1/256 too dark above 8 bits).
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


@dataclass(frozen=True, slots=True)
class Layout:
    """How to reach the luma of a pixel format."""

    name: str
    """FFmpeg's name of the format."""
    planar: str
    """Format with the same content, one little-endian plane a component, no alpha; equals `name` for such formats."""
    depth: int
    """Bits a luma sample, 8 to 16."""
    direct: bool
    """Whether plane 0 of the format holds luma and nothing else."""
    shift: int
    """Bits by which the codes in plane 0 stand too high."""
    dtype: str
    """NumPy's name of the type in plane 0, with its byte order."""
    rgb: bool
    """Whether luma has to be computed, in full range and with chroma planes of the same size."""
    gray: bool
    """Whether there is no color at all."""

    @property
    def luma_format(self) -> str:
        """FFmpeg's name of the format that frames have for the rest of the program."""
        return self.planar.replace("gbrp", "yuv444p") if self.rgb else self.name

    @property
    def full_by_default(self) -> bool:
        """Whether an unspecified range means full range."""
        return self.rgb or self.gray or self.name.startswith("yuvj")


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
    components = form.components
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
    direct = not rgb and components[0].bits >= 8 and all(part.plane != 0 for part in components[1:])
    tail = "" if depth == 8 else f"{depth}le"
    planar = f"gray{tail}" if gray else f"gbrp{tail}" if rgb else f"yuv{chroma}p{tail}"
    if name.startswith("yuvj"):
        # The same bytes as yuv4xxp; swscale would change the range.
        planar = name
    high = name.startswith(_HIGH_BITS) or "msb" in name
    return Layout(
        name=name,
        planar=planar,
        depth=depth,
        direct=direct,
        shift=16 - depth if high and depth > 8 else 0,
        dtype="u1" if depth == 8 else ">u2" if form.is_big_endian else "<u2",
        rgb=rgb,
        gray=gray,
    )


def plane(frame: av.VideoFrame, index: int = 0, dtype: str = "u1") -> NDArray[Any]:
    """Plane `index` of `frame` as (H, W) values of `dtype`: a copy, contiguous, in the machine's byte order."""
    source = frame.planes[index]
    line, height = source.line_size, source.height
    buffer: Any = source
    if line < 0:
        # Stored bottom-up: the buffer that PyAV offers starts at the lowest line and runs out of the memory behind it.
        buffer = (ctypes.c_uint8 * (-line * height)).from_address(source.buffer_ptr + line * (height - 1))
    values = np.frombuffer(buffer, dtype, count=abs(line) * height // np.dtype(dtype).itemsize)
    rows = values.reshape(height, -1)[:, : source.width]
    return (rows[::-1] if line < 0 else rows).astype(np.dtype(dtype).newbyteorder("="), order="C")


def to_planar(frame: av.VideoFrame, form: Layout) -> av.VideoFrame:
    """`frame` in the format `form.planar`; itself if it is in that format already.

    Raises:
        InputError: if swscale can't unpack the format.
    """
    if frame.format.name == form.planar:
        return frame
    try:
        return frame.reformat(
            format=form.planar,
            interpolation=_ACCURATE,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
        )
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"pixel format {form.name} can't be unpacked ({error}); convert the film to {form.planar} first"
        ) from error


def planes(frame: av.VideoFrame, form: Layout) -> list[NDArray[Any]]:
    """All components of `frame` but alpha, each (H, W) uint8 or uint16: Y, U, V; or Y; or R, G, B."""
    frame = to_planar(frame, form)
    parts = [plane(frame, index, "u1" if form.depth == 8 else "<u2") for index in range(1 if form.gray else 3)]
    # FFmpeg stores planar RGB as G, B, R.
    return [parts[2], parts[0], parts[1]] if form.rgb else parts


def luma(frame: av.VideoFrame, form: Layout, matrix: Matrix) -> Luma:
    """(H, W) uint8 or uint16 luma of `frame`: plane 0 as it is; for RGB the nearest codes in full range."""
    if form.rgb:
        parts = [part.astype(np.float32) for part in planes(frame, form)]
        codes = sum(np.float32(weight) * part for weight, part in zip(LUMA_WEIGHTS[matrix], parts, strict=True))
        exact = np.rint(codes)
        return exact.astype(np.uint8) if form.depth == 8 else exact.astype(np.uint16)
    if not form.direct:
        return _codes(to_planar(frame, form), form.depth)
    if form.depth == 8:
        return _codes(frame, 8)
    stored: NDArray[np.uint16] = plane(frame, 0, form.dtype)
    return stored >> np.uint16(form.shift) if form.shift else stored


def _codes(frame: av.VideoFrame, depth: int) -> Luma:
    values: Luma = plane(frame, 0, "u1" if depth == 8 else "<u2")
    return values
