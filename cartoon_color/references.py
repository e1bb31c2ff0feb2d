"""References: colored pictures that the user gives, and which frames of a film they show, if any."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import luma_of_rgb, luma_to_lightness, rgb_to_lab
from cartoon_color.errors import InputError
from cartoon_color.frames import RGB, Chroma, Frame, VideoInfo
from cartoon_color.scaling import squeeze

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Of the pictures that are taken from a folder."""
COLORLESS = 4.0
"""Distance from gray in a, b up to which a pixel has no color."""
COLORED = 0.001
"""Share of the opaque pixels that must have color."""
FITS = 0.9
"""Correlation of luma from which a picture can be of a frame."""
FITS_SMALL = 0.97
"""The same of one with few opaque cells, which correlate by chance."""
TIED = 0.0005
"""Difference in correlation within which the number in the name decides between frames."""
ASPECT = 0.05
"""Share by which width over height may differ from the film's."""
_THUMBNAIL = (64, 48)
_SMALL = 300
"""Cells of a thumbnail up to which these are few."""
_LEAST = 24
"""Cells of a thumbnail that must be opaque for a picture to be looked for."""


@dataclass(frozen=True, eq=False, slots=True)
class Paint:
    """Colors for one frame."""

    chroma: Chroma
    """(H, W, 2), of any size."""
    opacity: NDArray[np.float32]
    """(H, W), 0..1: where the picture speaks."""


@dataclass(frozen=True, eq=False, slots=True)
class Reference:
    """A colored picture."""

    path: Path
    paint: Paint
    size: tuple[int, int]
    """Width and height of the picture."""
    luma: NDArray[np.uint8]
    """(H, W), of BT.601, full range."""
    thumbnail: NDArray[np.float32]
    """(48, 64), its luma in codes; 0 where it isn't opaque."""
    opaque: NDArray[np.bool_]
    """(48, 64)."""
    number: int | None
    """Of the frame, as the name says, from 0."""


def read_references(paths: Sequence[Path]) -> list[Reference]:
    """References of picture files, and of all pictures in folders, by name; each file once.

    Raises:
        InputError: A file that is no picture, a picture without color, or a folder without pictures.
    """
    files: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in SUFFIXES)
            if not inside:
                raise InputError(f"the folder {path} holds no reference ({', '.join(SUFFIXES)}); give another")
            files |= dict.fromkeys(inside)
        else:
            files[path] = None
    return [_read(path) for path in files]


def seen_by_networks(references: Sequence[Reference], size: int) -> NDArray[np.float32]:
    """Pictures for a network that takes references: (R, 4, size, size), L* of the gray picture, a, b and opacity."""
    pictures = [
        np.dstack(
            [
                luma_to_lightness(squeeze(reference.luma, size), 8, "full"),
                squeeze(reference.paint.chroma, size),
                squeeze(reference.paint.opacity, size),
            ]
        )
        for reference in references
    ]
    return np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32)


def find_frames(
    references: Sequence[Reference],
    info: VideoInfo,
    frames: Iterator[Frame],
    say: Callable[[str], None],
    otherwise: str = "it changes nothing",
) -> Mapping[int, Paint]:
    """What each reference paints, by the index of the frame that it shows.

    Luma decides, by its correlation over thumbnails, so gain and gamma hardly matter; the number in the name decides
    between frames that look alike. `say` is told of references that show no frame of the film.

    Args:
        references: What to look for.
        info: Of the film.
        frames: All of the film; a pass over their luma.
        say: Takes a sentence.
        otherwise: What becomes of pictures that show no frame, as the end of a sentence.
    """
    shaped = [reference for reference in references if _has_shape(reference, info)]
    wanted = [_normalized(reference.thumbnail[reference.opaque]) for reference in shaped]
    found: list[list[float]] = [[] for _ in shaped]
    for frame in frames if shaped else ():
        thumbnail = _thumbnail(frame.luma)
        for reference, luma, values in zip(shaped, wanted, found, strict=True):
            values.append(float(luma @ _normalized(thumbnail[reference.opaque])))
    placed: dict[int, Reference] = {}
    foreign = set(references) - set(shaped)
    for reference, values in zip(shaped, found, strict=True):
        index = _likest(values, reference)
        if index is None:
            foreign.add(reference)
            continue
        if index in placed:
            say(f"Warning: {placed[index].path} and {reference.path} show the same frame {index}; the latter counts.")
        placed[index] = reference
    for reference in references:
        if reference in foreign:
            shape = ""
            if reference not in shaped:
                width, height = reference.size
                shape = f", whose shape ({info.width}x{info.height}) is not its own ({width}x{height})"
            say(f"{reference.path} shows no frame of {info.path}{shape}; {otherwise}.")
    return {index: reference.paint for index, reference in placed.items()}


def _read(path: Path) -> Reference:
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, cv2.error):
        picture = None
    if picture is None or picture.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} can't be read as a picture; give a PNG, JPEG, TIFF, WebP or BMP of 8 or 16 bits")
    if picture.dtype == np.uint16:
        picture = np.asarray((picture.astype(np.uint32) + 128) // 257, np.uint8)
    channels = 1 if picture.ndim == 2 else picture.shape[2]
    opacity = np.ones(picture.shape[:2], np.float32)
    if channels == 4:
        opacity = picture[..., 3].astype(np.float32) / 255
    rgb: RGB = np.ascontiguousarray(picture[..., 2::-1]) if channels >= 3 else np.zeros((1, 1, 3), np.uint8)
    chroma = np.ascontiguousarray(rgb_to_lab(rgb)[..., 1:])
    colored = np.hypot(chroma[..., 0], chroma[..., 1]) > COLORLESS
    if channels < 3 or not opacity.any() or colored[opacity > 0].mean() < COLORED:
        raise InputError(f"the reference {path} has no color, or is transparent all over; give a colored picture")
    opaque = cv2.resize(opacity, _THUMBNAIL, interpolation=cv2.INTER_AREA) > 0.5
    number = re.search(r"(\d+)$", path.stem)
    luma = luma_of_rgb(rgb, "bt601")
    return Reference(
        path,
        Paint(chroma, opacity),
        (rgb.shape[1], rgb.shape[0]),
        luma,
        _thumbnail(luma),
        opaque,
        int(number[1]) if number else None,
    )


def _has_shape(reference: Reference, info: VideoInfo) -> bool:
    """Whether the picture is as wide, for its height, as the film's frames are stored or shown."""
    aspect = reference.size[0] / reference.size[1]
    stored = info.width / info.height
    return any(abs(aspect / each - 1) <= ASPECT for each in (stored, stored * float(info.sample_aspect)))


def _likest(values: Sequence[float], reference: Reference) -> int | None:
    """The frame that correlates best; None if none does well."""
    best, number = max(values, default=0.0), reference.number
    if best < (FITS if reference.opaque.sum() > _SMALL else FITS_SMALL):
        return None
    if number is not None and number < len(values) and values[number] >= best - TIED:
        return number
    return values.index(best)


def _thumbnail(luma: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float32]:
    return cv2.resize(luma, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)


def _normalized(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without mean, of length 1; 0 for what is flat or too small to be looked for."""
    centered = values - values.mean() if len(values) >= _LEAST else np.zeros_like(values)
    length = float(np.linalg.norm(centered))
    return centered / length if length > len(values) ** 0.5 else np.zeros_like(centered)
