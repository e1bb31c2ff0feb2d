"""Writing a film from nothing: drawn pictures, a sound and subtitles, into Matroska, the same bytes every time.

The picture is stored without loss (x264 at quantizer 0), so the luma of a color film and of its black-and-white copy
agree code by code. One thread and the bit-exact switches of the muxer (no random identifiers, no dates) make the file
a function of what goes in.
"""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av import AudioFrame, Packet, VideoFrame
from av.container import OutputContainer
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from cartoon_color.color import LUMA_WEIGHTS
from cartoon_color.errors import OutputError
from cartoon_color.files import replacing
from cartoon_color.frames import RGB

Planes = NDArray[np.uint8]
"""(3, H, W) Y', Cb, Cr codes of limited range, BT.601; or (H, W), luma alone, for a black-and-white film."""

_GROUP = 250
"""Frames between two key frames, at most."""
_REFERENCES = 4
"""Earlier pictures that a block may be copied from: a film whose grain repeats within so many frames stays small."""


@dataclass(frozen=True, eq=False, slots=True)
class Sound:
    """A sound track."""

    samples: NDArray[np.int16]
    """(N, 2), left and right."""
    rate: int
    """Samples a second."""


@dataclass(frozen=True, slots=True)
class Caption:
    """One subtitle."""

    start: Fraction
    """Seconds."""
    stop: Fraction
    """Seconds."""
    text: str


def rgb_to_planes(rgb: RGB) -> Planes:
    """Y', Cb, Cr of an sRGB picture: (H, W, 3) uint8 to (3, H, W) uint8, BT.601-7 limited range, rounded once."""
    red, green, blue = LUMA_WEIGHTS["bt601"]
    y = np.array([red, green, blue]) * 219 / 255
    cb = np.array([-red, -green, 1 - blue]) * 224 / 255 / (2 - 2 * blue)
    cr = np.array([1 - red, -green, -blue]) * 224 / 255 / (2 - 2 * red)
    matrix = np.column_stack([np.stack([y, cb, cr]), [16, 128, 128]])
    # In float: on uint8 OpenCV multiplies by coefficients that are rounded themselves.
    codes = cv2.transform(rgb.astype(np.float32), matrix.astype(np.float32))
    return np.ascontiguousarray(np.rint(codes).astype(np.uint8).transpose(2, 0, 1))


def compose(
    out: Path,
    pictures: Iterable[Planes],
    *,
    rate: Fraction,
    sound: Sound | None = None,
    captions: Sequence[Caption] = (),
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a Matroska film: `pictures` as lossless H.264, `sound` as FLAC, `captions` as SubRip.

    Color pictures become yuv444p; luma alone becomes yuv420p with neutral chroma. Raises OutputError where folder,
    size or muxer don't allow it. What stood at `out` before is replaced only by a film that is complete.
    """
    try:
        with (
            replacing(out) as part,
            av.open(str(part), "w", format="matroska", options={"fflags": "+bitexact"}) as container,
        ):
            container.metadata.update(metadata or {})
            tracks = [_picture_packets(container, pictures, rate)]
            if sound is not None:
                tracks.append(_sound_packets(container, sound))
            if captions:
                tracks.append(_caption_packets(container, captions))
            for packet in heapq.merge(*tracks, key=_decoding_time):
                container.mux_one(packet)
    except (av.FFmpegError, OSError) as error:
        raise OutputError(f"{out} can't be written: {error}; choose a folder that exists and has room") from error


def _decoding_time(packet: Packet[Any]) -> Fraction:
    if packet.dts is None:  # every encoder used here gives one
        raise OutputError(f"a packet of stream {packet.stream_index} has no time stamp")
    return packet.dts * packet.time_base


def _picture_packets(container: OutputContainer, pictures: Iterable[Planes], rate: Fraction) -> Iterator[Packet[Any]]:
    """Add the video stream at once, return its packets as an iterator (the muxer wants all streams up front)."""
    rest = iter(pictures)
    first = next(rest, None)
    if first is None:
        raise OutputError("a film needs at least one picture, got none")
    height, width = first.shape[-2:]
    if width % 2 or height % 2:
        raise OutputError(f"a film needs even width and height, got {width} x {height}")
    options = {
        "preset": "ultrafast",
        "qp": "0",
        "flags": "+bitexact",
        "x264-params": f"threads=1:cabac=1:ref={_REFERENCES}:bframes=0:keyint={_GROUP}:scenecut=40",
    }
    stream = container.add_stream("libx264", rate=rate, options=options)
    context = stream.codec_context
    context.width, context.height = width, height
    context.pix_fmt = "yuv444p" if first.ndim == 3 else "yuv420p"
    context.time_base = 1 / rate
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU601
    context.color_primaries = ColorPrimaries.SMPTE170M
    context.color_trc = ColorTrc.IEC61966_2_1

    def packets() -> Iterator[Packet[Any]]:
        for index, planes in enumerate(chain([first], rest)):
            frame = _video_frame(planes)
            frame.pts, frame.time_base = index, 1 / rate
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets()


def _video_frame(planes: Planes) -> VideoFrame:
    if planes.ndim == 3:
        return VideoFrame.from_ndarray(planes, format="yuv444p", channel_last=False)
    height, width = planes.shape
    neutral = np.full((height // 2, width), 128, np.uint8)
    return VideoFrame.from_ndarray(np.concatenate([planes, neutral]), format="yuv420p")


def _sound_packets(container: OutputContainer, sound: Sound) -> Iterator[Packet[Any]]:
    stream = container.add_stream("flac", rate=sound.rate, layout="stereo", options={"flags": "+bitexact"})
    stream.codec_context.format = "s16"
    step = sound.rate // 10

    def packets() -> Iterator[Packet[Any]]:
        for start in range(0, len(sound.samples), step):
            samples = np.ascontiguousarray(sound.samples[start : start + step]).reshape(1, -1)
            frame = AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = sound.rate, start, Fraction(1, sound.rate)
            yield from stream.encode(frame)
        yield from stream.encode(None)

    return packets()


def _caption_packets(container: OutputContainer, captions: Sequence[Caption]) -> Iterator[Packet[Any]]:
    # FFmpeg's own SubRip reader makes the packets, so that the muxer gets exactly what it gets from a file.
    source = av.open(io.BytesIO(subrip(captions).encode()), "r", format="srt")
    stream = container.add_stream_from_template(source.streams.subtitles[0])
    stream.metadata["language"] = "eng"

    def packets() -> Iterator[Packet[Any]]:
        with source:
            for packet in source.demux(subtitles=0):
                if packet.dts is not None:  # the last one is empty: it flushes decoders
                    packet.stream = stream
                    yield packet

    return packets()


def subrip(captions: Iterable[Caption]) -> str:
    """The text of an .srt file."""
    blocks = [f"{n}\n{_clock(c.start)} --> {_clock(c.stop)}\n{c.text}\n" for n, c in enumerate(captions, start=1)]
    return "\n".join(blocks)


def _clock(seconds: Fraction) -> str:
    milliseconds = round(seconds * 1000)
    hours, minutes = milliseconds // 3_600_000, milliseconds // 60_000 % 60
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000 % 60:02},{milliseconds % 1000:03}"
