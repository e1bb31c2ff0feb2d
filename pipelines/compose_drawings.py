"""Compose pictures of free drawings into a film to train on, so that a network meets more than a few shows.

python pipelines/compose_drawings.py --out drawings.mkv --pictures 12000 openclipart/people openclipart/animals scenes/

Every SVG, PNG, JPEG and WebP below the folders is looked at: one that leaves some of its picture empty is a figure, one
that fills it a ground. Each picture has a ground, drawn, painted or plain, and a few figures on it, from each folder as
often, however many it holds. Colors are those of the drawings, less saturated by a part that changes from picture to
picture, as shows differ. The film is lossless and each frame another picture: `cartoon-color extract` takes it like any
episode (datasets/drawings.toml). SVG needs the extra `drawings`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 256
"""Height and width of the pictures, in pixels."""
KINDS = {".svg", ".svgz", ".png", ".jpg", ".jpeg", ".webp"}
_LARGEST = 2_000_000
"""Bytes of a file that is still looked at; larger ones are traced photographs that take minutes to draw."""
_FULL = 0.99
"""Share of opaque pixels from which on a drawing is a ground; a figure has less, ..."""
_THIN = 0.1
"""... but more than this."""
_COLORLESS = 15
"""Mean of the greatest less the least of R, G, B, below which a drawing says nothing about color."""

Drawing = NDArray[np.uint8]
"""(H, W, 4): R, G, B, opacity; a ground lacks the last."""
Picture = NDArray[np.float32]
"""(SIZE, SIZE, 3): R, G, B, 0..1."""


def load(path: Path) -> Drawing | None:
    """A drawing with opacity, its longer side at most `SIZE`; None if it can't be read."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        if path.suffix in (".svg", ".svgz"):
            import resvg_py

            file = np.frombuffer(bytes(resvg_py.svg_to_bytes(svg_path=str(path), width=SIZE, dpi=96.0)), np.uint8)
        else:
            file = np.fromfile(path, np.uint8)
    except (OSError, ValueError):
        return None
    bgr = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)
    if bgr is None or bgr.dtype != np.uint8 or bgr.ndim != 3 or min(bgr.shape[:2]) < 16:
        return None
    rgba = cv2.cvtColor(bgr, cv2.COLOR_BGRA2RGBA if bgr.shape[2] == 4 else cv2.COLOR_BGR2RGBA)
    scale = SIZE / max(rgba.shape[:2])
    if scale < 1:
        rgba = cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(rgba, np.uint8)


def sort_drawings(drawings: Iterator[Drawing]) -> tuple[list[Drawing], list[Drawing]]:
    """Figures, cut to what is drawn, and grounds."""
    figures, grounds = [], []
    for drawing in drawings:
        opaque = drawing[..., 3] > 127
        share = float(opaque.mean())
        spread = np.ptp(drawing[..., :3], axis=2)
        if share < 0.02 or float(spread[opaque].mean()) < _COLORLESS:
            continue
        if share >= _FULL:
            if min(drawing.shape[:2]) >= SIZE // 3:
                grounds.append(drawing[..., :3])
            continue
        rows, columns = np.flatnonzero(opaque.any(axis=1)), np.flatnonzero(opaque.any(axis=0))
        cut = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        if float((cut[..., 3] > 127).mean()) > _THIN and min(cut.shape[:2]) >= 16:
            figures.append(cut)
    return figures, grounds


def _from_hsv(hue: float, saturation: float, value: float) -> NDArray[np.float32]:
    """R, G, B, 0..1, of a hue in degrees."""
    pixel = np.array([[[hue % 360, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float32)


# Hue in degrees, saturation and value, least and greatest; how often.
_SKIES = (
    ((195, 225), (0.15, 0.6), (0.75, 1.0), 0.6),
    ((15, 45), (0.15, 0.6), (0.8, 1.0), 0.12),
    ((210, 250), (0.4, 0.8), (0.1, 0.4), 0.13),
    ((200, 220), (0.0, 0.1), (0.7, 1.0), 0.15),
)
_LANDS = (
    ((75, 125), (0.3, 0.8), (0.3, 0.8), 0.5),
    ((30, 48), (0.2, 0.55), (0.6, 0.95), 0.2),
    ((15, 35), (0.3, 0.7), (0.2, 0.6), 0.15),
    ((195, 220), (0.3, 0.8), (0.3, 0.8), 0.1),
    ((200, 220), (0.0, 0.1), (0.85, 1.0), 0.05),
)
_WALLS = (
    ((20, 60), (0.1, 0.5), (0.5, 1.0), 0.5),
    ((80, 230), (0.05, 0.4), (0.4, 0.95), 0.35),
    ((0, 360), (0.1, 0.5), (0.3, 0.9), 0.15),
)
_FLOORS = (((15, 40), (0.3, 0.75), (0.2, 0.7), 0.8), ((0, 360), (0.0, 0.4), (0.3, 0.8), 0.2))


def _pick(kinds: Sequence[tuple], rng: np.random.Generator) -> NDArray[np.float32]:  # type: ignore[type-arg]
    *ranges, _ = kinds[rng.choice(len(kinds), p=[kind[-1] for kind in kinds])]
    return _from_hsv(*(float(rng.uniform(*ends)) for ends in ranges))


def plain_ground(rng: np.random.Generator) -> Picture:
    """Sky over one to three strips of land, or a wall over a floor, each softly shaded."""
    outside = rng.random() < 0.6
    rows = np.arange(SIZE, dtype=np.float32)[:, None]
    columns = np.arange(SIZE, dtype=np.float32)[None]
    picture = np.empty((SIZE, SIZE, 3), np.float32)
    picture[:] = _pick(_SKIES if outside else _WALLS, rng)
    if outside:  # paler towards the horizon
        pale = (rows / SIZE * np.float32(rng.uniform(0, 0.5)))[..., None]
        picture += (1 - picture) * pale
    edge = float(rng.uniform(0.35, 0.8)) * SIZE
    for _ in range(int(rng.integers(1, 4)) if outside else 1):
        wave = rng.uniform(0, 18) * np.sin(columns * rng.uniform(0.005, 0.05) + rng.uniform(0, 6)) if outside else 0.0
        picture[np.broadcast_to(rows > edge + wave, (SIZE, SIZE))] = _pick(_LANDS if outside else _FLOORS, rng)
        edge += float(rng.uniform(0.05, 0.3)) * SIZE
    shade = cv2.GaussianBlur(rng.standard_normal((SIZE, SIZE), np.float32), (0, 0), float(rng.uniform(2, 24)))
    shade *= np.float32(rng.uniform(0, 0.08)) / shade.std()
    return np.clip(picture * (1 + shade[..., None]), 0, 1)


def drawn_ground(ground: Drawing, rng: np.random.Generator) -> Picture:
    """A square part of a ground."""
    side = int(min(ground.shape[:2]) * rng.uniform(0.6, 1))
    top, left = (int(rng.integers(0, size - side + 1)) for size in ground.shape[:2])
    part = ground[top : top + side, left : left + side].astype(np.float32) / np.float32(255)
    return cv2.resize(part, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def put(picture: Picture, figure: Drawing, rng: np.random.Generator) -> None:
    """Lay a figure over a picture, in place: larger ones stand lower."""
    scale = SIZE * float(np.exp(rng.uniform(np.log(0.2), np.log(1.0)))) / max(figure.shape[:2])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    laid = cv2.resize(figure, None, fx=scale, fy=scale, interpolation=how).astype(np.float32) / np.float32(255)
    if rng.random() < 0.5:
        laid = laid[:, ::-1]
    height, width = laid.shape[:2]
    left = int(rng.uniform(-0.3 * width, SIZE - 0.7 * width))
    top = int(rng.normal(0.62 * SIZE, 0.15 * SIZE) - height / 2)
    (top, bottom), (left, right) = ((max(at, 0), min(at + n, SIZE)) for at, n in ((top, height), (left, width)))
    if top >= bottom or left >= right:
        return
    part = laid[:, max(0, width - right) if left == 0 else 0 :]
    part = part[max(0, height - bottom) if top == 0 else 0 :][: bottom - top, : right - left]
    under = picture[top : top + part.shape[0], left : left + part.shape[1]]
    under += (part[..., :3] - under) * part[..., 3:]


def compose(
    figures: Sequence[Sequence[Drawing]], grounds: Sequence[Drawing], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One picture, (SIZE, SIZE, 3) R, G, B; `figures` by folder."""
    if grounds and rng.random() < 0.55:
        picture = drawn_ground(grounds[int(rng.integers(len(grounds)))], rng)
    else:
        picture = plain_ground(rng)
    for _ in range(int(rng.integers(0, 6))):
        folder = figures[int(rng.integers(len(figures)))]
        put(picture, folder[int(rng.integers(len(folder)))], rng)
    gray = picture @ np.array([0.299, 0.587, 0.114], np.float32)
    saturation, tint = np.float32(rng.uniform(0.4, 1)), rng.normal(0, 0.02, 3).astype(np.float32)
    picture = gray[..., None] + (picture - gray[..., None]) * saturation + (tint - tint.mean())
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255), np.uint8)


def main() -> None:
    """Write the film."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="where drawings lie")
    parser.add_argument("--out", type=Path, required=True, help="the film, .mkv")
    parser.add_argument("--pictures", type=int, default=12000, help="[default: 12000]")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    figures: list[list[Drawing]] = []
    grounds: list[Drawing] = []
    for folder in given.folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix in KINDS)
        found, filled = sort_drawings(drawing for drawing in map(load, paths) if drawing is not None)
        figures += [found] if found else []
        grounds += filled
    if not figures:
        sys.exit(f"no figures were found in {', '.join(map(str, given.folders))}; unpack drawings there first")
    with av.open(str(given.out), "w") as film:
        stream = film.add_stream("ffv1", Fraction(24), options={"level": "3", "slices": "4"})
        stream.width = stream.height = SIZE
        stream.pix_fmt = "bgr0"
        for number in range(given.pictures):
            picture = compose(figures, grounds, np.random.default_rng((given.seed, number)))
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")))
        film.mux(stream.encode())
    sys.stdout.write(
        f"{given.out}: {given.pictures} pictures of {sum(map(len, figures))} figures and {len(grounds)} grounds\n"
    )


if __name__ == "__main__":
    main()
