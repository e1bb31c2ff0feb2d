"""How long a film's file says that it is, against how long it is.

The outermost elements of Matroska (EBML), MP4 and MOV (boxes) and AVI (RIFF chunks) start with their length, so a file
that was cut off is told from a whole one by them, to the byte, whatever the time stamps say. Other containers
(MPEG-TS, MPEG-PS, NUT, raw streams) don't say how long they are; a cut there can't be told from the end of the film.

Sources: RFC 8794, section 6 (EBML); ISO/IEC 14496-12, section 4.2 (boxes); Microsoft's RIFF, with OpenDML's AVIX.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cartoon_color.video.matroska import coded_number

SLACK = 8
"""Bytes that may be missing: a padding that was forgotten, a length that counts its own head."""
_HEAD = 16
"""Bytes of the longest head of an element."""
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_BOXES = {b"ftyp", b"styp", b"sidx", b"moov", b"moof", b"mdat", b"mfra", b"free", b"skip", b"wide", b"uuid", b"meta"}


def missing_bytes(path: Path, container: str) -> int:
    """Bytes that are missing at the end of the film at `path`; 0 if it is whole or doesn't say how long it is.

    What comes after the last element (junk, padding) doesn't count, several films in one file do.

    Args:
        path: The film.
        container: FFmpeg's name of its container, e.g. "matroska,webm".
    """
    element = next((read for name, read in _ELEMENTS.items() if container.startswith(name)), None)
    if element is None:
        return 0
    length, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while end < length:
            file.seek(end)
            size = element(file.read(_HEAD))
            if size is None:
                return 0
            end += size
    return end - length if end - length > SLACK else 0


def _matroska(head: bytes) -> int | None:
    """Length of the element that starts with `head`; None if it is none, or doesn't say (a live recording)."""
    if head[:4] not in (_EBML, _SEGMENT) or len(head) < _HEAD or not head[4]:
        return None
    size, after = coded_number(head, 4)
    unknown = (1 << 7 * (after - 4)) - 1
    return None if size == unknown else after + size


def _box(head: bytes) -> int | None:
    """As `_matroska`, for MP4 and MOV."""
    size = int.from_bytes(head[:4], "big")
    if size == 1:
        size = int.from_bytes(head[8:], "big")
    return size if head[4:8] in _BOXES and size >= 8 else None


def _chunk(head: bytes) -> int | None:
    """As `_matroska`, for AVI, whose chunks have even lengths."""
    size = int.from_bytes(head[4:8], "little")
    return 8 + size + size % 2 if head[:4] == b"RIFF" and size else None


_ELEMENTS: dict[str, Callable[[bytes], int | None]] = {"matroska": _matroska, "mov": _box, "avi": _chunk}
