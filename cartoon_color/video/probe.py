"""What a film is like, found out by decoding its first frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from cartoon_color.errors import InputError
from cartoon_color.frames import ColorRange, Matrix, StreamInfo, VideoInfo
from cartoon_color.video.formats import Layout, layout
from cartoon_color.video.source import codec_name, opened, video_stream

FIRST_FRAMES = 12
"""Frames that are decoded to learn about interlacing; the first ones of a film may be marked wrongly."""
FIRST_PACKETS = 2000
"""Packets after which a film without a decodable frame is given up."""
NTSC_LINES, SD_LINES = 486, 576
"""Up to these heights an unspecified matrix means BT.601, of 525 lines and of 625; above, BT.709."""
_MATRICES: dict[int, Matrix] = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 10: "bt2020"}
"""FFmpeg's AVColorSpace; 4 (FCC) and 7 (SMPTE 240M) differ from what stands here by less than 1 %."""
_DESCRIBED = {1: (1, 1), 5: (5, 6), 6: (6, 6)}
"""Primaries and transfer that go with a matrix, where they are unspecified, all as FFmpeg counts (ITU-T H.273, which
names BT.709, BT.601 of 625 lines and BT.601 of 525 lines); BT.2020 may be of either dynamic range, so it has none."""
_UNSPECIFIED = 2
_FULL = 2
_INTERLACED_ORDERS = range(2, 6)
"""FFmpeg's AVFieldOrder: top or bottom field first, coded or shown."""


def probe(path: Path) -> VideoInfo:
    """What the film at `path` is like.

    Raises:
        InputError: if it is missing, unreadable, no film, or of a kind that can't be colored.
    """
    path = Path(path)
    with opened(path) as container:
        stream = video_stream(container, path)
        first = _first_frames(container, stream, path)
        form = layout(first.pixel_format)
        matrix_code, matrix = _matrix(first.matrix_code, first.height, form, path)
        described = _DESCRIBED.get(matrix_code, (_UNSPECIFIED, _UNSPECIFIED))
        full = first.range_code == _FULL or (first.range_code == 0 and form.full_by_default) or form.rgb
        color_range: ColorRange = "full" if full else "limited"
        rate = stream.average_rate or stream.guessed_rate or None
        return VideoInfo(
            path=path,
            width=first.width,
            height=first.height,
            time_base=stream.time_base or Fraction(1, av.time_base),
            rate=rate,
            frames=_frames(container, stream, rate),
            sample_aspect=stream.sample_aspect_ratio or Fraction(1),
            rotation=first.rotation,
            pixel_format=form.luma_format,
            bit_depth=form.depth,
            color_range=color_range,
            matrix=matrix,
            color_primaries=described[0] if first.primaries == _UNSPECIFIED else first.primaries,
            color_transfer=described[1] if first.transfer == _UNSPECIFIED else first.transfer,
            interlaced=first.interlaced,
            video_stream=stream.index,
            other_streams=tuple(_describe(other) for other in container.streams if other.index != stream.index),
            # A range that follows from the format alone has to be written down, since the copy has another format.
            range_code=_FULL if full else first.range_code,
            matrix_code=matrix_code,
            converted_from=form.name if form.rgb else "",
            container=container.format.name,
        )


@dataclass(frozen=True, slots=True)
class _First:
    """What the first frames say; they know more than the container."""

    width: int
    height: int
    pixel_format: str
    range_code: int
    matrix_code: int
    primaries: int
    transfer: int
    rotation: int
    interlaced: bool


def _first_frames(container: InputContainer, stream: VideoStream, path: Path) -> _First:
    frames: list[av.VideoFrame] = []
    problem = ""
    try:
        for packet in islice(container.demux(stream), FIRST_PACKETS):
            try:
                frames += packet.decode()
            except av.FFmpegError as error:
                problem = f" ({error.strerror})"
            if len(frames) >= FIRST_FRAMES:
                break
    except av.FFmpegError as error:
        problem = f" ({error.strerror})"
    if not frames:
        raise InputError(
            f"{path}: no frame of stream {stream.index} ({codec_name(stream)}) can be decoded{problem}; "
            "the film is damaged or encrypted; try to play it, or copy it again"
        )
    head, context = frames[0], stream.codec_context
    return _First(
        width=head.width,
        height=head.height,
        pixel_format=head.format.name,
        range_code=int(head.color_range),
        matrix_code=int(head.colorspace),
        primaries=int(head.color_primaries),
        transfer=int(head.color_trc),
        # FFmpeg counts counter-clockwise; a player can only turn by quarters without resampling.
        rotation=round(-head.rotation / 90) % 4 * 90,
        interlaced=context.field_order in _INTERLACED_ORDERS or any(frame.interlaced_frame for frame in frames),
    )


def _matrix(code: int, height: int, form: Layout, path: Path) -> tuple[int, Matrix]:
    """The code to write and its meaning."""
    if not form.rgb and code in _MATRICES:
        return code, _MATRICES[code]
    if not form.rgb and code != _UNSPECIFIED and not form.gray:
        raise InputError(
            f"{path}: color matrix {code} (as FFmpeg counts) is not supported; allowed are BT.601, BT.709 and "
            "BT.2020; convert the film first"
        )
    # The copy names the matrix by which its chroma is computed, so that no reader has to guess, and maybe otherwise.
    guess = 6 if height <= NTSC_LINES else 5 if height <= SD_LINES else 1
    return guess, _MATRICES[guess]


def _frames(container: InputContainer, stream: VideoStream, rate: Fraction | None) -> int | None:
    if stream.frames:
        return int(stream.frames)
    if rate is None:
        return None
    if stream.duration and stream.time_base:
        return round(stream.duration * stream.time_base * rate)
    if container.duration and stream.time_base:  # of Matroska and NUT, which count it from 0
        before = max(0, stream.start_time or 0) * stream.time_base
        return max(0, round((Fraction(container.duration, av.time_base) - before) * rate))
    return None


def _describe(stream: Any) -> StreamInfo:
    title = stream.metadata.get("title", "") or stream.metadata.get("filename", "")
    return StreamInfo(
        index=stream.index,
        kind=stream.type or "unknown",
        codec=codec_name(stream),
        language=_printable(stream.metadata.get("language", "")),
        title=_printable(title),
    )


def _printable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
