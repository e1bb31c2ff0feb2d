"""Writing the colored film: the source's luma, frames, time stamps and other streams, with new chroma."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.codec.context import Flags
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

from cartoon_color.config import EncoderSettings
from cartoon_color.errors import OutputError
from cartoon_color.frames import Frame, VideoInfo
from cartoon_color.video.carry import Carrier, tags
from cartoon_color.video.encoders import Choice, choose
from cartoon_color.video.matroska import padded, set_display
from cartoon_color.video.source import reason, url

SUFFIXES = (".mkv", ".mp4", ".mov", ".m4v", ".nut", ".ts", ".webm")
"""Endings of the files that can be written: containers that keep time stamps."""
_SELF_CONTAINED = ("x264", "x265")
"""Codecs whose streams say themselves what sample aspect and colors they have."""
_BARE = ("mpegts", "nut")
"""Containers that lose that, or all, of other codecs."""
DEFAULT_RATE = 25
"""Told the encoder, which budgets by it, where the source doesn't say."""

# The library under FFmpeg's encoder writes to the terminal by itself; 1 means errors only.
os.environ.setdefault("SVT_LOG", "1")


class Writer:
    """A colored film being written; a context manager.

    Everything that can be checked is checked when it is made. The film grows as `PATH.part` and gets its name when the
    block ends; when an exception leaves the block, the part is deleted. Time stamps are exact as far as the container
    goes: MP4, MOV and NUT take the source's ticks, Matroska counts in ms, so others' are rounded to the nearest. Where
    sound starts before 0 (as AAC in MP4 does), Matroska can't say so, and all streams start later by that much.
    """

    bit_depth: int
    """Bits of the luma and chroma codes that `write` takes; those of the source."""
    chroma_shape: tuple[int, int]
    """(h, w) of the chroma planes that `write` takes."""
    pixel_format: str
    """FFmpeg's name of the format in which the film is encoded."""
    rounds: bool
    """Whether some time stamp so far is none of the container's, and was rounded to its nearest."""

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        settings: EncoderSettings,
        *,
        drop: Collection[int] = (),
        overwrite: bool = False,
    ) -> None:
        """Open `path` for a colored copy of the film `info`.

        Args:
            path: The film to write; its ending tells the container.
            info: The source.
            settings: The encoder's.
            drop: Numbers of the source's streams to leave out.
            overwrite: Whether `path` may exist already; it is replaced at the end.

        Raises:
            InputError: if the source is gone.
            SettingsError: if `settings` or `drop` are wrong.
            OutputError: if the film can't be written there, in that container, or by that encoder.
        """
        self._path = Path(path)
        self._info = info
        _check_path(self._path, info, overwrite)
        self._codec = settings.codec
        self._choice = choose(settings, info)
        self.bit_depth, self.pixel_format = info.bit_depth, self._choice.pixel_format
        self.chroma_shape = self._choice.chroma_shape
        self._shift = self._choice.bit_depth - info.bit_depth
        self._part = self._path.with_name(self._path.name + ".part")
        self._last: int | None = None
        self._written = 0
        self.rounds = False
        self._carrier = Carrier(info, drop)
        try:
            self._open()
        except BaseException:
            self._abort()
            raise

    def _open(self) -> None:
        # A container of the final name is made first, without a file, to learn what its ending stands for.
        name = av.open(url(self._path), "w").format.name
        self._output: Any = av.open(url(self._part), "w", format=name, metadata_errors="surrogateescape")
        source = self._carrier.source.streams[self._info.video_stream]
        self._title = source.metadata.get("title", "")
        self._pads = name in ("matroska", "webm") and self._info.sample_aspect != 1
        index, count = source.index, len(self._carrier.source.streams)
        self._carrier.add_to(self._output, range(index))
        self._stream = self._add_video(self._choice)
        self._stream.metadata.update(tags(source.metadata, stream=True, encoded=True))
        if self._pads:
            self._stream.metadata["title"] = padded(self._title)
        self._stream.disposition = source.disposition
        self._carrier.add_to(self._output, range(index + 1, count))
        self._carrier.start(self._output)
        try:
            self._output.start_encoding()
        except (av.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, OSError):
                raise self._failure(error) from error
            raise self._carrier.refused(self._output, error) or self._unheld() from error

    def _unheld(self) -> OutputError:
        return OutputError(
            f"{self._path.suffix} files can't hold {self._codec}; write Matroska instead (-o NAME.mkv), "
            "or choose another --codec"
        )

    def _add_video(self, choice: Choice) -> VideoStream:
        info = self._info
        if self._output.format.name in _BARE and self._codec not in _SELF_CONTAINED:
            raise self._unheld()
        try:
            stream: VideoStream = self._output.add_stream(
                choice.encoder.name,
                rate=info.rate or DEFAULT_RATE,
                options=choice.options,
                width=info.width,
                height=info.height,
                time_base=info.time_base,
            )
        except ValueError as error:
            raise self._unheld() from error
        if info.rotation:
            stream.set_display_rotation(-info.rotation)
        self._start(stream.codec_context)
        return stream

    def _start(self, context: VideoCodecContext) -> None:
        """Open an encoder of the size and the time base of the film."""
        info, choice = self._info, self._choice
        context.pix_fmt = choice.pixel_format
        context.sample_aspect_ratio = info.sample_aspect
        context.color_range, context.colorspace = info.range_code, info.matrix_code
        context.color_primaries, context.color_trc = info.color_primaries, info.color_transfer
        context.flags |= Flags.frame_duration
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(
                f"{self._codec} can't encode {info.width}x{info.height} {choice.pixel_format} ({reason(error)}); "
                f"choose another --codec, e.g. {'x264' if self._codec == 'ffv1' else 'ffv1'}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def write(self, frame: Frame, u: NDArray[Any], v: NDArray[Any]) -> None:
        """Append a frame.

        Args:
            frame: Its luma, (H, W) of the source's size and depth, and its time stamp, after that of the last one.
            u: (h, w) Cb codes of `bit_depth` bits, `chroma_shape`, uint8 for 8 bits, else uint16.
            v: Cr codes alike.

        Raises:
            OutputError: if the film can't be written any further.
        """
        info = self._info
        kind = np.dtype(np.uint8 if info.bit_depth == 8 else np.uint16)
        if frame.luma.shape != (info.height, info.width) or u.shape != self.chroma_shape or v.shape != u.shape:
            raise ValueError(
                f"planes must be {(info.height, info.width)} and {self.chroma_shape}, "
                f"got {frame.luma.shape = }, {u.shape = }, {v.shape = }"
            )
        if not frame.luma.dtype == u.dtype == v.dtype == kind:
            raise ValueError(f"planes must be {kind}, got {frame.luma.dtype = }, {u.dtype = }, {v.dtype = }")
        if self._last is not None and frame.pts <= self._last:
            raise OutputError(
                f"frame {frame.index} of {info.path} is shown at {frame.pts}, the one before it at {self._last} ticks: "
                "time stamps must grow; repair the film first, e.g. by remuxing it with mkvmerge"
            )
        self._last = frame.pts
        picture = self._picture((frame.luma, u, v))
        picture.pts, picture.duration, picture.time_base = frame.pts, frame.duration, info.time_base
        self._written += 1
        self._encode(picture)

    def _picture(self, parts: Iterable[NDArray[Any]]) -> av.VideoFrame:
        info = self._info
        picture = av.VideoFrame(info.width, info.height, self.pixel_format)
        kind = np.dtype("u1" if self._choice.bit_depth == 8 else "<u2")
        for part, plane in zip(parts, picture.planes, strict=True):
            buffer: Any = plane
            rows = np.frombuffer(buffer, kind).reshape(plane.height, -1)[:, : plane.width]
            rows[:] = part
            if self._shift:
                rows <<= np.array(self._shift, kind)
        # ProRes reads them here, the other encoders where they are opened.
        picture.colorspace, picture.color_range = info.matrix_code, info.range_code
        picture.color_primaries, picture.color_trc = info.color_primaries, info.color_transfer
        return picture

    def _encode(self, picture: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(picture):
                if self._written <= 2:
                    # Then nothing is out of order, but x265 leaves the decoding time of such short films unset.
                    packet.dts = packet.pts
                self._mux(packet)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._failure(error) from error

    def _mux(self, packet: Packet[Any]) -> None:
        """Write a packet of the picture, after all others that come before it."""
        self._mux_others(_moment(packet))
        if packet.pts is not None and self._stream.time_base is not None:
            self.rounds |= (packet.pts * packet.time_base / self._stream.time_base).denominator != 1
        self._output.mux_one(packet)

    def _mux_others(self, until: Fraction | None) -> None:
        for packet in self._carrier.until(until):
            self._output.mux_one(packet)

    def _failure(self, error: BaseException) -> OutputError:
        number = getattr(error, "errno", None)
        advice = {
            errno.ENOSPC: "the disk is full; make room, or write elsewhere with -o",
            errno.EDQUOT: "the quota is used up; make room, or write elsewhere with -o",
            errno.EFBIG: "the file gets larger than allowed there; write elsewhere with -o, or choose a higher --crf",
        }.get(number or 0, "check the folder, or choose another container or --codec")
        return OutputError(f"{self._path} can't be written ({reason(error)}): {advice}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._abort()
            return
        try:
            self._finish()
        except BaseException:
            self._abort()
            raise

    def _finish(self) -> None:
        if self._last is None:
            raise OutputError(f"{self._path} is not written: no frame came from {self._info.path}")
        self._encode(None)
        try:
            self._mux_others(None)
            self._output.close()
            self._carrier.close()
            info = self._info
            if self._pads and not set_display(self._part, self._title, info.width, info.height, info.sample_aspect):
                raise RuntimeError(f"no place for the display size in the header of {self._part}")
            self._part.replace(self._path)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _abort(self) -> None:
        self._carrier.close()
        output = getattr(self, "_output", None)
        if output is not None:
            # What can't be written any more is deleted anyway.
            with suppress(Exception):
                output.close()
        # A name that is too long for the system can't be deleted either.
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def _moment(packet: Packet[Any]) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts or 0
    return ticks * packet.time_base


def _check_path(path: Path, info: VideoInfo, overwrite: bool) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(
            f"{path} has the ending {path.suffix!r}; allowed are {', '.join(SUFFIXES)}, whose containers keep time "
            "stamps; choose one with -o, best .mkv"
        )
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"{path} can't be written: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path} can't be written: no rights to write in {folder}; change them, or write elsewhere")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give the path of the film to write")
    if path.exists():
        if path.samefile(info.path):
            raise OutputError(f"{path} is the source itself; write the colored film elsewhere with -o")
        if not overwrite:
            raise OutputError(f"{path} exists already; allow it to be replaced with --overwrite, or choose another -o")
