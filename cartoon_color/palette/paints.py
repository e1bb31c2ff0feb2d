"""Paints, and what they look like in color and in a black-and-white film."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import LUMA_WEIGHTS, Float, gray_lightness, rgb_to_lab
from cartoon_color.frames import RGB


@dataclass(frozen=True, slots=True)
class Paint:
    """One color that things are painted with."""

    name: str
    """Unique in a palette."""
    rgb: tuple[int, int, int]
    """sRGB, 0..255."""
    share: float
    """Part of the show's flat areas that it covers, 0..1."""

    @property
    def hex(self) -> str:
        """As #rrggbb."""
        return "#{:02x}{:02x}{:02x}".format(*self.rgb)


@dataclass(frozen=True)
class Palette:
    """The paints of a show; arrays are in their order, and read-only."""

    paints: tuple[Paint, ...]

    @cached_property
    def ab(self) -> Float:
        """(K, 2), CIELAB a and b."""
        return _fixed(rgb_to_lab(self._rgb)[:, 1:])

    @cached_property
    def gray(self) -> Float:
        """(K,), L* 0..100 of the gray that a black-and-white film shows the paint in: that of its BT.601 luma, as in
        training (not L* of the color itself).
        """
        weights = np.array(LUMA_WEIGHTS["bt601"], np.float32)
        return _fixed(gray_lightness(self._rgb.astype(np.float32) @ weights / np.float32(255)))

    @cached_property
    def share(self) -> Float:
        """(K,), part of the show's flat areas, 0..1."""
        return _fixed(np.array([paint.share for paint in self.paints]))

    @property
    def _rgb(self) -> RGB:
        return np.array([paint.rgb for paint in self.paints], np.uint8).reshape(-1, 3)


def _fixed(array: NDArray[Any]) -> Float:
    array = np.ascontiguousarray(array, np.float32)
    array.flags.writeable = False
    return array
