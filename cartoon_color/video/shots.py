"""Films written shot by shot, so that a shot can be taken over from an earlier copy of the film, packet for packet."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, cast

import av
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from cartoon_color.video.source import opened, video_stream
from cartoon_color.video.write import DEFAULT_RATE, Writer

_DELAY = {"x264": 2, "x265": 2}
"""Frames by which packets are decoded before they are shown, at most: references among B-frames, in one pyramid. The
other codecs give pictures in the order of their showing."""
_WITH_LENGTHS = ("h264", "hevc")
"""Codecs whose units are marked by start codes (Annex B), or by their length where the container wants that."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A packet of the picture."""

    content: bytes
    pts: int
    key: bool
    """Whether decoding can start here."""


class ShotWriter(Writer):
    """As `Writer`, but each shot is encoded by itself, by an encoder of its own.

    So a shot's packets hang on its frames alone, and those of an earlier copy of the film can stand in for them.
    """

    _encoder: VideoCodecContext | None = None

    def _open(self) -> None:
        self._times: list[int] = []  # of all frames, in ticks of the source
        self._durations: dict[int, int] = {}  # of the frames of this shot, by their time
        self._packets = 0
        super()._open()

    @property
    def header(self) -> bytes:
        """What a decoder must know before the first packet; shots with different ones don't go into one film."""
        return bytes(self._stream.codec_context.extradata or b"")

    def begin_shot(self) -> None:
        """What is written from here on doesn't hang on what was before.

        Raises:
            OutputError: What was before can't be written.
        """
        self._end_shot()
        choice, info = self._choice, self._info
        encoder = cast("VideoCodecContext", av.CodecContext.create(choice.encoder.name, "w"))
        encoder.width, encoder.height = info.width, info.height
        encoder.time_base, encoder.framerate = info.time_base, info.rate or Fraction(DEFAULT_RATE)
        encoder.bit_rate = 0
        encoder.options = dict(choice.options)
        encoder.flags |= self._stream.codec_context.flags & Flags.global_header
        self._start(encoder)
        self._encoder = encoder

    def copy_shot(self, packets: Sequence[Coded], times: Sequence[tuple[int, int]]) -> None:
        """Append a shot that is encoded already.

        Args:
            packets: In the order of their decoding; one for each frame.
            times: Time stamp and duration of its frames, in ticks of the source, as these are shown.

        Raises:
            OutputError: They can't be written.
        """
        self._end_shot()
        self._note(times)
        exact = dict(zip(sorted(packet.pts for packet in packets), self._durations, strict=True))
        for coded in packets:
            packet: Packet[Any] = Packet(coded.content)
            packet.is_keyframe, packet.pts = coded.key, exact[coded.pts]
            self._place([packet])
        self._last = times[-1][0]

    def _encode(self, picture: av.VideoFrame | None) -> None:
        if picture is None:
            self._end_shot()
            return
        assert self._encoder is not None, "a shot must begin before its first frame is written"
        self._note([(cast(int, picture.pts), picture.duration)])
        self._place(self._encoder.encode(picture))

    def _end_shot(self) -> None:
        if self._encoder is not None:
            self._place(self._encoder.encode(None))
        self._encoder = None
        self._durations.clear()

    def _note(self, times: Iterable[tuple[int, int]]) -> None:
        for time, duration in times:
            if not self._times:
                rate = self._info.rate
                self._step = max(1, duration or (round(1 / (rate * self._info.time_base)) if rate else 1))
            self._times.append(time)
            self._durations[time] = duration

    def _place(self, packets: Iterable[Packet[Any]]) -> None:
        """Write packets, with decoding times that grow over all shots: those of showing, `_DELAY` frames earlier."""
        delay = _DELAY.get(self._codec, 0)
        info = self._info
        try:
            for packet in packets:
                place = self._packets - delay
                packet.dts = self._times[place] if place >= 0 else self._times[0] + place * self._step
                packet.duration = self._durations[cast(int, packet.pts)]
                packet.time_base, packet.stream = info.time_base, self._stream
                self._mux(packet)
                self._packets += 1
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error


def coded_shots(path: Path, lengths: Iterable[int]) -> Generator[list[Coded], None, None]:
    """The packets of a film written by `ShotWriter`, shot by shot, with start codes where the codec has them.

    Args:
        path: The film.
        lengths: Frames of each shot.

    Raises:
        InputError: It can't be read.
    """
    with opened(path) as container:
        stream = video_stream(container, path)
        header = bytes(stream.codec_context.extradata or b"")
        lengthy = stream.codec_context.name in _WITH_LENGTHS and header[:1] == b"\x01"
        packets = (
            Coded(_with_start_codes(bytes(packet)) if lengthy else bytes(packet), packet.pts, packet.is_keyframe)
            for packet in container.demux(stream)
            if packet.size and packet.pts is not None
        )
        for length in lengths:
            yield list(islice(packets, length))


def digest(packets: Sequence[Coded]) -> str:
    """A checksum of a shot's packets and of the order of their showing, whatever the times are."""
    order = {pts: place for place, pts in enumerate(sorted(packet.pts for packet in packets))}
    total = hashlib.sha256()
    for packet in packets:
        total.update(f"{order[packet.pts]} {packet.key} {len(packet.content)}\n".encode())
        total.update(packet.content)
    return total.hexdigest()


def _with_start_codes(content: bytes) -> bytes:
    """Units with start codes instead of lengths of 4 bytes, which is how FFmpeg writes them."""
    units, start = [], 0
    while start + 4 <= len(content):
        stop = start + 4 + int.from_bytes(content[start : start + 4], "big")
        units.append(content[start + 4 : stop])
        start = stop
    return b"".join(b"\0\0\0\1" + unit for unit in units)
