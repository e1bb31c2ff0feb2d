"""The show's paints: one fixed color for everything that is painted with it, in every shot and episode."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cartoon_color.color import rgb_to_lab

PAINTS: Final[dict[str, tuple[int, int, int]]] = {
    "ink": (26, 22, 24),
    # people
    "skin": (246, 204, 168),
    "blush": (240, 160, 138),
    "eye white": (250, 248, 240),
    "mouth": (150, 48, 48),
    "straw hair": (232, 190, 92),
    "brown hair": (112, 68, 40),
    "gray hair": (196, 192, 186),
    "auburn hair": (170, 84, 40),
    # clothes; see EQUAL_GRAY
    "cap red": (206, 46, 40),
    "hunter green": (40, 126, 66),
    "teal": (38, 130, 128),
    "plum": (152, 74, 117),
    "mustard": (226, 172, 58),
    "trouser blue": (62, 96, 164),
    "apron cream": (248, 238, 212),
    "boot brown": (104, 66, 40),
    "breeches": (176, 138, 92),
    "straw": (238, 206, 118),
    "belt": (74, 48, 32),
    "brass": (228, 186, 70),
    "stocking": (228, 226, 222),
    # animals
    "dog tan": (206, 152, 92),
    "dog brown": (122, 76, 46),
    "tongue": (236, 122, 128),
    "cat orange": (236, 146, 56),
    "cat cream": (252, 232, 200),
    "bird blue": (88, 150, 214),
    "beak": (244, 178, 48),
    # out of doors
    "sky": (150, 204, 240),
    "cloud": (248, 250, 252),
    "sun": (255, 226, 110),
    "far hill": (142, 184, 158),
    "hill": (118, 180, 92),
    "grass": (108, 168, 66),
    "path": (222, 194, 140),
    "leaf": (70, 136, 60),
    "leaf light": (104, 164, 74),
    "trunk": (126, 84, 52),
    "wood": (166, 114, 68),
    "wood dark": (120, 80, 50),
    "petal": (246, 130, 150),
    "petal yellow": (252, 214, 72),
    "stone": (168, 166, 160),
    "water": (92, 158, 204),
    "water light": (136, 190, 222),
    "wall white": (246, 236, 216),
    "wall rose": (234, 178, 152),
    "wall yellow": (246, 216, 132),
    "roof": (190, 84, 56),
    "roof slate": (108, 120, 138),
    "glass": (190, 222, 232),
    "cobble": (196, 182, 162),
    "dusk sky": (246, 170, 112),
    "dusk hill": (132, 96, 138),
    "dusk grass": (104, 118, 82),
    "forest": (64, 104, 74),
    "forest floor": (120, 112, 62),
    "snow": (236, 242, 248),
    "snow shade": (196, 214, 234),
    "winter sky": (156, 190, 228),
    "fir": (52, 102, 78),
    # indoors
    "wallpaper": (206, 222, 176),
    "floorboard": (198, 146, 96),
    "skirting": (150, 104, 66),
    "curtain": (214, 92, 88),
    "stove": (96, 100, 108),
    "flame": (252, 164, 48),
    "rug": (92, 118, 176),
    "tablecloth": (240, 236, 228),
    # props
    "balloon": (228, 70, 84),
    "kite": (112, 78, 172),
    "kite light": (244, 196, 66),
    "wheel": (140, 94, 56),
    "hay": (230, 196, 98),
    "sail": (250, 244, 228),
    "hull": (176, 70, 48),
    "ball": (58, 124, 196),
    "apple": (206, 52, 48),
    "umbrella": (238, 132, 44),
    "gift": (60, 160, 150),
    "ribbon": (248, 214, 84),
    # credits
    "card blue": (0, 40, 190),
    "card white": (226, 236, 255),
}
"""sRGB, by name; the first one draws every line."""

EQUAL_GRAY: Final = (("cap red", "hunter green"), ("teal", "plum"))
"""Paints that a black-and-white film can't tell apart: equal luma (to a code), far apart in color.

Who wears which can be known from shapes only: the pointed cap is red, the round hat green; the girl's dress is teal,
the grandmother's plum.
"""

NAMES: Final = tuple(PAINTS)
SRGB: Final[NDArray[np.uint8]] = np.array(list(PAINTS.values()), np.uint8)
"""(paints, 3), by index."""
LAB: Final[NDArray[np.float32]] = rgb_to_lab(SRGB[None])[0]
"""(paints, 3) CIELAB (D65), by index."""
INDEX: Final = {name: index for index, name in enumerate(NAMES)}
