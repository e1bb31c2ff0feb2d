"""What a background is, and how a brush paints one: gradients, soft blotches and dabs over flat paint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.toyshow.canvas import HEIGHT, Canvas, PartList
from cartoon_color.toyshow.shapes import Drawing, named

WIDTH: Final = 720.0
"""Of a background, in units: more than two pictures of 4:3, so that the camera can pan."""


@dataclass(frozen=True, slots=True)
class Texture:
    """How the brush leaves a painted part uneven, as shares of its paint's brightness."""

    top: float = 0.0
    """Lighter (+) or darker (-) at its upper end ..."""
    bottom: float = 0.0
    """... and at its lower end."""
    mottle: float = 0.03
    """Standard deviation of soft blotches."""
    dabs: int = 0
    """Number of short brush strokes."""


@dataclass(frozen=True, slots=True)
class Background:
    """A place."""

    pieces: Callable[[np.random.Generator], Drawing]
    ground: float
    """Height at which feet stand, in units from the top."""
    textures: Mapping[str, Texture] = field(default_factory=dict)
    """By part; parts not named here are flat."""

    def painted(self, name: str, scale: float, seed: int, parts: PartList) -> Canvas:
        """The whole background at `scale` samples per unit; the same seed gives the same place."""
        rng = np.random.default_rng([seed, *name.encode()])
        canvas = Canvas.blank((round(WIDTH * scale), round(HEIGHT * scale)), scale)
        drawing = named(name, self.pieces(rng))
        canvas.draw(drawing, parts)
        numbers = {piece.name: parts.number(piece) for piece in drawing if piece.paint}
        for part, texture in self.textures.items():
            parts.textured.add(f"{name}.{part}")
            _brush(canvas, numbers[f"{name}.{part}"], texture, rng)
        return canvas


def _brush(canvas: Canvas, label: int, texture: Texture, rng: np.random.Generator) -> None:
    """Shade one part in place: a gradient from top to bottom, blotches, and dabs of the brush."""
    where = canvas.labels == label
    rows = np.flatnonzero(where.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    inside = where[top:bottom]
    height, width = inside.shape
    shade = np.linspace(texture.top, texture.bottom, height, dtype=np.float32)[:, None] + np.zeros(width, np.float32)
    for unit in (40, 12):
        shade += _blotches(height, width, unit * canvas.scale, rng) * texture.mottle / np.sqrt(2)
    for _ in range(texture.dabs):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        lean, size = rng.uniform(-2, 2) * canvas.scale, rng.uniform(3, 6) * canvas.scale
        ends = np.array([(x, y), (x + lean, y - size)], np.int32)
        cv2.polylines(shade, [ends], False, float(rng.choice([-0.12, 0.1])), max(1, round(0.8 * canvas.scale)))
    region = canvas.picture[top:bottom]
    lit = region.astype(np.float32) * (1 + shade[..., None])
    region[inside] = np.clip(np.rint(lit), 0, 255).astype(np.uint8)[inside]


def _blotches(height: int, width: int, size: float, rng: np.random.Generator) -> NDArray[np.float32]:
    coarse = rng.standard_normal((max(2, round(height / size) + 1), max(2, round(width / size) + 1))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
