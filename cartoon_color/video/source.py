"""Opening films: the checks that come before the first packet."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from cartoon_color.errors import InputError

STILL_FORMATS = ("image2", "image2pipe", "ico", "tty")
"""FFmpeg's demuxers of pictures and of text, beside those named *_pipe."""


def url(path: Path) -> str:
    """`path` for FFmpeg, which takes whatever stands before a colon for a protocol."""
    return f"file:{path}"


def reason(error: BaseException) -> str:
    """FFmpeg's words for what went wrong, without number and file name."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return words[:1].lower() + words[1:]


def label(stream: Any) -> str:
    """A stream in words: number, kind, codec, language."""
    name = codec_name(stream)
    parts = [f"stream {stream.index}", stream.type or "unknown kind", *([name] if name else [])]
    return ", ".join([*parts, *([stream.language] if stream.language else [])])


def codec_name(stream: Any) -> str:
    """FFmpeg's name of the codec of `stream`; empty if it knows none."""
    if stream.type == "attachment":
        return ""
    if stream.codec_context is not None:
        return str(stream.codec_context.codec.canonical_name)
    return getattr(stream, "name", None) or ""


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """The container at `path`, open for reading.

    Text in it that is not UTF-8 survives as surrogates and is written back unchanged.

    Raises:
        InputError: if there is no file, if it can't be read, or if it is not a film.
    """
    path = Path(path)
    denied = InputError(f"{path} can't be read: permission denied; change its rights or copy it")
    try:
        is_folder, is_there, is_regular = path.is_dir(), path.exists(), path.is_file()
    except PermissionError:  # of its folder
        raise denied from None
    if is_folder:
        raise InputError(f"{path} is a folder; give the path of a film")
    if not is_there:
        raise InputError(f"there is no file {path}; give the path of a film")
    if not is_regular:
        raise InputError(f"{path} is not a regular file; films are read twice, so pipes and devices can't be used")
    if not os.access(path, os.R_OK):
        raise denied
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); copy it again from where it came")
    try:
        container = av.open(url(path), "r", metadata_errors="surrogateescape")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be opened as a film ({reason(error)}); it is of another kind, or its start or index is "
            "missing; try to play it, or copy it again"
        ) from error
    with container:
        names = container.format.name.split(",")
        if any(name in STILL_FORMATS or name.endswith("_pipe") for name in names):
            raise InputError(f"{path} is a still picture, not a film; give a film, e.g. an .mkv or .mp4")
        yield container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """The stream to color: of those that are no cover pictures, default before others, then the largest.

    Raises:
        InputError: if there is none, or none that can be decoded.
    """
    films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    usable = [stream for stream in films if stream.codec_context is not None and stream.codec_context.width > 0]
    if usable:
        return max(
            usable,
            key=lambda stream: (
                bool(stream.disposition & Disposition.default),
                stream.codec_context.width * stream.codec_context.height,
                -stream.index,
            ),
        )
    if films:
        raise InputError(f"{path}: {label(films[0])} can't be decoded; convert the film to another codec first")
    found = ", ".join(sorted({stream.type or "unknown" for stream in container.streams})) or "nothing"
    cover = " and a cover picture" if container.streams.video else ""
    raise InputError(f"{path} has no video stream, only {found}{cover}; give a film")
