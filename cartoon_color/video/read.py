"""Films as streams of frames: luma untouched, time stamps exact, nothing silently missing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from typing import TypeVar, cast

import av
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from cartoon_color.errors import InputError, TruncatedError
from cartoon_color.frames import RGB, Frame, VideoInfo
from cartoon_color.video.extent import missing_bytes
from cartoon_color.video.formats import Layout, layout, luma, to_planar
from cartoon_color.video.probe import FIRST_FRAMES
from cartoon_color.video.rgb import Planes
from cartoon_color.video.source import opened, reason

T = TypeVar("T")

TOLERANCE = Fraction(1)
"""Seconds by which a film may end before what its container promises: containers round, and count sound."""
_PROMISING = ("matroska", "mov", "avi")
"""Demuxers whose duration stands in the file; others estimate it from what is there."""
_BOTTOM_FIRST = (3, 4)
"""FFmpeg's AVFieldOrder BB and TB: the bottom field is shown first."""


def read(info: VideoInfo, *, deinterlace: bool = False) -> Iterator[Frame]:
    """All frames of a film, in the order of their showing.

    `luma` is (H, W) uint8 for 8 bits, else uint16, and exactly what the decoder gives; after deinterlacing (bwdif, one
    frame for a frame) it is the filter's. `pts` and `duration` are in ticks of `info.time_base`, as the film gives
    them; a frame without a time stamp follows its predecessor by that one's duration.

    Raises:
        InputError: at once, if the film is interlaced and `deinterlace` is not set; later, if size or format change.
        TruncatedError: after the last frame that could be decoded, if packets were damaged or the end is missing; the
            latter can be told for Matroska, MP4, MOV and AVI only (`extent`).
    """
    _check_fields(info, deinterlace)
    return (frame for frame, _ in _frames(info, deinterlace))


def read_color(info: VideoInfo, *, deinterlace: bool = False) -> Iterator[tuple[Frame, RGB]]:
    """As `read`, with the picture: (H, W, 3) uint8 sRGB, by the matrix and range of `info`."""
    return ((frame, planes.rgb) for frame, planes in read_planes(info, deinterlace=deinterlace))


def read_planes(info: VideoInfo, *, deinterlace: bool = False) -> Iterator[tuple[Frame, Planes]]:
    """As `read_color`, with what the picture is made from."""
    _check_fields(info, deinterlace)
    return ((frame, Planes.of(picture, frame.luma, info)) for frame, picture in _frames(info, deinterlace))


class Ending:
    """Remembers whether a film ended or broke off; lets the latter pass if `keep_going`."""

    def __init__(self, keep_going: bool) -> None:
        self.keep_going = keep_going
        self.broken = False

    def guard(self, frames: Iterator[T]) -> Iterator[T]:
        """The same frames, up to where the film breaks off.

        Raises:
            TruncatedError: if it does, and it isn't to be kept going.
        """
        try:
            yield from frames
        except TruncatedError:
            if not self.keep_going:
                raise
            self.broken = True

    def lost(self, info: VideoInfo, frames: int) -> int | None:
        """Frames that the film promises beyond the `frames` that came; None if it broke off without a promise."""
        if not self.broken:
            return 0
        return None if info.frames is None else max(0, info.frames - frames)


def _check_fields(info: VideoInfo, deinterlace: bool) -> None:
    if info.interlaced and not deinterlace:
        raise InputError(
            f"{info.path} is interlaced: a frame mixes the lines of two moments; allow one frame to be made of them "
            "with --deinterlace (bwdif), or deinterlace the film first"
        )


def _frames(info: VideoInfo, deinterlace: bool) -> Iterator[tuple[Frame, av.VideoFrame]]:
    form = layout(info.converted_from or info.pixel_format)
    with opened(info.path) as container:
        stream = _stream(container, info)
        pictures = _decoded(container, stream, info)
        if deinterlace:
            pictures = _deinterlaced(pictures, stream, form, info)
            form = layout(form.planar)
        # Where frames carry no time stamp (raw streams), or don't say how long they last, the rate has to tell.
        expected, lasting = 0, max(1, round(1 / (info.rate * info.time_base))) if info.rate else 1
        for index, picture in enumerate(pictures):
            pts = expected if picture.pts is None else picture.pts
            lasting = picture.duration or lasting
            expected = pts + lasting
            codes = luma(picture, form, info.matrix)
            yield Frame(codes, pts, info.time_base, index, duration=picture.duration or 0), picture


def _stream(container: InputContainer, info: VideoInfo) -> VideoStream:
    if info.video_stream >= len(container.streams):
        raise InputError(f"{info.path} has changed since it was looked at: stream {info.video_stream} is gone; repeat")
    stream = container.streams[info.video_stream]
    if not isinstance(stream, VideoStream) or stream.time_base != info.time_base:
        raise InputError(
            f"{info.path} has changed since it was looked at: stream {info.video_stream} is another; repeat"
        )
    stream.thread_type = "AUTO"
    return stream


def _decoded(container: InputContainer, stream: VideoStream, info: VideoInfo) -> Iterator[av.VideoFrame]:
    """Whatever can be decoded, then the error, if any.

    Damaged packets are passed over: what comes after them is often whole. Those before the first frame belong to a
    group of pictures whose start was cut away, and don't count.
    """
    ends = [0] * len(container.streams)
    delivered, damaged, broken = 0, 0, ""
    missing = missing_bytes(info.path, container.format.name)
    packets: Iterator[Packet[Stream] | None] = container.demux()
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError as error:
            packet, broken = None, f"reading stops with the error: {reason(error)}"
        if packet is not None:
            if packet.pts is not None:
                ends[packet.stream_index] = max(ends[packet.stream_index], packet.pts + (packet.duration or 0))
            # Empty packets would end the decoding; PyAV sends one for each stream, all with the number 0.
            if packet.stream_index != stream.index or not packet.size:
                continue
        try:
            pictures = stream.decode(cast("Packet[VideoStream] | None", packet))
        except av.EOFError:
            pictures = []
        except av.FFmpegError:
            pictures = []
            damaged += delivered > 0
        for picture in pictures:
            _check_picture(picture, delivered, info)
            delivered += 1
            yield picture
        if packet is None:
            break
    problems = [f"damaged packets are left out ({damaged})"] if damaged else []
    if broken or (broken := _missing_end(container, ends, missing)):
        problems.append(broken)
    if problems:
        raise TruncatedError(
            f"{info.path} is damaged or breaks off: {delivered} frames could be decoded, {' and '.join(problems)}; "
            "copy the film again, or take what is there with --keep-going"
        )


def _missing_end(container: InputContainer, ends: list[int], missing: int) -> str:
    """What is missing behind `ends`, the last time stamps of the streams in their ticks; empty if nothing.

    `missing` are the bytes that the file itself lacks.
    """
    if container.duration and container.format.name.startswith(_PROMISING):
        promised = Fraction(container.duration, av.time_base)
        reached = max(end * (stream.time_base or 0) for end, stream in zip(ends, container.streams, strict=True))
        if promised - reached > TOLERANCE:
            return f"the end is missing: {float(promised):.1f} s are promised, {float(reached):.1f} s are there"
    return f"the end is missing: the file is {missing} bytes shorter than it says" if missing else ""


def _check_picture(picture: av.VideoFrame, index: int, info: VideoInfo) -> None:
    name = info.converted_from or info.pixel_format
    if (picture.width, picture.height, picture.format.name) != (info.width, info.height, name):
        raise InputError(
            f"{info.path} changes at frame {index} from {info.width}x{info.height} {name} to "
            f"{picture.width}x{picture.height} {picture.format.name}; allowed is one size and format; "
            "cut the film there, or convert it"
        )


def _deinterlaced(
    pictures: Iterator[av.VideoFrame], stream: VideoStream, form: Layout, info: VideoInfo
) -> Iterator[av.VideoFrame]:
    """Each picture with its two fields made one, by FFmpeg's bwdif; time stamps stay.

    Frames that are marked as progressive pass unchanged, unless only the container says that the film is interlaced.
    """
    head = list(islice(pictures, FIRST_FRAMES))
    marked = any(picture.interlaced_frame for picture in head)
    every = info.interlaced and not marked
    parity = "auto" if not every else "bff" if stream.codec_context.field_order in _BOTTOM_FIRST else "tff"
    graph = Graph()
    source = graph.add(
        "buffer", width=str(info.width), height=str(info.height), pix_fmt=form.planar, time_base=str(info.time_base)
    )
    fields = graph.add("bwdif", mode="send_frame", parity=parity, deint="all" if every else "interlaced")
    graph.link_nodes(source, fields, graph.add("buffersink"))
    waiting: deque[tuple[int | None, int]] = deque()

    def pulled() -> Iterator[av.VideoFrame]:
        while True:
            try:
                picture = graph.vpull()
            except (av.BlockingIOError, av.EOFError):
                return
            # The filter counts time in half ticks; it gives one picture for each, in order.
            picture.pts, picture.duration = waiting.popleft()
            yield picture

    try:
        graph.configure()
        for picture in chain(head, pictures):
            waiting.append((picture.pts, picture.duration))
            graph.vpush(to_planar(picture, form))
            yield from pulled()
        graph.vpush(None)
        yield from pulled()
        if waiting:
            raise ValueError(f"{len(waiting)} frames are missing")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{info.path} can't be deinterlaced ({reason(error)}), {info.width}x{info.height} {info.pixel_format}; "
            "deinterlace it with another program first"
        ) from error
