"""The display size in a Matroska file, which FFmpeg leaves out when PyAV writes the file.

FFmpeg's muxer takes the sample aspect from a place that PyAV doesn't reach, so the size of the display is put into the
finished header instead. To have room there, the video track is given a longer name (`padded`) when it is made; then
`set_display` puts the real name back and uses the room. The file keeps its length, so no index has to move.

Elements and their numbers: RFC 9559, section 5.1.4; coding of numbers and sizes: RFC 8794, sections 4 and 6.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, NamedTuple

_SEGMENT = 0x18538067
_TRACKS = 0x1654AE6B
_CLUSTER = 0x1F43B675
_TRACK_ENTRY = 0xAE
_TRACK_NAME = 0x536E
_VIDEO = 0xE0
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_PIXELS, _RATIO = 0, 3
_CRC, _VOID = 0xBF, 0xEC
_ROOM = 64
"""Bytes: three numbers of 4 bytes with their heads, longer sizes around them, and a void element for the rest."""


def padded(title: str) -> str:
    """`title` with the room that `set_display` needs."""
    return title + "x" * _ROOM


def set_display(path: Path, title: str, width: int, height: int, sample_aspect: Fraction) -> bool:
    """Give the track called `padded(title)` its real name and the display aspect of `width` x `height` samples.

    The aspect is written as a size in pixels where that is exact, else as a ratio.

    Returns:
        Whether there was such a track; the file is unchanged if not.
    """
    shown = width * sample_aspect
    if shown.denominator == 1:
        numbers = (int(shown), height, _PIXELS)
    else:
        numbers = (shown.numerator, height * shown.denominator, _RATIO)
    with path.open("r+b") as file:
        found = _find(file, (_SEGMENT, _TRACKS))
        if found is None:
            return False
        start, size = found
        file.seek(start)
        tracks = bytearray(file.read(size))
        name = padded(title).encode("utf-8", "surrogateescape")
        for entry in _elements(tracks):
            content = bytes(tracks[entry.content : entry.end])
            if entry.number == _TRACK_ENTRY and _name(content) == name:
                tracks[entry.content : entry.end] = _with_display(content, title, numbers)
                break
        else:
            return False
        _renew_checksum(tracks)
        file.seek(start)
        file.write(tracks)
    return True


class _Span(NamedTuple):
    """Where an element lies."""

    number: int
    start: int
    content: int
    end: int


def _find(file: BinaryIO, path: tuple[int, ...]) -> tuple[int, int] | None:
    """Where the content of the first element along `path` starts, and its length."""
    while path:
        start = file.tell()
        head = file.read(12)
        if len(head) < 2:
            return None
        number, after = coded_number(head, 0, keep_marker=True)
        size, after = coded_number(head, after)
        if number == _CLUSTER:
            return None
        if number == path[0]:
            path = path[1:]
            file.seek(start + after)
        else:
            file.seek(start + after + size)
    return file.tell(), size


def coded_number(data: bytes | bytearray, start: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """The number of variable length at `start`, and where it ends; its first bits tell the length."""
    length = 9 - data[start].bit_length()
    value = int.from_bytes(data[start : start + length], "big")
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), start + length


def _elements(data: bytes | bytearray) -> Iterator[_Span]:
    start = 0
    while start < len(data):
        number, after = coded_number(data, start, keep_marker=True)
        size, after = coded_number(data, after)
        yield _Span(number, start, after, after + size)
        start = after + size


def _element(number: int, content: bytes) -> bytes:
    length = 1 if len(content) < 127 else 8
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (len(content) | 1 << 7 * length).to_bytes(length, "big") + content


def _name(entry: bytes) -> bytes:
    names = (entry[part.content : part.end] for part in _elements(entry) if part.number == _TRACK_NAME)
    return next(names, b"")


def _with_display(entry: bytes, title: str, numbers: tuple[int, int, int]) -> bytes:
    """The content of a track entry with the track's real name and the display aspect, of the same length."""
    result = b""
    for part in _elements(entry):
        if part.number == _TRACK_NAME:
            result += _element(_TRACK_NAME, title.encode("utf-8", "surrogateescape")) if title else b""
        elif part.number == _VIDEO:
            video = entry[part.content : part.end]
            display = dict(zip((_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT), numbers, strict=True))
            kept = [video[inner.start : inner.end] for inner in _elements(video) if inner.number not in display]
            new = [_element(number, value.to_bytes(4, "big")) for number, value in display.items()]
            result += _element(_VIDEO, b"".join(kept + new))
        else:
            result += entry[part.start : part.end]
    rest = len(entry) - len(result)
    # A void element with a size of 8 bytes, which fits any length from 9 on.
    return result + bytes([_VOID]) + ((rest - 9) | 1 << 56).to_bytes(8, "big") + bytes(rest - 9)


def _renew_checksum(master: bytearray) -> None:
    """The checksum of an element's content, where it has one, is its first element and covers the rest."""
    first = next(_elements(master))
    if first.number == _CRC:
        master[first.content : first.end] = zlib.crc32(master[first.end :]).to_bytes(4, "little")
