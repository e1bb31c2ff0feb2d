"""The other streams of a film, packet for packet: sound, subtitles, attachments, data, cover pictures.

They are demuxed from the source a second time, lazily, just ahead of the video packets that are being written. So
however many frames the pipeline or the encoder hold back, no packet has to wait in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Disposition, Stream

from cartoon_color.errors import InputError, OutputError, SettingsError
from cartoon_color.frames import VideoInfo
from cartoon_color.video.source import codec_name, label, reason, url

_CONTAINER_TAGS = {"encoder", "major_brand", "minor_version", "compatible_brands"}
"""Tags that describe the file they stand in, not the film."""
_STREAM_TAGS = {"encoder", "duration"}
"""Tags that the muxer writes itself."""
_STATISTICS = ("BPS", "NUMBER_OF_BYTES", "NUMBER_OF_FRAMES", "_STATISTICS")
"""Starts of the names of tags by which mkvmerge counts a stream; untrue once it is encoded anew."""
_COVERS = {"mjpeg": (".jpg", "image/jpeg"), "png": (".png", "image/png")}
"""Endings and media types of cover pictures, by FFmpeg's names of their codecs."""


def tags(metadata: dict[str, str], *, stream: bool, encoded: bool = False) -> dict[str, str]:
    """What of `metadata` is to be carried over; `encoded` for the stream that is encoded anew."""
    own = _STREAM_TAGS if stream else _CONTAINER_TAGS
    kept = {key: value for key, value in metadata.items() if key.lower() not in own}
    return {key: value for key, value in kept.items() if not (encoded and key.startswith(_STATISTICS))}


class Carrier:
    """Takes the other streams of a film over into an output container."""

    def __init__(self, info: VideoInfo, drop: Collection[int]) -> None:
        """Open the source again.

        Raises:
            InputError: if it is gone.
            SettingsError: if `drop` names a stream that isn't there, or the one to color.
        """
        self._info = info
        known = {stream.index for stream in info.other_streams}
        if unknown := sorted(set(drop) - known):
            raise SettingsError(
                f"streams to drop must be among {sorted(known) or 'none'}, got {unknown}; "
                f"stream {info.video_stream} is the one to color"
            )
        try:
            self.source: InputContainer = av.open(url(info.path), "r", metadata_errors="surrogateescape")
        except (av.FFmpegError, OSError) as error:
            raise InputError(f"{info.path} can't be opened any more ({reason(error)}); was it moved? repeat") from error
        wanted = [self.source.streams[index] for index in sorted(known - set(drop))]
        self._taken = [stream for stream in wanted if not self._is_written_anyway(stream)]
        self._targets: dict[int, Stream] = {}
        self._packets: Iterator[Packet[Stream]] = iter(())
        self._next: Packet[Stream] | None = None

    def _is_written_anyway(self, stream: Stream) -> bool:
        """Whether the content of `stream` is carried over in another way: MP4 and MOV say some things twice."""
        if stream.type != "data" or not self._info.container.startswith("mov"):
            return False
        if stream.name == "bin_data":
            return bool(self.source.chapters())
        timecode = stream.metadata.get("timecode")
        return timecode is not None and timecode == self.source.streams[self._info.video_stream].metadata.get(
            "timecode"
        )

    def add_to(self, output: OutputContainer, indices: range) -> None:
        """Make those of the streams in `output` whose numbers in the source are among `indices`.

        Raises:
            OutputError: if the output can't hold one of them.
        """
        for stream in (stream for stream in self._taken if stream.index in indices):
            try:
                target = _add(output, stream, self._info.path)
            except (ValueError, av.FFmpegError) as error:
                raise self.refusal(output, stream, error) from error
            if target is not None:
                self._targets[stream.index] = target

    def start(self, output: OutputContainer) -> None:
        """Copy the film's chapters and tags, once all streams are made, and look for the first packet."""
        output.metadata.update(tags(self.source.metadata, stream=False))
        output.set_chapters(self.source.chapters())
        for stream in self.source.streams:
            if stream.index not in self._targets:
                stream.discard = Discard.all
        # PyAV takes an empty choice of streams for all.
        if self._targets:
            self._packets = self.source.demux([self.source.streams[index] for index in self._targets])
            self._advance()

    def refused(self, output: OutputContainer, error: BaseException) -> OutputError | None:
        """The sentence for the stream because of which the header of `output` can't be written, if it is one."""
        for stream in self._taken:
            trial = av.open(BytesIO(), "w", format=output.format.name, metadata_errors="surrogateescape")
            try:
                _add(trial, stream, self._info.path)
                trial.start_encoding()
            except (ValueError, av.FFmpegError):
                return self.refusal(output, stream, error)
            finally:
                with suppress(av.FFmpegError):
                    trial.close()
        return None

    def refusal(self, output: OutputContainer, stream: Stream, error: BaseException) -> OutputError:
        """The sentence for a stream that `output` can't hold."""
        other = "" if output.format.name == "matroska" else "write Matroska instead (-o NAME.mkv), or "
        return OutputError(
            f"{output.format.name} can't hold {label(stream)} ({reason(error)}); {other}leave it out with "
            f"--drop {stream.index}"
        )

    def until(self, moment: Fraction | None) -> Iterator[Packet[Stream]]:
        """The packets to be written before `moment` (seconds); all that are left if None."""
        while self._next is not None and (moment is None or _moment(self._next) <= moment):
            packet = self._next
            packet.stream = self._targets[packet.stream_index]
            yield packet
            self._advance()

    def _advance(self) -> None:
        self._next = None
        # Where the source breaks off the reader has come to the same place, and has told.
        with suppress(av.FFmpegError):
            # A packet without content is PyAV's sign of a stream's end.
            self._next = next((packet for packet in self._packets if packet.size), None)

    def close(self) -> None:
        """Close the source."""
        self._packets = iter(())
        self.source.close()


def _moment(packet: Packet[Stream]) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    # Cover pictures have no time; they go first.
    return Fraction(-1 << 62) if ticks is None else ticks * packet.time_base


def _add(output: OutputContainer, stream: Any, path: Path) -> Stream | None:
    """A stream like `stream`, of the film at `path`, in `output`; None if it has no packets to follow."""
    cover = bool(stream.disposition & Disposition.attached_pic)
    target: Any
    if stream.type == "attachment" or (cover and output.format.name == "matroska"):
        # Matroska keeps cover pictures as attachments; FFmpeg shows them as video streams.
        codec = codec_name(stream)
        name = stream.metadata.get("filename") or f"cover{_COVERS.get(codec, ('', ''))[0]}"
        kind = stream.metadata.get("mimetype") or _COVERS.get(codec, ("", "application/octet-stream"))[1]
        target = output.add_attachment(name, kind, _cover(path, stream.index) if cover else stream.data)
        target.metadata.update(tags(stream.metadata, stream=True))
        return None
    target = output.add_stream_from_template(stream, opaque=True)
    target.metadata.update(tags(stream.metadata, stream=True))
    target.disposition = stream.disposition
    return cast(Stream, target)


def _cover(path: Path, index: int) -> bytes:
    with av.open(url(path), "r", metadata_errors="surrogateescape") as source:
        return next((bytes(packet) for packet in source.demux(source.streams[index]) if packet.size), b"")
