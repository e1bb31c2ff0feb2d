"""The places of the show: flat ones with inked outlines, and painted ones without."""

from __future__ import annotations

from typing import Final

import numpy as np

from cartoon_color.toyshow.backgrounds import Background, Texture
from cartoon_color.toyshow.scenery import bush, cloud, fence, fir, flower, house, puff, ridge, tree
from cartoon_color.toyshow.shapes import Drawing, Piece, box, curve, moved, oval, polygon, tube

_PAINTED: Final = 0.0
_INKED: Final = 1.5
"""Widths of the line around a piece."""


def _every(start: int, stop: int, step: int) -> list[float]:
    return [float(x) for x in range(start, stop, step)]


def _meadow(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [
        Piece("sky", box(-5, -5, 725, 200), "sky", _PAINTED),
        Piece("sun", oval(600, 42, 20), "sun", _PAINTED),
    ]
    for n, x in enumerate(_every(50, 700, 130)):
        pieces += cloud(f"cloud {n}", x + rng.uniform(-25, 25), rng.uniform(26, 62), rng.uniform(0.8, 1.3), _PAINTED)
    far = [(x, 118 + rng.uniform(-18, 10)) for x in _every(-40, 800, 80)]
    near = [(x, 142 + rng.uniform(-12, 8)) for x in _every(-60, 840, 100)]
    pieces += [
        Piece("far hill", ridge(far), "far hill", _PAINTED),
        Piece("hill", ridge(near), "hill", _PAINTED),
    ]
    for n, x in enumerate((70.0, 190.0, 400.0, 530.0, 665.0)):
        pieces += tree(f"tree {n}", x, 168, rng.uniform(0.9, 1.25), _PAINTED, "leaf" if n % 2 else "leaf light")
    path = curve([(-60, 204), (200, 198), (420, 204), (780, 198), (780, 220), (400, 226), (-60, 222)])
    pieces += [
        Piece("grass", ridge([(-40, 164), (200, 160), (420, 166), (760, 160)]), "grass", _PAINTED),
        Piece("path", path, "path", _PAINTED),
    ]
    for n, x in enumerate(rng.permutation(_every(20, 700, 42)).tolist()):
        paint = ("petal", "petal yellow", "cloud")[n % 3]
        pieces += flower(f"{paint} flower", x, float(rng.choice([186.0, 236.0])) + rng.uniform(-4, 3), paint, 0.6)
    return tuple(pieces)


def _village(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [Piece("sky", box(-5, -5, 725, 200), "sky", _INKED)]
    for n, x in enumerate((60.0, 215.0, 395.0, 610.0)):
        pieces += cloud(f"cloud {n}", x, rng.uniform(22, 44), rng.uniform(0.8, 1.1), _INKED)
    pieces.append(Piece("hill", ridge([(-40, 132), (120, 108), (300, 136), (480, 112), (760, 130)]), "hill", _INKED))
    pieces.append(Piece("yard", ridge([(-40, 172), (760, 172)]), "grass", _INKED))
    looks = [("wall white", "roof"), ("wall rose", "roof slate"), ("wall yellow", "roof"), ("wall white", "roof slate")]
    for n, (x, wide) in enumerate(((24.0, 116.0), (212.0, 128.0), (404.0, 112.0), (570.0, 124.0))):
        wall, roof = looks[n]
        pieces += house(f"house {n}", x, 186, wide, rng.uniform(66, 76), wall, roof)
    for n, x in enumerate((176.0, 370.0, 545.0)):
        pieces += tree(f"tree {n}", x, 188, rng.uniform(0.85, 1.05), _INKED)
    pieces += fence("fence", 345, 400, 192)
    pieces += bush("bush 0", 150, 194, 0.7, _INKED) + bush("bush 1", 700, 194, 0.8, _INKED)
    pieces.append(Piece("street", ridge([(-40, 192), (760, 192)]), "cobble", _INKED))
    for x, y in rng.uniform((0, 200), (720, 238), (34, 2)):
        pieces.append(Piece("cobbles", curve([(x, y), (x + 5, y - 1.5), (x + 10, y)], closed=False), "", 1.0))
    return tuple(pieces)


def _kitchen(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [
        Piece("wall", box(-5, -5, 725, 180), "wallpaper", _PAINTED),
        Piece("floor", box(-5, 176, 725, 250), "floorboard", _INKED),
        Piece("skirting", box(-5, 170, 725, 179), "skirting", _INKED),
        *(Piece("boards", polygon([(-5, y), (725, y)]), "", 0.9) for y in (196, 216)),
    ]
    drape = curve([(-52, 30), (-22, 30), (-30, 70), (-44, 116), (-54, 114)])
    for n, x in enumerate((60.0, 420.0)):
        pieces += [
            Piece(f"window {n} frame", box(x, 36, x + 84, 112), "wood"),
            Piece(f"window {n} pane", box(x + 6, 42, x + 78, 106), "glass", 1.2),
            Piece("bars", polygon([(x + 42, 42), (x + 42, 106)]), "", 2.4),
            Piece("bars", polygon([(x + 6, 74), (x + 78, 74)]), "", 2.4),
            *(Piece(f"curtain {n}", moved(drape * (side, 1), x + 42, 0), "curtain") for side in (1, -1)),
            Piece(f"rod {n}", box(x - 16, 26, x + 100, 31), "wood dark", 1.2),
        ]
    fire = curve([(348, 151), (350, 138), (356, 144), (362, 130), (368, 143), (374, 137), (376, 151)])
    pieces += [
        Piece("picture frame", box(196, 46, 252, 90), "brass"),
        Piece("picture sky", box(202, 52, 246, 84), "sky", 1.0),
        Piece("picture hill", curve([(203, 83), (203, 74), (218, 66), (232, 73), (245, 69), (245, 83)]), "hill", 1.0),
        Piece("table leg", box(188, 142, 195, 190), "wood"),
        Piece("table leg", box(262, 142, 269, 190), "wood"),
        Piece("tablecloth", polygon([(176, 134), (280, 134), (286, 156), (170, 156)]), "tablecloth"),
        Piece("jug", curve([(214, 133), (212, 120), (217, 112), (226, 112), (231, 120), (229, 133)]), "ball"),
        Piece("bread", curve([(242, 133), (240, 126), (252, 121), (266, 126), (266, 133)]), "floorboard"),
        Piece("stove", box(330, 104, 394, 186), "stove"),
        Piece("stove top", box(325, 98, 399, 106), "belt"),
        Piece("stove pipe", box(352, -5, 366, 98), "stove"),
        Piece("stove door", box(342, 124, 382, 152), "belt"),
        Piece("fire", fire, "flame", 1.2),
        Piece("cupboard", box(560, 60, 640, 186), "wood"),
        Piece("cupboard door", box(566, 66, 598, 180), "floorboard", 1.2),
        Piece("cupboard door", box(602, 66, 634, 180), "floorboard", 1.2),
        Piece("knob", oval(594, 124, 2.2), "brass", 0.8),
        Piece("knob", oval(606, 124, 2.2), "brass", 0.8),
        Piece("clock", oval(680, 70, 18), "tablecloth"),
        Piece("hands", polygon([(680, 58), (680, 70), (689, 74)]), "", 1.4),
        Piece("rug", oval(230, 222, 92, 13), "rug"),
        Piece("rug middle", oval(230, 222, 66, 8), "tablecloth", 1.0),
    ]
    return tuple(pieces)


def _river(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [Piece("sky", box(-5, -5, 725, 160), "sky", _PAINTED)]
    for n, x in enumerate((90.0, 300.0, 520.0, 660.0)):
        pieces += cloud(f"cloud {n}", x, rng.uniform(24, 54), rng.uniform(0.8, 1.3), _PAINTED)
    pieces.append(
        Piece("far hill", ridge([(-40, 106), (160, 84), (330, 108), (520, 78), (760, 104)]), "far hill", _PAINTED)
    )
    for n, x in enumerate((40.0, 150.0, 360.0, 470.0, 640.0)):
        pieces += tree(f"tree {n}", x, 124, rng.uniform(0.5, 0.75), _PAINTED)
    pieces.append(Piece("water", box(-5, 122, 725, 206), "water", _PAINTED))
    for x, y in rng.uniform((0, 130), (700, 190), (26, 2)):
        pieces.append(Piece("wave", curve([(x, y), (x + 8, y - 2.5), (x + 17, y), (x + 8, y + 0.4)]), "water light", 0))
    pieces.append(Piece("grass", ridge([(-40, 198), (180, 192), (400, 200), (760, 194)]), "grass", _PAINTED))
    for n, x in enumerate(_every(16, 710, 62)):
        pieces += flower(f"flower {n % 2}", x, 228 + rng.uniform(-6, 6), ("petal", "petal yellow")[n % 2], 0.6)
    return tuple(pieces)


def _dusk(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [
        Piece("sky", box(-5, -5, 725, 200), "dusk sky", _PAINTED),
        Piece("sun", oval(250, 118, 28), "sun", _PAINTED),
        Piece("far hill", ridge([(-40, 126), (130, 96), (320, 132), (500, 100), (760, 128)]), "dusk hill", _PAINTED),
        Piece("grass", ridge([(-40, 160), (220, 150), (460, 164), (760, 152)]), "dusk grass", _PAINTED),
    ]
    for n, x in enumerate((80.0, 380.0, 610.0)):
        pieces += fir(f"fir {n}", x, 172, rng.uniform(0.9, 1.2), _PAINTED)
    return tuple(pieces)


def _forest(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [
        Piece("depth", box(-5, -5, 725, 190), "leaf light", _INKED),
        *(Piece("thicket", puff(x, 60, 70, 62, 9), "forest", _INKED) for x in _every(30, 760, 104)),
        Piece("floor", ridge([(-40, 176), (200, 170), (430, 178), (760, 171)]), "forest floor", _INKED),
    ]
    for n, x in enumerate(_every(40, 720, 112)):
        trunk = curve([(-16, 196), (-10, 160), (-10, -20), (10, -20), (10, 160), (17, 196)])
        pieces.append(Piece(f"trunk {n}", moved(trunk, x + rng.uniform(-16, 16), 0), "trunk", _INKED))
    for x in _every(90, 700, 150):
        pieces += bush("bush", x + rng.uniform(-20, 20), 200, rng.uniform(0.7, 1.0), _INKED, "fir")
    for x in _every(60, 710, 125):
        cap = curve([(x - 9, 222), (x - 6, 214), (x, 211), (x + 6, 214), (x + 9, 222), (x, 223.5)])
        pieces.append(Piece("mushroom stem", tube([(x, 222), (x, 231)], 5, 6), "eye white", 1.2))
        pieces.append(Piece("mushroom cap", cap, "apple", 1.2))
    return tuple(pieces)


def _winter(rng: np.random.Generator) -> Drawing:
    pieces: list[Piece] = [
        Piece("sky", box(-5, -5, 725, 200), "winter sky", _PAINTED),
        Piece("far hill", ridge([(-40, 128), (140, 104), (330, 134), (520, 100), (760, 126)]), "snow shade", _PAINTED),
    ]
    for n, x in enumerate((60.0, 170.0, 420.0, 520.0, 660.0)):
        pieces += fir(f"fir {n}", x, 172 + rng.uniform(-4, 4), rng.uniform(0.8, 1.15), 0.8, snowy=True)
    pieces.append(Piece("snow", ridge([(-40, 164), (240, 156), (470, 166), (760, 158)]), "snow", _PAINTED))
    return tuple(pieces)


_SKY: Final = Texture(-0.1, 0.08, 0.012)
_HILL: Final = Texture(0.06, -0.08, 0.03, 120)
_GRASS: Final = Texture(0.06, -0.1, 0.035, 500)
_TREES: Final = {
    **{f"cloud {n}": Texture(0.02, -0.05, 0.01) for n in range(4)},
    **{f"tree {n} crown": Texture(0.16, -0.2, 0.05, 60) for n in range(5)},
    **{f"tree {n} trunk": Texture(0.0, -0.1, 0.04) for n in range(5)},
}
_MEADOW: Final = {"sky": _SKY, "far hill": _HILL, "hill": _HILL, "grass": _GRASS, "path": Texture(0.03, -0.04)}
_RIVER: Final = {"sky": _SKY, "far hill": _HILL, "water": Texture(0.1, -0.12, 0.03), "grass": _GRASS}
_DUSK: Final = {"sky": Texture(-0.16, 0.06, 0.02), "far hill": _HILL, "grass": _GRASS}
_WINTER: Final = {"sky": _SKY, "far hill": Texture(0.03, -0.05), "snow": Texture(0.03, -0.06, 0.015)}

BACKGROUNDS: Final = {
    "meadow": Background(_meadow, 216, {**_MEADOW, **_TREES}),
    "village": Background(_village, 220),
    "kitchen": Background(_kitchen, 212, {"wall": Texture(-0.06, 0.05, 0.03)}),
    "river": Background(_river, 222, {**_RIVER, **_TREES}),
    "dusk": Background(_dusk, 214, _DUSK),
    "forest": Background(_forest, 214),
    "winter": Background(_winter, 216, _WINTER),
}
"""The places, by name; meadow, village and kitchen come back in every episode."""
