"""A textured square that moves over a textured ground, from drawing to drawing."""

from __future__ import annotations

import cv2
import numpy as np

SIZE = 96, 128
STEP = 2
"""Pixels that the square moves from drawing to drawing."""


def place(number: int) -> tuple[slice, slice]:
    """Rows and columns of the square."""
    return slice(30, 62), slice(10 + STEP * number, 42 + STEP * number)


def luma(number: int, seed: int = 0) -> np.ndarray:
    """A drawing, of SIZE; another seed has other textures."""
    rng = np.random.default_rng(seed)
    ground, square = (cv2.GaussianBlur(rng.random(SIZE), (0, 0), 3) for _ in range(2))
    picture = 60 + 200 * (ground - 0.4)
    picture[place(number)] = 170 + 200 * (square - 0.4)[:32, :32]
    return np.clip(picture, 0, 255).astype(np.uint8)
