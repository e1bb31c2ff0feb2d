"""From pieces to pixels: a picture with smooth edges, and next to it a label for every pixel."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cartoon_color.frames import RGB
from cartoon_color.toyshow.paints import PAINTS
from cartoon_color.toyshow.shapes import Piece, Points

Labels = NDArray[np.uint16]
"""(H, W), number of the part; 0 = line art."""

HEIGHT: Final = 240.0
"""Height of a picture, in units."""
SAMPLES: Final = 3
"""Samples per pixel and direction; odd, so that a pixel has a middle sample to take its label from."""
_SUBSAMPLE_BITS = 4
"""OpenCV draws at fractions of 1/16 sample."""


@dataclass(slots=True)
class PartList:
    """Numbers for the parts of one episode, in the order they are first drawn."""

    paints: dict[str, str] = field(default_factory=lambda: {"line": "ink"})
    """Name of the part to name of its paint; the position is the label."""
    textured: set[str] = field(default_factory=set)
    """Names of the parts that are painted unevenly; all others are flat."""
    _numbers: dict[str, int] = field(default_factory=lambda: {"line": 0})

    def number(self, piece: Piece) -> int:
        """The label of a piece; the same name gives the same label through the whole episode."""
        if piece.name not in self._numbers:
            self._numbers[piece.name] = len(self._numbers)
            self.paints[piece.name] = piece.paint
        return self._numbers[piece.name]


@dataclass(frozen=True, slots=True)
class Camera:
    """Where the camera looks."""

    x: float
    """Middle of the picture, in units of the background."""
    y: float = HEIGHT / 2
    zoom: float = 1.0
    """1 shows the background's whole height; 2 shows half of it."""


@dataclass(slots=True)
class Canvas:
    """A picture in the making, at `SAMPLES` times the film's size."""

    picture: RGB
    """(SAMPLES * H, SAMPLES * W, 3)."""
    labels: Labels
    """(SAMPLES * H, SAMPLES * W)."""
    scale: float
    """Samples per unit."""
    offset: tuple[float, float] = (0.0, 0.0)
    """Sample where the unit (0, 0) lies."""

    @classmethod
    def blank(cls, size: tuple[int, int], scale: float) -> Canvas:
        """Black, all line; `size` is (width, height) in samples."""
        width, height = size
        return cls(np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.uint16), scale)

    def draw(self, pieces: Iterable[Piece], parts: PartList) -> None:
        """Paint pieces over what is there, each with its line around it."""
        for piece in pieces:
            points = self._samples(piece.points)
            if piece.paint:
                number = parts.number(piece)
                for target, value in ((self.picture, PAINTS[piece.paint]), (self.labels, number)):
                    cv2.fillPoly(target, points, value, cv2.LINE_8, _SUBSAMPLE_BITS)
            if piece.ink:
                width, closed = max(1, round(piece.ink * self.scale)), bool(piece.paint)
                for target, value in ((self.picture, PAINTS["ink"]), (self.labels, 0)):
                    cv2.polylines(target, points, closed, value, width, cv2.LINE_8, _SUBSAMPLE_BITS)

    def _samples(self, points: Points) -> list[NDArray[np.int32]]:
        samples = (points * self.scale + self.offset) * 2**_SUBSAMPLE_BITS
        return [np.rint(samples).astype(np.int32)]

    def seen_by(self, camera: Camera, size: tuple[int, int]) -> Canvas:
        """What the camera sees of this background: a canvas of `size` (width, height) samples to draw on."""
        width, height = size
        x, y = width / 2 - camera.zoom * self.scale * camera.x, height / 2 - camera.zoom * self.scale * camera.y
        matrix = np.array([[camera.zoom, 0, x], [0, camera.zoom, y]])
        picture = cv2.warpAffine(self.picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        labels = cv2.warpAffine(self.labels, matrix, size, flags=cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        return Canvas(np.asarray(picture, np.uint8), np.asarray(labels, np.uint16), camera.zoom * self.scale, (x, y))

    def developed(self) -> tuple[RGB, Labels]:
        """Picture (H, W, 3) and labels (H, W) at the film's size: samples averaged, and the middle one's label."""
        height, width = self.labels.shape[0] // SAMPLES, self.labels.shape[1] // SAMPLES
        picture = cv2.resize(self.picture, (width, height), interpolation=cv2.INTER_AREA)
        middle = SAMPLES // 2
        return np.asarray(picture, np.uint8), self.labels[middle::SAMPLES, middle::SAMPLES].copy()
